/* SPDX-License-Identifier: MIT
 *
 * daemon/touch_slots.h: the names of what is read and written, as slots, and what the conf
 * key `touches` says. Stateless.
 */
#ifndef DAEMON_TOUCH_SLOTS_H
#define DAEMON_TOUCH_SLOTS_H

#include "cache/versions.h"
#include "compiler/plan_touch.h"
#include "conf/conf.h"
#include "schema/effects.h"
#include "value/value.h"

#include <stdbool.h>
#include <stdint.h>

#define TOUCH_DEPTH 8 /* of views that read views */

/* Where names are looked for. */
struct touch_scope {
    const struct conf_database *conf;
    const struct catalog *catalog;
};

uint32_t slot_of_database(const struct touch_scope *s);
/* Of a family: the one slot of all. */
uint32_t slot_of_table(const struct touch_scope *s, const struct table *t);
/* Rows of t by this key, whatever its value. */
uint32_t slot_of_keys(const struct touch_scope *s, const struct table *t, const struct key *k);
/* The row with the value that `params` gives k; false: it is null, or of another kind. */
bool slot_of_key(const struct touch_scope *s, const struct table *t, const struct touch_key *k,
                 const struct value *params, uint32_t *out);

/* What the conf says of a function, by its name with or without schema, or of a view or
 * table, likewise; NULL: nothing. */
const struct conf_touch *touch_told(const struct touch_scope *s, struct str name);
const struct conf_touch *touch_told_table(const struct touch_scope *s, const struct table *t);
/* The table of this name, or schema.name; NULL: there is none. */
const struct table *touch_find_table(const struct touch_scope *s, struct str name);

#endif
