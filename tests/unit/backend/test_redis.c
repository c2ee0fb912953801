/* SPDX-License-Identifier: MIT
 *
 * Tests of backend/redis.h on a real server: answers in order, late ones, lost
 * connections. The tests wait for what happens, never for a time.
 */
#include "backend/redis.h"
#include "base/clock.h"
#include "redis_server.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_NS UINT64_C(60000000000)
#define MANY 500

static struct redis_server server;
static struct loop loop;
static struct connector *connector;

/* A connection and what was heard of it. */
struct link {
    struct redis *redis;
    int ups, downs;
    bool closed, close_when_down;
    char why[256];
    char heard[256];
};

/* A command and its answer. */
struct ask {
    struct redis_command command;
    struct link *then_close; /* in its callback */
    int done;
    enum redis_kind kind;
    int64_t number;
    char text[64];
};

static void up(void)
{
    ck_assert_int_eq(loop_init(&loop), ERR_OK);
    connector = connector_create(2);
    ck_assert_ptr_nonnull(connector);
}

static void down(void)
{
    loop_stop(&loop);
    loop_run(&loop);
    connector_destroy(connector);
    loop_fini(&loop);
}

#define TURN_UNTIL(condition)                                                                  \
    do {                                                                                       \
        uint64_t end = clock_now_ns() + PATIENCE_NS;                                           \
        while (!(condition)) {                                                                 \
            ck_assert_msg(clock_now_ns() < end, "in vain: " #condition);                       \
            loop_turn(&loop);                                                                  \
        }                                                                                      \
    } while (0)

static void on_closed(void *arg)
{
    ((struct link *)arg)->closed = true;
}

static void on_up(void *arg)
{
    ((struct link *)arg)->ups++;
}

static void on_down(void *arg, const char *why)
{
    struct link *l = arg;
    l->downs++;
    snprintf(l->why, sizeof l->why, "%s", why);
    if (l->close_when_down) {
        redis_close(l->redis, on_closed);
    }
}

static void on_heard(void *arg, struct str message)
{
    struct link *l = arg;
    snprintf(l->heard, sizeof l->heard, "%.*s", STR_ARG(message));
}

static struct redis_opts opts_of(struct link *l)
{
    return (struct redis_opts){
        .target = {.host = STR("127.0.0.1"),
                   .port = server.port,
                   .password = STR(REDIS_SERVER_PASSWORD),
                   .db = 3},
        .loop = &loop,
        .connector = connector,
        .timeout_ns = UINT64_C(30000000000), /* no test but those of lateness waits for it */
        .up = on_up,
        .down = on_down,
        .heard = on_heard,
        .arg = l,
    };
}

static void begin(struct link *l, const struct redis_opts *opts)
{
    l->redis = redis_create(opts);
    ck_assert_ptr_nonnull(l->redis);
}

static void open_link(struct link *l)
{
    struct redis_opts opts = opts_of(l);
    begin(l, &opts);
    TURN_UNTIL(l->ups == 1);
}

static void close_link(struct link *l)
{
    redis_close(l->redis, on_closed);
    TURN_UNTIL(l->closed);
}

static void on_done(struct redis_command *c)
{
    struct ask *a = (struct ask *)(void *)c;
    a->done++;
    a->kind = redis_kind(c->reply);
    a->number = redis_number(c->reply);
    snprintf(a->text, sizeof a->text, "%.*s", STR_ARG(redis_text(c->reply)));
    if (a->then_close != NULL) {
        redis_close(a->then_close->redis, on_closed);
    }
}

/* Words are parted by blanks. */
static bool send_words(struct link *l, struct ask *a, const char *words)
{
    struct str args[8];
    uint32_t n = 0;
    for (const char *at = words; *at != '\0'; n++) {
        size_t len = strcspn(at, " ");
        args[n] = (struct str){at, len};
        at += len + (at[len] == ' ');
    }
    a->done = 0;
    a->command = (struct redis_command){.done = on_done};
    return redis_send(l->redis, &a->command, args, n);
}

static void ask(struct link *l, struct ask *a, const char *words)
{
    ck_assert(send_words(l, a, words));
    TURN_UNTIL(a->done == 1);
}

START_TEST(asks_and_is_answered)
{
    struct link l = {0};
    struct ask a = {0};
    open_link(&l);
    ck_assert_uint_eq(redis_run_id(l.redis).len, 40);
    ask(&l, &a, "SET k value");
    ck_assert_str_eq(a.text, "OK");
    ask(&l, &a, "GET k");
    ck_assert_int_eq(a.command.end, REDIS_ANSWERED);
    ck_assert_int_eq(a.kind, REDIS_TEXT);
    ck_assert_str_eq(a.text, "value");
    ask(&l, &a, "GET nothing");
    ck_assert_int_eq(a.kind, REDIS_NIL);
    ask(&l, &a, "STRLEN k");
    ck_assert_int_eq(a.kind, REDIS_NUMBER);
    ck_assert_int_eq(a.number, 5);
    ask(&l, &a, "NONSENSE");
    ck_assert_int_eq(a.kind, REDIS_ERROR);
    ask(&l, &a, "MGET k k");
    ck_assert_int_eq(a.kind, REDIS_LIST);
    close_link(&l);
}
END_TEST

START_TEST(answers_come_in_order)
{
    struct link l = {0};
    open_link(&l);
    struct ask *asks = calloc(MANY, sizeof *asks);
    for (int i = 0; i < MANY; i++) {
        char words[32];
        snprintf(words, sizeof words, "ECHO word%d", i);
        ck_assert(send_words(&l, &asks[i], words));
    }
    TURN_UNTIL(asks[MANY - 1].done == 1);
    for (int i = 0; i < MANY; i++) {
        char text[32];
        snprintf(text, sizeof text, "word%d", i);
        ck_assert_int_eq(asks[i].done, 1);
        ck_assert_str_eq(asks[i].text, text);
    }
    free(asks);
    close_link(&l);
}
END_TEST

START_TEST(speaks_over_a_unix_socket)
{
    struct link l = {0};
    struct ask a = {0};
    struct redis_opts opts = opts_of(&l);
    opts.target.host = str_of(server.socket);
    begin(&l, &opts);
    TURN_UNTIL(l.ups == 1);
    ask(&l, &a, "PING");
    ck_assert_str_eq(a.text, "PONG");
    close_link(&l);
}
END_TEST

START_TEST(a_late_answer_goes_to_nobody_else)
{
    struct link l = {0}, other = {0};
    struct ask late = {0}, a = {0};
    open_link(&other);
    struct redis_opts opts = opts_of(&l);
    opts.timeout_ns = 20000000;
    begin(&l, &opts);
    TURN_UNTIL(l.ups == 1);
    ck_assert(send_words(&l, &late, "BLPOP queue 0"));
    TURN_UNTIL(late.done == 1);
    ck_assert_int_eq(late.command.end, REDIS_LATE);
    ck_assert(!send_words(&l, &a, "ECHO mine")); /* not beside a late one */
    ask(&other, &a, "RPUSH queue theirs");
    /* Either the answer came, and went to nobody, or it was too late even for that. */
    TURN_UNTIL(send_words(&l, &a, "ECHO mine"));
    TURN_UNTIL(a.done == 1);
    ck_assert(a.command.end != REDIS_ANSWERED || strcmp(a.text, "mine") == 0);
    ck_assert_int_eq(late.done, 1);
    close_link(&l);
    close_link(&other);
}
END_TEST

START_TEST(a_very_late_one_ends_the_connection)
{
    struct link l = {0};
    struct ask first = {0}, second = {0};
    struct redis_opts opts = opts_of(&l);
    opts.timeout_ns = 20000000;
    begin(&l, &opts);
    TURN_UNTIL(l.ups == 1);
    ck_assert(send_words(&l, &first, "BLPOP never 0"));
    ck_assert(send_words(&l, &second, "ECHO mine"));
    TURN_UNTIL(first.done == 1 && second.done == 1);
    ck_assert_int_eq(first.command.end, REDIS_LATE);
    ck_assert_int_eq(second.command.end, REDIS_LATE);
    TURN_UNTIL(l.ups == 2);
    ck_assert_str_eq(l.why, "no answer");
    close_link(&l);
}
END_TEST

START_TEST(a_lost_connection_comes_back)
{
    struct link l = {0}, other = {0};
    struct ask waits = {0}, a = {0};
    open_link(&l);
    open_link(&other);
    char words[64];
    ask(&l, &a, "CLIENT ID");
    ck_assert(send_words(&l, &waits, "BLPOP never 0"));
    snprintf(words, sizeof words, "CLIENT KILL ID %d", (int)a.number);
    ask(&other, &a, words);
    TURN_UNTIL(waits.done == 1);
    ck_assert_int_eq(waits.command.end, REDIS_LOST);
    TURN_UNTIL(l.ups == 2);
    ask(&l, &a, "ECHO again");
    ck_assert_str_eq(a.text, "again");
    close_link(&l);
    close_link(&other);
}
END_TEST

START_TEST(a_new_process_has_another_id)
{
    struct link l = {0};
    open_link(&l);
    char before[64];
    snprintf(before, sizeof before, "%.*s", STR_ARG(redis_run_id(l.redis)));
    redis_server_restart(&server);
    TURN_UNTIL(l.ups == 2);
    ck_assert(!str_is(redis_run_id(l.redis), before));
    close_link(&l);
}
END_TEST

START_TEST(says_why_it_cannot_open)
{
    struct link l = {0};
    struct redis_opts opts = opts_of(&l);
    opts.target.password = STR("wrong");
    begin(&l, &opts);
    TURN_UNTIL(l.downs == 2); /* it tries again */
    ck_assert_ptr_nonnull(strstr(l.why, "AUTH"));
    ck_assert(!redis_is_up(l.redis));
    struct ask a = {0};
    ck_assert(!send_words(&l, &a, "PING"));
    close_link(&l);

    struct link nobody = {0};
    opts = opts_of(&nobody);
    opts.target.port = 1;
    begin(&nobody, &opts);
    TURN_UNTIL(nobody.downs == 1);
    ck_assert_ptr_nonnull(strstr(nobody.why, "connect"));
    close_link(&nobody);

    struct link db = {0};
    opts = opts_of(&db);
    opts.target.db = 1000;
    begin(&db, &opts);
    TURN_UNTIL(db.downs == 1);
    ck_assert_ptr_nonnull(strstr(db.why, "SELECT"));
    close_link(&db);
}
END_TEST

START_TEST(hears_its_channel)
{
    struct link l = {0}, other = {0};
    struct ask a = {0};
    open_link(&other);
    struct redis_opts opts = opts_of(&l);
    opts.channel = STR("news");
    begin(&l, &opts);
    TURN_UNTIL(l.ups == 1);
    ck_assert(!send_words(&l, &a, "PING"));
    ask(&other, &a, "PUBLISH news hello");
    ck_assert_int_eq(a.number, 1);
    TURN_UNTIL(strcmp(l.heard, "hello") == 0);
    ask(&other, &a, "CLIENT KILL TYPE pubsub");
    TURN_UNTIL(l.ups == 2);
    ask(&other, &a, "PUBLISH news again");
    TURN_UNTIL(strcmp(l.heard, "again") == 0);
    close_link(&l);
    close_link(&other);
}
END_TEST

START_TEST(closes_in_every_state)
{
    struct link opening = {0};
    struct redis_opts opts = opts_of(&opening);
    begin(&opening, &opts);
    close_link(&opening);
    ck_assert_int_eq(opening.ups, 0);

    struct link waiting = {.close_when_down = true};
    opts = opts_of(&waiting);
    opts.target.port = 1;
    begin(&waiting, &opts);
    TURN_UNTIL(waiting.closed);

    struct link busy = {0};
    struct ask a = {0};
    open_link(&busy);
    ck_assert(send_words(&busy, &a, "BLPOP never 0"));
    close_link(&busy);
    ck_assert_int_eq(a.done, 1);
    ck_assert_int_eq(a.command.end, REDIS_LOST);
    ck_assert_int_eq(busy.downs, 0);

    struct link inside = {0};
    struct ask b = {.then_close = &inside}, c = {0};
    open_link(&inside);
    ck_assert(send_words(&inside, &b, "PING"));
    ck_assert(send_words(&inside, &c, "PING"));
    TURN_UNTIL(inside.closed);
    ck_assert_int_eq(b.done, 1);
    ck_assert_int_eq(c.done, 1);

    struct link dropped = {.close_when_down = true};
    open_link(&dropped);
    redis_reopen(dropped.redis, "for the test");
    ck_assert_str_eq(dropped.why, "for the test");
    TURN_UNTIL(dropped.closed);
}
END_TEST

int main(void)
{
    redis_server_init(&server);
    Suite *s = suite_create("redis");
    TCase *t = tcase_create("redis");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, up, down);
    tcase_add_test(t, asks_and_is_answered);
    tcase_add_test(t, answers_come_in_order);
    tcase_add_test(t, speaks_over_a_unix_socket);
    tcase_add_test(t, a_late_answer_goes_to_nobody_else);
    tcase_add_test(t, a_very_late_one_ends_the_connection);
    tcase_add_test(t, a_lost_connection_comes_back);
    tcase_add_test(t, says_why_it_cannot_open);
    tcase_add_test(t, hears_its_channel);
    tcase_add_test(t, closes_in_every_state);
    tcase_add_test(t, a_new_process_has_another_id);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    redis_server_fini(&server);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
