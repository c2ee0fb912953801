/* SPDX-License-Identifier: MIT
 *
 * conf/secrets.h: ${env:NAME} and ${file:PATH} inside the texts of a conf file.
 *
 * Values are data: what is put in is not looked through again. `$${` stands for
 * `${`. No state.
 */
#ifndef CONF_SECRETS_H
#define CONF_SECRETS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/* Where relative paths begin: the folder of the conf file; empty: the working
 * directory. */
struct secrets {
    struct arena *arena;
    struct str folder;
};

/* A placeholder inside a text: bytes [from, to). */
struct secret_span {
    size_t from, to;
};

/* Finds the first placeholder at or after `from`. ERR_BAD_VALUE for one that is
 * not closed or of a kind that is not ours; *found tells whether there is one. */
enum err secrets_find(struct str text, size_t from, struct secret_span *span, bool *found,
                      struct fail *f) MUST_CHECK;
/* The value behind the placeholder text[span], in the arena. One trailing newline
 * is taken off a file. A file that everybody may read is refused. Messages name
 * the variable or the path, never the value. */
enum err secrets_value(const struct secrets *s, struct str text, struct secret_span span,
                       struct str *out, struct fail *f) MUST_CHECK;
/* The whole text with every placeholder replaced; *replaced tells if there was one. */
enum err secrets_expand(const struct secrets *s, struct str text, struct str *out,
                        bool *replaced, struct fail *f) MUST_CHECK;

#endif
