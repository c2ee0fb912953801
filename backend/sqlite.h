/* SPDX-License-Identifier: MIT
 *
 * backend/sqlite.h: what there is to know about SQLite besides driver.h.
 *
 * Databases in memory. Connections whose target has the same memory_name share
 * one database (the memdb VFS, `/tribikos-<memory_name>`); it lives while any
 * handle is open. Pools close their connections at will, so whoever keeps a
 * target in use holds a keeper for it: one open handle. Several keepers of one
 * name are fine (the old and the new settings of a reload). In memory there is
 * no WAL: readers and a writer shut each other out for the length of a
 * transaction, waiting as long as the busy timeout allows.
 *
 * The locale of lower and upper. glibc remembers for ever that a locale could not be
 * read, also when that was for want of a file descriptor. A keeper holds the locale
 * from the start, so that opening a connection later never has to read it.
 *
 * Options of a target (of the URL's query):
 *   timeout       seconds, fractions allowed: how long a lock is waited for (5)
 *   mode          ro, rw, rwc: create the file if it is missing (rwc)
 *   journal_mode  wal, delete, truncate, persist (wal; files only)
 *   synchronous   off, normal, full (full)
 *   foreign_keys  on, off (on)
 */
#ifndef BACKEND_SQLITE_H
#define BACKEND_SQLITE_H

#include "backend/driver.h"
#include "base/err.h"

struct sqlite_keeper;

/* Keeps alive what t's connections share until sqlite_keeper_close; *out is NULL, and
 * that is a success, if t is not SQLite. Reads the locale's files. Any thread.
 * ERR_CONNECTION_FAILED, ERR_OUT_OF_MEMORY. */
enum err sqlite_keeper_open(const struct db_target *t, struct sqlite_keeper **out,
                            struct fail *f) MUST_CHECK;
/* NULL is accepted. Any thread. */
void sqlite_keeper_close(struct sqlite_keeper *k);

#endif
