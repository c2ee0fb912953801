/* SPDX-License-Identifier: MIT
 *
 * schema/cells.c: cells of reflected rows as C values. No memory, no state.
 */
#include "schema/cells.h"

struct str cell_text(const struct value *v)
{
    if (v->kind == VALUE_TEXT || v->kind == VALUE_BYTES) {
        return v->text.ptr == NULL ? STR("") : v->text;
    }
    return (struct str){NULL, 0};
}

int64_t cell_int(const struct value *v)
{
    int64_t n = 0;
    switch (v->kind) {
    case VALUE_INT:
        return v->num;
    case VALUE_BOOL:
        return v->boolean;
    case VALUE_DOUBLE:
        return v->real > -9e18 && v->real < 9e18 ? (int64_t)v->real : 0;
    case VALUE_TEXT:
    case VALUE_BYTES:
        if (str_is(v->text, "t") || str_is(v->text, "true")) {
            return 1;
        }
        return str_to_i64(v->text, &n) ? n : 0;
    case VALUE_NULL:
    case VALUE_LIST:
        return 0;
    }
    return 0;
}

bool cell_true(const struct value *v)
{
    return cell_int(v) != 0;
}

enum fk_action cell_action(const struct value *v)
{
    static const struct {
        const char *letter, *word;
        enum fk_action action;
    } actions[] = {
        {"a", "NO ACTION", FK_NO_ACTION},     {"r", "RESTRICT", FK_RESTRICT},
        {"c", "CASCADE", FK_CASCADE},         {"n", "SET NULL", FK_SET_NULL},
        {"d", "SET DEFAULT", FK_SET_DEFAULT},
    };
    struct str s = cell_text(v);
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (str_is(s, actions[i].letter) || str_ieq(s, str_of(actions[i].word))) {
            return actions[i].action;
        }
    }
    return FK_NO_ACTION;
}
