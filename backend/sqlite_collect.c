/* SPDX-License-Identifier: MIT
 *
 * backend/sqlite_collect.c: aggregates that put rows one behind the other, in an
 * order of their own and without repeats, which SQLite before 3.44 cannot.
 *
 *   tb_string_agg(order, separator, text, key…)
 *   tb_json_agg(order, value, key…)
 *   tb_json_object_agg(order, name, value, key…)
 *
 * `order` is a constant of the compiler: 'u' (nothing twice) or '-'; what a value is in
 * JSON: t text, n number, b boolean, j JSON, or d and '0' + the digits behind its point;
 * then a letter for each key: a ascending, d descending, in capitals with nulls last.
 * Texts and keys compare by their bytes, as SQLite's columns do unless they say
 * otherwise.
 *
 * Called on the connection's thread; what a group holds is freed at its end.
 */
#include "backend/sqlite_args.h"
#include "backend/sqlite_session.h"
#include "base/buf.h"
#include "value/decimal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct collection;

/* How the functions differ. */
struct form {
    const char *name;
    int first;  /* argument that is kept of each row */
    int values; /* of them in front of the keys */
    bool (*keeps)(sqlite3_context *ctx, sqlite3_value **argv);
    void (*write)(struct buf *out, const struct collection *c);
};

/* One row: its values and its keys. */
struct entry {
    const struct collection *of;
    uint64_t number; /* rows of equal keys stay in the order they came in */
    sqlite3_value **values;
};

struct collection {
    const struct form *form;
    struct entry *entries;
    uint64_t count, cap;
    int width; /* of each entry */
    bool unique;
    char kind;           /* of a value in JSON */
    int scale;           /* of kind d */
    const char *letters; /* of the keys: in `order` */
    char *order;
    char *separator; /* may hold any byte */
    size_t separator_len;
};

/* -- collecting ------------------------------------------------------------ */

static char *copy_of(const void *from, size_t n)
{
    char *to = sqlite3_malloc64(n + 1);
    if (to != NULL) {
        if (n > 0) {
            memcpy(to, from, n);
        }
        to[n] = '\0';
    }
    return to;
}

static bool begin(struct collection *c, const struct form *form, int argc, sqlite3_value **argv)
{
    const char *order = (const char *)sqlite3_value_text(argv[0]);
    const char *separator = (const char *)sqlite3_value_text(argv[1]);
    if (order == NULL || strlen(order) < 2) {
        return false;
    }
    c->separator_len = separator == NULL ? 0 : (size_t)sqlite3_value_bytes(argv[1]);
    c->separator = copy_of(separator, c->separator_len);
    c->order = copy_of(order, strlen(order));
    if (c->separator == NULL || c->order == NULL) {
        return false;
    }
    c->form = form;
    c->unique = order[0] == 'u';
    c->kind = order[1];
    c->scale = c->kind == 'd' ? order[2] - '0' : -1;
    c->letters = c->order + (c->kind == 'd' ? 3 : 2);
    c->width = argc - form->first;
    return true;
}

static bool grow(struct collection *c)
{
    if (c->count < c->cap) {
        return true;
    }
    uint64_t cap = c->cap * 2 + 16;
    struct entry *more = sqlite3_realloc64(c->entries, cap * sizeof *more);
    if (more == NULL) {
        return false;
    }
    c->entries = more;
    c->cap = cap;
    return true;
}

static void free_entry(struct entry *e, int width)
{
    for (int i = 0; i < width; i++) {
        sqlite3_value_free(e->values[i]);
    }
    sqlite3_free(e->values);
}

static bool add(struct collection *c, sqlite3_value **argv)
{
    struct entry e = {c, c->count, NULL};
    e.values = sqlite3_malloc64((uint64_t)c->width * sizeof(sqlite3_value *));
    if (e.values == NULL) {
        return false;
    }
    bool ok = true;
    for (int i = 0; i < c->width; i++) {
        e.values[i] = sqlite3_value_dup(argv[i]);
        ok = ok && e.values[i] != NULL;
    }
    if (!ok || !grow(c)) {
        free_entry(&e, c->width);
        return false;
    }
    c->entries[c->count++] = e;
    return true;
}

static bool is_utf8(sqlite3_value *v)
{
    if (sqlite3_value_type(v) != SQLITE_TEXT) {
        return true;
    }
    const char *p = (const char *)sqlite3_value_text(v);
    return p == NULL || utf8_valid((struct str){p, (size_t)sqlite3_value_bytes(v)}, NULL);
}

static void collect_step(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    const struct form *form = sqlite3_user_data(ctx);
    struct collection *c = sqlite3_aggregate_context(ctx, sizeof *c);
    if (argc < form->first + form->values || (c != NULL && !form->keeps(ctx, argv))) {
        return;
    }
    for (int i = 0; i < form->values; i++) {
        if (!is_utf8(argv[form->first + i])) {
            sqlite3_result_error(ctx, "bad value: a text is not UTF-8", -1);
            return;
        }
    }
    if (c == NULL || (c->order == NULL && !begin(c, form, argc, argv)) ||
        !add(c, argv + form->first)) {
        sqlite3_result_error_nomem(ctx);
    }
}

/* -- ordering -------------------------------------------------------------- */

static int kind_rank(int type)
{
    return type == SQLITE_NULL ? 0 : type == SQLITE_TEXT ? 2 : type == SQLITE_BLOB ? 3 : 1;
}

static int compare_numbers(sqlite3_value *a, sqlite3_value *b)
{
    if (sqlite3_value_type(a) == SQLITE_INTEGER && sqlite3_value_type(b) == SQLITE_INTEGER) {
        sqlite3_int64 x = sqlite3_value_int64(a), y = sqlite3_value_int64(b);
        return (x > y) - (x < y);
    }
    double x = sqlite3_value_double(a), y = sqlite3_value_double(b);
    return (x > y) - (x < y);
}

static int compare_bytes(sqlite3_value *a, sqlite3_value *b)
{
    const void *p = sqlite3_value_blob(a), *q = sqlite3_value_blob(b);
    size_t n = (size_t)sqlite3_value_bytes(a), m = (size_t)sqlite3_value_bytes(b);
    size_t least = n < m ? n : m;
    int order = least == 0 || p == NULL || q == NULL ? 0 : memcmp(p, q, least);
    return order != 0 ? order : (n > m) - (n < m);
}

static int compare_values(sqlite3_value *a, sqlite3_value *b)
{
    int x = kind_rank(sqlite3_value_type(a)), y = kind_rank(sqlite3_value_type(b));
    if (x != y || x == 0) {
        return x - y;
    }
    return x == 1 ? compare_numbers(a, b) : compare_bytes(a, b);
}

/* a and b differ in being null: which one is first where `letter` orders. */
static int compare_null(bool a_is_null, char letter)
{
    bool last = letter == 'A' || letter == 'D';
    return a_is_null == last ? 1 : -1;
}

static int compare_key(sqlite3_value *a, sqlite3_value *b, char letter)
{
    bool a_null = sqlite3_value_type(a) == SQLITE_NULL;
    if (a_null != (sqlite3_value_type(b) == SQLITE_NULL)) {
        return compare_null(a_null, letter);
    }
    int order = compare_values(a, b);
    return letter == 'd' || letter == 'D' ? -order : order;
}

static int compare_entries(const void *pa, const void *pb)
{
    const struct entry *a = pa, *b = pb;
    int order = 0;
    for (int i = 0; order == 0 && a->of->letters[i] != '\0'; i++) {
        int key = a->of->form->values + i;
        order = compare_key(a->values[key], b->values[key], a->of->letters[i]);
    }
    if (order == 0 && a->of->unique) {
        order = compare_values(a->values[0], b->values[0]);
    }
    return order != 0 ? order : (a->number > b->number) - (a->number < b->number);
}

static void sort(struct collection *c)
{
    if (c->count > 1 && (c->unique || c->letters[0] != '\0')) {
        qsort(c->entries, c->count, sizeof *c->entries, compare_entries);
    }
}

static bool is_repeat(const struct collection *c, uint64_t i)
{
    return c->unique && i > 0 &&
           compare_values(c->entries[i - 1].values[0], c->entries[i].values[0]) == 0;
}

/* -- texts ----------------------------------------------------------------- */

static bool keeps_text(sqlite3_context *ctx, sqlite3_value **argv)
{
    (void)ctx;
    return sqlite3_value_type(argv[2]) != SQLITE_NULL;
}

static void write_texts(struct buf *out, const struct collection *c)
{
    for (uint64_t i = 0; i < c->count; i++) {
        if (is_repeat(c, i)) {
            continue;
        }
        if (i > 0) {
            buf_add(out, c->separator, c->separator_len);
        }
        buf_str_add(out, sqlite_text_arg(c->entries[i].values[0]));
    }
}

/* -- JSON ------------------------------------------------------------------ */

static void write_number(struct buf *out, const struct collection *c, sqlite3_value *v)
{
    bool whole = sqlite3_value_type(v) == SQLITE_INTEGER;
    double number = sqlite3_value_double(v);
    if (whole) {
        decimal_write_int(out, sqlite3_value_int64(v), c->scale > 0 ? c->scale : 0);
    } else if (c->scale >= 0 && fabs(number) < 1e300) {
        decimal_write_double(out, number, c->scale);
    } else {
        buf_json_double(out, number == 0 ? 0 : number);
    }
}

static void write_value(struct buf *out, const struct collection *c, sqlite3_value *v)
{
    if (sqlite3_value_type(v) == SQLITE_NULL) {
        BUF_LIT(out, "null");
        return;
    }
    switch (c->kind) {
    case 'b':
        buf_str_add(out, sqlite3_value_int(v) != 0 ? STR("true") : STR("false"));
        return;
    case 'j':
        buf_str_add(out, sqlite_text_arg(v));
        return;
    case 't':
        buf_json_str(out, sqlite_text_arg(v));
        return;
    default:
        write_number(out, c, v);
    }
}

static bool keeps_value(sqlite3_context *ctx, sqlite3_value **argv)
{
    (void)ctx;
    (void)argv;
    return true;
}

static void write_array(struct buf *out, const struct collection *c)
{
    buf_char(out, '[');
    for (uint64_t i = 0; i < c->count; i++) {
        if (is_repeat(c, i)) {
            continue;
        }
        if (i > 0) {
            buf_char(out, ',');
        }
        write_value(out, c, c->entries[i].values[0]);
    }
    buf_char(out, ']');
}

static bool keeps_member(sqlite3_context *ctx, sqlite3_value **argv)
{
    if (sqlite3_value_type(argv[1]) != SQLITE_NULL) {
        return true;
    }
    sqlite3_result_error(ctx, "bad value: a name in a JSON object is null", -1);
    return false;
}

/* As PostgreSQL keeps them: short names first; of one name the last row. */
static int compare_members(const void *pa, const void *pb)
{
    const struct entry *a = pa, *b = pb;
    int n = sqlite3_value_bytes(a->values[0]), m = sqlite3_value_bytes(b->values[0]);
    int order = n != m ? (n > m) - (n < m) : compare_bytes(a->values[0], b->values[0]);
    return order != 0 ? order : (a->number > b->number) - (a->number < b->number);
}

static void write_object(struct buf *out, const struct collection *c)
{
    for (uint64_t i = 0; i < c->count; i++) {
        (void)sqlite3_value_text(c->entries[i].values[0]); /* now it has bytes */
        c->entries[i].number = i;
    }
    qsort(c->entries, c->count, sizeof *c->entries, compare_members);
    buf_char(out, '{');
    for (uint64_t i = 0; i < c->count; i++) {
        sqlite3_value *name = c->entries[i].values[0];
        if (i + 1 < c->count && compare_bytes(name, c->entries[i + 1].values[0]) == 0) {
            continue;
        }
        if (out->len > 1) {
            buf_char(out, ',');
        }
        buf_json_str(out, sqlite_text_arg(name));
        buf_char(out, ':');
        write_value(out, c, c->entries[i].values[1]);
    }
    buf_char(out, '}');
}

/* -- the end --------------------------------------------------------------- */

static void free_collection(struct collection *c)
{
    for (uint64_t i = 0; i < c->count; i++) {
        free_entry(&c->entries[i], c->width);
    }
    sqlite3_free(c->entries);
    sqlite3_free(c->order);
    sqlite3_free(c->separator);
}

static void give(sqlite3_context *ctx, const struct collection *c)
{
    struct buf out;
    buf_init(&out);
    c->form->write(&out, c);
    if (out.failed) {
        sqlite3_result_error_nomem(ctx);
    } else {
        sqlite3_result_text64(ctx, out.len == 0 ? "" : out.ptr, out.len, SQLITE_TRANSIENT,
                              SQLITE_UTF8);
    }
    buf_fini(&out);
}

/* Also called after an error, to free. */
static void collect_final(sqlite3_context *ctx)
{
    struct collection *c = sqlite3_aggregate_context(ctx, 0);
    if (c == NULL) {
        return;
    }
    for (uint64_t i = 0; i < c->count; i++) {
        c->entries[i].of = c; /* SQLite may have moved it */
    }
    if (c->count > 0) {
        sort(c);
        give(ctx, c);
    }
    free_collection(c);
}

static const struct form forms[] = {
    {"tb_string_agg", 2, 1, keeps_text, write_texts},
    {"tb_json_agg", 1, 1, keeps_value, write_array},
    {"tb_json_object_agg", 1, 2, keeps_member, write_object},
};

/* SQLite only hands it back. */
static void *form_data(const struct form *form)
{
    union {
        const struct form *in;
        void *out;
    } u = {form};
    return u.out;
}

/* tb_json_member(letters, value): what json_agg would write for it */
static void tb_json_member(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    struct str letters = sqlite_text_arg(argv[0]);
    struct collection c = {.kind = letters.len > 0 ? letters.ptr[0] : 't', .scale = -1};
    if (c.kind == 'd' && letters.len > 1) {
        c.scale = letters.ptr[1] - '0';
    }
    struct buf out;
    buf_init(&out);
    write_value(&out, &c, argv[1]);
    if (out.failed) {
        sqlite3_result_error_nomem(ctx);
    } else {
        sqlite3_result_text64(ctx, out.ptr, out.len, SQLITE_TRANSIENT, SQLITE_UTF8);
    }
    buf_fini(&out);
}

int sqlite_collect_register(sqlite3 *db)
{
    int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
    int rc = sqlite3_create_function_v2(db, "tb_json_member", 2, flags, NULL, tb_json_member,
                                        NULL, NULL, NULL);
    for (size_t i = 0; rc == SQLITE_OK && i < sizeof forms / sizeof forms[0]; i++) {
        rc = sqlite3_create_function_v2(db, forms[i].name, -1, flags, form_data(&forms[i]),
                                        NULL, collect_step, collect_final, NULL);
    }
    return rc;
}
