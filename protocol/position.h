/* SPDX-License-Identifier: MIT
 *
 * protocol/position.h: how far a server's history of writes has come, as clients see it
 * in `position` and give it back in `read_after`. Sans-I/O.
 *
 *   position := "pg:" lsn | "maria:" gtid ("," gtid)*
 *   lsn      := hex{1,8} "/" hex{1,8}
 *   gtid     := domain "-" server "-" sequence          (decimal)
 */
#ifndef PROTOCOL_POSITION_H
#define PROTOCOL_POSITION_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum position_kind {
    POSITION_NONE, /* not known */
    POSITION_LSN,  /* PostgreSQL: a place in the write-ahead log */
    POSITION_GTID, /* MariaDB: the last transaction of each replication domain */
};

#define POSITION_DOMAINS 4 /* a server with more has no positions for us */
#define POSITION_TEXT_BYTES 192

struct gtid {
    uint32_t domain, server;
    uint64_t sequence;
};

struct position {
    enum position_kind kind;
    uint32_t gtid_count;
    union {
        uint64_t lsn;
        struct gtid gtids[POSITION_DOMAINS];
    };
};

/* Reads what position_write wrote. */
bool position_parse(struct str text, struct position *out);
/* Reads a database's own text: a lsn or a list of gtid. false also for an empty one. */
bool position_read(enum position_kind kind, struct str text, struct position *out);
/* Writes it with its kind and a NUL; POSITION_NONE is the empty text. */
void position_write(const struct position *p, char out[POSITION_TEXT_BYTES]);
/* The part behind the kind, as the database itself writes it. */
struct str position_native(const char *text);
/* Whether who has come to `have` has all that `want` has. Nobody has POSITION_NONE. */
bool position_covers(const struct position *have, const struct position *want);
/* Makes p cover `to` as well; `to` takes the place of one of another kind. */
void position_raise(struct position *p, const struct position *to);

#endif
