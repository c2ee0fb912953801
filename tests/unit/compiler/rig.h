/* SPDX-License-Identifier: MIT
 *
 * tests/unit/compiler/rig.h: a small catalog for each database, and requests as
 * JSON text through the real compiler.
 */
#ifndef TESTS_COMPILER_RIG_H
#define TESTS_COMPILER_RIG_H

#include "base/buf.h"
#include "compiler/compiler.h"

#define RIG_DIALECTS 3 /* postgresql, mariadb, sqlite */

struct rig {
    struct arena arena; /* of the request in hand */
    struct catalog *catalogs[RIG_DIALECTS];
    struct compiler *compiler;
    struct seen *seen; /* the query in hand was known by its bytes */
    _Atomic uint64_t next_statement;
    struct fail fail;
    struct bound bound; /* of the last rig_bind that succeeded */
};

extern const struct dialect *const rig_dialects[RIG_DIALECTS];

void rig_init(struct rig *r, size_t cache_bytes);
void rig_fini(struct rig *r);
/* The catalog that the rig uses, as reflection would give it. */
struct catalog *rig_catalog(const char *schema);
/* DDL of the same tables for SQLite. */
extern const char rig_ddl[];

/* Compiles and binds {"query":…, "params":…, "expect":…, "keys":…} for dialect d.
 * The text must outlive r->bound.
 * What the last call left is forgotten. */
enum err rig_bind(struct rig *r, unsigned d, const char *request);
/* The same without binding; params may be left out. */
enum err rig_plan(struct rig *r, unsigned d, const char *request, struct plan **out);
/* Text of a bind's type: "integer", "integer[]", "integer count". */
void rig_type_text(const struct plan_bind *b, struct buf *out);
/* The value as JSON. */
void rig_value_text(const struct plan_bind *b, const struct value *v, struct buf *out);

#endif
