/* SPDX-License-Identifier: MIT
 *
 * compiler/text.c: raw SQL: what it may begin with, what it leaves behind, and its
 * params as placeholders. docs/SQL.md "Raw SQL".
 */
#include "compiler/text.h"

#include "compiler/names.h"
#include "compiler/parse.h"
#include "compiler/text_scan.h"

#include <stdio.h>
#include <string.h>

/* ---- first words ---- */

#define PG (1u << COLUMN_PG)
#define MARIA (1u << COLUMN_MARIA)
#define SQLITE (1u << COLUMN_SQLITE)
#define ALL (PG | MARIA | SQLITE)

/* What a text may begin with, by database. What is not here is refused. */
static const struct {
    const char *word;
    unsigned dialects;
    enum text_effect effect;
} first_words[] = {
    {"select", ALL, TEXT_READS},
    {"values", ALL, TEXT_READS},
    {"with", ALL, TEXT_READS},
    {"explain", ALL, TEXT_READS},
    {"table", PG, TEXT_READS},
    {"show", PG | MARIA, TEXT_READS},
    {"describe", MARIA, TEXT_READS},
    {"desc", MARIA, TEXT_READS},
    {"insert", ALL, TEXT_WRITES},
    {"update", ALL, TEXT_WRITES},
    {"delete", ALL, TEXT_WRITES},
    {"replace", MARIA | SQLITE, TEXT_WRITES},
    {"merge", PG, TEXT_WRITES},
    {"notify", PG, TEXT_WRITES},
    {"create", ALL, TEXT_DEFINES},
    {"alter", ALL, TEXT_DEFINES},
    {"drop", ALL, TEXT_DEFINES},
    {"truncate", PG | MARIA, TEXT_DEFINES},
    {"rename", MARIA, TEXT_DEFINES},
    {"comment", PG, TEXT_DEFINES},
    {"grant", PG | MARIA, TEXT_DEFINES},
    {"revoke", PG | MARIA, TEXT_DEFINES},
    {"analyze", ALL, TEXT_DEFINES},
    {"vacuum", PG, TEXT_DEFINES}, /* SQLite's needs to attach a file */
    {"reindex", PG | SQLITE, TEXT_DEFINES},
    {"optimize", MARIA, TEXT_DEFINES},
    {"refresh", PG, TEXT_DEFINES},
    {"cluster", PG, TEXT_DEFINES},
    {"call", PG, TEXT_DEFINES},
    {"do", PG, TEXT_DEFINES},
};

/* Refused with a reason of their own. */
static const struct {
    const char *words;
    const char *hint;
} refused[] = {
    {" begin start commit end rollback abort savepoint release xa ",
     "a transaction cannot be controlled by text: its connection belongs to all requests"},
    {" set reset discard use attach detach pragma lock unlock listen unlisten load prepare "
     "execute deallocate declare fetch move close handler ",
     "it would change the session, which other requests use after this one; settings are made "
     "by on_connect in the conf"},
    {" copy ", "rows are sent by insert with `rows`, and read by a select with stream"},
    {" call do ", "this database answers it with several results, or none; use a select"},
};

/* Before a bracket they call nothing that could leave something in the session. */
static const char harmless[] =
    " in exists values and or not any all some over as on using filter within by select from "
    "where having limit when then else case count sum min max avg coalesce nullif lower upper "
    "length char_length abs round cast row_number rank dense_rank lag lead concat substr "
    "substring trim greatest least now extract row array numeric decimal varchar char set "
    "partition union intersect except returning interval ";

/* Whether `word` is one of `words`, each with a space on both sides. */
static bool among(struct str word, const char *words)
{
    char key[40] = " ";
    if (word.len > sizeof key - 3) {
        return false;
    }
    for (size_t i = 0; i < word.len; i++) {
        char c = word.ptr[i];
        key[i + 1] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    key[word.len + 1] = ' ';
    key[word.len + 2] = '\0';
    return word.len > 0 && strstr(words, key) != NULL;
}

static enum err refuse_word(struct context *c, const struct json *at, struct str word)
{
    enum err e = ctx_fail(c, at, ERR_UNSUPPORTED_FEATURE, "no text may begin with `%.*s`",
                          (int)utf8_cut(word, 40), word.ptr);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        if (among(word, refused[i].words)) {
            fail_hint(c->f, "%s", refused[i].hint);
            break;
        }
    }
    return e;
}

static enum err take_first(struct context *c, struct text_statement *t, struct str word)
{
    for (size_t i = 0; i < sizeof first_words / sizeof first_words[0]; i++) {
        if ((first_words[i].dialects >> c->d->column & 1) != 0 &&
            str_ieq(word, str_of(first_words[i].word))) {
            t->effect = first_words[i].effect;
            return ERR_OK;
        }
    }
    return refuse_word(c, t->at, word);
}

/* ---- params ---- */

/* T of the language, or T[] where the database has arrays. */
static enum err given_type(struct context *c, const struct json *j, struct type *out)
{
    struct str text = json_text(j);
    bool list = c->d->arrays && text.len > 2 && memcmp(text.ptr + text.len - 2, "[]", 2) == 0;
    text.len -= list ? 2 : 0;
    if (j->kind != JSON_STRING || !type_parse(text, out)) {
        return ctx_fail(c, j, ERR_UNKNOWN_TYPE, "this is no type of the language");
    }
    out->native = c->d->type_native(out);
    if (list) {
        enum type_kind element = out->kind;
        *out = type_of(TYPE_ARRAY);
        out->element = element;
    }
    return ERR_OK;
}

/* Where no type is given the JSON form has one. A text has none on PostgreSQL, which
 * then takes it as what stands beside it asks for. */
static struct type type_of_form(struct context *c, enum json_form form)
{
    enum type_kind kind = TYPE_TEXT;
    switch (form) {
    case FORM_BOOL:
        kind = TYPE_BOOLEAN;
        break;
    case FORM_INT:
        kind = TYPE_INTEGER;
        break;
    case FORM_LONG:
        kind = TYPE_BIGINT;
        break;
    case FORM_HUGE:
    case FORM_DECIMAL:
        kind = TYPE_NUMERIC;
        break;
    case FORM_NONE:
    case FORM_NULL:
    case FORM_STRING:
    case FORM_ARRAY:
    case FORM_OBJECT:
    case FORM_MIXED:
        break;
    }
    struct type t = type_of(kind);
    t.native = kind == TYPE_TEXT ? 0 : c->d->type_native(&t);
    return t;
}

static enum err param_type(struct context *c, const struct json *types, struct str name,
                           const struct json *value, struct plan_bind *b)
{
    for (const struct json *m = types == NULL ? NULL : types->first; m != NULL; m = m->next) {
        if (str_eq(json_key(m), name)) {
            enum err e = given_type(c, m, &b->type);
            b->source = b->type.kind == TYPE_ARRAY ? BIND_PARAM_ARRAY : BIND_PARAM;
            bool list =
                value == NULL || (value->kind == JSON_ARRAY) == (b->source != BIND_PARAM);
            if (e == ERR_OK && !list && b->source != BIND_PARAM) {
                return ctx_fail(c, value, ERR_TYPE_MISMATCH, "this param is a list");
            }
            return e;
        }
    }
    enum json_form form = value == NULL ? FORM_NONE : json_form_of(value);
    b->source = BIND_PARAM;
    if (form == FORM_ARRAY && c->d->arrays) {
        b->source = BIND_PARAM_ARRAY;
        b->type = type_of(TYPE_ARRAY);
        b->type.element = type_of_form(c, json_form_of_list(value)).kind;
        return ERR_OK;
    }
    if (form == FORM_ARRAY || form == FORM_OBJECT) {
        enum err e = ctx_fail(c, value, ERR_TYPE_MISMATCH,
                              "a list or an object has no type in text on this database");
        fail_hint(c->f, "give it one: \"types\": {\"%.*s\": \"json\"}", STR_ARG(name));
        return e;
    }
    b->type = type_of_form(c, form);
    return ERR_OK;
}

/* A param is never joined with a word or a number before it. */
static void keep_apart(struct emitter *em)
{
    char last = em->sql.len == 0 ? ' ' : em->sql.ptr[em->sql.len - 1];
    bool word = (last >= '0' && last <= '9') || (last >= 'a' && last <= 'z') ||
                (last >= 'A' && last <= 'Z') || last == '_' || last == '$' || last < 0;
    if (word) {
        buf_char(&em->sql, ' ');
    }
}

static enum err put_param(struct emitter *em, const struct text_statement *t, struct str name)
{
    struct context *c = em->c;
    const struct json *value;
    struct plan_bind b = {.form = BIND_PLAIN};
    struct str spelt = {name.ptr - 1, name.len + 1}; /* with its colon */
    enum err e = parse_param(c, t->at, spelt, &b.name, &value);
    e = e != ERR_OK ? e : param_type(c, t->types, b.name, value, &b);
    if (e != ERR_OK) {
        return e;
    }
    keep_apart(em);
    return emit_bind(em, &b, t->at);
}

/* ---- the text ---- */

struct reading {
    struct text_statement *t;
    struct str first;    /* word of the statement */
    struct str previous; /* word, if nothing but blanks came since */
    struct str before;   /* the word before that */
    bool runs;           /* EXPLAIN ANALYZE: what is explained is done as well */
    bool body;           /* CREATE of what has a body with statements of its own */
};

/* What the words and signs say about the statement's effects. */
static void look_at_word(struct reading *r, struct str word)
{
    struct text_statement *t = r->t;
    bool creates = str_ieq(r->first, STR("create"));
    if (creates && among(word, " trigger procedure function event ")) {
        r->body = true;
    }
    r->runs =
        r->runs || (str_ieq(r->first, STR("explain")) && among(word, " analyze analyse "));
    if (t->effect == TEXT_READS && (str_ieq(r->first, STR("with")) || r->runs) &&
        among(word, " insert update delete merge replace ")) {
        t->effect = TEXT_WRITES;
    }
    if (t->effect == TEXT_READS && r->runs && among(word, " create refresh execute ")) {
        t->effect = TEXT_DEFINES;
    }
    if (t->effect == TEXT_READS && among(word, " into ")) {
        t->effect = TEXT_DEFINES; /* SELECT … INTO makes a table, or sets a variable */
        t->clean = false;
    }
    t->returns = t->returns || among(word, " returning ");
    r->before = r->previous;
    r->previous = word;
}

/* A name that stands for a call: PostgreSQL takes t.f for f(t), and what a view calls is
 * not seen. */
static void look_at_name(const struct context *c, struct text_statement *t, struct str name)
{
    char lower[64];
    if (name.len > 2 && (name.ptr[0] == '"' || name.ptr[0] == '`')) {
        name = (struct str){name.ptr + 1, name.len - 2};
    }
    for (size_t i = 0; i < name.len && i < sizeof lower; i++) {
        char l = name.ptr[i];
        lower[i] = l >= 'A' && l <= 'Z' ? (char)(l - 'A' + 'a') : l;
    }
    struct str folded = {lower, name.len < sizeof lower ? name.len : sizeof lower};
    for (unsigned way = 0; way < 2; way++) {
        struct str n = way == 0 ? name : folded;
        const struct function_info *f = catalog_function(c->in->catalog, n);
        const struct table *v = catalog_table(c->in->catalog, STR(""), n);
        t->may_call = t->may_call ||
                      (f != NULL && !f->builtin && f->volatility == VOLATILITY_VOLATILE) ||
                      (v != NULL && v->kind == TABLE_VIEW && v->fires);
    }
}

static void look_at_sign(struct reading *r, const struct dialect *d, char sign)
{
    bool into = among(r->before, " into ");
    if (sign == '(' && r->previous.len > 0 && !among(r->previous, harmless) && !into) {
        r->t->clean = false; /* it may call anything */
    }
    if (sign == '@' && d->column == COLUMN_MARIA) {
        r->t->clean = false;
    }
    r->previous = (struct str){"", 0};
}

static enum err take_token(struct emitter *em, struct reading *r, const struct text_token *k)
{
    switch (k->kind) {
    case TEXT_WORD:
        if (r->first.len == 0) {
            r->first = k->text;
            enum err e = take_first(em->c, r->t, k->text);
            if (e != ERR_OK) {
                return e;
            }
        }
        look_at_word(r, k->text);
        look_at_name(em->c, r->t, k->text);
        break;
    case TEXT_PARAM:
        r->previous = (struct str){"", 0};
        return put_param(em, r->t, k->text);
    case TEXT_COLON:
        buf_char(&em->sql, ':');
        return ERR_OK;
    case TEXT_BLANK:
        break;
    case TEXT_SIGN:
        look_at_sign(r, em->d, k->text.ptr[0]);
        break;
    case TEXT_QUOTED:
        r->before = r->previous;
        r->previous = k->text;
        look_at_name(em->c, r->t, k->text);
        break;
    case TEXT_NUMBER:
        r->previous = (struct str){"", 0};
        break;
    case TEXT_BAD:
        return ctx_fail(em->c, r->t->at, ERR_BAD_QUERY, "%s", k->why);
    case TEXT_SEMICOLON:
    case TEXT_END:
        break;
    }
    buf_str_add(&em->sql, k->text);
    return ERR_OK;
}

/* Behind the statement's semicolon nothing may stand but blanks and more of them. */
static enum err check_rest(struct emitter *em, const struct text_statement *t, size_t at)
{
    for (;;) {
        struct text_token k = text_next(em->d->text, json_text(t->at), &at);
        if (k.kind == TEXT_END) {
            return ERR_OK;
        }
        if (k.kind == TEXT_BAD) {
            return ctx_fail(em->c, t->at, ERR_BAD_QUERY, "%s", k.why);
        }
        if (k.kind != TEXT_BLANK && k.kind != TEXT_SEMICOLON) {
            return ctx_fail(em->c, t->at, ERR_BAD_QUERY,
                            "the text holds more than one statement");
        }
    }
}

static enum err read_text(struct emitter *em, struct text_statement *t)
{
    struct str sql = json_text(t->at);
    struct reading r = {.t = t, .first = {"", 0}, .previous = {"", 0}, .before = {"", 0}};
    size_t at = 0;
    for (;;) {
        struct text_token k = text_next(em->d->text, sql, &at);
        bool ends = k.kind == TEXT_SEMICOLON && !r.body && r.first.len > 0;
        if (k.kind == TEXT_END || ends) {
            break;
        }
        if (r.first.len == 0 && k.kind != TEXT_WORD && k.kind != TEXT_BLANK &&
            k.kind != TEXT_BAD && (k.kind != TEXT_SIGN || k.text.ptr[0] != '(')) {
            return ctx_fail(em->c, t->at, ERR_BAD_QUERY, "the text begins with no statement");
        }
        enum err e = take_token(em, &r, &k);
        if (e != ERR_OK) {
            return e;
        }
    }
    if (r.first.len == 0) {
        return ctx_fail(em->c, t->at, ERR_BAD_QUERY, "the text holds no statement");
    }
    t->clean = t->clean && t->effect != TEXT_DEFINES;
    return check_rest(em, t, at);
}

/* ---- the form ---- */

static enum err read_columns(struct context *c, const struct json *j, struct text_statement *t)
{
    if (j == NULL) {
        return ERR_OK;
    }
    if (j->kind != JSON_OBJECT || j->len == 0) {
        return ctx_fail(c, j, ERR_BAD_QUERY, "columns is a map of names and types");
    }
    t->columns = ARENA_ARRAY(c->a, j->len, struct text_column);
    if (t->columns == NULL) {
        return ctx_full(c);
    }
    for (const struct json *m = j->first; m != NULL; m = m->next) {
        struct text_column *column = &t->columns[t->column_count++];
        column->name = json_key(m);
        enum err e = given_type(c, m, &column->type);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

/* Every name in `types` is a param of the text. */
static enum err check_types(struct emitter *em, const struct text_statement *t)
{
    const struct json *m = t->types == NULL ? NULL : t->types->first;
    for (; m != NULL; m = m->next) {
        uint32_t i = 0;
        while (i < em->bind_count && !str_eq(em->binds[i].name, json_key(m))) {
            i++;
        }
        if (i == em->bind_count) {
            struct str name = json_key(m);
            return ctx_fail(em->c, m, ERR_UNUSED_PARAM, "the text has no param `%.*s`",
                            STR_ARG(name));
        }
    }
    return ERR_OK;
}

enum err text_compile(struct emitter *em, struct text_statement **out)
{
    static const struct form_key keys[] = {{"text", true}, {"types", true}, {"columns", true}};
    struct context *c = em->c;
    const struct json *j = c->in->query;
    struct text_statement *t = ARENA_NEW(c->a, struct text_statement);
    if (t == NULL) {
        return ctx_full(c);
    }
    enum err e = check_keys(c, j, keys, sizeof keys / sizeof keys[0], "raw SQL");
    if (e != ERR_OK) {
        return e;
    }
    *out = t;
    t->clean = true;
    t->at = json_get(j, "text");
    t->types = json_get(j, "types");
    if (c->in->text != TEXT_ALLOWED) {
        return ctx_fail(c, t->at, ERR_FORBIDDEN, "raw SQL is off for this database");
    }
    if (t->at->kind != JSON_STRING) {
        return ctx_fail(c, t->at, ERR_BAD_QUERY, "the text is a string of SQL");
    }
    if (t->types != NULL && t->types->kind != JSON_OBJECT) {
        return ctx_fail(c, t->types, ERR_BAD_QUERY, "types is a map of params and types");
    }
    e = read_columns(c, json_get(j, "columns"), t);
    e = e != ERR_OK ? e : read_text(em, t);
    return e != ERR_OK ? e : check_types(em, t);
}
