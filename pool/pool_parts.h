/* SPDX-License-Identifier: MIT
 *
 * pool/pool_parts.h: what the files of the pool do for each other.
 *
 * Loop thread, but for what pool_slot.c says of itself. None of these calls back
 * into a borrower.
 */
#ifndef POOL_POOL_PARTS_H
#define POOL_POOL_PARTS_H

#include "pool/pool_impl.h"
#include "pool/pool_loan.h"

/* -- pool.c ---------------------------------------------------------------- */
/* Does what is due: buries the dead, serves waiters, asks for slots and gives them. */
void pool_look(struct pool *p);
/* Makes it look at due_ns at the latest. */
void pool_tick(struct pool *p, uint64_t due_ns);
/* Frees a closed pool once nothing of it is left. */
void pool_try_end(struct pool *p);

/* -- pool_wait.c ----------------------------------------------------------- */
/* Answers with an error, later; w is on no list. */
void wait_refuse(struct pool *p, struct pool_wait *w, enum err e);
/* Answers every waiter with e; f's words if not NULL. */
void wait_refuse_all(struct pool *p, enum err e, const struct fail *f);
/* Hands c to him whose turn it is; some are due. It is lent, or borrowed. */
void wait_grant(struct pool *p, struct db_conn *c);
/* Since when he waits; NEVER_NS: nobody is due. */
uint64_t wait_since(const struct pool *p);
/* Lends, pings and opens for the waiters as far as it goes. */
void wait_serve(struct pool *p);

/* -- pool_status.c --------------------------------------------------------- */
/* A member is listed from its making to its end. */
void member_link(struct member *m);
void member_free(struct member *m);
/* m was lent. */
void status_lent(struct member *m);
/* Warns of loans that last too long; when to look again, or NEVER_NS. */
uint64_t status_look(struct pool *p, uint64_t now_ns);

/* -- pool_gate.c ----------------------------------------------------------- */
/* Takes note of the share's gate. */
void gate_follow(struct pool *p);
/* Tells those who wait if all is still; any thread, the share locked. */
void gate_check(struct pool_share *s);

/* -- pool_party.c ---------------------------------------------------------- */
void party_init(struct pool *p);
void party_fini(struct pool *p);
/* Puts w at the end of its party's line, or (again, after a loan that came to
 * nothing) in front, with the next turn. ERR_OUT_OF_MEMORY. */
enum err party_enter(struct pool *p, struct pool_wait *w) MUST_CHECK;
enum err party_reenter(struct pool *p, struct pool_wait *w) MUST_CHECK;
void party_leave(struct pool *p, struct pool_wait *w);
/* Takes him out whose turn it is, and gives his party its next turn behind the
 * others. *loan, if not NULL, is to say whose his loan is. */
struct pool_wait *party_turn(struct pool *p, struct party **loan);
/* Whether the party may have one more, and counting a loan that nobody waited for. */
bool party_has_room(const struct pool *p, uint64_t number);
void party_lend(struct pool *p, uint64_t number, struct party **loan);
/* It comes back: it is no loan of anybody's any more. */
void party_back(struct pool *p, struct party **loan);

/* -- pool_member.c --------------------------------------------------------- */
static inline struct member *member_of(const struct db_conn *c)
{
    return c->pool_arg;
}
/* m is loose, whole and clean: lent on, kept idle, or closed if there is no room. */
void member_ready(struct member *m, uint64_t now_ns);
/* Notes that a loose one is in somebody's hands. */
void member_lend(struct member *m);
/* Takes the newest idle one that may still be lent, or NULL. */
struct member *member_take_idle(struct pool *p, uint64_t now_ns);
/* Whether it has to be replaced before a loan. */
bool member_aged(const struct member *m, uint64_t now_ns);
/* Starts a test of a loose one; then it is ready, or a rollback that did not make it
 * clean becomes a reset, or it is closed. */
void member_test(struct member *m, enum member_test what);
/* m is idle, testing, lent or loose. */
void member_close(struct member *m, enum close_why why);
/* Closes idle ones that are dead or too old. */
void member_purge(struct pool *p, uint64_t now_ns);

/* -- pool_open.c ----------------------------------------------------------- */
/* Starts to connect; the slot is taken already. ERR_OUT_OF_MEMORY gives it back. */
enum err open_start(struct pool *p, enum open_why why) MUST_CHECK;
/* Keeps min_idle. */
void open_warm(struct pool *p);
/* While down: whether a connection of p worked so lately that it is worth waiting
 * for one. */
bool down_alive(const struct pool *p, uint64_t now_ns);
/* While down: answers waiters, probes when due. The next due time, or NEVER_NS. */
uint64_t down_look(struct pool *p, uint64_t now_ns);
/* Copies the words of the failed connect. */
void down_words(struct pool_share *s, struct fail *f);

/* -- pool_slot.c ----------------------------------------------------------- */
/* Takes a gift or a free slot. */
bool slot_take(struct pool *p);
/* Gives a slot to the first of the want list, else to the share. */
void slot_give(struct pool_share *s, enum close_why why);
/* Gives unused gifts on. */
void slot_return_gifts(struct pool *p);
/* Puts p on the want list (or moves it); true if there was a free slot, which is
 * p's now. */
bool slot_want(struct pool *p);
/* Takes p off the want list, if it is on it. */
void slot_unwant(struct pool *p);
/* Takes p off it; the share is locked, and p on the list. */
void slot_unlist(struct pool *p);
/* Joins and leaves the share. */
void slot_join(struct pool *p);
void slot_leave(struct pool *p);
/* Makes the pools of other workers look. */
void slot_wake_others(struct pool *p);
/* Makes p look in the next turn; any thread, p's share locked or p on this thread. */
void slot_wake(struct pool *p);

#endif
