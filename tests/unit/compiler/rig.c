/* SPDX-License-Identifier: MIT
 *
 * tests/unit/compiler/rig.c: see rig.h.
 */
#include "rig.h"

#include "compiler/refs.h"
#include "schema/catalog_builder.h"

#include <assert.h>
#include <string.h>

const struct dialect *const rig_dialects[RIG_DIALECTS] = {&dialect_pg, &dialect_maria,
                                                          &dialect_sqlite};

const char rig_ddl[] =
    "CREATE TABLE users (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(50), email VARCHAR(100) "
    "UNIQUE, age INTEGER, city VARCHAR(50), bio TEXT, salary NUMERIC(10,2), is_active BOOLEAN, "
    "created_at TIMESTAMP, born DATE);"
    "CREATE TABLE orders (id INTEGER NOT NULL PRIMARY KEY, user_id INTEGER REFERENCES "
    "users(id), "
    "total DOUBLE);"
    "CREATE TABLE addresses (id INTEGER NOT NULL PRIMARY KEY, email_address VARCHAR(100) NOT "
    "NULL, user_id INTEGER REFERENCES users(id));"
    "CREATE TABLE departments (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(50));"
    "CREATE TABLE employees (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(50), department_id "
    "INTEGER REFERENCES departments(id), manager_id INTEGER REFERENCES employees(id));"
    "CREATE TABLE post_tags (post_id INTEGER NOT NULL, tag_id INTEGER NOT NULL, PRIMARY KEY "
    "(post_id, tag_id));"
    "CREATE TABLE things (id BIGINT NOT NULL PRIMARY KEY, small SMALLINT, big BIGINT, exact "
    "NUMERIC(10,2), loose NUMERIC, single REAL, dbl DOUBLE, flag BOOLEAN, code CHAR(3), mood "
    "TEXT, uid TEXT, raw BLOB, day DATE, at TIME, stamp TIMESTAMP, stamptz TEXT, span TEXT, "
    "doc TEXT, odd TEXT, twice INTEGER GENERATED ALWAYS AS (small * 2));"
    "CREATE TABLE \"we\"\"ird`t\" (\"se\"\"lect\" INTEGER, \"a.b\" TEXT, \"ba`ck\" TEXT);"
    "CREATE TABLE tokens (id BIGINT NOT NULL PRIMARY KEY, code VARCHAR(20) NOT NULL UNIQUE, "
    "nick TEXT COLLATE NOCASE NOT NULL UNIQUE, uid TEXT NOT NULL UNIQUE, small SMALLINT NOT "
    "NULL UNIQUE, maybe INTEGER UNIQUE, exact NUMERIC(10,2) NOT NULL UNIQUE, word CHAR(3) NOT "
    "NULL UNIQUE, a INTEGER NOT NULL, b INTEGER NOT NULL, UNIQUE (a, b));"
    "CREATE VIEW adults AS SELECT id, name FROM users WHERE age > 17;";

struct spec {
    const char *name;
    const char *type; /* type_parse, or enum, opaque */
    bool not_null;
};

static struct type spec_type(const char *text)
{
    struct type t;
    if (strcmp(text, "enum") == 0) {
        t = type_of(TYPE_ENUM);
        t.name = STR("mood");
        t.native = 16385; /* only PostgreSQL looks at it */
        return t;
    }
    if (strcmp(text, "opaque") == 0) {
        t = type_of(TYPE_OPAQUE);
        t.name = STR("polygon");
        return t;
    }
    bool ok = type_parse(str_of(text), &t);
    assert(ok);
    return t;
}

static struct table *add_table(struct catalog_builder *b, const char *schema, const char *name,
                               const struct spec *specs, uint32_t count)
{
    struct arena *a = catalog_builder_arena(b);
    struct column *columns = ARENA_ARRAY(a, count, struct column);
    struct table *t = ARENA_NEW(a, struct table);
    assert(columns != NULL && t != NULL);
    for (uint32_t i = 0; i < count; i++) {
        columns[i] = (struct column){.name = str_of(specs[i].name),
                                     .type = spec_type(specs[i].type),
                                     .index = i,
                                     .nullable = !specs[i].not_null};
    }
    *t = (struct table){.schema = str_of(schema),
                        .name = str_of(name),
                        .in_path = true,
                        .writable = true,
                        .plain = true,
                        .columns = columns,
                        .column_count = count};
    enum err e = catalog_builder_table(b, t);
    assert(e == ERR_OK);
    return catalog_builder_find(b, str_of(schema), str_of(name));
}

#define TABLE(b, schema, name, ...)                                                            \
    add_table(b, schema, name, (const struct spec[]){__VA_ARGS__},                             \
              sizeof((const struct spec[]){__VA_ARGS__}) / sizeof(struct spec))

static const uint32_t first[] = {0}, second[] = {1}, third[] = {2}, fourth[] = {3},
                      both[] = {0, 1};

static struct foreign_key fk(const uint32_t *columns, const struct table *target)
{
    return (struct foreign_key){
        .columns = columns, .target = target, .target_columns = first, .count = 1};
}

static void set_fks(struct catalog_builder *b, struct table *t, const struct foreign_key *keys,
                    uint32_t count)
{
    struct foreign_key *copy = ARENA_ARRAY(catalog_builder_arena(b), count, struct foreign_key);
    assert(copy != NULL);
    memcpy(copy, keys, count * sizeof *keys);
    t->foreign_keys = copy;
    t->foreign_key_count = count;
}

static void add_things(struct catalog_builder *b, const char *schema)
{
    struct table *t =
        TABLE(b, schema, "things", {"id", "bigint", true}, {"small", "smallint", false},
              {"big", "bigint", false}, {"exact", "numeric(10,2)", false},
              {"loose", "numeric", false}, {"single", "real", false}, {"dbl", "double", false},
              {"flag", "boolean", false}, {"code", "char(3)", false}, {"mood", "enum", false},
              {"uid", "uuid", false}, {"raw", "bytes", false}, {"day", "date", false},
              {"at", "time", false}, {"stamp", "timestamp", false},
              {"stamptz", "timestamptz", false}, {"span", "interval", false},
              {"doc", "json", false}, {"odd", "opaque", false}, {"twice", "integer", false});
    t->primary_key = (struct key){.columns = first, .count = 1};
    struct column *columns;
    memcpy(&columns, &t->columns, sizeof columns);
    columns[0].auto_key = columns[0].has_default = true;
    columns[19].generated = true;
}

/* Keys of every sort. */
static void add_tokens(struct catalog_builder *b, const char *schema)
{
    static const uint32_t list[][2] = {{1}, {2}, {3}, {4}, {5}, {6}, {7}, {8, 9}};
    static const struct key uniques[] = {
        {.columns = list[0], .count = 1}, {.columns = list[1], .count = 1},
        {.columns = list[2], .count = 1}, {.columns = list[3], .count = 1},
        {.columns = list[4], .count = 1}, {.columns = list[5], .count = 1},
        {.columns = list[6], .count = 1}, {.columns = list[7], .count = 2}};
    struct table *t =
        TABLE(b, schema, "tokens", {"id", "bigint", true}, {"code", "varchar(20)", true},
              {"nick", "text", true}, {"uid", "uuid", true}, {"small", "smallint", true},
              {"maybe", "integer", false}, {"exact", "numeric(10,2)", true},
              {"word", "char(3)", true}, {"a", "integer", true}, {"b", "integer", true});
    t->primary_key = (struct key){.columns = first, .count = 1};
    t->uniques = uniques;
    t->unique_count = sizeof uniques / sizeof uniques[0];
    struct column *columns;
    memcpy(&columns, &t->columns, sizeof columns);
    columns[1].equal_bytewise = columns[7].equal_bytewise = true;
}

static void add_people(struct catalog_builder *b, const char *schema)
{
    static const struct key email = {.columns = third, .count = 1};
    struct table *users =
        TABLE(b, schema, "users", {"id", "integer", true}, {"name", "varchar(50)", false},
              {"email", "varchar(100)", false}, {"age", "integer", false},
              {"city", "varchar(50)", false}, {"bio", "text", false},
              {"salary", "numeric(10,2)", false}, {"is_active", "boolean", false},
              {"created_at", "timestamp", false}, {"born", "date", false});
    users->primary_key = (struct key){.columns = first, .count = 1};
    users->uniques = &email;
    users->unique_count = 1;
    struct table *orders = TABLE(b, schema, "orders", {"id", "integer", true},
                                 {"user_id", "integer", false}, {"total", "double", false});
    orders->primary_key = users->primary_key;
    set_fks(b, orders, (struct foreign_key[]){fk(second, users)}, 1);
    struct table *addresses =
        TABLE(b, schema, "addresses", {"id", "integer", true},
              {"email_address", "varchar(100)", true}, {"user_id", "integer", false});
    addresses->primary_key = users->primary_key;
    set_fks(b, addresses, (struct foreign_key[]){fk(third, users)}, 1);
}

/* As PostgreSQL has them; requests may call all of them. */
static void add_functions(struct catalog_builder *b)
{
    static const struct {
        const char *name;
        enum function_kind kind;
        enum result_of result_of;
        enum type_kind result;
        enum volatility volatility;
    } list[] = {
        {"pause", FUNCTION_PLAIN, RESULT_OWN, TYPE_INTEGER, VOLATILITY_VOLATILE},
        {"today", FUNCTION_PLAIN, RESULT_OWN, TYPE_DATE, VOLATILITY_STABLE},
        {"bit_and", FUNCTION_AGGREGATE, RESULT_OWN, TYPE_OPAQUE, VOLATILITY_IMMUTABLE},
        {"both", FUNCTION_MIXED, RESULT_OWN, TYPE_OPAQUE, VOLATILITY_IMMUTABLE},
        {"mode", FUNCTION_ORDERED_SET, RESULT_OF_ANY, TYPE_OPAQUE, VOLATILITY_IMMUTABLE},
        {"percentile_cont", FUNCTION_ORDERED_SET, RESULT_OF_REAL, TYPE_OPAQUE,
         VOLATILITY_IMMUTABLE},
        {"percentile_disc", FUNCTION_ORDERED_SET, RESULT_OF_ANY, TYPE_OPAQUE,
         VOLATILITY_IMMUTABLE},
        {"rank", FUNCTION_ORDERED_SET, RESULT_OWN, TYPE_BIGINT, VOLATILITY_IMMUTABLE},
        {"regr_slope", FUNCTION_AGGREGATE, RESULT_OWN, TYPE_DOUBLE, VOLATILITY_IMMUTABLE},
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        struct function_info f = {.schema = STR("pg_catalog"),
                                  .name = str_of(list[i].name),
                                  .volatility = list[i].volatility,
                                  .result = type_of(list[i].result),
                                  .kind = list[i].kind,
                                  .result_of = list[i].result_of};
        enum err e = catalog_builder_function(b, &f);
        assert(e == ERR_OK);
    }
}

struct catalog *rig_catalog(const char *schema)
{
    struct catalog_builder *b = catalog_builder_create(7);
    struct catalog *out = NULL;
    assert(b != NULL);
    add_people(b, schema);
    add_things(b, schema);
    add_tokens(b, schema);
    struct table *departments = TABLE(b, schema, "departments", {"id", "integer", true},
                                      {"name", "varchar(50)", false});
    departments->primary_key = (struct key){.columns = first, .count = 1};
    struct table *employees =
        TABLE(b, schema, "employees", {"id", "integer", true}, {"name", "varchar(50)", false},
              {"department_id", "integer", false}, {"manager_id", "integer", false});
    employees->primary_key = departments->primary_key;
    set_fks(b, employees, (struct foreign_key[]){fk(third, departments), fk(fourth, employees)},
            2);
    struct table *tags = TABLE(b, schema, "post_tags", {"post_id", "integer", true},
                               {"tag_id", "integer", true});
    tags->primary_key = (struct key){.columns = both, .count = 2};
    TABLE(b, schema, "we\"ird`t", {"se\"lect", "integer", false}, {"a.b", "text", false},
          {"ba`ck", "text", false});
    struct table *view =
        TABLE(b, schema, "adults", {"id", "integer", false}, {"name", "varchar(50)", false});
    view->kind = TABLE_VIEW;
    view->writable = false;
    add_functions(b);
    enum err e = catalog_builder_finish(b, &out);
    assert(e == ERR_OK);
    return out;
}

void rig_init(struct rig *r, size_t cache_bytes)
{
    static const char *const schemas[RIG_DIALECTS] = {"public", "app", "main"};
    memset(r, 0, sizeof *r);
    arena_init(&r->arena, 0);
    atomic_init(&r->next_statement, 0);
    for (unsigned i = 0; i < RIG_DIALECTS; i++) {
        r->catalogs[i] = rig_catalog(schemas[i]);
    }
    r->compiler = compiler_create(&(struct compiler_opts){
        .cache_bytes = cache_bytes, .seed = 11, .next_statement = &r->next_statement});
    assert(r->compiler != NULL);
}

void rig_fini(struct rig *r)
{
    plan_unref(r->bound.plan);
    compiler_destroy(r->compiler);
    compiler_seen_done(r->seen);
    for (unsigned i = 0; i < RIG_DIALECTS; i++) {
        catalog_unref(r->catalogs[i]);
    }
    arena_fini(&r->arena);
}

static enum query_expect expect_of(const struct json *j)
{
    return j == NULL             ? QUERY_ALL
           : json_is(j, "first") ? QUERY_FIRST
           : json_is(j, "one")   ? QUERY_ONE
           : json_is(j, "count") ? QUERY_COUNT
                                 : QUERY_EXISTS;
}

struct finder {
    struct json_known known;
    struct rig *rig;
};

static const struct json *find_seen(struct json_known *k, struct str text, unsigned max_depth)
{
    struct rig *r = ((struct finder *)k)->rig;
    r->seen = compiler_seen(r->compiler, text, max_depth);
    return r->seen == NULL ? NULL : compiler_seen_tree(r->seen);
}

static const struct json *guess_seen(struct json_known *k, struct str rest, unsigned max_depth,
                                     size_t *bytes)
{
    struct rig *r = ((struct finder *)k)->rig;
    r->seen = compiler_guess(r->compiler, rest, max_depth);
    *bytes = r->seen == NULL ? 0 : compiler_seen_bytes(r->seen);
    return r->seen == NULL ? NULL : compiler_seen_tree(r->seen);
}

static bool is_ref(const struct json *m)
{
    return m->kind == JSON_ARRAY && m->len == 4 && m->first->kind == JSON_STRING &&
           m->first->next->kind == JSON_STRING && m->first->next->next->kind == JSON_STRING;
}

/* [[step, column, type, value]…]; NULL: it is not, or memory is full. */
static const struct compile_refs *read_refs(struct rig *r, const struct json *j)
{
    bool list = j != NULL && j->kind == JSON_ARRAY;
    struct compile_refs *refs = ARENA_NEW(&r->arena, struct compile_refs);
    struct compile_ref *to = ARENA_ARRAY(&r->arena, list ? j->len : 0, struct compile_ref);
    if (!list || refs == NULL || to == NULL) {
        return NULL;
    }
    for (const struct json *m = j->first; m != NULL; m = m->next) {
        struct compile_ref *ref = &to[refs->count];
        if (!is_ref(m) || !type_parse(json_text(m->first->next->next), &ref->type)) {
            return NULL;
        }
        ref->step = json_text(m->first);
        ref->column = json_text(m->first->next);
        ref->value = m->first->next->next->next;
        refs->count++;
    }
    refs->list = to;
    return refs;
}

static enum err read_request(struct rig *r, unsigned d, const char *text,
                             struct compile_request *out)
{
    struct json *root;
    struct finder finder = {
        .known = {.key = STR("query"), .find = find_seen, .guess = guess_seen}, .rig = r};
    compiler_seen_done(r->seen);
    r->seen = NULL;
    plan_unref(r->bound.plan);
    r->bound = (struct bound){.plan = NULL};
    arena_fini(&r->arena);
    fail_init(&r->fail);
    enum err e = json_parse_with(&r->arena, str_of(text),
                                 &(struct json_opts){.max_depth = 64, .known = &finder.known},
                                 &root, &r->fail);
    if (e != ERR_OK) {
        return e;
    }
    if (root->kind != JSON_OBJECT || json_get(root, "query") == NULL) {
        return fail_set(&r->fail, ERR_BAD_REQUEST, "no query");
    }
    static const struct str functions[] = {{"bit_and", 7},
                                           {"both", 4},
                                           {"mode", 4},
                                           {"percentile_cont", 15},
                                           {"percentile_disc", 15},
                                           {"rank", 4},
                                           {"regr_slope", 10},
                                           {"pause", 5},
                                           {"today", 5}};
    const struct json *keys = json_get(root, "keys"), *refs = json_get(root, "refs");
    *out = (struct compile_request){
        .query = r->seen != NULL ? compiler_seen_tree(r->seen) : json_get(root, "query"),
        .query_text = finder.known.text,
        .seen = r->seen,
        .params = json_get(root, "params"),
        .catalog = r->catalogs[d],
        .dialect = rig_dialects[d],
        .expect = expect_of(json_get(root, "expect")),
        .keys = keys == NULL              ? KEYS_DEFAULT
                : keys->kind == JSON_TRUE ? KEYS_YES
                                          : KEYS_NO,
        .text = TEXT_ALLOWED,
        .functions = functions,
        .function_count = sizeof functions / sizeof functions[0],
        .max_params = 1000,
        .max_sql_bytes = 1 << 20,
        .refs = read_refs(r, refs),
        .query_path = "/query",
    };
    return ERR_OK;
}

enum err rig_bind(struct rig *r, unsigned d, const char *request)
{
    struct compile_request in;
    enum err e = read_request(r, d, request, &in);
    return e != ERR_OK ? e : compiler_bind(r->compiler, &in, &r->arena, &r->bound, &r->fail);
}

enum err rig_plan(struct rig *r, unsigned d, const char *request, struct plan **out)
{
    struct compile_request in;
    bool hit;
    *out = NULL;
    enum err e = read_request(r, d, request, &in);
    return e != ERR_OK ? e : compiler_plan(r->compiler, &in, &r->arena, out, &hit, &r->fail);
}

void rig_type_text(const struct plan_bind *b, struct buf *out)
{
    static const char *const forms[] = {[BIND_PLAIN] = "",
                                        [BIND_COUNT] = " count",
                                        [BIND_START] = " start",
                                        [BIND_STEP] = " step",
                                        [BIND_LENGTH] = " length",
                                        [BIND_SHIFT] = " shift",
                                        [BIND_DIGITS] = " digits",
                                        [BIND_ESCAPE] = " escape",
                                        [BIND_PREFIX] = " text%",
                                        [BIND_SUFFIX] = " %text",
                                        [BIND_INFIX] = " %text%",
                                        [BIND_MONTHS] = " months",
                                        [BIND_DAYS] = " days",
                                        [BIND_MICROS] = " micros",
                                        [BIND_SPAN] = " span",
                                        [BIND_STRIDE_CHECKED] = " checked stride",
                                        [BIND_STRIDE] = " stride",
                                        [BIND_FORMAT_CHECKED] = " format",
                                        [BIND_FORMAT_MARIA] = " format",
                                        [BIND_FORMAT_PG] = " format",
                                        [BIND_PATH_STEP] = " step",
                                        [BIND_PATH_PG] = " path",
                                        [BIND_PATH_MARIA] = " path",
                                        [BIND_PATH_JSON] = " path",
                                        [BIND_SPOT_PG] = " spot",
                                        [BIND_HOLDER_PG] = " holder",
                                        [BIND_SPOT_MARIA] = " spot",
                                        [BIND_HOLDER_MARIA] = " holder",
                                        [BIND_SPOT_JSON] = " spot"};
    if (b->type.kind == TYPE_ARRAY) {
        buf_printf(out, "%s[]", type_kind_name(b->type.element));
        return;
    }
    buf_printf(out, "%s", type_kind_name(b->type.kind));
    if (b->type.kind == TYPE_NUMERIC && b->type.scale >= 0) {
        buf_printf(out, "(%d)", b->type.scale);
    }
    if (b->type.length >= 0) {
        buf_printf(out, "(%d)", b->type.length);
    }
    buf_printf(out, "%s", forms[b->form]);
    if (b->at_most > 0) {
        buf_printf(out, " <= %u", b->at_most);
    }
}

void rig_value_text(const struct plan_bind *b, const struct value *v, struct buf *out)
{
    if (v->kind != VALUE_LIST) {
        enum err e = value_to_json(out, &b->type, v, INT64_NUMBER, NULL);
        assert(e == ERR_OK);
        return;
    }
    struct type element = type_of(b->type.element);
    buf_char(out, '[');
    for (uint32_t i = 0; i < v->list->count; i++) {
        if (i > 0) {
            buf_char(out, ',');
        }
        enum err e = value_to_json(out, &element, &v->list->items[i], INT64_NUMBER, NULL);
        assert(e == ERR_OK);
    }
    buf_char(out, ']');
}
