/* SPDX-License-Identifier: MIT
 *
 * backend/sqlite_text.c: functions of texts that SQLite does not have, digests and
 * UUIDs. Characters are code points; a byte that begins none stands for itself.
 *
 * Called on the connection's thread; pure functions of their arguments, but for UUIDs.
 */
#include "backend/sqlite_args.h"
#include "backend/sqlite_session.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The bytes of the character that begins at s.ptr[at]. */
static size_t char_bytes(struct str s, size_t at)
{
    size_t n = 1;
    while (at + n < s.len && n < 4 && ((unsigned char)s.ptr[at + n] & 0xC0) == 0x80) {
        n++;
    }
    return n;
}

/* The bytes of the first `count` characters of s, or of all. */
static size_t prefix_bytes(struct str s, int64_t count)
{
    size_t at = 0;
    while (at < s.len && count-- > 0) {
        at += char_bytes(s, at);
    }
    return at;
}

static int64_t count_chars(struct str s)
{
    int64_t n = 0;
    for (size_t at = 0; at < s.len; n++) {
        at += char_bytes(s, at);
    }
    return n;
}

/* Room for a result, or NULL after an error. */
static char *result_room(sqlite3_context *ctx, uint64_t bytes)
{
    sqlite3 *db = sqlite3_context_db_handle(ctx);
    if (bytes > (uint64_t)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, -1)) {
        sqlite3_result_error(ctx, "too long: the text is beyond SQLite's limit", -1);
        return NULL;
    }
    char *out = sqlite3_malloc64(bytes + 1);
    if (out == NULL) {
        sqlite3_result_error_nomem(ctx);
    }
    return out;
}

static void give(sqlite3_context *ctx, char *text, uint64_t bytes)
{
    sqlite3_result_text64(ctx, text, bytes, sqlite3_free, SQLITE_UTF8);
}

/* -- repeat, reverse, pad -------------------------------------------------- */

/* The first `bytes` bytes of s, s, s … */
static void fill(char *out, struct str s, uint64_t bytes)
{
    for (uint64_t at = 0; at < bytes; at += s.len) {
        uint64_t left = bytes - at;
        memcpy(out + at, s.ptr, left < s.len ? left : s.len);
    }
}

/* tb_repeat(text, n) */
static void tb_repeat(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (sqlite_any_null(argc, argv)) {
        return;
    }
    struct str s = sqlite_text_arg(argv[0]);
    int64_t n = sqlite3_value_int64(argv[1]);
    uint64_t bytes = n < 0 ? 0 : (uint64_t)(n > INT32_MAX ? INT32_MAX : n) * s.len;
    char *out = result_room(ctx, bytes);
    if (out != NULL) {
        fill(out, s, bytes);
        give(ctx, out, bytes);
    }
}

static void tb_reverse(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (sqlite_any_null(argc, argv)) {
        return;
    }
    struct str s = sqlite_text_arg(argv[0]);
    char *out = result_room(ctx, s.len);
    if (out == NULL) {
        return;
    }
    for (size_t at = 0; at < s.len;) {
        size_t n = char_bytes(s, at);
        memcpy(out + s.len - at - n, s.ptr + at, n);
        at += n;
    }
    give(ctx, out, s.len);
}

enum pad_side { PAD_LEFT, PAD_RIGHT };

/* (text, n characters[, filling]) */
static void pad(sqlite3_context *ctx, int argc, sqlite3_value **argv, enum pad_side side)
{
    if (sqlite_any_null(argc, argv)) {
        return;
    }
    struct str s = sqlite_text_arg(argv[0]),
               with = argc > 2 ? sqlite_text_arg(argv[2]) : STR(" ");
    int64_t want = sqlite3_value_int64(argv[1]), missing = want - count_chars(s);
    if (missing <= 0 || with.len == 0) {
        sqlite3_result_text64(ctx, s.ptr, prefix_bytes(s, want), SQLITE_TRANSIENT, SQLITE_UTF8);
        return;
    }
    int64_t chars = count_chars(with);
    uint64_t bytes =
        (uint64_t)(missing / chars) * with.len + prefix_bytes(with, missing % chars);
    char *out = result_room(ctx, bytes + s.len);
    if (out == NULL) {
        return;
    }
    memcpy(side == PAD_LEFT ? out + bytes : out, s.ptr, s.len);
    fill(side == PAD_LEFT ? out : out + s.len, with, bytes);
    give(ctx, out, bytes + s.len);
}

static void tb_lpad(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    pad(ctx, argc, argv, PAD_LEFT);
}

static void tb_rpad(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    pad(ctx, argc, argv, PAD_RIGHT);
}

/* -- split_part ------------------------------------------------------------ */

/* Where `needle` begins in s from `at` on; s.len: nowhere. */
static size_t find(struct str s, struct str needle, size_t at)
{
    const char *p = at > s.len ? NULL : memmem(s.ptr + at, s.len - at, needle.ptr, needle.len);
    return p == NULL ? s.len : (size_t)(p - s.ptr);
}

/* tb_split_part(text, separator, n): the n-th part, from 1 */
static void tb_split_part(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (sqlite_any_null(argc, argv)) {
        return;
    }
    struct str s = sqlite_text_arg(argv[0]), separator = sqlite_text_arg(argv[1]);
    int64_t n = sqlite3_value_int64(argv[2]);
    size_t from = 0, to = separator.len == 0 ? s.len : find(s, separator, 0);
    for (; n > 1 && to < s.len; n--) {
        from = to + separator.len;
        to = find(s, separator, from);
    }
    if (n > 1) {
        from = to;
    }
    sqlite3_result_text64(ctx, s.ptr + from, to - from, SQLITE_TRANSIENT, SQLITE_UTF8);
}

/* -- digests --------------------------------------------------------------- */

static void put_hex(char *out, const unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        *out++ = "0123456789abcdef"[bytes[i] >> 4];
        *out++ = "0123456789abcdef"[bytes[i] & 15];
    }
}

static void digest(sqlite3_context *ctx, sqlite3_value *v, const EVP_MD *kind)
{
    unsigned char out[EVP_MAX_MD_SIZE];
    char text[2 * EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (sqlite3_value_type(v) == SQLITE_NULL) {
        return;
    }
    const void *data = sqlite3_value_blob(v);
    size_t len = (size_t)sqlite3_value_bytes(v);
    if (kind == NULL || EVP_Digest(data == NULL ? "" : data, len, out, &n, kind, NULL) != 1) {
        sqlite3_result_error(ctx, "this digest is not available", -1);
        return;
    }
    put_hex(text, out, n);
    sqlite3_result_text64(ctx, text, 2 * n, SQLITE_TRANSIENT, SQLITE_UTF8);
}

static void tb_md5(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    digest(ctx, argv[0], EVP_md5());
}

static void tb_sha256(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    digest(ctx, argv[0], EVP_sha256());
}

/* -- UUIDs (RFC 9562) ------------------------------------------------------ */

static void give_uuid(sqlite3_context *ctx, unsigned char b[16], unsigned version)
{
    char text[36], hex[32];
    b[6] = (unsigned char)((b[6] & 0x0F) | version << 4);
    b[8] = (unsigned char)((b[8] & 0x3F) | 0x80);
    put_hex(hex, b, 16);
    for (size_t i = 0, at = 0; i < 32; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20) {
            text[at++] = '-';
        }
        text[at++] = hex[i];
    }
    sqlite3_result_text64(ctx, text, sizeof text, SQLITE_TRANSIENT, SQLITE_UTF8);
}

static void tb_uuid4(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    unsigned char b[16];
    (void)argc;
    (void)argv;
    sqlite3_randomness(sizeof b, b);
    give_uuid(ctx, b, 4);
}

/* 48 bits of milliseconds, the rest is random. */
static void tb_uuid7(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    unsigned char b[16];
    struct timespec now;
    (void)argc;
    (void)argv;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    sqlite3_randomness(sizeof b, b);
    for (unsigned i = 0; i < 6; i++) {
        b[i] = (unsigned char)(ms >> (40 - 8 * i));
    }
    give_uuid(ctx, b, 7);
}

static const struct sqlite_function functions[] = {
    {"tb_lpad", 2, tb_lpad, false},
    {"tb_lpad", 3, tb_lpad, false},
    {"tb_md5", 1, tb_md5, false},
    {"tb_repeat", 2, tb_repeat, false},
    {"tb_reverse", 1, tb_reverse, false},
    {"tb_rpad", 2, tb_rpad, false},
    {"tb_rpad", 3, tb_rpad, false},
    {"tb_sha256", 1, tb_sha256, false},
    {"tb_split_part", 3, tb_split_part, false},
    {"tb_uuid4", 0, tb_uuid4, true},
    {"tb_uuid7", 0, tb_uuid7, true},
};
const struct sqlite_function_table sqlite_text = SQLITE_TABLE_OF(functions);
