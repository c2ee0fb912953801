/* SPDX-License-Identifier: MIT
 *
 * backend/redis_open.h: connecting to Redis, on a connector thread. For redis.c.
 */
#ifndef BACKEND_REDIS_OPEN_H
#define BACKEND_REDIS_OPEN_H

#include "backend/redis.h"

#define REDIS_RUN_ID_MAX 64
#define REDIS_WHY_MAX 256

/* Owns copies of all that it needs, so that it can be left to itself. */
struct redis_open {
    struct connector_job job;
    void (*done)(struct redis_open *o, void *arg);
    void *arg;
    struct redis_target target;
    struct str channel;
    struct redisContext *context; /* the outcome, or NULL … */
    char run_id[REDIS_RUN_ID_MAX];
    char why[REDIS_WHY_MAX]; /* … and why */
    char texts[];
};

/* NULL when out of memory. done frees it by redis_open_free, after it took the context. */
struct redis_open *redis_open_create(const struct redis_opts *opts,
                                     void (*done)(struct redis_open *o, void *arg), void *arg);
void redis_open_free(struct redis_open *o);
/* Gives it up: true, and no callback comes; it frees itself. */
bool redis_open_leave(struct redis_open *o, struct connector *c);

#endif
