/* SPDX-License-Identifier: MIT
 *
 * compiler/context.c: see compiler/context.h.
 */
#include "compiler/context.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PATH_DEPTH 64

struct path_walk {
    const struct json *want;
    struct json_path steps[PATH_DEPTH];
    unsigned depth; /* steps down from the root once found */
};

static bool find_node(struct path_walk *w, const struct json *at, unsigned depth)
{
    if (at == w->want) {
        w->depth = depth;
        return true;
    }
    bool object = at->kind == JSON_OBJECT;
    if ((!object && at->kind != JSON_ARRAY) || depth >= PATH_DEPTH) {
        return false;
    }
    uint32_t i = 0;
    for (const struct json *m = at->first; m != NULL; m = m->next, i++) {
        w->steps[depth] = (struct json_path){
            .up = depth > 0 ? &w->steps[depth - 1] : NULL,
            .key = object ? json_key(m) : (struct str){NULL, 0},
            .index = i,
        };
        if (find_node(w, m, depth + 1)) {
            return true;
        }
    }
    return false;
}

static bool point_below(const char *prefix, const struct json *root, struct fail *f,
                        const struct json *at)
{
    struct path_walk w = {.want = at};
    if (root == NULL || !find_node(&w, root, 0)) {
        return false;
    }
    size_t n = (size_t)snprintf(f->path, sizeof f->path, "%s", prefix);
    if (w.depth > 0 && n < sizeof f->path) {
        json_path_write(&w.steps[w.depth - 1], f->path + n, sizeof f->path - n);
    }
    return true;
}

void ctx_point(const struct compile_request *in, struct fail *f, const struct json *at)
{
    if (f == NULL || at == NULL) {
        return;
    }
    const char *prefix = in->query_path == NULL ? "" : in->query_path;
    if (!point_below(prefix, in->query, f, at) &&
        !point_below("/params", in->param_sets, f, at)) {
        point_below("/params", in->params, f, at);
    }
}

enum err ctx_fail(struct context *c, const struct json *at, enum err code, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    bool first = c->f != NULL && c->f->code == ERR_OK;
    fail_set(c->f, code, "%s", text);
    if (first) {
        ctx_point(c->in, c->f, at);
    }
    return code;
}

enum err ctx_full(struct context *c)
{
    if (c->f != NULL && c->f->code != ERR_OK) {
        return c->f->code;
    }
    return ctx_fail(c, NULL, ERR_REQUEST_TOO_LARGE,
                    "the statement needs more memory than one request may have");
}

bool ctx_grow(struct context *c, void *ptr, uint32_t count, uint32_t *cap, size_t size)
{
    if (count < *cap) {
        return true;
    }
    uint32_t wider = *cap == 0 ? 8 : *cap * 2;
    void *fresh = arena_zalloc(c->a, wider, size);
    if (fresh == NULL) {
        return false;
    }
    void *old;
    memcpy(&old, ptr, sizeof old);
    if (count > 0) {
        memcpy(fresh, old, count * size);
    }
    memcpy(ptr, &fresh, sizeof fresh);
    *cap = wider;
    return true;
}

void ctx_varies(struct context *c, enum volatility v)
{
    c->volatility = v > c->volatility ? v : c->volatility;
    c->varies = v > c->varies ? v : c->varies;
}

enum err ctx_table(struct context *c, const struct table *t, bool written)
{
    for (uint32_t i = 0; i < c->table_count; i++) {
        if (c->tables[i].table == t) {
            c->tables[i].written = c->tables[i].written || written;
            return ERR_OK;
        }
    }
    if (!ctx_grow(c, &c->tables, c->table_count, &c->table_cap, sizeof *c->tables)) {
        return ctx_full(c);
    }
    c->tables[c->table_count++] = (struct plan_table){.table = t, .written = written};
    return ERR_OK;
}
