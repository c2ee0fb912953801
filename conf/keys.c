/* SPDX-License-Identifier: MIT
 *
 * conf/keys.c: every key there is. A new key is one row here and one field in
 * conf.h; `make docs` then writes the documentation and the sample.
 */
#include "conf/keys.h"

#include "conf/conf.h"

#include <string.h>

#define KIB (INT64_C(1) << 10)
#define MIB (INT64_C(1) << 20)
#define GIB (INT64_C(1) << 30)
#define SECOND INT64_C(1000)
#define DAY (INT64_C(86400) * SECOND)

static const char *const log_formats[] = {"text", "json", NULL};
static const char *const roles[] = {"auto", "primary", "replica", NULL};
static const char *const levels[] = {"default",         "read uncommitted", "read committed",
                                     "repeatable read", "serializable",     NULL};
static const char *const pool_classes[] = {"queue", "null", "static", NULL};
static const char *const auto_words[] = {"auto", "off", NULL};
static const char *const shapes[] = {"any", "key", NULL};

#define CONF(field) SCOPE_CONF, .offset = offsetof(struct conf, field)
#define DATABASE(field) SCOPE_DATABASE, .offset = offsetof(struct conf_database, field)
#define LISTEN(field) SCOPE_LISTEN, .offset = offsetof(struct conf_listen, field)
#define REPLICA(field) SCOPE_REPLICA, .offset = offsetof(struct conf_replica, field)
#define REGION(field) SCOPE_REGION, .offset = offsetof(struct conf_region, field)
#define RULE(field) SCOPE_RULE, .offset = offsetof(struct conf_rule, field)
#define SIZE(key, field, text, low, high, words)                                               \
    {                                                                                          \
        CONF(field), .path = key, .type = KEY_SIZE, .def = text, .min = low, .max = high,      \
                     .help = words                                                             \
    }
#define COUNT(key, field, text, low, high, words)                                              \
    {                                                                                          \
        CONF(field), .path = key, .type = KEY_COUNT, .def = text, .min = low, .max = high,     \
                     .help = words                                                             \
    }
#define LEVEL(key, category, words)                                                            \
    {                                                                                          \
        CONF(log_level[category]), .path = key, .type = KEY_LEVEL, .example = "debug",         \
                                   .help = words                                               \
    }
#define POOL_COUNT(key, field, text, low, high, words)                                         \
    {                                                                                          \
        DATABASE(pool.field), .path = key, .type = KEY_COUNT, .def = text, .min = low,         \
                              .max = high, .help = words                                       \
    }
#define POOL_TIME(key, field, kind, text, low, words)                                          \
    {                                                                                          \
        DATABASE(pool.field), .path = key, .type = kind, .def = text, .min = low,              \
                              .max = 30 * DAY, .help = words                                   \
    }
#define LATER(where, key)                                                                      \
    {                                                                                          \
        .scope = where, .path = key, .type = KEY_LATER                                         \
    }

const struct key conf_keys[] = {
    {CONF(listen), .path = "listen", .type = KEY_LISTEN, .def = "[{tcp: \"127.0.0.1:7432\"}]",
     .help = "Where clients connect: any number of TCP addresses and Unix sockets."},
    {LISTEN(tcp_host), .path = "tcp", .type = KEY_ADDRESS, .example = "127.0.0.1:7432",
     .help = "A TCP address, host:port; an IPv6 host stands in brackets."},
    {LISTEN(unix_path), .path = "unix", .type = KEY_TEXT,
     .example = "/run/tribikos/tribikos.sock", .help = "A Unix socket, instead of tcp."},
    {LISTEN(unix_mode), .path = "mode", .type = KEY_MODE, .def = "\"0600\"",
     .help = "Permissions of the Unix socket."},
    {CONF(listen_unprotected), .path = "listen_unprotected", .type = KEY_SWITCH, .def = "false",
     .help = "Allows addresses beyond loopback although nobody has to log in. Whoever reaches "
             "such a port can do all that the databases' users can."},
    {CONF(http_on), .path = "http", .type = KEY_HTTP, .def = "\"127.0.0.1:7433\"",
     .help = "The HTTP port for /stats, /metrics, /healthz and /readyz; off for none."},
    {CONF(workers), .path = "workers", .type = KEY_AUTO_COUNT, .def = "auto", .min = 1,
     .max = 256, .help = "Threads that serve clients; auto: one for each processor."},

    {.scope = SCOPE_CONF,
     .path = "log",
     .type = KEY_SECTION,
     .help = "The log. Besides these keys, each category may have a level of its own."},
    {CONF(log_level), .path = "log.level", .type = KEY_LEVELS, .def = "info",
     .help = "What is written at least: debug, info, warn, error or off."},
    {CONF(log_format), .path = "log.format", .type = KEY_WORD, .def = "text",
     .words = log_formats, .help = "Lines for people (text) or JSON objects (json)."},
    {CONF(log_file), .path = "log.file", .type = KEY_TEXT,
     .example = "/var/log/tribikos/tribikos.log",
     .help = "A file to append to; without it the log goes to standard error."},
    LEVEL("log.daemon", LOG_DAEMON, "Start, stop, reload."),
    LEVEL("log.client", LOG_CLIENT, "Connections of clients."),
    LEVEL("log.pool", LOG_POOL, "Connections to databases: open, lend, return, close."),
    LEVEL("log.sql", LOG_SQL, "Statements, at debug level; slow ones at warn."),
    LEVEL("log.catalog", LOG_CATALOG, "Reading of the databases' schemas."),
    LEVEL("log.conf", LOG_CONF, "Conf files."),
    LEVEL("log.http", LOG_HTTP, "The HTTP port."),

    {.scope = SCOPE_CONF,
     .path = "limits",
     .type = KEY_SECTION,
     .help = "What one client, or all together, may use."},
    SIZE("limits.frame", limits.frame_bytes, "16MiB", KIB, GIB,
         "Longest line of a client. A longer one ends its connection."),
    {CONF(limits.frame_time_ms), .path = "limits.frame_time", .type = KEY_DURATION, .def = "7s",
     .min = SECOND, .max = DAY,
     .help = "How long a line may take from its first byte to its last, and a second more for "
             "each 64 KiB of it. A slower one ends its client's connection."},
    SIZE("limits.login_frame", limits.login_frame_bytes, "8KiB", 512, MIB,
         "Longest line before a client has logged in, where it must."),
    COUNT("limits.depth", limits.depth, "32", 4, 512,
          "Brackets inside each other in a request."),
    COUNT("limits.batch", limits.batch, "100", 1, 10000, "Steps of one batch."),
    COUNT("limits.params", limits.params, "1000", 0, 65535,
          "Params and literals of one statement; cells of rows do not count."),
    COUNT("limits.rows", limits.rows, "10000", 1, INT64_C(1) << 40,
          "Rows of one answer that is not streamed."),
    SIZE("limits.reply", limits.reply_bytes, "16MiB", 64 * KIB, 4 * GIB,
         "Bytes of one answer that is not streamed."),
    SIZE("limits.request", limits.request_bytes, "128MiB", MIB, 16 * GIB,
         "Memory for one request: its parsed tree, its plan, its data."),
    SIZE("limits.sql", limits.sql_bytes, "256KiB", KIB, 64 * MIB,
         "Longest SQL text that a request may become."),
    COUNT("limits.clients", limits.clients, "10000", 1, 1000000,
          "Clients connected at a time; further ones are refused."),
    {CONF(limits.client_keepalive_ms), .path = "limits.client_keepalive", .type = KEY_DURATION,
     .def = "60s", .min = 5 * SECOND, .max = DAY,
     .help = "How long a client's machine may be silent, asked by TCP whether it is there; "
             "then its connection is closed and what it asked for is stopped."},
    COUNT("limits.in_flight", limits.in_flight, "256", 1, 100000,
          "Requests of one client under way; further ones wait in its socket."),
    SIZE("limits.output_buffer", limits.output_buffer_bytes, "1MiB", 64 * KIB, GIB,
         "Answers kept for a client that reads slowly; beyond it reading from the database "
         "pauses."),
    {CONF(limits.paused_ms), .path = "limits.paused", .type = KEY_DURATION, .def = "5s",
     .min = 100, .max = DAY,
     .help = "How long a paused answer may keep a database connection that others wait for."},
    {CONF(limits.drain_ms), .path = "limits.drain", .type = KEY_DURATION, .def = "30s",
     .min = 0, .max = DAY, .help = "How long a stop waits for requests under way."},
    COUNT("limits.transactions", limits.transactions, "16", 1, 10000,
          "Transactions of one client open at a time."),
    {CONF(limits.tx_idle_ms), .path = "limits.tx_idle", .type = KEY_DURATION, .def = "30s",
     .min = 10, .max = DAY,
     .help = "How long a transaction may wait for its client's next request; then it is "
             "rolled back."},
    {CONF(limits.tx_total_ms), .path = "limits.tx_total", .type = KEY_DURATION, .def = "300s",
     .min = 10, .max = DAY,
     .help = "How long a transaction may be open; then it is rolled back."},
    SIZE("limits.memory", limits.memory_bytes, "1GiB", 16 * MIB, INT64_C(1) << 46,
         "Memory of the whole daemon; near it new requests are refused."),

    SIZE("plan_cache", plan_cache_bytes, "8MiB", 64 * KIB, 16 * GIB,
         "Compiled statements kept by each worker."),
    {CONF(default_database), .path = "default_database", .type = KEY_TEXT, .example = "main",
     .help = "The database of requests that name none. Without this key it is `main`, or the "
             "only one there is."},

    {.scope = SCOPE_CONF,
     .path = "cache",
     .type = KEY_SECTION,
     .help = "The result cache (docs/CACHE.md). Nothing is kept unless a request or a rule "
             "asks for it."},
    {CONF(cache.regions), .path = "cache.regions", .type = KEY_REGIONS,
     .def = "{default: {backend: memory}}",
     .help = "Where results are kept, by name. Who names no region means the one called "
             "default, or the only one there is; without any region nothing is cached."},
    {REGION(backend), .path = "backend", .type = KEY_BACKEND, .def = "memory",
     .help = "memory, of this daemon; or redis://user:password@host:6379/0, shared by all "
             "daemons that name it."},
    {REGION(max_bytes), .path = "max_bytes", .type = KEY_SIZE, .def = "256MiB", .min = MIB,
     .max = INT64_C(1) << 46, .help = "Memory for its results and all that belongs to them."},
    {REGION(max_entry_bytes), .path = "max_entry", .type = KEY_SIZE, .def = "1MiB", .min = KIB,
     .max = GIB, .help = "A larger result is not kept; at most half of max_bytes."},
    {REGION(ttl_ms), .path = "ttl", .type = KEY_DURATION, .def = "60s", .min = 1,
     .max = 30 * DAY,
     .help = "Age at which a result is not served any more. Requests and rules may ask for "
             "less, not for more: so old may be what a writer that goes round the daemon "
             "has changed."},
    {REGION(soft_ttl_ms), .path = "soft_ttl", .type = KEY_DURATION_OFF, .def = "off", .min = 1,
     .max = 30 * DAY,
     .help = "Age from which one request reads a result anew, while others are still served "
             "the old one."},
    {REGION(lease_ms), .path = "lease", .type = KEY_DURATION, .def = "5s", .min = 10,
     .max = DAY, .help = "How long that one may take before another request tries."},
    {REGION(negative), .path = "negative", .type = KEY_SWITCH, .def = "true",
     .help = "Whether results without a row are kept."},
    {REGION(negative_ttl_ms), .path = "negative_ttl", .type = KEY_DURATION, .def = "10s",
     .min = 1, .max = 30 * DAY,
     .help = "Age at which such a result is not served any more, if that is less than ttl."},
    {CONF(cache.share), .path = "cache.share", .type = KEY_REDIS,
     .example = "redis://127.0.0.1:6379/0",
     .help = "The Redis server by which daemons of one database tell each other what they "
             "wrote, so that none serves what another has changed. Needed where several "
             "daemons cache; without this key it is that of the regions in Redis, if there "
             "are any."},
    {CONF(cache.group), .path = "cache.group", .type = KEY_TEXT, .def = "tribikos",
     .help = "Which daemons at that server belong together: those that give their databases "
             "the same names."},
    {CONF(cache.forget_ms), .path = "cache.forget", .type = KEY_DURATION, .def = "60s",
     .min = 5 * SECOND, .max = DAY,
     .help = "How long the others wait for a daemon that fell silent, and serve nothing that "
             "is older than a second meanwhile. It must be more than the longest "
             "statement_timeout of all: so long a write may still take effect of which "
             "nobody was told."},
    {CONF(cache.rules), .path = "cache.rules", .type = KEY_RULES, .def = "[]",
     .count_offset = offsetof(struct conf, cache.rule_count),
     .help = "Reads that are cached without asking for it; the first rule that fits holds."},
    {RULE(tables), .path = "tables", .type = KEY_TEXTS, .def = "[]",
     .count_offset = offsetof(struct conf_rule, table_count),
     .help = "Fits reads of which all tables are in this list, as queries name them; \"*\" is "
             "any table."},
    {RULE(runs), .path = "runs", .type = KEY_TEXTS, .def = "[]",
     .count_offset = offsetof(struct conf_rule, run_count),
     .help = "Fits prepared statements that are run by one of these names."},
    {RULE(databases), .path = "databases", .type = KEY_TEXTS, .def = "[]",
     .count_offset = offsetof(struct conf_rule, database_count),
     .help = "Fits these databases alone; without it, all."},
    {RULE(shape), .path = "shape", .type = KEY_WORD, .def = "any", .words = shapes,
     .help = "key: fits reads of one row by its primary or a unique key alone."},
    {RULE(region), .path = "region", .type = KEY_TEXT, .example = "default",
     .help = "Where the results are kept."},
    {RULE(ttl_ms), .path = "ttl", .type = KEY_DURATION_OFF, .def = "off", .min = 1,
     .max = 30 * DAY, .help = "As ttl of the region, if that is less; off: as the region."},

    {CONF(databases), .path = "databases", .type = KEY_DATABASES,
     .help = "The databases, by the names that clients use."},
    {DATABASE(url), .path = "url", .type = KEY_URL, .example = "sqlite:///tribikos.db",
     .help = "postgresql://user:password@host:5432/name, mariadb://…, or sqlite:///relative.db "
             "(four slashes for an absolute path, sqlite:// for memory). Keep passwords out of "
             "the file with ${file:/etc/tribikos/main.pw} or ${env:NAME}."},

    {.scope = SCOPE_DATABASE,
     .path = "pool",
     .type = KEY_SECTION,
     .help =
         "Connections to the database, counted over all workers. Each of its replicas has as "
         "many of its own."},
    POOL_COUNT("pool.size", size, "5", 0, 100000, "Connections that are kept; 0: no limit."),
    POOL_COUNT("pool.max_overflow", max_overflow, "10", -1, 100000,
               "Further connections while all are busy, closed afterwards; -1: no limit."),
    POOL_TIME("pool.timeout", timeout_ms, KEY_DURATION, "30s", 1,
              "Longest wait for a connection; then pool_timeout."),
    POOL_TIME("pool.recycle", recycle_ms, KEY_DURATION_OFF, "off", 1000,
              "Age at which a connection is replaced when it is next lent."),
    {DATABASE(pool.pre_ping), .path = "pool.pre_ping", .type = KEY_SWITCH, .def = "off",
     .help = "Tests a connection each time before it is lent."},
    POOL_TIME("pool.max_lifetime", max_lifetime_ms, KEY_DURATION_OFF, "1h", 1000,
              "Age, give or take a tenth, at which an idle connection is closed."),
    POOL_COUNT("pool.min_idle", min_idle, "0", 0, 100000,
               "Connections kept open even when nobody asks."),
    POOL_COUNT("pool.max_waiting", max_waiting, "2000", 0, 10000000,
               "Requests that may wait for a connection; more get overload. 0: no limit."),
    POOL_COUNT(
        "pool.max_per_client", max_per_client, "0", 0, 100000,
        "Most connections that one client has at a time; its further requests wait. 0: no "
        "limit."),
    {DATABASE(pool.kind), .path = "pool.class", .type = KEY_POOL_CLASS, .def = "queue",
     .words = pool_classes,
     .help = "queue keeps connections; null opens one for each request; static shares a single "
             "one."},
    POOL_TIME("pool.statement_timeout", statement_timeout_ms, KEY_DURATION_OFF, "30s", 1,
              "Longest run of a request that gives no timeout of its own."),
    POOL_TIME("pool.leak_warning", leak_warning_ms, KEY_DURATION_OFF, "60s", 100,
              "A connection that one client keeps longer is told in the log, once."),
    POOL_TIME("pool.connect_timeout", connect_timeout_ms, KEY_DURATION, "10s", 100,
              "Longest time for opening a connection."),
    POOL_COUNT("pool.statement_cache", statement_cache, "256", 0, 100000,
               "Prepared statements kept by each connection."),
    {DATABASE(pool.pipelining), .path = "pool.pipelining", .type = KEY_WORD, .def = "auto",
     .words = auto_words,
     .help = "auto lets short reads of several clients share a connection, and plain inserts a "
             "commit, where the database allows it (PostgreSQL); off gives each its own."},
    {DATABASE(pool.fusion), .path = "pool.fusion", .type = KEY_WORD, .def = "auto",
     .words = auto_words,
     .help =
         "auto answers reads by unique key that wait at the same moment with one statement; "
         "off runs each on its own."},

    {DATABASE(role), .path = "role", .type = KEY_WORD, .def = "auto", .words = roles,
     .help = "Whether the server at `url` is written to: primary, no other is; replica, never; "
             "auto, the servers are asked which of them takes writes."},
    {DATABASE(replicas), .path = "replicas", .type = KEY_REPLICAS, .def = "[]",
     .count_offset = offsetof(struct conf_database, replica_count),
     .help = "Servers that follow the one at `url`, or may take its place. Each has a pool of "
             "its own, with the settings of `pool`."},
    {REPLICA(url), .path = "url", .type = KEY_URL, .example = "postgresql://app@db2/shop",
     .help = "As the `url` of a database, of the same kind."},
    {REPLICA(weight), .path = "weight", .type = KEY_COUNT, .def = "1", .min = 1, .max = 1000,
     .help = "Its share of the reads, beside that of the other replicas."},
    {REPLICA(role), .path = "role", .type = KEY_WORD, .def = "auto", .words = roles,
     .help = "As the `role` of a database."},
    {DATABASE(lag_ms), .path = "lag", .type = KEY_DURATION, .def = "10s", .min = 1, .max = DAY,
     .help = "How far a replica may be behind to get reads at all, unless they wait for a "
             "position; measured in steps of `check`."},
    {DATABASE(position_wait_ms), .path = "position_wait", .type = KEY_DURATION, .def = "1s",
     .min = 0, .max = DAY,
     .help = "How long a read waits for a replica to have the write that it asks for; then it "
             "goes to the primary."},
    {DATABASE(check_ms), .path = "check", .type = KEY_DURATION, .def = "1s", .min = 50,
     .max = DAY,
     .help = "How often each server of a database with replicas is asked for its role and its "
             "position."},

    {DATABASE(text), .path = "text", .type = KEY_SWITCH, .def = "true",
     .help = "Whether raw SQL is allowed."},
    {DATABASE(functions), .path = "functions", .type = KEY_TEXTS, .def = "[]",
     .count_offset = offsetof(struct conf_database, function_count),
     .help = "Functions of the database that requests may call by fn.NAME."},
    {DATABASE(touches), .path = "touches", .type = KEY_TOUCHES, .def = "{}",
     .help =
         "For the result cache: the tables that a function reads or writes, a view reads, or "
         "the triggers of a table (by the table's name) write, as {name: [table, …]}."},
    {.scope = SCOPE_DATABASE,
     .path = "watch",
     .type = KEY_SECTION,
     .help = "What others write to the database beside this daemon."},
    {DATABASE(watch), .path = "watch.tables", .type = KEY_TEXTS, .def = "[]",
     .count_offset = offsetof(struct conf_database, watch_count),
     .help = "Tables, as `orders` or `sales.orders`, or `*` for all, whose changes by others "
             "than this daemon end what the result cache keeps of them within a second. "
             "PostgreSQL alone can tell; one connection of the pool listens."},
    {DATABASE(watch_install), .path = "watch.install", .type = KEY_SWITCH, .def = "true",
     .help = "Whether the triggers that tell of such changes are made where they are missing; "
             "if not, somebody else makes them (docs/CACHE.md)."},
    {DATABASE(isolation), .path = "isolation", .type = KEY_WORD, .def = "default",
     .words = levels,
     .help = "How far transactions are kept from each other unless `begin` says otherwise; "
             "default: as the server has it. SQLite's are serializable, which satisfies all."},
    {DATABASE(on_connect), .path = "on_connect", .type = KEY_TEXTS, .def = "[]",
     .count_offset = offsetof(struct conf_database, on_connect_count),
     .help = "Statements run on each new connection."},
    {DATABASE(slow_ms), .path = "slow", .type = KEY_DURATION_OFF, .def = "200ms", .min = 1,
     .max = DAY, .help = "Statements that take longer are written to the log."},

    {.scope = SCOPE_CONF,
     .path = "include",
     .type = KEY_INCLUDE,
     .example = "conf.d/*.yaml",
     .help = "Further files whose keys are added, as a pattern or a list of patterns, relative "
             "to this file. No key and no database may be given twice."},

    LATER(SCOPE_CONF, "models"),
    LATER(SCOPE_CONF, "queries"),
    LATER(SCOPE_CONF, "roles"),
    LATER(SCOPE_CONF, "tls"),
    LATER(SCOPE_CONF, "two_phase"),
    LATER(SCOPE_DATABASE, "shards"),
    LATER(SCOPE_DATABASE, "tables"),
    {0},
};

/* Path without the prefix; empty when it does not begin with it. */
static struct str behind(const struct key *k, struct str prefix)
{
    struct str path = str_of(k->path);
    return str_starts(path, prefix) ? (struct str){path.ptr + prefix.len, path.len - prefix.len}
                                    : (struct str){"", 0};
}

const struct key *key_find(enum key_scope scope, struct str prefix, struct str name)
{
    for (const struct key *k = conf_keys; k->path != NULL; k++) {
        if (k->scope == scope && name.len > 0 && str_eq(behind(k, prefix), name)) {
            return k;
        }
    }
    return NULL;
}

/* How far `name` is from k, either beside its neighbours (size) or written out
 * from the top (pool_size for pool.size). */
static unsigned distance(const struct key *k, struct str prefix, struct str name)
{
    struct str rest = behind(k, prefix);
    unsigned max = name.len < 4 ? 1 : name.len < 8 ? 2 : 3;
    unsigned best = 64;
    if (rest.len > 0 && str_find(rest, '.', 0) < 0) {
        unsigned d = str_distance(name, rest, max);
        best = d <= max ? d : best;
    }
    unsigned d = str_distance(name, str_of(k->path), 1);
    return d <= 1 && d < best ? d : best;
}

const struct key *key_nearest(enum key_scope scope, struct str prefix, struct str name)
{
    const struct key *best = NULL;
    unsigned best_distance = 64;
    for (const struct key *k = conf_keys; k->path != NULL; k++) {
        unsigned d = k->scope == scope && k->type != KEY_LATER ? distance(k, prefix, name) : 64;
        if (d < best_distance) {
            best_distance = d;
            best = k;
        }
    }
    return best;
}

const char *word_nearest(const char *const *words, struct str name)
{
    for (; *words != NULL; words++) {
        if (str_distance(name, str_of(*words), 2) <= 2) {
            return *words;
        }
    }
    return NULL;
}

static const struct {
    const char *name, *form;
} type_texts[] = {
    [KEY_SECTION] = {"map", "a map"},
    [KEY_COUNT] = {"number", "a whole number"},
    [KEY_AUTO_COUNT] = {"number or auto", "a whole number or auto"},
    [KEY_SIZE] = {"size", "a size with its unit (B, KiB, MiB, GiB, TiB), such as 64KiB"},
    [KEY_DURATION] = {"duration", "a duration with its unit (ms, s, m, h, d), such as 500ms"},
    [KEY_DURATION_OFF] = {"duration or off",
                          "a duration with its unit (ms, s, m, h, d), such as 500ms, or off"},
    [KEY_SWITCH] = {"true or false", "true or false"},
    [KEY_TEXT] = {"text", "a text"},
    [KEY_TEXTS] = {"list of texts", "a list of texts"},
    [KEY_WORD] = {"word", "one word"},
    [KEY_POOL_CLASS] = {"word", "one word"},
    [KEY_LEVEL] = {"level", "a level: debug, info, warn, error or off"},
    [KEY_LEVELS] = {"level", "a level: debug, info, warn, error or off"},
    [KEY_ADDRESS] = {"address", "an address, host:port, such as 127.0.0.1:7432 or [::1]:7432"},
    [KEY_HTTP] = {"address or off", "an address, host:port, such as 127.0.0.1:7433, or off"},
    [KEY_MODE] = {"permissions", "file permissions in octal, such as \"0600\""},
    [KEY_URL] = {"URL", "a URL such as postgresql://user@host/name"},
    [KEY_LISTEN] = {"list", "a list of addresses: - tcp: 127.0.0.1:7432"},
    [KEY_REPLICAS] = {"list", "a list of servers: - url: postgresql://user@host/name"},
    [KEY_DATABASES] = {"map", "a map of names to databases"},
    [KEY_REDIS] = {"URL", "a URL such as redis://127.0.0.1:6379/0"},
    [KEY_BACKEND] = {"memory or URL", "memory, or a URL such as redis://127.0.0.1:6379/0"},
    [KEY_REGIONS] = {"map", "a map of names to regions"},
    [KEY_RULES] = {"list", "a list of rules: - {tables: [countries]}"},
    [KEY_TOUCHES] = {"map", "a map of names to lists of tables: {totals: [orders, items]}"},
    [KEY_INCLUDE] = {"pattern or list", "a file pattern or a list of them"},
    [KEY_LATER] = {"", ""},
};

const char *key_type_form(enum key_type type)
{
    return type_texts[type].form;
}

const char *key_type_name(enum key_type type)
{
    return type_texts[type].name;
}
