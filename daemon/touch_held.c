/* SPDX-License-Identifier: MIT
 *
 * daemon/touch_held.c: see daemon/touch_held.h. A list under a lock: losses are rare.
 */
#include "daemon/touch_held.h"

#include "daemon/settings.h"

#include <pthread.h>
#include <stdlib.h>

/* Until a lost session is on the list of orphans, and one that was killed is gone. */
#define SETTLES_NS UINT64_C(30000000000)
/* A server that never comes back, or is none of this database's any more. */
#define LONGEST_NS UINT64_C(3600000000000)

struct held {
    struct held *next;
    struct database *db; /* one reference */
    uint64_t since_ns;
    struct slot_set set;
};

struct touch_held {
    struct versions *versions;
    pthread_mutex_t lock; /* guards first */
    struct held *first;
};

struct touch_held *touch_held_create(struct versions *v)
{
    struct touch_held *h = calloc(1, sizeof *h);
    if (h != NULL) {
        h->versions = v;
        pthread_mutex_init(&h->lock, NULL);
    }
    return h;
}

static void release(struct touch_held *h, struct held *it)
{
    versions_lower(h->versions, &it->set);
    database_unref(it->db);
    free(it);
}

void touch_held_destroy(struct touch_held *h)
{
    while (h != NULL && h->first != NULL) {
        struct held *it = h->first;
        h->first = it->next;
        release(h, it);
    }
    if (h != NULL) {
        pthread_mutex_destroy(&h->lock);
        free(h);
    }
}

void touch_held_add(struct touch_held *h, struct database *db, const struct slot_set *s,
                    uint64_t now_ns)
{
    struct held *it = malloc(sizeof *it);
    if (it == NULL) {
        return;
    }
    *it = (struct held){.db = database_ref(db), .since_ns = now_ns, .set = *s};
    pthread_mutex_lock(&h->lock);
    it->next = h->first;
    h->first = it;
    pthread_mutex_unlock(&h->lock);
}

static bool is_settled(const struct held *it, uint64_t now_ns)
{
    uint64_t age_ns = now_ns - it->since_ns;
    bool orphans = false;
    for (uint32_t i = 0; i < it->db->server_count; i++) {
        orphans = orphans || atomic_load(&it->db->servers[i].orphans.count) > 0;
    }
    return now_ns > it->since_ns && (age_ns > LONGEST_NS || (age_ns > SETTLES_NS && !orphans));
}

uint32_t touch_held_look(struct touch_held *h, uint64_t now_ns)
{
    struct held *settled = NULL;
    uint32_t left = 0;
    pthread_mutex_lock(&h->lock);
    for (struct held **at = &h->first; *at != NULL;) {
        struct held *it = *at;
        if (is_settled(it, now_ns)) {
            *at = it->next;
            it->next = settled;
            settled = it;
        } else {
            at = &it->next;
            left++;
        }
    }
    pthread_mutex_unlock(&h->lock);
    while (settled != NULL) {
        struct held *it = settled;
        settled = it->next;
        release(h, it);
    }
    return left;
}
