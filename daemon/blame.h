/* SPDX-License-Identifier: MIT
 *
 * daemon/blame.h: what a database does not say about a broken constraint, but our
 * catalog knows: the table and the columns. Worker thread, no state.
 */
#ifndef DAEMON_BLAME_H
#define DAEMON_BLAME_H

#include "base/err.h"
#include "compiler/plan.h"

/* Fills what is still empty of f's table and columns from the plan's written table,
 * for errors that can only be about that. */
void blame(const struct plan *p, struct fail *f);

#endif
