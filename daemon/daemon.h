/* SPDX-License-Identifier: MIT
 *
 * daemon/daemon.h: the whole server: workers, listener, stats endpoint, signals.
 *
 * Everything hangs from the one struct daemon that daemon_run makes; there are no
 * globals. Main thread.
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include "base/err.h"
#include "conf/conf.h"

enum daemon_exit {
    EXIT_AS_ASKED = 0, /* stopped by SIGTERM or SIGINT */
    EXIT_FAILED = 1,   /* a fault while running */
    EXIT_BAD_CONF = 2, /* bad conf or arguments */
};

struct daemon_opts {
    struct conf *conf;     /* taken over */
    const char *conf_path; /* read again on SIGHUP; NULL: nothing to read */
    bool announce;         /* print lines for nc once clients may connect */
};

/* Serves until it is told to stop. */
enum daemon_exit daemon_run(const struct daemon_opts *opts);

#endif
