/* SPDX-License-Identifier: MIT
 *
 * compiler/distinct.c: see compiler/distinct.h. An open table of set numbers.
 */
#include "compiler/distinct.h"

#include "base/hash.h"

#define SEED 0x51ed270b27cc4f5du

struct keys {
    const struct bound_run *run;
    uint32_t *slots; /* set number + 1; 0: free */
    uint32_t mask;
};

static const struct value *key_value(const struct keys *k, uint32_t set, uint32_t i)
{
    const struct plan_step *step = k->run->step;
    return &k->run->params[(size_t)set * step->stmt.param_count + step->apart[i]];
}

static struct str bytes_of(const struct value *v)
{
    if (v->kind == VALUE_INT) {
        return (struct str){(const char *)&v->num, sizeof v->num};
    }
    return v->text;
}

/* Equal values of these types have equal bytes. */
static bool compares_bytewise(const struct type *t)
{
    return type_is_integer(t->kind) || t->kind == TYPE_TEXT || t->kind == TYPE_VARCHAR ||
           t->kind == TYPE_UUID || t->kind == TYPE_DATE || t->kind == TYPE_BYTES;
}

static bool same_key(const struct keys *k, uint32_t a, uint32_t b)
{
    for (uint32_t i = 0; i < k->run->step->apart_count; i++) {
        const struct value *x = key_value(k, a, i), *y = key_value(k, b, i);
        if (x->kind != y->kind || !str_eq(bytes_of(x), bytes_of(y))) {
            return false;
        }
    }
    return true;
}

/* false: a set with this key is there already. */
static bool add_set(struct keys *k, uint32_t set)
{
    uint64_t hash = SEED;
    for (uint32_t i = 0; i < k->run->step->apart_count; i++) {
        const struct value *v = key_value(k, set, i);
        if (v->kind == VALUE_NULL) {
            return true;
        }
        hash = hash_bytes(bytes_of(v), hash);
    }
    uint32_t at = (uint32_t)hash & k->mask;
    for (; k->slots[at] != 0; at = (at + 1) & k->mask) {
        if (same_key(k, k->slots[at] - 1, set)) {
            return false;
        }
    }
    k->slots[at] = set + 1;
    return true;
}

bool sets_are_distinct(const struct bound_run *run, struct arena *a)
{
    uint32_t cap = 16;
    while (cap < run->sets * 2) {
        cap *= 2;
    }
    struct keys k = {.run = run, .slots = ARENA_ARRAY(a, cap, uint32_t), .mask = cap - 1};
    bool distinct = k.slots != NULL;
    for (uint32_t i = 0; i < run->step->apart_count; i++) {
        distinct = distinct && compares_bytewise(&run->step->binds[run->step->apart[i]].type);
    }
    for (uint32_t set = 0; set < run->sets && distinct; set++) {
        distinct = add_set(&k, set);
    }
    return distinct;
}
