/* SPDX-License-Identifier: MIT
 *
 * base/err.h: every way in which a request or an operation can fail.
 *
 * ERR_MAP (base/err_map.h) is the one table: it yields the enum, the stable wire code, the
 * class, whether sending the same again may help, and the row of docs/ERRORS.md
 * (printed by `tribikosd --help-errors`). Thread-safe: constants only.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/err_map.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))

enum err_class {
    CLASS_NONE,
    CLASS_PROTOCOL,
    CLASS_AUTH,
    CLASS_PERMISSION,
    CLASS_COMPILE,
    CLASS_INTEGRITY,
    CLASS_DATA,
    CLASS_CONFLICT,
    CLASS_CANCELLED,
    CLASS_TIMEOUT,
    CLASS_OVERLOAD,
    CLASS_CONNECTION,
    CLASS_UNSUPPORTED,
    CLASS_INTERNAL,
};
#define CLASS_COUNT ((int)CLASS_INTERNAL + 1)

enum err {
#define X(name, wire, cls, retry, doc) ERR_##name,
    ERR_MAP(X)
#undef X
};
#define ERR_COUNT ((int)ERR_INTERNAL + 1)

/* The stable code on the wire ("unique_violation"); never NULL. */
const char *err_wire(enum err e);
/* One sentence for the documentation; never NULL. */
const char *err_doc(enum err e);
enum err_class err_class(enum err e);
/* The class on the wire ("integrity"); never NULL. */
const char *err_class_wire(enum err_class c);
/* Whether sending the same request again may succeed. */
bool err_retry(enum err e);

/* What went wrong, in words, for one request. Plain data of fixed size: it can
 * be copied, put on a stack and filled without memory. Texts are cut at a
 * character boundary when they do not fit. All empty strings mean "not known". */
struct fail {
    enum err code;
    int32_t native; /* the database's own error number, 0 if none */
    int32_t step;   /* which one of a batch, or -1 */
    int64_t offset; /* byte in the line (bad JSON) or -1 */
    char sqlstate[6];
    char path[320];    /* JSON Pointer (RFC 6901) into the request */
    char message[512]; /* one line of prose, no values of the client's data */
    char hint[320];    /* what to do instead */
    char table[128];
    char constraint[128];
    char columns[256]; /* comma-separated */
};

/* Empties f (offset -1, code OK). */
void fail_init(struct fail *f);
/* Sets code and message; keeps what an earlier call set only if it was an error
 * already (first error wins). f may be NULL. Returns code, so that a parser can
 * `return fail_set(f, ERR_X, "…")`. */
enum err fail_set(struct fail *f, enum err code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* As fail_set with a JSON Pointer; path may be empty. */
enum err fail_at(struct fail *f, enum err code, struct str path, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* Sets the hint of an f that holds an error and has no hint yet. */
void fail_hint(struct fail *f, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
