/* SPDX-License-Identifier: MIT
 *
 * tests/fuzz/sql_check.c: see sql_check.h. A literal is the compiler's own if it
 * stands in a template of its tables, or in the lists here.
 */
#include "tests/fuzz/sql_check.h"

#include "compiler/dialect.h"
#include "compiler/operators.h"
#include "compiler/text_scan.h"

#include <stdio.h>
#include <string.h>
#ifdef HAVE_PG_QUERY
#include <pg_query.h>
#endif

/* Numbers of so few digits are bounds of types, frames and calls. */
#define SMALL_DIGITS 4

/* Literals that functions write rather than templates. */
static const char own_literals[] =
    "'!' '%' '_' '!_' '!%' '!!' 2147483647 9223372036854775807 70000 1e34 'UTF8' "
    "0.0000000000000000000000000000000000000000";

static bool has_text(const char *text, struct str part)
{
    return text != NULL && memmem(text, strlen(text), part.ptr, part.len) != NULL;
}

static bool in_operators(unsigned d, struct str literal)
{
    for (uint32_t i = 0; i < operator_count(); i++) {
        const struct op_info *op = operator_at(i);
        if (has_text(op->sql[d], literal) || has_text(op->exact[d], literal) ||
            has_text(op->floating[d], literal) || has_text(op->full[d], literal)) {
            return true;
        }
    }
    return false;
}

static bool in_dialect(const struct dialect *d, struct str literal)
{
    const char *const texts[] = {
        d->no_limit,          d->cross_join,        d->default_row,
        d->scalar_guard,      d->fit_text,          d->fit_integer,
        d->numeric_bind,      d->date_as_timestamp, d->enum_as_text,
        d->as_double,         d->widen_integer,     d->typed_null,
        d->like[0][0],        d->like[0][1],        d->like[1][0],
        d->like[1][1],        d->like_escape[0][0], d->like_escape[0][1],
        d->like_escape[1][0], d->like_escape[1][1], d->concat,
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (has_text(texts[i], literal)) {
            return true;
        }
    }
    return false;
}

static bool is_collation(const struct dialect *d, struct str name)
{
    bool known = str_is(name, d->binary_collation);
    for (const char *const *at = d->collations; *at != NULL; at++) {
        known = known || str_is(name, *at);
    }
    return known;
}

static bool is_own(const struct dialect *d, struct str literal)
{
    return in_operators(d->column, literal) || in_dialect(d, literal) ||
           has_text(own_literals, literal);
}

/* How an aggregate's rows are sorted on SQLite: 'u' or '-', then a letter for each key. */
static bool is_order_spec(struct str literal)
{
    bool fine = literal.len > 2 && (literal.ptr[1] == 'u' || literal.ptr[1] == '-');
    for (size_t i = 2; i + 1 < literal.len; i++) {
        fine = fine && memchr("adAD", literal.ptr[i], 4) != NULL;
    }
    return fine;
}

/* The bounds of a type come from the request: varchar(99999). */
static bool is_bound(struct str digits, struct str request)
{
    char text[64];
    int n = snprintf(text, sizeof text, "(%.*s", (int)(digits.len < 40 ? digits.len : 40),
                     digits.ptr);
    return memmem(request.ptr, request.len, text, (size_t)n) != NULL;
}

/* So do the ends of a frame: `rest` stands behind the number. */
static bool is_frame_end(struct str rest)
{
    return str_starts(rest, STR(" PRECEDING")) || str_starts(rest, STR(" FOLLOWING"));
}

static bool number_is_fine(const struct dialect *d, struct str number, struct str request)
{
    bool digits = number.len <= SMALL_DIGITS;
    for (size_t i = 0; i < number.len; i++) {
        digits = digits && number.ptr[i] >= '0' && number.ptr[i] <= '9';
    }
    return digits || is_own(d, number) || is_bound(number, request);
}

/* ---- names ---- */

/* t1, c12, q, column3: what the emitter calls things. */
static bool is_made(struct str name)
{
    size_t i = 0;
    while (i < name.len && name.ptr[i] >= 'a' && name.ptr[i] <= 'z') {
        i++;
    }
    bool letters = i > 0 && (i <= 2 || str_starts(name, STR("column")));
    while (i < name.len && name.ptr[i] >= '0' && name.ptr[i] <= '9') {
        i++;
    }
    return letters && i == name.len;
}

static bool is_catalog_name(const struct catalog *c, struct str name)
{
    for (uint32_t i = 0; i < catalog_table_count(c); i++) {
        const struct table *t = catalog_table_at(c, i);
        if (str_eq(t->name, name) || str_eq(t->schema, name)) {
            return true;
        }
        for (uint32_t k = 0; k < t->column_count; k++) {
            const struct column *column = &t->columns[k];
            if (str_eq(column->name, name) || str_eq(column->collation, name) ||
                str_eq(column->type.name, name)) {
                return true;
            }
        }
    }
    return false;
}

static bool name_is_fine(const struct plan *p, struct str quoted)
{
    char name[256];
    size_t n = 0;
    for (size_t i = 1; i + 1 < quoted.len && n < sizeof name; i++) {
        name[n++] = quoted.ptr[i];
        i += quoted.ptr[i] == quoted.ptr[0]; /* doubled */
    }
    struct str text = {name, n};
    return is_made(text) || is_catalog_name(p->catalog, text) || is_collation(p->dialect, text);
}

/* ---- the whole ---- */

static bool token_is_fine(const struct plan *p, const struct text_token *t, struct str rest,
                          struct str request)
{
    switch (t->kind) {
    case TEXT_NUMBER:
        return is_frame_end(rest) || number_is_fine(p->dialect, t->text, request);
    case TEXT_QUOTED:
        return t->text.ptr[0] == p->dialect->quote
                   ? name_is_fine(p, t->text)
                   : is_own(p->dialect, t->text) || is_order_spec(t->text);
    case TEXT_BLANK: /* white space alone: no comment */
        return memchr(t->text.ptr, '-', t->text.len) == NULL &&
               memchr(t->text.ptr, '/', t->text.len) == NULL &&
               memchr(t->text.ptr, '#', t->text.len) == NULL;
    case TEXT_PARAM:
    case TEXT_COLON:
    case TEXT_SEMICOLON:
    case TEXT_BAD:
        return false;
    case TEXT_END:
    case TEXT_WORD:
    case TEXT_SIGN:
        break;
    }
    return true;
}

/* Placeholders are ours here. */
static bool skip_placeholder(const struct plan *p, struct str sql, size_t *at)
{
    if (p->dialect->numbered && sql.ptr[*at] == '$') {
        for (++*at; *at < sql.len && sql.ptr[*at] >= '0' && sql.ptr[*at] <= '9'; ++*at) {
        }
        return true;
    }
    if (!p->dialect->numbered && sql.ptr[*at] == '?') {
        ++*at;
        return true;
    }
    return false;
}

static bool parses(const struct plan *p, struct str sql, struct buf *why)
{
#ifdef HAVE_PG_QUERY
    if (p->dialect->column == COLUMN_PG) {
        PgQuerySplitResult r = pg_query_split_with_parser(sql.ptr);
        bool one = r.error == NULL && r.n_stmts == 1;
        if (!one) {
            buf_printf(why, "PostgreSQL's parser: %s",
                       r.error == NULL ? "not one statement" : r.error->message);
        }
        pg_query_free_split_result(r);
        return one;
    }
#endif
    (void)p;
    (void)sql;
    (void)why;
    return true;
}

bool sql_check(const struct plan *p, struct str sql, struct str request, struct buf *why)
{
    bool fine = true;
    for (size_t at = 0; at < sql.len;) {
        if (skip_placeholder(p, sql, &at)) {
            continue;
        }
        struct text_token t = text_next(p->dialect->text, sql, &at);
        struct str rest = {sql.ptr + at, sql.len - at};
        if (!token_is_fine(p, &t, rest, request)) {
            buf_printf(why, "not the compiler's own: %.*s\n", (int)t.text.len, t.text.ptr);
            fine = false;
        }
        if (t.kind == TEXT_BAD) {
            return false;
        }
    }
    return fine && parses(p, sql, why);
}
