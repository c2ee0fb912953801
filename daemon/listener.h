/* SPDX-License-Identifier: MIT
 *
 * daemon/listener.h: the sockets that clients connect to, and the one acceptor.
 *
 * Belongs to the main thread. Accepting is done here with accept4(2), not by
 * libuv, which closes clients silently when file descriptors run out.
 */
#ifndef DAEMON_LISTENER_H
#define DAEMON_LISTENER_H

#include "backend/loop.h"
#include "base/err.h"
#include "base/log.h"
#include "conf/conf.h"

#include <stdatomic.h>
#include <stdint.h>

struct listener;

struct listener_opts {
    const struct conf_listen *listen;
    uint32_t count;
    bool unprotected; /* addresses beyond loopback are allowed */
    struct loop *loop;
    struct log *log;
    /* Takes an accepted socket. */
    void (*accepted)(void *arg, int fd);
    /* Whether one more client may come; else it is told `too_many_clients`. */
    bool (*has_room)(void *arg);
    void *arg;
    _Atomic uint64_t *refused; /* counts clients turned away */
};

/* Opens every address. ERR_CONNECTION_FAILED with the address and the reason; an
 * address beyond loopback is refused with the name of the override. */
enum err listener_open(const struct listener_opts *opts, struct listener **out,
                       struct fail *f) MUST_CHECK;
/* Stops accepting and closes; Unix sockets are removed. Frees itself once the loop
 * has closed its handles. NULL is accepted. */
void listener_close(struct listener *l);

#endif
