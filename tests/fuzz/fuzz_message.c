/* SPDX-License-Identifier: MIT
 *
 * fuzz_message.c: any line gives a request or an error, and either can be answered
 * with one line of JSON that carries the id.
 */
#include "protocol/encode.h"
#include "protocol/message.h"

#include <stdlib.h>

#define DEPTH 32
#define LIMIT_BYTES ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void check_request(const struct message *m)
{
    check((int)m->op < OP_COUNT);
    check(m->op != OP_QUERY || (m->query != NULL) != (m->run.len > 0));
    check(m->params == NULL || m->params->kind == JSON_OBJECT);
    check(m->dialect_count <= 3 && m->chunk_rows >= 1);
    check((m->op != OP_CANCEL && m->op != OP_MORE) || m->of.present);
}

static void check_answer(const struct message *m, enum err e, const struct fail *f)
{
    struct arena a;
    struct json *root;
    struct buf line;
    arena_init(&a, LIMIT_BYTES);
    buf_init(&line);
    encode_open(&line, &m->id);
    if (e == ERR_OK) {
        encode_ok(&line);
    } else {
        encode_error(&line, f, STR("main"));
    }
    struct str text = buf_str(&line);
    check(str_find(text, '\n', 0) == (ptrdiff_t)text.len - 1);
    check(json_parse(&a, text, DEPTH, &root, NULL) == ERR_OK);
    check((json_get(root, "id") != NULL) == m->id.present);
    check(json_get(root, e == ERR_OK ? "ok" : "error") != NULL);
    buf_fini(&line);
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct arena a;
    struct message m;
    struct fail f;
    arena_init(&a, LIMIT_BYTES);
    fail_init(&f);
    enum err e = message_parse(text, &a, &(struct json_opts){.max_depth = DEPTH}, &m, &f);
    if (e == ERR_OK) {
        check_request(&m);
    } else {
        check(f.code == e && f.message[0] != '\0');
    }
    check_answer(&m, e, &f);
    arena_fini(&a);
    return 0;
}
