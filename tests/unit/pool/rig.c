/* SPDX-License-Identifier: MIT
 *
 * tests/unit/pool/rig.c: see rig.h.
 */
#include "rig.h"

#include <string.h>
#include <unistd.h>

struct pool_opts rig_opts(void)
{
    return (struct pool_opts){
        .name = STR("test"),
        .kind = POOL_QUEUE,
        .size = 2,
        .timeout_ms = 5000,
        .backoff_min_ms = 20,
        .backoff_max_ms = 80,
    };
}

void rig_up(struct rig *r, const struct pool_opts *opts, int pools)
{
    memset(r, 0, sizeof *r);
    fake_init(&r->db);
    r->db.target.password = STR("s3cret");
    log_init(&r->log, -1, LOG_TEXT);
    r->connector = connector_create(4);
    ck_assert_ptr_nonnull(r->connector);
    pool_share_init(&r->share, opts);
    r->pools = pools;
    for (int i = 0; i < pools; i++) {
        ck_assert_int_eq(loop_init(&r->loop[i]), ERR_OK);
        r->pool[i] = pool_create(&r->share, &r->db.target, &r->loop[i], r->connector, &r->log);
        ck_assert_ptr_nonnull(r->pool[i]);
    }
}

void rig_turn(struct rig *r)
{
    for (int i = 0; i < r->pools; i++) {
        r->loop[i].now_ns = clock_now_ns();
        uv_run(&r->loop[i].uv, UV_RUN_NOWAIT);
    }
    usleep(50);
}

static void on_closed(void *arg)
{
    struct rig *r = arg;
    r->closed++;
}

void rig_close_pool(struct rig *r, int i)
{
    int before = r->closed;
    pool_close(r->pool[i], on_closed, r);
    ck_assert_int_eq(r->closed, before);
    r->pool[i] = NULL;
    UNTIL(r, r->closed > before);
}

void rig_down(struct rig *r)
{
    for (int i = 0; i < r->pools; i++) {
        if (r->pool[i] != NULL) {
            rig_close_pool(r, i);
        }
    }
    const struct pool_counts *n = &r->share.counts;
    ck_assert_int_eq(GET(n->idle), 0);
    ck_assert_int_eq(GET(n->busy), 0);
    ck_assert_int_eq(GET(n->opening), 0);
    ck_assert_int_eq(GET(n->waiting), 0);
    ck_assert_int_eq(GET(n->opened), GET(n->closed));
    ck_assert_int_eq(GET(r->db.sessions), 0);
    ck_assert_int_eq(GET(r->share.slots_free), r->share.cap);
    ck_assert_int_eq(r->share.promised, 0);
    ck_assert_int_eq(r->share.warming, 0);
    ck_assert_int_le(GET(r->db.sessions_max), r->share.cap);
    for (int i = 0; i < r->pools; i++) {
        loop_stop(&r->loop[i]);
        loop_run(&r->loop[i]);
        loop_fini(&r->loop[i]);
    }
    connector_destroy(r->connector);
    pool_share_fini(&r->share);
    fake_fini(&r->db);
}

static int answers;

static void on_answer(struct pool_wait *w, struct db_conn *c, enum err e)
{
    struct ask *a = (struct ask *)w;
    a->conn = c;
    a->err = e;
    a->calls++;
    a->order = ++answers;
    ck_assert_int_eq(a->calls, 1);
    ck_assert((c == NULL) == (e != ERR_OK));
}

static void ask(struct rig *r, int pool, struct ask *a, uint64_t due_ns)
{
    a->calls = 0;
    fail_init(&a->fail);
    a->pool = r->pool[pool];
    a->w.cb = on_answer;
    a->w.fail = &a->fail;
    pool_acquire(a->pool, &a->w, due_ns);
    ck_assert_int_eq(a->calls, 0);
}

void ask_again(struct rig *r, int pool, struct ask *a)
{
    ask(r, pool, a, 0);
}

void ask_until(struct rig *r, int pool, struct ask *a, uint64_t due_ns)
{
    memset(a, 0, sizeof *a);
    ask(r, pool, a, due_ns);
}

void ask_for(struct rig *r, int pool, struct ask *a, uint64_t party)
{
    memset(a, 0, sizeof *a);
    a->w.party = party;
    ask(r, pool, a, 0);
}

void ask_on(struct rig *r, int pool, struct ask *a)
{
    ask_until(r, pool, a, 0);
}

void ask_get(struct rig *r, struct ask *a)
{
    UNTIL(r, a->calls > 0);
    ck_assert_msg(a->err == ERR_OK, "%s", a->fail.message);
    ck_assert(db_conn_clean(a->conn));
}

void ask_now(struct rig *r, int pool, struct ask *a)
{
    ask_on(r, pool, a);
    ask_get(r, a);
}

void ask_return(struct ask *a, enum pool_return how)
{
    struct db_conn *c = a->conn;
    a->conn = NULL;
    pool_release(a->pool, c, how);
}
