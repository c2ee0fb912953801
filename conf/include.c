/* SPDX-License-Identifier: MIT
 *
 * conf/include.c: conf files that name further files. Their keys are added to
 * one tree; nothing overrides anything.
 */
#include "conf/read.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 4
#define FILES_MAX 200
#define FILE_BYTES_MAX (4U << 20)

struct including {
    struct arena *arena;
    struct report *report;
    struct yaml *root;
    uint32_t depth, files;
};

static void include_file(struct including *in, const char *path, struct place asked_at);

static bool slurp(int fd, struct buf *b)
{
    ssize_t n = 1;
    while (n > 0 && b->len <= FILE_BYTES_MAX) {
        if (!buf_reserve(b, 65536)) {
            errno = ENOMEM;
            return false;
        }
        n = read(fd, b->ptr + b->len, 65536);
        if (n < 0) {
            return false;
        }
        b->len += (size_t)n;
    }
    return true;
}

bool include_slurp(const char *path, struct place asked_at, struct buf *b, struct report *r)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    bool ok = fd >= 0 && slurp(fd, b);
    if (!ok) {
        fault_at(r, asked_at, "cannot read %s: %s", path, strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

static void report_twice(struct including *in, const struct yaml *m, const struct yaml *twin)
{
    fault_at(in->report, m->key_at, "`%.*s` is given twice, first at %s:%u", STR_ARG(m->key),
             twin->key_at.file, twin->key_at.line);
}

/* Adds m to the map unless the map has its key. */
static void add_once(struct including *in, struct yaml *map, struct yaml *m)
{
    const struct yaml *twin = yaml_get(map, m->key.ptr);
    if (twin == NULL) {
        yaml_add(map, m);
    } else {
        report_twice(in, m, twin);
    }
}

/* Sections and `databases` take members from several files; all else is given once. */
static void merge(struct including *in, struct yaml *other)
{
    for (struct yaml *m = other->first, *next; m != NULL; m = next) {
        next = m->next;
        struct yaml *twin = yaml_get(in->root, m->key.ptr);
        if (str_is(m->key, "include")) {
            continue;
        }
        if (twin == NULL || twin->kind != YAML_MAP || m->kind != YAML_MAP) {
            add_once(in, in->root, m);
            continue;
        }
        for (struct yaml *inner = m->first, *after; inner != NULL; inner = after) {
            after = inner->next;
            add_once(in, twin, inner);
        }
    }
}

static bool has_wildcard(const char *s)
{
    return strpbrk(s, "*?[") != NULL;
}

static void include_pattern(struct including *in, const struct yaml *y)
{
    struct str folder = read_folder(y->at.file);
    bool absolute = str_starts(y->text, STR("/")) || folder.len == 0;
    struct str path =
        absolute ? y->text
                 : arena_printf(in->arena, "%.*s/%.*s", STR_ARG(folder), STR_ARG(y->text));
    if (y->kind != YAML_TEXT || y->text.len == 0 || path.ptr == NULL) {
        fault_at(in->report, y->at, "`include` must be a file pattern or a list of them");
        return;
    }
    glob_t found = {0};
    int result = glob(path.ptr, 0, NULL, &found);
    if (result == GLOB_NOMATCH && !has_wildcard(path.ptr)) {
        fault_at(in->report, y->at, "there is no file %s", path.ptr);
    } else if (result != 0 && result != GLOB_NOMATCH) {
        fault_at(in->report, y->at, "cannot look for %s", path.ptr);
    }
    for (size_t i = 0; i < found.gl_pathc; i++) {
        include_file(in, found.gl_pathv[i], y->at);
    }
    globfree(&found);
}

static void follow_includes(struct including *in, const struct yaml *tree)
{
    const struct yaml *y = yaml_get(tree, "include");
    if (y != NULL && y->kind == YAML_LIST) {
        for (const struct yaml *m = y->first; m != NULL; m = m->next) {
            include_pattern(in, m);
        }
    } else if (y != NULL) {
        include_pattern(in, y);
    }
}

static struct yaml *read_tree(struct including *in, const char *file, struct str text)
{
    struct yaml *tree = yaml_read(in->arena, file, text, in->report);
    if (tree != NULL && tree->kind != YAML_MAP) {
        fault_at(in->report, tree->at, "a conf file is a map of keys, not %s",
                 yaml_kind_name(tree->kind));
        return NULL;
    }
    return tree;
}

static void include_file(struct including *in, const char *path, struct place asked_at)
{
    if (in->depth >= DEPTH_MAX || in->files >= FILES_MAX) {
        fault_at(in->report, asked_at, "files include each other too often (at %s)", path);
        return;
    }
    struct buf b;
    buf_init(&b);
    struct str name = arena_str(in->arena, str_of(path));
    in->depth++;
    in->files++;
    if (name.ptr == NULL) {
        fault_memory(in->report);
    } else if (include_slurp(path, asked_at, &b, in->report)) {
        struct yaml *tree = read_tree(in, name.ptr, buf_str(&b));
        if (tree != NULL) {
            follow_includes(in, tree);
            merge(in, tree);
        }
    }
    in->depth--;
    buf_fini(&b);
}

struct yaml *include_read(struct arena *a, const char *file, struct str text, struct report *r)
{
    struct including in = {.arena = a, .report = r};
    in.root = read_tree(&in, file, text);
    if (in.root != NULL) {
        follow_includes(&in, in.root);
    }
    return in.root;
}
