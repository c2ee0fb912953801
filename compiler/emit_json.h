/* SPDX-License-Identifier: MIT
 *
 * compiler/emit_json.h: values as members of a JSON document.
 */
#ifndef COMPILER_EMIT_JSON_H
#define COMPILER_EMIT_JSON_H

#include "compiler/emit.h"

/* Settles e as json. */
enum err need_json(struct context *c, struct expr *e, const char *what) MUST_CHECK;
/* Settles e and checks that all databases make the same JSON of it. `what` names the
 * operator. */
enum err need_json_member(struct context *c, struct expr *e, const char *what) MUST_CHECK;
/* x as it becomes a member: on MariaDB the member's text. NULL: memory is full. */
const struct expr *json_member(struct emitter *em, const struct expr *x);
/* x as a document of its own: on PostgreSQL x, elsewhere its JSON text. NULL: memory is
 * full. */
const struct expr *json_document(struct emitter *em, const struct expr *x);
/* The letters of backend/sqlite_collect.c for x. */
void emit_json_kind(struct emitter *em, const struct expr *x);

#endif
