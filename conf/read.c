/* SPDX-License-Identifier: MIT
 *
 * conf/read.c: walks maps beside the schema table. Defaults take the same way as
 * values from a file, so a default that is not valid cannot exist.
 */
#include "conf/read.h"

#include "conf/scalar.h"
#include "conf/secrets.h"
#include "conf/url.h"

#include <string.h>

#define NO_PREFIX ((struct str){"", 0})

/* Where in the table and in the conf a map is read. */
struct level {
    enum key_scope scope;
    struct str prefix; /* of the table's paths: "pool." */
    struct str where;  /* of the scope, for messages: "databases.main." */
    void *base;        /* the struct that offsets count in */
};

/* A scalar on its way into a field. */
struct setting {
    const struct key *key;
    struct conf *conf;
    enum yaml_kind kind;
    struct str text;
    bool replaced; /* it came out of a placeholder: any kind, never shown */
    void *field;
};

enum set { SET_OK, SET_FORM, SET_RANGE };
typedef enum set set_fn(struct setting *s);

static void read_map(struct reading *r, const struct level *l, const struct yaml *map);

struct str read_folder(const char *file)
{
    const char *slash = strrchr(file, '/');
    size_t len = slash == NULL ? 0 : slash == file ? 1 : (size_t)(slash - file);
    return (struct str){file, len};
}

static enum set store_i64(struct setting *s, int64_t value)
{
    if (value < s->key->min || value > s->key->max) {
        return SET_RANGE;
    }
    memcpy(s->field, &value, sizeof value);
    return SET_OK;
}

static enum set set_count(struct setting *s)
{
    int64_t value;
    bool number = s->kind == YAML_INT || s->replaced;
    return number && str_to_i64(s->text, &value) ? store_i64(s, value) : SET_FORM;
}

static enum set set_auto_count(struct setting *s)
{
    if (!str_is(s->text, "auto")) {
        return set_count(s);
    }
    memset(s->field, 0, sizeof(int64_t));
    return SET_OK;
}

static enum set set_size(struct setting *s)
{
    uint64_t bytes;
    return scalar_size(s->text, &bytes) ? store_i64(s, (int64_t)bytes) : SET_FORM;
}

static enum set set_duration(struct setting *s)
{
    uint64_t ms;
    return scalar_duration(s->text, &ms) ? store_i64(s, (int64_t)ms) : SET_FORM;
}

static enum set set_duration_off(struct setting *s)
{
    if (!str_is(s->text, "off")) {
        return set_duration(s);
    }
    memset(s->field, 0, sizeof(uint64_t));
    return SET_OK;
}

static enum set set_switch(struct setting *s)
{
    return scalar_bool(s->text, s->field) ? SET_OK : SET_FORM;
}

static enum set set_text(struct setting *s)
{
    if (s->kind != YAML_TEXT) {
        return SET_FORM;
    }
    memcpy(s->field, &s->text, sizeof s->text);
    return SET_OK;
}

static enum set set_word(struct setting *s)
{
    for (unsigned i = 0; s->key->words[i] != NULL; i++) {
        if (str_is(s->text, s->key->words[i])) {
            memcpy(s->field, &i, sizeof i);
            return SET_OK;
        }
    }
    return SET_FORM;
}

static enum set set_pool_class(struct setting *s)
{
    struct conf_pool *p =
        (struct conf_pool *)(void *)((char *)s->field - offsetof(struct conf_pool, kind));
    p->kind_set = true;
    return set_word(s);
}

static bool level_of(struct str text, enum log_level *out)
{
    for (int i = LOG_DEBUG; i <= (int)LOG_OFF; i++) {
        if (str_is(text, log_level_name((enum log_level)i))) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

static enum set set_level(struct setting *s)
{
    return level_of(s->text, s->field) ? SET_OK : SET_FORM;
}

static enum set set_levels(struct setting *s)
{
    enum log_level level;
    if (!level_of(s->text, &level)) {
        return SET_FORM;
    }
    for (int i = 0; i < LOG_CATEGORY_COUNT; i++) {
        s->conf->log_level[i] = level;
    }
    return SET_OK;
}

static enum set copy_address(struct setting *s, struct str *host, uint16_t *port)
{
    struct str borrowed;
    if (!scalar_address(s->text, &borrowed, port)) {
        return SET_FORM;
    }
    *host = arena_str(&s->conf->arena, borrowed);
    return host->ptr == NULL ? SET_FORM : SET_OK;
}

static enum set set_address(struct setting *s)
{
    struct conf_listen *l =
        (struct conf_listen *)(void *)((char *)s->field -
                                       offsetof(struct conf_listen, tcp_host));
    return copy_address(s, &l->tcp_host, &l->tcp_port);
}

static enum set set_http(struct setting *s)
{
    s->conf->http_on = !str_is(s->text, "off");
    return s->conf->http_on ? copy_address(s, &s->conf->http_host, &s->conf->http_port)
                            : SET_OK;
}

static enum set set_mode(struct setting *s)
{
    return scalar_mode(s->text, s->field) ? SET_OK : SET_FORM;
}

/* NULL: the type is no scalar and read by a function of its own. */
static set_fn *const setters[] = {
    [KEY_SECTION] = NULL,
    [KEY_COUNT] = set_count,
    [KEY_AUTO_COUNT] = set_auto_count,
    [KEY_SIZE] = set_size,
    [KEY_DURATION] = set_duration,
    [KEY_DURATION_OFF] = set_duration_off,
    [KEY_SWITCH] = set_switch,
    [KEY_TEXT] = set_text,
    [KEY_TEXTS] = NULL,
    [KEY_WORD] = set_word,
    [KEY_POOL_CLASS] = set_pool_class,
    [KEY_LEVEL] = set_level,
    [KEY_LEVELS] = set_levels,
    [KEY_ADDRESS] = set_address,
    [KEY_HTTP] = set_http,
    [KEY_MODE] = set_mode,
    [KEY_URL] = NULL,
    [KEY_LISTEN] = NULL,
    [KEY_REPLICAS] = NULL,
    [KEY_DATABASES] = NULL,
    [KEY_REDIS] = NULL,
    [KEY_BACKEND] = NULL,
    [KEY_REGIONS] = NULL,
    [KEY_RULES] = NULL,
    [KEY_TOUCHES] = NULL,
    [KEY_INCLUDE] = NULL,
    [KEY_LATER] = NULL,
};

static const char *or_none(const char *s)
{
    return s == NULL ? "" : s;
}

/* "must be one of queue, null, static, not `que`; did you mean `queue`?" */
static void report_word(struct reading *r, const struct level *l, const struct setting *s,
                        struct place at)
{
    char list[256] = "";
    for (const char *const *w = s->key->words; *w != NULL; w++) {
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", used > 0 ? ", " : "", *w);
    }
    const char *near = s->replaced ? NULL : word_nearest(s->key->words, s->text);
    fault_at(r->report, at, "`%.*s%s` must be one of %s%s%s%s", STR_ARG(l->where), s->key->path,
             list, near != NULL ? "; did you mean `" : "", or_none(near),
             near != NULL ? "`?" : "");
}

static void report_range(struct reading *r, const struct level *l, const struct key *k,
                         struct place at)
{
    const char *unit = k->type == KEY_SIZE                                      ? " bytes"
                       : k->type == KEY_DURATION || k->type == KEY_DURATION_OFF ? " ms"
                                                                                : "";
    fault_at(r->report, at, "`%.*s%s` must be from %lld to %lld%s", STR_ARG(l->where), k->path,
             (long long)k->min, (long long)k->max, unit);
}

static void report_form(struct reading *r, const struct level *l, const struct key *k,
                        const struct yaml *y)
{
    bool shown = y->kind != YAML_TEXT || k->type == KEY_TEXT || k->type == KEY_COUNT;
    fault_at(r->report, y->at, "`%.*s%s` must be %s%s%s%s", STR_ARG(l->where), k->path,
             key_type_form(k->type), shown ? ", not " : "",
             shown ? yaml_kind_name(y->kind) : "",
             k->type == KEY_TEXT && y->kind < YAML_TEXT ? "; put it in quotes" : "");
}

/* The text of a scalar with its placeholders replaced; false with a report. */
static bool expand(struct reading *r, const struct yaml *y, struct str *out, bool *replaced)
{
    struct secrets s = {&r->conf->arena, read_folder(y->at.file)};
    struct fail f;
    fail_init(&f);
    if (secrets_expand(&s, y->text, out, replaced, &f) == ERR_OK) {
        return true;
    }
    fault_at(r->report, y->at, "%s", f.message);
    return false;
}

static void read_scalar(struct reading *r, const struct level *l, const struct key *k,
                        const struct yaml *y)
{
    struct setting s = {
        .key = k, .conf = r->conf, .kind = y->kind, .field = (char *)l->base + k->offset};
    if (y->kind == YAML_NULL || y->kind == YAML_LIST || y->kind == YAML_MAP) {
        report_form(r, l, k, y);
        return;
    }
    if (!expand(r, y, &s.text, &s.replaced)) {
        return;
    }
    switch (setters[k->type](&s)) {
    case SET_OK:
        return;
    case SET_RANGE:
        report_range(r, l, k, y->at);
        return;
    case SET_FORM:
        if (k->words != NULL) {
            report_word(r, l, &s, y->at);
        } else {
            report_form(r, l, k, y);
        }
        return;
    }
}

uint32_t read_length(const struct yaml *y)
{
    uint32_t n = 0;
    for (const struct yaml *m = y->first; m != NULL; m = m->next) {
        n++;
    }
    return n;
}

static void read_texts(struct reading *r, const struct level *l, const struct key *k,
                       const struct yaml *y)
{
    if (y->kind != YAML_LIST) {
        report_form(r, l, k, y);
        return;
    }
    struct str *texts = ARENA_ARRAY(&r->conf->arena, read_length(y) + 1, struct str);
    uint32_t count = 0;
    if (texts == NULL) {
        fault_memory(r->report);
        return;
    }
    for (const struct yaml *m = y->first; m != NULL; m = m->next) {
        bool replaced;
        if (m->kind != YAML_TEXT) {
            report_form(r, l, k, m);
        } else if (expand(r, m, &texts[count], &replaced)) {
            count++;
        }
    }
    const struct str *kept = texts;
    memcpy((char *)l->base + k->offset, &kept, sizeof kept);
    memcpy((char *)l->base + k->count_offset, &count, sizeof count);
}

static void read_url(struct reading *r, const struct level *l, const struct key *k,
                     const struct yaml *y)
{
    if (y->kind != YAML_TEXT) {
        report_form(r, l, k, y);
        return;
    }
    struct secrets s = {&r->conf->arena, read_folder(y->at.file)};
    struct fail f;
    fail_init(&f);
    struct conf_url *out = (struct conf_url *)(void *)((char *)l->base + k->offset);
    if (url_parse(&s, y->text, out, &f) == ERR_OK && out->scheme == SCHEME_REDIS) {
        fail_set(&f, ERR_BAD_VALUE,
                 "scheme: it must be postgresql, mariadb, mysql or sqlite; redis is for a "
                 "region of the cache");
    }
    if (f.code != ERR_OK) {
        fault_at(r->report, y->at, "`%.*s%s`: %s", STR_ARG(l->where), k->path, f.message);
    }
}

static struct yaml *default_of(struct reading *r, const struct key *k)
{
    return yaml_read(&r->conf->arena, "(default)", str_of(k->def), r->report);
}

static void read_value(struct reading *r, const struct level *l, const struct key *k,
                       const struct yaml *y);

static void set_defaults(struct reading *r, const struct level *l)
{
    for (const struct key *k = conf_keys; k->path != NULL; k++) {
        if (k->scope != l->scope) {
            continue;
        }
        if (k->def != NULL) {
            const struct yaml *y = default_of(r, k);
            if (y != NULL) {
                read_value(r, l, k, y);
            }
        } else if (k->type == KEY_TEXT || k->type == KEY_ADDRESS) {
            const struct str none = {"", 0};
            memcpy((char *)l->base + k->offset, &none, sizeof none);
        }
    }
}

static void read_listen_item(struct reading *r, const struct yaml *y, struct conf_listen *out)
{
    struct level l = {SCOPE_LISTEN, NO_PREFIX, STR("listen."), out};
    set_defaults(r, &l);
    if (y->kind != YAML_MAP) {
        fault_at(r->report, y->at,
                 "an item of `listen` is a map: {tcp: \"127.0.0.1:7432\"} or {unix: PATH}");
        return;
    }
    out->unix_path = (struct str){"", 0};
    read_map(r, &l, y);
    const struct yaml *tcp = yaml_get(y, "tcp"), *path = yaml_get(y, "unix");
    const struct yaml *mode = yaml_get(y, "mode");
    if ((tcp == NULL) == (path == NULL)) {
        fault_at(r->report, y->at, "an item of `listen` has either `tcp` or `unix`");
    } else if (mode != NULL && path == NULL) {
        fault_at(r->report, mode->key_at, "`mode` belongs to a `unix` socket");
    } else if (path != NULL && (out->unix_path.len == 0 || out->unix_path.len > 107)) {
        fault_at(r->report, path->at, "a socket's path has from 1 to 107 bytes");
    }
}

static void read_listen(struct reading *r, const struct level *l, const struct key *k,
                        const struct yaml *y)
{
    if (y->kind != YAML_LIST || y->first == NULL) {
        report_form(r, l, k, y);
        return;
    }
    struct conf_listen *items =
        ARENA_ARRAY(&r->conf->arena, read_length(y), struct conf_listen);
    if (items == NULL) {
        fault_memory(r->report);
        return;
    }
    r->conf->listen = items;
    r->conf->listen_count = 0;
    for (const struct yaml *m = y->first; m != NULL; m = m->next) {
        read_listen_item(r, m, &items[r->conf->listen_count++]);
    }
}

static void read_replica(struct reading *r, const struct level *l, const struct yaml *y,
                         struct conf_replica *out)
{
    struct str where = arena_printf(&r->conf->arena, "%.*sreplicas.", STR_ARG(l->where));
    struct level item = {SCOPE_REPLICA, NO_PREFIX, where, out};
    if (where.ptr == NULL) {
        fault_memory(r->report);
        return;
    }
    set_defaults(r, &item);
    if (y->kind != YAML_MAP || yaml_get(y, "url") == NULL) {
        fault_at(r->report, y->at, "an item of `%.*sreplicas` is a map with a `url`",
                 STR_ARG(l->where));
        return;
    }
    read_map(r, &item, y);
}

static void read_replicas(struct reading *r, const struct level *l, const struct key *k,
                          const struct yaml *y)
{
    struct conf_database *d = l->base;
    if (y->kind != YAML_LIST) {
        report_form(r, l, k, y);
        return;
    }
    if (read_length(y) > CONF_REPLICAS_MAX) {
        fault_at(r->report, y->at, "a database has at most %d replicas", CONF_REPLICAS_MAX);
        return;
    }
    struct conf_replica *items =
        ARENA_ARRAY(&r->conf->arena, read_length(y) + 1, struct conf_replica);
    if (items == NULL) {
        fault_memory(r->report);
        return;
    }
    d->replicas = items;
    for (const struct yaml *m = y->first; m != NULL; m = m->next) {
        read_replica(r, l, m, &items[d->replica_count++]);
    }
}

bool read_is_name(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i], lower = (char)(c | 0x20);
        bool first = (lower >= 'a' && lower <= 'z') || c == '_';
        if (!first && (i == 0 || !((c >= '0' && c <= '9') || c == '-'))) {
            return false;
        }
    }
    return s.len > 0 && s.len <= 63;
}

void read_database_defaults(struct reading *r, struct conf_database *d)
{
    struct level l = {SCOPE_DATABASE, NO_PREFIX, STR("databases."), d};
    set_defaults(r, &l);
    d->pool.kind_set = false;
}

static void read_database(struct reading *r, const struct yaml *y, struct conf_database *out)
{
    out->name = y->key;
    read_database_defaults(r, out);
    if (!read_is_name(y->key)) {
        fault_at(r->report, y->key_at,
                 "the name of a database has letters, digits, _ and -, and at most 63");
        return;
    }
    if (y->kind != YAML_MAP) {
        fault_at(r->report, y->at, "`databases.%.*s` must be a map with a `url`",
                 STR_ARG(y->key));
        return;
    }
    struct str where = arena_printf(&r->conf->arena, "databases.%.*s.", STR_ARG(y->key));
    struct level l = {SCOPE_DATABASE, NO_PREFIX, where, out};
    if (where.ptr == NULL) {
        fault_memory(r->report);
        return;
    }
    read_map(r, &l, y);
    if (yaml_get(y, "url") == NULL && yaml_get(y, "shards") == NULL) {
        fault_at(r->report, y->key_at, "`%.*surl` is missing", STR_ARG(where));
    }
}

static void read_databases(struct reading *r, const struct level *l, const struct key *k,
                           const struct yaml *y)
{
    if (y->kind != YAML_MAP) {
        report_form(r, l, k, y);
        return;
    }
    struct conf_database *items =
        ARENA_ARRAY(&r->conf->arena, read_length(y) + 1, struct conf_database);
    if (items == NULL) {
        fault_memory(r->report);
        return;
    }
    r->conf->databases = items;
    for (const struct yaml *m = y->first; m != NULL; m = m->next) {
        read_database(r, m, &items[r->conf->database_count++]);
    }
}

static void read_section(struct reading *r, const struct level *l, const struct key *k,
                         const struct yaml *y)
{
    char prefix[64];
    snprintf(prefix, sizeof prefix, "%s.", k->path);
    struct level inner = *l;
    inner.prefix = str_of(prefix);
    if (y->kind == YAML_MAP) {
        read_map(r, &inner, y);
    } else {
        report_form(r, l, k, y);
    }
}

static void read_value(struct reading *r, const struct level *l, const struct key *k,
                       const struct yaml *y)
{
    switch (k->type) {
    case KEY_SECTION:
        read_section(r, l, k, y);
        return;
    case KEY_TEXTS:
        read_texts(r, l, k, y);
        return;
    case KEY_URL:
        read_url(r, l, k, y);
        return;
    case KEY_LISTEN:
        read_listen(r, l, k, y);
        return;
    case KEY_REPLICAS:
        read_replicas(r, l, k, y);
        return;
    case KEY_DATABASES:
        read_databases(r, l, k, y);
        return;
    case KEY_REDIS:
    case KEY_BACKEND:
    case KEY_REGIONS:
    case KEY_RULES:
        read_cache(r, l->where, k, y, l->base);
        return;
    case KEY_TOUCHES:
        read_touches(r, l->where, y, l->base);
        return;
    case KEY_INCLUDE:
        return;
    case KEY_LATER:
        fault_at(r->report, y->key_at, "`%.*s%s` is not part of this version yet",
                 STR_ARG(l->where), k->path);
        return;
    case KEY_COUNT:
    case KEY_AUTO_COUNT:
    case KEY_SIZE:
    case KEY_DURATION:
    case KEY_DURATION_OFF:
    case KEY_SWITCH:
    case KEY_TEXT:
    case KEY_WORD:
    case KEY_POOL_CLASS:
    case KEY_LEVEL:
    case KEY_LEVELS:
    case KEY_ADDRESS:
    case KEY_HTTP:
    case KEY_MODE:
        read_scalar(r, l, k, y);
        return;
    }
}

static void report_unknown(struct reading *r, const struct level *l, const struct yaml *m)
{
    const struct key *near = key_nearest(l->scope, l->prefix, m->key);
    fault_at(r->report, m->key_at, "unknown key `%.*s%.*s%.*s`%s%.*s%s%s", STR_ARG(l->where),
             STR_ARG(l->prefix), STR_ARG(m->key), near != NULL ? "; did you mean `" : "",
             near != NULL ? (int)l->where.len : 0, l->where.ptr, near != NULL ? near->path : "",
             near != NULL ? "`?" : "");
}

/* In the order of the file, but a level for all categories before those of single
 * ones, wherever it stands. */
static void read_map(struct reading *r, const struct level *l, const struct yaml *map)
{
    for (const struct yaml *m = map->first; m != NULL; m = m->next) {
        const struct key *k = key_find(l->scope, l->prefix, m->key);
        if (k != NULL && k->type == KEY_LEVELS) {
            read_value(r, l, k, m);
        }
    }
    for (const struct yaml *m = map->first; m != NULL; m = m->next) {
        const struct key *k = key_find(l->scope, l->prefix, m->key);
        if (k == NULL) {
            report_unknown(r, l, m);
        } else if (k->type != KEY_LEVELS) {
            read_value(r, l, k, m);
        }
    }
}

void read_item(struct reading *r, enum key_scope scope, struct str where,
               const struct yaml *map, void *out)
{
    struct level l = {scope, NO_PREFIX, where, out};
    set_defaults(r, &l);
    read_map(r, &l, map);
}

void read_conf(struct reading *r, const struct yaml *root)
{
    struct level l = {SCOPE_CONF, NO_PREFIX, NO_PREFIX, r->conf};
    set_defaults(r, &l);
    read_map(r, &l, root);
}
