/* SPDX-License-Identifier: MIT
 *
 * cache/members.c: reads and writes messages, and keeps the list of members.
 */
#include "cache/members.h"

#include <inttypes.h>
#include <string.h>

enum kind { KIND_BEAT, KIND_SLOTS, KIND_LEAVE };

static const char *const kinds[] = {"beat", "slots", "leave"};
#define KIND_COUNT ((uint32_t)KIND_LEAVE + 1)

/* A message, read. `slots` is what stands behind its head. */
struct message_in {
    struct ledger_place at;
    enum kind kind;
    uint64_t id, number, seen;
    struct str slots;
};

void members_init(struct members *m, struct versions *v, uint64_t id, uint64_t forget_ns)
{
    *m = (struct members){.versions = v, .id = id, .forget_ns = forget_ns};
}

/* ---- reading ---- */

/* Cuts the first word off. */
static struct str word_cut(struct str *s)
{
    ptrdiff_t end = str_find(*s, ' ', 0);
    struct str word = {s->ptr, end < 0 ? s->len : (size_t)end};
    size_t used = word.len + (end >= 0);
    *s = (struct str){s->ptr + used, s->len - used};
    return word;
}

static bool cut_hex(struct str *s, uint64_t *out)
{
    struct str w = word_cut(s);
    if (w.len != 16) {
        return false;
    }
    *out = 0;
    for (size_t i = 0; i < w.len; i++) {
        char c = w.ptr[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) {
            return false;
        }
        *out = *out << 4 | (uint64_t)digit;
    }
    return *out != 0;
}

static bool cut_number(struct str *s, uint64_t *out)
{
    int64_t n;
    if (!str_to_i64(word_cut(s), &n) || n < 0) {
        return false;
    }
    *out = (uint64_t)n;
    return true;
}

static bool cut_kind(struct str *s, enum kind *out)
{
    struct str w = word_cut(s);
    for (uint32_t i = 0; i < KIND_COUNT; i++) {
        if (str_is(w, kinds[i])) {
            *out = (enum kind)i;
            return true;
        }
    }
    return false;
}

static bool read_message(struct str text, struct message_in *out)
{
    out->slots = text;
    return cut_hex(&out->slots, &out->at.epoch) && cut_number(&out->slots, &out->at.position) &&
           cut_kind(&out->slots, &out->kind) && cut_hex(&out->slots, &out->id) &&
           cut_number(&out->slots, &out->number) && cut_number(&out->slots, &out->seen);
}

/* ---- members ---- */

static struct member *find(struct members *m, uint64_t id)
{
    for (uint32_t i = 0; i < m->count; i++) {
        if (m->list[i].id == id) {
            return &m->list[i];
        }
    }
    return NULL;
}

void members_register(struct members *m, uint64_t id, uint64_t now_ns)
{
    if (id == m->id || find(m, id) != NULL) {
        return;
    }
    if (m->count == MEMBERS_MAX) {
        m->crowded = true;
        return;
    }
    m->list[m->count++] = (struct member){.id = id, .since_ns = now_ns};
}

static void strike(struct members *m, struct member *who)
{
    *who = m->list[--m->count];
}

static void miss(struct members *m, uint64_t now_ns)
{
    m->counts.missed++;
    ledger_missed(m->versions, m->at, now_ns);
}

void members_join(struct members *m, struct ledger_place at, uint64_t now_ns)
{
    bool missed = at.epoch != m->at.epoch || at.position != m->at.position;
    m->at = at;
    m->joined = true;
    m->crowded = false;
    m->fresh_ns = 0;
    m->ring_next = 0;
    memset(m->ring, 0, sizeof m->ring);
    for (uint32_t i = 0; i < m->count; i++) {
        m->list[i].since_ns = now_ns;
        m->list[i].fresh_ns = 0;
    }
    if (missed) {
        miss(m, now_ns);
    }
    m->told_ns = m->beat_ns = 0;
}

void members_part(struct members *m)
{
    m->joined = false;
    if (m->out_number != 0) { /* nobody knows whether it was sent */
        m->out_number = 0;
        ledger_retract(m->versions);
    }
}

bool members_forget(struct members *m, uint64_t now_ns, uint64_t *id)
{
    for (uint32_t i = 0; m->joined && i < m->count; i++) {
        struct member *who = &m->list[i];
        uint64_t last_ns = who->fresh_ns > who->since_ns ? who->fresh_ns : who->since_ns;
        if (now_ns > last_ns && now_ns - last_ns > m->forget_ns) {
            *id = who->id;
            strike(m, who);
            m->counts.forgotten++;
            miss(m, now_ns); /* what it sent to a database has taken effect, and was not told */
            return true;
        }
    }
    return false;
}

static bool is_silent(const struct member *who, uint64_t now_ns)
{
    return who->fresh_ns == 0 || now_ns > who->fresh_ns + PROMISE_NS;
}

uint32_t members_silent(const struct members *m, uint64_t now_ns)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->count; i++) {
        n += is_silent(&m->list[i], now_ns);
    }
    return n;
}

/* ---- what is heard ---- */

/* When we sent the latest of our messages at `position` or before it; 0: long ago. */
static uint64_t sent_by(const struct members *m, uint64_t position)
{
    uint64_t ns = 0;
    for (uint32_t i = 0; i < MEMBERS_RING; i++) {
        const struct member_echo *e = &m->ring[i];
        ns = e->position <= position && e->sent_ns > ns ? e->sent_ns : ns;
    }
    return ns;
}

/* Tells readers how far they may trust: by the member that we know least of. */
static void promise(struct members *m, uint64_t now_ns)
{
    uint64_t least_ns = m->crowded ? 0 : m->fresh_ns;
    for (uint32_t i = 0; i < m->count; i++) {
        least_ns = m->list[i].fresh_ns < least_ns ? m->list[i].fresh_ns : least_ns;
    }
    if (least_ns != 0) {
        ledger_promise(m->versions, least_ns + PROMISE_NS);
    }
    const struct member_echo *recent = NULL;
    for (uint32_t i = 0; i < MEMBERS_RING; i++) {
        const struct member_echo *e = &m->ring[i];
        if (e->sent_ns != 0 && now_ns - e->sent_ns < LEDGER_APART_NS / 2 &&
            (recent == NULL || e->sent_ns < recent->sent_ns)) {
            recent = e;
        }
    }
    if (recent != NULL) {
        ledger_recent(m->versions, recent->position, recent->sent_ns);
    }
}

static void hear_slots(struct members *m, const struct message_in *in, uint64_t now_ns)
{
    struct str rest = in->slots;
    while (rest.len > 0) {
        struct str word = word_cut(&rest);
        int64_t slot;
        if (str_to_i64(word, &slot) && slot >= 0 && slot < SLOT_COUNT) {
            ledger_hear(m->versions, (uint32_t)slot, in->at.position);
            m->counts.slots_heard++;
        } else { /* `all`, or words of a version that we do not know: as careful */
            ledger_hear_all(m->versions, in->at.position, now_ns);
        }
    }
}

static void hear_own(struct members *m, const struct message_in *in)
{
    if (in->number != m->out_number) {
        return; /* sent before we parted, and told again */
    }
    m->out_number = 0;
    ledger_confirm(m->versions, in->at.position);
    m->fresh_ns = m->out_ns;
    if (in->kind == KIND_BEAT) {
        m->ring[m->ring_next++ % MEMBERS_RING] =
            (struct member_echo){in->at.position, m->out_ns};
    }
}

static void hear_other(struct members *m, const struct message_in *in, uint64_t now_ns)
{
    m->counts.heard++;
    members_register(m, in->id, now_ns);
    hear_slots(m, in, now_ns);
    struct member *who = find(m, in->id);
    if (who == NULL) {
        return; /* crowded */
    }
    if (in->kind == KIND_LEAVE) {
        strike(m, who);
    } else if (in->kind == KIND_BEAT) { /* others may not hold all that it has to tell */
        uint64_t ns = sent_by(m, in->seen);
        who->fresh_ns = ns > who->fresh_ns ? ns : who->fresh_ns;
    }
}

enum heard members_hear(struct members *m, struct str text, uint64_t now_ns)
{
    struct message_in in;
    if (!m->joined) {
        return HEARD_NOTHING;
    }
    if (!read_message(text, &in)) {
        m->counts.unread++;
        return HEARD_NOTHING;
    }
    if (in.at.epoch != m->at.epoch) {
        return HEARD_ANEW;
    }
    if (in.at.position <= m->at.position) {
        return HEARD_NOTHING;
    }
    if (in.at.position != m->at.position + 1) {
        m->at.position = in.at.position - 1;
        miss(m, now_ns);
    }
    if (in.id == m->id) {
        hear_own(m, &in);
    } else {
        hear_other(m, &in, now_ns);
    }
    m->at.position = in.at.position;
    ledger_advance(m->versions, m->at.position);
    promise(m, now_ns);
    return HEARD;
}

/* ---- what is told ---- */

uint64_t members_due(const struct members *m)
{
    if (!m->joined || m->out_number != 0) {
        return UINT64_MAX;
    }
    uint64_t beat_ns = m->beat_ns + BEAT_NS;
    uint64_t slots_ns = m->told_ns + TELL_GAP_NS;
    return slots_ns < beat_ns && ledger_has_untold(m->versions) ? slots_ns : beat_ns;
}

static void write_message(struct members *m, enum kind kind, struct buf *out)
{
    const struct ledger_batch *b = ledger_collect(m->versions);
    buf_printf(out, "%s %016" PRIx64 " %" PRIu64 " %" PRIu64, kinds[kind], m->id, ++m->number,
               m->at.position);
    if (b->kind == BATCH_ALL) {
        BUF_LIT(out, " all");
    }
    for (uint32_t i = 0; b->kind == BATCH_SLOTS && i < b->count; i++) {
        buf_printf(out, " %" PRIu32, b->slots[i]);
    }
    m->out_number = m->number;
    m->counts.told++;
    m->counts.slots_told += b->count;
    if (out->failed) {
        m->out_number = 0;
        ledger_retract(m->versions);
    }
}

bool members_tell(struct members *m, uint64_t now_ns, struct buf *out)
{
    if (now_ns < members_due(m) || !m->joined || m->out_number != 0) {
        return false;
    }
    enum kind kind = now_ns >= m->beat_ns + BEAT_NS ? KIND_BEAT : KIND_SLOTS;
    if (kind == KIND_BEAT) {
        m->beat_ns = now_ns;
        ledger_remind(m->versions);
    }
    m->told_ns = m->out_ns = now_ns;
    write_message(m, kind, out);
    return m->out_number != 0;
}

bool members_leave(struct members *m, struct buf *out)
{
    if (!m->joined || m->out_number != 0 || ledger_has_raised(m->versions)) {
        return false;
    }
    write_message(m, KIND_LEAVE, out);
    return m->out_number != 0;
}

bool members_stuck(const struct members *m, uint64_t now_ns)
{
    return m->joined && m->out_number != 0 && now_ns > m->out_ns + STUCK_NS;
}
