/* SPDX-License-Identifier: MIT
 *
 * bench/compile_speed.c: nanoseconds from a request's bytes to bound SQL text: without
 * a plan (uncached), and for bytes that came before (cached). One JSON line for each
 * request of bench/compile.json, which is named on the command line.
 */
#include "base/clock.h"
#include "tests/unit/compiler/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 7

struct finder {
    struct json_known known;
    struct compiler *compiler;
    struct seen *seen;
};

static const struct json *find_seen(struct json_known *k, struct str text, unsigned max_depth)
{
    struct finder *f = (struct finder *)k;
    f->seen = compiler_seen(f->compiler, text, max_depth);
    return f->seen == NULL ? NULL : compiler_seen_tree(f->seen);
}

/* What the daemon does with a line up to its statements. */
static bool once(struct rig *r, struct str line, struct arena *a)
{
    struct finder f = {.known = {.key = STR("query"), .find = find_seen},
                       .compiler = r->compiler};
    struct json_opts opts = {.max_depth = 32, .known = &f.known};
    struct fail fail;
    struct json *root;
    struct bound b;
    fail_init(&fail);
    arena_reset(a);
    enum err e = json_parse_with(a, line, &opts, &root, &fail);
    if (e == ERR_OK) {
        struct compile_request in = {
            .query = f.seen != NULL ? f.known.found : json_get(root, "query"),
            .query_text = f.known.text,
            .seen = f.seen,
            .params = json_get(root, "params"),
            .catalog = r->catalogs[0],
            .dialect = rig_dialects[0],
            .max_params = 1000,
            .max_sql_bytes = 1 << 20,
            .query_path = "/query",
        };
        e = compiler_bind(r->compiler, &in, a, &b, &fail);
    }
    if (e == ERR_OK) {
        plan_unref(b.plan);
    } else {
        fprintf(stderr, "%s %s\n", fail.message, fail.path);
    }
    compiler_seen_done(f.seen);
    return e == ERR_OK;
}

/* The best of some rounds, in nanoseconds for each request; < 0: it failed. */
static double measure(struct str line, size_t cache_bytes, int count)
{
    struct rig r;
    struct arena a;
    double best = -1;
    rig_init(&r, cache_bytes);
    arena_init(&a, 0);
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t from = clock_now_ns();
        for (int i = 0; i < count; i++) {
            if (!once(&r, line, &a)) {
                arena_fini(&a);
                rig_fini(&r);
                return -1;
            }
        }
        double ns = (double)(clock_now_ns() - from) / count;
        best = best < 0 || ns < best ? ns : best;
    }
    arena_fini(&a);
    rig_fini(&r);
    return best;
}

int main(int argc, char **argv)
{
    char line[8192];
    FILE *in = argc == 2 ? fopen(argv[1], "r") : NULL;
    if (in == NULL) {
        fprintf(stderr, "usage: compile_speed FILE\n");
        return 2;
    }
    while (fgets(line, sizeof line, in) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        struct str text = str_of(line);
        double uncached = measure(text, 0, 3000), cached = measure(text, 1 << 20, 30000);
        printf("{\"uncached_ns\":%.0f,\"cached_ns\":%.0f,\"bytes\":%zu}\n", uncached, cached,
               text.len);
    }
    fclose(in);
    return 0;
}
