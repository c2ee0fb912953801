/* SPDX-License-Identifier: MIT
 *
 * conf/url.c: takes a database URL apart as SQLAlchemy does:
 *
 *   url       := scheme [ "+" driver ] "://" [ userinfo "@" ] [ host ] [ ":" port ]
 *                [ "/" database ] [ "?" name "=" value { "&" name "=" value } ]
 *   userinfo  := user [ ":" password ]      (to the first "@" before the "?")
 *   host      := name | IPv4 | "[" IPv6 "]"
 *
 * `%41` stands for a byte everywhere, `+` for a blank in the query. A driver suffix
 * is accepted and not looked at. SQLite URLs have no host: three slashes and a
 * relative path, four for an absolute one, nothing or :memory: for memory.
 */
#include "conf/url.h"

#include <stdio.h>
#include <string.h>

struct scheme {
    const char *name;
    enum conf_scheme scheme;
    uint16_t port;
};

static const struct scheme schemes[] = {
    {"postgresql", SCHEME_POSTGRESQL, 5432},
    {"postgres", SCHEME_POSTGRESQL, 5432},
    {"mariadb", SCHEME_MARIADB, 3306},
    {"mysql", SCHEME_MARIADB, 3306},
    {"sqlite", SCHEME_SQLITE, 0},
    {"redis", SCHEME_REDIS, 6379},
};
#define SCHEME_COUNT (sizeof schemes / sizeof schemes[0])

/* Databases that such URLs name elsewhere and that have no backend here. */
static const char *const unbuilt[] = {"oracle",   "mssql",    "firebird",  "sybase",
                                      "redshift", "bigquery", "snowflake", "presto",
                                      "trino",    "db2",      "duckdb",    "clickhouse"};

/* The URL under way. `shape` has the bytes of `text`, but every placeholder is
 * blinded there, so that delimiters are looked for outside of them alone. */
struct parse {
    const struct secrets *secrets;
    struct str text;
    char *shape;
    bool literal; /* `$` is an ordinary character: the text came out of a placeholder */
    struct conf_url *out;
    struct fail *f;
    struct buf masked;
};

/* A part of the text: bytes [from, to). */
struct part {
    size_t from, to;
};

const char *url_scheme_name(enum conf_scheme scheme)
{
    switch (scheme) {
    case SCHEME_POSTGRESQL:
        return "postgresql";
    case SCHEME_MARIADB:
        return "mariadb";
    case SCHEME_SQLITE:
        return "sqlite";
    case SCHEME_REDIS:
        return "redis";
    }
    return "";
}

static enum err bad(struct parse *p, const char *message)
{
    return fail_set(p->f, ERR_BAD_VALUE, "%s", message);
}

static struct str slice(const struct parse *p, struct part r)
{
    return (struct str){p->text.ptr + r.from, r.to - r.from};
}

/* The first `c` in the part outside placeholders, or its end. */
static size_t find(const struct parse *p, struct part r, char c)
{
    for (size_t i = r.from; i < r.to; i++) {
        if (p->shape[i] == c) {
            return i;
        }
    }
    return r.to;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char l = (char)(c | 0x20);
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

enum plus { PLUS_STAYS, PLUS_IS_BLANK };

/* Appends text[from, to) with %XX decoded (RFC 3986 §2.1). */
static enum err add_decoded(struct parse *p, struct buf *b, struct part r, enum plus plus)
{
    for (size_t i = r.from; i < r.to; i++) {
        char c = p->text.ptr[i];
        if (c == '%') {
            int high = i + 2 < r.to ? hex(p->text.ptr[i + 1]) : -1;
            int low = i + 2 < r.to ? hex(p->text.ptr[i + 2]) : -1;
            if (high < 0 || low < 0 || high + low == 0) {
                return bad(p, "% must be followed by two hexadecimal digits other than 00; "
                              "write %25 for the character itself");
            }
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus == PLUS_IS_BLANK) {
            c = ' ';
        } else if (c == '$' && !p->literal && i + 2 < r.to && p->text.ptr[i + 1] == '$' &&
                   p->text.ptr[i + 2] == '{') {
            i++; /* `$${` is the text `${` */
        }
        buf_char(b, c);
    }
    return ERR_OK;
}

static enum err add_part(struct parse *p, struct buf *b, struct part r, enum plus plus)
{
    while (r.from < r.to) {
        struct secret_span span = {0};
        bool found = false;
        enum err e = p->literal ? ERR_OK
                                : secrets_find((struct str){p->text.ptr, r.to}, r.from, &span,
                                               &found, p->f);
        if (e == ERR_OK) {
            e = add_decoded(p, b, (struct part){r.from, found ? span.from : r.to}, plus);
        }
        struct str value = {"", 0};
        if (e == ERR_OK && found) {
            e = secrets_value(p->secrets, p->text, span, &value, p->f);
        }
        if (e != ERR_OK) {
            return e;
        }
        buf_str_add(b, value);
        r.from = found ? span.to : r.to;
    }
    return ERR_OK;
}

/* A part, decoded and with its placeholders replaced, in the arena. */
static enum err take(struct parse *p, struct part r, enum plus plus, struct str *out)
{
    struct buf b;
    buf_init(&b);
    enum err e = add_part(p, &b, r, plus);
    if (e == ERR_OK && !utf8_valid(buf_str(&b), NULL)) {
        e = bad(p, "the decoded text is not UTF-8");
    }
    if (e == ERR_OK) {
        *out = arena_str(p->secrets->arena, buf_str(&b));
        if (b.failed || out->ptr == NULL) {
            e = fail_set(p->f, ERR_OUT_OF_MEMORY, "out of memory");
        }
    }
    if (b.ptr != NULL) {
        explicit_bzero(b.ptr, b.cap);
    }
    buf_fini(&b);
    return e;
}

/* Names the part in the message of a failed step. */
static enum err in_part(struct parse *p, enum err e, const char *part)
{
    if (e != ERR_OK && p->f != NULL && p->f->path[0] == '\0') {
        char message[sizeof p->f->message];
        memcpy(message, p->f->message, sizeof message);
        snprintf(p->f->message, sizeof p->f->message, "%s: %.480s", part, message);
        snprintf(p->f->path, sizeof p->f->path, "%s", part);
    }
    return e;
}

static enum err unknown_scheme(struct parse *p, struct str name)
{
    for (size_t i = 0; i < sizeof unbuilt / sizeof unbuilt[0]; i++) {
        if (str_ieq(name, str_of(unbuilt[i]))) {
            return fail_set(p->f, ERR_UNSUPPORTED_FEATURE,
                            "there is no backend for %s in this build; it has postgresql, "
                            "mariadb and sqlite",
                            unbuilt[i]);
        }
    }
    for (size_t i = 0; i < SCHEME_COUNT; i++) {
        if (str_distance(name, str_of(schemes[i].name), 2) <= 2) {
            return fail_set(p->f, ERR_BAD_VALUE, "unknown; did you mean %s?", schemes[i].name);
        }
    }
    return bad(p, "unknown; it must be postgresql, mariadb, mysql or sqlite");
}

/* scheme [ "+" driver ] "://"; *rest gets what is behind. */
static enum err parse_scheme(struct parse *p, const struct scheme **found, struct part *rest)
{
    size_t n = 0, plus = 0;
    while (n < p->text.len && p->shape[n] != ':') {
        if (p->shape[n] == '+' && plus == 0) {
            plus = n;
        }
        n++;
    }
    struct str tail = {p->text.ptr + n, p->text.len - n};
    if (n == 0 || !str_starts(tail, STR("://"))) {
        return bad(p, "a URL begins with a scheme: postgresql://, mariadb:// or sqlite://");
    }
    struct str name = {p->text.ptr, plus > 0 ? plus : n};
    *rest = (struct part){n + 3, p->text.len};
    buf_add(&p->masked, p->text.ptr, n + 3);
    for (size_t i = 0; i < SCHEME_COUNT; i++) {
        if (str_ieq(name, str_of(schemes[i].name))) {
            *found = &schemes[i];
            p->out->scheme = schemes[i].scheme;
            return ERR_OK;
        }
    }
    return unknown_scheme(p, name);
}

/* user [ ":" password ] "@": takes it off the front of *r, which ends at the "?". */
static enum err parse_userinfo(struct parse *p, struct part *r)
{
    struct part info = {r->from, find(p, *r, '@')};
    if (info.to == r->to) {
        return ERR_OK;
    }
    size_t colon = find(p, info, ':');
    if (find(p, (struct part){info.from, colon}, '/') < colon) {
        return ERR_OK; /* the "@" is in the database's name: app/my@db */
    }
    r->from = info.to + 1;
    buf_str_add(&p->masked, slice(p, (struct part){info.from, colon}));
    enum err e = take(p, (struct part){info.from, colon}, PLUS_STAYS, &p->out->user);
    if (e != ERR_OK) {
        return in_part(p, e, "user");
    }
    if (colon < info.to) {
        BUF_LIT(&p->masked, ":***");
        e = take(p, (struct part){colon + 1, info.to}, PLUS_STAYS, &p->out->password);
    }
    buf_char(&p->masked, '@');
    return in_part(p, e, "password");
}

static enum err parse_port(struct parse *p, struct part r)
{
    struct str text = {"", 0};
    enum err e = take(p, r, PLUS_STAYS, &text);
    int64_t port = 0;
    if (e == ERR_OK && (!str_to_i64(text, &port) || port < 1 || port > UINT16_MAX)) {
        e = bad(p, "must be a number from 1 to 65535; a password with any of @ : / ? must be "
                   "percent-encoded");
    }
    p->out->port = (uint16_t)port;
    return in_part(p, e, "port");
}

/* host := "[" IPv6 "]" | name; then [ ":" port ] */
static enum err parse_host(struct parse *p, struct part r)
{
    size_t end = find(p, r, ':');
    struct part host = {r.from, end};
    if (r.from < r.to && p->shape[r.from] == '[') {
        size_t close = find(p, r, ']');
        if (close == r.to || (close + 1 < r.to && p->shape[close + 1] != ':')) {
            return in_part(p, bad(p, "an IPv6 address stands in brackets: [::1]:5432"), "host");
        }
        host = (struct part){r.from + 1, close};
        end = close + 1;
    }
    enum err e = take(p, host, PLUS_STAYS, &p->out->host);
    if (e != ERR_OK) {
        return in_part(p, e, "host");
    }
    return end < r.to ? parse_port(p, (struct part){end + 1, r.to}) : ERR_OK;
}

static bool is_secret_option(struct str name)
{
    static const char *const words[] = {"pass", "secret", "token", "pwd"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t n = strlen(words[i]);
        for (size_t at = 0; at + n <= name.len; at++) {
            if (str_ieq((struct str){name.ptr + at, n}, (struct str){words[i], n})) {
                return true;
            }
        }
    }
    return false;
}

/* name "=" value */
static enum err parse_option(struct parse *p, struct part r, struct conf_option *o)
{
    size_t equal = find(p, r, '=');
    if (equal == r.from || equal == r.to) {
        return bad(p, "options are written name=value and joined by &");
    }
    enum err e = take(p, (struct part){r.from, equal}, PLUS_IS_BLANK, &o->name);
    if (e != ERR_OK) {
        return e;
    }
    buf_str_add(&p->masked, slice(p, (struct part){r.from, equal + 1}));
    struct part value = {equal + 1, r.to};
    buf_str_add(&p->masked, is_secret_option(o->name) ? STR("***") : slice(p, value));
    for (uint32_t i = 0; i < p->out->option_count; i++) {
        if (str_eq(p->out->options[i].name, o->name)) {
            return fail_set(p->f, ERR_BAD_VALUE, "the option %.*s is given twice",
                            STR_ARG(o->name));
        }
    }
    return take(p, value, PLUS_IS_BLANK, &o->value);
}

static enum err parse_options(struct parse *p, struct part r)
{
    size_t count = 1;
    for (size_t i = r.from; i < r.to; i++) {
        count += p->shape[i] == '&';
    }
    struct conf_option *options = ARENA_ARRAY(p->secrets->arena, count, struct conf_option);
    if (options == NULL) {
        return fail_set(p->f, ERR_OUT_OF_MEMORY, "out of memory");
    }
    p->out->options = options;
    while (r.from < r.to) {
        size_t end = find(p, r, '&');
        buf_char(&p->masked, p->out->option_count == 0 ? '?' : '&');
        enum err e =
            parse_option(p, (struct part){r.from, end}, &options[p->out->option_count]);
        if (e != ERR_OK) {
            return in_part(p, e, "options");
        }
        p->out->option_count++;
        r.from = end < r.to ? end + 1 : end;
    }
    return ERR_OK;
}

/* sqlite:///relative, sqlite:////absolute, sqlite:// and sqlite:///:memory: */
static enum err sqlite_path(struct parse *p, struct part r)
{
    if (r.from < r.to && p->shape[r.from] != '/') {
        return in_part(p,
                       bad(p,
                           "a SQLite URL has three slashes before a relative path and four "
                           "before an absolute one: sqlite:///data.db, sqlite:////srv/data.db"),
                       "host");
    }
    struct part path = {r.from < r.to ? r.from + 1 : r.to, r.to};
    enum err e = take(p, path, PLUS_STAYS, &p->out->database);
    if (e == ERR_OK && str_is(p->out->database, ":memory:")) {
        p->out->database = (struct str){"", 0};
    }
    buf_str_add(&p->masked, slice(p, r));
    return in_part(p, e, "path");
}

/* libpq's own habit: without a host in the URL, the options may name one. */
static enum err host_from_options(struct parse *p)
{
    struct conf_option *kept =
        ARENA_ARRAY(p->secrets->arena, p->out->option_count + 1, struct conf_option);
    if (kept == NULL) {
        return fail_set(p->f, ERR_OUT_OF_MEMORY, "out of memory");
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < p->out->option_count; i++) {
        struct conf_option o = p->out->options[i];
        int64_t port;
        if (str_is(o.name, "host")) {
            p->out->host = o.value;
        } else if (str_is(o.name, "port") && str_to_i64(o.value, &port) && port > 0 &&
                   port <= UINT16_MAX) {
            p->out->port = (uint16_t)port;
        } else {
            kept[count++] = o;
        }
    }
    p->out->options = kept;
    p->out->option_count = count;
    return ERR_OK;
}

static enum err server_parts(struct parse *p, struct part r)
{
    enum err e = parse_userinfo(p, &r);
    if (e != ERR_OK) {
        return e;
    }
    buf_str_add(&p->masked, slice(p, r));
    size_t slash = find(p, r, '/');
    e = parse_host(p, (struct part){r.from, slash});
    if (e != ERR_OK || slash == r.to) {
        return e;
    }
    return in_part(p, take(p, (struct part){slash + 1, r.to}, PLUS_STAYS, &p->out->database),
                   "database");
}

static enum err parse_all(struct parse *p)
{
    const struct scheme *scheme = NULL;
    struct part rest = {0};
    enum err e = in_part(p, parse_scheme(p, &scheme, &rest), "scheme");
    if (e != ERR_OK || scheme == NULL) {
        return e;
    }
    size_t question = find(p, rest, '?');
    struct part main_part = {rest.from, question};
    e = scheme->scheme == SCHEME_SQLITE ? sqlite_path(p, main_part)
                                        : server_parts(p, main_part);
    if (e == ERR_OK && question < rest.to) {
        e = parse_options(p, (struct part){question + 1, rest.to});
    }
    if (e == ERR_OK && scheme->scheme == SCHEME_POSTGRESQL && p->out->host.len == 0) {
        e = host_from_options(p);
    }
    if (p->out->port == 0) {
        p->out->port = scheme->port;
    }
    return e;
}

/* Fills p->shape and refuses what no URL holds. */
static enum err blind(struct parse *p)
{
    p->shape = arena_alloc(p->secrets->arena, p->text.len + 1);
    if (p->shape == NULL) {
        return fail_set(p->f, ERR_OUT_OF_MEMORY, "out of memory");
    }
    memcpy(p->shape, p->text.ptr, p->text.len);
    for (size_t i = 0; i < p->text.len; i++) {
        unsigned char c = (unsigned char)p->text.ptr[i];
        if (c < 0x20 || c == 0x7f) {
            return bad(p, "a URL must not hold control characters");
        }
    }
    struct secret_span span;
    bool found = !p->literal;
    size_t at = 0;
    while (found) {
        enum err e = secrets_find(p->text, at, &span, &found, p->f);
        if (e != ERR_OK) {
            return e;
        }
        if (found) {
            memset(p->shape + span.from, 'x', span.to - span.from);
            at = span.to;
        }
    }
    return ERR_OK;
}

/* A URL that is one placeholder and nothing else is read from there. */
static enum err from_placeholder(struct parse *p)
{
    struct secret_span span = {0};
    bool found;
    enum err e = secrets_find(p->text, 0, &span, &found, p->f);
    if (e == ERR_OK && found && span.from == 0 && span.to == p->text.len) {
        e = secrets_value(p->secrets, p->text, span, &p->text, p->f);
        p->literal = true;
    }
    return e;
}

enum err url_parse(const struct secrets *s, struct str text, struct conf_url *out,
                   struct fail *f)
{
    const struct str none = {"", 0};
    *out = (struct conf_url){
        .user = none, .password = none, .host = none, .database = none, .masked = none};
    struct fail own;
    fail_init(&own);
    struct parse p = {.secrets = s, .text = text, .out = out, .f = f != NULL ? f : &own};
    buf_init(&p.masked);
    enum err e = from_placeholder(&p);
    if (e == ERR_OK) {
        e = blind(&p);
    }
    if (e == ERR_OK) {
        e = parse_all(&p);
    }
    if (e == ERR_OK) {
        out->masked = arena_str(s->arena, buf_str(&p.masked));
        if (p.masked.failed || out->masked.ptr == NULL) {
            e = fail_set(p.f, ERR_OUT_OF_MEMORY, "out of memory");
        }
    }
    buf_fini(&p.masked);
    return e;
}

enum err conf_url_parse(struct str url, struct arena *a, struct conf_url *out, struct fail *f)
{
    const struct secrets s = {.arena = a, .folder = {"", 0}};
    return url_parse(&s, url, out, f);
}
