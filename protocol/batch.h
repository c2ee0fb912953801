/* SPDX-License-Identifier: MIT
 *
 * protocol/batch.h: the steps of a batch and their conditions. Sans-I/O.
 *
 * Lives in the request's arena, borrows from its tree. docs/PROTOCOL.md "Batches".
 */
#ifndef PROTOCOL_BATCH_H
#define PROTOCOL_BATCH_H

#include "protocol/message.h"

enum step_outcome {
    OUTCOME_NONE, /* its turn has not come */
    OUTCOME_ROWS,
    OUTCOME_EMPTY, /* it succeeded and gave or wrote no row */
    OUTCOME_FAILED,
    OUTCOME_SKIPPED, /* its condition did not hold */
};

/* An array of the step's query that may be ["ref", step, column]: only the compiler
 * knows. */
struct batch_ref {
    struct str step, column;
    uint32_t of;           /* which step that is, before this one; UINT32_MAX: none */
    const struct json *at; /* the first with these names */
};
#define BATCH_REFS 100 /* further ones are not looked for */

struct batch_step {
    struct str name;              /* empty: nobody can speak of it */
    const struct json *condition; /* NULL: it always runs */
    struct message m;             /* a query */
    enum step_outcome outcome;
    struct batch_ref *refs; /* each pair of names once, in order of appearance */
    uint32_t ref_count;
    bool is_referred; /* by a step behind it */
};

/* Reads all steps and checks that conditions speak of steps before them. The path of
 * an error begins with /steps. ERR_BAD_REQUEST, ERR_UNKNOWN_KEY, ERR_OVERLOAD (more
 * than `most`), ERR_OUT_OF_MEMORY. */
enum err batch_read(const struct json *steps, struct str source, uint32_t most, struct arena *a,
                    struct batch_step **out, struct fail *f) MUST_CHECK;
/* Whether the step may run, by the outcomes of those before it. */
bool batch_is_due(struct batch_step *steps, uint32_t at);
/* Puts /steps/at before the path of f. */
void batch_point(struct fail *f, uint32_t at);

#endif
