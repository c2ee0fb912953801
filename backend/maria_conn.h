/* SPDX-License-Identifier: MIT
 *
 * backend/maria_conn.h: a MariaDB connection and the walk of a run, shared by
 * maria.c, maria_steps.c and maria_walk.c alone.
 *
 * Belongs to its loop thread from attach to close. What runs on it is a walk
 * through the table maria_steps: each step starts one non-blocking call of
 * Connector/C, may wait for the socket, and then names the next.
 *
 *   rows           [PREPARE] EXECUTE FETCH… [DRAIN] [WARN WARN_READ] CLOSE_STMT
 *   writes         [PREPARE] EXECUTE… (for each set or bulk packet) CLOSE_STMT
 *   no parameters  QUERY [QUERY_RESULT QUERY_FREE]
 *   rollback       QUERY
 *   reset          RESET QUERY…  (pins and on_connect)
 *
 * A cancel is KILL QUERY from a second session on a connector thread. The run ends
 * when both its own walk (END) and the kill are over; a kill that came late is
 * soaked up by a statement of no effect.
 */
#ifndef BACKEND_MARIA_CONN_H
#define BACKEND_MARIA_CONN_H

#include "backend/maria.h"
#include "backend/vigil.h"

#include <stddef.h>

enum maria_step {
    STEP_IDLE,         /* nothing runs; readable means the session is over */
    STEP_QUERY,        /* text without parameters and columns */
    STEP_QUERY_RESULT, /* … that gave a result all the same */
    STEP_QUERY_FREE,
    STEP_DROP, /* closes a statement the cache has no room for, before a run */
    STEP_PREPARE,
    STEP_EXECUTE, /* one set, or one bulk packet */
    STEP_FETCH,   /* one row */
    STEP_DRAIN,   /* reads what is left of a result and forgets it */
    STEP_WARN,    /* SHOW WARNINGS */
    STEP_WARN_READ,
    STEP_CLOSE_STMT, /* closes a statement that is not kept, after a run */
    STEP_PING,
    STEP_RESET,
    STEP_SOAK, /* takes a kill that came too late */
    STEP_END,  /* the walk is over */
    /* not calls: */
    STEP_PAUSED, /* the sink is full; resume goes on with FETCH */
    STEP_YIELD,  /* the yield task goes on with FETCH */
};
#define MARIA_STEP_COUNT ((int)STEP_YIELD + 1)

enum maria_call { CALL_RUN, CALL_PING, CALL_ROLLBACK, CALL_RESET };

/* The kill that a cancel, a drain or a close asks for. */
enum maria_kill_state {
    KILL_NONE,
    KILL_SENT,   /* its job is on a connector thread */
    KILL_WAITS,  /* done; sent again when the timer fires and the walk goes on */
    KILL_SOAKED, /* late ones are taken */
};

enum maria_ending { ENDING_NO, ENDING_ASKED, ENDING_POLL, ENDING_JOB };

struct maria_conn {
    struct db_conn conn; /* first */
    MYSQL *my;
    uv_poll_t poll;
    int fd; /* a duplicate of the socket, polled: the library closes its own at will */
    struct vigil vigil;
    uint16_t port; /* of our end; 0: no TCP */
    bool polls;    /* poll is initialised */
    int events;    /* what poll watches; 0: nothing */
    bool tls;
    bool can_bulk; /* the server takes many sets at once */
    struct prepared cache;

    /* the walk */
    enum maria_step step;
    enum maria_call call;
    MYSQL_STMT *stmt;
    MYSQL_STMT *dropped;
    MYSQL_STMT *orphan; /* left by a broken session, to be freed with it */
    union {
        int rc;
        my_bool bad;
        MYSQL_RES *result;
    } ret;
    struct maria_binds binds;
    struct maria_cells cells;
    uint32_t set;         /* first set of the execution under way */
    uint32_t sets_taken;  /* how many it has */
    bool bulk;            /* executions of many sets */
    uint32_t reset_index; /* next statement of maria_reset_sql */
    const char *sql;      /* of STEP_QUERY */
    size_t sql_len;
    enum err outcome;
    bool cancelled; /* asked for by the run's owner */
    bool discard;   /* rows are counted, not delivered */
    bool missed;    /* … because of a cancel or close, before the last one */
    uint32_t turn_rows;

    enum maria_kill_state kill;
    uint32_t kill_count;
    bool forsaken;   /* its session may be at work without us */
    bool stray_kill; /* one was not answered and may hit at any time: the session ends */
    enum maria_killed killed; /* by the job; its own while it is SENT */
    struct timer kill_timer;
    struct connector_job kill_job;
    const char *kill_what;

    enum maria_ending ending;
    struct task done_task, yield_task;
    struct connector_job close_job;
    db_conn_cb *close_cb;
    void *close_arg;
};

#define MARIA_OWNER(ptr, member)                                                               \
    ((struct maria_conn *)(void *)((char *)(ptr)-offsetof(struct maria_conn, member)))

/* -- maria_steps.c: what the steps do -------------------------------------- */

struct maria_step_calls {
    int (*start)(struct maria_conn *c); /* events to wait for, 0: over */
    int (*cont)(struct maria_conn *c, int ready);
    enum maria_step (*then)(struct maria_conn *c);
};
/* STEP_END and what is no call have no functions. */
extern const struct maria_step_calls maria_steps[MARIA_STEP_COUNT];
/* Where a run begins; STEP_END if it cannot. */
enum maria_step maria_first_step(struct maria_conn *c);
/* The step that ends a transaction. */
enum maria_step maria_rollback_step(struct maria_conn *c);

/* -- maria_walk.c: going through them -------------------------------------- */

void maria_walk(struct maria_conn *c, enum maria_step next);
/* Whether the session said something, or ended, that was not read. While it is idle. */
bool maria_spoke(const struct maria_conn *c);
/* Polls for these events (of libuv) from now on; 0: none. */
void maria_watch(struct maria_conn *c, int events);
/* Asks a connector thread for a KILL; one at a time. */
void maria_send_kill(struct maria_conn *c, const char *what);
/* Fits c with its tasks, once. */
void maria_walk_init(struct maria_conn *c);
/* maria.c: after done, if close was called meanwhile. */
void maria_start_closing(struct maria_conn *c);

#endif
