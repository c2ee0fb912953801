/* SPDX-License-Identifier: MIT
 *
 * compiler/compiler.h: from a request's `query` to bound statements.
 *
 * parse → resolve → plan → emit, behind a cache of plans keyed by the request's
 * shape: the query with literals replaced by their types, the kinds of the
 * params, dialect and catalog version. One compiler for each worker; not
 * thread-safe. docs/ARCHITECTURE.md "Compiler".
 */
#ifndef COMPILER_COMPILER_H
#define COMPILER_COMPILER_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "compiler/plan.h"
#include "schema/catalog.h"
#include "value/capture.h"

#include <stdatomic.h>
#include <stdint.h>

struct dialect; /* compiler/dialect.h */
extern const struct dialect dialect_pg;
extern const struct dialect dialect_maria;
extern const struct dialect dialect_sqlite;

struct compiler;

struct compiler_opts {
    size_t cache_bytes;               /* bound of the plan cache; queries that are known
                                       * by their bytes may take a quarter of it more */
    uint64_t seed;                    /* base/hash.h */
    _Atomic uint64_t *next_statement; /* source of statement ids, shared by all workers */
};

struct compiler_counts {
    uint64_t hits, misses, evicted, plans;
    uint64_t seen; /* queries that were known by their bytes */
    size_t bytes;  /* of plans and of queries that are known */
};

/* NULL when out of memory. */
struct compiler *compiler_create(const struct compiler_opts *opts);
/* NULL is accepted. Plans in use live on. */
void compiler_destroy(struct compiler *c);
struct compiler_counts compiler_counts(const struct compiler *c);
/* Drops the plans made with this version of a catalog, which nobody uses any more:
 * call after a reload. */
void compiler_forget(struct compiler *c, uint64_t catalog_version);

/* What `expect` changes in the SQL itself. */
enum query_expect {
    QUERY_ALL,
    QUERY_FIRST,  /* LIMIT 1 */
    QUERY_ONE,    /* LIMIT 2 (one, one_or_none) */
    QUERY_COUNT,  /* SELECT count(*) FROM (the statement) */
    QUERY_EXISTS, /* SELECT EXISTS (the statement) */
};

enum text_rule { TEXT_REFUSED, TEXT_ALLOWED }; /* raw SQL */

enum query_keys { KEYS_DEFAULT, KEYS_NO, KEYS_YES };

/* A query whose bytes came before (compiler/seen.h). */
struct seen;
struct compile_refs; /* compiler/refs.h */

struct compile_request {
    const struct json *query;      /* the statement */
    struct str query_text;         /* its bytes, to know it again; may be empty */
    const struct seen *seen;       /* it was known; then `query` is its tree */
    const struct json *params;     /* object, or NULL */
    const struct json *param_sets; /* a list of objects in their place: the statement runs
                                    * once for each; or NULL */
    struct catalog *catalog;       /* a plan takes a reference */
    const struct dialect *dialect;
    enum query_expect expect;
    enum query_keys keys;
    enum text_rule text;
    const struct str *functions; /* that "fn.…" may call */
    uint32_t function_count;
    uint32_t max_params; /* limits.params */
    uint32_t max_sql_bytes;
    const struct compile_refs *refs; /* in a step of a batch, else NULL */
    const char *query_path;          /* prefix of pointers in errors: "/query" */
};

/* One run of one step. */
struct bound_run {
    const struct plan_step *step;
    const struct value *params;
    uint32_t sets;
    bool apart; /* each set by itself: see struct run */
};

struct bound {
    struct plan *plan;            /* one reference, the caller's to give back */
    const struct bound_run *runs; /* in `a`; an insert of no rows has none */
    uint32_t run_count;
    bool needs_tx; /* several effects that must be one: wrap in begin … commit */
    bool hit;      /* the plan came from the cache */
};

/* Plans (or finds the plan) and binds. Everything except the plan lives in `a`
 * and borrows from the request's tree. Every error carries the pointer to the
 * spot; ERR_UNKNOWN_TABLE and ERR_UNKNOWN_COLUMN may mean that the catalog is
 * old. */
enum err compiler_bind(struct compiler *c, const struct compile_request *in, struct arena *a,
                       struct bound *out, struct fail *f) MUST_CHECK;

/* The params of a step that runs once for each captured row: rows->count sets, in
 * `a`. */
enum err compiler_bind_captured(const struct bound_run *run, const struct capture *rows,
                                struct arena *a, const struct value **out,
                                struct fail *f) MUST_CHECK;

/* Plans without binding (op `compile`, op `prepare`): params not needed; those
 * without a type from a column are taken as text. The caller gets a reference. */
enum err compiler_plan(struct compiler *c, const struct compile_request *in, struct arena *a,
                       struct plan **out, bool *hit, struct fail *f) MUST_CHECK;

/* What is known of a query with these bytes, or NULL: then it must be read. It lends its
 * tree until compiler_seen_done. */
struct seen *compiler_seen(struct compiler *c, struct str query_text, unsigned max_depth);
/* The same for one of the latest queries, if `rest` begins with it. */
struct seen *compiler_guess(struct compiler *c, struct str rest, unsigned max_depth);
const struct json *compiler_seen_tree(const struct seen *s);
size_t compiler_seen_bytes(const struct seen *s);
/* NULL is accepted. */
void compiler_seen_done(struct seen *s);

/* How a transaction is begun: compiler/tx_words.h. */
struct tx_form {
    const char *begin, *begin_read_only;
    const char *level;      /* before the isolation level's name; NULL: there is but one */
    bool level_apart;       /* a statement of its own, before `begin`; else behind it */
    const char *deferrable; /* behind all; NULL: there are no such transactions */
};

/* Statements that every database has in its own words. */
struct dialect_words {
    const char *name; /* "postgresql", "mariadb", "sqlite" */
    struct statement begin, begin_write, commit, rollback;
    struct tx_form tx;
};
const struct dialect_words *dialect_words(const struct dialect *d);

#endif
