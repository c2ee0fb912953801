/* SPDX-License-Identifier: MIT
 *
 * backend/sqlite_args.h: the arguments of functions that SQL for SQLite calls. On the
 * connection's thread; texts live as long as the call.
 */
#ifndef BACKEND_SQLITE_ARGS_H
#define BACKEND_SQLITE_ARGS_H

#include "base/str.h"

#include <sqlite3.h>
#include <stdbool.h>

/* The value as text; ptr NULL: it is null, or memory is full. */
static inline struct str sqlite_text_arg(sqlite3_value *v)
{
    const char *p = (const char *)sqlite3_value_text(v);
    return (struct str){p, p == NULL ? 0 : (size_t)sqlite3_value_bytes(v)};
}

static inline bool sqlite_any_null(int argc, sqlite3_value **argv)
{
    for (int i = 0; i < argc; i++) {
        if (sqlite3_value_type(argv[i]) == SQLITE_NULL) {
            return true;
        }
    }
    return false;
}

#endif
