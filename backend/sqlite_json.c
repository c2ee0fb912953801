/* SPDX-License-Identifier: MIT
 *
 * backend/sqlite_json.c: questions to JSON texts. SQLite's own functions take a key
 * with quotes or backslashes as it is written in the text, and give 1 for true.
 *
 *   tb_json_get(document, path) tb_json_text(document, path)   path: [key or index, …]
 *   tb_json_length(document) tb_json_type(document) tb_json_keys(document)
 *   tb_json_contains(document, part)
 *   tb_json_set(document, path, value)   value: JSON text
 *   tb_json_remove(document, path)
 *
 * Pure functions of their arguments, called on the connection's thread. A text that
 * is no JSON is an error.
 */
#include "backend/sqlite_args.h"
#include "backend/sqlite_session.h"
#include "base/arena.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 1000

/* NULL: the argument is null, or an error is set. */
static struct json *read_json(sqlite3_context *ctx, struct arena *a, struct str text)
{
    struct json *j = NULL;
    struct fail f = {0};
    if (text.ptr == NULL) {
        return NULL;
    }
    enum err e = json_parse(a, text, MAX_DEPTH, &j, &f);
    if (e == ERR_OUT_OF_MEMORY) {
        sqlite3_result_error_nomem(ctx);
    } else if (e != ERR_OK) {
        sqlite3_result_error(ctx, "bad value: malformed JSON", -1);
    }
    return e == ERR_OK ? j : NULL;
}

static const struct json *member_at(const struct json *array, int64_t i)
{
    const struct json *m = array->first;
    i += i < 0 ? (int64_t)array->len : 0;
    if (i < 0) {
        return NULL;
    }
    for (; m != NULL && i > 0; i--) {
        m = m->next;
    }
    return m;
}

static const struct json *member_called(const struct json *object, struct str key)
{
    const struct json *m = object->first;
    while (m != NULL && !str_eq(json_key(m), key)) {
        m = m->next;
    }
    return m;
}

static const struct json *follow(const struct json *j, const struct json *path)
{
    int64_t i;
    for (const struct json *step = path->first; step != NULL && j != NULL; step = step->next) {
        if (step->kind == JSON_STRING) {
            j = j->kind == JSON_OBJECT ? member_called(j, json_text(step)) : NULL;
        } else {
            j = j->kind == JSON_ARRAY && json_i64(step, &i) ? member_at(j, i) : NULL;
        }
    }
    return j;
}

static void give_text(sqlite3_context *ctx, struct str s)
{
    sqlite3_result_text64(ctx, s.ptr, s.len, SQLITE_TRANSIENT, SQLITE_UTF8);
}

enum wanted { WANT_JSON, WANT_TEXT };

static void get(sqlite3_context *ctx, sqlite3_value **argv, enum wanted wanted)
{
    struct arena a;
    arena_init(&a, 0);
    struct str text = sqlite_text_arg(argv[0]);
    const struct json *document = read_json(ctx, &a, text);
    const struct json *path =
        document == NULL ? NULL : read_json(ctx, &a, sqlite_text_arg(argv[1]));
    const struct json *j = path == NULL ? NULL : follow(document, path);
    if (j != NULL && wanted == WANT_TEXT && j->kind == JSON_STRING) {
        give_text(ctx, json_text(j));
    } else if (j != NULL && (wanted == WANT_JSON || j->kind != JSON_NULL)) {
        give_text(ctx, json_source(j, text));
    }
    arena_fini(&a);
}

static void tb_json_get(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    get(ctx, argv, WANT_JSON);
}

static void tb_json_text(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    get(ctx, argv, WANT_TEXT);
}

static void tb_json_length(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    struct arena a;
    arena_init(&a, 0);
    const struct json *j = read_json(ctx, &a, sqlite_text_arg(argv[0]));
    if (j != NULL) {
        sqlite3_result_int64(ctx, j->kind >= JSON_ARRAY ? (int64_t)j->len : 1);
    }
    arena_fini(&a);
}

static void tb_json_type(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    static const char *const names[] = {
        [JSON_NULL] = "null",      [JSON_FALSE] = "boolean",  [JSON_TRUE] = "boolean",
        [JSON_INTEGER] = "number", [JSON_DECIMAL] = "number", [JSON_STRING] = "string",
        [JSON_ARRAY] = "array",    [JSON_OBJECT] = "object"};
    (void)argc;
    struct arena a;
    arena_init(&a, 0);
    const struct json *j = read_json(ctx, &a, sqlite_text_arg(argv[0]));
    if (j != NULL) {
        give_text(ctx, str_of(names[j->kind]));
    }
    arena_fini(&a);
}

static void tb_json_keys(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    struct arena a;
    struct buf b;
    arena_init(&a, 0);
    buf_init(&b);
    const struct json *j = read_json(ctx, &a, sqlite_text_arg(argv[0]));
    if (j != NULL && j->kind == JSON_OBJECT) {
        buf_char(&b, '[');
        for (const struct json *m = j->first; m != NULL; m = m->next) {
            if (m != j->first) {
                buf_char(&b, ',');
            }
            buf_json_str(&b, json_key(m));
        }
        buf_char(&b, ']');
        give_text(ctx, (struct str){b.ptr, b.len});
    }
    buf_fini(&b);
    arena_fini(&a);
}

/* ---- containment, as PostgreSQL's @> ---- */

static bool is_number(const struct json *j)
{
    return j->kind == JSON_INTEGER || j->kind == JSON_DECIMAL;
}

/* Numbers of up to 15 digits are told apart by their doubles; longer ones by their
 * digits, where both are whole. */
static bool same_number(const struct json *a, const struct json *b)
{
    if (a->kind == JSON_INTEGER && b->kind == JSON_INTEGER) {
        return str_eq(json_text(a), json_text(b));
    }
    char x[64], y[64];
    struct str s = json_text(a), t = json_text(b);
    if (s.len >= sizeof x || t.len >= sizeof y) {
        return str_eq(s, t);
    }
    memcpy(x, s.ptr, s.len);
    x[s.len] = '\0';
    memcpy(y, t.ptr, t.len);
    y[t.len] = '\0';
    return !(strtod(x, NULL) < strtod(y, NULL)) && !(strtod(x, NULL) > strtod(y, NULL));
}

static bool same_scalar(const struct json *a, const struct json *b)
{
    if (is_number(a) && is_number(b)) {
        return same_number(a, b);
    }
    return a->kind == b->kind && a->kind < JSON_ARRAY &&
           (a->kind != JSON_STRING || str_eq(json_text(a), json_text(b)));
}

/* Recurses as deep as the part is: MAX_DEPTH at most. */
static bool contains(const struct json *whole, const struct json *part)
{
    if (part->kind < JSON_ARRAY || whole->kind != part->kind) {
        return same_scalar(whole, part);
    }
    for (const struct json *m = part->first; m != NULL; m = m->next) {
        const struct json *w = whole->first;
        if (part->kind == JSON_OBJECT) {
            w = member_called(whole, json_key(m));
            w = w != NULL && contains(w, m) ? w : NULL;
        } else {
            while (w != NULL && !contains(w, m)) {
                w = w->next;
            }
        }
        if (w == NULL) {
            return false;
        }
    }
    return true;
}

/* At the top an array contains a scalar too. */
static bool contains_at_top(const struct json *whole, const struct json *part)
{
    const struct json *m = whole->kind == JSON_ARRAY ? whole->first : NULL;
    if (part->kind >= JSON_ARRAY || whole->kind != JSON_ARRAY) {
        return contains(whole, part);
    }
    while (m != NULL && !same_scalar(m, part)) {
        m = m->next;
    }
    return m != NULL;
}

static void tb_json_contains(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    struct arena a;
    arena_init(&a, 0);
    const struct json *whole = read_json(ctx, &a, sqlite_text_arg(argv[0]));
    const struct json *part =
        whole == NULL ? NULL : read_json(ctx, &a, sqlite_text_arg(argv[1]));
    if (part != NULL) {
        sqlite3_result_int(ctx, contains_at_top(whole, part));
    }
    arena_fini(&a);
}

/* ---- changing ---- */

struct edit {
    const struct json *step;  /* of the path, not gone yet */
    const struct json *value; /* NULL: removes */
};

/* The number of the member that the step names; the length where there is none. */
static uint32_t member_number(const struct json *j, const struct json *step)
{
    const struct json *want = NULL;
    uint32_t n = 0;
    int64_t i;
    if (j->kind == JSON_OBJECT && step->kind == JSON_STRING) {
        want = member_called(j, json_text(step));
    } else if (j->kind == JSON_ARRAY && json_i64(step, &i)) {
        want = member_at(j, i);
    }
    for (const struct json *m = j->first; m != NULL && m != want; m = m->next) {
        n++;
    }
    return n;
}

/* A new member behind the others: of an object, or of an array that ends before it. */
static bool takes_member(const struct json *j, const struct edit *e)
{
    int64_t i;
    if (e->step == NULL || e->step->next != NULL || e->value == NULL) {
        return false;
    }
    return e->step->kind == JSON_STRING
               ? j->kind == JSON_OBJECT
               : j->kind == JSON_ARRAY && json_i64(e->step, &i) && i >= 0;
}

static void put_key(struct buf *b, const struct json *j, struct str key)
{
    if (j->kind == JSON_OBJECT) {
        buf_json_str(b, key);
        buf_char(b, ':');
    }
}

/* Recurses as deep as the path is long: MAX_DEPTH at most. */
static void write_edited(struct buf *b, const struct json *j, struct edit e)
{
    const struct json *m = j->first;
    uint32_t at = j->kind < JSON_ARRAY ? 0 : member_number(j, e.step);
    bool any = false;
    struct edit below = {e.step->next, e.value};
    if (j->kind < JSON_ARRAY) {
        json_write(b, j);
        return;
    }
    buf_char(b, j->kind == JSON_ARRAY ? '[' : '{');
    for (uint32_t i = 0; m != NULL; m = m->next, i++) {
        bool last = i == at && below.step == NULL;
        if (last && e.value == NULL) {
            continue;
        }
        buf_str_add(b, any ? STR(",") : STR(""));
        any = true;
        put_key(b, j, json_key(m));
        if (i != at) {
            json_write(b, m);
        } else if (last) {
            json_write(b, e.value);
        } else {
            write_edited(b, m, below);
        }
    }
    if (at == j->len && takes_member(j, &e)) {
        buf_str_add(b, any ? STR(",") : STR(""));
        put_key(b, j, json_text(e.step));
        json_write(b, e.value);
    }
    buf_char(b, j->kind == JSON_ARRAY ? ']' : '}');
}

static void edit(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct arena a;
    struct buf b;
    arena_init(&a, 0);
    buf_init(&b);
    bool sets = argc == 3;
    const struct json *document = read_json(ctx, &a, sqlite_text_arg(argv[0]));
    const struct json *path =
        document == NULL ? NULL : read_json(ctx, &a, sqlite_text_arg(argv[1]));
    const struct json *value =
        path == NULL || !sets ? NULL : read_json(ctx, &a, sqlite_text_arg(argv[2]));
    if (path != NULL && path->len > 0 && (value != NULL || !sets)) {
        write_edited(&b, document, (struct edit){path->first, value});
        if (b.failed) {
            sqlite3_result_error_nomem(ctx);
        } else {
            give_text(ctx, (struct str){b.ptr, b.len});
        }
    }
    buf_fini(&b);
    arena_fini(&a);
}

/* ---- the table ---- */

static const struct {
    const char *name;
    int arg_count;
    void (*fn)(sqlite3_context *, int, sqlite3_value **);
} functions[] = {
    {"tb_json_get", 2, tb_json_get},
    {"tb_json_text", 2, tb_json_text},
    {"tb_json_length", 1, tb_json_length},
    {"tb_json_type", 1, tb_json_type},
    {"tb_json_keys", 1, tb_json_keys},
    {"tb_json_contains", 2, tb_json_contains},
    {"tb_json_set", 3, edit},
    {"tb_json_remove", 2, edit},
};

int sqlite_json_register(sqlite3 *db)
{
    const int flags = SQLITE_UTF8 | SQLITE_INNOCUOUS | SQLITE_DETERMINISTIC;
    int rc = SQLITE_OK;
    for (size_t i = 0; rc == SQLITE_OK && i < sizeof functions / sizeof functions[0]; i++) {
        rc = sqlite3_create_function_v2(db, functions[i].name, functions[i].arg_count, flags,
                                        NULL, functions[i].fn, NULL, NULL, NULL);
    }
    return rc;
}
