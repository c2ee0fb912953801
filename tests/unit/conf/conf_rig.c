/* SPDX-License-Identifier: MIT
 *
 * conf_rig.c: see conf_rig.h.
 */
#include "conf_rig.h"

#include "../fail_alloc.h"

#include <check.h>
#include <stdlib.h>

char *rig_parse(const char *text, struct conf **c)
{
    struct buf errors;
    buf_init(&errors);
    *c = conf_parse("f", str_of(text), &errors);
    buf_char(&errors, '\0');
    return errors.ptr;
}

struct conf *rig_must_parse(const char *text)
{
    struct conf *c;
    char *errors = rig_parse(text, &c);
    ck_assert_str_eq(errors, "");
    ck_assert_ptr_nonnull(c);
    free(errors);
    return c;
}

void rig_fail_each_allocation(struct str text)
{
    long n = 1;
    for (; n < 5000; n++) {
        struct buf errors;
        buf_init(&errors);
        fail_alloc_at(n);
        struct conf *c = conf_parse("f", text, &errors);
        bool reached = fail_alloc_reached();
        fail_alloc_at(0);
        ck_assert_int_eq(c == NULL, reached);
        conf_free(c);
        buf_fini(&errors);
        if (!reached) {
            break;
        }
    }
    ck_assert_int_gt(n, 5);
    ck_assert_int_lt(n, 5000);
}
