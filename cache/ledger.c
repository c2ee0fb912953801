/* SPDX-License-Identifier: MIT
 *
 * cache/ledger.c: bits of what is untold, and the place of each slot's last word.
 *
 * The memory order is sequential, as in versions.c. What the proofs below rest on: who
 * moves a slot changes its word first and sets its bit then; the teller clears the bit
 * first and reads the word then. So a bit that is not set means that the word that the
 * teller saw is the last one, or that its bit is about to be set; and as long as that is
 * not so, the word differs from told.word, and nobody uses what depends on it.
 */
#include "cache/ledger.h"

#include "cache/versions_parts.h"

static uint64_t bit_of(uint32_t slot)
{
    return UINT64_C(1) << (slot % 64);
}

bool ledger_on(const struct versions *v)
{
    return atomic_load_explicit(&v->ledger.on, memory_order_relaxed);
}

bool ledger_whole(const struct versions *v, uint64_t now_ns)
{
    return now_ns <= atomic_load(&v->ledger.whole_until_ns);
}

static void stir(struct ledger *l)
{
    /* Looking first spares all writers a line that they would take from each other. */
    if (!atomic_load(&l->stirred) && !atomic_exchange(&l->stirred, true)) {
        l->wake(l->wake_arg);
    }
}

void ledger_mark(struct versions *v, const struct slot_set *s)
{
    struct ledger *l = &v->ledger;
    if (!atomic_load(&l->on)) {
        return;
    }
    for (uint32_t i = 0; i < s->count; i++) {
        _Atomic uint64_t *word = &l->untold[s->slots[i] / 64];
        uint64_t bit = bit_of(s->slots[i]);
        if ((atomic_load(word) & bit) == 0) {
            atomic_fetch_or(word, bit);
        }
    }
    stir(l);
}

/* ---- what may be served ---- */

/* Whether all that was told of a slot stood at `position` or before, and none of it is
 * still to be told or under way. */
static bool slot_is_told(const struct versions *v, uint32_t slot, uint64_t position)
{
    const struct told *t = &v->ledger.told[slot];
    uint64_t word = atomic_load(&v->words[slot]);
    return (word & IN_FLIGHT) == 0 && atomic_load(&t->word) == word &&
           atomic_load(&t->position) <= position;
}

bool ledger_place(const struct versions *v, const struct stamp *s, struct ledger_place *out)
{
    *out = (struct ledger_place){.epoch = s->epoch, .position = s->position};
    for (uint32_t i = 0; i < s->count; i++) {
        if (!slot_is_told(v, s->slots[i], s->position)) {
            return false;
        }
    }
    return s->epoch != 0 && atomic_load(&v->era) == s->era;
}

/* Whether what was read at this position was read a moment ago. */
static bool is_recent(const struct ledger *l, uint64_t position, uint64_t now_ns)
{
    uint64_t ns = atomic_load(&l->recent_ns); /* first: a later position is only stricter */
    return ns != 0 && now_ns - ns <= LEDGER_APART_NS &&
           position >= atomic_load(&l->recent_position);
}

bool ledger_holds(const struct versions *v, struct ledger_place place,
                  const struct slot_set *slots, uint64_t now_ns)
{
    const struct ledger *l = &v->ledger;
    uint64_t floor = atomic_load(&l->floor);
    if (place.epoch == 0 || place.position < floor ||
        (!ledger_whole(v, now_ns) && !is_recent(l, place.position, now_ns))) {
        return false;
    }
    for (uint32_t i = 0; i < slots->count; i++) {
        if (!slot_is_told(v, slots->slots[i], place.position)) {
            return false;
        }
    }
    /* Last: while an epoch is changed the floor is above everything. */
    return atomic_load(&l->epoch) == place.epoch && atomic_load(&l->floor) == floor;
}

/* ---- the teller ---- */

void ledger_start(struct versions *v, void (*wake)(void *arg), void *arg)
{
    struct ledger *l = &v->ledger;
    l->wake = wake;
    l->wake_arg = arg;
    atomic_store(&l->stirred, true);
    atomic_store(&l->on, true);
    for (uint32_t i = 0; i < SLOT_COUNT; i++) { /* what moved while nobody was to hear it */
        if (atomic_load(&v->words[i]) != atomic_load(&l->told[i].word)) {
            atomic_fetch_or(&l->untold[i / 64], bit_of(i));
        }
    }
}

void ledger_stop(struct versions *v)
{
    atomic_store(&v->ledger.stirred, true); /* nobody is woken any more */
    atomic_store(&v->ledger.on, false);
}

bool ledger_has_untold(const struct versions *v)
{
    for (uint32_t i = 0; i < BITS_WORDS; i++) {
        if (atomic_load_explicit(&v->ledger.untold[i], memory_order_relaxed) != 0) {
            return true;
        }
    }
    return false;
}

bool ledger_has_raised(const struct versions *v)
{
    for (uint32_t i = 0; i < SLOT_COUNT; i++) {
        if ((atomic_load(&v->words[i]) & IN_FLIGHT) != 0) {
            return true;
        }
    }
    return false;
}

void ledger_remind(struct versions *v)
{
    struct ledger *l = &v->ledger;
    for (uint32_t i = 0; i < BITS_WORDS; i++) {
        for (uint64_t bits = l->under_way[i]; bits != 0; bits &= bits - 1) {
            uint32_t slot = i * 64 + (uint32_t)__builtin_ctzll(bits);
            if ((atomic_load(&v->words[slot]) & IN_FLIGHT) != 0) {
                atomic_fetch_or(&l->untold[i], bit_of(slot));
            } else {
                l->under_way[i] &= ~bit_of(slot); /* its lowering has set the bit itself */
            }
        }
    }
}

/* One slot goes into the batch, if there is room to name it. */
static void take(struct versions *v, uint32_t slot)
{
    struct ledger *l = &v->ledger;
    uint64_t word = atomic_load(&v->words[slot]);
    if ((word & IN_FLIGHT) != 0) {
        l->under_way[slot / 64] |= bit_of(slot);
    }
    atomic_store(&l->told[slot].position, TOLD_SOON); /* before its word: nobody uses it */
    atomic_store(&l->told[slot].word, word);
    if (l->batch.count < LEDGER_BATCH) {
        l->batch.slots[l->batch.count++] = slot;
        l->batch.kind = BATCH_SLOTS;
    } else {
        l->batch.kind = BATCH_ALL;
    }
}

const struct ledger_batch *ledger_collect(struct versions *v)
{
    struct ledger *l = &v->ledger;
    atomic_store(&l->stirred, false);
    l->batch.count = 0;
    l->batch.kind = BATCH_NONE;
    for (uint32_t i = 0; i < BITS_WORDS; i++) {
        if (atomic_load(&l->untold[i]) == 0) {
            continue;
        }
        uint64_t bits = atomic_exchange(&l->untold[i], 0);
        for (; bits != 0; bits &= bits - 1) {
            take(v, i * 64 + (uint32_t)__builtin_ctzll(bits));
        }
    }
    return &l->batch;
}

/* Calls `with` for each slot of the batch that is out, and there is none then. */
static void settle(struct versions *v, uint64_t position,
                   void (*with)(struct ledger *l, uint32_t slot, uint64_t position))
{
    struct ledger *l = &v->ledger;
    bool all = l->batch.kind == BATCH_ALL;
    uint32_t count = all ? SLOT_COUNT : l->batch.count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t slot = all ? i : l->batch.slots[i];
        if (atomic_load(&l->told[slot].position) == TOLD_SOON) {
            with(l, slot, position);
        }
    }
    l->batch.count = 0;
    l->batch.kind = BATCH_NONE;
}

static void confirm_one(struct ledger *l, uint32_t slot, uint64_t position)
{
    atomic_store(&l->told[slot].position, position);
}

void ledger_confirm(struct versions *v, uint64_t position)
{
    settle(v, position, confirm_one);
}

static void retract_one(struct ledger *l, uint32_t slot, uint64_t position)
{
    (void)position;
    atomic_fetch_or(&l->untold[slot / 64], bit_of(slot));
}

void ledger_retract(struct versions *v)
{
    settle(v, 0, retract_one);
}

void ledger_hear(struct versions *v, uint32_t slot, uint64_t position)
{
    struct told *t = &v->ledger.told[slot];
    uint64_t was = atomic_fetch_add(&v->words[slot], ONE_VERSION);
    if (atomic_load(&t->position) != TOLD_SOON) { /* else ours comes at a later position */
        atomic_store(&t->position, position);
    }
    if (atomic_load(&t->word) == was) { /* else there is something of ours to tell */
        atomic_store(&t->word, was + ONE_VERSION);
    }
}

void ledger_hear_all(struct versions *v, uint64_t position, uint64_t now_ns)
{
    atomic_store(&v->ledger.floor, position);
    versions_void(v, now_ns);
}

void ledger_advance(struct versions *v, uint64_t position)
{
    atomic_store(&v->ledger.position, position);
}

void ledger_missed(struct versions *v, struct ledger_place at, uint64_t now_ns)
{
    struct ledger *l = &v->ledger;
    versions_void(v, now_ns); /* and once more below: a stamp taken in between is torn */
    atomic_store(&l->floor, UINT64_MAX);
    atomic_store(&l->recent_ns, 0);
    if (atomic_load(&l->epoch) != at.epoch || at.position < atomic_load(&l->position)) {
        for (uint32_t i = 0; i < SLOT_COUNT; i++) { /* positions of another log */
            uint64_t was = atomic_load(&l->told[i].position);
            if (was != 0 && was != TOLD_SOON) {
                atomic_store(&l->told[i].position, 0);
            }
        }
    }
    atomic_store(&l->epoch, at.epoch);
    atomic_store(&l->position, at.position);
    atomic_store(&l->floor, at.position);
    versions_void(v, now_ns);
}

void ledger_promise(struct versions *v, uint64_t until_ns)
{
    if (until_ns > atomic_load(&v->ledger.whole_until_ns)) {
        atomic_store(&v->ledger.whole_until_ns, until_ns);
    }
}

void ledger_recent(struct versions *v, uint64_t position, uint64_t ns)
{
    atomic_store(&v->ledger.recent_position, position); /* before the time: see is_recent */
    atomic_store(&v->ledger.recent_ns, ns);
}
