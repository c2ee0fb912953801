/* SPDX-License-Identifier: MIT
 *
 * conf/report.h: the list of what is wrong with a conf file, one line each:
 * `file:line:column: message`.
 *
 * Borrows the buffer it writes into. One thread at a time.
 */
#ifndef CONF_REPORT_H
#define CONF_REPORT_H

#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

/* A spot in a file, counted from 1; line 0 stands for the file as a whole. */
struct place {
    const char *file;
    uint32_t line, column;
};

struct report {
    struct buf *out;
    uint32_t count; /* faults found; only the first 100 are written */
};

/* Adds one line. Never give it a value that may hold a secret. */
void fault_at(struct report *r, struct place at, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Adds the line for an allocation that failed. */
void fault_memory(struct report *r);

#endif
