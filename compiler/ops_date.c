/* SPDX-License-Identifier: MIT
 *
 * compiler/ops_date.c: dates and times.
 */
#include "compiler/names.h"
#include "compiler/operators.h"
#include "compiler/resolve.h"
#include "compiler/types.h"

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

static const struct op_info list[] = {
    PLANNED("age_years"),
    PLANNED("clock"),
    {.name = "current_date",
     .volatility = VOLATILITY_STABLE,
     .flags = OP_KEEPS_NULL,
     .rule = rule_date,
     .sql = {"current_date", "utc_date()", "date('now')"}},
    PLANNED("current_time"),
    PLANNED("date_add"),
    PLANNED("date_diff"),
    PLANNED("date_trunc"),
    PLANNED("extract"),
    PLANNED("format_date"),
    PLANNED("make_date"),
    {.name = "now",
     .volatility = VOLATILITY_STABLE,
     .flags = OP_KEEPS_NULL,
     .rule = rule_now,
     .sql = {"now()", "utc_timestamp(6)", "strftime('%Y-%m-%d %H:%M:%f000', 'now')"}},
    PLANNED("to_timestamp"),
};

const struct op_table ops_date = OP_TABLE_OF(list);
