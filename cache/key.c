/* SPDX-License-Identifier: MIT
 *
 * cache/key.c: the bytes of a key. Every part has its length or a fixed size, so that no
 * two lists of parts have the same bytes.
 */
#include "cache/key.h"

static void add_u64(struct buf *out, uint64_t n)
{
    buf_add(out, &n, sizeof n);
}

static void add_str(struct buf *out, struct str s)
{
    add_u64(out, s.len);
    buf_str_add(out, s);
}

/* A double by its bits: 0.0 and -0.0 are two, since they are two replies. */
static void add_scalar(struct buf *out, const struct value *v)
{
    buf_char(out, (char)v->kind);
    switch (v->kind) {
    case VALUE_BOOL:
        buf_char(out, v->boolean ? 1 : 0);
        break;
    case VALUE_INT:
        buf_add(out, &v->num, sizeof v->num);
        break;
    case VALUE_DOUBLE:
        buf_add(out, &v->real, sizeof v->real);
        break;
    case VALUE_TEXT:
    case VALUE_BYTES:
        add_str(out, v->text);
        break;
    case VALUE_LIST:
        add_u64(out, v->list->count);
        break;
    case VALUE_NULL:
        break;
    }
}

/* The members of a list follow it; a list has no lists. */
static void add_value(struct buf *out, const struct value *v)
{
    add_scalar(out, v);
    if (v->kind == VALUE_LIST) {
        for (uint32_t i = 0; i < v->list->count; i++) {
            add_scalar(out, &v->list->items[i]);
        }
    }
}

static void add_statement(struct buf *out, const struct statement *s,
                          const struct value *params)
{
    add_str(out, s->sql);
    add_u64(out, s->param_count);
    for (uint32_t i = 0; i < s->param_count; i++) {
        buf_char(out, (char)s->param_types[i].kind);
        buf_char(out, (char)s->param_types[i].element);
        add_value(out, &params[i]);
    }
}

void cache_key_write(struct buf *out, const struct cache_key_parts *p)
{
    add_str(out, p->database);
    add_u64(out, p->catalog);
    add_str(out, p->principal);
    add_u64(out, p->shard_epoch);
    add_str(out, p->form);
    add_str(out, p->columns);
    add_statement(out, p->stmt, p->params);
}
