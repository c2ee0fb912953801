/* SPDX-License-Identifier: MIT
 *
 * bench/bulk_c.c: 100,000 rows of four columns into SQLite or MariaDB by the client
 * library alone, in its fastest plain form: the yardstick of bench/bulk.
 *
 *   bulk_c sqlite PATH
 *   bulk_c mariadb PORT USER PASSWORD DATABASE
 *
 * One transaction for each 10,000 rows; prints rows per second.
 */
#include <mysql.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROWS 100000
#define BATCH 10000

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct row {
    long long id;
    char name[48], email[64];
    int age;
};

static void fill(struct row *r, int i)
{
    r->id = i;
    snprintf(r->name, sizeof r->name, "Firstname Lastname no. %d", i);
    snprintf(r->email, sizeof r->email, "firstname.lastname.number.%d@mail.example.com", i);
    r->age = i % 90;
}

static int report(double started)
{
    printf("%.0f\n", ROWS / (now() - started));
    return 0;
}

/* ---- SQLite ---- */

static int sqlite_fail(sqlite3 *db)
{
    fprintf(stderr, "%s\n", sqlite3_errmsg(db));
    return 1;
}

static int run_sqlite(const char *path)
{
    sqlite3 *db;
    sqlite3_stmt *st;
    struct row r;
    if (sqlite3_open(path, &db) != SQLITE_OK ||
        sqlite3_prepare_v2(db, "INSERT INTO bulk (id, name, email, age) VALUES (?, ?, ?, ?)",
                           -1, &st, NULL) != SQLITE_OK) {
        return sqlite_fail(db);
    }
    double started = now();
    for (int i = 1; i <= ROWS; i++) {
        if (i % BATCH == 1) {
            sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
        }
        fill(&r, i);
        sqlite3_bind_int64(st, 1, r.id);
        sqlite3_bind_text(st, 2, r.name, -1, SQLITE_STATIC);
        sqlite3_bind_text(st, 3, r.email, -1, SQLITE_STATIC);
        sqlite3_bind_int(st, 4, r.age);
        if (sqlite3_step(st) != SQLITE_DONE) {
            return sqlite_fail(db);
        }
        sqlite3_reset(st);
        if (i % BATCH == 0 && sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
            return sqlite_fail(db);
        }
    }
    report(started);
    sqlite3_finalize(st);
    return sqlite3_close(db) != SQLITE_OK;
}

/* ---- MariaDB: bulk execute, arrays of 10,000 rows ---- */

struct columns {
    long long id[BATCH];
    char *name[BATCH], *email[BATCH];
    unsigned long name_len[BATCH], email_len[BATCH];
    int age[BATCH];
    struct row rows[BATCH];
};

static void fill_columns(struct columns *c, int first)
{
    for (int i = 0; i < BATCH; i++) {
        struct row *r = &c->rows[i];
        fill(r, first + i);
        c->id[i] = r->id;
        c->name[i] = r->name;
        c->name_len[i] = strlen(r->name);
        c->email[i] = r->email;
        c->email_len[i] = strlen(r->email);
        c->age[i] = r->age;
    }
}

static void bind_columns(struct columns *c, MYSQL_BIND *b)
{
    memset(b, 0, 4 * sizeof *b);
    b[0].buffer_type = MYSQL_TYPE_LONGLONG;
    b[0].buffer = c->id;
    b[1].buffer_type = MYSQL_TYPE_STRING;
    b[1].buffer = c->name;
    b[1].length = c->name_len;
    b[2].buffer_type = MYSQL_TYPE_STRING;
    b[2].buffer = c->email;
    b[2].length = c->email_len;
    b[3].buffer_type = MYSQL_TYPE_LONG;
    b[3].buffer = c->age;
}

static int run_mariadb(char **argv)
{
    static const char sql[] = "INSERT INTO bulk (id, name, email, age) VALUES (?, ?, ?, ?)";
    MYSQL *db = mysql_init(NULL);
    struct columns *c = calloc(1, sizeof *c);
    MYSQL_BIND b[4];
    unsigned int size = BATCH;
    if (c == NULL || db == NULL ||
        mysql_real_connect(db, "127.0.0.1", argv[3], argv[4], argv[5], (unsigned)atoi(argv[2]),
                           NULL, 0) == NULL) {
        fprintf(stderr, "%s\n", db == NULL ? "no memory" : mysql_error(db));
        return 1;
    }
    MYSQL_STMT *st = mysql_stmt_init(db);
    if (mysql_stmt_prepare(st, sql, sizeof sql - 1) != 0) {
        fprintf(stderr, "%s\n", mysql_stmt_error(st));
        return 1;
    }
    double started = now();
    for (int i = 1; i <= ROWS; i += BATCH) {
        fill_columns(c, i);
        bind_columns(c, b);
        mysql_stmt_attr_set(st, STMT_ATTR_ARRAY_SIZE, &size);
        mysql_stmt_bind_param(st, b);
        if (mysql_stmt_execute(st) != 0) {
            fprintf(stderr, "%s\n", mysql_stmt_error(st));
            return 1;
        }
    }
    report(started);
    mysql_stmt_close(st);
    mysql_close(db);
    free(c);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "sqlite") == 0) {
        return run_sqlite(argv[2]);
    }
    if (argc == 6 && strcmp(argv[1], "mariadb") == 0) {
        return run_mariadb(argv);
    }
    fprintf(stderr, "bulk_c sqlite PATH | bulk_c mariadb PORT USER PASSWORD DATABASE\n");
    return 2;
}
