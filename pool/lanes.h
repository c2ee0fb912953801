/* SPDX-License-Identifier: MIT
 *
 * pool/lanes.h: the connections of a pool that many reads share: a part of the pool.
 *
 * A lane is a connection borrowed from the pool itself. Reads that wait are taken in
 * groups, each sent at once; while a lane has GROUPS_MAX groups under way the next ones
 * gather, so groups grow with the load. Loop thread.
 */
#ifndef POOL_LANES_H
#define POOL_LANES_H

#include "backend/pipeline.h"
#include "pool/fuse.h"
#include "pool/pool_parts.h"

enum {
    LANES_MAX = 8,         /* of one pool */
    LANES_SOON = 2,        /* more only for reads that waited VERY_LATE_NS */
    GROUPS_MAX = 2,        /* under way on one lane */
    GROUP_FLIGHTS = 32,    /* statements of one group */
    OBSERVED = 256,        /* statements whose time is remembered */
    ROWS_MAX = 100,        /* proven bound of rows of a read that shares */
    BYTES_MAX = 16 * 1024, /* observed bytes of its rows */
};
#define SHORT_NS UINT64_C(5000000) /* what takes longer does not share */
#define LATE_NS UINT64_C(1000000)  /* a read waited so long: one more lane */
#define VERY_LATE_NS UINT64_C(10000000)
#define STALL_NS UINT64_C(100000000)   /* no answer for so long: others are taken off */
#define DEAF_NS UINT64_C(5000000000)   /* no answer for so long after leaving: given up */
#define LINGER_NS UINT64_C(1000000000) /* an idle lane is kept so long */
#define TURN_NS UINT64_C(5000000)      /* … and so long while others wait for a connection */

/* Who is in it: docs/ARCHITECTURE.md "Lanes". */
enum lane_state {
    LANE_FREE,    /* has no connection */
    LANE_ASKED,   /* waits for one */
    LANE_OPEN,    /* takes reads */
    LANE_LEAVING, /* takes no more; its connection goes back when all is answered */
};

/* One statement under way: a read, or several fused. */
struct flight {
    struct run run; /* what the driver sees */
    struct fail fail;
    struct lane *lane;
    struct flight *next, *prev;
    struct shared_run *first; /* linked by next */
    uint32_t count;
    const struct statement *stmt; /* the plain one */
    struct fuse fuse;
    bool is_fused;
    bool ends_group;
};

struct lane {
    struct lanes *lanes;
    enum lane_state state;
    struct pool_wait wait;
    struct fail fail;
    struct db_conn *conn;
    struct run whole;
    struct flight *first, *last; /* in the order they were sent */
    uint32_t groups;             /* under way */
    uint64_t open_ns, heard_ns;  /* was lent; had its last answer (or became busy) */
    uint64_t left_ns;            /* when it began to leave */
    bool apart;                  /* has a statement that wants it for itself */
    bool given_up;               /* its connection is the pool's again */
};

struct observed {
    uint64_t id; /* of the statement */
    uint64_t ns, bytes;
    uint32_t count;
};

struct lanes {
    struct pool *pool;
    struct shared_run *first, *last; /* that wait */
    uint32_t waiting;
    uint32_t came; /* and are not yet in the counts that all workers write to */
    struct lane lane[LANES_MAX];
    struct flight *spare;
    struct task send;
    struct timer tick;
    uint64_t refused_ns; /* when a lane was last asked for in vain */
    struct observed observed[OBSERVED];
    bool closing;
};

void lanes_init(struct lanes *l, struct pool *p);
/* Refuses what waits; lanes go back when they are done. */
void lanes_close(struct lanes *l);
/* Somebody waits for a connection: lanes that are idle, or had their turn, go back. */
void lanes_heed(struct lanes *l);
/* Whether anything of it is still to be called. */
bool lanes_busy(const struct lanes *l);
void lanes_fini(struct lanes *l);

/* What the files of this part do for each other. */

/* Sends what waits at the end of this turn. */
void lanes_send_soon(struct lanes *l);
/* The read waits (again), ahead of all others; is on no list. */
void lanes_queue_first(struct lanes *l, struct shared_run *s);
void lanes_unqueue(struct lanes *l, struct shared_run *s);
/* Ends it, later: it may be in a call of its borrower; it is on no list. */
void lanes_refuse(struct lanes *l, struct shared_run *s, enum err e, const char *words);
/* Its borrower has it again: call last. */
void lanes_end_read(struct shared_run *s, enum err e);
/* Without a pipeline nobody else tells that the last run is done: looks whether the lane's
 * connection goes back. */
void lane_look(struct lane *a);
/* Whether reads of s are fused in this pool. */
bool lanes_may_fuse(const struct pool *p, const struct statement *s);
void lanes_learn_ns(struct lanes *l, const struct statement *s, uint64_t ns);
static inline const struct pipeline *lane_pipeline(const struct lane *a)
{
    return a->conn->driver->pipeline;
}

#endif
