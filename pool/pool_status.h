/* SPDX-License-Identifier: MIT
 *
 * pool/pool_status.h: what a pool says about its connections. Loop thread.
 */
#ifndef POOL_POOL_STATUS_H
#define POOL_POOL_STATUS_H

#include "pool/pool.h"
#include "pool/pool_share.h"

struct pool_server_state {
    const char *state;   /* opening, idle, lent, ping, rollback, reset, closing */
    uint64_t backend_id; /* 0 while opening */
    uint64_t client;     /* whom it is lent to; 0: nobody, or one of another worker */
    uint64_t since_ns;   /* the state began */
    uint64_t opened_ns;  /* 0 while opening */
    uint32_t statements; /* prepared on it */
};

typedef void pool_server_cb(void *arg, const struct pool_server_state *s);
/* Calls cb for each connection of p. */
void pool_each_server(const struct pool *p, pool_server_cb *cb, void *arg);

/* What all pools of a server are like now. */
struct pool_state_now {
    enum pool_gate gate;
    uint64_t oldest_wait_ns;  /* so long the oldest waiter has waited; 0: nobody does */
    uint64_t longest_loan_ns; /* … and one client has had a connection */
    struct histogram waited;  /* how long those waited who did not get one at once */
};
/* Any thread. The two times are as of the last pool_tell. */
void pool_now(struct pool_share *s, struct pool_state_now *out);
/* Tells the other threads of its oldest waiter and loan. */
void pool_tell(struct pool *p);

/* What the borrower of c, a client's number, is doing with it; static text. */
typedef const char *pool_doing_cb(void *arg, uint64_t client, const struct db_conn *c);
/* Whom to ask when a connection was lent for long. */
void pool_ask_doing(struct pool *p, pool_doing_cb *doing, void *arg);

#endif
