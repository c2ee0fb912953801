/* SPDX-License-Identifier: MIT
 *
 * Storms over daemon/: clients that ask at random, cancel, time out, read slowly, half
 * close and vanish, over databases that fail at random, while the settings are
 * reloaded. Whatever happens, each request of a client that stays gets exactly one
 * final line. Seeds are fixed; STORM_SEED and STORM_ROUNDS ask for others.
 */
#include "rig.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { CLIENTS = 6, REQUESTS = 50 };

enum kind { KIND_NONE, KIND_LINE, KIND_STREAM, KIND_SILENT };

/* A client, what it asked and what it was told. */
struct storm_client {
    struct client c; /* first */
    uint64_t random;
    struct buf text; /* all that it will send */
    size_t sent;
    enum kind kind[REQUESTS];
    int finals[REQUESTS];
    int plain, plain_seen; /* requests and lines without id */
    int nulls, nulls_seen; /* lines that are no requests, and their answers */
    size_t vanish_at;      /* bytes sent; SIZE_MAX: it stays */
    bool ended, over;
};

static struct rig r;
static struct storm_client clients[CLIENTS];

static uint64_t next(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

static int below(struct storm_client *s, int n)
{
    return (int)(next(&s->random) % (uint64_t)n);
}

/* ---- what is asked ---- */

#define T_ROWS "\"query\":{\"select\":[\"id\",\"name\"],\"from\":\"t\"}}\n"
#define FOREVER                                                                                \
    "\"query\":{\"select\":[{\"n\":[\"count\",\"*\"]}],\"from\":{\"a\":\"t\"},\"join\":["      \
    "{\"cross\":{\"b\":\"t\"}},{\"cross\":{\"c\":\"t\"}}]}}\n"

static void add_fake(struct storm_client *s)
{
    static const char *const queries[] = {
        "{\"select\":[\"id\"],\"from\":\"t\"}",
        "{\"update\":\"w\",\"set\":{\"name\":{\"value\":\"x\"}},\"where\":true}",
        "{\"insert\":\"w\",\"rows\":[{\"id\":1},{\"id\":2,\"name\":\"b\"}]}",
    };
    buf_printf(&s->text, "\"db\":\"fake\",\"timeout\":\"%dms\",\"query\":%s}\n",
               1 + below(s, 40), queries[below(s, 3)]);
}

static void add_stream(struct storm_client *s)
{
    buf_printf(&s->text, "\"stream\":{\"chunk\":%d", 1 + below(s, 1500));
    if (below(s, 2) == 0) {
        buf_printf(&s->text, ",\"credit\":%d", 1 + below(s, 3));
    }
    buf_printf(&s->text, "}," T_ROWS);
}

static void add_about(struct storm_client *s, int i, const char *op)
{
    buf_printf(&s->text, "\"op\":\"%s\",\"of\":%d%s}\n", op, below(s, i + 1),
               strcmp(op, "more") == 0 && below(s, 2) ? ",\"credit\":2" : "");
}

static void add_body(struct storm_client *s, int i, bool *stream, bool *silent)
{
    switch (below(s, 12)) {
    case 0:
        buf_printf(&s->text, "\"op\":\"ping\"}\n");
        return;
    case 1:
        buf_printf(&s->text, T_ROWS);
        return;
    case 2:
        buf_printf(&s->text, "\"as\":\"columns\"," T_ROWS);
        return;
    case 3:
        *stream = true;
        add_stream(s);
        return;
    case 4:
        buf_printf(&s->text, "\"timeout\":\"%dms\"," FOREVER, 1 + below(s, 15));
        return;
    case 5:
        add_about(s, i, "cancel");
        return;
    case 6:
        *silent = true;
        add_about(s, i, "more");
        return;
    case 7:
        buf_printf(&s->text, "\"op\":\"prepare\",\"name\":\"p%d\"," T_ROWS, below(s, 3));
        return;
    case 8:
        buf_printf(&s->text, "\"run\":\"p%d\",\"expect\":\"first\"}\n", below(s, 3));
        return;
    default:
        add_fake(s);
    }
}

/* Streams and `more` have ids always, so that their lines can be told apart. */
static void add_request(struct storm_client *s, int i)
{
    size_t before = s->text.len;
    bool stream = false, silent = false;
    if (below(s, 40) == 0) {
        s->nulls++;
        buf_printf(&s->text, "{\"op\":\n");
        return;
    }
    buf_printf(&s->text, "{\"id\":%d,", i);
    size_t body = s->text.len;
    add_body(s, i, &stream, &silent);
    s->kind[i] = stream ? KIND_STREAM : silent ? KIND_SILENT : KIND_LINE;
    if (!stream && !silent && below(s, 3) == 0) { /* without id */
        s->kind[i] = KIND_NONE;
        s->plain++;
        memmove(s->text.ptr + before + 1, s->text.ptr + body, s->text.len - body);
        s->text.len -= body - before - 1;
    }
}

/* ---- what is answered ---- */

static void take_line(struct storm_client *s, const char *line)
{
    int id = -1;
    if (strncmp(line, "{\"id\":null,", 11) == 0) {
        s->nulls_seen++;
        return;
    }
    if (sscanf(line, "{\"id\":%d,", &id) != 1) {
        ck_assert_msg(line[0] == '{' && line[1] == '"', "%.100s", line);
        s->plain_seen++;
        return;
    }
    ck_assert_int_lt(id, REQUESTS);
    bool part = s->kind[id] == KIND_STREAM && strstr(line, "\"done\":true") == NULL &&
                strstr(line, "\"error\":{") == NULL;
    ck_assert_msg(!part || s->finals[id] == 0, "a chunk behind the end: %.100s", line);
    s->finals[id] += !part;
}

static void take_lines(struct storm_client *s)
{
    const char *line;
    for (int i = 0; i < 20 && (line = client_line_in(&s->c, 0)) != NULL; i++) {
        take_line(s, line);
    }
}

static void judge(const struct storm_client *s, uint64_t seed)
{
    for (int i = 0; i < REQUESTS; i++) {
        int least = s->kind[i] == KIND_LINE || s->kind[i] == KIND_STREAM;
        int most = s->kind[i] != KIND_NONE;
        ck_assert_msg(s->finals[i] >= least && s->finals[i] <= most,
                      "seed %llu: request %d has %d final lines", (unsigned long long)seed, i,
                      s->finals[i]);
    }
    ck_assert_msg(s->plain_seen == s->plain, "seed %llu: %d of %d lines without id",
                  (unsigned long long)seed, s->plain_seen, s->plain);
    ck_assert_int_eq(s->nulls_seen, s->nulls);
}

/* ---- the course of a storm ---- */

static void begin_client(struct storm_client *s, uint64_t seed)
{
    memset(s, 0, sizeof *s);
    s->random = seed * 0x9e3779b97f4a7c15u | 1;
    for (int i = 0; i < 8; i++) {
        next(&s->random);
    }
    for (int i = 0; i < REQUESTS; i++) {
        add_request(s, i);
    }
    s->vanish_at = below(s, 4) == 0 ? next(&s->random) % s->text.len : SIZE_MAX;
    if (below(s, 3) == 0) {
        client_open_narrow(&r, &s->c);
    } else {
        client_open(&r, &s->c);
    }
}

static void send_some(struct storm_client *s)
{
    size_t n = 1 + next(&s->random) % 400;
    n = n < s->text.len - s->sent ? n : s->text.len - s->sent;
    ssize_t done =
        n == 0 ? 0 : send(s->c.fd, s->text.ptr + s->sent, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    ck_assert_msg(done >= 0 || errno == EAGAIN, "the daemon hung up: %s", strerror(errno));
    s->sent += done > 0 ? (size_t)done : 0;
    if (s->sent == s->text.len && !s->ended) {
        client_end(&s->c);
        s->ended = true;
    }
}

static bool is_at_end(struct storm_client *s)
{
    char byte;
    if (!s->ended || recv(s->c.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0) {
        return false;
    }
    const char *line;
    while ((line = client_line_in(&s->c, 0)) != NULL) {
        take_line(s, line); /* what was read before */
    }
    return true;
}

/* One move of a client. */
static void move(struct storm_client *s, uint64_t seed)
{
    if (s->sent >= s->vanish_at) {
        s->over = true;
    } else {
        if (!s->ended && below(s, 2) == 0) {
            send_some(s);
        }
        if (below(s, 3) == 0) {
            take_lines(s);
            s->over = is_at_end(s);
        }
        if (s->over) {
            judge(s, seed);
        }
    }
    if (s->over) {
        client_close(&s->c);
        buf_fini(&s->text);
    }
}

static void stir_fake(uint64_t *random)
{
    static const enum fake_act acts[] = {FAKE_OK,   FAKE_OK,   FAKE_OK,    FAKE_OK,
                                         FAKE_FAIL, FAKE_HANG, FAKE_BREAK, FAKE_BREAK_IDLE};
    uint64_t x = next(random);
    struct fake_reply reply = {.act = acts[x % 8],
                               .delay_ms = (uint32_t)(x >> 8) % 4,
                               .rows = (uint32_t)(x >> 16) % 4,
                               .tx_after = (x >> 24) % 4 == 0 ? DB_TX_OPEN : DB_TX_NONE};
    if ((x >> 32) % 150 == 0) {
        reply.act = FAKE_DEAF;
    }
    fake_always(&r.fake, FAKE_RUN, reply);
    reply.act = (x >> 40) % 8 == 0 ? FAKE_FAIL : FAKE_OK;
    fake_always(&r.fake, FAKE_OPEN, reply);
    fake_always(&r.fake, FAKE_RESET, reply);
}

static void storm(uint64_t seed)
{
    static const char *const pools[] = {"{size: 2, max_overflow: 1}",
                                        "{size: 1, max_overflow: 0}",
                                        "{size: 3, max_overflow: 0, pre_ping: on}"};
    uint64_t random = seed * 0x2545f4914f6cdd1du | 1;
    for (int i = 0; i < CLIENTS; i++) {
        begin_client(&clients[i], seed * CLIENTS + (uint64_t)i + 1);
    }
    uint64_t end_ns = clock_now_ns() + 60000 * MS;
    int left = CLIENTS;
    while (left > 0) {
        ck_assert_msg(clock_now_ns() < end_ns, "seed %llu hangs", (unsigned long long)seed);
        left = 0;
        for (int i = 0; i < CLIENTS; i++) {
            if (!clients[i].over) {
                move(&clients[i], seed);
                left++;
            }
        }
        uint64_t x = next(&random);
        if (x % 8 == 0) {
            rig_mend(&r);
            stir_fake(&random);
        }
        if (x % 997 == 0) {
            rig_reload(&r, "{in_flight: 8, output_buffer: 64KiB, paused: 100ms}",
                       pools[(x >> 20) % 3]);
        }
        if (x % 4 == 0) {
            poll(NULL, 0, 1);
        }
    }
}

static uint64_t env_number(const char *name, uint64_t usual)
{
    const char *text = getenv(name);
    return text == NULL ? usual : strtoull(text, NULL, 10);
}

START_TEST(every_request_gets_one_final_line_whatever_happens)
{
    uint64_t seed = env_number("STORM_SEED", 1), rounds = env_number("STORM_ROUNDS", 4);
    rig_up(&r, "{in_flight: 8, output_buffer: 64KiB, paused: 100ms}", "{size: 2}");
    for (int i = 0; i < LOG_CATEGORY_COUNT; i++) {
        log_set_level(&r.log, (enum log_category)i, LOG_ERROR);
    }
    for (uint64_t i = 0; i < rounds; i++) {
        storm(seed + i);
    }
    rig_down(&r);
}
END_TEST

/* The drain falls into the storm: nothing is promised but that it ends. */
START_TEST(a_drain_in_the_middle_of_a_storm_ends)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        rig_up(&r, "{in_flight: 8, output_buffer: 64KiB, paused: 100ms}", "{size: 2}");
        for (int i = 0; i < LOG_CATEGORY_COUNT; i++) {
            log_set_level(&r.log, (enum log_category)i, LOG_ERROR);
        }
        uint64_t random = seed;
        for (int i = 0; i < CLIENTS; i++) {
            begin_client(&clients[i], seed * 1000 + (uint64_t)i);
        }
        for (int i = 0; i < 40; i++) {
            stir_fake(&random);
            for (int k = 0; k < CLIENTS; k++) {
                send_some(&clients[k]);
            }
        }
        rig_down_in(&r, 20);
        for (int i = 0; i < CLIENTS; i++) {
            client_close(&clients[i].c);
            buf_fini(&clients[i].text);
        }
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("storm");
    TCase *t = tcase_create("storm");
    tcase_set_timeout(t, 300);
    tcase_add_test(t, every_request_gets_one_final_line_whatever_happens);
    tcase_add_test(t, a_drain_in_the_middle_of_a_storm_ends);
    suite_add_tcase(s, t);
    SRunner *run = srunner_create(s);
    srunner_run_all(run, CK_ENV);
    int failed = srunner_ntests_failed(run);
    srunner_free(run);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
