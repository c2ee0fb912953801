/* SPDX-License-Identifier: MIT
 *
 * schema/reflect.c: runs through the statements of a source, and assembles their
 * rows into a catalog.
 *
 * Owns the catalog builder until reflect_finish. `row` may come on another thread
 * than the rest, but never at the same time.
 */
#include "schema/reflect_impl.h"

#include <stdlib.h>
#include <string.h>

static enum sink_verdict take_row(struct row_sink *s, const struct value *cells, struct fail *f)
{
    struct reflect *r = (struct reflect *)s;
    enum err e = r->steps->steps[r->at].row(r, cells);
    if (e == ERR_OK) {
        return SINK_MORE;
    }
    r->err = e;
    fail_set(f, e, "no memory for the schema of the database");
    return SINK_FAILED;
}

static const struct reflect_steps *steps_of(enum reflect_source source)
{
    switch (source) {
    case REFLECT_PG:
        return &reflect_pg;
    case REFLECT_MARIA:
        return &reflect_maria;
    case REFLECT_SQLITE:
        return &reflect_sqlite;
    }
    return NULL;
}

struct reflect *reflect_create(enum reflect_source source, uint64_t seed)
{
    struct reflect *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return NULL;
    }
    r->builder = catalog_builder_create(seed);
    if (r->builder == NULL) {
        free(r);
        return NULL;
    }
    r->sink.row = take_row;
    r->steps = steps_of(source);
    r->arena = catalog_builder_arena(r->builder);
    arena_init(&r->scratch, 0);
    map_init(&r->texts, seed);
    map_init(&r->facts, seed);
    map_init(&r->folded, seed);
    return r;
}

void reflect_destroy(struct reflect *r)
{
    if (r == NULL) {
        return;
    }
    catalog_builder_destroy(r->builder);
    arena_fini(&r->scratch);
    map_fini(&r->texts);
    map_fini(&r->facts);
    map_fini(&r->folded);
    free(r->columns.items);
    free(r->uniques.items);
    free(r->indexes.items);
    free(r->foreign_keys.items);
    free(r->ours.items);
    free(r->theirs.items);
    free(r->views.items);
    free(r);
}

static const struct statement *enter_step(struct reflect *r)
{
    while (r->at < r->steps->count) {
        const struct reflect_step *step = &r->steps->steps[r->at];
        r->dynamic = step->more != NULL;
        const struct statement *s = r->dynamic ? step->more(r) : &step->stmt;
        if (s != NULL || r->err != ERR_OK) {
            return r->err == ERR_OK ? s : NULL;
        }
        r->at++;
    }
    return NULL;
}

const struct statement *reflect_next(struct reflect *r)
{
    enum err e = reflect_close(r);
    if (r->err == ERR_OK) {
        r->err = e;
    }
    if (r->err != ERR_OK) {
        return NULL;
    }
    if (r->started && !r->dynamic && r->at < r->steps->count) {
        r->at++;
    }
    r->started = true;
    return enter_step(r);
}

bool reflect_failed(struct reflect *r)
{
    if (r->err != ERR_OK || r->at >= r->steps->count) {
        return false;
    }
    r->skipped++;
    return r->dynamic || r->steps->steps[r->at].bearable;
}

uint32_t reflect_skipped(const struct reflect *r)
{
    return r->skipped;
}

struct row_sink *reflect_sink(struct reflect *r)
{
    return &r->sink;
}

enum err reflect_finish(struct reflect *r, struct catalog **out, struct fail *f)
{
    *out = NULL;
    if (r->err == ERR_OK) {
        r->err = reflect_close(r);
    }
    if (r->err == ERR_OK && r->builder == NULL) {
        return fail_set(f, ERR_INTERNAL, "the schema was taken already");
    }
    if (r->err != ERR_OK) {
        return fail_set(f, r->err, "no memory for the schema of the database");
    }
    struct catalog_builder *b = r->builder;
    r->builder = NULL;
    r->arena = NULL;
    enum err e = catalog_builder_finish(b, out);
    return e == ERR_OK ? ERR_OK : fail_set(f, e, "no memory for the schema of the database");
}

/* ---- names and facts ---- */

struct str reflect_text(struct reflect *r, struct str s)
{
    if (s.len == 0) {
        return STR("");
    }
    struct str *known = map_get(&r->texts, s);
    if (known != NULL) {
        return *known;
    }
    /* The header lies in the scratch arena: only the bytes outlive the reading. */
    known = ARENA_NEW(&r->scratch, struct str);
    struct str copy = arena_str(r->arena, s);
    if (known == NULL || copy.ptr == NULL) {
        return (struct str){NULL, 0};
    }
    *known = copy;
    return map_put(&r->texts, copy, known) == ERR_OK ? copy : (struct str){NULL, 0};
}

bool reflect_name(struct reflect *r, struct str name)
{
    bool good = name.len > 0 && utf8_valid(name, NULL);
    r->skipped += !good;
    return good;
}

/* NUL parts the names: no database has it in one. false when out is too small. */
static bool join(char *out, size_t max, enum fact_kind k, struct str *parts, size_t *len)
{
    *len = parts[0].len + parts[1].len + 2;
    if (*len > max) {
        return false;
    }
    out[0] = (char)k;
    memcpy(out + 1, parts[0].ptr, parts[0].len);
    out[parts[0].len + 1] = '\0';
    memcpy(out + parts[0].len + 2, parts[1].ptr, parts[1].len);
    return true;
}

enum err reflect_fact_put(struct reflect *r, enum fact_kind k, struct str table,
                          struct str name, const void *value)
{
    size_t len = table.len + name.len + 2;
    char *key = arena_alloc(&r->scratch, len);
    if (key == NULL) {
        return ERR_OUT_OF_MEMORY;
    }
    union {
        const void *in;
        void *out; /* the map hands it back through reflect_fact as const */
    } v = {.in = value};
    struct str parts[2] = {table, name};
    bool fits = join(key, len, k, parts, &len);
    return fits ? map_put(&r->facts, (struct str){key, len}, v.out) : ERR_OK;
}

const void *reflect_fact(struct reflect *r, enum fact_kind k, struct str table, struct str name)
{
    char key[1024];
    size_t len;
    struct str parts[2] = {table, name};
    if (r->facts.count == 0 || table.ptr == NULL || name.ptr == NULL ||
        !join(key, sizeof key, k, parts, &len)) {
        return NULL;
    }
    return map_get(&r->facts, (struct str){key, len});
}
