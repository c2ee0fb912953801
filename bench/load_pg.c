/* SPDX-License-Identifier: MIT
 *
 * bench/load_pg.c: the least of PostgreSQL's protocol (version 3) that reads by key
 * and inserts: simple queries, and extended ones with an unnamed or a prepared
 * statement. No password.
 */
#include "bench/load.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READ_SQL "SELECT id, name, email, age FROM users WHERE id = "
#define WRITE_SQL                                                                              \
    "INSERT INTO events (user_id, note) VALUES (%s, 'a note of some thirty bytes')"
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

static void add_cstr(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s) + 1);
}

/* The statement with `place` where its one value stands. */
static void add_sql(struct load_conn *c, const char *place)
{
    if (c->opts->writes) {
        buf_printf(&c->out, WRITE_SQL, place);
    } else {
        buf_printf(&c->out, READ_SQL "%s", place);
    }
    buf_char(&c->out, '\0');
}

/* ---- before the first request ---- */

static void greet(struct load_conn *c)
{
    size_t at = begin_message(&c->out, '\0');
    add_i32(&c->out, 196608);
    add_cstr(&c->out, "user");
    add_cstr(&c->out, c->opts->user);
    add_cstr(&c->out, "database");
    add_cstr(&c->out, c->opts->database);
    buf_char(&c->out, '\0');
    end_message(&c->out, at);
}

/* message := kind length body; false while it is not whole. */
static bool take_message(struct load_conn *c, char *kind)
{
    struct str s = load_unread(c);
    uint32_t len;
    if (s.len < 5) {
        return false;
    }
    memcpy(&len, s.ptr + 1, sizeof len);
    if (s.len < (size_t)ntohl(len) + 1) {
        return false;
    }
    *kind = s.ptr[0];
    if (*kind == 'E' && !c->ready) {
        fprintf(stderr, "loadgen: the server refuses us: %.*s\n", (int)ntohl(len) - 4,
                s.ptr + 5);
    }
    c->in_at += (size_t)ntohl(len) + 1;
    return true;
}

/* Up to ReadyForQuery ('Z'). */
static enum load_scan greeting(struct load_conn *c)
{
    char kind;
    while (take_message(c, &kind)) {
        if (kind == 'E') {
            return SCAN_LOST;
        }
        if (kind == 'Z') {
            return SCAN_READY;
        }
    }
    return SCAN_MORE;
}

static void add_parse(struct load_conn *c, const char *name)
{
    size_t at = begin_message(&c->out, 'P');
    add_cstr(&c->out, name);
    add_sql(c, "$1");
    add_i16(&c->out, 1);
    add_i32(&c->out, INT4_OID);
    end_message(&c->out, at);
}

static void add_sync(struct load_conn *c)
{
    end_message(&c->out, begin_message(&c->out, 'S'));
}

/* The first 'Z' ends the login, the second the preparing. */
static enum load_scan greeting_prepared(struct load_conn *c)
{
    enum load_scan s = greeting(c);
    if (s == SCAN_READY && !c->greeted) {
        c->greeted = true;
        add_parse(c, "s");
        add_sync(c);
        return greeting(c);
    }
    return s;
}

/* ---- requests ---- */

static void request_simple(struct load_conn *c, uint32_t slot)
{
    char key[16];
    snprintf(key, sizeof key, "%u", c->slots[slot].key);
    size_t at = begin_message(&c->out, 'Q');
    add_sql(c, key);
    end_message(&c->out, at);
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
    add_parse(c, "");
    add_run(c, "", c->slots[slot].key);
}

static void request_prepared(struct load_conn *c, uint32_t slot)
{
    add_run(c, "s", c->slots[slot].key);
}

static enum load_scan reply(struct load_conn *c, uint32_t *slot)
{
    char kind;
    *slot = c->oldest;
    while (take_message(c, &kind)) {
        c->saw_row = c->saw_row || kind == (c->opts->writes ? 'C' : 'D');
        c->saw_error = c->saw_error || kind == 'E';
        if (kind == 'Z') {
            bool good = c->saw_row && !c->saw_error;
            c->saw_row = c->saw_error = false;
            return good ? SCAN_REPLY : SCAN_ERROR;
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
