/* SPDX-License-Identifier: MIT
 *
 * Tests of daemon/report.c and daemon/report_metrics.c: every figure is where it
 * belongs, and the real promtool accepts the metrics.
 */
#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"
#include "daemon/report.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct worker_counts a, b;
static const struct worker_counts *workers[] = {&a, &b};
static struct pool_share share, endless;
static struct report_db dbs[2];
static struct report_in in;
static struct buf out;
static struct arena arena;

static void up(void)
{
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    struct pool_opts o = {.name = STR("main"), .size = 5, .max_overflow = 10};
    pool_share_init(&share, &o);
    o.size = 0;
    o.kind = POOL_NULL;
    pool_share_init(&endless, &o);
    dbs[0] = (struct report_db){.name = STR("main"), .dialect = "postgresql", .share = &share};
    dbs[1] =
        (struct report_db){.name = STR("we\"ird\\db"), .dialect = "sqlite", .share = &endless};
    in = (struct report_in){
        .workers = workers,
        .worker_count = 2,
        .dbs = dbs,
        .db_count = 2,
        .version = "0.1.0",
        .started_ns = clock_now_ns() - 5000000000u,
        .clients_refused = 3,
        .request_bytes = 4096,
        .log_lines = 9,
    };
    buf_init(&out);
    arena_init(&arena, 0);
}

static void down(void)
{
    buf_fini(&out);
    arena_fini(&arena);
    pool_share_fini(&share);
    pool_share_fini(&endless);
}

static void fill(void)
{
    atomic_store(&a.clients, 2);
    atomic_store(&b.clients, 3);
    atomic_store(&a.requests[OP_QUERY], 10);
    atomic_store(&b.requests[OP_QUERY], 5);
    atomic_store(&b.requests[OP_PING], 1);
    atomic_store(&a.errors[CLASS_TIMEOUT], 4);
    atomic_store(&a.errors[CLASS_INTERNAL], 1);
    atomic_store(&a.rows_out, 77);
    atomic_store(&b.plan_hits, 8);
    atomic_store(&b.loop_lag_max_ns, 2500000);
    for (int i = 0; i < 100; i++) {
        histogram_add(&a.stages[STAGE_POOL], 1000000);
        histogram_add(&b.stages[STAGE_POOL], 2000000);
    }
    atomic_store(&share.counts.idle, 1);
    atomic_store(&share.counts.busy, 6);
    atomic_store(&share.counts.waiting, 4);
    atomic_store(&share.counts.ping_failed, 2);
    atomic_store(&share.counts.moved, 11);
    atomic_store(&share.down, 1);
}

static const struct json *stats(void)
{
    report_json(&out, &in);
    ck_assert(!out.failed);
    ck_assert_ptr_null(memchr(out.ptr, '\n', out.len));
    struct json *j;
    struct fail f;
    fail_init(&f);
    enum err e = json_parse(&arena, buf_str(&out), 32, &j, &f);
    ck_assert_msg(e == ERR_OK, "%s: %.*s", f.message, (int)out.len, out.ptr);
    return j;
}

/* The member at a path of keys, separated by '/'. */
static const struct json *member(const struct json *j, const char *path)
{
    char part[64];
    while (*path != '\0') {
        size_t len = strcspn(path, "/");
        snprintf(part, sizeof part, "%.*s", (int)len, path);
        j = json_get(j, part);
        ck_assert_msg(j != NULL, "no %s", part);
        path += len + (path[len] == '/');
    }
    return j;
}

static int64_t at(const struct json *j, const char *path)
{
    int64_t n = -1;
    ck_assert_msg(json_i64(member(j, path), &n), "%s is no integer", path);
    return n;
}

START_TEST(json_has_every_figure_in_its_place)
{
    fill();
    const struct json *j = stats();
    static const struct {
        const char *path;
        int64_t value;
    } cases[] = {
        {"protocol", 1},
        {"workers", 2},
        {"clients/now", 5},
        {"clients/refused", 3},
        {"requests/by_kind/query", 15},
        {"requests/by_kind/ping", 1},
        {"requests/by_kind/schema.reload", 0},
        {"requests/total", 16},
        {"errors/by_class/timeout", 4},
        {"errors/by_class/connection", 0},
        {"errors/total", 5},
        {"traffic/rows_out", 77},
        {"latency/pool/count", 200},
        {"latency/total/count", 0},
        {"plan_cache/hits", 8},
        {"memory/request_bytes", 4096},
        {"log_lines", 9},
        {"databases/main/pool/size", 5},
        {"databases/main/pool/idle", 1},
        {"databases/main/pool/busy", 6},
        {"databases/main/pool/overflow", 2},
        {"databases/main/pool/waiting", 4},
        {"databases/main/pool/ping_failed", 2},
        {"databases/main/pool/moved", 11},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_msg(at(j, cases[i].path) == cases[i].value, "%s", cases[i].path);
    }
    ck_assert_int_ge(at(j, "uptime_ms"), 5000);
    ck_assert_int_gt(at(j, "memory/rss_bytes"), 100000);
    ck_assert_int_gt(at(j, "fds/open"), 2);
    ck_assert_int_gt(at(j, "fds/limit"), 2);
    ck_assert_int_eq(member(j, "databases/main/down")->kind, JSON_TRUE);
    ck_assert(json_is(member(j, "databases/main/pool/class"), "queue"));
    ck_assert_ptr_nonnull(json_get(json_get(j, "databases"), "we\"ird\\db"));
    ck_assert_uint_eq(member(j, "per_worker")->len, 2);
}
END_TEST

START_TEST(json_is_whole_with_no_workers_and_no_databases)
{
    in.worker_count = 0;
    in.db_count = 0;
    const struct json *j = stats();
    ck_assert_int_eq(at(j, "clients/now"), 0);
}
END_TEST

/* What promtool says about the text; 0: nothing to complain about. */
static int promtool(char *words, size_t size)
{
    FILE *f = fopen("/dev/null", "r");
    char path[] = "/tmp/metrics-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    fclose(f);
    f = fdopen(fd, "w");
    ck_assert_uint_eq(fwrite(out.ptr, 1, out.len, f), out.len);
    fclose(f);
    char command[128];
    snprintf(command, sizeof command, "promtool check metrics < %s 2>&1", path);
    FILE *p = popen(command, "r");
    ck_assert_ptr_nonnull(p);
    size_t n = fread(words, 1, size - 1, p);
    words[n] = '\0';
    int rc = pclose(p);
    remove(path);
    return rc;
}

START_TEST(promtool_accepts_the_metrics)
{
    static char words[8192];
    report_metrics(&out, &in);
    ck_assert_msg(promtool(words, sizeof words) == 0, "empty: %s", words);
    ck_assert_str_eq(words, "");
    buf_clear(&out);
    fill();
    report_metrics(&out, &in);
    ck_assert_msg(promtool(words, sizeof words) == 0, "filled: %s", words);
    ck_assert_str_eq(words, "");
    buf_clear(&out);
    in.worker_count = 0;
    in.db_count = 0;
    report_metrics(&out, &in);
    ck_assert_msg(promtool(words, sizeof words) == 0, "nothing: %s", words);
}
END_TEST

START_TEST(promtool_would_complain)
{
    static char words[8192];
    BUF_LIT(&out, "# TYPE x counter\nx 1\nx 1\n");
    ck_assert_int_ne(promtool(words, sizeof words), 0);
}
END_TEST

START_TEST(metrics_have_the_figures)
{
    fill();
    report_metrics(&out, &in);
    buf_char(&out, '\0');
    static const char *const lines[] = {
        "tribikos_build_info{version=\"0.1.0\"} 1\n",
        "tribikos_clients 5\n",
        "tribikos_clients_refused_total 3\n",
        "tribikos_requests_total{kind=\"query\"} 15\n",
        "tribikos_errors_total{class=\"timeout\"} 4\n",
        "tribikos_errors_total{class=\"integrity\"} 0\n",
        "tribikos_request_duration_seconds_count{stage=\"pool\"} 200\n",
        "tribikos_request_duration_seconds_bucket{stage=\"pool\",le=\"0.0025\"} 200\n",
        "tribikos_loop_lag_max_seconds{worker=\"1\"} 0.0025\n",
        "tribikos_database_up{db=\"main\",dialect=\"postgresql\"} 0\n",
        "tribikos_database_up{db=\"we\\\"ird\\\\db\",dialect=\"sqlite\"} 1\n",
        "tribikos_pool_connections{db=\"main\",state=\"busy\"} 6\n",
        "tribikos_pool_waiting{db=\"main\"} 4\n",
        "tribikos_pool_capacity{db=\"main\"} 15\n",
        "tribikos_pool_ping_failures_total{db=\"main\"} 2\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        ck_assert_msg(strstr(out.ptr, lines[i]) != NULL, "no %s in\n%s", lines[i], out.ptr);
    }
    ck_assert_ptr_null(strstr(out.ptr, "pool_capacity{db=\"we"));
}
END_TEST

START_TEST(stages_have_names)
{
    static const char *const names[] = {"queue", "plan", "pool", "database", "reply", "total"};
    for (int i = 0; i < STAGE_COUNT; i++) {
        ck_assert_str_eq(stage_name((enum stage)i), names[i]);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("daemon/report");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, up, down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, json_has_every_figure_in_its_place);
    tcase_add_test(t, json_is_whole_with_no_workers_and_no_databases);
    tcase_add_test(t, promtool_accepts_the_metrics);
    tcase_add_test(t, promtool_would_complain);
    tcase_add_test(t, metrics_have_the_figures);
    tcase_add_test(t, stages_have_names);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
