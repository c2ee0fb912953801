/* SPDX-License-Identifier: MIT
 *
 * test_type.c: names of types, both ways.
 */
#include "value/type.h"

#include <check.h>
#include <string.h>

static const struct {
    const char *text;
    bool ok;
    enum type_kind kind;
    int32_t length;
    int16_t precision;
    int16_t scale;
} cases[] = {
    {"integer", true, TYPE_INTEGER, -1, -1, -1},
    {"TimestampTZ", true, TYPE_TIMESTAMPTZ, -1, -1, -1},
    {" text ", true, TYPE_TEXT, -1, -1, -1},
    {"numeric", true, TYPE_NUMERIC, -1, -1, -1},
    {"numeric(12,2)", true, TYPE_NUMERIC, -1, 12, 2},
    {"numeric( 12 , 2 )", true, TYPE_NUMERIC, -1, 12, 2},
    {"NUMERIC(5)", true, TYPE_NUMERIC, -1, 5, 0},
    {"numeric(1000,1000)", true, TYPE_NUMERIC, -1, 1000, 1000},
    {"varchar(50)", true, TYPE_VARCHAR, 50, -1, -1},
    {"varchar", true, TYPE_VARCHAR, -1, -1, -1},
    {"char(1)", true, TYPE_CHAR, 1, -1, -1},
    {"json", true, TYPE_JSON, -1, -1, -1},
    {"uuid", true, TYPE_UUID, -1, -1, -1},
    {"", false, 0, 0, 0, 0},
    {"int", false, 0, 0, 0, 0},
    {"unknown", false, 0, 0, 0, 0},
    {"array", false, 0, 0, 0, 0},
    {"opaque", false, 0, 0, 0, 0},
    {"enum", false, 0, 0, 0, 0},
    {"numeric()", false, 0, 0, 0, 0},
    {"numeric(", false, 0, 0, 0, 0},
    {"numeric)", false, 0, 0, 0, 0},
    {"numeric(2", false, 0, 0, 0, 0},
    {"numeric(0)", false, 0, 0, 0, 0},
    {"numeric(2,3)", false, 0, 0, 0, 0},
    {"numeric(2,-1)", false, 0, 0, 0, 0},
    {"numeric(1001)", false, 0, 0, 0, 0},
    {"numeric(1,2,3)", false, 0, 0, 0, 0},
    {"numeric(2,1)x", false, 0, 0, 0, 0},
    {"varchar(0)", false, 0, 0, 0, 0},
    {"varchar(-1)", false, 0, 0, 0, 0},
    {"varchar(1,1)", false, 0, 0, 0, 0},
    {"varchar(99999999999999999999)", false, 0, 0, 0, 0},
    {"varchar(2147483648)", false, 0, 0, 0, 0},
    {"integer(4)", false, 0, 0, 0, 0},
    {"(1)", false, 0, 0, 0, 0},
    {"text; drop table users", false, 0, 0, 0, 0},
};

START_TEST(types_are_read_by_name)
{
    struct type t;
    ck_assert_msg(type_parse(str_of(cases[_i].text), &t) == cases[_i].ok, "%s", cases[_i].text);
    if (cases[_i].ok) {
        ck_assert_int_eq(t.kind, cases[_i].kind);
        ck_assert_int_eq(t.length, cases[_i].length);
        ck_assert_int_eq(t.precision, cases[_i].precision);
        ck_assert_int_eq(t.scale, cases[_i].scale);
    }
}
END_TEST

START_TEST(every_kind_has_a_name_of_its_own)
{
    for (int k = 0; k < TYPE_COUNT; k++) {
        const char *name = type_kind_name((enum type_kind)k);
        ck_assert_uint_gt(strlen(name), 2);
        for (int o = 0; o < k; o++) {
            ck_assert_str_ne(name, type_kind_name((enum type_kind)o));
        }
        struct type t = type_of((enum type_kind)k);
        ck_assert(t.length == -1 && t.precision == -1 && t.scale == -1);
    }
}
END_TEST

START_TEST(families_group_what_compares)
{
    ck_assert_int_eq(type_family(TYPE_ENUM), type_family(TYPE_TEXT));
    ck_assert_int_eq(type_family(TYPE_DATE), type_family(TYPE_TIMESTAMPTZ));
    ck_assert_int_ne(type_family(TYPE_TIME), type_family(TYPE_TIMESTAMP));
    ck_assert_int_ne(type_family(TYPE_BOOLEAN), type_family(TYPE_INTEGER));
    ck_assert(type_is_integer(TYPE_SMALLINT) && !type_is_integer(TYPE_NUMERIC));
    struct type t = type_of(TYPE_INTEGER);
    ck_assert(!type_holds_64_bits(&t));
    t.precision = 19;
    ck_assert(type_holds_64_bits(&t));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("value/type");
    TCase *t = tcase_create("type");
    tcase_add_loop_test(t, types_are_read_by_name, 0, (int)(sizeof cases / sizeof cases[0]));
    tcase_add_test(t, every_kind_has_a_name_of_its_own);
    tcase_add_test(t, families_group_what_compares);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
