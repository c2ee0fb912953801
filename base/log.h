/* SPDX-License-Identifier: MIT
 *
 * base/log.h: structured log lines with levels and categories.
 *
 * One `struct log` for the process, created by main and passed down. A line is
 * text (`2026-… info pool message key=value`) or a JSON object. Lines are
 * written whole with one write(2), so threads do not mix. Levels may be changed
 * while threads log (atomics). Secrets never reach this module: callers mask.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"
#include "base/str.h"

#include <stdatomic.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };
enum log_category {
    LOG_DAEMON,
    LOG_CLIENT,
    LOG_POOL,
    LOG_SQL,
    LOG_CATALOG,
    LOG_CONF,
    LOG_HTTP,
};
#define LOG_CATEGORY_COUNT ((int)LOG_HTTP + 1)
enum log_format { LOG_TEXT, LOG_JSON };

struct log {
    int fd; /* borrowed; -1 discards */
    _Atomic int format;
    _Atomic int level[LOG_CATEGORY_COUNT];
    _Atomic uint64_t lines; /* written, for the stats */
};

/* Starts with level info everywhere. */
void log_init(struct log *l, int fd, enum log_format format);
void log_set_level(struct log *l, enum log_category c, enum log_level level);
/* Cheap test before building an expensive line. l may be NULL (never on). */
bool log_on(const struct log *l, enum log_category c, enum log_level level);
const char *log_level_name(enum log_level level);
const char *log_category_name(enum log_category c);

/* A value beside the message. */
struct log_field {
    const char *key;
    enum { LOG_FIELD_INT, LOG_FIELD_STR } kind;
    int64_t num;
    struct str text;
};
#define LOG_I(k, v)                                                                            \
    (struct log_field)                                                                         \
    {                                                                                          \
        (k), LOG_FIELD_INT, (int64_t)(v),                                                      \
        {                                                                                      \
            0                                                                                  \
        }                                                                                      \
    }
#define LOG_S(k, s)                                                                            \
    (struct log_field)                                                                         \
    {                                                                                          \
        (k), LOG_FIELD_STR, 0, (s)                                                             \
    }

/* Writes one line if the level is on. Fields end with a NULL key. Long lines
 * are cut at 8 KiB, and control characters escaped. */
void log_write(struct log *l, enum log_category c, enum log_level level,
               const struct log_field *fields, const char *fmt, ...) PRINTF_LIKE(5, 6);

#define LOG_END                                                                                \
    (struct log_field)                                                                         \
    {                                                                                          \
        0                                                                                      \
    }

/* LOG(l, LOG_POOL, LOG_WARN, "connect failed", LOG_S("db", name), LOG_END) */
#define LOG(l, c, level, msg, ...)                                                             \
    do {                                                                                       \
        if (log_on((l), (c), (level))) {                                                       \
            log_write((l), (c), (level), (const struct log_field[]){__VA_ARGS__}, "%s",        \
                      (msg));                                                                  \
        }                                                                                      \
    } while (0)

#endif
