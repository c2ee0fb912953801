/* SPDX-License-Identifier: MIT
 *
 * daemon/cache_plans.c: see daemon/cache_plans.h.
 */
#include "daemon/cache_plans.h"

#include "base/arena.h"
#include "base/hash.h"
#include "stats/stats.h"

#include <pthread.h>
#include <stdlib.h>

#define SQL_BYTES 1000 /* of each is kept */

struct named {
    struct str db, sql;
    uint16_t number;
};

/* Of one worker. */
struct counts {
    _Atomic uint64_t of[CACHE_PLANS_MAX][CACHE_COUNTS];
};

struct cache_plans {
    pthread_mutex_t lock; /* guards all but the counts */
    struct arena arena;
    struct map numbers; /* by database, NUL, SQL */
    struct named *names[CACHE_PLANS_MAX];
    uint32_t total;
    unsigned workers;
    struct counts *counts;
};

struct cache_plans *cache_plans_create(unsigned workers, uint64_t seed)
{
    struct cache_plans *p = calloc(1, sizeof *p);
    struct counts *counts = calloc(workers, sizeof *counts);
    if (p == NULL || counts == NULL) {
        free(p);
        free(counts);
        return NULL;
    }
    pthread_mutex_init(&p->lock, NULL);
    arena_init(&p->arena, 0);
    map_init(&p->numbers, seed);
    p->workers = workers;
    p->counts = counts;
    p->total = 1;
    return p;
}

void cache_plans_destroy(struct cache_plans *p)
{
    if (p == NULL) {
        return;
    }
    map_fini(&p->numbers);
    arena_fini(&p->arena);
    pthread_mutex_destroy(&p->lock);
    free(p->counts);
    free(p);
}

/* The whole text, of which the beginning is shown. */
static struct named *find_or_add(struct cache_plans *p, struct str name, size_t db_len)
{
    struct named *n = map_get(&p->numbers, name);
    if (n != NULL || p->total == CACHE_PLANS_MAX) {
        return n;
    }
    struct str key = arena_str(&p->arena, name);
    n = ARENA_NEW(&p->arena, struct named);
    if (key.ptr == NULL || n == NULL || map_put(&p->numbers, key, n) != ERR_OK) {
        return NULL;
    }
    struct str sql = {key.ptr + db_len + 1, key.len - db_len - 1};
    n->db = (struct str){key.ptr, db_len};
    n->sql = (struct str){sql.ptr, utf8_cut(sql, SQL_BYTES)};
    n->number = (uint16_t)p->total;
    p->names[p->total++] = n;
    return n;
}

uint16_t cache_plans_number(struct cache_plans *p, struct str db, struct str sql)
{
    struct buf name;
    buf_init(&name);
    buf_str_add(&name, db);
    buf_char(&name, '\0');
    buf_str_add(&name, sql);
    struct named *n = NULL;
    if (!name.failed) {
        pthread_mutex_lock(&p->lock);
        n = find_or_add(p, buf_str(&name), db.len);
        pthread_mutex_unlock(&p->lock);
    }
    buf_fini(&name);
    return n == NULL ? CACHE_PLAN_OTHERS : n->number;
}

void cache_plans_count(struct cache_plans *p, unsigned worker, uint16_t number,
                       enum cache_count what)
{
    count_add(&p->counts[worker].of[number][what], 1);
}

uint32_t cache_plans_total(struct cache_plans *p)
{
    pthread_mutex_lock(&p->lock);
    uint32_t total = p->total;
    pthread_mutex_unlock(&p->lock);
    return total;
}

struct cache_plan cache_plans_get(struct cache_plans *p, uint16_t number)
{
    struct cache_plan out = {.db = STR(""), .sql = STR("")};
    pthread_mutex_lock(&p->lock);
    if (p->names[number] != NULL) {
        out.db = p->names[number]->db;
        out.sql = p->names[number]->sql;
    }
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->workers; i++) {
        for (int k = 0; k < CACHE_COUNTS; k++) {
            out.counts[k] += count_get(&p->counts[i].of[number][k]);
        }
    }
    return out;
}
