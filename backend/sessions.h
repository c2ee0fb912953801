/* SPDX-License-Identifier: MIT
 *
 * backend/sessions.h: which sessions of a server are ours, by the number that the server
 * gives them.
 *
 * Who hears what other sessions do can so tell our own from those of strangers. One list
 * for each server, for all threads, without a lock; zeroed is empty.
 */
#ifndef BACKEND_SESSIONS_H
#define BACKEND_SESSIONS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { SESSIONS_MAX = 1024 }; /* more are taken for strangers' */

struct sessions {
    _Atomic uint64_t ids[SESSIONS_MAX]; /* 0: free */
};

/* s may be NULL: then nothing is remembered. */
void sessions_add(struct sessions *s, uint64_t id);
void sessions_remove(struct sessions *s, uint64_t id);
bool sessions_have(const struct sessions *s, uint64_t id);

#endif
