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
    enum connector_kind kind;
    bool stray; /* it ended without this thread, whose job was left */
};

struct connector {
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct connector_job *first, *last;
    enum { CONNECTOR_OPEN, CONNECTOR_ENDING, CONNECTOR_STRAYS } state;
    unsigned per_target;
    unsigned thread_count, waiting;
    unsigned strays; /* threads that nobody waits for, once it ends */
    struct seat seats[THREADS_MAX];
};

static void on_done(struct task *t)
{
    struct connector_job *j =
        (struct connector_job *)(void *)((char *)t - offsetof(struct connector_job, task));
    j->done(j);
}

/* Whether one more job like j may run. Under lock, as what follows. */
static bool has_room(const struct connector *c, const struct connector_job *j)
{
    unsigned running = 0;
    for (unsigned i = 0; i < c->thread_count; i++) {
        const struct seat *s = &c->seats[i];
        running += s->job != NULL && s->target == j->target && s->kind == j->kind;
    }
    return running < c->per_target;
}

/* The link to the first job that may run, or NULL. */
static struct connector_job **runnable(struct connector *c)
{
    for (struct connector_job **at = &c->first; *at != NULL; at = &(*at)->next) {
        if (has_room(c, *at)) {
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
        n += has_room(c, j);
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
    if (j != NULL) {
        s->target = j->target;
        s->kind = j->kind;
        j->state = JOB_WORKS;
    }
    if (c->state == CONNECTOR_ENDING) {
        pthread_cond_broadcast(&c->work); /* the others may be free to go */
    }
    pthread_mutex_unlock(&c->lock);
    return j;
}

/* Posted under the lock: who finds the job done finds it posted. */
static void hand_back(struct connector *c, struct seat *s, struct connector_job *j)
{
    pthread_mutex_lock(&c->lock);
    s->job = NULL; /* its owner may free it from now on */
    bool left = j->state == JOB_LEFT;
    if (!left) {
        j->state = JOB_DONE;
        loop_post(j->loop, &j->task);
    }
    pthread_mutex_unlock(&c->lock);
    if (left) {
        j->left(j);
    }
}

static void free_connector(struct connector *c)
{
    pthread_cond_destroy(&c->work);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* The connector ended while this thread's job was left; true: the thread must go. */
static bool is_stray(struct connector *c, const struct seat *s)
{
    pthread_mutex_lock(&c->lock);
    bool stray = s->stray;
    bool last = stray && --c->strays == 0 && c->state == CONNECTOR_STRAYS;
    pthread_mutex_unlock(&c->lock);
    if (last) {
        free_connector(c);
    }
    return stray;
}

static void *thread_main(void *arg)
{
    struct seat *s = arg;
    struct connector *c = s->connector;
    struct connector_job *j;
    while ((j = take(c, s)) != NULL) {
        j->work(j);
        hand_back(c, s, j);
        if (is_stray(c, s)) {
            break;
        }
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

/* Under lock: whether the thread works on a job that nobody waits for. */
static bool lets_go(struct connector *c, struct seat *s)
{
    s->stray = s->job != NULL && s->job->state == JOB_LEFT;
    if (s->stray) {
        c->strays++;
        pthread_detach(s->thread);
    }
    return s->stray;
}

void connector_destroy(struct connector *c)
{
    if (c == NULL) {
        return;
    }
    bool stray[THREADS_MAX] = {false};
    pthread_mutex_lock(&c->lock);
    c->state = CONNECTOR_ENDING;
    pthread_cond_broadcast(&c->work);
    for (unsigned i = 0; i < c->thread_count; i++) {
        stray[i] = lets_go(c, &c->seats[i]);
    }
    pthread_mutex_unlock(&c->lock);
    for (unsigned i = 0; i < c->thread_count; i++) {
        if (!stray[i]) {
            pthread_join(c->seats[i].thread, NULL);
        }
    }
    pthread_mutex_lock(&c->lock);
    assert(c->first == NULL);
    c->state = CONNECTOR_STRAYS;
    bool free_now = c->strays == 0;
    pthread_mutex_unlock(&c->lock);
    if (free_now) {
        free_connector(c);
    }
}

void connector_submit(struct connector *c, struct connector_job *j)
{
    j->next = NULL;
    j->task = (struct task){.run = on_done};
    j->state = JOB_QUEUED;
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

/* Under lock. */
static bool unqueue(struct connector *c, struct connector_job *j)
{
    if (j->state != JOB_QUEUED) {
        return false;
    }
    struct connector_job **at = &c->first;
    while (*at != j) {
        at = &(*at)->next;
    }
    (void)unlink_job(c, at);
    return true;
}

bool connector_take_back(struct connector *c, struct connector_job *j)
{
    pthread_mutex_lock(&c->lock);
    bool back = unqueue(c, j);
    pthread_mutex_unlock(&c->lock);
    return back;
}

enum connector_leave connector_leave(struct connector *c, struct connector_job *j)
{
    pthread_mutex_lock(&c->lock);
    enum connector_leave how = CONNECTOR_POSTED;
    if (unqueue(c, j)) {
        how = CONNECTOR_TAKEN_BACK;
    } else if (j->state == JOB_WORKS) {
        j->state = JOB_LEFT;
        how = CONNECTOR_LEFT;
    }
    pthread_mutex_unlock(&c->lock);
    return how;
}
