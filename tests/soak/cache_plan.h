/* SPDX-License-Identifier: MIT
 *
 * tests/soak/cache_plan.h: what the load program is to do, as cache_rig.py writes it
 * down, and what it makes of the replies.
 */
#ifndef TESTS_SOAK_CACHE_PLAN_H
#define TESTS_SOAK_CACHE_PLAN_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define STEPS_MAX 6
#define INSTANCES_MAX 4

enum script_kind { SCRIPT_READ, SCRIPT_WRITE, SCRIPT_ABORT, SCRIPT_KINDS };

/* Requests without the brace and the id that they begin with; `$v` is the version. Of more
 * than one step the first begins a transaction and the last one ends it. */
struct script {
    uint16_t reg;
    uint8_t form;
    bool at_once; /* all steps are sent in one write */
    uint8_t steps;
    char *lines[STEPS_MAX];
};

struct scripts {
    struct script *items;
    uint32_t count;
};

struct plan {
    uint32_t seconds;
    uint64_t reads_wanted; /* then it is over */
    uint64_t seed;
    uint16_t ports[INSTANCES_MAX];
    uint32_t instances;
    uint32_t readers, in_flight; /* connections for each instance, reads of each */
    uint32_t followers;          /* connections that read what was just written */
    uint32_t aborters;
    uint32_t registers;      /* those that have a writer are 0 … writers - 1 */
    uint32_t writers;        /* one connection for each */
    uint32_t pause_us;       /* of a writer, at most */
    uint32_t cancels, drops; /* of a thousand requests */
    bool one_instance;       /* all writers write through the first */
    struct scripts scripts[SCRIPT_KINDS];
};

/* Exits with a message if there is something wrong with it. */
void plan_read(struct plan *p, const char *path);

/* A word of the history's records; cache_check.py has the same. */
enum verdict { VERDICT_NONE, VERDICT_HIT, VERDICT_MISS, VERDICT_STALE, VERDICT_BYPASS };

#define VALUE_ABSENT INT64_C(-2)
#define VALUE_TORN INT64_C(-3)
#define VALUE_STRANGE INT64_C(-4)

struct answer {
    bool has_id;
    uint32_t id;
    struct str error; /* its code, or empty */
    enum verdict verdict;
    int64_t value; /* that all cells of all rows have */
};

struct answer answer_read(struct str line);

/* Appends `{"id":ID,` and the line with its `$v` replaced. */
void request_write(struct buf *out, uint32_t id, const char *line, int64_t version);

#endif
