/* SPDX-License-Identifier: MIT
 *
 * compiler/context.h: what every step of one compilation needs: memory, the
 * request, its literals, and how to report an error at a node.
 *
 * Lives on the stack of compiler_bind or compiler_plan.
 */
#ifndef COMPILER_CONTEXT_H
#define COMPILER_CONTEXT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "compiler/compiler.h"
#include "compiler/dialect.h"
#include "compiler/query.h"
#include "compiler/shape.h"

/* More than the databases can join; also the width of a set of sources. */
#define MAX_SOURCES 60
/* Expressions of one statement, and entries of one order_by or group_by: they are
 * compared with each other. */
#define MAX_EXPRS 100000
#define MAX_ENTRIES 1000

struct context {
    const struct compile_request *in;
    const struct dialect *d;
    struct arena *a; /* the request's */
    struct fail *f;
    struct shape *shape;
    uint32_t sources_made;       /* for names of our own */
    uint32_t exprs;              /* made so far */
    struct source **all_sources; /* of every query of the statement */
    uint32_t all_count, all_cap;
    struct plan_table *tables;
    uint32_t table_count, table_cap;
    enum volatility volatility;
    bool locks;                       /* has a `for` */
    bool calls_volatile;              /* a function of the database's own that is volatile */
    enum volatility varies;           /* the worst but for functions of the database's own */
    struct touch_function *functions; /* of the database's own, that are not immutable */
    uint32_t function_count, function_cap;
    bool mixed;            /* has a write in its `with` */
    uint64_t *params_used; /* one bit for each member of params */
};

/* Records an error at a node of the query or the params (NULL: no pointer). The
 * pointer is found by walking from the root, so nothing is tracked on the way
 * down. Returns code. */
enum err ctx_fail(struct context *c, const struct json *at, enum err code, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* ERR_REQUEST_TOO_LARGE, the request's arena is full; or the error that is there. */
enum err ctx_full(struct context *c);
/* Puts the pointer to `at` into f->path, whatever is there. */
void ctx_point(const struct compile_request *in, struct fail *f, const struct json *at);

/* Grows an array in the arena so that *ptr holds count + 1 members of `size`
 * bytes. false: memory is full. */
bool ctx_grow(struct context *c, void *ptr, uint32_t count, uint32_t *cap, size_t size);

/* Notes that something in the statement is so volatile. */
void ctx_varies(struct context *c, enum volatility v);
/* Notes that the statement uses a table. */
enum err ctx_table(struct context *c, const struct table *t, bool written) MUST_CHECK;

#endif
