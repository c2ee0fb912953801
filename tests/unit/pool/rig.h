/* SPDX-License-Identifier: MIT
 *
 * tests/unit/pool/rig.h: pools over one scripted database, for the tests.
 *
 * Up to two workers' pools whose loops are turned by the test's own thread, so
 * that the order of events is the test's.
 */
#ifndef TESTS_POOL_RIG_H
#define TESTS_POOL_RIG_H

#include "backend/fake.h"
#include "base/clock.h"
#include "pool/pool.h"

#include <check.h>

#define MS ((uint64_t)1000000)

struct rig {
    struct fake_db db;
    struct pool_share share;
    struct connector *connector;
    struct log log;
    struct loop loop[2];
    struct pool *pool[2];
    int pools;
    int closed;
};

/* A borrower. */
struct ask {
    struct pool_wait w; /* first */
    struct fail fail;
    struct pool *pool;
    struct db_conn *conn;
    enum err err;
    int calls;
    int order; /* when it was answered, among all of this test */
};

/* size 2, no overflow, timeout 5 s, back-off 20 to 80 ms, the rest off. */
struct pool_opts rig_opts(void);
void rig_up(struct rig *r, const struct pool_opts *opts, int pools);
/* Closes what is open, and checks that nothing is left or lost. */
void rig_down(struct rig *r);
/* One turn of every loop. */
void rig_turn(struct rig *r);
/* Closes one pool and waits for it. */
void rig_close_pool(struct rig *r, int i);

void ask_on(struct rig *r, int pool, struct ask *a);
/* … as it is, with what the test has set in a->w. */
void ask_again(struct rig *r, int pool, struct ask *a);
/* … for a client. */
void ask_for(struct rig *r, int pool, struct ask *a, uint64_t party);
void ask_until(struct rig *r, int pool, struct ask *a, uint64_t due_ns);
/* Waits for the answer, which must be a connection. */
void ask_get(struct rig *r, struct ask *a);
/* Asks and gets. */
void ask_now(struct rig *r, int pool, struct ask *a);
void ask_return(struct ask *a, enum pool_return how);

/* Turns the loops until cond; fails the test after 10 s. */
#define UNTIL(r, cond)                                                                         \
    do {                                                                                       \
        uint64_t end_ns_ = clock_now_ns() + 10000 * MS;                                        \
        while (!(cond)) {                                                                      \
            ck_assert_msg(clock_now_ns() < end_ns_, "never came: %s", #cond);                  \
            rig_turn(r);                                                                       \
        }                                                                                      \
    } while (0)

/* Turns the loops for a while. */
#define FOR_MS(r, ms)                                                                          \
    do {                                                                                       \
        uint64_t end_ns_ = clock_now_ns() + (ms)*MS;                                           \
        while (clock_now_ns() < end_ns_) {                                                     \
            rig_turn(r);                                                                       \
        }                                                                                      \
    } while (0)

#define GET(x) ((int64_t)atomic_load(&(x)))

#endif
