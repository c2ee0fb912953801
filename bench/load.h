/* SPDX-License-Identifier: MIT
 *
 * bench/load.h: connections of the load generator, and what a protocol must tell
 * about itself to be measured.
 *
 * One thread, one epoll set. A protocol only appends requests to `out` and finds the
 * ends of replies in `in`; sockets, clocks and counts are bench/loadgen.c's.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct load_opts {
    const char *host;
    uint16_t port;
    uint32_t connections;
    uint32_t in_flight; /* requests of one connection that wait for a reply */
    uint32_t warmup_ms;
    uint32_t duration_ms;
    uint32_t rows; /* keys are 1 … rows */
    const char *user, *database;
    bool writes; /* inserts instead of reads by key */
};

/* A request on its way. */
struct load_slot {
    uint64_t sent_ns;
    uint32_t key;
    bool busy;
};

struct load_conn {
    int fd;
    bool ready;   /* logged in, statements prepared */
    bool greeted; /* the protocol's own: what it waits for */
    bool saw_row; /* of the reply that is being read */
    bool saw_error;
    uint32_t waiting;        /* replies owed to us */
    uint32_t oldest;         /* slot of the oldest request, where replies keep order */
    struct load_slot *slots; /* in_flight */
    struct buf in, out;
    size_t in_at;  /* read so far of `in` */
    size_t out_at; /* sent so far of `out` */
    uint64_t random;
    const struct load_opts *opts;
};

enum load_scan {
    SCAN_MORE,  /* no whole reply yet */
    SCAN_READY, /* (greeting) requests may be sent */
    SCAN_REPLY, /* a right reply; *slot says to which request */
    SCAN_ERROR, /* a reply, but an error or not what was asked for */
    SCAN_LOST,  /* not our protocol: give up */
};

struct load_protocol {
    const char *name;
    /* Appends what must be sent before the first request; NULL: nothing. */
    void (*greet)(struct load_conn *c);
    /* Reads answers to the greeting: SCAN_MORE, SCAN_READY or SCAN_LOST. */
    enum load_scan (*greeting)(struct load_conn *c);
    /* Appends a request for slots[slot].key. */
    void (*request)(struct load_conn *c, uint32_t slot);
    /* Reads one reply from in_at on, and moves in_at behind it. */
    enum load_scan (*reply)(struct load_conn *c, uint32_t *slot);
};

extern const struct load_protocol load_lines, load_lines_id, load_redis;
extern const struct load_protocol load_pg_simple, load_pg_unnamed, load_pg_prepared;

/* Bytes that were received and not yet read. */
struct str load_unread(const struct load_conn *c);

#endif
