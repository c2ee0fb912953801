/* SPDX-License-Identifier: MIT
 *
 * fuzz_value.c: whatever a client sends or a database has stored becomes a value of
 * its type or an error, and what is written is JSON. The first byte says of which
 * type, the second of which bounds, and from which side.
 */
#include "value/value.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH 32
#define LIMIT_BYTES ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void check_json(const struct buf *b)
{
    struct buf compact;
    buf_init(&compact);
    check(json_compact(&compact, buf_str(b)));
    check(str_find(buf_str(b), '\n', 0) < 0);
    buf_fini(&compact);
}

/* A stored value: written as JSON, or refused. */
static bool write_value(const struct type *type, const struct value *v)
{
    struct buf b;
    struct fail f;
    buf_init(&b);
    fail_init(&f);
    enum err e = value_to_json(&b, type, v, INT64_NUMBER, &f);
    if (e == ERR_OK) {
        check_json(&b);
    } else {
        check(f.code == e && e == ERR_BAD_STORED_VALUE);
    }
    buf_fini(&b);
    return e == ERR_OK;
}

/* What a client sends and we take, we can also give back. */
static void read_value(const struct type *type, struct str text)
{
    struct arena a;
    struct json *j;
    struct value v;
    struct fail f;
    arena_init(&a, LIMIT_BYTES);
    fail_init(&f);
    if (json_parse(&a, text, DEPTH, &j, NULL) == ERR_OK) {
        enum err e = value_from_json(j, type, &a, NULL, &v, &f);
        if (e == ERR_OK) {
            check(write_value(type, &v));
        } else {
            check(f.code == e);
        }
    }
    arena_fini(&a);
}

static void write_all(const struct type *type, struct str text)
{
    struct value v = {.kind = VALUE_TEXT, .text = text};
    write_value(type, &v);
    v.kind = VALUE_BYTES;
    write_value(type, &v);
    if (text.len >= sizeof(int64_t)) {
        int64_t n;
        memcpy(&n, text.ptr, sizeof n);
        v = (struct value){.kind = VALUE_INT, .num = n};
        write_value(type, &v);
        double d;
        memcpy(&d, text.ptr, sizeof d);
        v = (struct value){.kind = VALUE_DOUBLE, .real = d};
        write_value(type, &v);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    struct type type = type_of((enum type_kind)(data[0] % TYPE_COUNT));
    uint8_t bounds = data[1] >> 1;
    if (type.kind == TYPE_ARRAY) {
        type.element = (enum type_kind)(bounds % TYPE_ARRAY);
    } else if (type.kind == TYPE_NUMERIC && bounds > 0) {
        type.precision = 38;
        type.scale = (int16_t)(bounds % 39);
    } else if (bounds > 0) {
        type.length = bounds;
    }
    struct str text = {(const char *)data + 2, size - 2};
    if (data[1] % 2 == 0) {
        read_value(&type, text);
    } else {
        write_all(&type, text);
    }
    return 0;
}
