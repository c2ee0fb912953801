/* SPDX-License-Identifier: MIT
 *
 * conf/conf.c: a conf file from its path to a finished struct conf.
 */
#include "conf/conf.h"

#include "conf/read.h"
#include "conf/url.h"

#include <stdlib.h>

#define CONF_BYTES_MAX (UINT64_C(256) << 20)

static struct conf *conf_create(const char *path, struct report *r)
{
    struct conf *c = calloc(1, sizeof *c);
    if (c == NULL) {
        fault_memory(r);
        return NULL;
    }
    arena_init(&c->arena, CONF_BYTES_MAX);
    c->path = arena_str(&c->arena, str_of(path));
    if (c->path.ptr == NULL) {
        fault_memory(r);
        conf_free(c);
        return NULL;
    }
    return c;
}

void conf_free(struct conf *c)
{
    if (c != NULL) {
        arena_fini(&c->arena);
        free(c);
    }
}

/* c, or NULL with c freed when anything was reported. */
static struct conf *unless_faulty(struct conf *c, const struct report *r)
{
    if (r->count == 0 && !r->out->failed) {
        return c;
    }
    conf_free(c);
    return NULL;
}

struct conf *conf_parse(const char *name, struct str text, struct buf *errors)
{
    struct report report = {errors, 0};
    struct conf *c = conf_create(name, &report);
    if (c == NULL) {
        return NULL;
    }
    struct reading r = {c, &report};
    const struct yaml *root = include_read(&c->arena, c->path.ptr, text, &report);
    if (root != NULL) {
        read_conf(&r, root);
    }
    if (report.count == 0) {
        check_conf(&r, root);
    }
    return unless_faulty(c, &report);
}

struct conf *conf_load(const char *path, struct buf *errors)
{
    struct report report = {errors, 0};
    struct buf text;
    buf_init(&text);
    struct conf *c = NULL;
    if (include_slurp(path, (struct place){path, 0, 0}, &text, &report)) {
        c = conf_parse(path, buf_str(&text), errors);
    }
    buf_fini(&text);
    return c;
}

static void try_database(struct reading *r, const char *url)
{
    struct conf *c = r->conf;
    struct conf_database *d = ARENA_NEW(&c->arena, struct conf_database);
    if (d == NULL) {
        fault_memory(r->report);
        return;
    }
    d->name = STR("main");
    read_database_defaults(r, d);
    c->databases = d;
    c->database_count = 1;
    struct fail f;
    fail_init(&f);
    if (conf_url_parse(str_of(url), &c->arena, &d->url, &f) != ERR_OK) {
        fault_at(r->report, (struct place){c->path.ptr, 0, 0}, "%s", f.message);
    }
}

struct conf *conf_try(const char *url, struct buf *errors)
{
    struct report report = {errors, 0};
    struct conf *c = conf_create("--try", &report);
    if (c == NULL) {
        return NULL;
    }
    struct reading r = {c, &report};
    struct yaml none = {.kind = YAML_MAP};
    read_conf(&r, &none);
    try_database(&r, url);
    if (report.count == 0) {
        check_conf(&r, &none);
    }
    return unless_faulty(c, &report);
}
