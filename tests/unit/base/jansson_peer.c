/* SPDX-License-Identifier: MIT
 *
 * jansson_peer.c: see jansson_peer.h.
 */
#include "tests/unit/base/jansson_peer.h"

#include <jansson.h>

#define FLAGS (JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL)

static json_t *load(const char *text, size_t len)
{
    return json_loadb(text, len, FLAGS, NULL);
}

enum jansson_verdict jansson_verdict(const char *text, size_t len)
{
    json_error_t error;
    json_t *o = json_loadb(text, len, FLAGS, &error);
    if (o != NULL) {
        json_decref(o);
        return JANSSON_TAKES;
    }
    return json_error_code(&error) == json_error_numeric_overflow ? JANSSON_CANNOT_HOLD
                                                                  : JANSSON_REFUSES;
}

bool jansson_equal(const char *a, size_t a_len, const char *b, size_t b_len)
{
    json_t *x = load(a, a_len), *y = load(b, b_len);
    bool equal = json_equal(x, y) == 1;
    json_decref(x);
    json_decref(y);
    return equal;
}
