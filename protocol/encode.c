/* SPDX-License-Identifier: MIT
 *
 * protocol/encode.c: replies to bytes. No state, any thread.
 */
#include "protocol/encode.h"

#include <string.h>

void encode_open(struct buf *b, const struct request_id *id)
{
    buf_char(b, '{');
    if (id->present) {
        BUF_LIT(b, "\"id\":");
        buf_str_add(b, id->text);
        buf_char(b, ',');
    }
}

void encode_open_malformed(struct buf *b)
{
    BUF_LIT(b, "{\"id\":null,");
}

/* Databases put what they were given into their messages, also what is not UTF-8: a
 * reply must be, so a wrong byte becomes a question mark. */
static void add_foreign(struct buf *b, struct str text)
{
    char fixed[sizeof((struct fail *)NULL)->message];
    size_t bad;
    if (!utf8_valid(text, NULL)) {
        text.len = text.len < sizeof fixed ? text.len : sizeof fixed;
        memcpy(fixed, text.ptr, text.len);
        text.ptr = fixed;
        while (!utf8_valid(text, &bad)) {
            fixed[bad] = '?';
        }
    }
    buf_json_str(b, text);
}

/* ,"key":"text" unless the text is empty */
static void add_text(struct buf *b, const char *key, struct str text)
{
    if (text.len > 0) {
        buf_printf(b, ",\"%s\":", key);
        add_foreign(b, text);
    }
}

/* ,"columns":["a","b"] from "a,b" */
static void add_columns(struct buf *b, struct str list)
{
    if (list.len == 0) {
        return;
    }
    BUF_LIT(b, ",\"columns\":[");
    while (true) {
        ptrdiff_t comma = str_find(list, ',', 0);
        struct str name = {list.ptr, comma < 0 ? list.len : (size_t)comma};
        add_foreign(b, name);
        if (comma < 0) {
            break;
        }
        buf_char(b, ',');
        list = (struct str){list.ptr + comma + 1, list.len - (size_t)comma - 1};
    }
    buf_char(b, ']');
}

static void add_error(struct buf *b, const struct fail *f, struct str db)
{
    buf_printf(b, "\"error\":{\"code\":\"%s\",\"class\":\"%s\",\"message\":", err_wire(f->code),
               err_class_wire(err_class(f->code)));
    add_foreign(b, str_of(f->message));
    add_text(b, "path", str_of(f->path));
    add_text(b, "hint", str_of(f->hint));
    if (f->step >= 0) {
        buf_printf(b, ",\"step\":%d", f->step);
    }
    if (f->offset >= 0) {
        buf_printf(b, ",\"offset\":%lld", (long long)f->offset);
    }
    add_text(b, "sqlstate", str_of(f->sqlstate));
    if (f->native != 0) {
        buf_printf(b, ",\"native\":%d", f->native);
    }
    add_text(b, "db", db);
    add_text(b, "table", str_of(f->table));
    add_text(b, "constraint", str_of(f->constraint));
    add_columns(b, str_of(f->columns));
    buf_str_add(b, err_retry(f->code) ? STR(",\"retry\":true}") : STR(",\"retry\":false}"));
}

void encode_error(struct buf *b, const struct fail *f, struct str db)
{
    add_error(b, f, db);
    BUF_LIT(b, "}\n");
}

static bool shows_columns(enum rows_form form)
{
    return form != ROWS_VALUES && form != ROWS_COUNTED;
}

static void open_rows(struct buf *b, enum rows_form form)
{
    switch (form) {
    case ROWS_ARRAYS:
    case ROWS_OBJECTS:
        BUF_LIT(b, ",\"rows\":[");
        return;
    case ROWS_COLUMNS:
        BUF_LIT(b, ",\"data\":{");
        return;
    case ROWS_VALUES:
    case ROWS_COUNTED:
        BUF_LIT(b, "\"values\":[");
        return;
    }
}

void encode_rows_head(struct buf *b, const struct column_info *columns, uint32_t count,
                      enum rows_form form)
{
    if (shows_columns(form)) {
        rows_write_columns(b, columns, count);
    }
    open_rows(b, form);
}

void encode_rows_head_made(struct buf *b, struct str columns, enum rows_form form)
{
    if (shows_columns(form)) {
        buf_str_add(b, columns);
    }
    open_rows(b, form);
}

static void close_rows(struct buf *b, enum rows_form form)
{
    buf_char(b, form == ROWS_COLUMNS ? '}' : ']');
}

static void put_after(struct buf *b, struct str after)
{
    if (after.len > 0) {
        BUF_LIT(b, ",\"after\":");
        buf_str_add(b, after);
    }
}

void encode_rows_tail(struct buf *b, enum rows_form form, uint64_t rowcount, struct str after)
{
    close_rows(b, form);
    BUF_LIT(b, ",\"rowcount\":");
    buf_u64(b, rowcount);
    put_after(b, after);
    BUF_LIT(b, "}\n");
}

void encode_rows_error(struct buf *b, enum rows_form form, const struct fail *f, struct str db)
{
    close_rows(b, form);
    buf_char(b, ',');
    encode_error(b, f, db);
}

void encode_value(struct buf *b, struct str json)
{
    BUF_LIT(b, "\"value\":");
    buf_str_add(b, json.len > 0 ? json : STR("null"));
    BUF_LIT(b, "}\n");
}

void encode_count(struct buf *b, uint64_t rowcount, struct str keys)
{
    BUF_LIT(b, "\"rowcount\":");
    buf_u64(b, rowcount);
    if (keys.ptr != NULL) {
        BUF_LIT(b, ",\"keys\":[");
        buf_str_add(b, keys);
        buf_char(b, ']');
    }
    BUF_LIT(b, "}\n");
}

void encode_ok(struct buf *b)
{
    BUF_LIT(b, "\"ok\":true}\n");
}

void encode_tx_timeout(struct buf *b, struct str tx)
{
    BUF_LIT(b, "{\"push\":\"tx_timeout\",\"tx\":");
    buf_str_add(b, tx);
    BUF_LIT(b, "}\n");
}

void encode_stream_head(struct buf *b, const struct column_info *columns, uint32_t count)
{
    rows_write_columns(b, columns, count);
    BUF_LIT(b, "}\n");
}

void encode_chunk_head(struct buf *b, const struct request_id *id, uint64_t seq)
{
    encode_open(b, id);
    BUF_LIT(b, "\"seq\":");
    buf_u64(b, seq);
    BUF_LIT(b, ",\"rows\":[");
}

void encode_chunk_tail(struct buf *b)
{
    BUF_LIT(b, "]}\n");
}

void encode_stream_done(struct buf *b, const struct request_id *id, uint64_t rowcount,
                        struct str after)
{
    encode_open(b, id);
    BUF_LIT(b, "\"done\":true,\"rowcount\":");
    buf_u64(b, rowcount);
    put_after(b, after);
    BUF_LIT(b, "}\n");
}
