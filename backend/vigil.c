/* SPDX-License-Identifier: MIT
 *
 * backend/vigil.c: asks the kernel how long a peer has acknowledged nothing. Loop
 * thread; no state but the caller's.
 */
#include "backend/vigil.h"

#include "base/clock.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/socket.h>

#define LOOK_NS UINT64_C(1000000000)
#define SILENT_MS 3500 /* with keepalives after 2 s, an ack is never that old in peace */
#define TRIES 2        /* a single lost packet is none */

static bool tcp_info_of(int fd, struct tcp_info *out)
{
    socklen_t len = sizeof *out;
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, out, &len) == 0;
}

static void on_look(struct timer *t)
{
    struct vigil *v = (struct vigil *)(void *)((char *)t - offsetof(struct vigil, timer));
    struct tcp_info i = {0};
    if (tcp_info_of(v->fd, &i) && i.tcpi_unacked > 0 && i.tcpi_retransmits >= TRIES &&
        i.tcpi_last_ack_recv >= SILENT_MS) {
        (void)shutdown(v->fd, SHUT_RDWR);
        return;
    }
    /* Out of memory: then timeouts are what is left. */
    (void)!loop_timer_start(v->loop, t, clock_now_ns() + LOOK_NS);
}

void vigil_start(struct vigil *v, struct loop *l, int fd)
{
    struct tcp_info i = {0};
    v->loop = l;
    v->fd = fd;
    v->timer.fire = on_look;
    if (tcp_info_of(fd, &i)) {
        (void)!loop_timer_start(l, &v->timer, clock_now_ns() + LOOK_NS);
    }
}

void vigil_stop(struct vigil *v)
{
    if (v->loop != NULL) {
        loop_timer_stop(v->loop, &v->timer);
    }
}
