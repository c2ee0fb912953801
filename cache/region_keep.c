/* SPDX-License-Identifier: MIT
 *
 * cache/region_keep.c: what is kept, and what has to go.
 *
 * S3-FIFO: who comes is put into a small queue (a tenth of the bytes); at its end who
 * was used meanwhile moves to the main queue, and the others leave, their hashes
 * remembered (cache/ghost.h): who comes back soon goes to the main queue at once. At the
 * end of that, who was used since takes another turn. So a run of things that are asked
 * for once passes through the small queue and harms nobody.
 *
 * What leaves is out of reach at once, but its memory is given back later, when no reader
 * can be at it; until then its bytes count.
 */
#include "base/hash.h"
#include "cache/region.h"
#include "cache/region_parts.h"

#include <assert.h>

#define SMALL_PART 10 /* of the bytes, one in so many */
#define DEAD_PART 64  /* of the bytes, one in so many may be dead before we wait for readers */
#define DEAD_BATCH 64 /* freed at once: each time costs a look at all readers */
#define PRESS 4 /* times its own bytes a fill may evict for want of a large enough piece, */
#define PRESS_PART 64   /* and one in so many of all */
#define WAITS 64        /* turns for readers to leave, before a fill is refused */
#define EVICT_LOOK 1000 /* items of a queue that an eviction looks at: some 50 µs */
#define LINES_MAX 4
#define SLICE 256 /* chains that are walked without giving the lock back */

/* ---- the dead ---- */

static void bury(struct region *r, struct item *i)
{
    i->next_dead = NULL;
    i->epoch = epoch_now(r->epoch);
    if (r->dead == NULL) {
        r->dead = i;
    } else {
        r->last_dead->next_dead = i;
    }
    r->last_dead = i;
    r->dead_count++;
    r->dead_bytes += heap_bytes(i);
}

static void free_dead(struct region *r)
{
    struct item *i = r->dead;
    r->dead = i->next_dead;
    r->dead_count--;
    r->dead_bytes -= heap_bytes(i);
    heap_give(&r->heap, i);
}

/* Frees what nobody can see any more. */
static void collect(struct region *r)
{
    if (r->dead == NULL) {
        return;
    }
    uint64_t oldest = epoch_turn(r->epoch);
    while (r->dead != NULL && r->dead->epoch < oldest) {
        free_dead(r);
    }
}

/* ---- queues ---- */

static void queue_push(struct region *r, struct entry *e, enum queue_kind kind)
{
    struct queue *q = &r->queues[kind];
    e->queue = kind;
    e->item.newer = NULL;
    e->item.older = q->newest;
    if (q->newest == NULL) {
        q->oldest = e;
    } else {
        q->newest->item.newer = e;
    }
    q->newest = e;
    q->bytes += heap_bytes(e);
    q->count++;
}

static void queue_remove(struct region *r, struct entry *e)
{
    struct queue *q = &r->queues[e->queue];
    struct entry *newer = e->item.newer, *older = e->item.older;
    *(newer == NULL ? &q->newest : &newer->item.older) = older;
    *(older == NULL ? &q->oldest : &older->item.newer) = newer;
    q->bytes -= heap_bytes(e);
    q->count--;
}

/* ---- leaving ---- */

static void line_remove(struct region *r, struct line *l)
{
    table_remove(&r->table, &l->item.node);
    bury(r, &l->item);
}

/* Out of the table and its queue; its lines are somebody else's or gone. */
static void entry_remove(struct region *r, struct entry *e)
{
    table_remove(&r->table, &e->item.node);
    queue_remove(r, e);
    bury(r, &e->item);
}

static void drop(struct region *r, struct entry *e)
{
    while (e->lines != NULL) {
        struct line *l = e->lines;
        e->lines = l->item.next;
        line_remove(r, l);
    }
    entry_remove(r, e);
}

/* Drops it if it will never be found again. */
static bool drop_useless(struct region *r, struct entry *e, uint64_t now_ns)
{
    bool old = now_ns >= e->expires_ns;
    if (!old && entry_holds(e, r->versions)) {
        return false;
    }
    if (e->queue == QUEUE_MAIN) {
        ghost_add(&r->ghost, e->item.node.hash); /* it may come back, in a new version */
    }
    *(old ? &r->dropped_old : &r->dropped_invalid) += 1;
    drop(r, e);
    return true;
}

static uint8_t uses_of(const struct entry *e)
{
    return atomic_load_explicit(&e->uses, memory_order_relaxed);
}

static void set_uses(struct entry *e, unsigned uses)
{
    atomic_store_explicit(&e->uses, (uint8_t)uses, memory_order_relaxed);
}

static void to_main(struct region *r, struct entry *e, unsigned uses)
{
    queue_remove(r, e);
    set_uses(e, uses);
    queue_push(r, e, QUEUE_MAIN);
}

/* true: one has gone; false: the queue is empty. */
static bool evict_small(struct region *r, uint64_t now_ns)
{
    struct entry *e;
    for (int i = 0; (e = r->queues[QUEUE_SMALL].oldest) != NULL; i++) {
        if (drop_useless(r, e, now_ns)) {
            return true;
        }
        if (uses_of(e) == 0 || i == EVICT_LOOK) {
            ghost_add(&r->ghost, e->item.node.hash);
            r->evicted++;
            drop(r, e);
            return true;
        }
        to_main(r, e, 0);
    }
    return false;
}

static bool evict_main(struct region *r, uint64_t now_ns)
{
    struct entry *e;
    for (int i = 0; (e = r->queues[QUEUE_MAIN].oldest) != NULL; i++) {
        if (drop_useless(r, e, now_ns)) {
            return true;
        }
        if (uses_of(e) == 0 || i == EVICT_LOOK) {
            r->evicted++;
            drop(r, e);
            return true;
        }
        to_main(r, e, uses_of(e) - 1u);
    }
    return false;
}

/* What nobody can find is the first to go, if it stands at an end. */
static bool evict_useless(struct region *r, uint64_t now_ns)
{
    for (int i = 0; i < QUEUE_COUNT; i++) {
        struct entry *e = r->queues[i].oldest;
        if (e != NULL && drop_useless(r, e, now_ns)) {
            return true;
        }
    }
    return false;
}

static bool evict(struct region *r, uint64_t now_ns)
{
    const struct queue *small = &r->queues[QUEUE_SMALL];
    if (evict_useless(r, now_ns)) {
        return true;
    }
    if (small->bytes > r->heap.size / SMALL_PART && evict_small(r, now_ns)) {
        return true;
    }
    return evict_main(r, now_ns) || evict_small(r, now_ns);
}

/* ---- room ---- */

static size_t alive_bytes(const struct region *r)
{
    return r->heap.used - r->dead_bytes;
}

/* Readers are inside for the time of a lookup, unless the kernel has taken the processor
 * from one just then: so it is tried a few times, and not until they have left. */
static void *take_from_dead(struct region *r, size_t size)
{
    void *p = NULL;
    for (int i = 0; i < WAITS && p == NULL && r->dead != NULL; i++) {
        collect(r);
        p = heap_take(&r->heap, size);
    }
    return p;
}

/* There is room, but it is in the hands of the dead or in pieces. Evicting more makes larger
 * ones, but a fill is not worth any number of others. */
static void *press(struct region *r, size_t size, uint64_t now_ns)
{
    size_t before = alive_bytes(r), most = PRESS * heap_need(size) + r->heap.size / PRESS_PART;
    void *p = take_from_dead(r, size);
    while (p == NULL && before - alive_bytes(r) < most &&
           r->dead_bytes <= r->heap.size / DEAD_PART && evict(r, now_ns)) {
        p = take_from_dead(r, size);
    }
    return p;
}

/* Memory for something new, in the place of what is worth the least; or NULL. */
static void *make_room(struct region *r, size_t size, uint64_t now_ns)
{
    size_t need = heap_need(size), alive_max = r->heap.size - r->heap.size / DEAD_PART;
    if (size > alive_max || need > alive_max) {
        return NULL;
    }
    while (alive_bytes(r) + need > alive_max) {
        if (!evict(r, now_ns)) {
            return NULL;
        }
    }
    if (r->dead_count >= DEAD_BATCH) {
        collect(r);
    }
    void *p = heap_take(&r->heap, size);
    return p != NULL ? p : press(r, size, now_ns);
}

/* ---- lines ---- */

static void line_link(struct line *l, struct entry *e)
{
    l->item.next = e->lines;
    e->lines = l;
    e->line_count++;
}

static void line_unlink(struct line *l, struct entry *e)
{
    struct line **at = &e->lines;
    while (*at != l) {
        at = &(*at)->item.next;
    }
    *at = l->item.next;
    e->line_count--;
}

static void drop_oldest_line(struct region *r, struct entry *e)
{
    struct line *l = e->lines;
    while (l->item.next != NULL) {
        l = l->item.next;
    }
    line_unlink(l, e);
    line_remove(r, l);
}

/* The lines of an entry lead to the one that takes its place. */
static void lines_move(struct entry *from, struct entry *to)
{
    for (struct line *l = from->lines; l != NULL; l = l->item.next) {
        atomic_store(&l->entry, to);
    }
    to->lines = from->lines;
    to->line_count = from->line_count;
    from->lines = NULL;
}

static bool line_wanted(struct region *r, const struct entry *e, struct str text, uint64_t hash)
{
    if (e == NULL) {
        return false;
    }
    struct line *l = find_line(&r->table, text, hash);
    return l == NULL || atomic_load(&l->entry) != e;
}

/* An older line of these bytes led elsewhere. */
static void line_keep(struct region *r, struct line *l, struct entry *e)
{
    struct line *same = find_line(&r->table, (struct str){l->text, l->len}, l->item.node.hash);
    if (same != NULL) {
        line_unlink(same, atomic_load(&same->entry));
        line_remove(r, same);
    }
    if (e->line_count == LINES_MAX) {
        drop_oldest_line(r, e);
    }
    line_link(l, e);
    table_add(&r->table, &l->item.node);
}

/* A line is short: it is copied under the lock. Making room for it may drop the entry. */
static void line_put(struct region *r, struct cache_key key, struct str text, uint64_t hash)
{
    if (!line_wanted(r, find_entry(&r->table, key), text, hash)) {
        return;
    }
    struct line *l = make_room(r, line_size(text), 0);
    struct entry *e = find_entry(&r->table, key);
    if (l != NULL && e != NULL) {
        line_init(l, text, hash, e);
        line_keep(r, l, e);
    } else if (l != NULL) {
        heap_give(&r->heap, l);
    }
}

void region_add_line(struct region *r, struct cache_key key, struct str line)
{
    uint64_t hash = hash_bytes(line, r->line_seed);
    if (line.len > r->max_entry_bytes) {
        return;
    }
    pthread_mutex_lock(&r->lock);
    line_put(r, key, line, hash);
    pthread_mutex_unlock(&r->lock);
}

/* ---- filling ---- */

/* Where a new entry begins: in the place of the one before it; or, if it was thrown out
 * lately, in the main queue. */
static enum queue_kind queue_for(struct region *r, const struct entry *before, uint64_t hash)
{
    if (before != NULL) {
        return before->queue;
    }
    uint64_t most = r->queues[QUEUE_MAIN].count + r->queues[QUEUE_SMALL].count;
    return ghost_take(&r->ghost, hash, most) ? QUEUE_MAIN : QUEUE_SMALL;
}

/* false: there is a newer one. */
static bool keep(struct region *r, struct entry *e, uint64_t now_ns)
{
    struct cache_key key = {entry_key(e), e->item.node.hash};
    struct entry *before = find_entry(&r->table, key);
    if (before != NULL && before->read_ns > e->read_ns && now_ns < before->expires_ns &&
        entry_holds(before, r->versions)) {
        return false;
    }
    queue_push(r, e, queue_for(r, before, key.hash));
    table_add(&r->table, &e->item.node);
    if (before != NULL) {
        set_uses(e, uses_of(before));
        lines_move(before, e);
        entry_remove(r, before);
    }
    r->fills++;
    return true;
}

static bool may_keep(const struct region *r, const struct region_fill *fill, uint64_t now_ns)
{
    return fill->body.len <= r->max_entry_bytes && now_ns < fill->expires_ns &&
           versions_hold(r->versions, &fill->stamp);
}

/* The lock is not held while the entry is written. */
static bool put_entry(struct region *r, const struct region_fill *fill, uint64_t now_ns)
{
    pthread_mutex_lock(&r->lock);
    struct entry *e = may_keep(r, fill, now_ns) ? make_room(r, entry_size(fill), now_ns) : NULL;
    r->refused += e == NULL;
    pthread_mutex_unlock(&r->lock);
    if (e == NULL) {
        return false;
    }
    entry_init(e, fill);
    pthread_mutex_lock(&r->lock);
    if (!keep(r, e, now_ns)) {
        heap_give(&r->heap, e);
    }
    pthread_mutex_unlock(&r->lock);
    return true;
}

bool region_put(struct region *r, const struct region_fill *fill, uint64_t now_ns)
{
    bool kept = put_entry(r, fill, now_ns);
    if (kept && fill->line.len > 0) {
        region_add_line(r, fill->key, fill->line);
    }
    return kept;
}

bool region_take_lease(struct region *r, struct cache_key key, uint64_t now_ns,
                       uint64_t until_ns)
{
    pthread_mutex_lock(&r->lock);
    struct entry *e = find_entry(&r->table, key);
    bool taken = e != NULL && e->lease_ns <= now_ns;
    if (taken) {
        e->lease_ns = until_ns;
    }
    pthread_mutex_unlock(&r->lock);
    return taken;
}

/* ---- dropping ---- */

/* Drops what is useless in a chain; at UINT64_MAX that is all. A node keeps its `next` when
 * it is taken out, and none is freed meanwhile. */
static void sweep_chain(struct region *r, size_t chain, uint64_t now_ns)
{
    for (struct node *n = table_first(&r->table, chain); n != NULL; n = node_next(n)) {
        struct entry *e = (struct entry *)n;
        if (e->item.kind == ITEM_ENTRY) {
            drop_useless(r, e, now_ns);
        }
    }
}

static void sweep(struct region *r, size_t from, size_t count, uint64_t now_ns)
{
    for (size_t done = 0; done < count; done += SLICE) {
        pthread_mutex_lock(&r->lock);
        for (size_t i = done; i < done + SLICE && i < count; i++) {
            sweep_chain(r, (from + i) & r->table.mask, now_ns);
        }
        collect(r);
        pthread_mutex_unlock(&r->lock);
    }
}

void region_clear(struct region *r)
{
    sweep(r, 0, r->table.mask + 1, UINT64_MAX);
    pthread_mutex_lock(&r->lock);
    if (r->heap.used == 0) {
        heap_release(&r->heap);
    }
    pthread_mutex_unlock(&r->lock);
}

#define TEND_PART 32 /* of the chains, one in so many each time */
#define TEND_MIN 4096

void region_tend(struct region *r, uint64_t now_ns)
{
    size_t chains = r->table.mask + 1;
    size_t count = chains / TEND_PART > TEND_MIN ? chains / TEND_PART : TEND_MIN;
    pthread_mutex_lock(&r->lock);
    size_t from = r->swept;
    r->swept += count;
    pthread_mutex_unlock(&r->lock);
    sweep(r, from, count < chains ? count : chains, now_ns);
}
