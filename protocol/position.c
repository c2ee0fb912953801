/* SPDX-License-Identifier: MIT
 *
 * protocol/position.c: positions as text, and which of two is further.
 */
#include "protocol/position.h"

#include <stdio.h>
#include <string.h>

static const char *const prefixes[] = {
    [POSITION_NONE] = "", [POSITION_LSN] = "pg:", [POSITION_GTID] = "maria:"};

static int digit_of(char c)
{
    char lower = (char)(c | 0x20);
    return c >= '0' && c <= '9'           ? c - '0'
           : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10
                                          : 16;
}

/* Takes a number off the front of s: at least one digit, at most `most`. */
static bool take_number(struct str *s, int base, uint64_t most, uint64_t *out)
{
    size_t n = 0;
    uint64_t value = 0;
    for (; n < s->len && digit_of(s->ptr[n]) < base; n++) {
        uint64_t digit = (uint64_t)digit_of(s->ptr[n]);
        if (n >= 20 || value > (most - digit) / (uint64_t)base) {
            return false;
        }
        value = value * (uint64_t)base + digit;
    }
    *s = (struct str){s->ptr + n, s->len - n};
    *out = value;
    return n > 0;
}

static bool take_char(struct str *s, char c)
{
    if (s->len == 0 || s->ptr[0] != c) {
        return false;
    }
    *s = (struct str){s->ptr + 1, s->len - 1};
    return true;
}

/* lsn := hex{1,8} "/" hex{1,8} */
static bool read_lsn(struct str s, struct position *out)
{
    uint64_t high, low;
    if (!take_number(&s, 16, UINT32_MAX, &high) || !take_char(&s, '/') ||
        !take_number(&s, 16, UINT32_MAX, &low) || s.len > 0) {
        return false;
    }
    out->lsn = high << 32 | low;
    return true;
}

/* gtid := domain "-" server "-" sequence */
static bool take_gtid(struct str *s, struct gtid *out)
{
    uint64_t domain, server, sequence;
    if (!take_number(s, 10, UINT32_MAX, &domain) || !take_char(s, '-') ||
        !take_number(s, 10, UINT32_MAX, &server) || !take_char(s, '-') ||
        !take_number(s, 10, UINT64_MAX, &sequence)) {
        return false;
    }
    *out = (struct gtid){(uint32_t)domain, (uint32_t)server, sequence};
    return true;
}

static struct gtid *of_domain(const struct position *p, uint32_t domain)
{
    for (uint32_t i = 0; i < p->gtid_count; i++) {
        if (p->gtids[i].domain == domain) {
            return (struct gtid *)(uintptr_t)&p->gtids[i];
        }
    }
    return NULL;
}

static bool read_gtids(struct str s, struct position *out)
{
    do {
        struct gtid g;
        if (out->gtid_count == POSITION_DOMAINS || !take_gtid(&s, &g) ||
            of_domain(out, g.domain) != NULL) {
            return false;
        }
        out->gtids[out->gtid_count++] = g;
    } while (take_char(&s, ','));
    return s.len == 0;
}

bool position_read(enum position_kind kind, struct str text, struct position *out)
{
    struct position p = {.kind = kind};
    bool ok = false;
    switch (kind) {
    case POSITION_LSN:
        ok = read_lsn(text, &p);
        break;
    case POSITION_GTID:
        ok = read_gtids(text, &p);
        break;
    case POSITION_NONE:
        break;
    }
    *out = ok ? p : (struct position){.kind = POSITION_NONE};
    return ok;
}

bool position_parse(struct str text, struct position *out)
{
    for (int kind = POSITION_LSN; kind <= (int)POSITION_GTID; kind++) {
        struct str prefix = str_of(prefixes[kind]);
        if (str_starts(text, prefix)) {
            struct str rest = {text.ptr + prefix.len, text.len - prefix.len};
            return position_read((enum position_kind)kind, rest, out);
        }
    }
    return false;
}

void position_write(const struct position *p, char out[POSITION_TEXT_BYTES])
{
    int n = snprintf(out, POSITION_TEXT_BYTES, "%s", prefixes[p->kind]);
    if (p->kind == POSITION_LSN) {
        snprintf(out + n, POSITION_TEXT_BYTES - (size_t)n, "%X/%X", (unsigned)(p->lsn >> 32),
                 (unsigned)(p->lsn & UINT32_MAX));
    }
    for (uint32_t i = 0; p->kind == POSITION_GTID && i < p->gtid_count; i++) {
        const struct gtid *g = &p->gtids[i];
        n += snprintf(out + n, POSITION_TEXT_BYTES - (size_t)n, "%s%u-%u-%llu",
                      i > 0 ? "," : "", g->domain, g->server, (unsigned long long)g->sequence);
    }
}

struct str position_native(const char *text)
{
    const char *colon = strchr(text, ':');
    return str_of(colon == NULL ? text : colon + 1);
}

bool position_covers(const struct position *have, const struct position *want)
{
    if (have->kind != want->kind || want->kind == POSITION_NONE) {
        return false;
    }
    if (want->kind == POSITION_LSN) {
        return have->lsn >= want->lsn;
    }
    for (uint32_t i = 0; i < want->gtid_count; i++) {
        const struct gtid *g = of_domain(have, want->gtids[i].domain);
        if (g == NULL || g->sequence < want->gtids[i].sequence) {
            return false;
        }
    }
    return true;
}

void position_raise(struct position *p, const struct position *to)
{
    if (to->kind == POSITION_NONE) {
        return;
    }
    if (p->kind != to->kind) {
        *p = *to;
        return;
    }
    if (to->kind == POSITION_LSN) {
        p->lsn = to->lsn > p->lsn ? to->lsn : p->lsn;
        return;
    }
    for (uint32_t i = 0; i < to->gtid_count; i++) {
        struct gtid *g = of_domain(p, to->gtids[i].domain);
        if (g != NULL) {
            *g = to->gtids[i].sequence > g->sequence ? to->gtids[i] : *g;
        } else if (p->gtid_count < POSITION_DOMAINS) {
            p->gtids[p->gtid_count++] = to->gtids[i];
        } else {
            *p = *to; /* the later of the two; who has it need not have the other */
        }
    }
}
