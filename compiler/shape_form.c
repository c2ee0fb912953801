/* SPDX-License-Identifier: MIT
 *
 * compiler/shape_form.c: what the JSON form of a value tells a plan.
 */
#include "compiler/shape.h"

static enum json_form integer_form(struct str digits)
{
    int64_t n;
    if (!str_to_i64(digits, &n)) {
        return FORM_HUGE;
    }
    return n >= INT32_MIN && n <= INT32_MAX ? FORM_INT : FORM_LONG;
}

enum json_form json_form_of(const struct json *j)
{
    switch ((enum json_kind)j->kind) {
    case JSON_NULL:
        return FORM_NULL;
    case JSON_FALSE:
    case JSON_TRUE:
        return FORM_BOOL;
    case JSON_INTEGER:
        return integer_form(json_text(j));
    case JSON_DECIMAL:
        return FORM_DECIMAL;
    case JSON_STRING:
        return FORM_STRING;
    case JSON_ARRAY:
        return FORM_ARRAY;
    case JSON_OBJECT:
        return FORM_OBJECT;
    }
    return FORM_MIXED;
}

static unsigned number_rank(enum json_form f)
{
    return f == FORM_INT       ? 1
           : f == FORM_LONG    ? 2
           : f == FORM_HUGE    ? 3
           : f == FORM_DECIMAL ? 4
                               : 0;
}

enum json_form json_form_join(enum json_form a, enum json_form b)
{
    if (a == FORM_NULL || a == b) {
        return b;
    }
    if (b == FORM_NULL) {
        return a;
    }
    if (number_rank(a) > 0 && number_rank(b) > 0) {
        return number_rank(a) > number_rank(b) ? a : b;
    }
    return FORM_MIXED;
}

enum json_form json_form_of_list(const struct json *array)
{
    enum json_form all = FORM_NULL;
    for (const struct json *m = array->first; m != NULL; m = m->next) {
        all = json_form_join(all, json_form_of(m));
    }
    return all;
}

bool json_rows(const struct json *array, uint32_t *width)
{
    const struct json *m = array->first;
    *width = m == NULL ? 0 : m->len;
    while (m != NULL && m->kind == JSON_ARRAY && m->len == *width) {
        m = m->next;
    }
    return m == NULL && *width > 0;
}

enum json_form json_form_of_column(const struct json *array, uint32_t column)
{
    enum json_form all = FORM_NULL;
    for (const struct json *row = array->first; row != NULL; row = row->next) {
        const struct json *m = row->first;
        for (uint32_t i = 0; i < column && m != NULL; i++) {
            m = m->next;
        }
        all = m == NULL ? FORM_MIXED : json_form_join(all, json_form_of(m));
    }
    return all;
}

uint32_t shape_padded(uint32_t count)
{
    uint32_t n = count == 0 ? 0 : 1;
    while (n < count) {
        n *= 2;
    }
    return n;
}

/* Digits behind the point of a JSON number; -1 beyond reason. */
int json_scale(const struct json *number)
{
    struct str s = json_text(number);
    ptrdiff_t point = str_find(s, '.', 0);
    int64_t exponent = 0;
    size_t end = 0;
    while (end < s.len && s.ptr[end] != 'e' && s.ptr[end] != 'E') {
        end++;
    }
    if (end < s.len) {
        size_t from = end + (end + 1 < s.len && s.ptr[end + 1] == '+' ? 2 : 1);
        if (!str_to_i64((struct str){s.ptr + from, s.len - from}, &exponent)) {
            return -1;
        }
    }
    int64_t digits = point < 0 ? 0 : (int64_t)end - point - 1;
    if (exponent < -1000 || exponent > 1000 || digits - exponent > 1000) {
        return -1;
    }
    return digits > exponent ? (int)(digits - exponent) : 0;
}
