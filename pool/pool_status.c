/* SPDX-License-Identifier: MIT
 *
 * pool/pool_status.c: the members of a pool, one by one: for those who look, and for
 * the warning about loans that do not end.
 *
 * Loop thread.
 */
#include "pool/pool_status.h"

#include "base/clock.h"
#include "pool/pool_parts.h"

#include <stdlib.h>
#include <string.h>

void member_link(struct member *m)
{
    struct pool *p = m->pool;
    m->prev = NULL;
    m->next = p->members;
    if (m->next != NULL) {
        m->next->prev = m;
    }
    p->members = m;
}

void member_free(struct member *m)
{
    *(m->prev != NULL ? &m->prev->next : &m->pool->members) = m->next;
    if (m->next != NULL) {
        m->next->prev = m->prev;
    }
    free(m->loan);
    free(m);
}

static const char *state_name(const struct member *m)
{
    static const char *const tests[] = {
        [TEST_PING] = "ping",
        [TEST_ROLLBACK] = "rollback",
        [TEST_RESET] = "reset",
    };
    switch (m->state) {
    case MEMBER_OPENING:
        return "opening";
    case MEMBER_TESTING:
        return tests[m->test];
    case MEMBER_LOOSE:
    case MEMBER_IDLE:
        return "idle";
    case MEMBER_LENT:
        return "lent";
    case MEMBER_CLOSING:
        break;
    }
    return "closing";
}

void pool_each_server(const struct pool *p, pool_server_cb *cb, void *arg)
{
    for (const struct member *m = p->members; m != NULL; m = m->next) {
        bool open = m->state != MEMBER_OPENING && m->state != MEMBER_CLOSING;
        struct pool_server_state s = {
            .state = state_name(m),
            .backend_id = open ? m->conn->backend_id : 0,
            .client = m->state == MEMBER_LENT ? m->client : 0,
            .since_ns = m->state == MEMBER_LENT   ? m->lent_since_ns
                        : m->state == MEMBER_IDLE ? m->idle_since_ns
                                                  : m->started_ns,
            .opened_ns = open ? m->conn->opened_ns : 0,
            .statements = open && m->conn->statements != NULL ? *m->conn->statements : 0,
        };
        cb(arg, &s);
    }
}

void pool_ask_doing(struct pool *p, pool_doing_cb *doing, void *arg)
{
    p->doing = doing;
    p->doing_arg = arg;
}

/* -- all pools of a server -------------------------------------------------- */

/* By a client; what the daemon itself does with one has limits of its own. */
static bool is_clients(const struct member *m)
{
    return m->state == MEMBER_LENT && (m->client != 0 || m->loan == NULL);
}

void pool_tell(struct pool *p)
{
    uint64_t loan_ns = 0;
    for (const struct member *m = p->members; m != NULL; m = m->next) {
        if (is_clients(m) && (loan_ns == 0 || m->lent_since_ns < loan_ns)) {
            loan_ns = m->lent_since_ns;
        }
    }
    const struct pool_wait *w = p->wait_first;
    atomic_store_explicit(&p->told_loan_ns, loan_ns, memory_order_relaxed);
    atomic_store_explicit(&p->told_wait_ns, w != NULL ? w->since_ns : 0, memory_order_relaxed);
}

static uint64_t older(uint64_t age_ns, uint64_t since_ns, uint64_t now_ns)
{
    uint64_t age = since_ns == 0 || since_ns > now_ns ? 0 : now_ns - since_ns;
    return age > age_ns ? age : age_ns;
}

void pool_now(struct pool_share *s, struct pool_state_now *out)
{
    uint64_t now_ns = clock_now_ns();
    memset(out, 0, sizeof *out);
    pthread_mutex_lock(&s->lock);
    out->gate = s->gate;
    histogram_merge(&out->waited, &s->waited);
    for (const struct pool *p = s->pools; p != NULL; p = p->next) {
        histogram_merge(&out->waited, &p->waited);
        out->oldest_wait_ns = older(out->oldest_wait_ns, count_get(&p->told_wait_ns), now_ns);
        out->longest_loan_ns = older(out->longest_loan_ns, count_get(&p->told_loan_ns), now_ns);
    }
    pthread_mutex_unlock(&s->lock);
    if (atomic_load(&s->counts.waiting) <= 0) { /* what was told is a second old */
        out->oldest_wait_ns = 0;
    }
    if (atomic_load(&s->counts.busy) <= 0) {
        out->longest_loan_ns = 0;
    }
}

/* -- loans that do not end ------------------------------------------------- */

static uint64_t between_ns(const struct pool *p)
{
    return p->share->opts.leak_warning_ms * NS_PER_MS / 4;
}

static void warn(struct member *m, uint64_t now_ns)
{
    struct pool *p = m->pool;
    const char *doing = m->loan == NULL    ? "lent to another worker"
                        : p->doing != NULL ? p->doing(p->doing_arg, m->client, m->conn)
                                           : "";
    m->warned = true;
    count_add(&p->share->counts.leaks, 1);
    LOG(p->log, LOG_POOL, LOG_WARN, "a connection has been lent for long",
        LOG_S("db", p->share->opts.name), LOG_I("backend", m->conn->backend_id),
        LOG_I("client", m->client), LOG_S("doing", str_of(doing)),
        LOG_I("ms", (now_ns - m->lent_since_ns) / NS_PER_MS), LOG_END);
}

void status_lent(struct member *m)
{
    struct pool *p = m->pool;
    m->lent_since_ns = p->loop->now_ns;
    m->client = 0;
    m->warned = false;
    if (p->share->opts.leak_warning_ms > 0) {
        pool_tick(p, m->lent_since_ns + p->share->opts.leak_warning_ms * NS_PER_MS);
    }
}

uint64_t status_look(struct pool *p, uint64_t now_ns)
{
    uint64_t limit_ns = p->share->opts.leak_warning_ms * NS_PER_MS;
    if (limit_ns == 0 || p->lent == 0) {
        return NEVER_NS;
    }
    if (now_ns < p->leaks_due_ns) {
        return p->leaks_due_ns;
    }
    for (struct member *m = p->members; m != NULL; m = m->next) {
        if (is_clients(m) && !m->warned && now_ns >= m->lent_since_ns + limit_ns) {
            warn(m, now_ns);
        }
    }
    p->leaks_due_ns = now_ns + between_ns(p);
    return p->leaks_due_ns;
}
