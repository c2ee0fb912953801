/* SPDX-License-Identifier: MIT
 *
 * servers.h: real database servers for tests: started in a temporary folder as
 * an unprivileged user, on a Unix socket and a loopback port, and removed.
 *
 * A test program starts its server once, in main, before Check forks. A server
 * that cannot start ends the program with status 2, so a suite without its
 * server fails. The server dies with the thread that started it: a test that
 * kills and restarts one makes one of its own.
 */
#ifndef TESTS_SERVERS_H
#define TESTS_SERVERS_H

#include <stdint.h>
#include <sys/types.h>

enum server_kind { SERVER_PG, SERVER_MARIA };

/* The texts are for struct db_target; the same user, password and database on both kinds:
 * user tribikos (may do everything), database test. The socket asks PostgreSQL
 * for no password, the port does; MariaDB wants it on both. Both speak TLS on
 * their port, with the certificate dir/tls.crt for localhost. */
struct server {
    enum server_kind kind;
    pid_t pid; /* 0: not running */
    uint16_t port;
    char dir[64];
    char socket[96]; /* PostgreSQL: the folder; MariaDB: the socket itself */
};

#define SERVER_USER "tribikos"
#define SERVER_PASSWORD "geh@im/:1"
#define SERVER_DATABASE "test"

/* Makes a new, empty server and waits until it answers. */
void server_init(struct server *s, enum server_kind kind);
/* Ends it and removes its folder. */
void server_fini(struct server *s);
/* kill -9 of the server and all its processes; returns when they are gone. */
void server_kill(struct server *s);
/* Fast, orderly shutdown. */
void server_stop(struct server *s);
/* Starts a killed or stopped server again on the same data, socket and port. */
void server_start(struct server *s);
/* A loopback port below 32768 on which nobody listened just now. */
uint16_t server_free_port(void);

#endif
