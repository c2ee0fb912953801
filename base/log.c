/* SPDX-License-Identifier: MIT
 *
 * base/log.c: one write(2) for each line, text or JSON.
 */
#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 8192

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn",
    [LOG_ERROR] = "error", [LOG_OFF] = "off",
};

static const char *const category_names[] = {
    [LOG_DAEMON] = "daemon",   [LOG_CLIENT] = "client", [LOG_POOL] = "pool", [LOG_SQL] = "sql",
    [LOG_CATALOG] = "catalog", [LOG_CONF] = "conf",     [LOG_HTTP] = "http",
};

const char *log_level_name(enum log_level level)
{
    return level_names[level];
}

const char *log_category_name(enum log_category c)
{
    return category_names[c];
}

void log_init(struct log *l, int fd, enum log_format format)
{
    l->fd = fd;
    atomic_init(&l->format, (int)format);
    atomic_init(&l->lines, 0);
    for (int i = 0; i < LOG_CATEGORY_COUNT; i++) {
        atomic_init(&l->level[i], LOG_INFO);
    }
}

void log_set_level(struct log *l, enum log_category c, enum log_level level)
{
    atomic_store_explicit(&l->level[c], (int)level, memory_order_relaxed);
}

bool log_on(const struct log *l, enum log_category c, enum log_level level)
{
    return l != NULL && l->fd >= 0 &&
           (int)level >= atomic_load_explicit(&l->level[c], memory_order_relaxed);
}

/* A value of a text line: bare when it is one plain word, else as a JSON string. */
static void text_value(struct buf *b, struct str s)
{
    bool plain = s.len > 0;
    for (size_t i = 0; i < s.len && plain; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        plain = c > 0x20 && c != '"' && c != '=' && c != 0x7f;
    }
    if (plain) {
        buf_str_add(b, s);
    } else {
        buf_json_str(b, s);
    }
}

static void add_fields(struct buf *b, const struct log_field *fields, bool json)
{
    for (const struct log_field *f = fields; f != NULL && f->key != NULL; f++) {
        buf_printf(b, json ? ",\"%s\":" : " %s=", f->key);
        if (f->kind == LOG_FIELD_INT) {
            buf_i64(b, f->num);
        } else if (json) {
            buf_json_str(b, f->text);
        } else {
            text_value(b, f->text);
        }
    }
}

static void add_line(struct buf *b, bool json, const char *when, enum log_level level,
                     enum log_category c, struct str message, const struct log_field *fields)
{
    if (json) {
        buf_printf(b,
                   "{\"time\":\"%s\",\"level\":\"%s\",\"category\":\"%s\",\"message\":", when,
                   level_names[level], category_names[c]);
        buf_json_str(b, message);
        add_fields(b, fields, true);
        BUF_LIT(b, "}\n");
        return;
    }
    buf_printf(b, "%s %-5s %-7s ", when, level_names[level], category_names[c]);
    for (size_t i = 0; i < message.len; i++) {
        unsigned char ch = (unsigned char)message.ptr[i];
        buf_char(b, ch < 0x20 || ch == 0x7f ? ' ' : (char)ch);
    }
    add_fields(b, fields, false);
    buf_char(b, '\n');
}

void log_write(struct log *l, enum log_category c, enum log_level level,
               const struct log_field *fields, const char *fmt, ...)
{
    if (!log_on(l, c, level)) {
        return;
    }
    char message[2048];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof message ? (size_t)n : sizeof message - 1;
    len = utf8_cut((struct str){message, len}, len);

    char when[25];
    clock_format(clock_wall_us(), when);
    bool json = atomic_load_explicit(&l->format, memory_order_relaxed) == LOG_JSON;
    struct buf b;
    buf_init(&b);
    add_line(&b, json, when, level, c, (struct str){message, len}, fields);
    if (b.len > LINE_MAX_BYTES) {
        b.len = utf8_cut((struct str){b.ptr, b.len}, LINE_MAX_BYTES - 1);
        buf_char(&b, '\n');
    }
    if (b.len > 0 && write(l->fd, b.ptr, b.len) >= 0) {
        atomic_fetch_add_explicit(&l->lines, 1, memory_order_relaxed);
    }
    buf_fini(&b);
}
