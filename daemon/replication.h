/* SPDX-License-Identifier: MIT
 *
 * daemon/replication.h: what servers are asked about replication, in the words of each
 * kind of database, and what their answers mean. Constants; no I/O.
 */
#ifndef DAEMON_REPLICATION_H
#define DAEMON_REPLICATION_H

#include "backend/driver.h"
#include "protocol/position.h"
#include "value/run.h"

/* What a server says that it is. */
enum server_role {
    ROLE_UNKNOWN,
    ROLE_PRIMARY,   /* takes writes */
    ROLE_REPLICA,   /* follows another */
    ROLE_READ_ONLY, /* follows nobody, and takes no writes */
};
const char *server_role_name(enum server_role r);

struct replication {
    enum position_kind kind;
    struct statement probe;    /* → role, position, epoch: texts */
    struct statement position; /* right after a write, on its session → one that covers it */
    struct statement wait;     /* a position, milliseconds → 1 when it was reached, else 0 */
};

/* NULL: databases of this kind have no replicas. */
const struct replication *replication_of(enum db_kind kind);
enum server_role replication_role(struct str word);

/* Takes the first cells of the one row of such a statement as texts. Caller-owned. */
#define ANSWER_CELLS 3
#define ANSWER_BYTES 192
struct answer {
    struct row_sink sink;
    uint32_t count;
    bool there; /* a row came */
    char cells[ANSWER_CELLS][ANSWER_BYTES];
};
/* For a statement with `count` columns. */
void answer_init(struct answer *a, uint32_t count);

#endif
