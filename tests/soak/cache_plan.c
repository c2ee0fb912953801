/* SPDX-License-Identifier: MIT
 *
 * tests/soak/cache_plan.c: reads plans, writes requests, reads replies.
 *
 * A plan is a text: each line a word and, behind TABs, what it needs.
 */
#include "tests/soak/cache_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *what, const char *line)
{
    fprintf(stderr, "cache_load: %s: %s\n", what, line);
    exit(2);
}

struct number {
    const char *word;
    size_t offset;
};

#define NUMBER(name)                                                                           \
    {                                                                                          \
#name, offsetof(struct plan, name)                                                     \
    }

static const struct number numbers[] = {
    NUMBER(seconds),   NUMBER(readers), NUMBER(in_flight), NUMBER(followers), NUMBER(aborters),
    NUMBER(registers), NUMBER(writers), NUMBER(pause_us),  NUMBER(cancels),   NUMBER(drops),
};

static bool set_number(struct plan *p, const char *word, const char *value)
{
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (strcmp(word, numbers[i].word) == 0) {
            uint32_t v = (uint32_t)strtoul(value, NULL, 10);
            memcpy((char *)p + numbers[i].offset, &v, sizeof v);
            return true;
        }
    }
    return false;
}

/* kind, register, form, at_once, then its lines. */
static void add_script(struct plan *p, enum script_kind kind, char *rest)
{
    struct scripts *all = &p->scripts[kind];
    all->items = realloc(all->items, (all->count + 1) * sizeof *all->items);
    if (all->items == NULL) {
        die("memory", "");
    }
    struct script *s = &all->items[all->count++];
    *s = (struct script){.reg = (uint16_t)strtoul(strsep(&rest, "\t"), NULL, 10)};
    s->form = (uint8_t)strtoul(rest != NULL ? strsep(&rest, "\t") : "", NULL, 10);
    s->at_once = rest != NULL && strcmp(strsep(&rest, "\t"), "1") == 0;
    while (rest != NULL && s->steps < STEPS_MAX) {
        s->lines[s->steps++] = strdup(strsep(&rest, "\t"));
    }
    if (rest != NULL || s->steps == 0) {
        die("too many steps, or none", "");
    }
}

static void read_line(struct plan *p, char *line)
{
    static const char *const kinds[SCRIPT_KINDS] = {"read", "write", "abort"};
    char *rest = line, *word = strsep(&rest, "\t");
    if (rest == NULL) {
        die("a word without anything", line);
    }
    for (int k = 0; k < SCRIPT_KINDS; k++) {
        if (strcmp(word, kinds[k]) == 0) {
            add_script(p, (enum script_kind)k, rest);
            return;
        }
    }
    if (strcmp(word, "port") == 0 && p->instances < INSTANCES_MAX) {
        p->ports[p->instances++] = (uint16_t)strtoul(rest, NULL, 10);
    } else if (strcmp(word, "reads_wanted") == 0) {
        p->reads_wanted = strtoull(rest, NULL, 10);
    } else if (strcmp(word, "seed") == 0) {
        p->seed = strtoull(rest, NULL, 10);
    } else if (strcmp(word, "one_instance") == 0) {
        p->one_instance = strcmp(rest, "1") == 0;
    } else if (!set_number(p, word, rest)) {
        die("an unknown word", word);
    }
}

void plan_read(struct plan *p, const char *path)
{
    *p = (struct plan){.in_flight = 1, .seconds = 1};
    FILE *f = fopen(path, "re");
    char *line = NULL;
    size_t cap = 0;
    if (f == NULL) {
        die("cannot read", path);
    }
    while (getline(&line, &cap, f) > 0) {
        line[strcspn(line, "\n")] = '\0';
        read_line(p, line);
    }
    free(line);
    fclose(f);
    if (p->instances == 0 || p->scripts[SCRIPT_READ].count == 0) {
        die("no port, or nothing to read", path);
    }
}

/* ---- replies ---- */

/* What stands behind `what` in line; an empty string with a NULL pointer if it is not there. */
static struct str behind(struct str line, const char *what)
{
    const char *at = memmem(line.ptr, line.len, what, strlen(what));
    if (at == NULL) {
        return (struct str){NULL, 0};
    }
    at += strlen(what);
    return (struct str){at, (size_t)(line.ptr + line.len - at)};
}

static struct str until_quote(struct str s)
{
    const char *end = s.len > 0 ? memchr(s.ptr, '"', s.len) : NULL;
    return (struct str){s.ptr, end != NULL ? (size_t)(end - s.ptr) : 0};
}

static enum verdict verdict_read(struct str line)
{
    static const char *const words[] = {
        [VERDICT_HIT] = "hit",
        [VERDICT_MISS] = "miss",
        [VERDICT_STALE] = "stale",
        [VERDICT_BYPASS] = "bypass",
    };
    struct str word = until_quote(behind(line, "\"cache\":\""));
    for (int v = VERDICT_HIT; v <= VERDICT_BYPASS; v++) {
        if (word.len == strlen(words[v]) && memcmp(word.ptr, words[v], word.len) == 0) {
            return (enum verdict)v;
        }
    }
    return VERDICT_NONE;
}

/* The whole numbers of `rows`, be they numbers or strings: VALUE_ABSENT if there is none. */
static int64_t value_read(struct str line)
{
    struct str rows = behind(line, "\"rows\":[");
    if (rows.ptr == NULL) {
        return VALUE_STRANGE;
    }
    int64_t value = VALUE_ABSENT;
    int depth = 1;
    for (size_t i = 0; i < rows.len && depth > 0; i++) {
        char c = rows.ptr[i];
        depth += c == '[' ? 1 : c == ']' ? -1 : 0;
        if (c == '-' || (c >= '0' && c <= '9')) {
            char *end;
            int64_t v = strtoll(rows.ptr + i, &end, 10);
            if (value != VALUE_ABSENT && v != value) {
                return VALUE_TORN;
            }
            value = v;
            i = (size_t)(end - rows.ptr) - 1;
        }
    }
    return value;
}

struct answer answer_read(struct str line)
{
    struct answer a = {.value = VALUE_STRANGE};
    struct str id = behind(line, "{\"id\":");
    a.has_id = id.ptr == line.ptr + 6 && id.len > 0 && id.ptr[0] >= '0' && id.ptr[0] <= '9';
    a.id = a.has_id ? (uint32_t)strtoul(id.ptr, NULL, 10) : 0;
    a.error = until_quote(behind(line, "\"error\":{\"code\":\""));
    a.verdict = verdict_read(line);
    if (a.error.len == 0) {
        a.value = value_read(line);
    }
    return a;
}

/* ---- requests ---- */

void request_write(struct buf *out, uint32_t id, const char *line, int64_t version)
{
    char text[32];
    int n = snprintf(text, sizeof text, "{\"id\":%u,", id);
    buf_add(out, text, (size_t)n);
    n = snprintf(text, sizeof text, "%lld", (long long)version);
    const char *mark;
    while ((mark = strstr(line, "$v")) != NULL) {
        buf_add(out, line, (size_t)(mark - line));
        buf_add(out, text, (size_t)n);
        line = mark + 2;
    }
    buf_add(out, line, strlen(line));
    buf_char(out, '\n');
}
