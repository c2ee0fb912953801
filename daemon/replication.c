/* SPDX-License-Identifier: MIT
 *
 * daemon/replication.c: statements about replication.
 *
 * PostgreSQL has no function that waits for a position: the statement looks every few
 * milliseconds. The position after a write is that of the log's end, which covers the
 * write's commit whether it has been flushed or not.
 */
#include "daemon/replication.h"

#include <stdio.h>
#include <string.h>

#define TEXT                                                                                   \
    {                                                                                          \
        .type = {.kind = TYPE_TEXT, .length = -1, .precision = -1, .scale = -1, .native = 25 } \
    }
#define ASKS(text, count)                                                                      \
    {                                                                                          \
        .sql = {(text), sizeof(text) - 1}, .columns = texts, .column_count = (count),          \
        .read_only = true                                                                      \
    }
#define WAITS(text)                                                                            \
    {                                                                                          \
        .sql = {(text), sizeof(text) - 1}, .columns = texts, .column_count = 1,                \
        .param_types = wait_types, .param_count = 2, .read_only = true                         \
    }

static const struct column_info texts[] = {TEXT, TEXT, TEXT};
static const struct type wait_types[] = {
    {.kind = TYPE_TEXT, .length = -1, .precision = -1, .scale = -1, .native = 25},
    {.kind = TYPE_BIGINT, .length = -1, .precision = -1, .scale = -1, .native = 20},
};

static const struct replication pg = {
    .kind = POSITION_LSN,
    .probe = ASKS(
        "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN 'replica'"
        " WHEN pg_catalog.current_setting('transaction_read_only') = 'on' THEN 'read_only'"
        " ELSE 'primary' END,"
        " CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()"
        " ELSE pg_catalog.pg_current_wal_insert_lsn() END::text,"
        " (SELECT timeline_id::text FROM pg_catalog.pg_control_checkpoint())",
        3),
    .position = ASKS("SELECT pg_catalog.pg_current_wal_insert_lsn()::text", 1),
    .wait = WAITS(
        "WITH RECURSIVE look(done) AS ("
        "SELECT pg_catalog.pg_last_wal_replay_lsn() >= $1::text::pg_catalog.pg_lsn"
        " UNION ALL "
        "SELECT (SELECT pg_catalog.pg_last_wal_replay_lsn() >= $1::text::pg_catalog.pg_lsn"
        " FROM pg_catalog.pg_sleep(CASE WHEN done THEN 0 ELSE 0.003 END))"
        " FROM look WHERE NOT done AND pg_catalog.clock_timestamp() <"
        " pg_catalog.statement_timestamp() + $2 * interval '1 millisecond') "
        "SELECT CASE WHEN pg_catalog.bool_or(done) THEN '1' ELSE '0' END FROM look"),
};

/* Who follows with its threads stopped is known by read_only alone. The last GTID of a
 * session that wrote nothing yet is empty: then it is that of all. */
static const struct replication maria = {
    .kind = POSITION_GTID,
    .probe = ASKS("SELECT CASE WHEN @@global.read_only OR (SELECT variable_value FROM"
                  " information_schema.global_status WHERE variable_name ="
                  " 'SLAVES_RUNNING') > 0 THEN 'replica' ELSE 'primary' END,"
                  " @@global.gtid_current_pos, CAST(@@global.server_id AS CHAR)",
                  3),
    .position = ASKS("SELECT CASE WHEN @@last_gtid <> '' THEN @@last_gtid"
                     " ELSE @@global.gtid_current_pos END",
                     1),
    .wait = WAITS("SELECT CASE WHEN master_gtid_wait(?, ? / 1000) = 0 THEN '1' ELSE '0' END"),
};

const struct replication *replication_of(enum db_kind kind)
{
    switch (kind) {
    case DB_PG:
        return &pg;
    case DB_MARIA:
        return &maria;
    case DB_SQLITE:
    case DB_FAKE:
        break;
    }
    return NULL;
}

static const char *const roles[] = {[ROLE_UNKNOWN] = "unknown",
                                    [ROLE_PRIMARY] = "primary",
                                    [ROLE_REPLICA] = "replica",
                                    [ROLE_READ_ONLY] = "read_only"};

const char *server_role_name(enum server_role r)
{
    return roles[r];
}

enum server_role replication_role(struct str word)
{
    for (int r = ROLE_PRIMARY; r <= (int)ROLE_READ_ONLY; r++) {
        if (str_is(word, roles[r])) {
            return (enum server_role)r;
        }
    }
    return ROLE_UNKNOWN;
}

/* ---- answers ---- */

static enum sink_verdict take_row(struct row_sink *s, const struct value *cells, struct fail *f)
{
    struct answer *a = (struct answer *)s;
    (void)f;
    for (uint32_t i = 0; i < a->count; i++) {
        const struct value *v = &cells[i];
        struct str text = v->kind == VALUE_TEXT ? v->text : (struct str){"", 0};
        snprintf(a->cells[i], ANSWER_BYTES, "%.*s", STR_ARG(text));
    }
    a->there = true;
    return SINK_MORE;
}

void answer_init(struct answer *a, uint32_t count)
{
    memset(a, 0, sizeof *a);
    a->sink.row = take_row;
    a->count = count;
}
