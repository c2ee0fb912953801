/* SPDX-License-Identifier: MIT
 *
 * backend/sqlite_collect.c: aggregates that put rows one behind the other, in an
 * order of their own and without repeats, which SQLite before 3.44 cannot.
 *
 *   tb_string_agg(order, separator, text, key…)
 *
 * `order` is a constant of the compiler: 'u' (no text twice) or '-', then a letter
 * for each key: a ascending, d descending, in capitals with nulls last. Texts and keys
 * compare by their bytes, as SQLite's columns do unless they say otherwise.
 *
 * Called on the connection's thread; what a group holds is freed at its end.
 */
#include "backend/sqlite_session.h"

#include <stdlib.h>
#include <string.h>

/* One row: its text and its keys. */
struct entry {
    const struct collection *of;
    uint64_t number; /* rows of equal keys stay in the order they came in */
    sqlite3_value **values;
};

struct collection {
    struct entry *entries;
    uint64_t count, cap;
    int values; /* of each entry: the text, then the keys */
    bool unique;
    char *letters;   /* of the keys */
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

static bool begin(struct collection *c, int argc, sqlite3_value **argv)
{
    const char *order = (const char *)sqlite3_value_text(argv[0]);
    const char *separator = (const char *)sqlite3_value_text(argv[1]);
    if (order == NULL) {
        return false;
    }
    c->separator_len = separator == NULL ? 0 : (size_t)sqlite3_value_bytes(argv[1]);
    c->separator = copy_of(separator, c->separator_len);
    c->letters = copy_of(order + 1, strlen(order) - 1);
    c->unique = order[0] == 'u';
    c->values = argc - 2;
    return c->separator != NULL && c->letters != NULL;
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

static void free_entry(struct entry *e, int values)
{
    for (int i = 0; i < values; i++) {
        sqlite3_value_free(e->values[i]);
    }
    sqlite3_free(e->values);
}

static bool add(struct collection *c, sqlite3_value **argv)
{
    struct entry e = {c, c->count, NULL};
    e.values = sqlite3_malloc64((uint64_t)c->values * sizeof(sqlite3_value *));
    if (e.values == NULL) {
        return false;
    }
    bool ok = true;
    for (int i = 0; i < c->values; i++) {
        e.values[i] = sqlite3_value_dup(argv[i]);
        ok = ok && e.values[i] != NULL;
    }
    if (!ok || !grow(c)) {
        free_entry(&e, c->values);
        return false;
    }
    c->entries[c->count++] = e;
    return true;
}

static void tb_string_agg_step(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct collection *c = sqlite3_aggregate_context(ctx, sizeof *c);
    if (argc < 3 || (c != NULL && sqlite3_value_type(argv[2]) == SQLITE_NULL)) {
        return;
    }
    if (c == NULL || (c->letters == NULL && !begin(c, argc, argv)) || !add(c, argv + 2)) {
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
        order = compare_key(a->values[i + 1], b->values[i + 1], a->of->letters[i]);
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

/* -- the end --------------------------------------------------------------- */

static void free_collection(struct collection *c)
{
    for (uint64_t i = 0; i < c->count; i++) {
        free_entry(&c->entries[i], c->values);
    }
    sqlite3_free(c->entries);
    sqlite3_free(c->letters);
    sqlite3_free(c->separator);
}

static void join(sqlite3_str *out, const struct collection *c)
{
    for (uint64_t i = 0; i < c->count; i++) {
        if (is_repeat(c, i)) {
            continue;
        }
        if (i > 0) {
            sqlite3_str_append(out, c->separator, (int)c->separator_len);
        }
        const char *text = (const char *)sqlite3_value_text(c->entries[i].values[0]);
        sqlite3_str_append(out, text, sqlite3_value_bytes(c->entries[i].values[0]));
    }
}

static void give_text(sqlite3_context *ctx, const struct collection *c)
{
    sqlite3_str *out = sqlite3_str_new(sqlite3_context_db_handle(ctx));
    join(out, c);
    int rc = sqlite3_str_errcode(out), n = sqlite3_str_length(out);
    char *text = sqlite3_str_finish(out);
    if (rc == SQLITE_TOOBIG) {
        sqlite3_result_error_toobig(ctx);
    } else if (rc != SQLITE_OK) {
        sqlite3_result_error_nomem(ctx);
    } else {
        sqlite3_result_text(ctx, text == NULL ? "" : text, n,
                            text == NULL ? SQLITE_STATIC : sqlite3_free);
        return;
    }
    sqlite3_free(text);
}

/* Also called after an error, to free. */
static void tb_string_agg_final(sqlite3_context *ctx)
{
    struct collection *c = sqlite3_aggregate_context(ctx, 0);
    if (c == NULL) {
        return;
    }
    if (c->count > 0) {
        for (uint64_t i = 0; i < c->count; i++) {
            c->entries[i].of = c; /* SQLite may have moved it */
        }
        sort(c);
        give_text(ctx, c);
    }
    free_collection(c);
}

int sqlite_collect_register(sqlite3 *db)
{
    int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
    return sqlite3_create_function_v2(db, "tb_string_agg", -1, flags, NULL, NULL,
                                      tb_string_agg_step, tb_string_agg_final, NULL);
}
