/* SPDX-License-Identifier: MIT
 *
 * test_json.c: the strict reader against a table of texts that it must take or
 * refuse, against limits, and against jansson.
 */
#include "base/json.h"
#include "tests/unit/base/jansson_peer.h"
#include "tests/unit/fail_alloc.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH 32

struct parsed {
    struct arena arena;
    struct json *root;
    struct fail fail;
    enum err err;
};

static void parse(struct parsed *p, struct str text, unsigned depth, size_t limit)
{
    arena_init(&p->arena, limit);
    fail_init(&p->fail);
    p->err = json_parse(&p->arena, text, depth, &p->root, &p->fail);
}

static void done(struct parsed *p)
{
    arena_fini(&p->arena);
}

/* A text in a block of just its size, so that reading behind it is seen. */
static char *exact(struct str s)
{
    char *p = malloc(s.len > 0 ? s.len : 1);
    ck_assert_ptr_nonnull(p);
    memcpy(p, s.ptr, s.len);
    return p;
}

/* ---- what must be taken ---- */

/* text, and its compact form (NULL: the same) */
#define YES(text, compact)                                                                     \
    {                                                                                          \
        {text, sizeof(text) - 1}, compact                                                      \
    }
static const struct {
    struct str text;
    const char *compact;
} good[] = {
    YES("{}", NULL),
    YES("[]", NULL),
    YES(" \t\r\n{ } \n", "{}"),
    YES("null", NULL),
    YES("true", NULL),
    YES("false", NULL),
    YES("0", NULL),
    YES("-0", NULL),
    YES("-0.0e-0", NULL),
    YES("1234567890123456789012345678901234567890", NULL),
    YES("1E+2", NULL),
    YES("1e999999999", NULL),
    YES("0.000000000000000000000000000000001", NULL),
    YES("\"\"", NULL),
    YES("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\""),
    YES("\"\\u0041\\u00e4\\u20AC\"", "\"A\xc3\xa4\xe2\x82\xac\""),
    YES("\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""),
    YES("\"\\uDBFF\\uDFFF\"", "\"\xf4\x8f\xbf\xbf\""),
    YES("\"\\u0000\"", "\"\\u0000\""),
    YES("\"\\u001f\"", "\"\\u001f\""),
    YES("\"\x7f\"", NULL),
    YES("\"\xc2\x80 \xdf\xbf \xe0\xa0\x80 \xef\xbf\xbf \xf0\x90\x80\x80 \xf4\x8f\xbf\xbf\"",
        NULL),
    YES("\"\xe2\x80\xa8\xe2\x80\xa9\xef\xbb\xbf\"", NULL),
    YES("\"exactly8\"", NULL),
    YES("\"seven77\"", NULL),
    YES("\"sixteen bytes ok\"", NULL),
    YES("\"eight by\\n\"", NULL),
    YES("[1,2]", NULL),
    YES("[ 1 , 2 ]", "[1,2]"),
    YES("[[],[[]],{}]", NULL),
    YES("{\"a\":1,\"b\":[true,{\"c\":null}],\"\":\"\"}", NULL),
    YES("{ \"a\" : 1 , \"b\" : { } }", "{\"a\":1,\"b\":{}}"),
    YES("{\"a\":{\"a\":{\"a\":1}}}", NULL),
    YES("{\"\\u0061b\":1,\"ac\":2}", "{\"ab\":1,\"ac\":2}"),
    YES("[1.5,-2,3e1]", NULL),
    YES("[\"a\",\"a\"]", NULL),
};
#define GOOD_COUNT (int)(sizeof good / sizeof good[0])

START_TEST(takes_what_the_grammar_has)
{
    char *text = exact(good[_i].text);
    struct parsed p;
    parse(&p, (struct str){text, good[_i].text.len}, DEPTH, 0);
    ck_assert_msg(p.err == ERR_OK, "%s: %s", good[_i].text.ptr, p.fail.message);
    struct buf b;
    buf_init(&b);
    json_write(&b, p.root);
    const char *want = good[_i].compact == NULL ? good[_i].text.ptr : good[_i].compact;
    ck_assert_msg(str_is(buf_str(&b), want), "%.*s is not %s", STR_ARG(buf_str(&b)), want);
    buf_fini(&b);
    done(&p);
    free(text);
}
END_TEST

/* ---- what must be refused, and where ---- */

#define NO(text, err, offset)                                                                  \
    {                                                                                          \
        {text, sizeof(text) - 1}, ERR_##err, offset                                            \
    }
static const struct {
    struct str text;
    enum err err;
    int64_t offset;
} bad[] = {
    NO("", BAD_JSON, 0),
    NO("   ", BAD_JSON, 3),
    NO("\r", BAD_JSON, 1),
    NO("\xef\xbb\xbf{}", BAD_JSON, 0),
    NO("\0", BAD_JSON, 0),
    NO("{}\0", BAD_JSON, 2),
    NO("\f{}", BAD_JSON, 0),
    NO("\xc2\xa0{}", BAD_JSON, 0),
    NO("{\"a\":\xc2\xa0"
       "1}",
       BAD_JSON, 5),
    /* more than one value */
    NO("{}{}", BAD_JSON, 2),
    NO("{} x", BAD_JSON, 3),
    NO("1 2", BAD_JSON, 2),
    NO("[]]", BAD_JSON, 2),
    NO("\"a\"\"b\"", BAD_JSON, 3),
    NO("nullnull", BAD_JSON, 4),
    /* cut short */
    NO("{", BAD_JSON, 1),
    NO("[", BAD_JSON, 1),
    NO("[1", BAD_JSON, 2),
    NO("[1,", BAD_JSON, 3),
    NO("{\"a", BAD_JSON, 3),
    NO("{\"a\"", BAD_JSON, 4),
    NO("{\"a\":", BAD_JSON, 5),
    NO("{\"a\":1", BAD_JSON, 6),
    NO("{\"a\":1,", BAD_JSON, 7),
    NO("\"", BAD_JSON, 1),
    NO("\"abcdefghijkl", BAD_JSON, 13),
    NO("\"\\", BAD_JSON, 2),
    NO("\"a\\", BAD_JSON, 3),
    NO("\"\\\"", BAD_JSON, 3),
    NO("\"\\u12", BAD_JSON, 5),
    NO("-", BAD_JSON, 1),
    NO("1.", BAD_JSON, 2),
    NO("1e", BAD_JSON, 2),
    NO("1e+", BAD_JSON, 3),
    NO("nul", BAD_JSON, 3),
    NO("t", BAD_JSON, 1),
    /* commas, colons, brackets */
    NO("[,1]", BAD_JSON, 1),
    NO("[1,]", BAD_JSON, 3),
    NO("[1,,2]", BAD_JSON, 3),
    NO("[1 2]", BAD_JSON, 3),
    NO("[1}", BAD_JSON, 2),
    NO("{1:2}", BAD_JSON, 1),
    NO("{a:2}", BAD_JSON, 1),
    NO("{'a':2}", BAD_JSON, 1),
    NO("{\"a\" 2}", BAD_JSON, 5),
    NO("{\"a\"::2}", BAD_JSON, 5),
    NO("{\"a\":1,}", BAD_JSON, 7),
    NO("{,\"a\":1}", BAD_JSON, 1),
    NO("{\"a\":1 \"b\":2}", BAD_JSON, 7),
    NO("{\"a\"}", BAD_JSON, 4),
    NO("{\"a\":1]", BAD_JSON, 6),
    NO("{\"a\",\"b\"}", BAD_JSON, 4),
    NO("]", BAD_JSON, 0),
    NO(":", BAD_JSON, 0),
    NO("[1:2]", BAD_JSON, 2),
    NO("{\"a\":1/**/}", BAD_JSON, 6),
    NO("//\n1", BAD_JSON, 0),
    /* numbers */
    NO("01", BAD_JSON, 1),
    NO("-01", BAD_JSON, 2),
    NO("+1", BAD_JSON, 0),
    NO(".5", BAD_JSON, 0),
    NO("-.5", BAD_JSON, 1),
    NO("1.e1", BAD_JSON, 2),
    NO("1e1.5", BAD_JSON, 3),
    NO("1ee1", BAD_JSON, 2),
    NO("0x1F", BAD_JSON, 1),
    NO("1_000", BAD_JSON, 1),
    NO("--1", BAD_JSON, 1),
    NO("1-", BAD_JSON, 1),
    NO("[1.5.5]", BAD_JSON, 4),
    NO("NaN", BAD_JSON, 0),
    NO("nan", BAD_JSON, 1),
    NO("Infinity", BAD_JSON, 0),
    NO("-Infinity", BAD_JSON, 1),
    NO("\xef\xbc\x91", BAD_JSON, 0),
    /* words */
    NO("True", BAD_JSON, 0),
    NO("nulL", BAD_JSON, 3),
    NO("undefined", BAD_JSON, 0),
    NO("tru e", BAD_JSON, 3),
    /* strings */
    NO("'a'", BAD_JSON, 0),
    NO("\"a\nb\"", BAD_JSON, 2),
    NO("\"a\tb\"", BAD_JSON, 2),
    NO("\"a\0b\"", BAD_JSON, 2),
    NO("\"0123456789\x1f\"", BAD_JSON, 11),
    NO("\"\\x41\"", BAD_JSON, 1),
    NO("\"\\a\"", BAD_JSON, 1),
    NO("\"\\\0\"", BAD_JSON, 1),
    NO("\"\\'\"", BAD_JSON, 1),
    NO("\"ab\\U0041\"", BAD_JSON, 3),
    NO("\"\\u00g0\"", BAD_JSON, 1),
    NO("\"\\u 123\"", BAD_JSON, 1),
    NO("\"\\u-123\"", BAD_JSON, 1),
    NO("\"\\u123\"", BAD_JSON, 1),
    NO("\"\\ud800\"", BAD_JSON, 1),
    NO("\"\\udc00\"", BAD_JSON, 1),
    NO("\"\\udfff\"", BAD_JSON, 1),
    NO("\"\\ud800x\"", BAD_JSON, 1),
    NO("\"\\ud800\\n\"", BAD_JSON, 1),
    NO("\"\\ud800\\ud800\"", BAD_JSON, 1),
    NO("\"\\udc00\\ud800\"", BAD_JSON, 1),
    NO("\"\\ud83d\\ude0\"", BAD_JSON, 1),
    NO("\"ok\\ud83d\\ude00\\ude00\"", BAD_JSON, 15),
    /* UTF-8 */
    NO("\"\xff\"", BAD_UTF8, 1),
    NO("\"\x80\"", BAD_UTF8, 1),
    NO("\"abcdefghij\xbf\"", BAD_UTF8, 11),
    NO("\"\xc0\xaf\"", BAD_UTF8, 1),
    NO("\"\xc1\xbf\"", BAD_UTF8, 1),
    NO("\"\xe0\x80\xaf\"", BAD_UTF8, 1),
    NO("\"\xe0\x9f\xbf\"", BAD_UTF8, 1),
    NO("\"\xf0\x80\x80\xaf\"", BAD_UTF8, 1),
    NO("\"\xf0\x8f\xbf\xbf\"", BAD_UTF8, 1),
    NO("\"\xed\xa0\x80\"", BAD_UTF8, 1),
    NO("\"\xed\xbf\xbf\"", BAD_UTF8, 1),
    NO("\"\xf4\x90\x80\x80\"", BAD_UTF8, 1),
    NO("\"\xf8\x88\x80\x80\x80\"", BAD_UTF8, 1),
    NO("\"\xe2\x82\"", BAD_UTF8, 1),
    NO("\"a\xe2\x82", BAD_UTF8, 2),
    NO("\"\xc3(\"", BAD_UTF8, 1),
    NO("\"ok \xe2\x82\xac \xe2\x28\xa1\"", BAD_UTF8, 8),
    NO("\"\\\xff\"", BAD_UTF8, 2),
    NO("\"\\n\\u0041\xff\"", BAD_UTF8, 9),
    NO("{\"\xff\":1}", BAD_UTF8, 2),
    /* keys */
    NO("{\"a\":1,\"a\":1}", DUPLICATE_KEY, 7),
    NO("{\"\":1,\"\":2}", DUPLICATE_KEY, 6),
    NO("{\"a\":1,\"\\u0061\":1}", DUPLICATE_KEY, 7),
    NO("{\"a\\\\\":1,\"b\":2, \"a\\\\\" : 1}", DUPLICATE_KEY, 16),
    NO("{\"\\\"\":1,\"\\\"\":1}", DUPLICATE_KEY, 8),
    NO("[{},{\"k\":[{\"a\":1,\"b\":2,\"a\":3}]}]", DUPLICATE_KEY, 23),
};
#define BAD_COUNT (int)(sizeof bad / sizeof bad[0])

START_TEST(refuses_and_says_where)
{
    char *text = exact(bad[_i].text);
    struct parsed p;
    parse(&p, (struct str){text, bad[_i].text.len}, DEPTH, 0);
    ck_assert_msg(p.err == bad[_i].err, "case %d %s: %s", _i, bad[_i].text.ptr,
                  err_wire(p.err));
    ck_assert_int_eq(p.fail.code, bad[_i].err);
    ck_assert_msg(p.fail.offset == bad[_i].offset, "case %d %s: at %lld", _i, bad[_i].text.ptr,
                  (long long)p.fail.offset);
    ck_assert_ptr_null(p.root);
    ck_assert_str_ne(p.fail.message, "");
    done(&p);
    /* without anybody to tell it is refused all the same */
    struct arena a;
    struct json *root;
    arena_init(&a, 0);
    ck_assert_int_eq(json_parse(&a, (struct str){text, bad[_i].text.len}, DEPTH, &root, NULL),
                     bad[_i].err);
    arena_fini(&a);
    free(text);
}
END_TEST

START_TEST(every_prefix_is_refused)
{
    static const char whole[] = "{\"a\":[1,-2.5e+3,true,null,\"x\\u00e4\\n\xe2\x82\xac\"],"
                                "\"b\":{\"c\":{}},\"d\":false}";
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        char *text = exact((struct str){whole, n});
        struct parsed p;
        parse(&p, (struct str){text, n}, DEPTH, 0);
        ck_assert_msg(p.err == ERR_BAD_JSON || p.err == ERR_BAD_UTF8, "%zu bytes", n);
        ck_assert_int_le(p.fail.offset, (int64_t)n);
        done(&p);
        free(text);
    }
}
END_TEST

START_TEST(an_error_of_before_is_kept)
{
    struct parsed p;
    parse(&p, STR("[]"), DEPTH, 0);
    fail_set(&p.fail, ERR_TIMEOUT, "first");
    struct json *root;
    ck_assert_int_eq(json_parse(&p.arena, STR("{"), DEPTH, &root, &p.fail), ERR_BAD_JSON);
    ck_assert_str_eq(p.fail.message, "first");
    ck_assert_int_eq(p.fail.offset, -1);
    done(&p);
}
END_TEST

/* ---- duplicates ---- */

START_TEST(a_duplicate_key_is_named_by_a_pointer)
{
    struct parsed p;
    parse(&p, STR("{\"a/b\":[0,{\"~\":1,\"c\":2,\"~\":3}]}"), DEPTH, 0);
    ck_assert_int_eq(p.err, ERR_DUPLICATE_KEY);
    ck_assert_str_eq(p.fail.path, "/a~1b/1/~0");
    done(&p);
}
END_TEST

/* count keys, the last one equal to key number `twice` (-1: none). */
static void many_keys(struct buf *b, int count, int twice)
{
    buf_char(b, '{');
    for (int i = 0; i < count; i++) {
        buf_printf(b, "%s\"key%d\":%d", i > 0 ? "," : "",
                   i == count - 1 && twice >= 0 ? twice : i, i);
    }
    buf_char(b, '}');
}

START_TEST(duplicates_are_found_among_many_keys)
{
    static const int counts[] = {2, 16, 31, 32, 33, 34, 64, 65, 100, 1000, 100000};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        for (int twice = -1; twice < 2; twice++) {
            int of = twice < 1 ? twice : counts[i] - 2;
            struct buf b;
            buf_init(&b);
            many_keys(&b, counts[i], of);
            struct parsed p;
            parse(&p, buf_str(&b), DEPTH, 0);
            ck_assert_msg(p.err == (of < 0 ? ERR_OK : ERR_DUPLICATE_KEY), "%d keys, %d twice",
                          counts[i], of);
            if (of < 0) {
                ck_assert_uint_eq(p.root->len, (uint32_t)counts[i]);
            }
            done(&p);
            buf_fini(&b);
        }
    }
}
END_TEST

START_TEST(big_and_small_objects_may_alternate)
{
    struct buf b;
    buf_init(&b);
    buf_char(&b, '[');
    for (int i = 0; i < 60; i++) {
        if (i > 0) {
            buf_char(&b, ',');
        }
        many_keys(&b, i * 7 % 90 + 1, -1);
    }
    buf_char(&b, ']');
    struct parsed p;
    parse(&p, buf_str(&b), DEPTH, 0);
    ck_assert_int_eq(p.err, ERR_OK);
    done(&p);
    buf_fini(&b);
}
END_TEST

/* ---- limits ---- */

static struct str repeated(struct buf *b, const char *open, const char *inside,
                           const char *close, int n)
{
    buf_clear(b);
    for (int i = 0; i < n; i++) {
        buf_str_add(b, str_of(open));
    }
    buf_str_add(b, str_of(inside));
    for (int i = 0; i < n; i++) {
        buf_str_add(b, str_of(close));
    }
    return buf_str(b);
}

START_TEST(depth_is_bounded)
{
    struct buf b;
    struct parsed p;
    buf_init(&b);
    parse(&p, repeated(&b, "[", "", "]", 32), 32, 0);
    ck_assert_int_eq(p.err, ERR_OK);
    done(&p);
    parse(&p, repeated(&b, "[", "", "]", 33), 32, 0);
    ck_assert_int_eq(p.err, ERR_TOO_DEEP);
    ck_assert_int_eq(p.fail.offset, 32);
    done(&p);
    parse(&p, repeated(&b, "{\"a\":", "1", "}", 33), 32, 0);
    ck_assert_int_eq(p.err, ERR_TOO_DEEP);
    ck_assert_int_eq(p.fail.offset, 32 * 5);
    done(&p);
    parse(&p, repeated(&b, "[", "", "", 10000), 32, 0);
    ck_assert_int_eq(p.err, ERR_TOO_DEEP);
    done(&p);
    parse(&p, STR("[]"), 0, 0);
    ck_assert_int_eq(p.err, ERR_TOO_DEEP);
    done(&p);
    parse(&p, STR("[[],[],[[]]]"), 3, 0); /* depth is not the number of brackets */
    ck_assert_int_eq(p.err, ERR_OK);
    done(&p);
    buf_fini(&b);
}
END_TEST

START_TEST(a_million_brackets_need_no_stack)
{
    struct buf b;
    struct parsed p;
    buf_init(&b);
    parse(&p, repeated(&b, "[{\"a\":", "1", "}]", 500000), 1000000, 0);
    ck_assert_int_eq(p.err, ERR_OK);
    done(&p);
    parse(&p, repeated(&b, "[{\"a\":0,\"b\":", "{\"x\":1,\"x\":2}", "}]", 5000), 20000, 0);
    ck_assert_int_eq(p.err, ERR_DUPLICATE_KEY);
    ck_assert(str_starts(str_of(p.fail.path), STR("/0/b/0/b/0/b/")));
    done(&p);
    buf_fini(&b);
}
END_TEST

START_TEST(a_string_of_the_frame_limit_is_borrowed)
{
    size_t n = (16u << 20) - 64;
    char *text = malloc(n + 2);
    ck_assert_ptr_nonnull(text);
    memset(text, 'x', n + 2);
    text[0] = text[n + 1] = '"';
    struct parsed p;
    parse(&p, (struct str){text, n + 2}, DEPTH, 1 << 16);
    ck_assert_int_eq(p.err, ERR_OK);
    ck_assert_uint_eq(p.root->len, n);
    ck_assert_ptr_eq(p.root->text, text + 1);
    done(&p);
    free(text);
}
END_TEST

START_TEST(a_full_arena_is_request_too_large)
{
    struct buf b;
    buf_init(&b);
    buf_char(&b, '[');
    for (int i = 0; i < 100000; i++) {
        BUF_LIT(&b, "0,");
    }
    BUF_LIT(&b, "0]");
    for (size_t limit = 64; limit < (4u << 20); limit += limit / 2) {
        struct parsed p;
        parse(&p, buf_str(&b), DEPTH, limit);
        ck_assert_msg(p.err == ERR_REQUEST_TOO_LARGE, "limit %zu", limit);
        ck_assert_uint_le(p.arena.used_bytes, limit);
        done(&p);
    }
    struct parsed p; /* 40 bytes a node */
    parse(&p, buf_str(&b), DEPTH, 6u << 20);
    ck_assert_int_eq(p.err, ERR_OK);
    done(&p);
    buf_fini(&b);
}
END_TEST

START_TEST(escapes_need_no_more_memory_than_their_text)
{
    struct buf b;
    buf_init(&b);
    buf_char(&b, '[');
    for (int i = 0; i < 20000; i++) {
        BUF_LIT(&b, "\"\\n\",");
    }
    BUF_LIT(&b, "0]");
    struct parsed p;
    parse(&p, buf_str(&b), DEPTH, 3u << 20);
    ck_assert_int_eq(p.err, ERR_OK);
    done(&p);
    buf_fini(&b);
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    struct buf b;
    buf_init(&b);
    BUF_LIT(&b, "[\"\\u00e4\",");
    many_keys(&b, 200, -1);
    BUF_LIT(&b, "]");
    int refused = 0;
    for (long n = 1;; n++) {
        struct parsed p;
        fail_alloc_at(n);
        parse(&p, buf_str(&b), DEPTH, 0);
        bool reached = fail_alloc_reached();
        fail_alloc_at(0);
        /* A batch of nodes that cannot be had is asked for once more as one node. */
        ck_assert(p.err == ERR_OK || (reached && p.err == ERR_REQUEST_TOO_LARGE));
        refused += p.err != ERR_OK;
        done(&p);
        if (!reached) {
            break;
        }
    }
    ck_assert_int_gt(refused, 0);
    buf_fini(&b);
}
END_TEST

START_TEST(a_tree_gives_its_spare_nodes_back)
{
    struct parsed p;
    parse(&p, STR("{\"a\":1}"), DEPTH, 0);
    ck_assert_int_eq(p.err, ERR_OK);
    void *next = arena_alloc(&p.arena, 16);
    ck_assert_ptr_nonnull(next);
    ck_assert_int_le((const char *)next - (const char *)p.root, 3 * (ptrdiff_t)sizeof *p.root);
    ck_assert_int_eq((intptr_t)next % 16, 0);
    memset(next, 0xff, 16);
    ck_assert(json_get(p.root, "a") != NULL);
    ck_assert_str_eq(json_kind_name(json_get(p.root, "a")), "a number");
    done(&p);
}
END_TEST

/* ---- against jansson ---- */

static uint32_t draw(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

static const char *const pieces[] = {
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"a\"",
    "\"b\"",
    "\"\"",
    "1",
    "-0.5e2",
    "1e-3",
    "true",
    "false",
    "null",
    " ",
    "\"\\n\"",
    "\"\\u00e4\"",
    "\"\\ud83d\\ude00\"",
    "\"\xc3\xa4\"",
    "0",
    "\"\\ud800\"",
    "\xff",
    "\"x",
    "9007199254740993",
};

/* A value of random shape; often broken on purpose. */
static void random_value(struct buf *b, uint64_t *state, int depth)
{
    uint32_t what = draw(state) % 16;
    if (what == 0 && draw(state) % 4 == 0) {
        buf_str_add(b, str_of(pieces[draw(state) % (sizeof pieces / sizeof pieces[0])]));
    } else if (what < 6 && depth > 0) {
        bool object = what % 2 == 0;
        uint32_t n = draw(state) % 5;
        buf_char(b, object ? '{' : '[');
        for (uint32_t i = 0; i < n; i++) {
            if (i > 0) {
                buf_char(b, ',');
            }
            if (object) {
                buf_printf(b, "\"k%u\":", draw(state) % 8);
            }
            random_value(b, state, depth - 1);
        }
        buf_char(b, object ? '}' : ']');
    } else {
        static const uint8_t scalars[] = {6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 18, 19, 24};
        buf_str_add(b, str_of(pieces[scalars[draw(state) % sizeof scalars]]));
    }
}

START_TEST(agrees_with_jansson)
{
    uint64_t state = 20;
    int taken = 0, refused = 0;
    struct buf b;
    buf_init(&b);
    for (int i = 0; i < 20000; i++) {
        buf_clear(&b);
        random_value(&b, &state, 4);
        if (i % 3 == 0 && b.len > 0) { /* a byte of it changed */
            b.ptr[draw(&state) % b.len] = (char)(draw(&state) % 256);
        }
        struct parsed p;
        parse(&p, buf_str(&b), DEPTH, 0);
        enum jansson_verdict verdict = jansson_verdict(b.ptr, b.len);
        bool theirs = verdict == JANSSON_TAKES;
        ck_assert_msg(verdict == JANSSON_CANNOT_HOLD || (p.err == ERR_OK) == theirs,
                      "%.*s: we %s, jansson %d", STR_ARG(buf_str(&b)), err_wire(p.err), theirs);
        if (theirs) {
            struct buf again;
            buf_init(&again);
            json_write(&again, p.root);
            ck_assert_msg(jansson_equal(b.ptr, b.len, again.ptr, again.len), "%.*s and %.*s",
                          STR_ARG(buf_str(&b)), STR_ARG(buf_str(&again)));
            buf_fini(&again);
        }
        taken += theirs;
        refused += !theirs;
        done(&p);
    }
    ck_assert_int_gt(taken, 5000);
    ck_assert_int_gt(refused, 1000);
    buf_fini(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("base/json");
    TCase *t = tcase_create("json");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, takes_what_the_grammar_has, 0, GOOD_COUNT);
    tcase_add_loop_test(t, refuses_and_says_where, 0, BAD_COUNT);
    tcase_add_test(t, every_prefix_is_refused);
    tcase_add_test(t, an_error_of_before_is_kept);
    tcase_add_test(t, a_duplicate_key_is_named_by_a_pointer);
    tcase_add_test(t, duplicates_are_found_among_many_keys);
    tcase_add_test(t, big_and_small_objects_may_alternate);
    tcase_add_test(t, depth_is_bounded);
    tcase_add_test(t, a_million_brackets_need_no_stack);
    tcase_add_test(t, a_string_of_the_frame_limit_is_borrowed);
    tcase_add_test(t, a_full_arena_is_request_too_large);
    tcase_add_test(t, escapes_need_no_more_memory_than_their_text);
    tcase_add_test(t, every_allocation_may_fail);
    tcase_add_test(t, a_tree_gives_its_spare_nodes_back);
    tcase_add_test(t, agrees_with_jansson);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
