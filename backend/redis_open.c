/* SPDX-License-Identifier: MIT
 *
 * backend/redis_open.c: connects, logs in, chooses the database, asks which process it is
 * and subscribes, with calls that block. hiredis resolves the name itself.
 */
#include "backend/redis_open.h"

#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#define ARGS_MAX 4

static const struct timeval patience = {1, 0}; /* of each step */

static void set_why(struct redis_open *o, const char *what, const char *words)
{
    snprintf(o->why, sizeof o->why, "%s: %s", what, words);
}

/* The reply, which is no error, or NULL. */
static redisReply *ask(struct redis_open *o, redisContext *c, const struct str *args, int count)
{
    const char *texts[ARGS_MAX];
    size_t lengths[ARGS_MAX];
    for (int i = 0; i < count; i++) {
        texts[i] = args[i].ptr;
        lengths[i] = args[i].len;
    }
    redisReply *r = redisCommandArgv(c, count, texts, lengths);
    if (r == NULL) {
        bool late = c->err == REDIS_ERR_IO && errno == EAGAIN;
        set_why(o, args[0].ptr,
                late          ? "no answer within a second"
                : c->err != 0 ? c->errstr
                              : "out of memory");
    } else if (r->type == REDIS_REPLY_ERROR) {
        set_why(o, args[0].ptr, r->str);
        freeReplyObject(r);
        return NULL;
    }
    return r;
}

static bool order(struct redis_open *o, redisContext *c, const struct str *args, int count)
{
    redisReply *r = ask(o, c, args, count);
    freeReplyObject(r);
    return r != NULL;
}

static bool log_in(struct redis_open *o, redisContext *c)
{
    struct str with_user[] = {STR("AUTH"), o->target.user, o->target.password};
    struct str without[] = {STR("AUTH"), o->target.password};
    if (o->target.password.len == 0) {
        return true;
    }
    return o->target.user.len > 0 ? order(o, c, with_user, 3) : order(o, c, without, 2);
}

static bool choose_db(struct redis_open *o, redisContext *c)
{
    char number[16];
    snprintf(number, sizeof number, "%u", o->target.db);
    struct str args[] = {STR("SELECT"), str_of(number)};
    return o->target.db == 0 || order(o, c, args, 2);
}

static bool find_run_id(struct redis_open *o, redisContext *c)
{
    static const char key[] = "\nrun_id:";
    struct str args[] = {STR("INFO"), STR("server")};
    redisReply *r = ask(o, c, args, 2);
    if (r == NULL) {
        return false;
    }
    const char *at = r->type == REDIS_REPLY_STRING ? strstr(r->str, key) : NULL;
    if (at == NULL) {
        set_why(o, "INFO server", "it does not tell a run_id");
    } else {
        at += sizeof key - 1;
        snprintf(o->run_id, sizeof o->run_id, "%.*s", (int)strcspn(at, "\r\n"), at);
    }
    freeReplyObject(r);
    return at != NULL;
}

static bool subscribe(struct redis_open *o, redisContext *c)
{
    struct str args[] = {STR("SUBSCRIBE"), o->channel};
    return o->channel.len == 0 || order(o, c, args, 2);
}

static redisContext *dial(struct redis_open *o)
{
    const char *host = o->target.host.ptr;
    redisContext *c = host[0] == '/' ? redisConnectUnixWithTimeout(host, patience)
                                     : redisConnectWithTimeout(host, o->target.port, patience);
    if (c == NULL) {
        set_why(o, "connect", "out of memory");
    } else if (c->err != 0) {
        set_why(o, "connect", c->errstr);
        redisFree(c);
        return NULL;
    }
    return c;
}

/* From here on nothing blocks. */
static bool release(struct redis_open *o, redisContext *c)
{
    int flags = fcntl(c->fd, F_GETFL);
    if (flags < 0 || fcntl(c->fd, F_SETFL, flags | O_NONBLOCK) != 0) {
        set_why(o, "connect", "cannot make the socket non-blocking");
        return false;
    }
    (void)fcntl(c->fd, F_SETFD, FD_CLOEXEC);
    c->flags &= ~REDIS_BLOCK;
    return true;
}

static void work(struct connector_job *j)
{
    struct redis_open *o = (struct redis_open *)(void *)j;
    redisContext *c = dial(o);
    if (c == NULL) {
        return;
    }
    if (redisSetTimeout(c, patience) == REDIS_OK && log_in(o, c) && choose_db(o, c) &&
        find_run_id(o, c) && subscribe(o, c) && release(o, c)) {
        (void)redisEnableKeepAlive(c); /* not on a Unix socket */
        c->err = 0;
        o->context = c;
        return;
    }
    redisFree(c);
}

static void on_done(struct connector_job *j)
{
    struct redis_open *o = (struct redis_open *)(void *)j;
    o->done(o, o->arg);
}

static void on_left(struct connector_job *j)
{
    redis_open_free((struct redis_open *)(void *)j);
}

/* With a NUL behind, for hiredis. */
static struct str copy(char **at, struct str s)
{
    char *to = *at;
    if (s.len > 0) {
        memcpy(to, s.ptr, s.len);
    }
    to[s.len] = '\0';
    *at = to + s.len + 1;
    return (struct str){to, s.len};
}

struct redis_open *redis_open_create(const struct redis_opts *opts,
                                     void (*done)(struct redis_open *o, void *arg), void *arg)
{
    const struct redis_target *t = &opts->target;
    size_t texts = t->host.len + t->user.len + t->password.len + opts->channel.len + 4;
    struct redis_open *o = calloc(1, sizeof *o + texts);
    if (o == NULL) {
        return NULL;
    }
    char *at = o->texts;
    o->target = (struct redis_target){
        .host = copy(&at, t->host),
        .port = t->port,
        .user = copy(&at, t->user),
        .password = copy(&at, t->password),
        .db = t->db,
    };
    o->channel = copy(&at, opts->channel);
    o->done = done;
    o->arg = arg;
    o->job = (struct connector_job){
        .work = work,
        .done = on_done,
        .left = on_left,
        .loop = opts->loop,
        .target = t->host.ptr, /* the same for all connections of one conf */
        .kind = CONNECTOR_CALL,
    };
    return o;
}

void redis_open_free(struct redis_open *o)
{
    if (o->context != NULL) {
        redisFree(o->context);
    }
    if (o->target.password.len > 0) {
        explicit_bzero((char *)(uintptr_t)o->target.password.ptr, o->target.password.len);
    }
    free(o);
}

bool redis_open_leave(struct redis_open *o, struct connector *c)
{
    switch (connector_leave(c, &o->job)) {
    case CONNECTOR_TAKEN_BACK:
        redis_open_free(o);
        return true;
    case CONNECTOR_LEFT:
        return true;
    case CONNECTOR_POSTED:
        return false;
    }
    return false;
}
