/* SPDX-License-Identifier: MIT
 *
 * conf/read.h: from the tree of a conf file to struct conf, by the schema table.
 */
#ifndef CONF_READ_H
#define CONF_READ_H

#include "conf/conf.h"
#include "conf/keys.h"
#include "conf/report.h"
#include "conf/yaml.h"

struct reading {
    struct conf *conf; /* all texts go into its arena */
    struct report *report;
};

/* Reads a tree into the zeroed r->conf. Faults are in the report; the conf is
 * whole only when there are none. */
void read_conf(struct reading *r, const struct yaml *root);
/* Sets the defaults of one database. */
void read_database_defaults(struct reading *r, struct conf_database *d);
/* Sets the defaults of an item and reads `map` into it; `where` stands before its keys in
 * messages. */
void read_item(struct reading *r, enum key_scope scope, struct str where,
               const struct yaml *map, void *out);
/* read_cache.c: the values of cache.regions, cache.rules and a region's backend. */
void read_cache(struct reading *r, struct str where, const struct key *k, const struct yaml *y,
                void *base);
/* read_touches.c: databases.NAME.touches. */
void read_touches(struct reading *r, struct str where, const struct yaml *y,
                  struct conf_database *d);
/* name := [A-Za-z_] [A-Za-z0-9_-]{0,62} */
bool read_is_name(struct str s);
/* How many members a list or map has. */
uint32_t read_length(const struct yaml *y);
/* The folder of a file, for paths that are relative to it; borrows from `file`. */
struct str read_folder(const char *file);

/* Checks what no single key can tell, and completes the conf: default database,
 * digests. For a conf read without faults. */
void check_conf(struct reading *r, const struct yaml *root);

/* check_cache.c: the same of `cache`. */
void check_cache(struct reading *r, const struct yaml *root);
/* The place of root.section.key, or of what of it is there. */
struct place check_place(const struct reading *r, const struct yaml *root, const char *section,
                         const char *key);
/* The database of that name, or NULL; and the one with the nearest name. */
const struct conf_database *check_database_of(const struct conf *c, struct str name);
const struct conf_database *check_nearest_database(const struct conf *c, struct str name);

/* Reads `text` and the files it includes into one tree; NULL on a fault. */
struct yaml *include_read(struct arena *a, const char *file, struct str text, struct report *r);
/* The content of a file into b; false, with a report, when it cannot be read. */
bool include_slurp(const char *path, struct place asked_at, struct buf *b, struct report *r);

#endif
