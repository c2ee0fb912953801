/* SPDX-License-Identifier: MIT
 *
 * base/err_print.c: prints ERR_MAP by class, as docs/ERRORS.md.
 */
#include "base/err_print.h"

#include "base/err.h"

static void print_class(FILE *out, enum err_class c)
{
    fprintf(out, "\n## %s\n\n| code | again? | meaning |\n|---|---|---|\n", err_class_wire(c));
    for (int i = ERR_OK + 1; i < ERR_COUNT; i++) {
        enum err e = (enum err)i;
        if (err_class(e) == c) {
            fprintf(out, "| `%s` | %s | %s |\n", err_wire(e), err_retry(e) ? "yes" : "no",
                    err_doc(e));
        }
    }
}

static int class_size(enum err_class c)
{
    int n = 0;
    for (int i = ERR_OK + 1; i < ERR_COUNT; i++) {
        n += err_class((enum err)i) == c;
    }
    return n;
}

void err_print_markdown(FILE *out)
{
    fputs("# Errors\n\n"
          "Every error that a reply can carry, made by `make docs` from the table in\n"
          "`base/err.h`. A `code` is stable: the same fault has the same code on every\n"
          "database. *again?* says whether the same request may succeed when it is sent once\n"
          "more (`retry` in the reply).\n\n"
          "```json\n"
          "{\"id\":3,\"error\":{\"code\":\"unknown_column\",\"class\":\"compile\",\"message\":"
          "\"…\","
          "\"path\":\"/query/where/1\",\"retry\":false}}\n"
          "```\n",
          out);
    for (int i = CLASS_NONE + 1; i < CLASS_COUNT; i++) {
        if (class_size((enum err_class)i) > 0) {
            print_class(out, (enum err_class)i);
        }
    }
}
