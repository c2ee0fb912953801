/* SPDX-License-Identifier: MIT
 *
 * tests/fuzz/fuzz_text.c: any bytes as raw SQL. The tokens must be the text, end to end;
 * what SQLite's own parser takes of the result must be one statement with just the
 * placeholders that were found, and for PostgreSQL's parser it is at most one.
 */
#include "base/hash.h"
#include "compiler/dialect.h"
#include "compiler/text_scan.h"
#include "tests/unit/compiler/rig.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef HAVE_PG_QUERY
#include <pg_query.h>
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct state {
    struct rig rig;
    sqlite3 *db;
};

static struct state *state;

static void start(void)
{
    state = calloc(1, sizeof *state);
    assert(state != NULL);
    rig_init(&state->rig, 1 << 20);
    int rc = sqlite3_open(":memory:", &state->db);
    assert(rc == SQLITE_OK);
    sqlite3_db_config(state->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    rc = sqlite3_exec(state->db, rig_ddl, NULL, NULL, NULL);
    assert(rc == SQLITE_OK);
}

static void check_tokens(const struct text_rules *rules, struct str sql)
{
    size_t at = 0;
    for (;;) {
        size_t before = at;
        struct text_token t = text_next(rules, sql, &at);
        if (t.kind == TEXT_END || t.kind == TEXT_BAD) {
            assert(t.kind == TEXT_BAD || at == sql.len);
            return;
        }
        assert(at > before && at <= sql.len);
        assert(t.text.ptr >= sql.ptr + before && t.text.ptr + t.text.len <= sql.ptr + at);
    }
}

static bool has(const char *text, const char *word)
{
    return strcasestr(text, word) != NULL;
}

/* Bodies of triggers hold semicolons: there the database's own parser decides; and a
 * colon that was asked for may begin a placeholder, which the driver then refuses. */
static void check_sqlite(const struct statement *s, struct str text)
{
    bool colons = memmem(text.ptr, text.len, "\\:", 2) != NULL;
    sqlite3_stmt *stmt = NULL;
    const char *tail = "";
    int rc = sqlite3_prepare_v2(state->db, s->sql.ptr, (int)s->sql.len, &stmt, &tail);
    if (rc == SQLITE_OK && stmt != NULL && !has(s->sql.ptr, "trigger")) {
        if (!colons && sqlite3_bind_parameter_count(stmt) != (int)s->param_count) {
            fprintf(stderr, "%s\n", s->sql.ptr);
            abort();
        }
        sqlite3_stmt *more = NULL;
        rc = sqlite3_prepare_v2(state->db, tail, -1, &more, NULL);
        if (rc == SQLITE_OK && more != NULL) {
            fprintf(stderr, "two statements: %s\n", s->sql.ptr);
            abort();
        }
        sqlite3_finalize(more);
    }
    sqlite3_finalize(stmt);
}

static void check_pg(const struct statement *s)
{
#ifdef HAVE_PG_QUERY
    PgQuerySplitResult r = pg_query_split_with_parser(s->sql.ptr);
    bool body = has(s->sql.ptr, "function") || has(s->sql.ptr, "procedure");
    if (r.error == NULL && r.n_stmts > 1 && !body) {
        fprintf(stderr, "two statements: %s\n", s->sql.ptr);
        abort();
    }
    pg_query_free_split_result(r);
#else
    (void)s;
#endif
}

/* Each :name that is found is given as a param. */
static void make_request(struct buf *b, const struct text_rules *rules, struct str sql)
{
    struct map names;
    map_init(&names, 1);
    BUF_LIT(b, "{\"query\":{\"text\":");
    buf_json_str(b, sql);
    BUF_LIT(b, "},\"params\":{");
    for (size_t at = 0;;) {
        struct text_token t = text_next(rules, sql, &at);
        if (t.kind == TEXT_END || t.kind == TEXT_BAD) {
            break;
        }
        if (t.kind == TEXT_PARAM && map_get(&names, t.text) == NULL) {
            buf_str_add(b, names.count > 0 ? STR(",") : STR(""));
            buf_json_str(b, t.text);
            BUF_LIT(b, ":1");
            enum err e = map_put(&names, t.text, b);
            assert(e == ERR_OK);
        }
    }
    BUF_LIT(b, "}}");
    buf_char(b, '\0');
    map_fini(&names);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str sql = {(const char *)data, size};
    if (state == NULL) {
        start();
    }
    for (unsigned d = 0; d < RIG_DIALECTS; d++) {
        const struct text_rules *rules = rig_dialects[d]->text;
        struct buf b;
        buf_init(&b);
        check_tokens(rules, sql);
        make_request(&b, rules, sql);
        if (rig_bind(&state->rig, d, b.ptr) == ERR_OK) {
            const struct statement *s = &state->rig.bound.plan->steps[0].stmt;
            if (d == COLUMN_SQLITE) {
                check_sqlite(s, sql);
            } else if (d == COLUMN_PG) {
                check_pg(s);
            }
        }
        buf_fini(&b);
    }
    return 0;
}
