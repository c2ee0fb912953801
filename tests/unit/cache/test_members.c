/* SPDX-License-Identifier: MIT
 *
 * Tests of cache/ledger.h and cache/members.h: daemons that share versions over a log that
 * the test keeps, with a clock that the test moves. What each says is delivered to each in
 * order, or held back.
 */
#include "cache/ledger.h"
#include "cache/members.h"

#include <check.h>
#include <stdlib.h>

#define MS UINT64_C(1000000)
#define FORGET_MS 60000
#define PEERS 3
#define LOG_MAX 4096
#define EPOCH UINT64_C(0xfeed)

struct peer {
    struct versions *v;
    struct members m;
    uint32_t heard; /* messages of the log that were delivered */
    bool deaf, mute;
    uint32_t woken;
};

static struct peer peers[PEERS];
static struct buf lines[LOG_MAX];
static uint32_t line_count;
static uint64_t now;

static void on_wake(void *arg)
{
    ((struct peer *)arg)->woken++;
}

static void join(struct peer *p)
{
    p->heard = line_count;
    members_join(&p->m, (struct ledger_place){EPOCH, line_count}, now);
}

static void up(void)
{
    now = 1000 * MS;
    line_count = 0;
    for (int i = 0; i < PEERS; i++) {
        struct peer *p = &peers[i];
        *p = (struct peer){.v = versions_create()};
        ck_assert_ptr_nonnull(p->v);
        members_init(&p->m, p->v, (uint64_t)i + 1, FORGET_MS * MS);
        ledger_start(p->v, on_wake, p);
    }
}

static void down(void)
{
    for (int i = 0; i < PEERS; i++) {
        versions_destroy(peers[i].v);
    }
    for (uint32_t i = 0; i < line_count; i++) {
        buf_fini(&lines[i]);
    }
}

/* What Redis does with a message. */
static void publish(const struct buf *text)
{
    ck_assert_uint_lt(line_count, LOG_MAX);
    struct buf *line = &lines[line_count++];
    buf_init(line);
    buf_printf(line, "%016llx %u %.*s", (unsigned long long)EPOCH, line_count,
               STR_ARG(buf_str(text)));
}

static void deliver(struct peer *p)
{
    while (!p->deaf && p->m.joined && p->heard < line_count) {
        ck_assert_int_eq(members_hear(&p->m, buf_str(&lines[p->heard++]), now), HEARD);
    }
}

/* All say what they have to say, and hear it. */
static void turn(void)
{
    struct buf b;
    buf_init(&b);
    for (int i = 0; i < PEERS; i++) {
        buf_clear(&b);
        if (!peers[i].mute && members_tell(&peers[i].m, now, &b)) {
            publish(&b);
        }
    }
    buf_fini(&b);
    for (int i = 0; i < PEERS; i++) {
        deliver(&peers[i]);
    }
}

static void run_ms(uint64_t ms)
{
    for (uint64_t end = now + ms * MS; now < end; now += 5 * MS) {
        turn();
    }
}

static void join_all(void)
{
    for (int i = 0; i < PEERS; i++) {
        join(&peers[i]);
    }
    run_ms(1000);
}

static struct slot_set slots(uint32_t slot)
{
    struct slot_set s = {0};
    ck_assert(slot_set_add(&s, slot));
    return s;
}

static bool whole(int i)
{
    return ledger_whole(peers[i].v, now);
}

/* What peer i reads now, of one slot. */
static struct stamp read_by(int i, uint32_t slot)
{
    struct slot_set s = slots(slot);
    struct stamp stamp;
    ck_assert(versions_stamp(peers[i].v, &s, &stamp));
    return stamp;
}

static bool holds(int i, struct ledger_place place, uint32_t slot)
{
    struct slot_set s = slots(slot);
    return ledger_holds(peers[i].v, place, &s, now);
}

START_TEST(a_write_is_heard_by_all)
{
    join_all();
    struct stamp mine = read_by(0, 7), theirs = read_by(1, 7), other = read_by(1, 8);
    struct slot_set s = slots(7);
    versions_raise(peers[0].v, &s);
    versions_lower(peers[0].v, &s);
    ck_assert(!versions_hold(peers[0].v, &mine));
    ck_assert(versions_hold(peers[1].v, &theirs));
    run_ms(10);
    ck_assert(!versions_hold(peers[1].v, &theirs));
    ck_assert(versions_hold(peers[1].v, &other));
    ck_assert(whole(0) && whole(1) && whole(2));
}
END_TEST

START_TEST(the_teller_is_woken_once)
{
    join_all();
    uint32_t before = peers[0].woken;
    struct slot_set s = slots(7);
    versions_bump(peers[0].v, &s);
    versions_bump(peers[0].v, &s);
    ck_assert_uint_eq(peers[0].woken, before + 1);
    run_ms(10);
    versions_bump(peers[0].v, &s);
    ck_assert_uint_eq(peers[0].woken, before + 2);
}
END_TEST

START_TEST(who_is_stopped_takes_trust_away)
{
    join_all();
    peers[2].mute = peers[2].deaf = true;
    run_ms(1000);
    ck_assert(!whole(0) && !whole(1));
    ck_assert_uint_eq(members_silent(&peers[0].m, now), 1);
    ck_assert_uint_eq(versions_oldest(peers[0].v, now), now - LEDGER_APART_NS);
    peers[2].mute = peers[2].deaf = false;
    run_ms(600);
    ck_assert(whole(0) && whole(1) && whole(2));
    ck_assert_uint_lt(versions_oldest(peers[0].v, now), now - LEDGER_APART_NS);
}
END_TEST

/* Its messages still come, but late: it was stopped after it had made them, or they were
 * under way for long. */
START_TEST(old_messages_give_no_trust)
{
    join_all();
    peers[0].deaf = true;
    run_ms(5000);
    ck_assert(!whole(0));
    peers[0].deaf = false;
    deliver(&peers[0]); /* all at once: the newest was made after what we sent last */
    ck_assert(!whole(0));
    run_ms(600);
    ck_assert(whole(0));
}
END_TEST

START_TEST(who_speaks_without_hearing_gives_no_trust)
{
    join_all();
    peers[2].deaf = true;
    run_ms(100); /* its last message is not heard by itself, so it says no more */
    run_ms(1500);
    ck_assert(!whole(0) && !whole(2));
}
END_TEST

START_TEST(the_dead_are_forgotten_with_all_they_may_have_done)
{
    join_all();
    peers[2].mute = peers[2].deaf = true;
    run_ms(1000);
    struct stamp before = read_by(0, 7);
    uint64_t id;
    ck_assert(!members_forget(&peers[0].m, now, &id));
    for (int i = 0; i < FORGET_MS / 500 && !members_forget(&peers[0].m, now, &id); i++) {
        run_ms(500);
        (void)members_forget(&peers[1].m, now, &id);
    }
    ck_assert_uint_eq(id, 3);
    ck_assert(!versions_hold(peers[0].v, &before));
    run_ms(600);
    ck_assert(whole(0));
    ck_assert_uint_eq(peers[0].m.counts.forgotten, 1);
    peers[2].mute = peers[2].deaf = false; /* it was not dead */
    struct stamp now_read = read_by(0, 7);
    struct slot_set s = slots(7);
    versions_bump(peers[2].v, &s);
    run_ms(3000);
    ck_assert(!versions_hold(peers[0].v, &now_read));
    ck_assert_uint_eq(peers[0].m.count, 2);
}
END_TEST

START_TEST(who_leaves_is_no_member)
{
    join_all();
    struct buf b;
    buf_init(&b);
    struct slot_set s = slots(9);
    struct stamp theirs = read_by(0, 9);
    versions_raise(peers[2].v, &s);
    ck_assert(!members_leave(&peers[2].m, &b)); /* a write has no outcome yet */
    versions_lower(peers[2].v, &s);
    ck_assert(members_leave(&peers[2].m, &b));
    publish(&b);
    buf_fini(&b);
    run_ms(5);
    peers[2].mute = true;
    ck_assert(!versions_hold(peers[0].v, &theirs));
    run_ms(3000);
    ck_assert(whole(0) && whole(1));
    ck_assert_uint_eq(peers[0].m.count, 1);
}
END_TEST

START_TEST(a_missed_message_voids_everything)
{
    join_all();
    struct stamp kept = read_by(1, 7);
    struct slot_set s = slots(8);
    versions_bump(peers[0].v, &s);
    peers[1].deaf = true;
    run_ms(10);
    ck_assert(versions_hold(peers[1].v, &kept));
    peers[1].heard++; /* lost */
    peers[1].deaf = false;
    run_ms(500);
    ck_assert(!versions_hold(peers[1].v, &kept));
    ck_assert_uint_eq(peers[1].m.counts.missed, 2); /* the first was its joining */
}
END_TEST

START_TEST(who_comes_back_in_time_has_missed_nothing)
{
    join_all();
    struct stamp kept = read_by(1, 7);
    members_part(&peers[1].m);
    join(&peers[1]);
    run_ms(500);
    ck_assert(versions_hold(peers[1].v, &kept));
    ck_assert(whole(1));
    members_part(&peers[1].m);
    run_ms(500);
    join(&peers[1]);
    ck_assert(!versions_hold(peers[1].v, &kept));
}
END_TEST

START_TEST(what_was_written_apart_is_told_later)
{
    join_all();
    members_part(&peers[0].m);
    struct stamp theirs = read_by(1, 7);
    struct slot_set s = slots(7);
    versions_bump(peers[0].v, &s);
    run_ms(2000);
    ck_assert(versions_hold(peers[1].v, &theirs));
    ck_assert(!whole(1));
    join(&peers[0]);
    run_ms(600);
    ck_assert(!versions_hold(peers[1].v, &theirs));
    ck_assert(whole(1));
}
END_TEST

START_TEST(a_message_that_may_be_lost_is_told_again)
{
    join_all();
    struct stamp theirs = read_by(1, 7);
    struct slot_set s = slots(7);
    versions_bump(peers[0].v, &s);
    struct buf b;
    buf_init(&b);
    ck_assert(members_tell(&peers[0].m, now, &b)); /* and Redis never gets it */
    members_part(&peers[0].m);
    join(&peers[0]);
    run_ms(10);
    ck_assert(!versions_hold(peers[1].v, &theirs));
    buf_fini(&b);
}
END_TEST

START_TEST(long_writes_are_told_again_with_each_beat)
{
    join_all();
    struct slot_set s = slots(7);
    versions_raise(peers[0].v, &s);
    run_ms(50);
    for (int i = 0; i < 4; i++) {
        struct stamp theirs = read_by(1, 7);
        run_ms(300);
        ck_assert(!versions_hold(peers[1].v, &theirs));
    }
    versions_lower(peers[0].v, &s);
    run_ms(300);
    struct stamp theirs = read_by(1, 7);
    run_ms(1000);
    ck_assert(versions_hold(peers[1].v, &theirs));
}
END_TEST

START_TEST(too_many_to_name_void_everything)
{
    join_all();
    struct stamp theirs = read_by(1, SLOT_COUNT - 1);
    for (uint32_t i = 0; i < LEDGER_BATCH + 2; i++) {
        struct slot_set s = slots(i);
        versions_bump(peers[0].v, &s);
    }
    run_ms(10);
    ck_assert(!versions_hold(peers[1].v, &theirs));
    struct stamp mine = read_by(0, LEDGER_BATCH + 1);
    struct ledger_place place;
    ck_assert(ledger_place(peers[0].v, &mine, &place));
    ck_assert(holds(1, place, LEDGER_BATCH + 1));
}
END_TEST

/* ---- results in Redis ---- */

START_TEST(a_result_of_one_serves_all)
{
    join_all();
    struct stamp read = read_by(0, 7);
    struct ledger_place place;
    ck_assert(ledger_place(peers[0].v, &read, &place));
    ck_assert(holds(0, place, 7) && holds(1, place, 7));
    ck_assert(!holds(1, (struct ledger_place){EPOCH + 1, place.position}, 7));
    ck_assert(!holds(1, (struct ledger_place){0, place.position}, 7));
    struct slot_set s = slots(7);
    versions_raise(peers[2].v, &s);
    ck_assert(!holds(2, place, 7)); /* by who writes at once, by others when they hear of it */
    ck_assert(holds(0, place, 7));
    versions_lower(peers[2].v, &s);
    ck_assert(!holds(2, place, 7));
    run_ms(10);
    ck_assert(!holds(0, place, 7) && !holds(1, place, 7) && !holds(2, place, 7));
    ck_assert(holds(0, place, 8));
    read = read_by(1, 7);
    ck_assert(ledger_place(peers[1].v, &read, &place));
    ck_assert(holds(0, place, 7) && holds(1, place, 7) && holds(2, place, 7));
}
END_TEST

START_TEST(what_is_not_told_yet_is_not_shared)
{
    join_all();
    struct slot_set s = slots(7);
    versions_bump(peers[0].v, &s);
    struct stamp read = read_by(0, 7);
    struct ledger_place place;
    ck_assert(!ledger_place(peers[0].v, &read, &place));
    ck_assert(!holds(0, (struct ledger_place){EPOCH, line_count}, 7));
    run_ms(10);
    ck_assert(!ledger_place(peers[0].v, &read, &place));
    read = read_by(0, 7);
    ck_assert(ledger_place(peers[0].v, &read, &place));
}
END_TEST

/* Its read began before it heard of the write, and is stored long after. */
START_TEST(a_late_store_is_of_no_use)
{
    join_all();
    struct stamp read = read_by(1, 7);
    struct ledger_place place;
    ck_assert(ledger_place(peers[1].v, &read, &place));
    struct slot_set s = slots(7);
    versions_raise(peers[0].v, &s);
    versions_lower(peers[0].v, &s);
    run_ms(1000);
    for (int i = 0; i < PEERS; i++) {
        ck_assert(!holds(i, place, 7));
    }
}
END_TEST

START_TEST(who_joins_uses_nothing_from_before)
{
    join(&peers[0]);
    join(&peers[1]);
    run_ms(1000);
    struct stamp read = read_by(0, 7);
    struct ledger_place place;
    ck_assert(ledger_place(peers[0].v, &read, &place));
    struct slot_set s = slots(7);
    versions_bump(peers[1].v, &s);
    run_ms(50);
    join(&peers[2]);
    members_register(&peers[2].m, 1, now);
    members_register(&peers[2].m, 2, now);
    ck_assert(!whole(2)); /* those who are registered have to be heard */
    run_ms(1000);
    ck_assert(whole(2));
    ck_assert(!holds(2, place, 7) && !holds(2, place, 8));
    read = read_by(0, 7);
    ck_assert(ledger_place(peers[0].v, &read, &place));
    ck_assert(holds(2, place, 7));
}
END_TEST

START_TEST(apart_only_what_was_read_just_now)
{
    join_all();
    struct stamp read = read_by(0, 7);
    struct ledger_place old, fresh;
    ck_assert(ledger_place(peers[0].v, &read, &old));
    peers[2].mute = peers[2].deaf = true;
    run_ms(2000);
    ck_assert(!whole(1));
    ck_assert(!holds(1, old, 7));
    read = read_by(0, 7);
    ck_assert(ledger_place(peers[0].v, &read, &fresh));
    ck_assert(holds(1, fresh, 7));
    run_ms(1000);
    ck_assert(!holds(1, fresh, 7));
    now += 2000 * MS; /* nothing is heard at all */
    ck_assert(!holds(1, (struct ledger_place){EPOCH, line_count}, 7));
}
END_TEST

/* ---- words of others ---- */

START_TEST(nonsense_is_not_heard)
{
    static const char *const texts[] = {
        "",
        " ",
        "beat",
        "000000000000feed",
        "000000000000feed 1",
        "000000000000feed 1 beat",
        "000000000000feed 1 beat 00000000000000ff",
        "000000000000feed 1 beat 00000000000000ff 1",
        "000000000000feed 1 beat 00000000000000ff 1 x",
        "000000000000feed 1 sing 00000000000000ff 1 1",
        "000000000000feed -1 beat 00000000000000ff 1 1",
        "000000000000feed 99999999999999999999 beat 00000000000000ff 1 1",
        "000000000000FEED 1 beat 00000000000000ff 1 1",
        "0000000000000000 1 beat 00000000000000ff 1 1",
        "feed 1 beat 00000000000000ff 1 1",
        "000000000000feed 1 beat 0000000000000000 1 1",
    };
    join(&peers[0]);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ck_assert_msg(members_hear(&peers[0].m, str_of(texts[i]), now) == HEARD_NOTHING, "%s",
                      texts[i]);
    }
    ck_assert_uint_eq(peers[0].m.count, 0);
    ck_assert_int_eq(
        members_hear(&peers[0].m, STR("000000000000beef 1 beat 00000000000000ff 1 1"), now),
        HEARD_ANEW);
    struct stamp kept = read_by(0, 7); /* slots that make no sense count as all */
    ck_assert_int_eq(members_hear(&peers[0].m,
                                  STR("000000000000feed 1 beat 00000000000000ff 1 1 999999999"),
                                  now),
                     HEARD);
    ck_assert(!versions_hold(peers[0].v, &kept));
}
END_TEST

START_TEST(a_crowd_is_never_whole)
{
    join_all();
    for (uint64_t id = 100; id < 100 + MEMBERS_MAX; id++) {
        members_register(&peers[0].m, id, now);
    }
    ck_assert_uint_eq(peers[0].m.count, MEMBERS_MAX);
    run_ms(2000);
    ck_assert(!whole(0));
}
END_TEST

START_TEST(without_sharing_nothing_is_marked)
{
    struct versions *v = versions_create();
    struct slot_set s = slots(7);
    versions_bump(v, &s);
    ck_assert(!ledger_on(v));
    ck_assert(!ledger_has_untold(v));
    ck_assert_uint_eq(versions_oldest(v, now), 0);
    struct peer p = {.v = v};
    ledger_start(v, on_wake, &p); /* what moved before is told too */
    ck_assert(ledger_has_untold(v));
    ledger_stop(v);
    versions_destroy(v);
}
END_TEST

START_TEST(who_is_stuck_says_so)
{
    join(&peers[0]);
    struct buf b;
    buf_init(&b);
    ck_assert(members_tell(&peers[0].m, now, &b));
    ck_assert(!members_stuck(&peers[0].m, now));
    ck_assert(!members_tell(&peers[0].m, now + 1000 * MS, &b));
    ck_assert(members_stuck(&peers[0].m, now + 3000 * MS));
    buf_fini(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("members");
    TCase *t = tcase_create("members");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, up, down);
    tcase_add_test(t, a_write_is_heard_by_all);
    tcase_add_test(t, the_teller_is_woken_once);
    tcase_add_test(t, who_is_stopped_takes_trust_away);
    tcase_add_test(t, old_messages_give_no_trust);
    tcase_add_test(t, who_speaks_without_hearing_gives_no_trust);
    tcase_add_test(t, the_dead_are_forgotten_with_all_they_may_have_done);
    tcase_add_test(t, who_leaves_is_no_member);
    tcase_add_test(t, a_missed_message_voids_everything);
    tcase_add_test(t, who_comes_back_in_time_has_missed_nothing);
    tcase_add_test(t, what_was_written_apart_is_told_later);
    tcase_add_test(t, a_message_that_may_be_lost_is_told_again);
    tcase_add_test(t, long_writes_are_told_again_with_each_beat);
    tcase_add_test(t, too_many_to_name_void_everything);
    tcase_add_test(t, a_result_of_one_serves_all);
    tcase_add_test(t, what_is_not_told_yet_is_not_shared);
    tcase_add_test(t, a_late_store_is_of_no_use);
    tcase_add_test(t, who_joins_uses_nothing_from_before);
    tcase_add_test(t, apart_only_what_was_read_just_now);
    tcase_add_test(t, nonsense_is_not_heard);
    tcase_add_test(t, a_crowd_is_never_whole);
    tcase_add_test(t, without_sharing_nothing_is_marked);
    tcase_add_test(t, who_is_stuck_says_so);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
