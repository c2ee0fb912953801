/* SPDX-License-Identifier: MIT
 *
 * value/type.c: names of types, and reading them.
 */
#include "value/type.h"

static const struct {
    const char *name;
    enum type_family family;
} kinds[] = {
    [TYPE_UNKNOWN] = {"unknown", FAMILY_UNKNOWN},
    [TYPE_BOOLEAN] = {"boolean", FAMILY_BOOLEAN},
    [TYPE_SMALLINT] = {"smallint", FAMILY_NUMBER},
    [TYPE_INTEGER] = {"integer", FAMILY_NUMBER},
    [TYPE_BIGINT] = {"bigint", FAMILY_NUMBER},
    [TYPE_NUMERIC] = {"numeric", FAMILY_NUMBER},
    [TYPE_REAL] = {"real", FAMILY_NUMBER},
    [TYPE_DOUBLE] = {"double", FAMILY_NUMBER},
    [TYPE_TEXT] = {"text", FAMILY_TEXT},
    [TYPE_VARCHAR] = {"varchar", FAMILY_TEXT},
    [TYPE_CHAR] = {"char", FAMILY_TEXT},
    [TYPE_ENUM] = {"enum", FAMILY_TEXT},
    [TYPE_UUID] = {"uuid", FAMILY_UUID},
    [TYPE_BYTES] = {"bytes", FAMILY_BYTES},
    [TYPE_DATE] = {"date", FAMILY_DATE},
    [TYPE_TIME] = {"time", FAMILY_TIME},
    [TYPE_TIMESTAMP] = {"timestamp", FAMILY_DATE},
    [TYPE_TIMESTAMPTZ] = {"timestamptz", FAMILY_DATE},
    [TYPE_INTERVAL] = {"interval", FAMILY_INTERVAL},
    [TYPE_JSON] = {"json", FAMILY_JSON},
    [TYPE_ARRAY] = {"array", FAMILY_ARRAY},
    [TYPE_OPAQUE] = {"opaque", FAMILY_OPAQUE},
};

const char *type_kind_name(enum type_kind k)
{
    return kinds[k].name;
}

enum type_family type_family(enum type_kind k)
{
    return kinds[k].family;
}

struct type type_of(enum type_kind k)
{
    return (struct type){.kind = k, .length = -1, .precision = -1, .scale = -1};
}

bool type_is_integer(enum type_kind k)
{
    return k == TYPE_SMALLINT || k == TYPE_INTEGER || k == TYPE_BIGINT;
}

bool type_holds_64_bits(const struct type *t)
{
    return t->kind == TYPE_BIGINT || (t->kind == TYPE_INTEGER && t->precision == 19);
}

static struct str trim(struct str s)
{
    while (s.len > 0 && s.ptr[0] == ' ') {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && s.ptr[s.len - 1] == ' ') {
        s.len--;
    }
    return s;
}

static bool kind_named(struct str name, enum type_kind *out)
{
    for (int k = TYPE_BOOLEAN; k < TYPE_ARRAY; k++) {
        if (k != TYPE_ENUM && str_ieq(name, str_of(kinds[k].name))) {
            *out = (enum type_kind)k;
            return true;
        }
    }
    return false;
}

/* bounds = "(" length ")" | "(" precision [ "," scale ] ")" */
static bool read_bounds(struct str text, int64_t *first, int64_t *second)
{
    ptrdiff_t comma = str_find(text, ',', 0);
    struct str a = {text.ptr, comma < 0 ? text.len : (size_t)comma};
    *second = -1;
    if (!str_to_i64(trim(a), first) || *first < 1) {
        return false;
    }
    if (comma < 0) {
        return true;
    }
    struct str b = {text.ptr + comma + 1, text.len - (size_t)comma - 1};
    return str_to_i64(trim(b), second) && *second >= 0;
}

static bool set_bounds(struct type *t, int64_t first, int64_t second)
{
    if (t->kind == TYPE_VARCHAR || t->kind == TYPE_CHAR) {
        t->length = (int32_t)first;
        return second < 0 && first <= 10485760; /* PostgreSQL's limit */
    }
    if (t->kind != TYPE_NUMERIC || first > 1000 || second > first) {
        return false;
    }
    t->precision = (int16_t)first;
    t->scale = (int16_t)(second < 0 ? 0 : second);
    return true;
}

/* type = name [ bounds ] */
bool type_parse(struct str text, struct type *out)
{
    text = trim(text);
    ptrdiff_t open = str_find(text, '(', 0);
    struct str name = {text.ptr, open < 0 ? text.len : (size_t)open};
    enum type_kind kind;
    if (!kind_named(trim(name), &kind)) {
        return false;
    }
    *out = type_of(kind);
    if (open < 0) {
        return true;
    }
    size_t from = (size_t)open + 1;
    if (text.ptr[text.len - 1] != ')') {
        return false;
    }
    int64_t first, second;
    struct str inside = {text.ptr + from, text.len - from - 1};
    return read_bounds(inside, &first, &second) && set_bounds(out, first, second);
}
