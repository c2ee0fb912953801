/* SPDX-License-Identifier: MIT
 *
 * cache/flight.c: flights by their key, in parts with a lock each.
 *
 * A flight that cannot be joined any more, because something it depends on was written,
 * leaves its place to the next one; it still ends for those who wait for it.
 */
#include "cache/flight.h"

#include "base/hash.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define PARTS 64
#define CHAINS 16 /* of a part */

struct flight {
    struct flight *next; /* of its chain */
    bool listed;         /* it is in its chain: others may find it */
    uint64_t hash;
    struct stamp stamp;
    struct flight_wait *first, *last;
    size_t region_len, key_len;
    char bytes[]; /* the region's name, then the key */
};

struct part {
    pthread_mutex_t lock; /* guards all flights of the part, and who waits for them */
    struct flight *chains[CHAINS];
};

struct flights {
    const struct versions *versions;
    uint64_t seed;
    _Atomic uint64_t waiting;
    struct part parts[PARTS];
};

/* ---- bytes ---- */

struct shared_bytes *shared_bytes_create(struct str s)
{
    struct shared_bytes *b = malloc(sizeof *b + s.len);
    if (b == NULL) {
        return NULL;
    }
    atomic_init(&b->refs, 1);
    b->len = s.len;
    if (s.len > 0) {
        memcpy(b->bytes, s.ptr, s.len);
    }
    return b;
}

struct shared_bytes *shared_bytes_ref(struct shared_bytes *b)
{
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    return b;
}

void shared_bytes_unref(struct shared_bytes *b)
{
    if (b != NULL && atomic_fetch_sub(&b->refs, 1) == 1) {
        free(b);
    }
}

/* ---- the table ---- */

struct flights *flights_create(uint64_t seed, const struct versions *v)
{
    struct flights *f = calloc(1, sizeof *f);
    if (f == NULL) {
        return NULL;
    }
    f->versions = v;
    f->seed = seed;
    for (unsigned i = 0; i < PARTS; i++) {
        pthread_mutex_init(&f->parts[i].lock, NULL);
    }
    return f;
}

void flights_destroy(struct flights *f)
{
    if (f == NULL) {
        return;
    }
    for (unsigned i = 0; i < PARTS; i++) {
        pthread_mutex_destroy(&f->parts[i].lock);
    }
    free(f);
}

uint64_t flights_waiting(const struct flights *f)
{
    return atomic_load_explicit(&f->waiting, memory_order_relaxed);
}

static uint64_t hash_of(const struct flights *f, struct str region, struct cache_key key)
{
    return hash_bytes(key.bytes, hash_bytes(region, f->seed));
}

static struct part *part_of(struct flights *f, uint64_t hash)
{
    return &f->parts[hash % PARTS];
}

static struct flight **chain_of(struct flights *f, uint64_t hash)
{
    return &part_of(f, hash)->chains[hash / PARTS % CHAINS];
}

static bool is_of(const struct flight *x, uint64_t hash, struct str region, struct str key)
{
    return x->hash == hash && str_eq((struct str){x->bytes, x->region_len}, region) &&
           str_eq((struct str){x->bytes + x->region_len, x->key_len}, key);
}

static void unlist(struct flights *f, struct flight *x)
{
    if (x->listed) {
        struct flight **at = chain_of(f, x->hash);
        while (*at != x) {
            at = &(*at)->next;
        }
        *at = x->next;
        x->listed = false;
    }
}

/* ---- joining ---- */

static void join(struct flights *f, struct flight *x, struct flight_wait *w)
{
    w->flight = x;
    w->part = (uint32_t)(x->hash % PARTS);
    w->body = w->words = NULL;
    w->err = ERR_OK;
    w->next = NULL;
    w->prev = x->last;
    *(x->last != NULL ? &x->last->next : &x->first) = w;
    x->last = w;
    atomic_fetch_add_explicit(&f->waiting, 1, memory_order_relaxed);
}

static struct flight *create(uint64_t hash, struct str region, struct str key,
                             const struct stamp *stamp)
{
    struct flight *x = malloc(sizeof *x + region.len + key.len);
    if (x == NULL) {
        return NULL;
    }
    *x = (struct flight){
        .hash = hash, .stamp = *stamp, .region_len = region.len, .key_len = key.len};
    memcpy(x->bytes, region.ptr, region.len);
    memcpy(x->bytes + region.len, key.ptr, key.len);
    return x;
}

static void list(struct flights *f, struct flight *x)
{
    struct flight **chain = chain_of(f, x->hash);
    x->next = *chain;
    x->listed = true;
    *chain = x;
}

static struct flight *find(struct flights *f, uint64_t hash, struct str region, struct str key)
{
    struct flight *x = *chain_of(f, hash);
    while (x != NULL && !is_of(x, hash, region, key)) {
        x = x->next;
    }
    return x;
}

enum flight_role flight_join(struct flights *f, struct str region, struct cache_key key,
                             const struct slot_set *depends, struct flight_wait *w,
                             struct flight **out, struct stamp *stamp)
{
    uint64_t hash = hash_of(f, region, key);
    struct part *p = part_of(f, hash);
    enum flight_role role = FLIGHT_ALONE;
    pthread_mutex_lock(&p->lock);
    struct flight *x = find(f, hash, region, key.bytes);
    if (x != NULL && versions_hold(f->versions, &x->stamp)) {
        join(f, x, w);
        role = FLIGHT_WAIT;
    } else if (versions_stamp(f->versions, depends, stamp)) {
        struct flight *mine = create(hash, region, key.bytes, stamp);
        if (mine != NULL) {
            if (x != NULL) {
                unlist(f, x);
            }
            list(f, mine);
            *out = mine;
            role = FLIGHT_FLY;
        }
    }
    pthread_mutex_unlock(&p->lock);
    return role;
}

/* ---- the end ---- */

void flight_end(struct flights *f, struct flight *flight, enum flight_end end, enum err err,
                struct str text)
{
    struct part *p = part_of(f, flight->hash);
    uint64_t count = 0;
    pthread_mutex_lock(&p->lock);
    unlist(f, flight);
    for (struct flight_wait *w = flight->first; w != NULL; w = w->next) {
        w->flight = NULL;
        count++;
    }
    pthread_mutex_unlock(&p->lock);
    atomic_fetch_sub_explicit(&f->waiting, count, memory_order_relaxed);
    struct shared_bytes *b = NULL;
    if (count > 0 && end != FLIGHT_GONE) {
        b = shared_bytes_create(text);
        end = b != NULL ? end : FLIGHT_GONE;
    }
    struct flight_wait *next;
    for (struct flight_wait *w = flight->first; w != NULL; w = next) {
        next = w->next; /* w is its owner's again when it is woken */
        w->end = end;
        w->err = err;
        w->body = end == FLIGHT_LANDED ? shared_bytes_ref(b) : NULL;
        w->words = end == FLIGHT_FAILED ? shared_bytes_ref(b) : NULL;
        w->wake(w);
    }
    shared_bytes_unref(b);
    free(flight);
}

bool flight_leave(struct flights *f, struct flight_wait *w)
{
    struct part *p = &f->parts[w->part];
    pthread_mutex_lock(&p->lock);
    struct flight *x = w->flight;
    if (x != NULL) {
        *(w->prev != NULL ? &w->prev->next : &x->first) = w->next;
        *(w->next != NULL ? &w->next->prev : &x->last) = w->prev;
        w->flight = NULL;
        atomic_fetch_sub_explicit(&f->waiting, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&p->lock);
    return x != NULL;
}
