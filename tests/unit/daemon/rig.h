/* SPDX-License-Identifier: MIT
 *
 * tests/unit/daemon/rig.h: one real worker with clients on socket pairs, for the
 * tests of connections and requests.
 *
 * Databases: `main`, SQLite in a file (in memory, a paused reader keeps new sessions
 * from running their on_connect) with a table t of 2,000 rows (id, name) and an
 * empty table w; `fake`, which knows the same tables and does what the test tells it.
 */
#ifndef TESTS_DAEMON_RIG_H
#define TESTS_DAEMON_RIG_H

#include "backend/fake.h"
#include "base/clock.h"
#include "daemon/conn.h"
#include "daemon/worker.h"

#include <check.h>

#define MS ((uint64_t)1000000)

struct rig {
    struct log log;
    int log_fd; /* a file in memory */
    char folder[32];
    struct loop main;
    struct worker_shared shared;
    struct worker *worker;
    struct settings *settings;
    struct fake_db fake;
    bool ended;
};

/* A client's end of a socket pair. */
struct client {
    int fd;
    char *in;
    size_t len, cap, taken;
};

/* `limits`: lines of YAML for the key limits (`{rows: 5}`), or NULL; `pool`: those of
 * the databases' pool. */
void rig_up(struct rig *r, const char *limits, const char *pool);
/* Drains within drain_ms, and checks that the worker ended. */
void rig_down_in(struct rig *r, uint64_t drain_ms);
void rig_down(struct rig *r);
/* New settings with the same databases; those whose pool differs are retired. */
void rig_reload(struct rig *r, const char *limits, const char *pool);
/* The fake database loses its tables in a reload: gives them back. */
void rig_mend(struct rig *r);
/* Everything logged so far; to be freed. */
char *rig_log(struct rig *r);
void rig_sleep_ms(unsigned ms);

void client_open(struct rig *r, struct client *c);
/* As client_open with buffers of the kernel as small as can be. */
void client_open_narrow(struct rig *r, struct client *c);
void client_close(struct client *c);
void client_send(struct client *c, const char *text);
/* Shuts the sending side. */
void client_end(struct client *c);
/* The next line without its LF, valid until the next call; NULL at the end of the
 * stream or after wait_ms. */
const char *client_line_in(struct client *c, int wait_ms);
/* The next line, which must come within 20 s. */
const char *client_line(struct client *c);
/* The next line must be this / must have this in it. */
void client_expect(struct client *c, const char *line);
void client_expect_has(struct client *c, const char *part);
/* No more lines: the stream ends within 10 s. */
void client_expect_end(struct client *c);

/* Waits until cond; fails the test after 20 s. */
#define UNTIL(cond)                                                                            \
    do {                                                                                       \
        uint64_t end_ns_ = clock_now_ns() + 20000 * MS;                                        \
        while (!(cond)) {                                                                      \
            ck_assert_msg(clock_now_ns() < end_ns_, "never came: %s", #cond);                  \
            rig_sleep_ms(1);                                                                   \
        }                                                                                      \
    } while (0)

#define GET(x) ((int64_t)atomic_load(&(x)))

#endif
