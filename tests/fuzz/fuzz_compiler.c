/* SPDX-License-Identifier: MIT
 *
 * tests/fuzz/fuzz_compiler.c: any request for all three databases. What comes out
 * must be one statement with no literal or name of the request in it (sql_check.h) and,
 * for SQLite and PostgreSQL, one that the database's own parser takes, with as many
 * placeholders as binds; and the same request must find its plan again, also by its
 * bytes alone.
 */
#include "backend/sqlite_session.h"
#include "tests/fuzz/sql_check.h"
#include "tests/unit/compiler/rig.h"

#include <assert.h>
#include <locale.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

struct state {
    struct rig rig;
    sqlite3 *db;
    struct sql_check check;
};

static struct state *state;

static void start(void)
{
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    state = calloc(1, sizeof *state);
    assert(state != NULL);
    rig_init(&state->rig, 1 << 20);
    bool read = sql_check_init(&state->check);
    assert(read);
    int rc = sqlite3_open(":memory:", &state->db);
    assert(rc == SQLITE_OK);
    sqlite3_db_config(state->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    rc = sqlite_functions_register(state->db, utf8);
    assert(rc == SQLITE_OK);
    rc = sqlite_aggregates_register(state->db);
    assert(rc == SQLITE_OK);
    rc = sqlite_collect_register(state->db);
    assert(rc == SQLITE_OK);
    rc = sqlite3_exec(state->db, rig_ddl, NULL, NULL, NULL);
    assert(rc == SQLITE_OK);
}

/* SQLite's own bounds on the size of a statement are no fault of ours. */
static bool beyond_sqlite(const char *message)
{
    return strstr(message, "too many") != NULL || strstr(message, "too large") != NULL ||
           strstr(message, "at most 64") != NULL;
}

static void prepare(const struct statement *s)
{
    sqlite3_stmt *stmt = NULL;
    const char *tail = NULL;
    int rc = sqlite3_prepare_v2(state->db, s->sql.ptr, (int)s->sql.len, &stmt, &tail);
    if (rc != SQLITE_OK && !beyond_sqlite(sqlite3_errmsg(state->db))) {
        fprintf(stderr, "%s\n%s\n", sqlite3_errmsg(state->db), s->sql.ptr);
        abort();
    }
    if (rc == SQLITE_OK) {
        assert(*tail == '\0');
        assert(sqlite3_bind_parameter_count(stmt) == (int)s->param_count);
        assert(sqlite3_column_count(stmt) == (int)s->column_count);
    }
    sqlite3_finalize(stmt);
}

static void check(const struct plan *p, const struct statement *s, const char *request)
{
    struct buf why;
    buf_init(&why);
    state->check.request = str_of(request);
    if (!sql_check(&state->check, p, s->sql, &why)) {
        fprintf(stderr, "%.*s\n%s\n%s\n", (int)why.len, why.ptr, s->sql.ptr, request);
        abort();
    }
    buf_fini(&why);
}

/* Raw SQL is the request's own, and may be wrong. */
static void check_plan(unsigned d, const struct plan *p, const char *request)
{
    for (uint32_t i = 0; p->kind != PLAN_TEXT && i < p->step_count; i++) {
        check(p, &p->steps[i].stmt, request);
        if (d == 2) {
            prepare(&p->steps[i].stmt);
        }
    }
}

static void check_error(const struct fail *f, enum err e)
{
    assert(f->code == e);
    assert(f->message[0] != '\0');
    assert(e != ERR_INTERNAL);
}

/* ---- mutation: whole words of the language, so that most inputs stay JSON ---- */

static const char *const words[] = {
    "\"users\"",
    "\"orders\"",
    "\"things\"",
    "\"id\"",
    "\"name\"",
    "\"age\"",
    "\"salary\"",
    "\"users.id\"",
    "\"total\"",
    "\"flag\"",
    "\"mood\"",
    "\"stamp\"",
    "\"day\"",
    "\"exact\"",
    "\"doc\"",
    "\"odd\"",
    "\"raw\"",
    "\"*\"",
    "\":p\"",
    "\":l\"",
    "1",
    "-1",
    "1.5",
    "3000000000",
    "1e400",
    "99999999999999999999",
    "true",
    "false",
    "null",
    "[]",
    "{}",
    "[1,2,3]",
    "{\"value\":\"x\"}",
    "~1~~7",
    "27~82.5",
    "{\"value\":\"it's \\\"tain~ed\\\" --\"}",
    "{\"text\":\"select :p\"}",
    "\"with\"",
    "{\"over\":[\"row_number\"],\"order_by\":[\"id\"]}",
    "{\"union\":[{\"select\":[1]},{\"select\":[2]}]}",
    "{\"value\":null}",
    "[\"=\",\"id\",1]",
    "[\"count\",\"*\"]",
    "[\"lower\",\"name\"]",
    "[\"in\",\"id\",[1,2]]",
    "[\"in\",\"id\",\":l\"]",
    "{\"select\":[\"id\"],\"from\":\"users\"}",
    "{\"case\":[[true,1]],\"else\":2}",
    "[\"exists\",{\"select\":[1],\"from\":\"orders\",\"where\":[\"=\",\"user_id\",1]}]",
    "{\"desc\":\"id\",\"nulls\":\"last\"}",
    "[\"/\",\"salary\",3]",
    "[\"avg\",\"exact\"]",
    "[\"cast\",\"age\",\"text\"]",
    "[\"-\",\"dbl\"]",
    "[\"now\"]",
    "[\"random\"]",
    "{\"u\":\"users\"}",
    "{\"name\":[\"we\\\"ird`t\",\"a.b\"]}",
    "\"and\"",
    "\"or\"",
    "\"not\"",
    "\"+\"",
    "\"*\"",
    "\"||\"",
    "\"coalesce\"",
    "\"greatest\"",
    "\"sum\"",
    "\"max\"",
    "\"like\"",
    "\"contains\"",
    "\"ilike\"",
    "\"between\"",
    "\"is\"",
    "\"nullif\"",
    "\"substr\"",
    "\"round\"",
};

/* The end of the JSON value that begins at `at`, roughly. */
static size_t value_end(const uint8_t *data, size_t size, size_t at)
{
    int depth = 0;
    bool string = false;
    for (size_t i = at; i < size; i++) {
        uint8_t c = data[i];
        string = c == '"' ? !string : string;
        depth += !string && (c == '[' || c == '{');
        depth -= !string && (c == ']' || c == '}');
        bool scalar_end = i + 1 < size && strchr(",]}:", data[i + 1]) != NULL;
        if (!string && depth == 0 && (c == ']' || c == '}' || c == '"' || scalar_end)) {
            return i + 1;
        }
    }
    return size;
}

/* Puts a word, or another value of the input, in place of a value. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    char piece[256];
    srand(seed);
    if (size < 4 || rand() % 8 == 0) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    size_t at = (size_t)rand() % size;
    while (at > 0 && strchr("[,:", data[at - 1]) == NULL) {
        at--;
    }
    size_t end = value_end(data, size, at), len;
    if (rand() % 3 == 0) {
        size_t from = (size_t)rand() % size;
        while (from > 0 && strchr("[,:", data[from - 1]) == NULL) {
            from--;
        }
        len = value_end(data, size, from) - from;
        len = len < sizeof piece ? len : 0;
        memcpy(piece, data + from, len);
    } else {
        len = (size_t)snprintf(piece, sizeof piece, "%s",
                               words[(size_t)rand() % (sizeof words / sizeof words[0])]);
        for (char *tilde = piece; (tilde = strchr(tilde, '~')) != NULL;) {
            *tilde = '3'; /* so that the literal stands nowhere in this program */
        }
    }
    bool insert = rand() % 4 == 0 && len + 1 < sizeof piece;
    if (insert) { /* beside it in its list */
        piece[len++] = ',';
        end = at;
    }
    if (size - (end - at) + len > max_size) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    memmove(data + at + len, data + end, size - end);
    memcpy(data + at, piece, len);
    return size - (end - at) + len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (state == NULL) {
        start();
    }
    char *text = malloc(size + 1);
    assert(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    for (unsigned d = 0; d < RIG_DIALECTS; d++) {
        struct rig *r = &state->rig;
        enum err e = rig_bind(r, d, text);
        if (e != ERR_OK) {
            check_error(&r->fail, e);
            continue;
        }
        check_plan(d, r->bound.plan, text);
        struct plan *first = plan_ref(r->bound.plan);
        for (int again = 0; again < 2; again++) { /* the second time by its bytes */
            e = rig_bind(r, d, text);
            assert(e == ERR_OK);
            assert(first->step_count == r->bound.plan->step_count);
            assert(first->step_count == 0 ||
                   str_eq(first->steps[0].stmt.sql, r->bound.plan->steps[0].stmt.sql));
        }
        plan_unref(first);
    }
    free(text);
    return 0;
}
