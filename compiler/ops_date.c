/* SPDX-License-Identifier: MIT
 *
 * compiler/ops_date.c: dates and times. All of it is UTC.
 *
 * Units and fields are keywords, so each has SQL of its own. On SQLite all of it is
 * done by the driver's functions (backend/sqlite_dates.c).
 *
 * The start of a statement is the start of its transaction as long as a request is
 * one: with transactions of several requests, `now` on MariaDB and SQLite has to be
 * a value that the transaction keeps.
 */
#include "compiler/cast.h"
#include "compiler/moments.h"
#include "compiler/names.h"
#include "compiler/operators.h"
#include "compiler/resolve.h"
#include "compiler/types.h"
#include "compiler/walk.h"

#include <string.h>

/* ---- units and fields ---- */

enum {
    UNIT_OF_DATE = 1, /* a whole number of days */
    UNIT_OF_TIME = 2, /* a field that a time has too */
};

struct unit {
    const char *word;
    unsigned flags;
    const char *sql[DIALECT_COUNT];
};

#define UNITS(list) (list), sizeof(list) / sizeof((list)[0])

/* NULL: there is none of that name, and the error says which there are. */
static const struct unit *find_unit(struct context *c, const struct expr *call,
                                    const struct unit *units, size_t count)
{
    const struct expr *k = call->call.args[0];
    struct nearest near;
    struct buf all;
    nearest_init(&near, k->keyword);
    buf_init(&all);
    for (size_t i = 0; i < count; i++) {
        if (str_is(k->keyword, units[i].word)) {
            buf_fini(&all);
            return &units[i];
        }
        nearest_try(&near, str_of(units[i].word));
        buf_printf(&all, "%s%s", i == 0 ? "" : " ", units[i].word);
    }
    (void)ctx_fail(c, k->src, ERR_BAD_QUERY, "`%s` has no unit `%.*s`", call_name(call),
                   STR_ARG(k->keyword));
    nearest_hint(&near, c->f);
    if (!all.failed) {
        fail_hint(c->f, "there are %.*s", (int)all.len, all.ptr);
    }
    buf_fini(&all);
    return NULL;
}

static const char *unit_sql(const struct emitter *em, const struct expr *call,
                            const struct unit *units, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_is(call->call.args[0]->keyword, units[i].word)) {
            return units[i].sql[em->d->column];
        }
    }
    return "NULL";
}

/* ---- operands ---- */

static enum err need_moment(struct context *c, struct expr *e, const char *what)
{
    if (e->kind == EXPR_NULL && e->type.kind == TYPE_UNKNOWN) {
        e->type = type_of(TYPE_TIMESTAMP);
    }
    enum err err = settle(c, e, NULL, SETTLE_COMPARE);
    if (err != ERR_OK || type_family(e->type.kind) == FAMILY_DATE) {
        return err;
    }
    err = type_mismatch(c, e, what, "a date or timestamp");
    fail_hint(c->f, "write {\"value\":…,\"type\":\"timestamp\"} or "
                    "[\"cast\",\":param\",\"timestamp\"]");
    return err;
}

const struct expr *as_timestamp(struct emitter *em, const struct expr *x)
{
    char text[CAST_SQL_BYTES];
    struct type timestamp = type_of(TYPE_TIMESTAMP);
    if (x->type.kind != TYPE_DATE ||
        !cast_sql(em->d, &x->type, &timestamp, CAST_STRICT, text, sizeof text)) {
        return x;
    }
    struct str kept = arena_str(em->c->a, str_of(text));
    const struct expr *e = kept.ptr == NULL ? NULL : dress(em, kept.ptr, x);
    return e;
}

/* Whether the template writes argument i more than once. */
static bool repeats(const char *text, uint32_t i)
{
    uint32_t n = 0;
    for (const char *at = text; (at = strchr(at, '$')) != NULL; at++) {
        n += at[1] == (char)('1' + i) ? 1 : 0;
    }
    return n > 1;
}

/* A call whose dates are written as timestamps. */
static enum err emit_moments(struct emitter *em, const struct expr *call, const char *text)
{
    const struct expr *args[4] = {0};
    for (uint32_t i = 0; i < call->call.count; i++) {
        const struct expr *x = call->call.args[i];
        if (repeats(text, i) && expr_is_volatile(x)) {
            enum err e = ctx_fail(em->c, x->src, ERR_UNSUPPORTED_FEATURE,
                                  "%s would compute this more than once for `%s`",
                                  em->d->words.name, call_name(call));
            fail_hint(em->c->f, "use [\"now\"], or compute it in a subquery of `from`");
            return e;
        }
        args[i] = as_timestamp(em, x);
        if (args[i] == NULL) {
            return ctx_full(em->c);
        }
    }
    return emit_template(em, text, args, call->call.count);
}

/* ---- extract ---- */

#define FIELD(word, flags, pg, maria)                                                          \
    {                                                                                          \
        word, (flags),                                                                         \
        {                                                                                      \
            pg, maria, "tb_extract('" word "', $2)"                                            \
        }                                                                                      \
    }
#define PG_FIELD(word) "extract(" word " from $2)::int8"

static const struct unit fields[] = {
    FIELD("year", 0, PG_FIELD("year"), "year($2)"),
    FIELD("quarter", 0, PG_FIELD("quarter"), "quarter($2)"),
    FIELD("month", 0, PG_FIELD("month"), "month($2)"),
    FIELD("week", 0, PG_FIELD("week"), "week($2, 3)"),
    FIELD("day", 0, PG_FIELD("day"), "dayofmonth($2)"),
    FIELD("dow", 0, PG_FIELD("dow"), "(dayofweek($2) - 1)"),
    FIELD("isodow", 0, PG_FIELD("isodow"), "(weekday($2) + 1)"),
    FIELD("doy", 0, PG_FIELD("doy"), "dayofyear($2)"),
    FIELD("hour", UNIT_OF_TIME, PG_FIELD("hour"), "hour($2)"),
    FIELD("minute", UNIT_OF_TIME, PG_FIELD("minute"), "minute($2)"),
    FIELD("second", UNIT_OF_TIME, "floor(extract(second from $2))::int8", "second($2)"),
    FIELD("microsecond", UNIT_OF_TIME, "(extract(microseconds from $2)::int8 % 1000000)",
          "microsecond($2)"),
    FIELD("epoch", 0, "extract(epoch from $2)::float8",
          "CAST(timestampdiff(MICROSECOND, TIMESTAMP'1970-01-01 00:00:00', $2) * 0.000001 "
          "AS DOUBLE)"),
};

static enum err rule_extract(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    const struct unit *field = find_unit(c, e, UNITS(fields));
    struct expr *x = e->call.args[1];
    if (field == NULL) {
        return c->f->code;
    }
    e->type = type_of(str_is(e->call.args[0]->keyword, "epoch") ? TYPE_DOUBLE : TYPE_BIGINT);
    e->nullable = x->nullable;
    bool time = x->type.kind == TYPE_TIME && (field->flags & UNIT_OF_TIME) != 0;
    return time ? ERR_OK : need_moment(c, x, call_name(e));
}

static enum err emit_extract(struct emitter *em, const struct expr *call,
                             const struct expr *const *args, enum emit_place place)
{
    (void)args;
    (void)place;
    return emit_moments(em, call, unit_sql(em, call, UNITS(fields)));
}

/* ---- date_trunc ---- */

#define CUT(word, maria)                                                                       \
    {                                                                                          \
        word, 0,                                                                               \
        {                                                                                      \
            "date_trunc('" word "', $2)", maria, "tb_trunc('" word "', $2)"                    \
        }                                                                                      \
    }
#define MARIA_CUT(pattern) "CAST(date_format($2, '" pattern "') AS DATETIME(6))"
#define MARIA_DAY "CAST(CAST($2 AS DATE) AS DATETIME(6))"

static const struct unit cuts[] = {
    CUT("year", MARIA_CUT("%Y-01-01")),
    CUT("quarter", "(" MARIA_CUT("%Y-01-01") " + INTERVAL (quarter($2) - 1) * 3 MONTH)"),
    CUT("month", MARIA_CUT("%Y-%m-01")),
    CUT("week", "(" MARIA_DAY " - INTERVAL weekday($2) DAY)"),
    CUT("day", MARIA_DAY),
    CUT("hour", MARIA_CUT("%Y-%m-%d %H:00:00")),
    CUT("minute", MARIA_CUT("%Y-%m-%d %H:%i:00")),
    CUT("second", MARIA_CUT("%Y-%m-%d %H:%i:%s")),
    CUT("microsecond", "$2"),
};

static enum err rule_trunc(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct expr *x = e->call.args[1];
    if (find_unit(c, e, UNITS(cuts)) == NULL) {
        return c->f->code;
    }
    enum err err = need_moment(c, x, call_name(e));
    e->type = type_of(x->type.kind);
    e->nullable = x->nullable;
    return err;
}

/* A moment whose SQL is a timestamp, as a date. */
static enum err emit_as_date(struct emitter *em, const struct expr *call, const char *text)
{
    const char *around = em->d->moments->date;
    const char *hole = strstr(around, "$1");
    buf_add(&em->sql, around, (size_t)(hole - around));
    enum err e = emit_moments(em, call, text);
    emit_text(em, hole + 2);
    return e;
}

static enum err emit_trunc(struct emitter *em, const struct expr *call,
                           const struct expr *const *args, enum emit_place place)
{
    (void)args;
    (void)place;
    const char *text = unit_sql(em, call, UNITS(cuts));
    return call->type.kind == TYPE_DATE ? emit_as_date(em, call, text)
                                        : emit_moments(em, call, text);
}

/* ---- date_add ---- */

/* MariaDB does not see a month of the year 0 unless a day is added to it, and larger
 * units must be multiplied where overflow is seen. */
#define ADD(word, flags, pg, maria)                                                            \
    {                                                                                          \
        word, (flags),                                                                         \
        {                                                                                      \
            PG_BOUNDED("$3 + $2 * interval '" pg "'"), "($3 + INTERVAL " maria ")",            \
                "tb_date_add('" word "', $2, $3)"                                              \
        }                                                                                      \
    }

static const struct unit additions[] = {
    ADD("year", UNIT_OF_DATE, "1 year", "$2 * 12 MONTH + INTERVAL 0 DAY"),
    ADD("quarter", UNIT_OF_DATE, "3 months", "$2 * 3 MONTH + INTERVAL 0 DAY"),
    ADD("month", UNIT_OF_DATE, "1 month", "$2 MONTH + INTERVAL 0 DAY"),
    ADD("week", UNIT_OF_DATE, "7 days", "$2 * 7 DAY"),
    ADD("day", UNIT_OF_DATE, "1 day", "$2 DAY"),
    ADD("hour", 0, "1 hour", "$2 * 3600 SECOND"),
    ADD("minute", 0, "1 minute", "$2 * 60 SECOND"),
    ADD("second", 0, "1 second", "$2 SECOND"),
    ADD("microsecond", 0, "1 microsecond", "$2 MICROSECOND"),
};

static enum err rule_date_add(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct expr *x = e->call.args[2];
    const struct unit *unit = find_unit(c, e, UNITS(additions));
    if (unit == NULL) {
        return c->f->code;
    }
    enum err err = need_integer(c, e->call.args[1], call_name(e));
    err = err != ERR_OK ? err : need_moment(c, x, call_name(e));
    if (err == ERR_OK && x->type.kind == TYPE_DATE && (unit->flags & UNIT_OF_DATE) == 0) {
        err = ctx_fail(c, x->src, ERR_TYPE_MISMATCH, "a date has no %s", unit->word);
        fail_hint(c->f, "cast it: [\"cast\", …, \"timestamp\"]");
    }
    e->type = type_of(x->type.kind);
    e->nullable = any_nullable(e);
    return err;
}

static enum err emit_date_add(struct emitter *em, const struct expr *call,
                              const struct expr *const *args, enum emit_place place)
{
    (void)args;
    (void)place;
    const char *text = unit_sql(em, call, UNITS(additions));
    return call->type.kind == TYPE_DATE ? emit_as_date(em, call, text)
                                        : emit_moments(em, call, text);
}

/* ---- date_diff, age_years ---- */

/* Months of the calendar between a and b, less the one that is not full: b's month is
 * reached, so only its day and time are left to look at. */
#define PG_MONTHS(a, b)                                                                        \
    "((extract(year from " b ") - extract(year from " a ")) * 12 + extract(month from " b      \
    ") - extract(month from " a "))"
#define PG_FULL(a, b)                                                                          \
    "(" PG_MONTHS(a, b) " - CASE WHEN " a " <= " b " AND " a " + " PG_MONTHS(                  \
        a, b) "::int4 * interval '1 month' > " b " THEN 1 WHEN " a " > " b " AND " a           \
              " + " PG_MONTHS(a, b) "::int4 * interval '1 month' < " b                         \
                                    " THEN -1 ELSE 0 END)::int8"
#define MARIA_MONTHS(a, b) "((year(" b ") - year(" a ")) * 12 + month(" b ") - month(" a "))"
#define MARIA_FULL(a, b)                                                                       \
    "(" MARIA_MONTHS(a, b) " - CASE WHEN " a " <= " b " AND " a " + INTERVAL " MARIA_MONTHS(   \
        a, b) " MONTH > " b " THEN 1 WHEN " a " > " b " AND " a                                \
              " + INTERVAL " MARIA_MONTHS(a, b) " MONTH < " b " THEN -1 ELSE 0 END)"
#define PG_MICROS "(extract(epoch from ($3::timestamp - $2::timestamp)) * 1000000)::int8"

#define MONTHS(word, per)                                                                      \
    {                                                                                          \
        word, 0,                                                                               \
        {                                                                                      \
            "(" PG_FULL("$2", "$3") " / " per ")", "(" MARIA_FULL("$2", "$3") " DIV " per ")", \
                "tb_date_diff('" word "', $2, $3)"                                             \
        }                                                                                      \
    }
#define SPAN(word, maria, micros)                                                              \
    {                                                                                          \
        word, 0,                                                                               \
        {                                                                                      \
            "(" PG_MICROS " / " micros ")", "timestampdiff(" maria ", $2, $3)",                \
                "tb_date_diff('" word "', $2, $3)"                                             \
        }                                                                                      \
    }

static const struct unit differences[] = {
    MONTHS("year", "12"),
    MONTHS("quarter", "3"),
    MONTHS("month", "1"),
    SPAN("week", "WEEK", "604800000000"),
    SPAN("day", "DAY", "86400000000"),
    SPAN("hour", "HOUR", "3600000000"),
    SPAN("minute", "MINUTE", "60000000"),
    SPAN("second", "SECOND", "1000000"),
    SPAN("microsecond", "MICROSECOND", "1"),
};

static enum err rule_date_diff(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    if (find_unit(c, e, UNITS(differences)) == NULL) {
        return c->f->code;
    }
    enum err err = need_moment(c, e->call.args[1], call_name(e));
    err = err != ERR_OK ? err : need_moment(c, e->call.args[2], call_name(e));
    e->type = type_of(TYPE_BIGINT);
    e->nullable = any_nullable(e);
    return err;
}

static enum err emit_date_diff(struct emitter *em, const struct expr *call,
                               const struct expr *const *args, enum emit_place place)
{
    (void)args;
    (void)place;
    return emit_moments(em, call, unit_sql(em, call, UNITS(differences)));
}

static enum err rule_age(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    enum err err = need_moment(c, e->call.args[0], call_name(e));
    if (err == ERR_OK && e->call.count == 2) {
        err = need_moment(c, e->call.args[1], call_name(e));
    }
    if (e->call.count == 1) {
        ctx_varies(c, VOLATILITY_STABLE);
    }
    e->type = type_of(TYPE_BIGINT);
    e->nullable = any_nullable(e);
    return err;
}

static enum err emit_age(struct emitter *em, const struct expr *call,
                         const struct expr *const *args, enum emit_place place)
{
    (void)args;
    (void)place;
    static const char *const since[] = {"(" PG_FULL("$1", "$2") " / 12)",
                                        "(" MARIA_FULL("$1", "$2") " DIV 12)",
                                        "tb_date_diff('year', $1, $2)"};
    static const char *const until_today[] = {
        "(" PG_FULL("$1", "current_date::timestamp") " / 12)",
        "(" MARIA_FULL("$1", "CAST(utc_date() AS DATETIME(6))") " DIV 12)",
        "tb_date_diff('year', $1, date('now'))"};
    const char *const *sql = call->call.count == 2 ? since : until_today;
    return emit_moments(em, call, sql[em->d->column]);
}

/* ---- making and writing ---- */

static enum err rule_make_date(struct context *c, struct query *q, struct expr *e)
{
    enum err err = rule_integers(c, q, e);
    e->type = type_of(TYPE_DATE);
    return err;
}

static enum err rule_to_timestamp(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct expr *x = e->call.args[0];
    struct type seconds = type_of(TYPE_DOUBLE);
    enum err err = is_untyped_value(x) ? settle(c, x, &seconds, SETTLE_COMPARE) : ERR_OK;
    err = err != ERR_OK ? err : need_number(c, x, call_name(e));
    e->type = type_of(TYPE_TIMESTAMPTZ);
    e->nullable = any_nullable(e);
    return err;
}

static enum err rule_format_date(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct expr *format = e->call.args[1];
    enum err err = need_moment(c, e->call.args[0], call_name(e));
    err = err != ERR_OK ? err : need_text(c, format, call_name(e));
    e->type = type_of(TYPE_TEXT);
    e->nullable = any_nullable(e);
    if (err == ERR_OK && format->kind != EXPR_LITERAL && format->kind != EXPR_PARAM) {
        err = ctx_fail(c, format->src, ERR_UNSUPPORTED_FEATURE,
                       "the format of `%s` is a literal or a param", call_name(e));
        fail_hint(c->f, "write {\"value\":\"%%Y-%%m-%%d\"}");
    }
    format->form = c->d->moments->format;
    return err;
}

static enum err emit_with_moments(struct emitter *em, const struct expr *call,
                                  const struct expr *const *args, enum emit_place place)
{
    (void)args;
    (void)place;
    return emit_moments(em, call, call->call.op->sql[em->d->column]);
}

/* ---- now ---- */

static enum err rule_now(struct context *c, struct query *q, struct expr *e)
{
    (void)c;
    (void)q;
    e->type = type_of(TYPE_TIMESTAMPTZ);
    e->nullable = false;
    return ERR_OK;
}

static enum err rule_date(struct context *c, struct query *q, struct expr *e)
{
    (void)c;
    (void)q;
    e->type = type_of(TYPE_DATE);
    e->nullable = false;
    return ERR_OK;
}

static enum err rule_time(struct context *c, struct query *q, struct expr *e)
{
    (void)c;
    (void)q;
    e->type = type_of(TYPE_TIME);
    e->nullable = false;
    return ERR_OK;
}

#define NOW(op, how, of, ...)                                                                  \
    {                                                                                          \
        .name = (op), .flags = OP_KEEPS_NULL, .volatility = (how), .rule = (of),               \
        .sql = __VA_ARGS__                                                                     \
    }
#define UNIT_OP(op, args, letters, of, writer)                                                 \
    {                                                                                          \
        .name = (op), .min_args = (args), .max_args = (args), .kinds = (letters),              \
        .rule = (of), .emit = (writer)                                                         \
    }
/* What is no date leads beyond the last one: an error, not null. */
#define MARIA_FIRST "CAST(concat(lpad($1, 4, '0'), '-', lpad($2, 2, '0'), '-01') AS DATE)"
#define MARIA_DATE                                                                             \
    "CASE WHEN $1 BETWEEN 1 AND 9999 AND $2 BETWEEN 1 AND 12 AND $3 BETWEEN 1 AND "            \
    "dayofmonth(last_day(" MARIA_FIRST ")) THEN " MARIA_FIRST                                  \
    " + INTERVAL $3 - 1 DAY ELSE DATE'9999-12-31' + INTERVAL 1 + 0 * $1 + 0 * $2 + 0 * $3 "    \
    "DAY END"

static const struct op_info list[] = {
    {.name = "age_years", .min_args = 1, .max_args = 2, .rule = rule_age, .emit = emit_age},
    NOW("clock", VOLATILITY_VOLATILE, rule_now,
        {"clock_timestamp()", "sysdate(6)", "tb_clock()"}),
    NOW("current_date", VOLATILITY_STABLE, rule_date,
        {"current_date", "utc_date()", "date('now')"}),
    NOW("current_time", VOLATILITY_STABLE, rule_time,
        {"localtime", "utc_time(6)", "strftime('%H:%M:%f000', 'now')"}),
    UNIT_OP("date_add", 3, "kee", rule_date_add, emit_date_add),
    UNIT_OP("date_diff", 3, "kee", rule_date_diff, emit_date_diff),
    UNIT_OP("date_trunc", 2, "ke", rule_trunc, emit_trunc),
    UNIT_OP("extract", 2, "ke", rule_extract, emit_extract),
    {.name = "format_date",
     .min_args = 2,
     .max_args = 2,
     .rule = rule_format_date,
     .emit = emit_with_moments,
     .sql = {"to_char($1, $2)", "date_format($1, $2)", "tb_format_date($1, $2)"}},
    {.name = "make_date",
     .min_args = 3,
     .max_args = 3,
     .rule = rule_make_date,
     .emit = emit_with_moments,
     .sql = {"make_date(CASE WHEN $1 NOT BETWEEN 1 AND 9999 THEN 0 ELSE $1 END::int4, "
             "$2::int4, $3::int4)",
             MARIA_DATE, "tb_make_date($1, $2, $3)"}},
    NOW("now", VOLATILITY_STABLE, rule_now,
        {"now()", "utc_timestamp(6)", "strftime('%Y-%m-%d %H:%M:%f000', 'now')"}),
    {.name = "to_timestamp",
     .min_args = 1,
     .max_args = 1,
     .rule = rule_to_timestamp,
     .sql = {PG_BOUNDED("to_timestamp($1::float8)"),
             "(TIMESTAMP'2000-01-01 00:00:00.000000' + INTERVAL round((CAST($1 AS DOUBLE) - "
             "946684800e0) * 1000000e0) MICROSECOND)",
             "tb_to_timestamp($1)"}},
};

const struct op_table ops_date = OP_TABLE_OF(list);
