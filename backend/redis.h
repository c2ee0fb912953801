/* SPDX-License-Identifier: MIT
 *
 * backend/redis.h: a connection to a Redis server, which is opened again whenever it is lost.
 *
 * Of hiredis it uses the context that does not block, not the asynchronous one: that
 * resolves names on the loop, calls back while it is being freed, and knows no deadlines.
 * Opening, with AUTH and SELECT, is a connector thread's. Answers belong to commands by
 * their order; a command whose answer is late is over, but its place in that order stays,
 * so that no answer ever comes to another (redis-py's CVE-2023-28858). Beside a late one
 * no further commands are taken, and when it is very late the connection is given up.
 *
 * Loop thread.
 */
#ifndef BACKEND_REDIS_H
#define BACKEND_REDIS_H

#include "backend/connector.h"
#include "backend/loop.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Borrowed, and outlives the connection; jobs have copies. */
struct redis_target {
    struct str host; /* with a `/` in front: a Unix socket */
    uint16_t port;
    struct str user, password; /* empty: none */
    uint32_t db;
};

struct redis_opts {
    struct redis_target target;
    struct loop *loop;
    struct connector *connector;
    uint64_t timeout_ns; /* of a command */
    struct str channel;  /* subscribes to it, and takes no commands; empty: no */
    void (*up)(void *arg);
    /* It is lost, or could not be opened. `why` is for the log. */
    void (*down)(void *arg, const char *why);
    void (*heard)(void *arg, struct str message); /* of the channel */
    void *arg;
};

/* hiredis's, with these functions to look into it. */
struct redisReply;

enum redis_kind { REDIS_NIL, REDIS_TEXT, REDIS_NUMBER, REDIS_LIST, REDIS_ERROR };

enum redis_kind redis_kind(const struct redisReply *r);
/* Of REDIS_TEXT and REDIS_ERROR; else empty. */
struct str redis_text(const struct redisReply *r);
/* Of REDIS_NUMBER; else 0. */
int64_t redis_number(const struct redisReply *r);
/* Of REDIS_LIST; the i-th is NULL if there is none. */
uint32_t redis_count(const struct redisReply *r);
const struct redisReply *redis_at(const struct redisReply *r, uint32_t i);

enum redis_end {
    REDIS_ANSWERED, /* also by an error */
    REDIS_LATE,
    REDIS_LOST,
};

/* Caller-owned; stays put until done, which is called once, not within redis_send. */
struct redis_command {
    void (*done)(struct redis_command *c);
    enum redis_end end;
    const struct redisReply *reply; /* of REDIS_ANSWERED, within done */
};

struct redis;

/* Of hiredis, as we were built with. */
const char *redis_library_version(void);

/* Begins to open. NULL when out of memory. */
struct redis *redis_create(const struct redis_opts *opts);
/* Sends a command; args are copied. false: there is no connection that is well, and
 * nothing happens. */
bool redis_send(struct redis *r, struct redis_command *c, const struct str *args,
                uint32_t count);
/* Gives the connection up and opens another, if it is up. */
void redis_reopen(struct redis *r, const char *why);
bool redis_is_up(const struct redis *r);
/* Which process it is, of all that ever answered there; empty unless it is up. */
struct str redis_run_id(const struct redis *r);
/* Ends all, frees r and calls `closed`, later; neither up, down nor heard is called any
 * more, but done of what is under way. */
void redis_close(struct redis *r, void (*closed)(void *arg));

#endif
