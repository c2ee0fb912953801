/* SPDX-License-Identifier: MIT
 *
 * redis_server.h: a real redis-server for tests, on a loopback port and a Unix socket,
 * which keeps nothing. One that cannot start ends the program with status 2. It dies with
 * the thread that started it.
 */
#ifndef TESTS_REDIS_SERVER_H
#define TESTS_REDIS_SERVER_H

#include <stdint.h>
#include <sys/types.h>

struct redis_server {
    pid_t pid;
    uint16_t port;
    char dir[64];
    char socket[96];
};

#define REDIS_SERVER_PASSWORD "geh@im/:1"

/* Who connects has to give the password. */
void redis_server_init(struct redis_server *s);
void redis_server_fini(struct redis_server *s);
/* kill -9, and a new one in its place. */
void redis_server_restart(struct redis_server *s);

#endif
