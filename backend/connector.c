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

enum { THREADS_MIN = 2, THREADS_MAX = 16 };

struct connector {
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct connector_job *first, *last;
    enum { CONNECTOR_OPEN, CONNECTOR_ENDING } state;
    unsigned thread_count;
    pthread_t threads[THREADS_MAX];
};

static void on_done(struct task *t)
{
    struct connector_job *j =
        (struct connector_job *)(void *)((char *)t - offsetof(struct connector_job, task));
    j->done(j);
}

/* The next job, waiting for one; NULL when the queue is empty for good. */
static struct connector_job *take(struct connector *c)
{
    pthread_mutex_lock(&c->lock);
    while (c->first == NULL && c->state == CONNECTOR_OPEN) {
        pthread_cond_wait(&c->work, &c->lock);
    }
    struct connector_job *j = c->first;
    if (j != NULL) {
        c->first = j->next;
        j->next = NULL;
    }
    pthread_mutex_unlock(&c->lock);
    return j;
}

static void *thread_main(void *arg)
{
    struct connector *c = arg;
    struct connector_job *j;
    while ((j = take(c)) != NULL) {
        j->work(j);
        loop_post(j->loop, &j->task);
    }
    return NULL;
}

/* Signals are for the main thread. */
static bool start_threads(struct connector *c, unsigned threads)
{
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0) {
        return false;
    }
    while (c->thread_count < threads &&
           pthread_create(&c->threads[c->thread_count], NULL, thread_main, c) == 0) {
        c->thread_count++;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return c->thread_count == threads;
}

struct connector *connector_create(unsigned threads)
{
    threads = threads < THREADS_MIN ? THREADS_MIN : threads;
    threads = threads > THREADS_MAX ? THREADS_MAX : threads;
    struct connector *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return NULL;
    }
    if (pthread_mutex_init(&c->lock, NULL) != 0) {
        free(c);
        return NULL;
    }
    if (pthread_cond_init(&c->work, NULL) != 0) {
        pthread_mutex_destroy(&c->lock);
        free(c);
        return NULL;
    }
    if (!start_threads(c, threads)) {
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
        pthread_join(c->threads[i], NULL);
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
    pthread_cond_signal(&c->work);
    pthread_mutex_unlock(&c->lock);
}
