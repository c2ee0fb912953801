/* SPDX-License-Identifier: MIT
 *
 * conf/yaml.c: from libyaml's events to a tree. The events are walked by
 * recursion that DEPTH_MAX bounds.
 */
#include "conf/yaml.h"

#include <string.h>
#include <yaml.h>

#define DEPTH_MAX 24
#define NODES_MAX 50000
#define BYTES_MAX (4U << 20)

struct reader {
    yaml_parser_t parser;
    struct arena *arena;
    struct report *report;
    const char *file;
    uint32_t depth, nodes;
    bool stopped; /* a fault after which nothing can be read */
};

static struct yaml *read_node(struct reader *r, yaml_event_t *e);

const char *yaml_kind_name(enum yaml_kind kind)
{
    static const char *const names[] = {
        [YAML_NULL] = "nothing", [YAML_BOOL] = "true or false",
        [YAML_INT] = "a number", [YAML_FLOAT] = "a number with a fraction",
        [YAML_TEXT] = "a text",  [YAML_LIST] = "a list",
        [YAML_MAP] = "a map",
    };
    return names[kind];
}

struct yaml *yaml_get(const struct yaml *map, const char *key)
{
    if (map == NULL || map->kind != YAML_MAP) {
        return NULL;
    }
    for (struct yaml *m = map->first; m != NULL; m = m->next) {
        if (str_is(m->key, key)) {
            return m;
        }
    }
    return NULL;
}

void yaml_add(struct yaml *parent, struct yaml *member)
{
    member->next = NULL;
    if (parent->last != NULL) {
        parent->last->next = member;
    } else {
        parent->first = member;
    }
    parent->last = member;
}

static struct place place_of(const struct reader *r, yaml_mark_t mark)
{
    return (struct place){r->file, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1};
}

static void stop(struct reader *r, struct place at, const char *message)
{
    if (!r->stopped) {
        fault_at(r->report, at, "%s", message);
    }
    r->stopped = true;
}

/* False at the end and after a syntax error, which is then in the report. */
static bool next_event(struct reader *r, yaml_event_t *e)
{
    if (r->stopped) {
        return false;
    }
    if (yaml_parser_parse(&r->parser, e)) {
        return true;
    }
    const char *problem = r->parser.problem != NULL ? r->parser.problem : "out of memory";
    stop(r, place_of(r, r->parser.problem_mark), problem);
    return false;
}

static bool is_digits(struct str s, const char *digits)
{
    if (s.len == 0) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\0' || strchr(digits, s.ptr[i]) == NULL) {
            return false;
        }
    }
    return true;
}

static struct str without_sign(struct str s)
{
    if (s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+')) {
        return (struct str){s.ptr + 1, s.len - 1};
    }
    return s;
}

/* YAML 1.2.2 §10.3.2: [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_float(struct str s)
{
    static const char digits[] = "0123456789";
    s = without_sign(s);
    size_t i = 0, whole = 0, part = 0;
    for (; i < s.len && strchr(digits, s.ptr[i]) != NULL && s.ptr[i] != '\0'; i++) {
        whole++;
    }
    if (i < s.len && s.ptr[i] == '.') {
        for (i++; i < s.len && strchr(digits, s.ptr[i]) != NULL && s.ptr[i] != '\0'; i++) {
            part++;
        }
    }
    if (whole + part == 0) {
        return false;
    }
    if (i < s.len && (s.ptr[i] == 'e' || s.ptr[i] == 'E')) {
        return is_digits(without_sign((struct str){s.ptr + i + 1, s.len - i - 1}), digits);
    }
    return i == s.len;
}

static bool one_of(struct str s, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (str_is(s, *words)) {
            return true;
        }
    }
    return false;
}

/* The core schema's tag resolution for plain scalars (YAML 1.2.2 §10.3.2). */
static enum yaml_kind plain_kind(struct str s)
{
    static const char *const nulls[] = {"", "null", "Null", "NULL", "~", NULL};
    static const char *const bools[] = {"true",  "True",  "TRUE", "false",
                                        "False", "FALSE", NULL};
    static const char *const special[] = {".inf",  ".Inf",  ".INF",  "+.inf", "+.Inf",
                                          "+.INF", "-.inf", "-.Inf", "-.INF", ".nan",
                                          ".NaN",  ".NAN",  NULL};
    if (one_of(s, nulls)) {
        return YAML_NULL;
    }
    if (one_of(s, bools)) {
        return YAML_BOOL;
    }
    struct str rest = {s.ptr + 2, s.len < 2 ? 0 : s.len - 2};
    if (is_digits(without_sign(s), "0123456789") ||
        (str_starts(s, STR("0o")) && is_digits(rest, "01234567")) ||
        (str_starts(s, STR("0x")) && is_digits(rest, "0123456789abcdefABCDEF"))) {
        return YAML_INT;
    }
    return is_float(s) || one_of(s, special) ? YAML_FLOAT : YAML_TEXT;
}

static struct yaml *new_node(struct reader *r, enum yaml_kind kind, yaml_mark_t mark)
{
    struct yaml *y = ++r->nodes > NODES_MAX ? NULL : ARENA_NEW(r->arena, struct yaml);
    if (y == NULL) {
        stop(r, place_of(r, mark), "the file is too large");
        return NULL;
    }
    y->kind = kind;
    y->at = place_of(r, mark);
    return y;
}

static void refuse_marks(struct reader *r, const yaml_event_t *e, const void *anchor,
                         const void *tag)
{
    if (anchor != NULL) {
        fault_at(r->report, place_of(r, e->start_mark),
                 "anchors (&name) are not supported in conf files");
    }
    if (tag != NULL) {
        fault_at(r->report, place_of(r, e->start_mark),
                 "tags (!name) are not supported in conf files");
    }
}

static struct yaml *read_scalar(struct reader *r, const yaml_event_t *e)
{
    struct str raw = {(const char *)e->data.scalar.value, e->data.scalar.length};
    refuse_marks(r, e, e->data.scalar.anchor, e->data.scalar.tag);
    enum yaml_kind kind = e->data.scalar.plain_implicit ? plain_kind(raw) : YAML_TEXT;
    struct yaml *y = new_node(r, kind, e->start_mark);
    if (y == NULL) {
        return NULL;
    }
    y->text = arena_str(r->arena, raw);
    if (y->text.ptr == NULL) {
        stop(r, y->at, "the file is too large");
        return NULL;
    }
    if (str_find(raw, '\0', 0) >= 0) {
        fault_at(r->report, y->at, "a text must not hold a NUL character");
    }
    return y;
}

static struct yaml *read_list(struct reader *r, const yaml_event_t *start)
{
    refuse_marks(r, start, start->data.sequence_start.anchor, start->data.sequence_start.tag);
    struct yaml *list = new_node(r, YAML_LIST, start->start_mark);
    yaml_event_t e;
    while (list != NULL && next_event(r, &e)) {
        if (e.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&e);
            return list;
        }
        struct yaml *item = read_node(r, &e);
        yaml_event_delete(&e);
        if (item == NULL) {
            return NULL;
        }
        yaml_add(list, item);
    }
    return NULL;
}

/* Adds a member unless the map has its key. */
static void add_member(struct reader *r, struct yaml *map, struct yaml *key, struct yaml *value)
{
    const struct yaml *twin = yaml_get(map, key->text.ptr);
    if (twin != NULL) {
        fault_at(r->report, key->at, "`%.*s` is given twice, first in line %u",
                 STR_ARG(key->text), twin->key_at.line);
        return;
    }
    value->key = key->text;
    value->key_at = key->at;
    yaml_add(map, value);
}

static struct yaml *read_value(struct reader *r)
{
    yaml_event_t e;
    if (!next_event(r, &e)) {
        return NULL;
    }
    struct yaml *value = read_node(r, &e);
    yaml_event_delete(&e);
    return value;
}

static struct yaml *read_map(struct reader *r, const yaml_event_t *start)
{
    refuse_marks(r, start, start->data.mapping_start.anchor, start->data.mapping_start.tag);
    struct yaml *map = new_node(r, YAML_MAP, start->start_mark);
    yaml_event_t e;
    while (map != NULL && next_event(r, &e)) {
        if (e.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&e);
            return map;
        }
        struct yaml *key = read_node(r, &e);
        yaml_event_delete(&e);
        struct yaml *value = key == NULL ? NULL : read_value(r);
        if (value == NULL) {
            return NULL;
        }
        if (key->kind == YAML_LIST || key->kind == YAML_MAP) {
            fault_at(r->report, key->at, "a key must be a plain text");
        } else {
            add_member(r, map, key, value);
        }
    }
    return NULL;
}

static struct yaml *read_node(struct reader *r, yaml_event_t *e)
{
    struct place at = place_of(r, e->start_mark);
    if (e->type == YAML_SCALAR_EVENT) {
        return read_scalar(r, e);
    }
    if (e->type == YAML_ALIAS_EVENT) {
        stop(r, at, "aliases (*name) are not supported in conf files");
        return NULL;
    }
    if (++r->depth > DEPTH_MAX) {
        stop(r, at, "lists and maps are too deep inside each other");
        return NULL;
    }
    struct yaml *y = e->type == YAML_SEQUENCE_START_EVENT ? read_list(r, e) : read_map(r, e);
    r->depth--;
    return y;
}

/* document := stream-start (document-start node document-end)? stream-end */
static struct yaml *read_stream(struct reader *r)
{
    struct yaml *root = NULL;
    yaml_event_t e;
    while (next_event(r, &e)) {
        bool end = e.type == YAML_STREAM_END_EVENT;
        bool frame = e.type == YAML_STREAM_START_EVENT || e.type == YAML_DOCUMENT_START_EVENT ||
                     e.type == YAML_DOCUMENT_END_EVENT;
        if (e.type == YAML_DOCUMENT_START_EVENT && root != NULL) {
            stop(r, place_of(r, e.start_mark), "a conf file is one YAML document");
        } else if (!end && !frame) {
            root = read_node(r, &e);
        }
        yaml_event_delete(&e);
        if (end) {
            return root;
        }
    }
    return NULL;
}

static struct yaml *empty_map(struct reader *r)
{
    return new_node(r, YAML_MAP, (yaml_mark_t){0});
}

struct yaml *yaml_read(struct arena *a, const char *file, struct str text, struct report *rep)
{
    struct reader r = {.arena = a, .report = rep, .file = file};
    size_t bad = 0;
    if (text.len > BYTES_MAX) {
        fault_at(rep, (struct place){file, 0, 0}, "the file is larger than 4 MiB");
        return NULL;
    }
    if (!utf8_valid(text, &bad)) {
        fault_at(rep, (struct place){file, 0, 0}, "byte %zu is not UTF-8", bad);
        return NULL;
    }
    if (!yaml_parser_initialize(&r.parser)) {
        fault_memory(rep);
        return NULL;
    }
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text.ptr, text.len);
    struct yaml *root = read_stream(&r);
    if (!r.stopped && (root == NULL || root->kind == YAML_NULL)) {
        root = empty_map(&r);
    }
    yaml_parser_delete(&r.parser);
    return r.stopped ? NULL : root;
}
