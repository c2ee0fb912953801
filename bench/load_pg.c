/* SPDX-License-Identifier: MIT
 *
 * bench/load_pg.c: the least of PostgreSQL's protocol (version 3) that runs the
 * works: simple queries, and extended ones with unnamed or prepared statements. No
 * password. Transactions and slow reads are simple queries in all three.
 */
#include "bench/load.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INT4_OID 23

static void add_i32(struct buf *b, uint32_t v)
{
    v = htonl(v);
    buf_add(b, &v, sizeof v);
}

static void add_i16(struct buf *b, uint16_t v)
{
    v = htons(v);
    buf_add(b, &v, sizeof v);
}

/* Starts a message; its length is filled in by end_message. */
static size_t begin_message(struct buf *b, char kind)
{
    if (kind != '\0') { /* the first message has no kind */
        buf_char(b, kind);
    }
    size_t at = b->len;
    add_i32(b, 0);
    return at;
}

static void end_message(struct buf *b, size_t at)
{
    uint32_t len = htonl((uint32_t)(b->len - at));
    if (!b->failed) {
        memcpy(b->ptr + at, &len, sizeof len);
    }
}

static void add_text(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

static void add_cstr(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s) + 1);
}

static void add_sync(struct load_conn *c)
{
    end_message(&c->out, begin_message(&c->out, 'S'));
}

/* ---- before the first request ---- */

static bool greet(struct load_conn *c)
{
    size_t at = begin_message(&c->out, '\0');
    add_i32(&c->out, 196608);
    add_cstr(&c->out, "user");
    add_cstr(&c->out, c->opts->user);
    add_cstr(&c->out, "database");
    add_cstr(&c->out, c->opts->database);
    buf_char(&c->out, '\0');
    end_message(&c->out, at);
    return true;
}

/* message := kind length body; false while it is not whole. */
static bool take_message(struct load_conn *c, char *kind, struct str *body)
{
    uint32_t len;
    if (c->in.len < 5) {
        return false;
    }
    memcpy(&len, c->in.ptr + 1, sizeof len);
    len = ntohl(len);
    if (c->in.len < (size_t)len + 1) {
        return false;
    }
    *kind = c->in.ptr[0];
    *body = (struct str){c->in.ptr + 5, len - 4};
    load_skip(c, (size_t)len + 1);
    return true;
}

/* Up to ReadyForQuery ('Z'). */
static enum load_scan greeting(struct load_conn *c)
{
    char kind;
    struct str body;
    while (take_message(c, &kind, &body)) {
        if (kind == 'E') {
            fprintf(stderr, "loadgen: the server refuses us: %.*s\n", STR_ARG(body));
            return SCAN_LOST;
        }
        if (kind == 'Z') {
            return SCAN_READY;
        }
    }
    return SCAN_MORE;
}

static void add_parse(struct load_conn *c, const char *name, const struct load_statement *st)
{
    struct buf *b = &c->out;
    size_t at = begin_message(b, 'P');
    add_cstr(b, name);
    add_text(b, st->sql);
    BUF_LIT(b, "$1");
    add_cstr(b, st->sql_end);
    add_i16(b, 1);
    add_i32(b, INT4_OID);
    end_message(b, at);
}

static void statement_name(char name[16], uint32_t i)
{
    name[0] = 's';
    name[1 + load_put_number(name + 1, i)] = '\0';
}

/* The first 'Z' ends the login, the second the preparing. */
static enum load_scan greeting_prepared(struct load_conn *c)
{
    enum load_scan s = greeting(c);
    if (s != SCAN_READY || c->greeted) {
        return s;
    }
    c->greeted = true;
    for (uint32_t i = 0; i < c->opts->work->statement_count; i++) {
        char name[16];
        statement_name(name, i);
        add_parse(c, name, &c->opts->work->statements[i]);
    }
    add_sync(c);
    return greeting(c);
}

/* ---- requests ---- */

static void request_simple(struct load_conn *c, uint32_t slot)
{
    const struct load_statement *st = load_statement_of(c, slot);
    struct buf *b = &c->out;
    char key[16];
    size_t at = begin_message(b, 'Q');
    if (st->kind == LOAD_TX) {
        BUF_LIT(b, "BEGIN; ");
    }
    add_text(b, st->sql);
    buf_add(b, key, load_put_number(key, c->slots[slot].key));
    add_text(b, st->sql_end);
    if (st->kind == LOAD_TX) {
        BUF_LIT(b, "; COMMIT");
    }
    buf_char(b, '\0');
    end_message(b, at);
}

/* Bind with one value in binary and the result in text, Execute, Sync. */
static void add_run(struct load_conn *c, const char *name, uint32_t key)
{
    struct buf *b = &c->out;
    size_t at = begin_message(b, 'B');
    add_cstr(b, "");
    add_cstr(b, name);
    add_i16(b, 1);
    add_i16(b, 1);
    add_i16(b, 1);
    add_i32(b, 4);
    add_i32(b, key);
    add_i16(b, 0);
    end_message(b, at);
    at = begin_message(b, 'E');
    add_cstr(b, "");
    add_i32(b, 0);
    end_message(b, at);
    add_sync(c);
}

static void request_unnamed(struct load_conn *c, uint32_t slot)
{
    const struct load_statement *st = load_statement_of(c, slot);
    if (st->kind != LOAD_SHORT) {
        request_simple(c, slot);
        return;
    }
    add_parse(c, "", st);
    add_run(c, "", c->slots[slot].key);
}

static void request_prepared(struct load_conn *c, uint32_t slot)
{
    if (load_statement_of(c, slot)->kind != LOAD_SHORT) {
        request_simple(c, slot);
        return;
    }
    char name[16];
    statement_name(name, c->slots[slot].statement);
    add_run(c, name, c->slots[slot].key);
}

/* ---- replies ---- */

/* DataRow := columns(2) { length(4) bytes }; only the first cell is looked at. */
static bool right_cell(const struct load_conn *c, uint32_t slot, struct str body)
{
    char cell[16];
    size_t n = load_put_number(cell, load_first_cell(c, slot));
    return body.len >= 6 + n && (unsigned char)body.ptr[5] == n &&
           memcmp(body.ptr + 6, cell, n) == 0;
}

static enum load_scan finish(struct load_conn *c, struct load_slot *s)
{
    bool good = !s->wrong && c->rows == c->opts->work->statements[s->statement].rows;
    c->rows = 0;
    return good ? SCAN_REPLY : SCAN_ERROR;
}

static enum load_scan reply(struct load_conn *c, uint32_t *slot)
{
    struct load_slot *s = &c->slots[c->oldest];
    char kind;
    struct str body;
    *slot = c->oldest;
    while (take_message(c, &kind, &body)) {
        switch (kind) {
        case 'D':
            s->wrong = s->wrong || (c->rows == 0 && !right_cell(c, *slot, body));
            c->rows++;
            break;
        case 'E':
            s->wrong = true;
            break;
        case 'Z':
            return finish(c, s);
        default:
            break;
        }
    }
    return SCAN_MORE;
}

const struct load_protocol load_pg_simple = {"pg-simple", greet, greeting, request_simple,
                                             reply};
const struct load_protocol load_pg_unnamed = {"pg-unnamed", greet, greeting, request_unnamed,
                                              reply};
const struct load_protocol load_pg_prepared = {"pg-prepared", greet, greeting_prepared,
                                               request_prepared, reply};
