/* SPDX-License-Identifier: MIT
 *
 * conf/secrets.c: values from the environment and from files.
 */
#include "conf/secrets.h"

#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_BYTES_MAX 65536

static struct str inside(struct str text, struct secret_span span)
{
    return (struct str){text.ptr + span.from + 2, span.to - span.from - 3};
}

static bool known_kind(struct str body)
{
    return str_starts(body, STR("env:")) || str_starts(body, STR("file:"));
}

/* placeholder := "${" ("env:" | "file:") [^}]+ "}"; "$${" is the text "${". */
enum err secrets_find(struct str text, size_t from, struct secret_span *span, bool *found,
                      struct fail *f)
{
    *found = false;
    ptrdiff_t at = str_find(text, '$', from);
    while (at >= 0) {
        size_t i = (size_t)at;
        struct str rest = {text.ptr + i, text.len - i};
        if (str_starts(rest, STR("$${"))) {
            at = str_find(text, '$', i + 3);
            continue;
        }
        if (!str_starts(rest, STR("${"))) {
            at = str_find(text, '$', i + 1);
            continue;
        }
        ptrdiff_t end = str_find(text, '}', i);
        *span = (struct secret_span){i, end < 0 ? text.len : (size_t)end + 1};
        if (end < 0 || !known_kind(inside(text, *span))) {
            return fail_set(
                f, ERR_BAD_VALUE,
                "${…} must be ${env:NAME} or ${file:PATH}; write $${ for the text ${");
        }
        *found = true;
        return ERR_OK;
    }
    return ERR_OK;
}

static enum err from_env(const struct secrets *s, struct str name, struct str *out,
                         struct fail *f)
{
    struct str z = arena_str(s->arena, name); /* with a NUL behind it */
    if (z.ptr == NULL) {
        return fail_set(f, ERR_OUT_OF_MEMORY, "out of memory");
    }
    const char *value = name.len > 0 ? getenv(z.ptr) : NULL;
    if (value == NULL) {
        return fail_set(f, ERR_BAD_VALUE, "the environment variable %s is not set", z.ptr);
    }
    *out = arena_str(s->arena, str_of(value));
    return out->ptr == NULL ? fail_set(f, ERR_OUT_OF_MEMORY, "out of memory") : ERR_OK;
}

/* Checks what is open, not what the path says, so that nobody can swap the file
 * in between. */
static enum err check_file(int fd, const char *path, struct fail *f)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        return fail_set(f, ERR_BAD_VALUE, "%s is not a regular file", path);
    }
    if ((st.st_mode & S_IROTH) != 0) {
        return fail_set(f, ERR_BAD_VALUE,
                        "%s can be read by everybody (mode %04o); make it 0600 or 0640", path,
                        (unsigned)(st.st_mode & 07777));
    }
    if (st.st_size > SECRET_BYTES_MAX) {
        return fail_set(f, ERR_BAD_VALUE, "%s is larger than 64 KiB", path);
    }
    return ERR_OK;
}

static enum err read_all(int fd, struct buf *b, const char *path, struct fail *f)
{
    ssize_t n = 1;
    while (n > 0 && b->len <= SECRET_BYTES_MAX) {
        if (!buf_reserve(b, 4096)) {
            return fail_set(f, ERR_OUT_OF_MEMORY, "out of memory");
        }
        n = read(fd, b->ptr + b->len, 4096);
        if (n < 0) {
            return fail_set(f, ERR_BAD_VALUE, "%s: %s", path, strerror(errno));
        }
        b->len += (size_t)n;
    }
    return ERR_OK;
}

/* The content without its last newline (LF or CRLF), which editors put there. */
static struct str content_of(const struct buf *b)
{
    struct str text = buf_str(b);
    if (text.len > 0 && text.ptr[text.len - 1] == '\n') {
        text.len--;
        if (text.len > 0 && text.ptr[text.len - 1] == '\r') {
            text.len--;
        }
    }
    return text;
}

static enum err from_open_file(const struct secrets *s, int fd, const char *path,
                               struct str *out, struct fail *f)
{
    struct buf b;
    buf_init(&b);
    enum err e = check_file(fd, path, f);
    if (e == ERR_OK) {
        e = read_all(fd, &b, path, f);
    }
    struct str text = content_of(&b);
    if (e == ERR_OK && (str_find(text, '\0', 0) >= 0 || !utf8_valid(text, NULL))) {
        e = fail_set(f, ERR_BAD_VALUE, "%s is not a text in UTF-8", path);
    }
    if (e == ERR_OK) {
        *out = arena_str(s->arena, text);
        e = out->ptr == NULL ? fail_set(f, ERR_OUT_OF_MEMORY, "out of memory") : ERR_OK;
    }
    if (b.ptr != NULL) {
        explicit_bzero(b.ptr, b.cap);
    }
    buf_fini(&b);
    return e;
}

static enum err from_file(const struct secrets *s, struct str path, struct str *out,
                          struct fail *f)
{
    bool absolute = str_starts(path, STR("/")) || s->folder.len == 0;
    struct str z = absolute
                       ? arena_str(s->arena, path)
                       : arena_printf(s->arena, "%.*s/%.*s", STR_ARG(s->folder), STR_ARG(path));
    if (z.ptr == NULL) {
        return fail_set(f, ERR_OUT_OF_MEMORY, "out of memory");
    }
    /* Non-blocking: a pipe of this name must not hold us up. */
    int fd = open(z.ptr, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return fail_set(f, ERR_BAD_VALUE, "%s: %s", z.ptr, strerror(errno));
    }
    enum err e = from_open_file(s, fd, z.ptr, out, f);
    close(fd);
    return e;
}

enum err secrets_value(const struct secrets *s, struct str text, struct secret_span span,
                       struct str *out, struct fail *f)
{
    struct str body = inside(text, span);
    if (str_starts(body, STR("env:"))) {
        return from_env(s, (struct str){body.ptr + 4, body.len - 4}, out, f);
    }
    return from_file(s, (struct str){body.ptr + 5, body.len - 5}, out, f);
}

/* Copies text[from, to) with `$${` as `${`. */
static void add_plain(struct buf *b, struct str text, size_t from, size_t to)
{
    while (from < to) {
        struct str rest = {text.ptr + from, to - from};
        if (str_starts(rest, STR("$${"))) {
            from++;
        }
        buf_char(b, text.ptr[from++]);
    }
}

static enum err expand(const struct secrets *s, struct str text, struct buf *b, bool *replaced,
                       struct fail *f)
{
    struct secret_span span;
    size_t at = 0;
    bool found = true;
    while (found) {
        enum err e = secrets_find(text, at, &span, &found, f);
        if (e != ERR_OK) {
            return e;
        }
        add_plain(b, text, at, found ? span.from : text.len);
        if (found) {
            struct str value = {"", 0};
            e = secrets_value(s, text, span, &value, f);
            if (e != ERR_OK) {
                return e;
            }
            buf_str_add(b, value);
            at = span.to;
            *replaced = true;
        }
    }
    return ERR_OK;
}

enum err secrets_expand(const struct secrets *s, struct str text, struct str *out,
                        bool *replaced, struct fail *f)
{
    *replaced = false;
    *out = text;
    if (str_find(text, '$', 0) < 0) {
        return ERR_OK;
    }
    struct buf b;
    buf_init(&b);
    enum err e = expand(s, text, &b, replaced, f);
    if (e == ERR_OK) {
        *out = arena_str(s->arena, buf_str(&b));
        if (b.failed || out->ptr == NULL) {
            e = fail_set(f, ERR_OUT_OF_MEMORY, "out of memory");
        }
    }
    if (b.ptr != NULL) {
        explicit_bzero(b.ptr, b.cap);
    }
    buf_fini(&b);
    return e;
}
