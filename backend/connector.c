/* SPDX-License-Identifier: MIT
 *
 * backend/connector.c: the threads for blocking calls, and their queue.
 *
 * Owns its threads; borrows the jobs. The lock guards the queue and the state.
 */
#include "backend/connector.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

enum { PER_TARGET_MIN = 2, PER_TARGET_MAX = 16, THREADS_MAX = 64 };

/* What one thread does now. */
struct seat {
    struct connector *connector;
    pthread_t thread;
    const struct connector_job *job; /* NULL: it waits for one */
    const void *target;
};

struct connector {
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct connector_job *first, *last;
    enum { CONNECTOR_OPEN, CONNECTOR_ENDING } state;
    unsigned per_target;
    unsigned thread_count, waiting;
    struct seat seats[THREADS_MAX];
};

static void on_done(struct task *t)
{
    struct connector_job *j =
        (struct connector_job *)(void *)((char *)t - offsetof(struct connector_job, task));
    j->done(j);
}

/* Whether one more job of this target may run. Under lock, as what follows. */
static bool has_room(const struct connector *c, const void *target)
{
    unsigned running = 0;
    for (unsigned i = 0; i < c->thread_count; i++) {
        running += c->seats[i].job != NULL && c->seats[i].target == target;
    }
    return running < c->per_target;
}

/* The link to the first job that may run, or NULL. */
static struct connector_job **runnable(struct connector *c)
{
    for (struct connector_job **at = &c->first; *at != NULL; at = &(*at)->next) {
        if (has_room(c, (*at)->target)) {
            return at;
        }
    }
    return NULL;
}

/* How many threads the queue could use; those of one target may be counted too
 * often, which costs a thread. */
static unsigned runnable_count(const struct connector *c)
{
    unsigned n = 0;
    for (const struct connector_job *j = c->first; j != NULL; j = j->next) {
        n += has_room(c, j->target);
    }
    return n;
}

static struct connector_job *unlink_job(struct connector *c, struct connector_job **at)
{
    struct connector_job *j = *at;
    *at = j->next;
    if (c->last == j) {
        c->last = NULL;
        for (struct connector_job *k = c->first; k != NULL; k = k->next) {
            c->last = k;
        }
    }
    j->next = NULL;
    return j;
}

/* The next job, waiting for one; NULL when the queue is empty for good. */
static struct connector_job *take(struct connector *c, struct seat *s)
{
    struct connector_job **at;
    pthread_mutex_lock(&c->lock);
    s->job = NULL;
    c->waiting++;
    while ((at = runnable(c)) == NULL && (c->state == CONNECTOR_OPEN || c->first != NULL)) {
        pthread_cond_wait(&c->work, &c->lock);
    }
    c->waiting--;
    struct connector_job *j = at == NULL ? NULL : unlink_job(c, at);
    s->job = j;
    s->target = j == NULL ? NULL : j->target;
    if (c->state == CONNECTOR_ENDING) {
        pthread_cond_broadcast(&c->work); /* the others may be free to go */
    }
    pthread_mutex_unlock(&c->lock);
    return j;
}

static void *thread_main(void *arg)
{
    struct seat *s = arg;
    struct connector_job *j;
    while ((j = take(s->connector, s)) != NULL) {
        j->work(j);
        loop_post(j->loop, &j->task);
    }
    return NULL;
}

/* Signals are for the main thread. */
static bool start_thread(struct connector *c)
{
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0) {
        return false;
    }
    struct seat *s = &c->seats[c->thread_count];
    *s = (struct seat){.connector = c};
    bool ok = pthread_create(&s->thread, NULL, thread_main, s) == 0;
    c->thread_count += ok;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ok;
}

static bool start_threads(struct connector *c)
{
    bool ok = true;
    pthread_mutex_lock(&c->lock);
    while (ok && c->thread_count < c->per_target) {
        ok = start_thread(c);
    }
    pthread_mutex_unlock(&c->lock);
    return ok;
}

struct connector *connector_create(unsigned per_target)
{
    per_target = per_target < PER_TARGET_MIN ? PER_TARGET_MIN : per_target;
    per_target = per_target > PER_TARGET_MAX ? PER_TARGET_MAX : per_target;
    struct connector *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return NULL;
    }
    c->per_target = per_target;
    if (pthread_mutex_init(&c->lock, NULL) != 0) {
        free(c);
        return NULL;
    }
    if (pthread_cond_init(&c->work, NULL) != 0) {
        pthread_mutex_destroy(&c->lock);
        free(c);
        return NULL;
    }
    if (!start_threads(c)) {
        connector_destroy(c);
        return NULL;
    }
    return c;
}

void connector_destroy(struct connector *c)
{
    if (c == NULL) {
        return;
    }
    pthread_mutex_lock(&c->lock);
    c->state = CONNECTOR_ENDING;
    pthread_cond_broadcast(&c->work);
    pthread_mutex_unlock(&c->lock);
    for (unsigned i = 0; i < c->thread_count; i++) {
        pthread_join(c->seats[i].thread, NULL);
    }
    assert(c->first == NULL);
    pthread_cond_destroy(&c->work);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

void connector_submit(struct connector *c, struct connector_job *j)
{
    j->next = NULL;
    j->task = (struct task){.run = on_done};
    pthread_mutex_lock(&c->lock);
    assert(c->state == CONNECTOR_OPEN);
    if (c->first == NULL) {
        c->first = j;
    } else {
        c->last->next = j;
    }
    c->last = j;
    if (c->waiting < runnable_count(c) && c->thread_count < THREADS_MAX) {
        (void)start_thread(c); /* without it the job waits until another is done */
    }
    pthread_cond_signal(&c->work);
    pthread_mutex_unlock(&c->lock);
}
