/* SPDX-License-Identifier: MIT
 *
 * conf/yaml.h: a YAML 1.2 document as a tree in which every node knows where it
 * stands.
 *
 * Stricter than YAML: one document, duplicate keys refused, no anchors, aliases
 * and tags (a conf file needs none, and an alias can blow a small file up to any
 * size), keys are plain texts. Nodes and texts live in the arena. No state.
 */
#ifndef CONF_YAML_H
#define CONF_YAML_H

#include "base/arena.h"
#include "base/str.h"
#include "conf/report.h"

#include <stdbool.h>
#include <stdint.h>

enum yaml_kind { YAML_NULL, YAML_BOOL, YAML_INT, YAML_FLOAT, YAML_TEXT, YAML_LIST, YAML_MAP };

struct yaml {
    enum yaml_kind kind;
    struct place at;
    struct str text; /* scalars: without quotes and escapes */
    struct str key;  /* of a member of a map */
    struct place key_at;
    struct yaml *first, *last; /* list, map: members in the order of the file */
    struct yaml *next;
};

/* Reads a document; an empty one is an empty map. `file` must live as long as the
 * tree. NULL when it is not YAML as above; the faults are in the report (also
 * beside a tree: faults after which reading can go on). */
struct yaml *yaml_read(struct arena *a, const char *file, struct str text, struct report *r);
/* The member of a map, or NULL; map may be NULL. */
struct yaml *yaml_get(const struct yaml *map, const char *key);
/* Appends a member. */
void yaml_add(struct yaml *parent, struct yaml *member);
/* "a list", "a number": for messages. */
const char *yaml_kind_name(enum yaml_kind kind);

#endif
