/* SPDX-License-Identifier: MIT
 *
 * protocol/cache_ask.h: what a request says about the result cache (`cache`). Borrowed
 * from its line.
 */
#ifndef PROTOCOL_CACHE_ASK_H
#define PROTOCOL_CACHE_ASK_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Whether a read is looked for in the result cache, and kept there (language §2). */
enum cache_mode {
    CACHE_DEFAULT, /* as the conf's rules say */
    CACHE_USE,
    CACHE_REFRESH, /* it is read anew, and kept */
    CACHE_BYPASS,  /* neither looked for nor kept */
};

#define CACHE_TAGS_MAX 8
#define CACHE_TABLES_MAX 32 /* of one invalidation */

struct cache_ask {
    enum cache_mode mode;
    struct str region; /* empty: as the rules say, else "default" */
    struct str key;    /* a name of the client's, to invalidate it by; or empty */
    struct str tags[CACHE_TAGS_MAX];
    uint32_t tag_count;
    uint64_t ttl_ms;
    bool has_ttl;
};

#endif
