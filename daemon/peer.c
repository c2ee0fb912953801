/* SPDX-License-Identifier: MIT
 *
 * daemon/peer.c: see peer.h.
 *
 * TCP_USER_TIMEOUT would do it alone, but it also ends whoever reads nothing for so long
 * while his kernel acknowledges that.
 */
#include "daemon/peer.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define PROBES 3

static void set(int fd, int level, int name, uint64_t value)
{
    int v = (int)value;
    (void)setsockopt(fd, level, name, &v, sizeof v); /* without it we notice later */
}

void peer_watch(int fd, uint64_t keepalive_ms)
{
    uint64_t seconds = keepalive_ms / 1000;
    uint64_t each = seconds / (2 * PROBES) > 0 ? seconds / (2 * PROBES) : 1;
    uint64_t idle = seconds > (PROBES + 1) * each ? seconds - PROBES * each : 1;
    set(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle);
    set(fd, IPPROTO_TCP, TCP_KEEPINTVL, each);
    set(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
    set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

enum peer_state peer_state(int fd, uint64_t keepalive_ms)
{
    struct tcp_info info;
    socklen_t len = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0) {
        return PEER_THERE;
    }
    if (info.tcpi_state == TCP_CLOSE) {
        return PEER_GONE;
    }
    int unacked = 0; /* sent or not yet */
    if (ioctl(fd, SIOCOUTQ, &unacked) != 0 || unacked == 0) {
        return PEER_THERE;
    }
    bool asked = info.tcpi_retransmits > 1 || info.tcpi_probes > 1;
    return asked && info.tcpi_last_ack_recv > keepalive_ms ? PEER_SILENT : PEER_OWES;
}
