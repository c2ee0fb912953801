/* SPDX-License-Identifier: MIT
 *
 * sqlite_case.c: the file and the connection of the SQLite driver's tests.
 */
#include "sqlite_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct rig rig;
char dir[64];
char path[128];
struct db_target file_target, memory_target;
struct db_conn *conn;

void must_eq(const char *got, const char *want)
{
    ck_assert_str_eq(got, want);
}

/* What a query gives, as text. */
void rows_are(struct db_conn *c, const char *sql, uint32_t columns, const char *want)
{
    char *got = rig_rows(&rig, c, sql, columns);
    must_eq(got, want);
    free(got);
}

struct db_conn *open_conn(const struct db_target *t)
{
    struct fail f;
    struct db_conn *c = rig_open(&rig, &driver_sqlite, t, &f);
    ck_assert_msg(c != NULL, "%s", f.message);
    return c;
}

static void setup(void)
{
    snprintf(dir, sizeof dir, "/tmp/tribikos-sqlite-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/t.db", dir);
    file_target = (struct db_target){.kind = DB_SQLITE,
                                     .database = str_of(path),
                                     .connect_timeout_ms = 5000,
                                     .statement_cache = 16};
    memory_target = (struct db_target){
        .kind = DB_SQLITE, .statement_cache = 16, .memory_name = STR("main")};
    rig_init(&rig);
    conn = open_conn(&file_target);
}

static void teardown(void)
{
    if (conn != NULL) {
        rig_close(&rig, conn);
    }
    rig_fini(&rig);
    const char *ends[] = {"", "-wal", "-shm", "-journal"};
    for (int i = 0; i < 4; i++) {
        char name[160];
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        (void)unlink(name);
    }
    (void)rmdir(dir);
}

void must(const char *sql)
{
    rig_must(&rig, conn, sql);
}

int sqlite_case_main(const char *name, void (*add)(TCase *tc))
{
    Suite *s = suite_create(name);
    TCase *tc = tcase_create(name);
    tcase_set_timeout(tc, 90);
    tcase_add_checked_fixture(tc, setup, teardown);
    add(tc);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
