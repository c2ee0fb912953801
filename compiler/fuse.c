/* SPDX-License-Identifier: MIT
 *
 * compiler/fuse.c: reads by unique key that can run together: one statement for many
 * keys, as value/run.h "struct fusion" says.
 *
 * The key is compared here as the plain statement compares it, and its rows are dealt out
 * by the bytes of the key. So only what is equal exactly when its bytes are is a key:
 * integers, uuids, and texts whose collation says so.
 */
#include "compiler/build.h"
#include "compiler/emit_select.h"
#include "compiler/operators.h"
#include "compiler/resolve.h"
#include "compiler/types.h"
#include "compiler/walk.h"

#include <string.h>

/* A dialect has at most so many numbers of keys. */
#define FUSED_MOST 4

/* PostgreSQL takes an array that it does not know for one of ten. A plan for fewer seems
 * cheaper than one for any array, and so it would plan each of these statements anew, which
 * takes longer than to run it. */
#define ARRAY_LEAST 10

/* key = value, the only condition. */
struct fuse_key {
    const struct expr *column, *value;
    struct type type; /* as which the value is sent */
    uint32_t output;  /* that is the column; the number of outputs: none is */
};

/* ---- what can be fused ---- */

/* Nothing but items, a table and a condition. */
static bool is_bare(const struct query *q)
{
    return q->kind == QUERY_SELECT && q->source_count == 1 && q->with.count == 0 &&
           !q->aggregated && !q->distinct && q->distinct_count == 0 && q->group_count == 0 &&
           q->having == NULL && q->order_count == 0 && q->window_count == 0 &&
           q->limit == NULL && q->offset == NULL && q->lock.kind == LOCK_NONE &&
           q->after.src == NULL;
}

static bool reads_table(const struct query *q)
{
    const struct source *s = q->sources[0];
    return s->table != NULL && s->table->kind == TABLE_BASE && s->form == NULL &&
           s->cte == NULL && s->query == NULL;
}

static bool has_plain_items(const struct query *q)
{
    for (uint32_t i = 0; i < q->output_count; i++) {
        if (expr_has_query(q->outputs[i].expr) || expr_has_window(q->outputs[i].expr)) {
            return false;
        }
    }
    return true;
}

static bool is_value(const struct expr *x)
{
    return (x->kind == EXPR_LITERAL || x->kind == EXPR_PARAM) && x->form == BIND_PLAIN;
}

static bool is_unique(const struct query *q, const struct expr *x)
{
    const struct table *t = q->sources[0]->table;
    return x->kind == EXPR_NAME && x->name.source == q->sources[0] &&
           !t->columns[x->name.column].nullable && table_has_unique(t, &x->name.column, 1);
}

/* One more output than the plain statement's costs more than its bytes: PostgreSQL, which
 * hands a whole row on as it is stored, has to make each anew for it. */
static uint32_t output_of_key(const struct query *q, const struct expr *column)
{
    uint32_t i = 0;
    while (i < q->output_count &&
           (q->outputs[i].as.kind != TYPE_UNKNOWN || !expr_equal(q->outputs[i].expr, column))) {
        i++;
    }
    return i;
}

static bool find_key(const struct query *q, struct fuse_key *out)
{
    const struct expr *e = q->where;
    if (e == NULL || e->kind != EXPR_CALL || e->call.count != 2 ||
        !str_is(str_of(e->call.op->name), "=")) {
        return false;
    }
    unsigned side = e->call.args[0]->kind == EXPR_NAME ? 0 : 1;
    *out = (struct fuse_key){.column = e->call.args[side],
                             .value = e->call.args[1 - side],
                             .type = e->call.args[1 - side]->type,
                             .output = output_of_key(q, e->call.args[side])};
    return is_unique(q, out->column) && is_value(out->value) &&
           types_compare_bytes(&q->sources[0]->table->columns[out->column->name.column],
                               out->type.kind);
}

static bool can_fuse(const struct context *c, const struct plan *p, const struct query *q,
                     struct fuse_key *key)
{
    bool all = c->in->expect != QUERY_COUNT && c->in->expect != QUERY_EXISTS;
    return p->steps[0].stmt.share == SHARE_READ && p->volatility == VOLATILITY_IMMUTABLE &&
           all && (c->d->arrays || c->d->fused_keys != NULL) && is_bare(q) && reads_table(q) &&
           has_plain_items(q) && find_key(q, key);
}

/* ---- its SQL ---- */

/* The plain statement up to the value; behind its items the key, if it is none of them. */
static enum err emit_start(struct emitter *em, const struct query *q,
                           const struct fuse_key *key)
{
    emit_text(em, "SELECT ");
    enum err e = emit_items(em, q, PLACE_TOP);
    if (e == ERR_OK && key->output == q->output_count) {
        emit_text(em, ", ");
        e = emit_column(em, key->column);
    }
    emit_text(em, " FROM ");
    e = e != ERR_OK ? e : emit_sources(em, q->from);
    emit_text(em, " WHERE ");
    return e != ERR_OK ? e : emit_column(em, key->column);
}

/* What is in em, in the plan's memory; ptr NULL: memory is full. */
static struct str keep_sql(struct plan *p, struct emitter *em, size_t length)
{
    struct str out = {NULL, 0};
    if (!em->sql.failed) {
        out = arena_str(&p->arena, buf_str(&em->sql));
    }
    em->sql.len = length;
    return out;
}

/* ---- statements ---- */

/* sql.ptr NULL: memory is full. */
static struct statement fused_statement(const struct plan *p, const struct fuse_key *key,
                                        struct str sql, _Atomic uint64_t *next_statement)
{
    struct statement s = p->steps[0].stmt;
    s.id = build_id(next_statement);
    s.sql = sql;
    s.column_count = p->column_count + (key->output == p->column_count);
    s.row_bound = 0;
    return s;
}

/* Any number of keys, as one array. */
static uint32_t fuse_array(struct plan *p, struct emitter *em, const struct fuse_key *key,
                           struct statement *s, _Atomic uint64_t *next_statement)
{
    struct type type = bind_type(em, &key->type);
    const char *name = em->d->type_name(&type);
    size_t length = em->sql.len;
    if (name == NULL) {
        return 0;
    }
    emit_text(em, " = $1");
    s[0] = fused_statement(p, key, keep_sql(p, em, length), next_statement);
    buf_printf(&em->sql, " = ANY($1::%s[])", name);
    s[0].sql_many = keep_sql(p, em, length);
    return 1;
}

#define FOUR(of)                                                                               \
    {.kind = (of)}, {.kind = (of)}, {.kind = (of)},                                            \
    {                                                                                          \
        .kind = (of)                                                                           \
    }
#define SIXTEEN(of) FOUR(of), FOUR(of), FOUR(of), FOUR(of)
#define SIXTY_FOUR(of) SIXTEEN(of), SIXTEEN(of), SIXTEEN(of), SIXTEEN(of)
#define MOST_KEYS(of) SIXTY_FOUR(of), SIXTY_FOUR(of), SIXTY_FOUR(of), SIXTY_FOUR(of)

/* The params of a list of keys: the same for all plans, which would be much larger by it. */
static const struct type *list_types(enum type_kind k)
{
    static const struct type integers[] = {MOST_KEYS(TYPE_BIGINT)};
    static const struct type uuids[] = {MOST_KEYS(TYPE_UUID)};
    static const struct type strings[] = {MOST_KEYS(TYPE_TEXT)};
    return type_is_integer(k) ? integers : k == TYPE_UUID ? uuids : strings;
}

/* A few fixed numbers of keys, each with a statement of its own. */
static uint32_t fuse_lists(struct plan *p, struct emitter *em, const struct fuse_key *key,
                           struct statement *s, _Atomic uint64_t *next_statement)
{
    uint32_t n = 0, written = 1;
    emit_text(em, " IN (?");
    for (const uint32_t *keys = em->d->fused_keys; *keys > 0; keys++, n++) {
        for (; written < *keys; written++) {
            emit_text(em, ", ?");
        }
        size_t length = em->sql.len;
        buf_char(&em->sql, ')');
        s[n] = fused_statement(p, key, keep_sql(p, em, length), next_statement);
        s[n].param_types = list_types(key->type.kind);
        s[n].param_count = *keys;
    }
    return n;
}

static void add_key_column(struct plan *p, const struct query *q, const struct fuse_key *key)
{
    const struct table *t = q->sources[0]->table;
    const struct column *c = &t->columns[key->column->name.column];
    struct column_info *columns; /* made by copy_columns with room for it */
    memcpy(&columns, &p->columns, sizeof columns);
    columns[p->column_count] = (struct column_info){
        .name = c->name, .type = c->type, .table = t->name, .column = c->name};
}

static bool add_fusions(struct plan *p, const struct fuse_key *key, const struct statement *s,
                        uint32_t count)
{
    struct fusion *list = ARENA_ARRAY(&p->arena, count, struct fusion);
    for (uint32_t i = 0; list != NULL && i < count; i++) {
        bool array = s[i].sql_many.len > 0;
        list[i] = (struct fusion){.stmt = &s[i],
                                  .keys = array ? 0 : s[i].param_count,
                                  .key_column = key->output,
                                  .least = array ? ARRAY_LEAST : 0};
        if (s[i].sql.ptr == NULL || (array && s[i].sql_many.ptr == NULL)) {
            return false;
        }
    }
    struct plan_step *step; /* the array was made by build_start */
    memcpy(&step, &p->steps, sizeof step);
    step->stmt.fusions = list;
    step->stmt.fusion_count = count;
    return list != NULL;
}

static enum err fuse(struct emitter *em, struct plan *p, const struct query *q,
                     const struct fuse_key *key, _Atomic uint64_t *next_statement)
{
    uint32_t count = em->d->arrays ? 1 : FUSED_MOST;
    struct statement *s = ARENA_ARRAY(&p->arena, count, struct statement);
    enum err e = emit_start(em, q, key);
    if (e != ERR_OK || em->placeholders > 0) {
        return e; /* other values than the key's are in it */
    }
    if (s == NULL) {
        return ctx_fail(em->c, NULL, ERR_OUT_OF_MEMORY, "no memory for a plan");
    }
    if (key->output == q->output_count) {
        add_key_column(p, q, key);
    }
    count = em->d->arrays ? fuse_array(p, em, key, s, next_statement)
                          : fuse_lists(p, em, key, s, next_statement);
    return count == 0 || add_fusions(p, key, s, count)
               ? ERR_OK
               : ctx_fail(em->c, NULL, ERR_OUT_OF_MEMORY, "no memory for a plan");
}

enum err build_fusions(struct context *c, struct plan *p, const struct query *q,
                       _Atomic uint64_t *next_statement)
{
    struct fuse_key key;
    struct emitter em;
    if (!can_fuse(c, p, q, &key)) {
        return ERR_OK;
    }
    emit_init(&em, c);
    enum err e = fuse(&em, p, q, &key, next_statement);
    emit_fini(&em);
    return e;
}
