/* SPDX-License-Identifier: MIT
 *
 * tests/fuzz/sql_check.c: see sql_check.h. A literal is the compiler's own if it
 * stands in the program: so texts that a test feeds to the compiler must not (they are
 * written with ~ for 3).
 */
#include "tests/fuzz/sql_check.h"

#include "compiler/dialect.h"
#include "compiler/text_scan.h"

#include <stdio.h>
#include <string.h>
#ifdef HAVE_PG_QUERY
#include <pg_query.h>
#endif

/* Numbers of so few digits are bounds of types, frames and calls. */
#define SMALL_DIGITS 4

/* Bounds of integers, which are written from numbers. */
static const char integer_bounds[] =
    " 32767 32768 2147483647 2147483648 9223372036854775807 9223372036854775808 ";

/* ---- what the compiler's constants are ---- */

bool sql_check_init(struct sql_check *c)
{
    char part[65536];
    buf_init(&c->program);
    buf_init(&c->known);
    FILE *f = fopen("/proc/self/exe", "rb");
    for (size_t n; f != NULL && (n = fread(part, 1, sizeof part, f)) > 0;) {
        buf_add(&c->program, part, n);
    }
    if (f != NULL) {
        fclose(f);
    }
    return !c->program.failed && c->program.len > 0;
}

void sql_check_fini(struct sql_check *c)
{
    buf_fini(&c->program);
    buf_fini(&c->known);
}

static bool has(const struct buf *all, struct str text)
{
    return all->len > 0 && memmem(all->ptr, all->len, text.ptr, text.len) != NULL;
}

/* The program is long, and its literals come again. */
static bool in_program(struct sql_check *c, struct str text)
{
    if (has(&c->known, text)) {
        return true;
    }
    if (!has(&c->program, text)) {
        return false;
    }
    buf_char(&c->known, '\n');
    buf_str_add(&c->known, text);
    return true;
}

/* A literal stands there as it is, or (put together from pieces) its inside is a whole
 * text of the program's. */
static bool is_own(struct sql_check *c, struct str literal)
{
    char text[512];
    if (in_program(c, literal)) {
        return true;
    }
    if (literal.ptr[0] != '\'' || literal.len < 3 || literal.len > sizeof text) {
        return false;
    }
    memcpy(text, literal.ptr, literal.len);
    text[0] = text[literal.len - 1] = '\0';
    return in_program(c, (struct str){text, literal.len});
}

/* How an aggregate takes its rows on SQLite: 'u' or '-', then a few letters and digits. */
static bool is_row_spec(struct str literal)
{
    bool fine =
        literal.len > 2 && literal.len < 16 && (literal.ptr[1] == 'u' || literal.ptr[1] == '-');
    for (size_t i = 2; i + 1 < literal.len; i++) {
        char c = literal.ptr[i];
        fine = fine &&
               ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
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

static bool is_bound_of_integers(struct str number)
{
    char text[40];
    snprintf(text, sizeof text, " %.*s ", (int)(number.len < 30 ? number.len : 30), number.ptr);
    return strstr(integer_bounds, text) != NULL;
}

/* So do the ends of a frame: `rest` stands behind the number. */
static bool is_frame_end(struct str rest)
{
    return str_starts(rest, STR(" PRECEDING")) || str_starts(rest, STR(" FOLLOWING"));
}

static bool number_is_fine(struct sql_check *c, struct str number, struct str request)
{
    bool digits = number.len <= SMALL_DIGITS;
    for (size_t i = 0; i < number.len; i++) {
        digits = digits && number.ptr[i] >= '0' && number.ptr[i] <= '9';
    }
    return digits || is_bound_of_integers(number) || is_own(c, number) ||
           is_bound(number, request);
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

/* Names that are ours alone stand in the program: collations, types. */
static bool is_collation(struct sql_check *c, struct str name)
{
    char text[280] = "";
    int n = snprintf(text + 1, sizeof text - 2, "%.*s", (int)name.len, name.ptr);
    return in_program(c, (struct str){text, (size_t)n + 2});
}

static bool name_is_fine(struct sql_check *c, const struct plan *p, struct str quoted)
{
    char name[256];
    size_t n = 0;
    for (size_t i = 1; i + 1 < quoted.len && n < sizeof name; i++) {
        name[n++] = quoted.ptr[i];
        i += quoted.ptr[i] == quoted.ptr[0]; /* doubled */
    }
    struct str text = {name, n};
    return is_made(text) || is_catalog_name(p->catalog, text) || is_collation(c, text) ||
           catalog_function(p->catalog, text) != NULL || in_program(c, quoted);
}

/* ---- the whole ---- */

static bool token_is_fine(struct sql_check *c, const struct plan *p, const struct text_token *t,
                          struct str rest)
{
    switch (t->kind) {
    case TEXT_NUMBER:
        return is_frame_end(rest) || number_is_fine(c, t->text, c->request);
    case TEXT_QUOTED:
        return t->text.ptr[0] == p->dialect->quote ? name_is_fine(c, p, t->text)
                                                   : is_own(c, t->text) || is_row_spec(t->text);
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

bool sql_check(struct sql_check *c, const struct plan *p, struct str sql, struct buf *why)
{
    bool fine = true;
    for (size_t at = 0; at < sql.len;) {
        if (skip_placeholder(p, sql, &at)) {
            continue;
        }
        struct text_token t = text_next(p->dialect->text, sql, &at);
        struct str rest = {sql.ptr + at, sql.len - at};
        if (!token_is_fine(c, p, &t, rest)) {
            buf_printf(why, "not the compiler's own (it stands nowhere in it): %.*s\n",
                       (int)t.text.len, t.text.ptr);
            fine = false;
        }
        if (t.kind == TEXT_BAD) {
            return false;
        }
    }
    return fine && parses(p, sql, why);
}
