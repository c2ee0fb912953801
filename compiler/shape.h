/* SPDX-License-Identifier: MIT
 *
 * compiler/shape.h: the shape of a request: everything that its plan depends on
 * and nothing else, as bytes; and the literals that it leaves out.
 *
 * The walk elides data only where the grammar leaves no doubt that it is data:
 * what it does not know goes into the key verbatim. The parser claims each
 * literal it takes; a literal that is elided and not claimed would be a plan
 * that ignores part of the request, so that is an internal error.
 * Lives in the request's arena, borrows from its tree.
 */
#ifndef COMPILER_SHAPE_H
#define COMPILER_SHAPE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

#include <stdint.h>

struct compile_request;
struct seen;

/* What the JSON form of a literal or param tells a plan. */
enum json_form {
    FORM_NONE = 0, /* params are not known (op prepare, op compile) */
    FORM_NULL = 'n',
    FORM_BOOL = 'b',
    FORM_INT = 'i',  /* fits 32 bits */
    FORM_LONG = 'l', /* fits 64 bits */
    FORM_HUGE = 'h', /* an integer beyond that */
    FORM_DECIMAL = 'd',
    FORM_STRING = 's',
    FORM_ARRAY = 'a',
    FORM_OBJECT = 'o',
    FORM_MIXED = 'm', /* of a list: members that do not go together */
};

/* An IN list of nothing but literals: literals [first, first + padded). */
struct shape_list {
    const struct json *node;
    uint32_t first, count, padded;
    enum json_form form;
};

/* Rows that follow each other and have the same keys. */
struct shape_run {
    uint32_t set;
    uint32_t rows;
    const struct json *first;
};

struct shape {
    const struct json **literals; /* in document order; padded in lists */
    const struct json **nodes;    /* the node of the query that stands for each */
    uint32_t *shared;             /* index of the first literal equal to each */
    uint32_t count, cap;
    struct shape_list *lists;
    uint32_t list_count, list_cap;
    uint32_t claims, claimable;
    const struct json *rows;       /* of an insert: an array; of an update: an object */
    const struct json *data_param; /* the member of params that is `rows` */
    const struct json **sets;      /* the first row with each set of keys */
    uint64_t *set_hashes;
    uint32_t set_count, set_cap;
    struct shape_run *runs;
    uint32_t run_count, run_cap;
    uint32_t row_count;
    bool rows_unknown;             /* they are in a param, and params are not given */
    const struct json *clash_data; /* `data` of `conflict` */
};

/* Writes the key into `key` (emptied first) and fills *s. Errors:
 * ERR_REQUEST_TOO_LARGE, ERR_OUT_OF_MEMORY, ERR_BAD_QUERY (rows that are no
 * objects), ERR_QUERY_TOO_LARGE (too many sets of keys), ERR_MISSING_PARAM. */
enum err shape_walk(const struct compile_request *in, struct arena *a, struct buf *key,
                    struct shape *s, struct fail *f) MUST_CHECK;

/* Keeps in `s` what shape_walk would write and find of its query, whatever the params
 * are; nothing if rows in the params decide about it. `key` is for use meanwhile. */
void shape_remember(const struct compile_request *in, struct buf *key, struct seen *s);

/* The index of the literal at `node`, shared by equal ones; false if the walk did
 * not elide it. A node may be claimed once. */
bool shape_claim(struct shape *s, const struct json *node, uint32_t *index);
/* The list at `node`, or NULL if the walk did not take it for one. */
const struct shape_list *shape_claim_list(struct shape *s, const struct json *node);

enum json_form json_form_of(const struct json *j);
/* What two members of a list have in common. */
enum json_form json_form_join(enum json_form a, enum json_form b);
/* What the members of an array have in common; FORM_NULL if there is nothing but
 * nulls or no member. */
enum json_form json_form_of_list(const struct json *array);
/* Whether the array holds arrays of one length, and which. */
bool json_rows(const struct json *array, uint32_t *width);
/* As json_form_of_list for member `column` of each of its rows. */
enum json_form json_form_of_column(const struct json *array, uint32_t column);
/* Digits behind the point of a JSON number; -1 beyond reason. */
int json_scale(const struct json *number);
/* The length an IN list is padded to: 0, or the next power of two. */
uint32_t shape_padded(uint32_t count);

#endif
