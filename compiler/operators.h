/* SPDX-License-Identifier: MIT
 *
 * compiler/operators.h: the tables of operators and functions, one for each area:
 * what a call looks like, how its type follows from its arguments, and its SQL.
 *
 * To add one is to add a row in compiler/ops_<area>.c, with a rule and an emitter of its
 * own only where those that are there do not fit. docs/SQL.md is checked against them.
 */
#ifndef COMPILER_OPERATORS_H
#define COMPILER_OPERATORS_H

#include "base/str.h"
#include "compiler/ast.h"
#include "compiler/dialect.h"
#include "compiler/emit.h"
#include "schema/catalog.h"

#include <stdint.h>

/* Types a call whose arguments are resolved: fills in e->type and e->nullable and
 * settles what has no type yet. Errors point at the argument. */
typedef enum err op_rule(struct context *c, struct query *q, struct expr *e);
/* Writes a call where a template does not do. `args` are its arguments, dressed. */
typedef enum err op_emit(struct emitter *em, const struct expr *call,
                         const struct expr *const *args, enum emit_place place);

/* What an operand needs before its operator is exact in a dialect. */
enum op_dress {
    DRESS_NONE,
    DRESS_BESIDE,  /* operands of one type: dates as timestamps, enums as texts */
    DRESS_INTEGER, /* 64 bits where the result is bigint, doubles where it is double */
    DRESS_DOUBLE,  /* double where the result is double */
    DRESS_SUM,     /* real as double */
    DRESS_TEXT,    /* enums as text */
    DRESS_BYTES,   /* texts as the bytes of their UTF-8 */
    DRESS_WRITTEN, /* enums and whole numbers as text */
};

enum {
    OP_NEGATED = 1, /* not_in, not_like, … */
    OP_FOLDED = 2,  /* ilike, istartswith, …: case is ignored */
    OP_AGGREGATE = 4,
    OP_KEEPS_NULL = 8,   /* null in does not mean null out */
    OP_WINDOW = 16,      /* only inside {"over": …} */
    OP_TABLE = 32,       /* only in from, as {"function": …} */
    OP_ROW = 64,         /* `tuple`: only as an operand of comparisons and `in` */
    OP_PLANNED = 128,    /* known to the language, not built yet */
    OP_ORDERED = 256,    /* an aggregate that takes its rows in an order */
    OP_ROWS = 512,       /* takes rows as operands */
    OP_FRAMELESS = 1024, /* of windows: looks at the partition, whatever the frame is */
    OP_ELSEWHERE = 2048, /* no call: a word of another form */
    OP_LATERAL = 4096,   /* in from, with columns of tables before it, on all databases */
    OP_PAIRS = 8192,     /* in from, two columns where it is asked for */
};

#define ARGS_ANY 255
#define MOST_ARGS 100 /* what PostgreSQL's and SQLite's functions take */

struct op_info {
    const char *name;
    uint8_t min_args, max_args; /* ARGS_ANY: no bound */
    uint16_t flags;
    enum op_dress dress;
    enum volatility volatility;
    /* The kinds of the arguments, a letter each, the last one for all that follow:
     *   e expression   a expression, or ["distinct", e]   s as a, or "*"
     *   k keyword      t type (goes into the call's type)  p path of JSON
     *   l list         q statement                         m statement or list
     * NULL: e. */
    const char *kinds;
    op_rule *rule;
    op_emit *emit; /* NULL: the template */
    /* By dialect_column; NULL without an emitter: refused there. $1…$9 are arguments; one
     * that is written twice must not be volatile. "@ x " joins all of them with what
     * follows the @, $* with commas. One pair of parentheses around the whole is dropped
     * where nothing is beside it. */
    const char *sql[DIALECT_COUNT];
    /* The same where the arguments are exact numerics, or floating point numbers; NULL
     * in the first place of a table: as sql. */
    const char *exact[DIALECT_COUNT], *floating[DIALECT_COUNT];
    const char *full[DIALECT_COUNT]; /* the same for a call with max_args arguments */
    const char *hint; /* OP_PLANNED: what does it until then; OP_ELSEWHERE: its form */
};

/* One area, in name order. */
struct op_table {
    const struct op_info *ops;
    uint32_t count;
};

extern const struct op_table ops_compare, ops_logic, ops_number, ops_text, ops_date, ops_json,
    ops_array, ops_cast, ops_aggregate, ops_window, ops_table, ops_list, ops_row, ops_native;

const struct op_info *operator_find(struct str name); /* NULL: there is none */
/* Area by area, for hints. */
const struct op_info *operator_at(uint32_t i);
uint32_t operator_count(void);

char argument_kind(const struct op_info *op, uint32_t i);

/* ---- what the areas share: ops.c ---- */

#define ALL(text)                                                                              \
    {                                                                                          \
        text, text, text                                                                       \
    }
#define WORD(op, what, instead)                                                                \
    {                                                                                          \
        .name = (op), .max_args = ARGS_ANY, .flags = (what), .hint = (instead)                 \
    }
#define OP_TABLE_OF(list)                                                                      \
    {                                                                                          \
        (list), sizeof(list) / sizeof((list)[0])                                               \
    }

const char *call_name(const struct expr *call);
bool is_family(const struct expr *e, enum type_family f); /* or has no type yet */
bool is_untyped_value(const struct expr *e);
bool any_nullable(const struct expr *call);
/* Checks that e is of the family and settles it; `what` names the operator. */
enum err need_text(struct context *c, struct expr *e, const char *what) MUST_CHECK;
enum err need_number(struct context *c, struct expr *e, const char *what) MUST_CHECK;
enum err need_integer(struct context *c, struct expr *e, const char *what) MUST_CHECK;
/* Unifies all arguments as numbers; integers become 64-bit, real double. */
enum err unify_numbers(struct context *c, struct expr *e, struct type *common) MUST_CHECK;
/* ERR_TYPE_MISMATCH where values of `common` have no order or equality. */
enum err check_comparable(struct context *c, const struct expr *e,
                          const struct type *common) MUST_CHECK;

/* Within the bounds of `form`: values are checked when bound, the rest by emit_bounded. */
enum err need_bounded(struct context *c, struct expr *e, enum bind_form form,
                      const char *what) MUST_CHECK;
op_emit emit_bounded;

/* Rules that several areas use. */
op_rule rule_text;     /* texts → text */
op_rule rule_number;   /* a number → the same type */
op_rule rule_double;   /* numbers → double */
op_rule rule_integers; /* whole numbers → bigint */

/* A node: a template around one expression, or around parts. NULL: memory is full. */
const struct expr *dress(struct emitter *em, const char *text, const struct expr *of);
const struct expr *dress_parts(struct emitter *em, const char *text,
                               const struct expr *const *parts, uint32_t count);
/* Left to right, two at a time: where the operator is a function it has two
 * arguments, and overflow is seen in every step. */
enum err emit_chain(struct emitter *em, const char *text, const struct expr *const *args,
                    uint32_t count) MUST_CHECK;

#endif
