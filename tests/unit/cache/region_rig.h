/* SPDX-License-Identifier: MIT
 *
 * region_rig.h: a region with its versions and epoch, and keys and bodies from numbers.
 */
#ifndef TESTS_REGION_RIG_H
#define TESTS_REGION_RIG_H

#include "cache/epoch.h"
#include "cache/region.h"

#include <stdbool.h>

#define RIG_SEED 7
#define RIG_TABLES 16

struct rig {
    struct versions *versions;
    struct epoch *epoch;
    struct region *region;
    uint64_t now_ns;
    uint64_t expires_ns, soft_ns; /* of what is filled */
};

void rig_init(struct rig *g, size_t max_bytes, unsigned readers);
void rig_fini(struct rig *g);

/* Bytes of number n; `text` holds them, and is the key's. */
struct rig_key {
    struct cache_key key;
    char text[64];
};
void rig_key_of(struct rig_key *k, uint64_t n);
/* A slot for table n of RIG_TABLES. */
struct slot_set rig_table(uint64_t n);
/* Keeps `body` for number n, which depends on table n % RIG_TABLES. */
bool rig_put(struct rig *g, uint64_t n, struct str body);
bool rig_put_line(struct rig *g, uint64_t n, struct str body, struct str line);
/* By key, as reader 0. */
enum region_verdict rig_find(struct rig *g, uint64_t n);
/* As rig_find, and what was found is `body`. */
bool rig_has(struct rig *g, uint64_t n, struct str body);
enum region_verdict rig_find_line(struct rig *g, struct str line);

#endif
