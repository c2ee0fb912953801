/* SPDX-License-Identifier: MIT
 *
 * conf/keys.h: the schema table of the conf file. Reading, checking, help, the
 * documentation and the sample all come from it. Constants only.
 */
#ifndef CONF_KEYS_H
#define CONF_KEYS_H

#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

/* Which struct a key's offset counts in, and where its path begins. */
enum key_scope {
    SCOPE_CONF,     /* struct conf; the file's own keys */
    SCOPE_DATABASE, /* struct conf_database; below databases.NAME */
    SCOPE_LISTEN,   /* struct conf_listen; an item of listen */
    SCOPE_REPLICA,  /* struct conf_replica; an item of databases.NAME.replicas */
    SCOPE_REGION,   /* struct conf_region; below cache.regions.NAME */
    SCOPE_RULE,     /* struct conf_rule; an item of cache.rules */
};

enum key_type {
    KEY_SECTION,      /* a map of further keys of the table */
    KEY_COUNT,        /* int64_t */
    KEY_AUTO_COUNT,   /* int64_t, 0 for `auto` */
    KEY_SIZE,         /* uint64_t bytes */
    KEY_DURATION,     /* uint64_t milliseconds */
    KEY_DURATION_OFF, /* the same, 0 for `off` */
    KEY_SWITCH,       /* bool */
    KEY_TEXT,         /* struct str */
    KEY_TEXTS,        /* struct str array and its uint32_t count, `count_offset` */
    KEY_WORD,         /* an enum, by its place in `words` */
    KEY_POOL_CLASS,   /* the same, and kind_set */
    KEY_LEVEL,        /* enum log_level of one category */
    KEY_LEVELS,       /* … of every category that has none of its own */
    KEY_ADDRESS,      /* host and port of struct conf_listen */
    KEY_HTTP,         /* an address or `off`: http_on, http_host, http_port */
    KEY_MODE,         /* uint32_t file permissions */
    KEY_URL,          /* struct conf_url */
    KEY_LISTEN,       /* a list of maps of SCOPE_LISTEN */
    KEY_REPLICAS,     /* a list of maps of SCOPE_REPLICA */
    KEY_DATABASES,    /* a map of names to maps of SCOPE_DATABASE */
    KEY_REDIS,        /* struct conf_url of a Redis server */
    KEY_BACKEND,      /* backend and url of struct conf_region */
    KEY_REGIONS,      /* a map of names to maps of SCOPE_REGION */
    KEY_RULES,        /* a list of maps of SCOPE_RULE */
    KEY_TOUCHES,      /* a map of names to lists of tables */
    KEY_INCLUDE,      /* file patterns; done before the table is read */
    KEY_LATER,        /* belongs to a later version: refused by name */
};

struct key {
    enum key_scope scope;
    const char *path; /* within the scope: "pool.size" */
    enum key_type type;
    size_t offset;
    size_t count_offset;      /* KEY_TEXTS */
    const char *def;          /* as written in a file; NULL: none */
    const char *example;      /* for the sample where there is no default */
    int64_t min, max;         /* KEY_COUNT: inclusive; sizes and durations: bytes, ms */
    const char *const *words; /* KEY_WORD: NULL-terminated */
    const char *help;         /* one or two sentences */
};

/* The table in the order in which it is printed; ends with a NULL path. */
extern const struct key conf_keys[];

/* The key `prefix` + `name` ("pool." and "size"), or NULL. */
const struct key *key_find(enum key_scope scope, struct str prefix, struct str name);
/* The key that was probably meant, or NULL. */
const struct key *key_nearest(enum key_scope scope, struct str prefix, struct str name);
/* The word of a KEY_WORD that was probably meant, or NULL. */
const char *word_nearest(const char *const *words, struct str name);
/* What a value of this type looks like: "a size such as 64KiB". */
const char *key_type_form(enum key_type type);
/* The same in one or two words, for tables: "size". */
const char *key_type_name(enum key_type type);

#endif
