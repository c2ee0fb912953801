/* SPDX-License-Identifier: MIT
 *
 * base/err.c: the table of errors, and struct fail. No memory, no state.
 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *wire;
    enum err_class cls;
    bool retry;
    const char *doc;
} table[] = {
#define X(name, wire, cls, retry, doc) [ERR_##name] = {wire, CLASS_##cls, retry, doc},
    ERR_MAP(X)
#undef X
};

static const char *const class_names[] = {
    [CLASS_NONE] = "none",
    [CLASS_PROTOCOL] = "protocol",
    [CLASS_AUTH] = "auth",
    [CLASS_PERMISSION] = "permission",
    [CLASS_COMPILE] = "compile",
    [CLASS_INTEGRITY] = "integrity",
    [CLASS_DATA] = "data",
    [CLASS_CONFLICT] = "conflict",
    [CLASS_CANCELLED] = "cancelled",
    [CLASS_TIMEOUT] = "timeout",
    [CLASS_OVERLOAD] = "overload",
    [CLASS_CONNECTION] = "connection",
    [CLASS_UNSUPPORTED] = "unsupported",
    [CLASS_INTERNAL] = "internal",
};

const char *err_wire(enum err e)
{
    return table[e].wire;
}

const char *err_doc(enum err e)
{
    return table[e].doc;
}

enum err_class err_class(enum err e)
{
    return table[e].cls;
}

const char *err_class_wire(enum err_class c)
{
    return class_names[c];
}

bool err_retry(enum err e)
{
    return table[e].retry;
}

void fail_init(struct fail *f)
{
    f->code = ERR_OK;
    f->native = 0;
    f->step = -1;
    f->offset = -1;
    f->sqlstate[0] = '\0';
    f->path[0] = '\0';
    f->message[0] = '\0';
    f->hint[0] = '\0';
    f->table[0] = '\0';
    f->constraint[0] = '\0';
    f->columns[0] = '\0';
}

/* vsnprintf, cut at a character boundary when the text does not fit. */
PRINTF_LIKE(3, 0)
static void print_cut(char *out, size_t size, const char *fmt, va_list ap)
{
    int n = vsnprintf(out, size, fmt, ap);
    if (n < 0) {
        out[0] = '\0';
    } else if ((size_t)n >= size) {
        out[utf8_cut((struct str){out, size - 1}, size - 1)] = '\0';
    }
}

enum err fail_set(struct fail *f, enum err code, const char *fmt, ...)
{
    if (f != NULL && f->code == ERR_OK) {
        va_list ap;
        va_start(ap, fmt);
        print_cut(f->message, sizeof f->message, fmt, ap);
        va_end(ap);
        f->code = code;
    }
    return code;
}

enum err fail_at(struct fail *f, enum err code, struct str path, const char *fmt, ...)
{
    if (f != NULL && f->code == ERR_OK) {
        size_t n = utf8_cut(path, sizeof f->path - 1);
        if (n > 0) {
            memcpy(f->path, path.ptr, n);
        }
        f->path[n] = '\0';
        va_list ap;
        va_start(ap, fmt);
        print_cut(f->message, sizeof f->message, fmt, ap);
        va_end(ap);
        f->code = code;
    }
    return code;
}

void fail_hint(struct fail *f, const char *fmt, ...)
{
    if (f != NULL && f->code != ERR_OK && f->hint[0] == '\0') {
        va_list ap;
        va_start(ap, fmt);
        print_cut(f->hint, sizeof f->hint, fmt, ap);
        va_end(ap);
    }
}
