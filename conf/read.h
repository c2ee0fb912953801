/* SPDX-License-Identifier: MIT
 *
 * conf/read.h: from the tree of a conf file to struct conf, by the schema table.
 */
#ifndef CONF_READ_H
#define CONF_READ_H

#include "conf/conf.h"
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
/* The folder of a file, for paths that are relative to it; borrows from `file`. */
struct str read_folder(const char *file);

/* Checks what no single key can tell, and completes the conf: default database,
 * digests. For a conf read without faults. */
void check_conf(struct reading *r, const struct yaml *root);

/* Reads `text` and the files it includes into one tree; NULL on a fault. */
struct yaml *include_read(struct arena *a, const char *file, struct str text, struct report *r);
/* The content of a file into b; false, with a report, when it cannot be read. */
bool include_slurp(const char *path, struct place asked_at, struct buf *b, struct report *r);

#endif
