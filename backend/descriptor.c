/* SPDX-License-Identifier: MIT
 *
 * backend/descriptor.c: duplicates of sockets. No state, any thread.
 */
#include "backend/descriptor.h"

#include <fcntl.h>
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
