/* SPDX-License-Identifier: MIT
 *
 * redis_server.c: starts and ends redis-server.
 */
#include "redis_server.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_NS UINT64_C(60000000000)

static void die(const char *what)
{
    fprintf(stderr, "test redis-server: %s\n", what);
    exit(2);
}

static int dial(uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Below the ports that connections get. */
static uint16_t free_port(void)
{
    for (uint16_t port = (uint16_t)(20000 + getpid() % 10000); port < 32000; port++) {
        int fd = dial(port);
        if (fd < 0) {
            return port;
        }
        close(fd);
    }
    die("no port is free");
    return 0;
}

static void start(struct redis_server *s)
{
    char port[8];
    snprintf(port, sizeof port, "%u", s->port);
    s->pid = fork();
    if (s->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (freopen("/dev/null", "w", stdout) == NULL) {
            _exit(125);
        }
        execlp("redis-server", "redis-server", "--bind", "127.0.0.1", "--port", port, "--dir",
               s->dir, "--unixsocket", s->socket, "--save", "", "--appendonly", "no",
               "--requirepass", REDIS_SERVER_PASSWORD, (char *)NULL);
        _exit(127);
    }
    for (uint64_t end = clock_now_ns() + START_NS; clock_now_ns() < end;) {
        int fd = dial(s->port);
        if (fd >= 0) {
            close(fd);
            return;
        }
        if (waitpid(s->pid, NULL, WNOHANG) == s->pid) {
            die("it ended at once");
        }
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    die("it does not answer");
}

static void stop(struct redis_server *s)
{
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0); /* says nothing in a fork of who started it */
    for (int fd; (fd = dial(s->port)) >= 0;) {
        close(fd);
    }
}

void redis_server_init(struct redis_server *s)
{
    snprintf(s->dir, sizeof s->dir, "/tmp/tribikos-redis-XXXXXX");
    if (mkdtemp(s->dir) == NULL) {
        die("no folder");
    }
    snprintf(s->socket, sizeof s->socket, "%s/redis.sock", s->dir);
    s->port = free_port();
    start(s);
}

void redis_server_fini(struct redis_server *s)
{
    stop(s);
    unlink(s->socket);
    rmdir(s->dir);
}

void redis_server_restart(struct redis_server *s)
{
    stop(s);
    start(s);
}
