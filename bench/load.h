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
#include "bench/load_work.h"

#include <stdbool.h>
#include <stdint.h>

struct load_opts {
    const char *host;
    uint16_t port;
    uint32_t connections;
    uint32_t in_flight; /* requests of one connection that wait for a reply */
    uint32_t rate;      /* requests started each second; 0: as soon as one is answered */
    uint32_t warmup_ms;
    uint32_t duration_ms;
    uint32_t rows; /* keys are 1 … rows */
    uint32_t pid;  /* whose CPU is told; 0: nobody's */
    const char *user, *database;
    const char *hello; /* NDJSON: the database that `hello` asks for, or NULL */
    const struct load_work *work;
};

/* A request on its way. */
struct load_slot {
    uint64_t due_ns; /* when it was sent or, with a rate, should have been */
    uint32_t key;
    uint16_t statement; /* index into the work's statements */
    uint8_t owed;       /* replies to come: 1, or more where the protocol says so */
    bool wrong;         /* one of those that came was not what was asked for */
};

/* What right replies to a statement begin with, once one was seen. */
struct load_head {
    char text[480];
    size_t len; /* 0: none seen yet */
};

struct load_conn {
    int fd;
    bool ready;              /* logged in, statements prepared */
    bool greeted;            /* the protocol's own: what it waits for */
    uint32_t rows;           /* of the reply that is being read */
    uint32_t waiting;        /* requests that are not answered */
    uint32_t oldest;         /* slot of the oldest request, where replies keep order */
    struct load_slot *slots; /* in_flight */
    struct str in;           /* received and not yet read */
    struct buf kept;         /* the part of a reply whose rest is still to come */
    struct buf out;
    size_t out_at; /* sent so far of `out` */
    uint64_t random;
    struct load_conn *next_free; /* with a rate: it waits for its next request */
    const struct load_opts *opts;
    struct load_head *heads; /* one for each statement, shared by all connections */
};

enum load_scan {
    SCAN_MORE,  /* no whole reply yet */
    SCAN_READY, /* (greeting) requests may be sent */
    SCAN_PART,  /* a reply, but others of the same request are still to come */
    SCAN_REPLY, /* the request in *slot is answered rightly */
    SCAN_ERROR, /* answered, but with an error or not what was asked for */
    SCAN_LOST,  /* not our protocol: give up */
};

struct load_protocol {
    const char *name;
    /* Appends what must be sent before the first request, and says whether that is
     * anything; NULL: nothing. */
    bool (*greet)(struct load_conn *c);
    /* Reads answers to the greeting: SCAN_MORE, SCAN_READY or SCAN_LOST. */
    enum load_scan (*greeting)(struct load_conn *c);
    /* Appends a request for slots[slot]; more than one reply is to be set as owed. */
    void (*request)(struct load_conn *c, uint32_t slot);
    /* Reads one reply from the start of `in` and moves behind it. */
    enum load_scan (*reply)(struct load_conn *c, uint32_t *slot);
};

extern const struct load_protocol load_lines, load_lines_id, load_redis;
extern const struct load_protocol load_pg_simple, load_pg_unnamed, load_pg_prepared;

/* Moves behind the first n bytes of what was received. */
void load_skip(struct load_conn *c, size_t n);
/* What slots[slot] asks for. */
const struct load_statement *load_statement_of(const struct load_conn *c, uint32_t slot);
/* The first cell of a right answer to it: the key, or what the statement says. */
uint32_t load_first_cell(const struct load_conn *c, uint32_t slot);
/* Writes v in decimal, at most 10 digits, and returns how many. */
size_t load_put_number(char *out, uint32_t v);

#endif
