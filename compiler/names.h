/* SPDX-License-Identifier: MIT
 *
 * compiler/names.h: the nearest right name for a wrong one, and checks of the
 * keys of a form.
 */
#ifndef COMPILER_NAMES_H
#define COMPILER_NAMES_H

#include "base/json.h"
#include "compiler/context.h"

/* Looks for the best of a number of candidates. */
struct nearest {
    struct str wanted;
    struct str best; /* empty: none is near */
    unsigned distance;
};

void nearest_init(struct nearest *n, struct str wanted);
void nearest_try(struct nearest *n, struct str candidate);
/* Puts "did you mean …?" into f if there is a near name. */
void nearest_hint(const struct nearest *n, struct fail *f);

struct form_key {
    const char *name;
    bool built; /* false: of the language, refused as unsupported */
};

/* Every member of `object` must be one of keys. ERR_UNKNOWN_KEY,
 * ERR_UNSUPPORTED_FEATURE; `form` is the word for the message ("a select"). */
enum err check_keys(struct context *c, const struct json *object, const struct form_key *keys,
                    size_t count, const char *form) MUST_CHECK;

/* For an object that is none of the forms: "did you mean …?" if one of its keys is near
 * to a key of theirs. */
void hint_form(struct context *c, const struct json *object, const char *const *keys,
               size_t count);

/* A form of the language that this server does not have yet. */
enum err not_built(struct context *c, const struct json *at, const char *what);
/* ERR_UNSUPPORTED_FEATURE: `what` is computed, and only values are the same everywhere. */
enum err not_computed(struct context *c, const struct json *at, const char *what,
                      const char *hint);

#endif
