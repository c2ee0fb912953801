/* SPDX-License-Identifier: MIT
 *
 * cache/members.h: the daemons that share versions: what they say to each other, and what
 * each may conclude from what it heard. No I/O; the clock is passed in.
 *
 * Each daemon writes to the log (cache/ledger.h) what it moved, at once, and a beat every
 * BEAT_NS, which ends with all that it has to tell and names the position that it has heard
 * itself. From that others know how new the beat is at least, by their own clock: it was made
 * after they sent what stands at that position. So long as the oldest such moment over all
 * members is less than PROMISE_NS ago, every write that was acknowledged before it is
 * known here, however long messages were under way, and whoever was stopped for how long.
 * Otherwise this daemon is apart, and serves nothing that was read more than a second ago.
 *
 * A member that says nothing stays one until `forget`: what it sent to a database before
 * it died may take effect so long. Then all that was read before counts as moved.
 *
 * A message: `EPOCH POSITION` from Redis, then `KIND ID NUMBER SEEN` and `all` or slots.
 *
 * One thread, the teller of the ledger.
 */
#ifndef CACHE_MEMBERS_H
#define CACHE_MEMBERS_H

#include "base/buf.h"
#include "base/str.h"
#include "cache/ledger.h"

#include <stdbool.h>
#include <stdint.h>

#define MEMBERS_MAX 128
#define MEMBERS_RING 64
#define BEAT_NS UINT64_C(250000000)
#define PROMISE_NS UINT64_C(900000000)
#define TELL_GAP_NS UINT64_C(1000000) /* between messages: what comes meanwhile goes along */
#define STUCK_NS UINT64_C(2000000000) /* a message that is not heard by then is lost */

struct member {
    uint64_t id;
    uint64_t since_ns; /* when it became known to us */
    uint64_t fresh_ns; /* all that it told before this is known; 0: it has not said so yet */
};

/* One of our messages, heard again. */
struct member_echo {
    uint64_t position, sent_ns;
};

struct members_counts {
    uint64_t told, heard; /* messages */
    uint64_t slots_told, slots_heard;
    uint64_t missed;    /* times that something may have been missed */
    uint64_t forgotten; /* members that were silent for too long */
    uint64_t unread;    /* messages that were none of ours */
};

struct members {
    struct versions *versions;
    uint64_t id;
    uint64_t forget_ns;
    bool joined;
    bool crowded; /* more members than there is room for: never whole */
    struct ledger_place at;
    uint64_t number;     /* of our latest message … */
    uint64_t out_number; /* … of the one that we have not heard yet, or 0 */
    uint64_t out_ns;
    uint64_t told_ns, beat_ns; /* when the latest message, the latest beat were made */
    uint64_t fresh_ns;         /* all that stood in the log before this is known */
    struct member_echo ring[MEMBERS_RING];
    uint32_t ring_next;
    struct member list[MEMBERS_MAX]; /* the others */
    uint32_t count;
    struct members_counts counts;
};

void members_init(struct members *m, struct versions *v, uint64_t id, uint64_t forget_ns);
/* We hear the log behind this place, and others are registered under these ids. */
void members_join(struct members *m, struct ledger_place at, uint64_t now_ns);
void members_register(struct members *m, uint64_t id, uint64_t now_ns);
/* We may not hear it any more. */
void members_part(struct members *m);

enum heard {
    HEARD,
    HEARD_NOTHING, /* it is none of ours, or was heard before */
    HEARD_ANEW,    /* the log began anew: join again */
};
enum heard members_hear(struct members *m, struct str text, uint64_t now_ns);

/* When members_tell is to be called; UINT64_MAX: when something has happened. */
uint64_t members_due(const struct members *m);
/* Writes the part of a message behind EPOCH and POSITION, if one is to be sent now. */
bool members_tell(struct members *m, uint64_t now_ns, struct buf *out);
/* The last message, if we may leave: no write of ours is without an outcome. */
bool members_leave(struct members *m, struct buf *out);
/* Our message has not come back for too long. */
bool members_stuck(const struct members *m, uint64_t now_ns);
/* The id of a member that is to be struck off the register. */
bool members_forget(struct members *m, uint64_t now_ns, uint64_t *id);
/* How many others are silent, by now. */
uint32_t members_silent(const struct members *m, uint64_t now_ns);

#endif
