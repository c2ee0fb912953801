/* SPDX-License-Identifier: MIT
 *
 * Tests of daemon/quick.h: where the id of a line is found, and what is left.
 */
#include "daemon/quick.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

struct sample {
    const char *line;
    const char *id;   /* NULL: none is found */
    const char *rest; /* NULL: the line is not taken apart */
};

static const struct sample samples[] = {
    {"{\"id\":7,\"query\":1}", "7", "\"query\":1}"},
    {"{\"id\": 7, \"query\": 1}", "7", "\"query\": 1}"},
    {"{ \"id\" :\t\"a b\" , \"query\":1}", "\"a b\"", "\"query\":1}"},
    {"{\"id\":0,\"query\":1}", "0", "\"query\":1}"},
    {"{\"id\":123456789012345678,\"q\":1}", "123456789012345678", "\"q\":1}"},
    {"{\"query\":1,\"id\":7}", "7", "\"query\":1"},
    {"{\"query\": 1, \"id\": 7 }", "7", "\"query\": 1"},
    {"{\"query\":1 , \"id\" : \"x\"}", "\"x\"", "\"query\":1 "},
    {"{\"query\":1}", NULL, "\"query\":1}"},
    {"{ \"query\":1}", NULL, "\"query\":1}"},
    {"{\"idx\":1,\"query\":1}", NULL, "\"idx\":1,\"query\":1}"},
    {"{\"query\":{\"id\":7}}", NULL, "\"query\":{\"id\":7}}"},
    {"{\"query\":1,\"id\":07}", NULL, "\"query\":1,\"id\":07}"},
    {"{\"query\":1,\"id\":1.5}", NULL, "\"query\":1,\"id\":1.5}"},
    {"{\"query\":\"x\\\"id\\\":7}", NULL, "\"query\":\"x\\\"id\\\":7}"},
    {"{\"id\":07,\"query\":1}", NULL, NULL},
    {"{\"id\":-7,\"query\":1}", NULL, NULL},
    {"{\"id\":1.5,\"query\":1}", NULL, NULL},
    {"{\"id\":1234567890123456789,\"query\":1}", NULL, NULL},
    {"{\"id\":\"\",\"query\":1}", NULL, NULL},
    {"{\"id\":\"a\\n\",\"query\":1}", NULL, NULL},
    {"{\"id\":\"\xc3\xa9\",\"query\":1}", NULL, NULL},
    {"{\"id\":null,\"query\":1}", NULL, NULL},
    {"{\"id\":7}", NULL, NULL},
    {"{\"id\":7 \"query\":1}", NULL, NULL},
    {"{\"id\"", NULL, "\"id\""},
    {"[\"id\":7,\"query\":1]", NULL, NULL},
    {"", NULL, NULL},
};

static void check_text(struct str got, const char *wanted)
{
    ck_assert_msg(str_is(got, wanted), "%.*s, not %s", STR_ARG(got), wanted);
}

START_TEST(id_is_cut_out)
{
    const struct sample *s = &samples[_i];
    struct quick_line q;
    bool done = quick_split(str_of(s->line), &q);
    ck_assert_msg(done == (s->rest != NULL), "%s", s->line);
    if (!done) {
        return;
    }
    ck_assert_msg(q.id.present == (s->id != NULL), "%s", s->line);
    if (s->id != NULL) {
        check_text(q.id.text, s->id);
    }
    check_text(q.rest, s->rest);
}
END_TEST

/* Whatever it is given, it stays inside: the sanitizers look on. */
START_TEST(every_part_of_a_line_is_borne)
{
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        size_t len = strlen(samples[i].line);
        for (size_t n = 1; n <= len; n++) {
            char *copy = malloc(n);
            ck_assert_ptr_nonnull(copy);
            memcpy(copy, samples[i].line + len - n, n);
            struct quick_line q;
            if (quick_split((struct str){copy, n}, &q)) {
                ck_assert_uint_le(q.rest.len, n);
            }
            memcpy(copy, samples[i].line, n);
            (void)quick_split((struct str){copy, n}, &q);
            free(copy);
        }
    }
}
END_TEST

START_TEST(long_ids_and_lines_are_read)
{
    char line[QUICK_LINE_MAX + 64];
    struct quick_line q;
    int n = snprintf(line, sizeof line, "{\"id\":\"%065d\",\"query\":1}", 1);
    ck_assert(!quick_split((struct str){line, (size_t)n}, &q));
    n = snprintf(line, sizeof line, "{\"id\":\"%064d\",\"query\":1}", 1);
    ck_assert(quick_split((struct str){line, (size_t)n}, &q));
    n = snprintf(line, sizeof line, "{\"query\":1,\"id\":\"%0100d\"}", 1);
    ck_assert(quick_split((struct str){line, (size_t)n}, &q));
    ck_assert(!q.id.present);
    n = snprintf(line, sizeof line, "{\"id\":1,\"query\":%0*d}", QUICK_LINE_MAX, 1);
    ck_assert(!quick_split((struct str){line, (size_t)n}, &q));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("quick");
    TCase *t = tcase_create("quick");
    tcase_add_loop_test(t, id_is_cut_out, 0, (int)(sizeof samples / sizeof samples[0]));
    tcase_add_test(t, every_part_of_a_line_is_borne);
    tcase_add_test(t, long_ids_and_lines_are_read);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
