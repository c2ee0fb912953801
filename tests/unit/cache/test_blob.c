/* SPDX-License-Identifier: MIT
 *
 * Tests of cache/blob.h: what is written is read, and nothing else is.
 */
#include "base/hash.h"
#include "cache/blob.h"

#include <check.h>
#include <stdlib.h>

static struct buf bytes;

static struct blob sample(void)
{
    return (struct blob){
        .place = {.epoch = 7, .position = UINT64_C(1) << 40},
        .slots = {.count = 2, .slots = {1, SLOT_COUNT - 1}},
        .keep_ms = 60000,
        .soft_ms = 30000,
        .key = STR("key\0with anything"),
        .body = STR("\"rows\":[[1]]}\n"),
    };
}

static void up(void)
{
    struct blob b = sample();
    buf_init(&bytes);
    blob_write(&bytes, &b);
    ck_assert(!bytes.failed);
}

static void down(void)
{
    buf_fini(&bytes);
}

START_TEST(what_is_written_is_read)
{
    struct blob was = sample(), b;
    ck_assert(blob_read(buf_str(&bytes), was.key, &b));
    ck_assert_uint_eq(b.place.epoch, was.place.epoch);
    ck_assert_uint_eq(b.place.position, was.place.position);
    ck_assert_uint_eq(b.keep_ms, was.keep_ms);
    ck_assert_uint_eq(b.soft_ms, was.soft_ms);
    ck_assert_uint_eq(b.slots.count, 2);
    ck_assert_uint_eq(b.slots.slots[1], SLOT_COUNT - 1);
    ck_assert(str_eq(b.key, was.key));
    ck_assert(str_eq(b.body, was.body));
}
END_TEST

START_TEST(another_key_is_another_result)
{
    struct blob b;
    ck_assert(!blob_read(buf_str(&bytes), STR("key"), &b));
    ck_assert(!blob_read(buf_str(&bytes), STR(""), &b));
}
END_TEST

START_TEST(one_wrong_bit_is_seen)
{
    struct blob was = sample(), b;
    for (size_t i = 0; i < bytes.len * 8; i++) {
        bytes.ptr[i / 8] = (char)(bytes.ptr[i / 8] ^ 1 << i % 8);
        ck_assert_msg(!blob_read(buf_str(&bytes), was.key, &b), "bit %zu", i);
        bytes.ptr[i / 8] = (char)(bytes.ptr[i / 8] ^ 1 << i % 8);
    }
    for (size_t len = 0; len < bytes.len; len++) {
        ck_assert(!blob_read((struct str){bytes.ptr, len}, was.key, &b));
    }
    buf_char(&bytes, 'x');
    ck_assert(!blob_read(buf_str(&bytes), was.key, &b));
}
END_TEST

/* Somebody who knows how the hash is made, and not how the rest is. */
START_TEST(hostile_bytes_are_no_result)
{
    struct blob was = sample(), b;
    uint64_t state = 1;
    for (int round = 0; round < 200000; round++) {
        struct str body = {bytes.ptr, bytes.len - 8};
        char copy[256];
        ck_assert_uint_lt(bytes.len, sizeof copy);
        memcpy(copy, body.ptr, body.len);
        for (int k = 0; k < 4; k++) {
            state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
            copy[state >> 33 & 63] = (char)(state >> 25);
        }
        size_t len = body.len - (state >> 60);
        uint64_t sum = hash_bytes((struct str){copy, len}, UINT64_C(0x626c6f62));
        for (int i = 0; i < 8; i++) {
            copy[len + (size_t)i] = (char)(sum >> 8 * i);
        }
        if (blob_read((struct str){copy, len + 8}, was.key, &b)) {
            ck_assert(str_eq(b.key, was.key));
            ck_assert_uint_le(b.slots.count, SLOT_SET_MAX);
            ck_assert(b.body.ptr >= copy && b.body.ptr + b.body.len <= copy + len);
        }
    }
}
END_TEST

START_TEST(a_body_is_one_line)
{
    struct blob b = sample(), out;
    static const char *const bodies[] = {"", "\n\n", "a\nb\n", "a\nb"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        b.body = str_of(bodies[i]);
        buf_clear(&bytes);
        blob_write(&bytes, &b);
        ck_assert(!blob_read(buf_str(&bytes), b.key, &out));
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("blob");
    TCase *t = tcase_create("blob");
    tcase_add_checked_fixture(t, up, down);
    tcase_add_test(t, what_is_written_is_read);
    tcase_add_test(t, another_key_is_another_result);
    tcase_add_test(t, one_wrong_bit_is_seen);
    tcase_add_test(t, hostile_bytes_are_no_result);
    tcase_add_test(t, a_body_is_one_line);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
