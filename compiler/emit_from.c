/* SPDX-License-Identifier: MIT
 *
 * compiler/emit_from.c: FROM to SQL.
 *
 * A full join that the database does not do is a derived table of two halves, whose
 * columns c1, c2 … are those of all sources in it, in their order. Inside, a column
 * has its own name; outside, the one of the outermost such table around it.
 */
#include "compiler/emit.h"
#include "compiler/resolve.h"

/* ---- columns ---- */

static bool is_open(const struct emitter *em, const struct join *full)
{
    for (const struct open_full *o = em->open; o != NULL; o = o->up) {
        if (o->join == full) {
            return true;
        }
    }
    return false;
}

/* The number of the first column of s in the derived table. */
static uint32_t first_column(const struct join *full, const struct source *s)
{
    uint32_t n = 1;
    for (uint32_t i = 0; i < s->bit; i++) {
        n += (full->bits >> i & 1) != 0 ? source_columns(s->owner->sources[i]) : 0;
    }
    return n;
}

/* A column of a lateral subquery of one row. */
static enum err emit_inlined(struct emitter *em, const struct expr *x)
{
    struct query one = *x->name.source->query;
    one.outputs += x->name.column;
    one.output_count = 1;
    one.order_count = 0;
    buf_char(&em->sql, '(');
    enum err e = emit_query(em, &one, PLACE_DERIVED);
    buf_char(&em->sql, ')');
    return e;
}

/* A derived table sees nothing of the queries around its own. */
static enum err check_inside(struct emitter *em, const struct expr *x)
{
    for (const struct open_full *o = em->open; o != NULL; o = o->up) {
        const struct query *q = o->join->right->source->owner->outer;
        for (; q != NULL && q != x->name.source->owner; q = q->outer) {
        }
        if (q != NULL) {
            enum err e = ctx_fail(em->c, x->src, ERR_UNSUPPORTED_FEATURE,
                                  "%s has no columns of an outer query in a full join",
                                  em->d->words.name);
            fail_hint(em->c->f, "compare them in `where`");
            return e;
        }
    }
    return ERR_OK;
}

/* A column of a function, in the template by which it is read. */
static void emit_made(struct emitter *em, const struct source *s, uint32_t column)
{
    const char *read = s->form->columns[column].read;
    for (const char *p = read == NULL ? "$1" : read; *p != '\0'; p++) {
        if (*p != '$') {
            buf_char(&em->sql, *p);
            continue;
        }
        emit_name(em, s->sql_name);
        buf_printf(&em->sql, ".c%u", column + 1);
        p++; /* the 1 of $1 */
    }
}

/* In HAVING, MariaDB takes a column of an outer query for the item of its select list,
 * which is an error where that one comes later. */
static enum err emit_outer(struct emitter *em, const struct expr *x)
{
    const struct query *having = em->having;
    em->having = NULL;
    emit_text(em, "(SELECT ");
    enum err e = emit_column(em, x);
    buf_char(&em->sql, ')');
    em->having = having;
    return e;
}

enum err emit_column(struct emitter *em, const struct expr *x)
{
    const struct source *s = x->name.source;
    if (em->having != NULL && !em->d->having_outer && s->owner != em->having) {
        return emit_outer(em, x);
    }
    enum err e = check_inside(em, x);
    if (e != ERR_OK) {
        return e;
    }
    const struct join *around = NULL;
    for (const struct join *f = s->full; f != NULL && !is_open(em, f); f = f->full) {
        around = f;
    }
    if (around == NULL && s->inlined) {
        return emit_inlined(em, x);
    }
    if (around == NULL && s->form != NULL && s->form->call != NULL) {
        emit_made(em, s, x->name.column);
        return ERR_OK;
    }
    emit_name(em, around != NULL ? around->sql_name : s->sql_name);
    buf_char(&em->sql, '.');
    if (around != NULL) {
        buf_printf(&em->sql, "c%u", first_column(around, s) + x->name.column);
    } else if (s->table != NULL) {
        emit_name(em, s->table->columns[x->name.column].name);
    } else {
        buf_printf(&em->sql, "c%u", x->name.column + 1);
    }
    return ERR_OK;
}

/* ---- sources ---- */

/* A function names its columns by itself, where the database cannot. */
static enum err emit_function(struct emitter *em, const struct source *s)
{
    enum err e = emit_expr(em, s->form->call);
    emit_text(em,
              em->d->function_columns && s->form->ordinality ? " WITH ORDINALITY AS " : " AS ");
    emit_name(em, s->sql_name);
    if (em->d->function_columns) {
        for (uint32_t i = 1; i <= s->form->column_count; i++) {
            buf_printf(&em->sql, i == 1 ? " (c%u" : ", c%u", i);
        }
        buf_char(&em->sql, ')');
    }
    return e;
}

static enum err emit_sample(struct emitter *em, const struct table_form *f)
{
    buf_printf(&em->sql, " TABLESAMPLE %s (", f->method);
    enum err e = emit_root(em, f->percent);
    buf_char(&em->sql, ')');
    if (e == ERR_OK && f->seed != NULL) {
        emit_text(em, " REPEATABLE (");
        e = emit_root(em, f->seed);
        buf_char(&em->sql, ')');
    }
    return e;
}

static enum err emit_source(struct emitter *em, const struct source *s)
{
    if (s->cte != NULL) {
        emit_name(em, s->cte->sql_name);
        emit_text(em, " AS ");
        emit_name(em, s->sql_name);
        return ERR_OK;
    }
    if (s->form != NULL && s->form->call != NULL) {
        return emit_function(em, s);
    }
    if (s->query != NULL) {
        const struct query *q = s->written_as != NULL ? s->written_as : s->query;
        emit_text(em, s->lateral && em->d->lateral ? "LATERAL (" : "(");
        enum err e = emit_query(em, q, PLACE_DERIVED);
        emit_text(em, ") AS ");
        emit_name(em, s->sql_name);
        return e;
    }
    if (s->table->schema.len > 0) {
        emit_name(em, s->table->schema);
        buf_char(&em->sql, '.');
    }
    emit_name(em, s->table->name);
    if (!str_eq(s->table->name, s->sql_name)) {
        emit_text(em, " AS ");
        emit_name(em, s->sql_name);
    }
    return s->form == NULL ? ERR_OK : emit_sample(em, s->form);
}

/* ---- joins ---- */

static enum err emit_node(struct emitter *em, const struct from_node *n,
                          const struct join *end);

static const char *join_words(const struct emitter *em, enum join_kind k)
{
    switch (k) {
    case JOIN_INNER:
        return " JOIN ";
    case JOIN_LEFT:
        return " LEFT JOIN ";
    case JOIN_RIGHT:
        return " RIGHT JOIN ";
    case JOIN_FULL:
        return " FULL JOIN ";
    case JOIN_COMMA:
    case JOIN_CROSS:
        break;
    }
    return em->d->cross_join;
}

static enum err emit_right(struct emitter *em, const struct join *j)
{
    bool nested = j->right->joins != NULL;
    emit_text(em, nested ? "(" : "");
    enum err e = emit_node(em, j->right, NULL);
    emit_text(em, nested ? ")" : "");
    return e;
}

static enum err emit_as(struct emitter *em, const struct join *j, enum join_kind kind)
{
    emit_text(em, join_words(em, kind));
    enum err e = emit_right(em, j);
    if (e == ERR_OK && j->on != NULL) {
        emit_text(em, " ON ");
        e = emit_root(em, j->on);
    }
    return e;
}

enum err emit_join(struct emitter *em, const struct join *j)
{
    if (j->right->source->inlined) {
        return ERR_OK; /* its columns stand where they are used */
    }
    return emit_as(em, j, j->kind);
}

/* ---- full joins in halves ---- */

/* The sources of the left side come first; of them nothing is there in the second
 * half. */
static enum err emit_columns(struct emitter *em, const struct join *j, uint64_t null_bits)
{
    enum err e = ERR_OK;
    const struct query *q = j->right->source->owner;
    uint32_t n = 0;
    for (uint32_t i = 0; i < q->source_count; i++) {
        uint32_t count = (j->bits >> i & 1) != 0 ? source_columns(q->sources[i]) : 0;
        for (uint32_t k = 0; k < count && e == ERR_OK; k++) {
            struct expr x = {.src = j->src};
            emit_text(em, n > 0 ? ", " : "");
            if ((null_bits >> i & 1) != 0) {
                emit_text(em, "NULL");
            } else {
                name_column(&x, q->sources[i], k);
                e = emit_column(em, &x);
            }
            n++;
            if (null_bits == 0) {
                buf_printf(&em->sql, " AS c%u", n);
            }
        }
    }
    return e;
}

static enum err emit_matches(struct emitter *em, const struct from_node *n,
                             const struct join *j)
{
    emit_text(em, "SELECT ");
    enum err e = emit_columns(em, j, 0);
    emit_text(em, " FROM ");
    e = e != ERR_OK ? e : emit_node(em, n, j);
    return e != ERR_OK ? e : emit_as(em, j, JOIN_LEFT);
}

static enum err emit_rest(struct emitter *em, const struct from_node *n, const struct join *j)
{
    uint64_t right = ~(uint64_t)0 << j->right->source->bit;
    emit_text(em, " UNION ALL SELECT ");
    enum err e = emit_columns(em, j, j->bits & ~right);
    emit_text(em, " FROM ");
    e = e != ERR_OK ? e : emit_node(em, j->right, NULL);
    emit_text(em, " WHERE NOT EXISTS (SELECT 1 FROM ");
    e = e != ERR_OK ? e : emit_node(em, n, j);
    emit_text(em, " WHERE ");
    e = e != ERR_OK ? e : emit_root(em, j->on);
    buf_char(&em->sql, ')');
    return e;
}

static enum err emit_halves(struct emitter *em, const struct from_node *n, const struct join *j)
{
    struct open_full open = {j, em->open};
    enum err e = emit_nest(em, NEST_QUERY, j->src);
    em->open = &open;
    buf_char(&em->sql, '(');
    e = e != ERR_OK ? e : emit_matches(em, n, j);
    e = e != ERR_OK ? e : emit_rest(em, n, j);
    emit_text(em, ") AS ");
    emit_name(em, j->sql_name);
    em->open = open.up;
    em->nesting -= NEST_QUERY;
    return e;
}

/* A right join is a left one the other way round. */
static enum err emit_turned(struct emitter *em, const struct from_node *n, const struct join *j)
{
    bool nested = n->joins != j;
    enum err e = emit_right(em, j);
    emit_text(em, nested ? " LEFT JOIN (" : " LEFT JOIN ");
    e = e != ERR_OK ? e : emit_node(em, n, j);
    emit_text(em, nested ? ") ON " : " ON ");
    return e != ERR_OK ? e : emit_root(em, j->on);
}

/* The last join before `end` that the ones before it are put into. */
static const struct join *last_whole(const struct emitter *em, const struct from_node *n,
                                     const struct join *end)
{
    const struct join *last = NULL;
    for (const struct join *j = n->joins; j != end; j = j->next) {
        bool turned = em->d->turns_right_joins && j->kind == JOIN_RIGHT;
        last = j->split || turned ? j : last;
    }
    return last;
}

/* n and its joins before `end`. */
static enum err emit_node(struct emitter *em, const struct from_node *n, const struct join *end)
{
    const struct join *whole = last_whole(em, n, end);
    enum err e = whole == NULL  ? emit_source(em, n->source)
                 : whole->split ? emit_halves(em, n, whole)
                                : emit_turned(em, n, whole);
    const struct join *first = whole != NULL ? whole->next : n->joins;
    for (const struct join *j = first; j != end && e == ERR_OK; j = j->next) {
        e = emit_join(em, j);
    }
    return e;
}

enum err emit_sources(struct emitter *em, const struct from_node *n)
{
    return emit_node(em, n, NULL);
}
