/* SPDX-License-Identifier: MIT
 *
 * daemon/gather.c: see gather.h. Tasks are posted to every worker; who ends last posts
 * the way back.
 */
#include "daemon/gather.h"

#include <stddef.h>

static void part_over(struct gather *g)
{
    if (atomic_fetch_sub(&g->pending, 1) == 1) {
        loop_post(&g->from->loop, &g->back);
    }
}

static void on_part(struct task *t)
{
    struct gather_part *part =
        (struct gather_part *)(void *)((char *)t - offsetof(struct gather_part, task));
    part->of->ask(part);
    part_over(part->of);
}

static void on_back(struct task *t)
{
    struct gather *g = (struct gather *)(void *)((char *)t - offsetof(struct gather, back));
    g->done(g);
}

uint32_t gather_count(const struct worker *from)
{
    return from->shared->workers == NULL ? 1 : from->shared->worker_count;
}

void gather_start(struct gather *g)
{
    g->count = gather_count(g->from);
    g->back = (struct task){.run = on_back};
    atomic_store(&g->pending, g->count);
    for (uint32_t i = 0; i < g->count; i++) {
        struct gather_part *part = &g->parts[i];
        struct worker *all = g->from->shared->workers;
        *part = (struct gather_part){.of = g, .worker = all == NULL ? g->from : &all[i]};
        part->task.run = on_part;
        buf_init(&part->rows);
    }
    uint32_t count = g->count; /* g may be over when the last one is posted */
    for (uint32_t i = 0; i < count; i++) {
        struct gather_part *part = &g->parts[i];
        if (!worker_post(part->worker, &part->task)) {
            part_over(g);
        }
    }
}

void gather_fini(struct gather *g)
{
    for (uint32_t i = 0; i < g->count; i++) {
        buf_fini(&g->parts[i].rows);
    }
}
