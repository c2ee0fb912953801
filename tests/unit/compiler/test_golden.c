/* SPDX-License-Identifier: MIT
 *
 * tests/unit/compiler/test_golden.c: every file of tests/golden: one request, and
 * the SQL of each database, binds and columns that must come out. What comes out
 * for SQLite is prepared on SQLite.
 *
 *   test_golden --print FILE…   writes the files anew, for review
 */
#include "backend/sqlite_session.h"
#include "rig.h"

#include <check.h>
#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CASES 400

struct golden {
    char *names[MAX_CASES];
    int count;
    sqlite3 *db;
    locale_t utf8;
};

static struct golden golden;

/* Also runs outside of Check (--print), so it cannot be ck_assert. */
static void must(bool ok, const char *name, const char *what, const char *more)
{
    if (!ok) {
        fprintf(stderr, "%s: %s\n%s\n", name, what, more);
        fflush(stderr);
        _Exit(1);
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void find_cases(void)
{
    DIR *dir = opendir(GOLDEN_DIR);
    must(dir != NULL, GOLDEN_DIR, "cannot be read", "");
    for (struct dirent *d = readdir(dir); d != NULL; d = readdir(dir)) {
        size_t n = strlen(d->d_name);
        if (n > 5 && strcmp(d->d_name + n - 5, ".json") == 0 && golden.count < MAX_CASES) {
            golden.names[golden.count++] = strdup(d->d_name);
        }
    }
    closedir(dir);
    qsort(golden.names, (size_t)golden.count, sizeof golden.names[0], by_name);
}

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    must(f != NULL, path, "cannot be read", "");
    char *text = calloc(1, 1 << 20);
    size_t n = fread(text, 1, (1 << 20) - 1, f);
    must(n > 0, path, "is empty", "");
    fclose(f);
    return text;
}

/* ---- what came out, as JSON ---- */

static void put_binds(struct buf *b, const struct plan_step *step, const struct value *values)
{
    for (uint32_t i = 0; i < step->stmt.param_count; i++) {
        struct buf text;
        buf_init(&text);
        rig_type_text(&step->binds[i], &text);
        if (values != NULL) {
            buf_char(&text, ' ');
            rig_value_text(&step->binds[i], &values[i], &text);
        }
        buf_printf(b, "%s", i > 0 ? ", " : "");
        buf_json_str(b, buf_str(&text));
        buf_fini(&text);
    }
}

static void put_dialect(struct buf *b, const struct rig *r)
{
    const struct bound *bound = &r->bound;
    BUF_LIT(b, "[");
    for (uint32_t i = 0; i < bound->run_count; i++) {
        const struct bound_run *run = &bound->runs[i];
        buf_printf(b, "%s\n    {\"sql\": ", i > 0 ? "," : "");
        buf_json_str(b, run->step->stmt.sql);
        if (run->step->stmt.sql_many.len > 0) {
            BUF_LIT(b, ",\n     \"many\": ");
            buf_json_str(b, run->step->stmt.sql_many);
        }
        BUF_LIT(b, ",\n     \"binds\": [");
        put_binds(b, run->step, run->params);
        buf_printf(b, "]%s", run->sets > 1 ? ",\n     \"sets\": " : "}");
        if (run->sets > 1) {
            buf_printf(b, "%u}", run->sets);
        }
    }
    BUF_LIT(b, "]");
}

static void put_facts(struct buf *b, const struct plan *p, bool tx)
{
    static const char *const worst[] = {"immutable", "stable", "volatile"};
    static const char *const roles[] = {"rows", "count", "keys"};
    BUF_LIT(b, ",\n  \"columns\": [");
    for (uint32_t i = 0; i < p->column_count; i++) {
        const struct type *t = &p->columns[i].type;
        struct buf text;
        buf_init(&text);
        buf_printf(&text, "%.*s %s", STR_ARG(p->columns[i].name), type_kind_name(t->kind));
        if (t->kind == TYPE_NUMERIC && t->scale >= 0) {
            buf_printf(&text, "(%d)", t->scale);
        }
        buf_printf(b, "%s", i > 0 ? ", " : "");
        buf_json_str(b, buf_str(&text));
        buf_fini(&text);
    }
    struct buf facts;
    buf_init(&facts);
    BUF_LIT(b, "],\n  \"facts\": ");
    buf_printf(&facts, "%s", worst[p->volatility]);
    buf_printf(&facts, "%s%s%s", p->single_row ? " single_row" : "", p->sorted ? " sorted" : "",
               tx ? " tx" : "");
    if (p->step_count > 0) {
        buf_printf(&facts, " %s", roles[p->role]);
    }
    for (uint32_t i = 0; i < p->table_count; i++) {
        buf_printf(&facts, " %s:%.*s", p->tables[i].written ? "w" : "r",
                   STR_ARG(p->tables[i].table->name));
    }
    buf_json_str(b, buf_str(&facts));
    buf_fini(&facts);
}

static void put_error(struct buf *b, const struct fail *f)
{
    BUF_LIT(b, "{\"error\": ");
    buf_json_str(b, str_of(err_wire(f->code)));
    BUF_LIT(b, ", \"path\": ");
    buf_json_str(b, str_of(f->path));
    BUF_LIT(b, ", \"message\": ");
    buf_json_str(b, str_of(f->message));
    BUF_LIT(b, ", \"hint\": ");
    buf_json_str(b, str_of(f->hint));
    BUF_LIT(b, "}");
}

static void prepare_on_sqlite(const struct statement *s, const char *name)
{
    sqlite3_stmt *stmt = NULL;
    const char *tail = NULL;
    int rc = sqlite3_prepare_v2(golden.db, s->sql.ptr, (int)s->sql.len, &stmt, &tail);
    must(rc == SQLITE_OK, name, sqlite3_errmsg(golden.db), s->sql.ptr);
    must(*tail == 0, name, "more than one statement", s->sql.ptr);
    must(sqlite3_bind_parameter_count(stmt) == (int)s->param_count, name, "placeholders",
         s->sql.ptr);
    must(sqlite3_column_count(stmt) == (int)s->column_count, name, "columns", s->sql.ptr);
    sqlite3_finalize(stmt);
}

/* The whole file as it should be, from its request. */
static void make_file(struct rig *r, const char *name, struct str request, struct buf *out)
{
    static const char *const names[] = {"postgresql", "mariadb", "sqlite"};
    struct buf facts;
    buf_init(&facts);
    char *text = strndup(request.ptr, request.len);
    buf_printf(out, "{\n  \"request\": %s", text);
    for (unsigned d = 0; d < RIG_DIALECTS; d++) {
        buf_printf(out, ",\n  \"%s\": ", names[d]);
        if (rig_bind(r, d, text) != ERR_OK) {
            put_error(out, &r->fail);
            continue;
        }
        put_dialect(out, r);
        for (uint32_t i = 0; d == 2 && i < r->bound.plan->step_count; i++) {
            prepare_on_sqlite(&r->bound.plan->steps[i].stmt, name);
        }
        buf_clear(&facts);
        put_facts(&facts, r->bound.plan, r->bound.needs_tx);
    }
    buf_str_add(out, buf_str(&facts));
    BUF_LIT(out, "\n}\n");
    buf_fini(&facts);
    free(text);
}

static void make(const char *path, struct buf *out, char **text)
{
    struct rig r;
    struct arena a;
    struct json *root;
    struct fail f;
    arena_init(&a, 0);
    fail_init(&f);
    *text = read_file(path);
    struct str input = str_of(*text);
    enum err e = json_parse(&a, input, 64, &root, &f);
    must(e == ERR_OK, path, "is not JSON", f.message);
    const struct json *request = json_get(root, "request");
    must(request != NULL, path, "has no request", "");
    rig_init(&r, 1 << 20);
    make_file(&r, path, json_source(request, input), out);
    rig_fini(&r);
    arena_fini(&a);
}

START_TEST(request_gives_the_sql_of_its_file)
{
    char path[512];
    char *text;
    struct buf out;
    buf_init(&out);
    snprintf(path, sizeof path, "%s/%s", GOLDEN_DIR, golden.names[_i]);
    make(path, &out, &text);
    buf_char(&out, '\0');
    ck_assert_msg(strcmp(out.ptr, text) == 0, "%s: now\n%s\nand was\n%s", path, out.ptr, text);
    buf_fini(&out);
    free(text);
}
END_TEST

static void open_sqlite(void)
{
    golden.utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    must(sqlite3_open(":memory:", &golden.db) == SQLITE_OK, "sqlite", "cannot be opened", "");
    sqlite3_db_config(golden.db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    must(sqlite_functions_register(golden.db, golden.utf8) == SQLITE_OK, "sqlite",
         "cannot be opened", "");
    must(sqlite3_exec(golden.db, rig_ddl, NULL, NULL, NULL) == SQLITE_OK, "sqlite",
         "cannot be opened", "");
}

static int print_files(int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        char *text;
        struct buf out;
        buf_init(&out);
        make(argv[i], &out, &text);
        FILE *f = fopen(argv[i], "wb");
        if (f == NULL || fwrite(out.ptr, 1, out.len, f) != out.len) {
            return 1;
        }
        fclose(f);
        buf_fini(&out);
        free(text);
    }
    return 0;
}

int main(int argc, char **argv)
{
    open_sqlite();
    if (argc > 1 && strcmp(argv[1], "--print") == 0) {
        return print_files(argc, argv);
    }
    find_cases();
    Suite *s = suite_create("golden");
    TCase *tc = tcase_create("files");
    tcase_add_loop_test(tc, request_gives_the_sql_of_its_file, 0, golden.count);
    suite_add_tcase(s, tc);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    for (int i = 0; i < golden.count; i++) {
        free(golden.names[i]);
    }
    sqlite3_close(golden.db);
    freelocale(golden.utf8);
    return failed == 0 && golden.count > 0 ? 0 : 1;
}
