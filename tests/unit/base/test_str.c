/* SPDX-License-Identifier: MIT
 *
 * test_str.c: runs of bytes, UTF-8, edit distance.
 */
#include "base/str.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(texts_compare_by_bytes)
{
    ck_assert(str_eq(STR(""), (struct str){NULL, 0}));
    ck_assert(str_eq(STR("a\0b"), STR("a\0b")));
    ck_assert(!str_eq(STR("a\0b"), STR("a\0c")));
    ck_assert(!str_eq(STR("a"), STR("ab")));
    ck_assert(str_is(STR("abc"), "abc"));
    ck_assert(!str_is(STR("ab\0"), "ab"));
    ck_assert(str_ieq(STR("AbC_9"), STR("aBc_9")));
    ck_assert(!str_ieq(STR("\xc3\x84"), STR("\xc3\xa4")));
    ck_assert(!str_ieq(STR("@"), STR("`")));
    ck_assert_int_lt(str_cmp(STR("a"), STR("ab")), 0);
    ck_assert_int_gt(str_cmp(STR("b"), STR("ab")), 0);
    ck_assert_int_eq(str_cmp(STR(""), (struct str){NULL, 0}), 0);
    ck_assert_int_gt(str_cmp(STR("\xff"), STR("a")), 0);
    ck_assert(str_starts(STR("abc"), STR("")));
    ck_assert(str_starts(STR("abc"), STR("ab")));
    ck_assert(!str_starts(STR("a"), STR("ab")));
    ck_assert_uint_eq(str_of(NULL).len, 0);
}
END_TEST

START_TEST(bytes_are_found)
{
    ck_assert_int_eq(str_find(STR("a,b,c"), ',', 0), 1);
    ck_assert_int_eq(str_find(STR("a,b,c"), ',', 2), 3);
    ck_assert_int_eq(str_find(STR("a,b,c"), ',', 4), -1);
    ck_assert_int_eq(str_find(STR("a"), 'a', 100), -1);
    ck_assert_int_eq(str_find((struct str){NULL, 0}, 'a', 0), -1);
}
END_TEST

START_TEST(integers_are_read_whole_or_not_at_all)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t v;
    } cases[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"007", true, 7},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"99999999999999999999999", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1.0", false, 0},
        {"0x1", false, 0},
        {"\xd9\xa1", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t v = 0;
        ck_assert_msg(str_to_i64(str_of(cases[i].text), &v) == cases[i].ok, "%s",
                      cases[i].text);
        ck_assert_int_eq(v, cases[i].v);
    }
}
END_TEST

/* Slow and plain: decodes by the bits and checks the ranges. */
static bool plain_valid(const unsigned char *p, size_t n, size_t *bad)
{
    for (size_t i = 0; i < n;) {
        unsigned char c = p[i];
        size_t len = c < 0x80 ? 1 : c >> 5 == 6 ? 2 : c >> 4 == 14 ? 3 : c >> 3 == 30 ? 4 : 0;
        *bad = i;
        if (len == 0 || n - i < len) {
            return false;
        }
        uint32_t v = len == 1 ? c : c & (0x7fu >> len);
        for (size_t k = 1; k < len; k++) {
            if (p[i + k] >> 6 != 2) {
                return false;
            }
            v = v << 6 | (p[i + k] & 0x3f);
        }
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        if (v < least[len] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff)) {
            return false;
        }
        i += len;
    }
    return true;
}

START_TEST(utf8_agrees_with_a_plain_decoder)
{
    static const unsigned char edges[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
                                          0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee,
                                          0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf8, 0xff};
    enum { EDGES = sizeof edges };
    for (size_t i = 0; i < (size_t)EDGES * EDGES * EDGES * EDGES; i++) {
        unsigned char *p = malloc(4);
        ck_assert_ptr_nonnull(p);
        p[0] = edges[i % EDGES];
        p[1] = edges[i / EDGES % EDGES];
        p[2] = edges[i / EDGES / EDGES % EDGES];
        p[3] = edges[i / EDGES / EDGES / EDGES];
        size_t bad = 99, plain_bad = 99;
        bool plain = plain_valid(p, 4, &plain_bad);
        bool ours = utf8_valid((struct str){(char *)p, 4}, &bad);
        if (plain != ours || (!ours && bad != plain_bad)) {
            ck_abort_msg("%02x %02x %02x %02x: %d at %zu", p[0], p[1], p[2], p[3], ours, bad);
        }
        free(p);
    }
}
END_TEST

START_TEST(utf8_is_checked_across_words)
{
    char text[40];
    for (size_t at = 0; at + 3 <= sizeof text; at++) {
        memset(text, 'x', sizeof text);
        memcpy(text + at, "\xe2\x82\xac", 3);
        ck_assert(utf8_valid((struct str){text, sizeof text}, NULL));
        ck_assert_uint_eq(utf8_count((struct str){text, sizeof text}), sizeof text - 2);
        text[at + 2] = 'x';
        size_t bad = 0;
        ck_assert(!utf8_valid((struct str){text, sizeof text}, &bad));
        ck_assert_uint_eq(bad, at);
    }
}
END_TEST

START_TEST(texts_are_cut_between_characters)
{
    struct str s = STR("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z");
    static const size_t want[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
    for (size_t max = 0; max < sizeof want / sizeof want[0]; max++) {
        ck_assert_msg(utf8_cut(s, max) == want[max], "max %zu: %zu", max, utf8_cut(s, max));
    }
    ck_assert_uint_eq(utf8_cut((struct str){s.ptr, 5}, 100), 3); /* cut already */
}
END_TEST

START_TEST(distance_counts_edits)
{
    static const struct {
        const char *a, *b;
        unsigned max, want;
    } cases[] = {
        {"query", "query", 2, 0}, {"quary", "query", 2, 1},
        {"Query", "qUERY", 2, 0}, {"qurey", "query", 2, 1},
        {"", "", 2, 0},           {"", "ab", 2, 2},
        {"", "abc", 2, 3},        {"kitten", "sitting", 5, 3},
        {"abc", "xyz", 1, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_uint_eq(str_distance(str_of(cases[i].a), str_of(cases[i].b), cases[i].max),
                          cases[i].want);
    }
    char text[80];
    memset(text, 'a', sizeof text);
    ck_assert_uint_eq(str_distance((struct str){text, 65}, (struct str){text, 65}, 3), 4);
    ck_assert_uint_eq(str_distance((struct str){text, 64}, (struct str){text, 64}, 3), 0);
    ck_assert_uint_eq(str_distance((struct str){text, 64}, (struct str){text, 62}, 3), 2);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("base/str");
    TCase *t = tcase_create("str");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, texts_compare_by_bytes);
    tcase_add_test(t, bytes_are_found);
    tcase_add_test(t, integers_are_read_whole_or_not_at_all);
    tcase_add_test(t, utf8_agrees_with_a_plain_decoder);
    tcase_add_test(t, utf8_is_checked_across_words);
    tcase_add_test(t, texts_are_cut_between_characters);
    tcase_add_test(t, distance_counts_edits);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
