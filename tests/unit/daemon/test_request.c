/* SPDX-License-Identifier: MIT
 *
 * Tests of daemon/request.c, step_*.c, reply.c and conn.c: what a client sees of the
 * life of its requests: order, ids, cancel, timeouts, streams, slow reading.
 */
#include "daemon/ahead.h"
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PING "{\"op\":\"ping\"}\n"
#define ALL_OF_T "\"query\":{\"select\":[\"id\",\"name\"],\"from\":\"t\",\"order_by\":[\"id\"]}"
#define FAKE_READ "\"db\":\"fake\",\"query\":{\"select\":[\"id\"],\"from\":\"t\"}"
#define FAKE_WRITE                                                                             \
    "\"db\":\"fake\",\"query\":{\"update\":\"w\",\"set\":{\"name\":{\"value\":\"x\"}},"        \
    "\"where\":true}"
/* Two sets of keys: two statements in one transaction. */
#define FAKE_TX                                                                                \
    "\"db\":\"fake\",\"query\":{\"insert\":\"w\",\"rows\":[{\"id\":1},"                        \
    "{\"id\":2,\"name\":\"b\"}]}"
/* Runs for minutes unless it is stopped. */
#define FOREVER                                                                                \
    "\"query\":{\"select\":[{\"n\":[\"count\",\"*\"]}],\"from\":{\"a\":\"t\"},\"join\":["      \
    "{\"cross\":{\"b\":\"t\"}},{\"cross\":{\"c\":\"t\"}}]}"

static struct rig r;
static struct client c, d;

static void up(void)
{
    rig_up(&r, NULL, NULL);
    client_open(&r, &c);
}

static void down(void)
{
    if (c.fd >= 0) {
        client_close(&c);
    }
    rig_down(&r);
}

static void restart(const char *limits, const char *pool)
{
    down();
    rig_up(&r, limits, pool);
    client_open(&r, &c);
}

/* ---- order ---- */

START_TEST(requests_without_id_are_answered_in_order)
{
    fake_once(&r.fake, FAKE_RUN, (struct fake_reply){.delay_ms = 50, .rows = 1});
    client_send(&c, "{" FAKE_READ "}\n" PING "{\"id\":7,\"op\":\"ping\"}\n");
    client_expect(&c, "{\"id\":7,\"ok\":true}");
    client_expect_has(&c, "\"rows\":[[0]]");
    client_expect(&c, "{\"ok\":true}");
}
END_TEST

START_TEST(a_write_without_id_waits_for_those_before_and_holds_back_those_after)
{
    fake_always(&r.fake, FAKE_RUN, (struct fake_reply){.delay_ms = 30, .rows = 1});
    client_send(&c, "{" FAKE_READ "}\n{" FAKE_READ "}\n{" FAKE_WRITE "}\n{" FAKE_READ "}\n");
    client_expect_has(&c, "\"rows\":[[0]]");
    client_expect_has(&c, "\"rows\":[[0]]");
    UNTIL(GET(r.fake.calls[FAKE_RUN]) == 3);
    ck_assert_int_eq(GET(r.fake.running), 1);
    client_expect(&c, "{\"rowcount\":1}");
    client_expect_has(&c, "\"rows\":[[0]]");
    ck_assert_int_eq(GET(r.fake.running_max), 2);
}
END_TEST

START_TEST(an_id_in_flight_twice_is_refused_and_the_first_lives)
{
    fake_once(&r.fake, FAKE_RUN, (struct fake_reply){.delay_ms = 50, .rows = 1});
    client_send(&c, "{\"id\":1," FAKE_READ "}\n{\"id\":1,\"op\":\"ping\"}\n");
    client_expect_has(&c, "{\"id\":1,\"error\":{\"code\":\"duplicate_id\"");
    client_expect_has(&c, "{\"id\":1,\"columns\"");
    client_send(&c, "{\"id\":1,\"op\":\"ping\"}\n");
    client_expect(&c, "{\"id\":1,\"ok\":true}");
}
END_TEST

START_TEST(prepare_takes_effect_at_its_arrival)
{
    fake_once(&r.fake, FAKE_RUN, (struct fake_reply){.delay_ms = 50});
    client_send(&c,
                "{" FAKE_WRITE "}\n"
                "{\"id\":1,\"op\":\"prepare\",\"name\":\"p\",\"query\":{\"select\":[{\"n\":["
                "\"count\",\"*\"]}],\"from\":\"t\"}}\n"
                "{\"id\":2,\"run\":\"p\",\"expect\":\"scalar\"}\n"
                "{\"id\":3,\"op\":\"deallocate\",\"name\":\"p\"}\n"
                "{\"id\":4,\"run\":\"p\"}\n");
    bool seen[5] = {false};
    for (int i = 0; i < 5; i++) {
        const char *line = client_line(&c);
        int id = 0;
        sscanf(line, "{\"id\":%d", &id);
        seen[id] = true;
        ck_assert(id != 2 || strcmp(line, "{\"id\":2,\"value\":2000}") == 0);
        ck_assert(id != 4 || strstr(line, "unknown_statement") != NULL);
    }
    ck_assert(seen[0] && seen[1] && seen[2] && seen[3] && seen[4]);
}
END_TEST

/* ---- lines that are refused ---- */

START_TEST(a_line_too_long_is_refused_behind_what_came_before)
{
    restart("{frame: 4KiB, login_frame: 4KiB}", NULL);
    fake_once(&r.fake, FAKE_RUN, (struct fake_reply){.delay_ms = 50, .rows = 1});
    client_send(&c, "{" FAKE_READ "}\n");
    char *line = malloc(8001);
    memset(line, ' ', 8000);
    line[0] = '{';
    line[8000] = '\0';
    client_send(&c, line);
    free(line);
    client_expect_has(&c, "\"rows\":[[0]]");
    client_expect_has(&c, "{\"id\":null,\"error\":{\"code\":\"line_too_long\"");
    client_expect_end(&c);
}
END_TEST

START_TEST(a_line_that_does_not_end_is_refused_behind_what_came_before)
{
    struct client idle;
    restart("{frame_time: 1s}", NULL);
    client_open(&r, &idle);
    client_send(&idle, "{\"op\":\"ping\"}\n");
    client_expect(&idle, "{\"ok\":true}");
    client_send(&c, "{\"op\":\"ping\"}\n{\"op\":\"pi");
    client_expect(&c, "{\"ok\":true}");
    UNTIL(GET(r.worker->counts.malformed) > 0);
    client_expect_has(&c, "{\"id\":null,\"error\":{\"code\":\"line_timeout\"");
    client_expect_end(&c);
    client_send(&idle, "{\"op\":\"ping\"}\n"); /* silence between lines is no fault */
    client_expect(&idle, "{\"ok\":true}");
    client_close(&idle);
}
END_TEST

START_TEST(a_line_in_pieces_is_read_if_it_ends_in_time)
{
    restart("{frame_time: 4s}", NULL);
    for (int i = 0; i < 3; i++) { /* longer together than one line may take */
        client_send(&c, "{\"op\":");
        rig_sleep_ms(1500);
        client_send(&c, "\"ping\"}\n");
        client_expect(&c, "{\"ok\":true}");
    }
    ck_assert_int_eq(GET(r.worker->counts.malformed), 0);
}
END_TEST

START_TEST(a_line_too_long_does_not_break_into_an_open_line)
{
    restart("{frame: 4KiB, login_frame: 4KiB, output_buffer: 64KiB}", NULL);
    client_close(&c);
    client_open_narrow(&r, &c);
    client_send(&c, "{\"id\":1," ALL_OF_T "}\n");
    UNTIL(GET(r.worker->counts.paused) > 0); /* its line is open */
    char *line = malloc(8001);
    memset(line, ' ', 8000);
    line[0] = '{';
    line[8000] = '\0';
    client_send(&c, line);
    free(line);
    rig_sleep_ms(20);
    const char *whole = client_line(&c);
    ck_assert_msg(strstr(whole, "error") == NULL, "%s", strstr(whole, "error"));
    ck_assert(strstr(whole, "\"rowcount\":2000}") != NULL);
    client_expect_has(&c, "{\"id\":null,\"error\":{\"code\":\"line_too_long\"");
    client_expect_end(&c);
}
END_TEST

START_TEST(a_last_line_without_its_end_is_answered_though_the_client_reads_slowly)
{
    restart("{output_buffer: 64KiB}", NULL);
    client_close(&c);
    client_open_narrow(&r, &c);
    client_send(&c, "{\"id\":1,\"as\":\"columns\"," ALL_OF_T "}\n{\"id\":2,\"op\":\"pi");
    UNTIL(GET(r.worker->counts.bytes_out) > 65536);
    client_send(&c, "ng\"}");
    client_end(&c);
    rig_sleep_ms(20);
    client_expect_has(&c, "\"rowcount\":2000}");
    client_expect(&c, "{\"id\":2,\"ok\":true}");
    client_expect_end(&c);
}
END_TEST

/* ---- cancel and timeout ---- */

START_TEST(a_running_statement_is_cancelled_and_both_are_answered)
{
    client_send(&c, "{\"id\":1," FOREVER "}\n");
    rig_sleep_ms(20);
    client_send(&c, "{\"id\":2,\"op\":\"cancel\",\"of\":1}\n");
    client_expect(&c, "{\"id\":2,\"ok\":true}");
    client_expect_has(&c, "{\"id\":1,\"error\":{\"code\":\"cancelled\"");
    client_send(&c, "{\"id\":3,\"op\":\"cancel\",\"of\":1}\n");
    client_expect_has(&c, "unknown_request");
}
END_TEST

/* Two that do not end are all that may be under way; what comes behind them waits. */
static void fill_flight(void)
{
    restart("{in_flight: 2}", "{size: 4}");
    fake_once(&r.fake, FAKE_RUN, (struct fake_reply){.act = FAKE_HANG});
    fake_once(&r.fake, FAKE_RUN, (struct fake_reply){.act = FAKE_HANG});
    client_send(&c, "{\"id\":1," FAKE_READ "}\n{\"id\":2," FAKE_READ "}\n");
    UNTIL(GET(r.fake.running) == 2);
}

START_TEST(a_cancel_is_heard_though_no_more_may_be_under_way)
{
    fill_flight();
    client_send(&c, "{\"op\":\"cancel\",\"of\":1}\n"); /* the next line: without id too */
    client_expect(&c, "{\"ok\":true}");
    client_expect_has(&c, "{\"id\":1,\"error\":{\"code\":\"cancelled\"");
    client_send(&c, "{\"op\":\"cancel\",\"of\":2}\n");
    client_expect(&c, "{\"ok\":true}");
    client_expect_has(&c, "{\"id\":2,\"error\":{\"code\":\"cancelled\"");
}
END_TEST

START_TEST(a_cancel_is_heard_behind_lines_that_wait)
{
    fill_flight();
    client_send(&c, "{\"id\":3," FAKE_READ "}\n{\"id\":4,\"op\":\"ping\"}\n");
    client_send(&c, "{\"id\":5,\"op\":\"cancel\",\"of\":3}\n" /* not yet under way */
                    "{\"id\":6,\"op\":\"cancel\",\"of\":2}\n{\"id\":7,\"op\":\"can");
    client_expect(&c, "{\"id\":6,\"ok\":true}");
    client_expect_has(&c, "{\"id\":2,\"error\":{\"code\":\"cancelled\"");
    client_expect_has(&c, "{\"id\":3,\"columns\"");
    client_expect(&c, "{\"id\":4,\"ok\":true}");
    client_expect_has(&c, "{\"id\":5,\"error\":{\"code\":\"unknown_request\"");
    client_send(&c, "cel\",\"of\":1}"); /* the last line, without its end */
    client_end(&c);
    client_expect(&c, "{\"id\":7,\"ok\":true}");
    client_expect_has(&c, "{\"id\":1,\"error\":{\"code\":\"cancelled\"");
    client_expect_end(&c);
}
END_TEST

START_TEST(what_looks_like_a_cancel_is_none)
{
    fill_flight();
    client_send(&c, "{\"id\":3,\"op\":\"ping\"}\n"
                    "{\"op\":\"cancel\",\"of\":1}\n" /* in its turn: it has no id */
                    "{\"id\":4,\"op\":\"prepare\",\"name\":\"cancel\",\"query\":\"cancel\"}\n"
                    "{\"id\":5,\"op\":\"cancel\",\"of\":1,\"of\":2}\n"
                    "{\"id\":6,\"op\":\"cancel\"}\n");
    ck_assert_ptr_null(client_line_in(&c, 100));
    client_send(&c, "{\"id\":7,\"op\":\"cancel\",\"of\":2}\r\n");
    client_expect(&c, "{\"id\":7,\"ok\":true}");
    client_expect_has(&c, "{\"id\":2,\"error\":{\"code\":\"cancelled\"");
    client_expect(&c, "{\"id\":3,\"ok\":true}");
    client_expect(&c, "{\"ok\":true}");
}
END_TEST

START_TEST(input_that_waits_has_a_bound)
{
    fill_flight();
    char line[1001];
    memset(line, ' ', sizeof line);
    memcpy(line, "{\"id\":3,\"op\":\"ping\"}", 21);
    memcpy(line + 998, "\n", 2);
    int sent = 0;
    while (sent < 4000 && send(c.fd, line, 999, MSG_DONTWAIT) == 999) { /* until it is full */
        sent++;
        rig_sleep_ms(sent % 100 == 0 ? 5 : 0);
    }
    ck_assert_int_lt(sent, 4000);
    UNTIL(GET(r.shared.request_bytes) >= AHEAD_BYTES);
    ck_assert_int_lt(GET(r.shared.request_bytes), 10 * AHEAD_BYTES);
}
END_TEST

/* So that a short timeout is one of the statement, not of connecting before it. */
static void connect_first(void)
{
    client_send(&c, "{\"id\":0," FAKE_READ "}\n");
    client_expect_has(&c, "{\"id\":0,\"columns\"");
}

START_TEST(a_request_that_waits_for_its_turn_is_cancelled)
{
    fake_once(&r.fake, FAKE_RUN, (struct fake_reply){.delay_ms = 1000});
    client_send(&c, "{\"id\":\"a\",\"op\":\"ping\"}\n{" FAKE_WRITE "}\n");
    client_expect(&c, "{\"id\":\"a\",\"ok\":true}");
    client_send(&c, "{\"timeout\":\"10ms\"," FAKE_WRITE "}\n" PING);
    client_expect(&c, "{\"rowcount\":0}");
    client_expect_has(&c, "{\"error\":{\"code\":\"timeout\"");
    client_expect(&c, "{\"ok\":true}");
    ck_assert_int_eq(GET(r.fake.calls[FAKE_RUN]), 1);
}
END_TEST

START_TEST(a_timeout_while_the_transaction_begins_is_not_lost)
{
    fake_once(&r.fake, FAKE_RUN,
              (struct fake_reply){.act = FAKE_DEAF, .delay_ms = 100, .tx_after = DB_TX_OPEN});
    fake_once(&r.fake, FAKE_RUN, (struct fake_reply){.act = FAKE_HANG});
    client_send(&c, "{\"id\":1,\"timeout\":\"30ms\"," FAKE_TX "}\n");
    client_expect_has(&c, "{\"id\":1,\"error\":{\"code\":\"timeout\"");
}
END_TEST

START_TEST(a_statement_of_a_transaction_that_timed_out_is_undone)
{
    connect_first();
    fake_once(&r.fake, FAKE_RUN, (struct fake_reply){.tx_after = DB_TX_OPEN});
    fake_once(&r.fake, FAKE_RUN, (struct fake_reply){.tx_after = DB_TX_OPEN, .act = FAKE_HANG});
    client_send(&c, "{\"id\":1,\"timeout\":\"500ms\"," FAKE_TX "}\n");
    client_expect_has(&c, "\"code\":\"timeout\"");
    ck_assert_int_eq(GET(r.fake.calls[FAKE_RUN]), 4); /* read, begin, insert, rollback */
}
END_TEST

/* ---- a database that does not answer ---- */

START_TEST(a_read_that_the_database_will_not_cancel_times_out_all_the_same)
{
    connect_first();
    fake_once(&r.fake, FAKE_RUN, (struct fake_reply){.act = FAKE_DEAF});
    uint64_t began = clock_now_ns();
    client_send(&c, "{\"id\":1,\"timeout\":\"500ms\"," FAKE_READ "}\n");
    client_expect_has(&c, "{\"id\":1,\"error\":{\"code\":\"timeout\"");
    ck_assert_uint_lt(clock_now_ns() - began, 4000 * MS);
    client_send(&c, "{\"id\":2," FAKE_READ "}\n");
    client_expect_has(&c, "{\"id\":2,\"columns\"");
}
END_TEST

START_TEST(a_write_that_the_database_will_not_cancel_is_unknown)
{
    connect_first();
    fake_once(&r.fake, FAKE_RUN, (struct fake_reply){.act = FAKE_DEAF});
    client_send(&c, "{\"id\":1,\"timeout\":\"500ms\"," FAKE_WRITE "}\n");
    client_expect_has(&c, "{\"id\":1,\"error\":{\"code\":\"commit_unknown\"");
}
END_TEST

START_TEST(a_commit_without_an_answer_is_unknown)
{
    connect_first();
    for (int i = 0; i < 3; i++) {
        fake_once(&r.fake, FAKE_RUN, (struct fake_reply){.tx_after = DB_TX_OPEN});
    }
    fake_once(&r.fake, FAKE_RUN, (struct fake_reply){.act = FAKE_DEAF});
    client_send(&c, "{\"id\":1,\"timeout\":\"500ms\"," FAKE_TX "}\n");
    client_expect_has(&c, "{\"id\":1,\"error\":{\"code\":\"commit_unknown\"");
}
END_TEST

START_TEST(a_drain_ends_though_the_database_is_deaf)
{
    fake_always(&r.fake, FAKE_RUN, (struct fake_reply){.act = FAKE_DEAF});
    client_send(&c, "{\"id\":1," FAKE_READ "}\n{\"id\":2," FAKE_WRITE "}\n{\"id\":3," FAKE_TX
                    "}\n");
    UNTIL(GET(r.fake.running) == 3);
    uint64_t began = clock_now_ns();
    rig_down_in(&r, 100);
    ck_assert_uint_lt(clock_now_ns() - began, 4000 * MS);
    client_close(&c);
    rig_up(&r, NULL, NULL);
    client_open(&r, &c);
}
END_TEST

START_TEST(losses_are_labelled)
{
    fake_once(&r.fake, FAKE_RUN, (struct fake_reply){.act = FAKE_BREAK});
    client_send(&c, "{" FAKE_READ "}\n");
    client_expect_has(&c, "\"code\":\"connection_lost\"");
    fake_once(&r.fake, FAKE_RUN, (struct fake_reply){.act = FAKE_BREAK});
    client_send(&c, "{" FAKE_WRITE "}\n");
    client_expect_has(&c, "\"code\":\"commit_unknown\"");
    fake_once(&r.fake, FAKE_RUN, (struct fake_reply){.tx_after = DB_TX_OPEN});
    fake_once(&r.fake, FAKE_RUN, (struct fake_reply){.act = FAKE_BREAK});
    client_send(&c, "{" FAKE_TX "}\n");
    client_expect_has(&c, "\"code\":\"connection_lost\"");
    for (int i = 0; i < 3; i++) {
        fake_once(&r.fake, FAKE_RUN, (struct fake_reply){.tx_after = DB_TX_OPEN});
    }
    fake_once(&r.fake, FAKE_RUN, (struct fake_reply){.act = FAKE_BREAK});
    client_send(&c, "{" FAKE_TX "}\n");
    client_expect_has(&c, "\"code\":\"commit_unknown\"");
}
END_TEST

/* ---- slow readers and streams ---- */

START_TEST(a_reply_beyond_the_output_buffer_goes_on_when_it_was_sent_at_once)
{
    restart("{output_buffer: 64KiB}", NULL);
    client_send(&c, "{\"id\":1," ALL_OF_T "}\n");
    client_expect_has(&c, "\"rowcount\":2000}");
}
END_TEST

START_TEST(the_reply_of_a_slow_reader_times_out_in_the_middle_of_a_line)
{
    restart("{output_buffer: 64KiB}", NULL);
    client_close(&c);
    client_open_narrow(&r, &c);
    client_send(&c,
                "{\"id\":1,\"timeout\":\"100ms\",\"stream\":{\"chunk\":2000}," ALL_OF_T "}\n");
    UNTIL(GET(r.worker->counts.paused) > 0);
    client_send(&c, "{\"id\":2,\"op\":\"ping\"}\n");
    rig_sleep_ms(150);
    client_expect_has(&c, "{\"id\":1,\"columns\"");
    client_expect_has(&c, "{\"id\":1,\"seq\":0,\"rows\":[[1,");
    client_expect_has(&c, "{\"id\":1,\"error\":{\"code\":\"timeout\"");
    client_expect(&c, "{\"id\":2,\"ok\":true}");
}
END_TEST

START_TEST(a_paused_reply_is_ended_when_others_wait_for_its_connection)
{
    restart("{output_buffer: 64KiB, paused: 100ms}", "{size: 1, max_overflow: 0}");
    client_open_narrow(&r, &d);
    client_send(&d, "{\"id\":1," ALL_OF_T "}\n");
    UNTIL(GET(r.worker->counts.paused) > 0);
    client_send(&c, "{\"expect\":\"count\"," ALL_OF_T "}\n");
    client_expect(&c, "{\"value\":2000}");
    client_expect_has(&d, "\"error\":{\"code\":\"slow_reader\"");
    client_close(&d);
}
END_TEST

START_TEST(a_reply_that_waits_for_its_turn_is_not_ended_but_kept)
{
    restart("{paused: 100ms}", "{size: 2, max_overflow: 0}");
    fake_once(&r.fake, FAKE_RUN, (struct fake_reply){.delay_ms = 400, .rows = 1});
    client_send(&c, "{" FAKE_READ "}\n{" ALL_OF_T "}\n{" ALL_OF_T "}\n{" ALL_OF_T "}\n");
    client_expect_has(&c, "\"rows\":[[0]]");
    for (int i = 0; i < 3; i++) {
        client_expect_has(&c, "\"rowcount\":2000}");
    }
}
END_TEST

START_TEST(credit_lets_chunks_through)
{
    client_send(&c, "{\"id\":1,\"stream\":{\"chunk\":1000,\"credit\":1}," ALL_OF_T "}\n");
    client_expect_has(&c, "{\"id\":1,\"columns\"");
    client_expect_has(&c, "{\"id\":1,\"seq\":0,");
    client_send(&c, PING);
    client_expect(&c, "{\"ok\":true}");
    client_send(&c, "{\"op\":\"more\",\"of\":1,\"credit\":5}\n");
    client_expect_has(&c, "{\"id\":1,\"seq\":1,");
    client_expect(&c, "{\"id\":1,\"done\":true,\"rowcount\":2000}");
    client_send(&c, "{\"id\":2,\"op\":\"more\",\"of\":1,\"credit\":5}\n");
    client_expect_has(&c, "{\"id\":2,\"error\":{\"code\":\"unknown_request\"");
}
END_TEST

START_TEST(a_stream_without_credit_ends_when_its_client_can_say_no_more)
{
    client_send(&c, "{\"id\":1,\"stream\":{\"chunk\":10,\"credit\":1}," ALL_OF_T "}\n");
    client_expect_has(&c, "{\"id\":1,\"columns\"");
    client_expect_has(&c, "{\"id\":1,\"seq\":0,");
    client_end(&c);
    client_expect_has(&c, "{\"id\":1,\"error\":{\"code\":\"cancelled\"");
    client_expect_end(&c);
}
END_TEST

START_TEST(streams_that_wait_for_credit_do_not_keep_more_from_being_read)
{
    restart("{in_flight: 2}", NULL);
    client_send(&c, "{\"id\":1,\"stream\":{\"chunk\":1500,\"credit\":1}," ALL_OF_T "}\n"
                    "{\"id\":2,\"stream\":{\"chunk\":1500,\"credit\":1}," ALL_OF_T "}\n");
    for (int i = 0; i < 4; i++) {
        client_line(&c);
    }
    client_send(&c, "{\"op\":\"more\",\"of\":1}\n{\"op\":\"more\",\"of\":2}\n");
    for (int i = 0; i < 4; i++) {
        client_line(&c);
    }
    client_send(&c, PING);
    client_expect(&c, "{\"ok\":true}");
    for (int i = 3; i < 8; i++) { /* more than twice as many */
        char line[200];
        snprintf(line, sizeof line,
                 "{\"id\":%d,\"stream\":{\"chunk\":9,\"credit\":1}," ALL_OF_T "}\n", i);
        client_send(&c, line);
        client_line(&c);
        client_line(&c);
    }
    client_send(&c, PING);
    client_expect(&c, "{\"ok\":true}");
}
END_TEST

START_TEST(expect_is_checked_before_the_first_byte)
{
    client_send(&c, "{\"expect\":\"one\",\"query\":{\"select\":[{\"x\":{\"value\":\"");
    char *big = malloc(100001);
    memset(big, 'x', 100000);
    big[100000] = '\0';
    client_send(&c, big);
    client_send(&c, "\"}}],\"from\":\"t\"}}\n");
    free(big);
    const char *line = client_line(&c);
    ck_assert_msg(strncmp(line, "{\"error\":{\"code\":\"multiple_results\"", 35) == 0, "%.80s",
                  line);
}
END_TEST

START_TEST(more_requests_than_may_be_in_flight_wait_and_are_answered)
{
    restart("{in_flight: 3}", NULL);
    for (int i = 0; i < 200; i++) {
        char line[200];
        snprintf(line, sizeof line, "{\"id\":%d," FAKE_READ "}\n", i);
        client_send(&c, line);
    }
    client_end(&c);
    for (int i = 0; i < 200; i++) {
        client_expect_has(&c, "\"rowcount\":0}");
    }
    client_expect_end(&c);
}
END_TEST

/* ---- memory ---- */

START_TEST(lines_that_never_end_count_as_memory)
{
    restart("{memory: 16MiB, frame: 12MiB, login_frame: 8KiB}", NULL);
    char *part = malloc(8000001);
    memset(part, ' ', 8000000);
    part[0] = '{';
    part[8000000] = '\0';
    client_open(&r, &d);
    client_send(&d, part);
    UNTIL(GET(r.shared.request_bytes) >= 8000000);
    struct client e;
    client_open(&r, &e);
    part[7000000] = '\0';
    client_send(&e, part);
    client_send(&c, "{\"id\":1,\"op\":\"ping\"}\n");
    client_expect(&c, "{\"id\":1,\"ok\":true}");
    client_send(&e, "          ");
    free(part);
    part = calloc(1, 3000001);
    memset(part, ' ', 3000000);
    (void)!write(e.fd, part, 3000000);
    free(part);
    client_expect_has(&e, "\"code\":\"out_of_memory\"");
    client_close(&e);
    client_close(&d);
    UNTIL(GET(r.shared.request_bytes) < 8000000);
    client_send(&c, "{\"id\":1,\"op\":\"ping\"}\n");
    client_expect(&c, "{\"id\":1,\"ok\":true}");
}
END_TEST

START_TEST(prepared_statements_count_as_memory)
{
    restart("{memory: 16MiB}", NULL);
    int refused = 0;
    char *text = malloc(1100000);
    for (int i = 0; i < 20; i++) {
        int n = sprintf(text,
                        "{\"op\":\"prepare\",\"name\":\"p%d\",\"query\":{\"select\":[{\"v\":{"
                        "\"value\":\"",
                        i);
        memset(text + n, 'x', 1000000);
        strcpy(text + n + 1000000, "\"}}]}}\n");
        client_send(&c, text);
        const char *line = client_line(&c);
        ck_assert_msg(strstr(line, "\"ok\":true") || strstr(line, "out_of_memory"), "%s", line);
        refused += strstr(line, "out_of_memory") != NULL;
    }
    free(text);
    ck_assert_int_gt(refused, 0);
    client_close(&c);
    UNTIL(GET(r.shared.request_bytes) == 0);
}
END_TEST

/* ---- reload ---- */

START_TEST(a_reload_lets_requests_finish_on_the_database_that_they_began_with)
{
    fake_once(&r.fake, FAKE_RUN, (struct fake_reply){.delay_ms = 100, .rows = 1});
    client_send(&c, "{\"id\":1," FAKE_READ "}\n{\"id\":2," FOREVER "}\n");
    UNTIL(GET(r.fake.running) == 1);
    rig_reload(&r, NULL, "{size: 3}");
    client_send(&c, "{\"id\":3," FAKE_READ "}\n");
    int seen = 0;
    for (int i = 0; i < 2; i++) {
        const char *line = client_line(&c);
        ck_assert_msg(strstr(line, "error") == NULL, "%s", line);
        seen += line[6] == '1' || line[6] == '3';
    }
    ck_assert_int_eq(seen, 2);
    client_send(&c, "{\"op\":\"cancel\",\"of\":2}\n");
    client_line(&c);
    client_line(&c);
    UNTIL(GET(r.fake.closes) > 0);
}
END_TEST

/* ---- log ---- */

START_TEST(the_log_tells_of_requests_and_never_of_values)
{
    client_send(&c, "{\"id\":\"q-1\",\"expect\":\"count\",\"query\":{\"select\":[\"id\"],"
                    "\"from\":\"t\",\"where\":[\"=\",\"name\",{\"value\":\"top-secret\"}]}}\n");
    client_expect(&c, "{\"id\":\"q-1\",\"value\":0}");
    client_send(&c, "{\"id\":2,\"timeout\":\"20ms\"," FOREVER "}\n");
    client_expect_has(&c, "timeout");
    fake_once(&r.fake, FAKE_RUN, (struct fake_reply){.act = FAKE_BREAK});
    client_send(&c, "{\"id\":3," FAKE_READ "}\n");
    client_expect_has(&c, "connection_lost");
    for (int i = 0; i < LOG_CATEGORY_COUNT; i++) {
        log_set_level(&r.log, (enum log_category)i, LOG_DEBUG);
    }
    client_send(
        &c, "{\"id\":\"q-4\",\"query\":{\"select\":[\"id\"],\"from\":\"t\",\"where\":[\"=\","
            "\"name\",{\"value\":\"top-secret\"}]}}\n");
    client_expect_has(&c, "\"rows\":[]");
    client_send(&c, PING);
    client_line(&c);
    char *log = rig_log(&r);
    ck_assert_ptr_null(strstr(log, "top-secret"));
    ck_assert_ptr_nonnull(strstr(log, "slow"));
    ck_assert_ptr_nonnull(strstr(log, "connection_lost"));
    ck_assert_ptr_nonnull(strstr(log, "q-4"));
    free(log);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        requests_without_id_are_answered_in_order,
        a_write_without_id_waits_for_those_before_and_holds_back_those_after,
        an_id_in_flight_twice_is_refused_and_the_first_lives,
        prepare_takes_effect_at_its_arrival,
        a_line_too_long_is_refused_behind_what_came_before,
        a_line_that_does_not_end_is_refused_behind_what_came_before,
        a_line_in_pieces_is_read_if_it_ends_in_time,
        a_line_too_long_does_not_break_into_an_open_line,
        a_last_line_without_its_end_is_answered_though_the_client_reads_slowly,
        a_running_statement_is_cancelled_and_both_are_answered,
        a_cancel_is_heard_though_no_more_may_be_under_way,
        a_cancel_is_heard_behind_lines_that_wait,
        what_looks_like_a_cancel_is_none,
        input_that_waits_has_a_bound,
        a_request_that_waits_for_its_turn_is_cancelled,
        a_timeout_while_the_transaction_begins_is_not_lost,
        a_statement_of_a_transaction_that_timed_out_is_undone,
        a_read_that_the_database_will_not_cancel_times_out_all_the_same,
        a_write_that_the_database_will_not_cancel_is_unknown,
        a_commit_without_an_answer_is_unknown,
        a_drain_ends_though_the_database_is_deaf,
        losses_are_labelled,
        a_reply_beyond_the_output_buffer_goes_on_when_it_was_sent_at_once,
        the_reply_of_a_slow_reader_times_out_in_the_middle_of_a_line,
        a_paused_reply_is_ended_when_others_wait_for_its_connection,
        a_reply_that_waits_for_its_turn_is_not_ended_but_kept,
        credit_lets_chunks_through,
        a_stream_without_credit_ends_when_its_client_can_say_no_more,
        streams_that_wait_for_credit_do_not_keep_more_from_being_read,
        expect_is_checked_before_the_first_byte,
        more_requests_than_may_be_in_flight_wait_and_are_answered,
        lines_that_never_end_count_as_memory,
        prepared_statements_count_as_memory,
        a_reload_lets_requests_finish_on_the_database_that_they_began_with,
        the_log_tells_of_requests_and_never_of_values,
    };
    Suite *s = suite_create("request");
    TCase *t = tcase_create("request");
    tcase_add_checked_fixture(t, up, down);
    tcase_set_timeout(t, 60);
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        tcase_add_test(t, tests[i]);
    }
    suite_add_tcase(s, t);
    SRunner *run = srunner_create(s);
    srunner_run_all(run, CK_ENV);
    int failed = srunner_ntests_failed(run);
    srunner_free(run);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
