/* SPDX-License-Identifier: MIT
 *
 * pool/groups.h: writes that wait for a group, and the groups under way: a part of the pool.
 *
 * A track takes a connection for each of its groups, like any borrower, and gives it back
 * behind it. Loop thread.
 */
#ifndef POOL_GROUPS_H
#define POOL_GROUPS_H

#include "backend/pipeline.h"
#include "pool/grouped.h"
#include "pool/pool_parts.h"

enum {
    TRACKS = 8,        /* groups of a pool under way */
    GROUP_WRITES = 64, /* of one group */
    SOURS = 64,        /* statements whose failures are remembered */
};
#define GROUP_STALL_NS UINT64_C(100000000)   /* its statements must have been run by then */
#define COMMIT_STALL_NS UINT64_C(1000000000) /* … and be committed, or nobody waits for it */
#define SOUR_MIN_NS UINT64_C(10000000)       /* a statement that failed is sent alone so long */
#define SOUR_MAX_NS UINT64_C(1000000000)     /* … or so long, if it waits or fails often */

/* Who is in it: docs/ARCHITECTURE.md "Write groups". */
enum track_state {
    TRACK_FREE,
    TRACK_ASKED,   /* waits for a connection */
    TRACK_RUNS,    /* its statements are under way */
    TRACK_COMMITS, /* all were run; the commit is on its way */
    TRACK_LATE,    /* gave no answer in time: nobody waits for it any more */
};

struct track {
    struct groups *groups;
    enum track_state state;
    struct pool_wait wait;
    struct fail fail;
    struct db_conn *conn;
    struct run whole; /* of a group; one write alone is a run like any other */
    struct grouped_run *first, *last;
    uint32_t count;   /* members that were sent; 1: alone */
    uint32_t running; /* of them: not run yet */
    uint64_t sent_ns;
    bool given_up; /* its connection is the pool's again */
};

/* A statement that spoilt a group. */
struct sour {
    uint64_t id, until_ns, ns;
};

struct groups {
    struct pool *pool;
    struct grouped_run *first, *last; /* that wait */
    uint32_t waiting;
    struct track track[TRACKS];
    struct sour sour[SOURS];
    struct task send;
    struct timer tick;
    bool closing;
};

void groups_init(struct groups *l, struct pool *p);
/* What waits is its borrowers' again; groups under way go on. */
void groups_close(struct groups *l);
/* Whether anything of it is still to be called. */
bool groups_busy(const struct groups *l);
void groups_fini(struct groups *l);

#endif
