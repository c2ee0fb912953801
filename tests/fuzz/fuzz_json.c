/* SPDX-License-Identifier: MIT
 *
 * fuzz_json.c: the reader, the writer and the compactor must agree about any bytes.
 */
#include "base/json.h"

#include <stdlib.h>

#define DEPTH 64
#define LIMIT_BYTES ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok) {
        abort();
    }
}

/* What was read, written again, is read as the same. */
static void check_again(const struct json *root, struct buf *first)
{
    struct arena a;
    struct json *again;
    struct buf second;
    arena_init(&a, LIMIT_BYTES);
    buf_init(&second);
    json_write(first, root);
    check(json_parse(&a, buf_str(first), DEPTH, &again, NULL) == ERR_OK);
    json_write(&second, again);
    check(str_eq(buf_str(first), buf_str(&second)));
    buf_fini(&second);
    arena_fini(&a);
}

/* The text made compact is the same value. */
static void check_compact(struct str text, const struct buf *written)
{
    struct arena a;
    struct json *root;
    struct buf compact, again;
    arena_init(&a, LIMIT_BYTES);
    buf_init(&compact);
    buf_init(&again);
    check(json_compact(&compact, text));
    check(compact.len <= text.len);
    check(json_parse(&a, buf_str(&compact), DEPTH, &root, NULL) == ERR_OK);
    json_write(&again, root);
    check(str_eq(buf_str(&again), buf_str(written)));
    buf_fini(&again);
    buf_fini(&compact);
    arena_fini(&a);
}

static void check_sources(const struct json *root, struct str text)
{
    for (const struct json *m = root->kind >= JSON_ARRAY ? root->first : NULL; m != NULL;
         m = m->next) {
        struct str source = json_source(m, text);
        struct arena a;
        struct json *alone;
        arena_init(&a, LIMIT_BYTES);
        check(json_parse(&a, source, DEPTH, &alone, NULL) == ERR_OK);
        check(alone->kind == m->kind && alone->len == m->len);
        arena_fini(&a);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct arena a;
    struct json *root;
    struct fail f;
    struct buf written;
    arena_init(&a, LIMIT_BYTES);
    fail_init(&f);
    buf_init(&written);
    enum err e = json_parse(&a, text, DEPTH, &root, &f);
    if (e == ERR_OK) {
        check_again(root, &written);
        check_compact(text, &written);
        check_sources(root, text);
    } else {
        check(f.code == e && f.offset >= 0 && (size_t)f.offset <= size);
        check(utf8_valid(str_of(f.path), NULL));
        if (e == ERR_BAD_JSON || e == ERR_BAD_UTF8) {
            check(!json_compact(&written, text) && written.len == 0);
        }
    }
    buf_fini(&written);
    arena_fini(&a);
    return 0;
}
