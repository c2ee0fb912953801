/* SPDX-License-Identifier: MIT
 *
 * bench/load_lines.c: one JSON object per line, with and without `id`.
 *
 * Each connection's requests have ids 0, 4, 8 …: four for each slot, because a
 * transaction is three lines. What stands between the id and the first cell is the
 * same in all right replies to a statement: it is looked at closely once, kept as the
 * statement's head, and compared from then on.
 */
#include "bench/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDS_PER_SLOT 4

/* ---- requests ---- */

static void add_key(struct load_conn *c, const struct load_statement *st, uint32_t key)
{
    buf_add(&c->out, st->json, strlen(st->json));
    buf_u64(&c->out, key);
    buf_add(&c->out, st->json_end, strlen(st->json_end));
}

static void add_id(struct load_conn *c, uint32_t id)
{
    BUF_LIT(&c->out, "{\"id\":");
    buf_u64(&c->out, id);
    buf_char(&c->out, ',');
}

/* All three lines leave in one write. */
static void add_transaction(struct load_conn *c, uint32_t slot, const struct load_statement *st)
{
    uint32_t id = slot * IDS_PER_SLOT;
    add_id(c, id);
    buf_printf(&c->out, "\"op\":\"begin\",\"tx\":\"t%u\"}\n", slot);
    add_id(c, id + 1);
    buf_printf(&c->out, "\"tx\":\"t%u\",", slot);
    add_key(c, st, c->slots[slot].key);
    add_id(c, id + 2);
    buf_printf(&c->out, "\"op\":\"commit\",\"tx\":\"t%u\"}\n", slot);
    c->slots[slot].owed = 3;
}

static void request_id(struct load_conn *c, uint32_t slot)
{
    const struct load_statement *st = load_statement_of(c, slot);
    if (st->kind == LOAD_TX) {
        add_transaction(c, slot, st);
        return;
    }
    add_id(c, slot * IDS_PER_SLOT);
    add_key(c, st, c->slots[slot].key);
}

static void request(struct load_conn *c, uint32_t slot)
{
    buf_char(&c->out, '{');
    add_key(c, load_statement_of(c, slot), c->slots[slot].key);
}

/* ---- replies ---- */

static bool take_line(struct load_conn *c, struct str *line)
{
    const char *end = c->in.len == 0 ? NULL : memchr(c->in.ptr, '\n', c->in.len);
    if (end == NULL) {
        return false;
    }
    *line = (struct str){c->in.ptr, (size_t)(end - c->in.ptr)};
    load_skip(c, line->len + 1);
    return true;
}

static bool contains(struct str s, const char *what)
{
    return memmem(s.ptr, s.len, what, strlen(what)) != NULL;
}

/* The head of a reply with rows, kept if it is one. */
static bool learn_head(struct load_head *h, struct str body)
{
    const char *rows = memmem(body.ptr, body.len, "\"rows\":[[", 9);
    size_t len = rows == NULL ? 0 : (size_t)(rows + 9 - body.ptr);
    if (len == 0 || len > sizeof h->text || contains(body, "\"error\"")) {
        return false;
    }
    memcpy(h->text, body.ptr, len);
    h->len = len;
    return true;
}

/* Without what the reply says of the result cache, which differs from one to the next. */
static struct str behind_cache(struct str body)
{
    static const char key[] = {'"', 'c', 'a', 'c', 'h', 'e', '"', ':'};
    if (body.len < sizeof key || memcmp(body.ptr, key, sizeof key) != 0) {
        return body;
    }
    const char *comma = memchr(body.ptr, ',', body.len);
    size_t skip = comma == NULL ? 0 : (size_t)(comma - body.ptr) + 1;
    return (struct str){body.ptr + skip, body.len - skip};
}

/* …[[first cell, …"rowcount":n} */
static bool right_rows(struct load_conn *c, uint32_t slot, struct str body)
{
    const struct load_statement *st = load_statement_of(c, slot);
    struct load_head *h = &c->heads[c->slots[slot].statement];
    if (h->len == 0 && !learn_head(h, body)) {
        return false;
    }
    char cell[16], end[16];
    size_t cell_len = load_put_number(cell, load_first_cell(c, slot));
    size_t end_len = load_put_number(end, st->rows);
    end[end_len++] = '}';
    if (body.len <= h->len + cell_len + end_len || memcmp(body.ptr, h->text, h->len) != 0) {
        return false;
    }
    const char *at = body.ptr + h->len, *last = body.ptr + body.len - end_len;
    return memcmp(at, cell, cell_len) == 0 && (at[cell_len] == ',' || at[cell_len] == ']') &&
           memcmp(last, end, end_len) == 0 && last[-1] == ':';
}

static bool right(struct load_conn *c, uint32_t slot, uint32_t step, struct str body)
{
    const struct load_statement *st = load_statement_of(c, slot);
    if (st->kind == LOAD_TX && step != 1) {
        return contains(body, "\"ok\":true");
    }
    if (st->rows == 0) {
        return contains(body, "\"rowcount\":1") && !contains(body, "\"error\"");
    }
    return right_rows(c, slot, behind_cache(body));
}

/* Whether the reply was right, and the last of its request. */
static enum load_scan judge(struct load_conn *c, uint32_t slot, uint32_t step, struct str body)
{
    struct load_slot *s = &c->slots[slot];
    s->wrong = !right(c, slot, step, body) || s->wrong;
    s->owed--;
    if (s->owed > 0) {
        return SCAN_PART;
    }
    return s->wrong ? SCAN_ERROR : SCAN_REPLY;
}

static enum load_scan reply(struct load_conn *c, uint32_t *slot)
{
    struct str line;
    *slot = c->oldest;
    if (!take_line(c, &line)) {
        return SCAN_MORE;
    }
    return line.len < 2 ? SCAN_LOST
                        : judge(c, *slot, 0, (struct str){line.ptr + 1, line.len - 1});
}

/* reply := {"id": digits , body */
static enum load_scan reply_id(struct load_conn *c, uint32_t *slot)
{
    struct str line;
    if (!take_line(c, &line)) {
        return SCAN_MORE;
    }
    if (line.len < 9 || memcmp(line.ptr, "{\"id\":", 6) != 0) {
        return SCAN_LOST;
    }
    uint32_t id = 0;
    size_t at = 6;
    for (; at < line.len && line.ptr[at] >= '0' && line.ptr[at] <= '9'; at++) {
        id = id * 10 + (uint32_t)(line.ptr[at] - '0');
    }
    *slot = id / IDS_PER_SLOT;
    if (at == line.len || *slot >= c->opts->in_flight || c->slots[*slot].owed == 0) {
        return SCAN_LOST;
    }
    return judge(c, *slot, id % IDS_PER_SLOT,
                 (struct str){line.ptr + at + 1, line.len - at - 1});
}

/* ---- before the first request ---- */

static bool greet(struct load_conn *c)
{
    if (c->opts->hello == NULL) {
        return false;
    }
    buf_printf(&c->out, "{\"op\":\"hello\",\"version\":1,\"db\":\"%s\"}\n", c->opts->hello);
    return true;
}

static enum load_scan greeting(struct load_conn *c)
{
    struct str line;
    if (!take_line(c, &line)) {
        return SCAN_MORE;
    }
    return contains(line, "\"ok\":true") ? SCAN_READY : SCAN_LOST;
}

const struct load_protocol load_lines = {"lines", greet, greeting, request, reply};
const struct load_protocol load_lines_id = {"lines-id", greet, greeting, request_id, reply_id};
