/* SPDX-License-Identifier: MIT
 *
 * compiler/parts.c: see compiler/parts.h. One table for each way.
 */
#include "compiler/parts.h"

#define LIST(table)                                                                            \
    (struct parts)                                                                             \
    {                                                                                          \
        (table), sizeof(table) / sizeof((table)[0])                                            \
    }

static const struct part plain[] = {
    {PART_WHOLE, STEP_ROWS, WHEN_ALWAYS, CLASH_FAILS, false, COLUMNS_REPLY},
};
/* Its own count says 2 for a row that is updated, so rows come back and are counted. */
static const struct part duplicate[] = {
    {PART_WHOLE, STEP_ROWS, WHEN_ALWAYS, CLASH_FAILS, false, COLUMNS_COUNT},
};
static const struct part skip[] = {
    {PART_WHOLE, STEP_ROWS, WHEN_ALWAYS, CLASH_SKIPS, false, COLUMNS_REPLY},
};
static const struct part keys[] = {
    {PART_LOOK, STEP_CAPTURE, WHEN_ALWAYS, CLASH_FAILS, false, COLUMNS_KEY},
    {PART_CHANGE, STEP_QUIET, WHEN_ALWAYS, CLASH_FAILS, true, COLUMNS_NONE},
    {PART_READ, STEP_ROWS, WHEN_ALWAYS, CLASH_FAILS, true, COLUMNS_REPLY},
};
static const struct part tried[] = {
    {PART_TRY, STEP_QUIET, WHEN_ALWAYS, CLASH_FAILS, false, COLUMNS_TRY},
    {PART_WHOLE, STEP_ROWS, WHEN_ALWAYS, CLASH_FAILS, false, COLUMNS_REPLY},
};
static const struct part look_nothing[] = {
    {PART_LOOK, STEP_CAPTURE, WHEN_ALWAYS, CLASH_FAILS, false, COLUMNS_KEY},
    {PART_WHOLE, STEP_ROWS, WHEN_MISSING, CLASH_FAILS, false, COLUMNS_REPLY},
};
static const struct part look_update[] = {
    {PART_LOOK, STEP_CAPTURE, WHEN_ALWAYS, CLASH_FAILS, false, COLUMNS_KEY},
    {PART_CHANGE, STEP_COUNT, WHEN_ALWAYS, CLASH_FAILS, true, COLUMNS_NONE},
    {PART_WHOLE, STEP_ROWS, WHEN_MISSING, CLASH_FAILS, false, COLUMNS_REPLY},
};
static const struct part look_rows[] = {
    {PART_LOOK, STEP_CAPTURE, WHEN_ALWAYS, CLASH_FAILS, false, COLUMNS_KEY},
    {PART_CHANGE, STEP_QUIET, WHEN_ALWAYS, CLASH_FAILS, true, COLUMNS_NONE},
    {PART_READ, STEP_ROWS, WHEN_CHANGED, CLASH_FAILS, true, COLUMNS_REPLY},
    {PART_WHOLE, STEP_ROWS, WHEN_MISSING, CLASH_FAILS, false, COLUMNS_REPLY},
};

static struct parts look_parts(const struct write *w)
{
    if (!w->upsert->updates) {
        return LIST(look_nothing);
    }
    return w->scope.output_count > 0 ? LIST(look_rows) : LIST(look_update);
}

struct parts write_parts(const struct write *w)
{
    switch (w == NULL ? WAY_PLAIN : w->way) {
    case WAY_PLAIN:
        break;
    case WAY_DUPLICATE:
        return LIST(duplicate);
    case WAY_SKIP:
        return LIST(skip);
    case WAY_KEYS:
        return LIST(keys);
    case WAY_TRIED:
        return LIST(tried);
    case WAY_LOOK:
        return look_parts(w);
    }
    return LIST(plain);
}
