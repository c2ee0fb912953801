/* SPDX-License-Identifier: MIT
 *
 * daemon/batch_refs.h: what the steps of a batch say of each other's rows:
 * ["ref", step, column] (compiler/refs.h).
 *
 * Of a step that others refer to, the first row is kept in the batch's arena, as it is
 * in the answer, with its columns; of all others nothing.
 */
#ifndef DAEMON_BATCH_REFS_H
#define DAEMON_BATCH_REFS_H

#include "compiler/refs.h"
#include "daemon/request.h"

struct batch;

struct step_result {
    const struct column_info *columns; /* names and types */
    uint32_t column_count;
    const struct json *row; /* its cells; NULL: there is no row */
    bool ran_nothing;       /* there was nothing to write */
};

/* Before the answer of `child`, the step in hand, which went well. */
enum err batch_keep(struct batch *b, const struct req *child, struct fail *f) MUST_CHECK;
/* What the step in hand refers to; NULL: out of memory. */
const struct compile_refs *batch_refs(struct batch *b);

#endif
