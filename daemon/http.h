/* SPDX-License-Identifier: MIT
 *
 * daemon/http.h: the stats endpoint: /stats, /metrics, /healthz, /readyz.
 *
 * libmicrohttpd in a thread of its own, so that no scrape holds up a client; the
 * callbacks run there. GET and HEAD only. The Host header must name this machine's
 * loopback or the configured host, so that no web page reads the figures through
 * a name that it points at us (DNS rebinding).
 */
#ifndef DAEMON_HTTP_H
#define DAEMON_HTTP_H

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct http;

/* Borrowed for the life of the endpoint. */
struct http_opts {
    struct str host; /* address or name; 0.0.0.0 and :: mean every address */
    uint16_t port;   /* 0: any free one */
    struct log *log;
    void (*stats)(void *arg, struct buf *out);   /* a JSON object */
    void (*metrics)(void *arg, struct buf *out); /* Prometheus text 0.0.4 */
    bool (*ready)(void *arg, struct buf *out);   /* false: words why not, for /readyz */
    void *arg;
};

/* Listens and starts the thread. ERR_CONNECTION_FAILED with the address and the
 * reason ("in use by another program"), ERR_OUT_OF_MEMORY. */
enum err http_start(const struct http_opts *opts, struct http **out, struct fail *f) MUST_CHECK;
/* Ends the thread; requests under way are cut off. NULL is accepted. */
void http_stop(struct http *h);
/* The port it listens on. */
uint16_t http_port(const struct http *h);
/* Of libmicrohttpd; static. */
const char *http_library_version(void);

#endif
