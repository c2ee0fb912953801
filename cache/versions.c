/* SPDX-License-Identifier: MIT
 *
 * cache/versions.c: the array of slots.
 *
 * The memory order is sequential: a raise must be seen by every lookup on whatever
 * thread that begins after the write was sent.
 */
#include "cache/versions.h"

#include "base/hash.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define ONE_VERSION (UINT64_C(1) << 24)
#define IN_FLIGHT (ONE_VERSION - 1)

struct versions {
    _Atomic uint64_t words[SLOT_COUNT];
};

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
    return versions_hold_words(v, s->slots, s->words, s->count);
}

static void add(struct versions *v, const struct slot_set *s, uint64_t change)
{
    for (uint32_t i = 0; i < s->count; i++) {
        atomic_fetch_add(&v->words[s->slots[i]], change);
    }
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
