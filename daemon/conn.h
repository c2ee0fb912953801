/* SPDX-License-Identifier: MIT
 *
 * daemon/conn.h: one client: its socket, its unfinished line, its requests in
 * order of arrival, and the bytes it has not read yet.
 *
 * Belongs to one worker's thread. Lives until its socket is closed and its last
 * request is done. States: docs/ARCHITECTURE.md "Clients".
 */
#ifndef DAEMON_CONN_H
#define DAEMON_CONN_H

#include "base/buf.h"
#include "base/hash.h"
#include "daemon/worker.h"
#include "protocol/frame.h"
#include "protocol/message.h"

#include <uv.h>

struct req;
struct tx;
struct prepared;

enum conn_state {
    CONN_OPEN,
    CONN_HALF,    /* the client sends no more, but some of it is still to be read */
    CONN_ENDED,   /* the client sends no more: what it asked is answered, then closed */
    CONN_LINGER,  /* we said our last word; input is dropped until the client has it */
    CONN_CLOSING, /* uv_close is under way */
    CONN_CLOSED,
};

struct conn {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } io;
    struct worker *worker;
    enum conn_state state;
    uint64_t number; /* for the log */
    uint64_t since_ns, bytes_in, bytes_out;
    struct frame frame;
    uint32_t line_seconds; /* that a line has been unfinished */
    struct buf held;       /* input that waits until there is room for more requests … */
    size_t looked;         /* … and was looked through for cancels as far as here */
    struct buf out;        /* replies not yet handed to the socket */
    struct buf sending;    /* replies that uv_write works on */
    uv_write_t write;
    struct task flush;
    struct timer linger;
    struct req *first, *last; /* in order of arrival */
    uint32_t req_count;
    struct tx *txs;       /* its transactions */
    struct req *writer;   /* whose line is begun and not ended; NULL: a line may begin */
    bool unsettled;       /* some of its requests may wait to be poked */
    bool reading;         /* uv_read_start is on */
    bool owed;            /* was sent bytes that may not have arrived */
    bool writing;         /* uv_write is under way */
    size_t charged_bytes; /* of its buffers, counted in worker_shared.request_bytes */
    /* what hello set */
    struct str db; /* allocated; empty: the conf's default */
    enum int64_form int64;
    enum reads reads;        /* where its reads go unless they say otherwise */
    struct written *written; /* its last write to each database (daemon/route.c) … */
    bool wrote_unknown;      /* … or there was no memory to note one */
    struct map prepared;     /* name → struct prepared */
    struct conn *next, *prev;
};

/* Takes an accepted socket; closes it on error. */
enum err conn_create(struct worker *w, int fd) MUST_CHECK;
/* Cancels every request and closes the socket now. */
void conn_close(struct conn *c);
/* Once a second: parts from a client that began a line and does not end it. And nobody reads
 * the socket of a client whose input is paused or over, so this is who sees that it is gone;
 * then what it asked is stopped. */
void conn_check(struct conn *c);
/* No more input is read; closes once everything is answered. */
void conn_end(struct conn *c);

/* conn_end, unless it has transactions: those may come to their end. */
void conn_drain(struct conn *c);

/* Whether r may put bytes of a line into c->out now: no other line is open and,
 * for a request without id, all earlier ones without id have been answered. */
bool conn_may_write(const struct conn *c, const struct req *r);
/* More than limits.output_buffer waits for the client. */
bool conn_full(const struct conn *c);
/* Says that c->out has grown: it is sent at the end of this turn. */
void conn_flush_later(struct conn *c);
/* r is done and about to go: unlinks it and lets the others move. */
void conn_request_done(struct conn *c, struct req *r);
/* Something changed that others may wait for (a line ended, an effect happened). */
void conn_wake(struct conn *c);
/* The request in flight with this id, or NULL. */
struct req *conn_find(const struct conn *c, const struct request_id *id);
/* What stands in req.id_tag for this id. */
uint64_t conn_id_tag(const struct request_id *id);

/* A statement kept under a name by `prepare`. References: one of the name, one of
 * each request that runs it. */
struct prepared {
    uint32_t refs;
    struct arena arena; /* name, text and tree */
    struct str name;
    const struct json *query;
    struct str db;
    struct worker_shared *shared; /* its memory is counted there */
};

/* Keeps a copy of the statement under its name, replacing an older one. */
enum err conn_prepare(struct conn *c, struct str name, struct str query_source, struct str db,
                      unsigned depth, struct prepared **out) MUST_CHECK;
/* false if there is none. */
bool conn_deallocate(struct conn *c, struct str name);
struct prepared *conn_prepared(struct conn *c, struct str name);
void prepared_unref(struct prepared *p);

#endif
