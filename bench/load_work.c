/* SPDX-License-Identifier: MIT
 *
 * bench/load_work.c: the statements of each work, over the tables of
 * bench/servers.py.
 */
#include "bench/load_work.h"

#include <stddef.h>
#include <string.h>

#define ALL_KEYS 100000
#define CACHED_KEYS 1000
#define BY_KEY "\"where\":[\"=\",\"id\",\":k\"]},\"params\":{\"k\":"
#define END "}}\n"
#define SELECT_USERS                                                                           \
    {                                                                                          \
        .json = "\"query\":{\"select\":[\"id\",\"name\",\"email\",\"age\"],"                   \
                "\"from\":\"users\"," BY_KEY,                                                  \
        .json_end = END,                                                                       \
        .sql = "SELECT id, name, email, age FROM users WHERE id = ", .sql_end = "", .rows = 1, \
        .keys = ALL_KEYS                                                                       \
    }
#define INSERT_EVENT                                                                           \
    .json = "\"query\":{\"insert\":\"events\",\"set\":{\"user_id\":\":k\",\"note\":"           \
            "{\"value\":\"a note of some thirty bytes\"}}},\"params\":{\"k\":",                \
    .json_end = END, .sql = "INSERT INTO events (user_id, note) VALUES (",                     \
    .sql_end = ", 'a note of some thirty bytes')", .keys = ALL_KEYS
#define KEY_READ(columns, table, sql_columns)                                                  \
    {                                                                                          \
        .json = "\"query\":{\"select\":[" columns "],\"from\":\"" table "\"," BY_KEY,          \
        .json_end = END,                                                                       \
        .sql = "SELECT " sql_columns " FROM " table " WHERE id = ", .sql_end = "", .rows = 1,  \
        .keys = ALL_KEYS                                                                       \
    }

static const struct load_statement reads[] = {SELECT_USERS};
/* So few that all answers come from the result cache. */
static const struct load_statement cached[] = {
    {.json = "\"query\":{\"select\":[\"id\",\"name\",\"email\",\"age\"],"
             "\"from\":\"users\"," BY_KEY,
     .json_end = "},\"cache\":true}\n",
     .sql = "SELECT id, name, email, age FROM users WHERE id = ",
     .sql_end = "",
     .rows = 1,
     .keys = CACHED_KEYS},
};
static const struct load_statement writes[] = {{INSERT_EVENT}};

/* Ten plans: seven reads by key of three tables, a range, a count, a join. */
static const struct load_statement mixed[] = {
    SELECT_USERS,
    KEY_READ("\"id\",\"email\"", "users", "id, email"),
    KEY_READ("\"id\",\"name\",\"age\"", "users", "id, name, age"),
    KEY_READ("\"id\",\"user_id\",\"total\",\"status\"", "orders", "id, user_id, total, status"),
    KEY_READ("\"id\",\"status\"", "orders", "id, status"),
    KEY_READ("\"id\",\"title\",\"price\"", "products", "id, title, price"),
    KEY_READ("\"id\",\"title\"", "products", "id, title"),
    {.json = "\"query\":{\"select\":[\"id\",\"name\"],\"from\":\"users\",\"where\":"
             "[\">=\",\"id\",\":k\"],\"order_by\":[\"id\"],\"limit\":10},\"params\":{\"k\":",
     .json_end = END,
     .sql = "SELECT id, name FROM users WHERE id >= ",
     .sql_end = " ORDER BY id LIMIT 10",
     .rows = 10,
     .keys = ALL_KEYS - 9},
    {.json = "\"query\":{\"select\":[[\"count\",\"*\"]],\"from\":\"orders\",\"where\":"
             "[\"=\",\"user_id\",\":k\"]},\"params\":{\"k\":",
     .json_end = END,
     .sql = "SELECT count(*) FROM orders WHERE user_id = ",
     .sql_end = "",
     .rows = 1,
     .first = 10,
     .keys = ALL_KEYS / 10},
    {.json = "\"query\":{\"select\":[\"orders.id\",\"orders.status\",\"users.name\"],"
             "\"from\":\"orders\",\"join\":[{\"inner\":\"users\"}],\"where\":"
             "[\"=\",\"orders.id\",\":k\"]},\"params\":{\"k\":",
     .json_end = END,
     .sql = "SELECT orders.id, orders.status, users.name FROM orders"
            " JOIN users ON users.id = orders.user_id WHERE orders.id = ",
     .sql_end = "",
     .rows = 1,
     .keys = ALL_KEYS},
};

/* Short reads, writes in transactions, reads of 200 ms: as one writes them, and as raw SQL,
 * after which a connection is reset. */
static const struct load_statement slow[] = {
    SELECT_USERS,
    {.kind = LOAD_TX, INSERT_EVENT},
    {.kind = LOAD_SLOW,
     .json = "\"query\":{\"select\":[\"id\",[\"fn.pg_sleep\",0.2]],\"from\":\"users\"," BY_KEY,
     .json_end = END,
     .sql = "SELECT id, pg_sleep(0.2) FROM users WHERE id = ",
     .sql_end = "",
     .rows = 1,
     .keys = ALL_KEYS},
    {.kind = LOAD_SLOW,
     .json = "\"query\":{\"text\":\"select :k::int, pg_sleep(0.2)\"},\"params\":{\"k\":",
     .json_end = END,
     .sql = "SELECT ",
     .sql_end = ", pg_sleep(0.2)",
     .rows = 1,
     .keys = ALL_KEYS},
};

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define WORK(name, of, ...)                                                                    \
    {                                                                                          \
        name, of, COUNT(of), (const struct load_share[])                                       \
        {                                                                                      \
            __VA_ARGS__,                                                                       \
            {                                                                                  \
                0, 0                                                                           \
            }                                                                                  \
        }                                                                                      \
    }

static const struct {
    const char *name;
    const struct load_statement *statements;
    uint32_t statement_count;
    const struct load_share *shares; /* sum 100 */
} works[] = {
    WORK("read", reads, {100, 0}),
    WORK("cached", cached, {100, 0}),
    WORK("write", writes, {100, 0}),
    WORK("mixed", mixed, {10, 0}, {10, 1}, {10, 2}, {10, 3}, {10, 4}, {10, 5}, {10, 6}, {10, 7},
         {10, 8}, {10, 9}),
    WORK("slow", slow, {90, 0}, {9, 1}, {1, 2}),
    WORK("slow-text", slow, {90, 0}, {9, 1}, {1, 3}),
    WORK("no-slow", slow, {91, 0}, {9, 1}),
};

bool load_work_find(const char *name, struct load_work *w)
{
    for (unsigned i = 0; i < COUNT(works); i++) {
        if (strcmp(works[i].name, name) == 0) {
            *w = (struct load_work){.name = name,
                                    .statements = works[i].statements,
                                    .statement_count = works[i].statement_count};
            uint32_t at = 0;
            for (const struct load_share *s = works[i].shares; s->percent > 0; s++) {
                memset(w->dice + at, (int)s->statement, s->percent);
                at += s->percent;
            }
            return true;
        }
    }
    return false;
}

const char *load_work_name(unsigned i)
{
    return i < COUNT(works) ? works[i].name : NULL;
}
