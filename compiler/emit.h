/* SPDX-License-Identifier: MIT
 *
 * compiler/emit.h: from a resolved statement to SQL and its binds.
 *
 * Only our own constants, names of the catalog and names that we made reach the
 * text; every value is a placeholder. The emitter reads struct dialect and never
 * asks which database it is.
 */
#ifndef COMPILER_EMIT_H
#define COMPILER_EMIT_H

#include "base/buf.h"
#include "compiler/context.h"
#include "compiler/write.h"

/* What PostgreSQL and MariaDB can take in one statement, less a margin. */
#define MAX_BINDS 32766

/* The full join in halves (struct join) whose derived table is being written. */
struct open_full {
    const struct join *join;
    const struct open_full *up;
};

/* Of the query that is being written. */
struct window_needs {
    uint32_t tags; /* that the next window gets; 0: none */
    bool keys;     /* ORDER BY is beside groups and windows */
};

struct emitter {
    struct context *c;
    const struct dialect *d;
    struct buf sql;
    struct plan_bind *binds;                     /* in the request's arena */
    uint32_t bind_count, bind_cap, placeholders; /* the last: written, with repeats */
    uint32_t nesting;          /* what the database's parser holds on its stack just here */
    bool from_unnest;          /* placeholders are columns of unnested arrays: u.c1 */
    const struct window *over; /* of the call that is written next; NULL: none */
    const struct open_full *open;
    const struct with *held; /* of a write, for the subqueries that read it; NULL: none */
    uint32_t held_taken;     /* by so many of them */
    struct window_needs windows;
    const struct set_view *set;       /* the grouping set that is written; NULL: none */
    const struct query *having;       /* whose HAVING is written, not inside its subqueries */
    const struct write_set *proposed; /* what `new` stands for; NULL: the database knows */
};

/* Symbols on the stack of SQLite's parser, measured: its depth is 100. */
#define NEST_FIRST 3
#define NEST_CALL 5
#define NEST_QUERY 8

void emit_init(struct emitter *em, struct context *c);
void emit_fini(struct emitter *em);

/* emit_call.c */
enum emit_place {
    EMIT_INSIDE, /* beside other operands */
    EMIT_ROOT,   /* alone */
};
enum err emit_call(struct emitter *em, const struct expr *x, enum emit_place place) MUST_CHECK;

/* A call as the template of its operator says. */
enum err emit_operator(struct emitter *em, const struct expr *call,
                       const struct expr *const *args, enum emit_place place) MUST_CHECK;

/* What numbers a call takes, the widest of its arguments. */
enum number_class { NUMBERS_WHOLE, NUMBERS_EXACT, NUMBERS_FLOATING };
enum number_class number_class(const struct expr *call);
/* The template of a call, by its numbers; NULL: the dialect has none. */
const char *operator_sql(const struct emitter *em, const struct expr *call);

/* x where it stands beside something of type `other` of its family: a date beside
 * a timestamp, an enum beside a text. */
enum err emit_beside(struct emitter *em, const struct expr *x,
                     const struct type *other) MUST_CHECK;
/* An output as what a compound makes of it. */
enum err emit_output(struct emitter *em, const struct output *o) MUST_CHECK;

/* The same as a node; NULL: memory is full. */
const struct expr *dress_beside(struct emitter *em, const struct expr *x,
                                const struct type *other);

/* emit_expr.c */
enum err emit_expr(struct emitter *em, const struct expr *x) MUST_CHECK;
/* Without the outermost parentheses: where nothing stands beside it. */
enum err emit_root(struct emitter *em, const struct expr *x) MUST_CHECK;
/* A template of the dialect or of the table of operators. */
enum err emit_template(struct emitter *em, const char *text, const struct expr *const *args,
                       uint32_t count) MUST_CHECK;
/* As emit_template without the outermost parentheses. */
enum err emit_root_template(struct emitter *em, const char *text,
                            const struct expr *const *args, uint32_t count) MUST_CHECK;
/* t with the dialect's number of it. */
struct type bind_type(const struct emitter *em, const struct type *t);
enum err emit_bind(struct emitter *em, const struct plan_bind *b,
                   const struct json *at) MUST_CHECK;
/* The value of a column in a write: a cell of the row, or its expression. */
enum err emit_value(struct emitter *em, const struct assign *a) MUST_CHECK;
/* Whether the database would store what x computes although it is no value of type t. */
bool emit_needs_fit(const struct emitter *em, const struct expr *x, const struct type *t);
/* A value for `column`, checked where the database would store what does not fit. */
enum err emit_computed(struct emitter *em, const struct expr *x,
                       const struct column *column) MUST_CHECK;
/* Enters something that costs the database's parser so much; the caller takes it
 * off again. ERR_QUERY_TOO_LARGE beyond the dialect's depth or the SQL's limit. */
enum err emit_nest(struct emitter *em, uint32_t cost, const struct json *at) MUST_CHECK;
void emit_name(struct emitter *em, struct str name);
void emit_text(struct emitter *em, const char *text);

/* emit_query.c */
enum query_place {
    PLACE_TOP,     /* columns are nameless */
    PLACE_DERIVED, /* columns are c1, c2 … */
    PLACE_EXISTS,  /* columns do not matter */
};
enum err emit_query(struct emitter *em, const struct query *q,
                    enum query_place place) MUST_CHECK;
/* As emit_query, where nothing is around it. at_most: what `expect` needs; 0: all. */
enum err emit_body(struct emitter *em, const struct query *q, enum query_place place,
                   uint32_t at_most) MUST_CHECK;
/* EXISTS (…). Where a database would pass over an offset, q is a subquery of its own and
 * must not look outside. */
enum err emit_exists(struct emitter *em, const struct query *q) MUST_CHECK;
/* A read, as `expect` wants it. */
enum err emit_read(struct emitter *em, const struct query *q) MUST_CHECK;

/* emit_select.c */
/* " ORDER BY …", or nothing where the list is empty. */
enum err emit_orders(struct emitter *em, const struct order *list, uint32_t count) MUST_CHECK;

/* emit_from.c */
/* The sources of a FROM and their joins; one join with its side and condition. */
enum err emit_sources(struct emitter *em, const struct from_node *n) MUST_CHECK;
enum err emit_join(struct emitter *em, const struct join *j) MUST_CHECK;
/* A column, by the name that it has just here. */
enum err emit_column(struct emitter *em, const struct expr *x) MUST_CHECK;

/* emit_upsert.c: a column of the row that an insert with `conflict` would write. */
enum err emit_proposed(struct emitter *em, const struct column *column) MUST_CHECK;

/* emit_write.c */
/* A part of: one set of an insert's rows, or the whole write (set 0). `many` gets the
 * form for many sets, or stays empty; NULL: there is one set. */
enum err emit_write(struct emitter *em, const struct write *w, uint32_t set,
                    enum write_part part, struct buf *many) MUST_CHECK;

#endif
