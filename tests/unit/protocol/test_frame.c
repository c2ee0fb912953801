/* SPDX-License-Identifier: MIT
 *
 * test_frame.c: lines out of pieces of every size.
 */
#include "protocol/frame.h"
#include "tests/unit/fail_alloc.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Feeds `bytes` in pieces as cut() says and writes the lines, each with a `|`, and how
 * it ended into out. */
typedef size_t cut_fn(size_t left, uint64_t *state);

static size_t cut_all(size_t left, uint64_t *state)
{
    (void)state;
    return left;
}

static size_t cut_one(size_t left, uint64_t *state)
{
    (void)left;
    (void)state;
    return 1;
}

static size_t cut_random(size_t left, uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    size_t n = 1 + (size_t)(*state >> 40) % 13;
    return n < left ? n : left;
}

static const char *result_name(enum frame_result r)
{
    static const char *const names[] = {
        [FRAME_LINE] = "line",       [FRAME_MORE] = "more",           [FRAME_TOO_LONG] = "long",
        [FRAME_FOREIGN] = "foreign", [FRAME_NO_MEMORY] = "no memory",
    };
    return names[r];
}

static void feed(struct buf *out, struct str bytes, size_t max, cut_fn *cut, uint64_t *state)
{
    struct frame f;
    enum frame_result got = FRAME_MORE;
    frame_init(&f, max);
    while (bytes.len > 0 && got == FRAME_MORE) {
        size_t n = cut(bytes.len, state);
        char *piece = malloc(n); /* gone after each call, as a socket's buffer is */
        ck_assert_ptr_nonnull(piece);
        memcpy(piece, bytes.ptr, n);
        struct str input = {piece, n}, line;
        while ((got = frame_next(&f, &input, &line)) == FRAME_LINE) {
            buf_str_add(out, line);
            buf_char(out, '|');
        }
        ck_assert(got != FRAME_MORE || input.len == 0);
        ck_assert_uint_le(frame_held(&f), max + 1);
        free(piece);
        bytes.ptr += n;
        bytes.len -= n;
    }
    buf_str_add(out, str_of(result_name(got)));
    frame_fini(&f);
}

static const struct {
    const char *bytes;
    const char *want;
} cases[] = {
    {"{}\n", "{}|more"},
    {"{}\r\n", "{}|more"},
    {"{1}\n{2}\n{3}\n", "{1}|{2}|{3}|more"},
    {"{1}\n\n{2}\n", "{1}||{2}|more"},
    {"{1}\n\r\n \n", "{1}|| |more"},
    {"{\r1}\r\r\n", "{\r1}\r|more"},
    {"{1}", "more"},
    {"{1}\n{2", "{1}|more"},
    {"", "more"},
    {"[]\n", "foreign"},
    {" {}\n", "foreign"},
    {"\n{}\n", "foreign"},
    {"\r\n", "foreign"},
    {"\xef\xbb\xbf{}\n", "foreign"},
    {"GET / HTTP/1.1\r\n", "foreign"},
    {"P", "foreign"},
    {"{1}\nGET / HTTP/1.1\r\n{2}\n", "{1}|foreign"},
    {"{1}\nPOST / HTTP/1.1\r\n{2}\n", "{1}|foreign"},
    {"{1}\nOPTIONS *", "{1}|foreign"},
    {"{1}\nDELETE /x", "{1}|foreign"},
    {"{1}\nGETTER\n{2}\n", "{1}|GETTER|{2}|more"},
    {"{1}\nget / x\n", "{1}|get / x|more"},
    {"{1}\n GET / x\n", "{1}| GET / x|more"},
    {"{345678901234567890}\n", "{345678901234567890}|more"},
    {"{345678901234567890}\r\n", "{345678901234567890}|more"},
    {"{3456789012345678901}\n", "long"},
    {"{3456789012345678901}\r\n", "long"},
    {"{345678901234567890}\r\r\n", "long"},
    {"{1}\n{345678901234567890123456789", "{1}|long"},
};

START_TEST(lines_do_not_depend_on_the_pieces)
{
    struct str bytes = str_of(cases[_i].bytes);
    uint64_t state = (uint64_t)_i;
    for (int round = 0; round < 40; round++) {
        cut_fn *cut = round == 0 ? cut_all : round == 1 ? cut_one : cut_random;
        struct buf out;
        buf_init(&out);
        feed(&out, bytes, 20, cut, &state);
        ck_assert_msg(str_is(buf_str(&out), cases[_i].want), "%s: %.*s is not %s",
                      cases[_i].bytes, STR_ARG(buf_str(&out)), cases[_i].want);
        buf_fini(&out);
    }
}
END_TEST

START_TEST(a_nul_is_a_byte_like_others)
{
    struct buf out;
    uint64_t state = 1;
    buf_init(&out);
    feed(&out, STR("{\0}\n{\0\0}\n"), 100, cut_random, &state);
    ck_assert(str_eq(buf_str(&out), STR("{\0}|{\0\0}|more")));
    buf_fini(&out);
}
END_TEST

START_TEST(random_streams_come_out_whole)
{
    uint64_t state = 99;
    for (int round = 0; round < 300; round++) {
        struct buf bytes, want, out;
        buf_init(&bytes);
        buf_init(&want);
        buf_init(&out);
        for (int i = 0; i < 20; i++) {
            size_t n = cut_random(1000, &state) * cut_random(1000, &state);
            buf_char(&bytes, '{');
            buf_char(&want, '{');
            for (size_t k = 0; k < n; k++) {
                char c = (char)('a' + k % 26);
                buf_char(&bytes, c);
                buf_char(&want, c);
            }
            buf_str_add(&bytes, n % 2 == 0 ? STR("\n") : STR("\r\n"));
            buf_char(&want, '|');
        }
        BUF_LIT(&want, "more");
        feed(&out, buf_str(&bytes), 1000, round % 5 == 0 ? cut_one : cut_random, &state);
        ck_assert(str_eq(buf_str(&out), buf_str(&want)));
        buf_fini(&bytes);
        buf_fini(&want);
        buf_fini(&out);
    }
}
END_TEST

START_TEST(a_whole_line_is_borrowed_from_the_input)
{
    struct frame f;
    static const char bytes[] = "{1}\n{2}\n";
    struct str input = STR(bytes), line;
    frame_init(&f, 100);
    ck_assert_int_eq(frame_next(&f, &input, &line), FRAME_LINE);
    ck_assert_ptr_eq(line.ptr, bytes);
    ck_assert_int_eq(frame_next(&f, &input, &line), FRAME_LINE);
    ck_assert_ptr_eq(line.ptr, bytes + 4);
    ck_assert_int_eq(frame_next(&f, &input, &line), FRAME_MORE);
    ck_assert_uint_eq(frame_held(&f), 0);
    ck_assert_ptr_null(f.rest.ptr); /* an idle client costs no buffer */
    frame_fini(&f);
}
END_TEST

START_TEST(no_memory_is_kept_while_no_line_is_open)
{
    struct frame f;
    struct str line, input = STR("{123");
    frame_init(&f, 100);
    ck_assert_int_eq(frame_next(&f, &input, &line), FRAME_MORE);
    ck_assert_uint_eq(frame_held(&f), 4);
    input = STR("4}\n");
    ck_assert_int_eq(frame_next(&f, &input, &line), FRAME_LINE);
    ck_assert(str_is(line, "{1234}"));
    ck_assert_int_eq(frame_next(&f, &input, &line), FRAME_MORE);
    ck_assert_uint_eq(frame_held(&f), 0);
    ck_assert_ptr_null(f.rest.ptr);
    frame_fini(&f);
}
END_TEST

START_TEST(the_limit_may_change_between_lines)
{
    struct frame f;
    struct str line, input = STR("{1}\n{34567890}\n");
    frame_init(&f, 5);
    ck_assert_int_eq(frame_next(&f, &input, &line), FRAME_LINE);
    f.max_bytes = 100;
    ck_assert_int_eq(frame_next(&f, &input, &line), FRAME_LINE);
    frame_fini(&f);
}
END_TEST

START_TEST(no_memory_is_told)
{
    struct frame f;
    struct str line, input = STR("{123");
    frame_init(&f, 100);
    fail_alloc_at(1);
    enum frame_result got = frame_next(&f, &input, &line);
    fail_alloc_at(0);
    ck_assert_int_eq(got, FRAME_NO_MEMORY);
    frame_fini(&f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("protocol/frame");
    TCase *t = tcase_create("frame");
    tcase_set_timeout(t, 30);
    tcase_add_loop_test(t, lines_do_not_depend_on_the_pieces, 0,
                        (int)(sizeof cases / sizeof cases[0]));
    tcase_add_test(t, a_nul_is_a_byte_like_others);
    tcase_add_test(t, random_streams_come_out_whole);
    tcase_add_test(t, a_whole_line_is_borrowed_from_the_input);
    tcase_add_test(t, no_memory_is_kept_while_no_line_is_open);
    tcase_add_test(t, the_limit_may_change_between_lines);
    tcase_add_test(t, no_memory_is_told);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
