/* SPDX-License-Identifier: MIT
 *
 * value/declared_pg.c: PostgreSQL's types by their OID.
 */
#include "value/declared.h"

/* Fixed OIDs of pg_type.dat. What is missing is opaque: money, bit strings, network
 * addresses, ranges, geometry, composites, timetz. */
static const struct {
    uint32_t oid;
    enum type_kind kind;
} known_types[] = {
    {16, TYPE_BOOLEAN},       {17, TYPE_BYTES},      {20, TYPE_BIGINT},
    {21, TYPE_SMALLINT},      {23, TYPE_INTEGER},    {25, TYPE_TEXT},
    {26, TYPE_BIGINT},        {114, TYPE_JSON},      {700, TYPE_REAL},
    {701, TYPE_DOUBLE},       {1042, TYPE_CHAR},     {1043, TYPE_VARCHAR},
    {1082, TYPE_DATE},        {1083, TYPE_TIME},     {1114, TYPE_TIMESTAMP},
    {1184, TYPE_TIMESTAMPTZ}, {1186, TYPE_INTERVAL}, {1700, TYPE_NUMERIC},
    {2950, TYPE_UUID},        {3802, TYPE_JSON},
};
/* Arrays of these, by the OID of the array. */
static const struct {
    uint32_t oid, element;
} arrays[] = {
    {1000, 16},   {1001, 17},   {1005, 21},   {1007, 23},   {1009, 25},
    {1014, 1042}, {1015, 1043}, {1016, 20},   {1021, 700},  {1022, 701},
    {1115, 1114}, {1182, 1082}, {1183, 1083}, {1185, 1184}, {1187, 1186},
    {1231, 1700}, {199, 114},   {2951, 2950}, {3807, 3802},
};

enum type_kind pg_type_kind(uint32_t oid)
{
    for (size_t i = 0; i < sizeof known_types / sizeof known_types[0]; i++) {
        if (known_types[i].oid == oid) {
            return known_types[i].kind;
        }
    }
    return TYPE_OPAQUE;
}

/* atttypmod: -1, or the bounds in the type's own coding (4 is the old header). */
void pg_type_bounds(struct type *t, enum type_kind kind, int64_t typmod)
{
    if (typmod < 4) {
        return;
    }
    int32_t m = (int32_t)(typmod - 4);
    if (kind == TYPE_VARCHAR || kind == TYPE_CHAR) {
        t->length = m;
    } else if (kind == TYPE_NUMERIC) {
        int scale = ((m & 0x7ff) ^ 1024) - 1024;
        if (scale >= 0) { /* numeric(5,-2) rounds; leave that to the database */
            t->precision = (int16_t)((m >> 16) & 0xffff);
            t->scale = (int16_t)scale;
        }
    }
}

struct type pg_result_type(uint32_t oid, int64_t typmod)
{
    struct type t = type_of(pg_type_kind(oid));
    t.native = oid;
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        if (arrays[i].oid == oid) {
            t.kind = TYPE_ARRAY;
            t.element = pg_type_kind(arrays[i].element);
        }
    }
    pg_type_bounds(&t, t.kind == TYPE_ARRAY ? t.element : t.kind, typmod);
    return t;
}
