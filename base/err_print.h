/* SPDX-License-Identifier: MIT
 *
 * base/err_print.h: the table of errors for the documentation.
 */
#ifndef BASE_ERR_PRINT_H
#define BASE_ERR_PRINT_H

#include <stdio.h>

/* Writes docs/ERRORS.md: every code with its class, whether the same request may
 * be sent again, and what it means. */
void err_print_markdown(FILE *out);

#endif
