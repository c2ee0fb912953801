/* SPDX-License-Identifier: MIT
 *
 * daemon/sharing.h: this daemon as a member of a group: what its workers write is told to the
 * others through Redis, and what they write is heard (cache/members.h has the rules).
 *
 * Two connections: one hears the group's channel, over the other a script gives each message
 * its place in the log and publishes it. Main thread, whose loop is never busy for long,
 * but for the figures, which any thread reads.
 */
#ifndef DAEMON_SHARING_H
#define DAEMON_SHARING_H

#include "backend/connector.h"
#include "backend/loop.h"
#include "backend/redis.h"
#include "base/log.h"
#include "cache/versions.h"
#include "conf/conf.h"

#include <stdatomic.h>
#include <stdint.h>

struct sharing;

struct sharing_opts {
    const struct conf_cache *conf; /* names a server; outlives it, as all here */
    struct versions *versions;
    struct loop *loop;
    struct connector *connector;
    struct log *log;
};

struct sharing_figures {
    _Atomic uint64_t joined;          /* 1: Redis is there, and we are a member */
    _Atomic uint64_t whole;           /* 1: all members were heard when we last looked */
    _Atomic uint64_t members, silent; /* members: with us */
    _Atomic uint64_t told, heard, slots_told, slots_heard;
    _Atomic uint64_t missed, forgotten, lost; /* lost: times that Redis went away */
};

/* NULL when out of memory. */
struct sharing *sharing_start(const struct sharing_opts *opts);
/* Nobody writes any more: leaves the group, and calls `stopped`, later. */
void sharing_stop(struct sharing *s, void (*stopped)(void *arg), void *arg);
/* After `stopped`, when the loop is over. NULL is accepted. */
void sharing_destroy(struct sharing *s);
const struct sharing_figures *sharing_figures(const struct sharing *s);

/* What a URL of the conf says. */
struct redis_target redis_target_of(const struct conf_url *url);

#endif
