/* SPDX-License-Identifier: MIT
 *
 * daemon/batch_refs.c: see daemon/batch_refs.h. Worker thread.
 */
#include "daemon/batch_refs.h"

#include "daemon/batch.h"

#include <string.h>

/* What the database has stored may be deeper than what a client may send. */
#define MOST_DEPTH 1024

/* ---- what a step gave ---- */

static bool copy_columns(struct arena *a, const struct rows_opts *o, struct step_result *out)
{
    struct column_info *to = ARENA_ARRAY(a, o->column_count, struct column_info);
    for (uint32_t i = 0; to != NULL && i < o->column_count; i++) {
        to[i].name = arena_str(a, o->columns[i].name);
        to[i].type = o->columns[i].type;
        to[i].type.name = arena_str(a, o->columns[i].type.name);
        if (to[i].name.ptr == NULL || to[i].type.name.ptr == NULL) {
            return false;
        }
    }
    out->columns = to;
    out->column_count = o->column_count;
    return to != NULL;
}

/* Bytes of the value that text, which we wrote, begins with. */
static size_t value_bytes(struct str text)
{
    size_t n = 1;
    if (text.ptr[0] == '[' || text.ptr[0] == '{') {
        return json_object_bytes(text);
    }
    if (text.ptr[0] == '"') {
        while (n < text.len && text.ptr[n] != '"') {
            n += text.ptr[n] == '\\' ? 2 : 1;
        }
        return n + 1;
    }
    while (n < text.len && text.ptr[n] != ',') {
        n++;
    }
    return n;
}

/* The first row as a list, in `a`; ptr NULL: out of memory. */
static struct str first_row(struct arena *a, const struct rows *rows)
{
    struct str text = buf_str(&rows->out);
    bool bare = rows->opts.form == ROWS_VALUES;
    text.len = value_bytes(text);
    char *to = arena_alloc(a, text.len + 2);
    if (to == NULL) {
        return (struct str){NULL, 0};
    }
    to[0] = '[';
    memcpy(to + bare, text.ptr, text.len);
    to[text.len + bare] = ']';
    return (struct str){to, text.len + (bare ? 2 : 0)};
}

static enum err no_room(struct fail *f)
{
    return fail_set(f, ERR_REQUEST_TOO_LARGE, "%s", err_doc(ERR_REQUEST_TOO_LARGE));
}

static enum err keep_row(struct arena *a, const struct rows *rows, struct step_result *out,
                         struct fail *f)
{
    struct json *row;
    struct fail odd;
    struct str text = first_row(a, rows);
    fail_init(&odd);
    if (text.ptr == NULL) {
        return no_room(f);
    }
    enum err e = json_parse(a, text, MOST_DEPTH, &row, &odd);
    if (e == ERR_REQUEST_TOO_LARGE) {
        return no_room(f);
    }
    if (e != ERR_OK) { /* json that the database holds, and nobody may send */
        return fail_set(f, ERR_BAD_STORED_VALUE,
                        "the step's first row is no value to refer to");
    }
    out->row = row;
    return ERR_OK;
}

enum err batch_keep(struct batch *b, const struct req *child, struct fail *f)
{
    struct arena *a = &b->req->arena;
    struct step_result *out = &b->results[b->at];
    const struct rows *rows = &child->rows;
    if (!b->steps[b->at].is_referred) {
        return ERR_OK;
    }
    out->ran_nothing = child->bound.run_count == 0;
    if (!child->rows_ready || rows->opts.form == ROWS_COUNTED) {
        return ERR_OK;
    }
    if (!copy_columns(a, &rows->opts, out)) {
        return no_room(f);
    }
    return rows->count == 0 || rows->out.len == 0 ? ERR_OK : keep_row(a, rows, out, f);
}

/* ---- what a step refers to ---- */

static bool went_well(enum step_outcome o)
{
    return o == OUTCOME_ROWS || o == OUTCOME_EMPTY;
}

static enum ref_state find_cell(const struct step_result *of, struct compile_ref *ref)
{
    const struct json *cell = of->row == NULL ? NULL : of->row->first;
    uint32_t i = 0;
    while (i < of->column_count && !str_eq(of->columns[i].name, ref->column)) {
        cell = cell == NULL ? NULL : cell->next;
        i++;
    }
    if (of->ran_nothing) {
        return REF_NO_RESULT;
    }
    if (i == of->column_count) {
        return REF_NO_COLUMN;
    }
    ref->value = cell;
    ref->type = of->columns[i].type;
    return cell == NULL ? REF_NO_RESULT : REF_VALUE;
}

static struct compile_ref resolve(const struct batch *b, const struct batch_ref *from)
{
    struct compile_ref ref = {.step = from->step,
                              .column = from->column,
                              .at = from->at,
                              .type = type_of(TYPE_UNKNOWN)};
    if (from->of == UINT32_MAX) {
        ref.state = REF_NO_STEP;
    } else if (!went_well(b->steps[from->of].outcome)) {
        ref.state = REF_NO_RESULT;
    } else {
        ref.state = find_cell(&b->results[from->of], &ref);
    }
    return ref;
}

const struct compile_refs *batch_refs(struct batch *b)
{
    struct arena *a = &b->req->arena;
    const struct batch_step *s = &b->steps[b->at];
    struct compile_refs *refs = ARENA_NEW(a, struct compile_refs);
    struct compile_ref *list = ARENA_ARRAY(a, s->ref_count, struct compile_ref);
    if (refs == NULL || list == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < s->ref_count; i++) {
        list[i] = resolve(b, &s->refs[i]);
    }
    *refs = (struct compile_refs){.list = list, .count = s->ref_count};
    return refs;
}
