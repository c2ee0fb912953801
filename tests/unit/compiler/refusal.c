/* SPDX-License-Identifier: MIT
 *
 * tests/unit/compiler/refusal.c: see refusal.h.
 */
#include "refusal.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static void write_request(const char *q, char *out, size_t bytes)
{
    bool whole = strncmp(q + 1, "'query'", 7) == 0 || strncmp(q + 1, "\"query\"", 7) == 0;
    int n = snprintf(out, bytes, whole ? "%s" : "{\"query\":%s}", q);
    ck_assert_int_lt(n, (int)bytes);
    bool plain = strchr(q, '"') == NULL;
    for (char *p = out; plain && *p != '\0'; p++) {
        *p = *p == '\'' ? '"' : *p;
    }
}

void rig_refuse(const struct rig_refusal *c)
{
    struct rig r;
    char request[4096];
    unsigned dialects = c->dialects == 0 ? ALL : c->dialects;
    write_request(c->query, request, sizeof request);
    rig_init(&r, 1 << 16);
    for (unsigned d = 0; d < RIG_DIALECTS; d++) {
        if ((dialects >> d & 1) == 0) {
            continue;
        }
        enum err e = rig_bind(&r, d, request);
        ck_assert_msg(e == c->code, "%s: %s (%s)", request, err_wire(e), r.fail.message);
        ck_assert_msg(e == r.fail.code, "%s: returned %s", request, err_wire(r.fail.code));
        ck_assert_msg(strcmp(r.fail.path, c->path) == 0, "%s: at %s", request, r.fail.path);
        ck_assert_msg(r.fail.message[0] != '\0', "%s: no message", request);
        ck_assert_msg(c->hint == NULL || strstr(r.fail.hint, c->hint) != NULL, "%s: hint %s",
                      request, r.fail.hint);
    }
    ck_assert_uint_eq(compiler_counts(r.compiler).hits, 0);
    rig_fini(&r);
}
