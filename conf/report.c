/* SPDX-License-Identifier: MIT
 *
 * conf/report.c: faults of a conf file, written as compilers write them.
 */
#include "conf/report.h"

#include <stdarg.h>
#include <stdio.h>

#define REPORT_LINES_MAX 100

void fault_at(struct report *r, struct place at, const char *fmt, ...)
{
    r->count++;
    if (r->count > REPORT_LINES_MAX) {
        if (r->count == REPORT_LINES_MAX + 1) {
            BUF_LIT(r->out, "… and more\n");
        }
        return;
    }
    char message[1024];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    struct str text = {message, n < 0 ? 0 : (size_t)n};
    text.len = utf8_cut(text, text.len < sizeof message ? text.len : sizeof message - 1);
    if (at.line > 0) {
        buf_printf(r->out, "%s:%u:%u: ", at.file, at.line, at.column);
    } else {
        buf_printf(r->out, "%s: ", at.file);
    }
    buf_str_add(r->out, text);
    buf_char(r->out, '\n');
}

void fault_memory(struct report *r)
{
    r->count++;
    BUF_LIT(r->out, "out of memory\n");
}
