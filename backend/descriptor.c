/* SPDX-License-Identifier: MIT
 *
 * backend/descriptor.c: duplicates of sockets. No state, any thread.
 */
#include "backend/descriptor.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

int descriptor_copy(int fd)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

void descriptor_drop(int fd)
{
    if (fd >= 0) {
        (void)close(fd);
    }
}

uint16_t descriptor_port(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } a = {.any = {.sa_family = AF_UNSPEC}};
    socklen_t len = sizeof a;
    if (getsockname(fd, &a.any, &len) != 0) {
        return 0;
    }
    return a.any.sa_family == AF_INET    ? ntohs(a.in.sin_port)
           : a.any.sa_family == AF_INET6 ? ntohs(a.in6.sin6_port)
                                         : 0;
}
