/* SPDX-License-Identifier: MIT
 *
 * cache/versions.c: the array of slots.
 *
 * The memory order is sequential: a raise must be seen by every lookup on whatever
 * thread that begins after the write was sent.
 */
#include "cache/versions.h"

#include "base/hash.h"
#include "cache/versions_parts.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Names are joined by hashing each with the hash so far as its seed: so that ("ab", "c")
 * is another thing than ("a", "bc"). */
uint32_t slot_of(enum slot_kind kind, const struct str *names, uint32_t count)
{
    uint64_t h = (uint64_t)kind + 1;
    for (uint32_t i = 0; i < count; i++) {
        h = hash_bytes(names[i], h);
    }
    if (kind == SLOT_KEY) {
        return SLOTS_COARSE + (uint32_t)(h % SLOTS_FINE);
    }
    return (uint32_t)(h % SLOTS_COARSE);
}

bool slot_set_add(struct slot_set *s, uint32_t slot)
{
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->slots[i] == slot) {
            return true;
        }
    }
    if (s->count == SLOT_SET_MAX) {
        return false;
    }
    s->slots[s->count++] = slot;
    return true;
}

struct versions *versions_create(void)
{
    return calloc(1, sizeof(struct versions)); /* pages that nobody writes cost nothing */
}

void versions_destroy(struct versions *v)
{
    free(v);
}

bool versions_stamp(const struct versions *v, const struct slot_set *s, struct stamp *out)
{
    if (s->count > STAMP_MAX) {
        return false;
    }
    out->era = atomic_load(&v->era);
    out->position = atomic_load(&v->ledger.position);
    out->epoch = atomic_load(&v->ledger.epoch);
    out->count = s->count;
    for (uint32_t i = 0; i < s->count; i++) {
        out->slots[i] = s->slots[i];
        out->words[i] = atomic_load(&v->words[s->slots[i]]);
        if ((out->words[i] & IN_FLIGHT) != 0) {
            return false;
        }
    }
    return true;
}

bool versions_hold_words(const struct versions *v, const uint32_t *slots, const uint64_t *words,
                         uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (atomic_load(&v->words[slots[i]]) != words[i]) {
            return false;
        }
    }
    return true;
}

bool versions_hold(const struct versions *v, const struct stamp *s)
{
    return versions_hold_words(v, s->slots, s->words, s->count) &&
           atomic_load(&v->era) == s->era;
}

static void add(struct versions *v, const struct slot_set *s, uint64_t change)
{
    for (uint32_t i = 0; i < s->count; i++) {
        atomic_fetch_add(&v->words[s->slots[i]], change);
    }
    ledger_mark(v, s);
}

void versions_raise(struct versions *v, const struct slot_set *s)
{
    add(v, s, ONE_VERSION + 1);
}

void versions_lower(struct versions *v, const struct slot_set *s)
{
    add(v, s, ONE_VERSION - 1);
}

void versions_bump(struct versions *v, const struct slot_set *s)
{
    add(v, s, ONE_VERSION);
}

void versions_void(struct versions *v, uint64_t now_ns)
{
    if (now_ns > atomic_load(&v->void_ns)) {
        atomic_store(&v->void_ns, now_ns);
    }
    atomic_fetch_add(&v->era, 1);
}

uint64_t versions_oldest(const struct versions *v, uint64_t now_ns)
{
    uint64_t oldest_ns = atomic_load(&v->void_ns);
    if (!ledger_on(v) || ledger_whole(v, now_ns)) {
        return oldest_ns;
    }
    uint64_t recent_ns = now_ns > LEDGER_APART_NS ? now_ns - LEDGER_APART_NS : 0;
    return recent_ns > oldest_ns ? recent_ns : oldest_ns;
}
