/* SPDX-License-Identifier: MIT
 *
 * compiler/parse.h: from the request's tree to the AST. Knows the grammar, not
 * the catalog. docs/SQL.md has the grammar.
 */
#ifndef COMPILER_PARSE_H
#define COMPILER_PARSE_H

#include "compiler/context.h"
#include "compiler/write.h"

/* The statement of a request: one of the two is set. */
struct parsed {
    struct query *query;
    struct write *write;
};

/* Errors carry the pointer to the spot. */
enum err parse_statement(struct context *c, struct parsed *out) MUST_CHECK;

/* parse_expr.c */
enum err parse_expr(struct context *c, const struct json *j, struct expr **out) MUST_CHECK;
/* NULL: memory is full, or the statement too large (then c->f says so). */
struct expr *expr_new(struct context *c, enum expr_kind kind, const struct json *src);
/* "a.b" or {"name":[…]} into at most `max` parts, right-aligned in part[3]. */
enum err parse_name(struct context *c, const struct json *j, uint32_t max,
                    struct str part[3]) MUST_CHECK;
/* [op, arg…] of an operator that is known and may stand here. */
enum err parse_operation(struct context *c, const struct json *j, const struct op_info *op,
                         struct expr **out) MUST_CHECK;
/* "numeric(10,2)" */
enum err parse_type(struct context *c, const struct json *j, struct type *out) MUST_CHECK;
/* ":name"; false if the text is no param at all. */
bool is_param(struct str text);
/* Marks the param as used and finds its value (NULL without params). */
enum err parse_param(struct context *c, const struct json *at, struct str text,
                     struct str *name, const struct json **value) MUST_CHECK;

/* parse_window.c */
/* {"aggregate": …}: the call, with what stands beside it. */
enum err parse_aggregate(struct context *c, const struct json *j, struct expr **out) MUST_CHECK;
/* {"over": …} */
enum err parse_over(struct context *c, const struct json *j, struct expr **out) MUST_CHECK;
/* The named windows of a select. */
enum err parse_windows(struct context *c, const struct json *j, struct query *q) MUST_CHECK;

/* parse_query.c */
/* Q: a select, or what else gives rows: compounds, values. */
enum err parse_query(struct context *c, const struct json *j, struct query **out) MUST_CHECK;
/* Whether the object is a Q, by its keys. */
bool is_query_form(const struct json *j);
/* Which write the object is, by its keys; PLAN_READ: none. */
enum plan_kind write_kind(const struct json *j);
/* `with` and `recursive` of a statement, where they are. */
enum err parse_with(struct context *c, const struct json *j, struct with *out) MUST_CHECK;

/* after.c */
enum err parse_after(struct context *c, const struct json *j, struct after *out) MUST_CHECK;
/* What an entry of order_by is called there. */
enum err after_name(struct context *c, const struct order *o, struct str *out) MUST_CHECK;

/* parse_group.c */
enum err parse_group_by(struct context *c, const struct json *j, struct query *q) MUST_CHECK;

/* parse_lock.c */
enum err parse_lock(struct context *c, const struct json *j, struct lock *out) MUST_CHECK;

/* parse_select.c */
/* All of a select but what any Q may have: parse_tail, parse_with. */
enum err parse_select(struct context *c, const struct json *j, struct query *q) MUST_CHECK;
/* [O…]; `key` is its name for errors. */
enum err parse_orders(struct context *c, const struct json *j, const char *key,
                      struct order **out, uint32_t *count) MUST_CHECK;
/* order_by, limit and offset. */
enum err parse_tail(struct context *c, const struct json *j, struct query *q) MUST_CHECK;
enum err parse_items(struct context *c, const struct json *j, struct query *q) MUST_CHECK;

/* parse_from.c */
enum err parse_from(struct context *c, const struct json *from, const struct json *joins,
                    struct query *q) MUST_CHECK;
/* "t", "schema.t", {"name":[…]} or {alias: one of these}: the target of a write. */
enum err parse_target(struct context *c, const struct json *j, struct query *q) MUST_CHECK;

/* F and joins beside the target of a write, which is q's first source: a comma joins
 * F to it; without F the joins are the target's own. */
enum err parse_beside(struct context *c, const struct json *from, const struct json *joins,
                      struct query *q) MUST_CHECK;

/* parse_table.c */
/* {"function": …, "columns": …, "ordinality": …} */
enum err parse_table_function(struct context *c, const struct json *j, struct str alias,
                              struct table_form **out) MUST_CHECK;
/* {"table": …, "sample": …} without the table. */
enum err parse_sample(struct context *c, const struct json *j,
                      struct table_form **out) MUST_CHECK;

/* parse_write.c */
/* The members of `data` (cells), then those of `set` (expressions); NULL: none. */
enum err parse_assigns(struct context *c, const struct json *data, const struct json *set,
                       struct write_set *out) MUST_CHECK;
/* {"conflict": …}: parse_upsert.c */
enum err parse_upsert(struct context *c, const struct json *j, struct write *w) MUST_CHECK;
enum err parse_write(struct context *c, const struct json *j, struct write **out) MUST_CHECK;

#endif
