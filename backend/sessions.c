/* SPDX-License-Identifier: MIT
 *
 * backend/sessions.c: numbers in slots that are claimed by an exchange.
 */
#include "backend/sessions.h"

#include <stddef.h>

/* Puts `to` in the place of one `from`; false: there is none. */
static bool replace(struct sessions *s, uint64_t from, uint64_t to)
{
    for (uint32_t i = 0; s != NULL && i < SESSIONS_MAX; i++) {
        uint64_t expected = from;
        if (atomic_load_explicit(&s->ids[i], memory_order_relaxed) == from &&
            atomic_compare_exchange_strong(&s->ids[i], &expected, to)) {
            return true;
        }
    }
    return false;
}

void sessions_add(struct sessions *s, uint64_t id)
{
    if (id != 0) {
        (void)replace(s, 0, id);
    }
}

void sessions_remove(struct sessions *s, uint64_t id)
{
    if (id != 0) {
        (void)replace(s, id, 0);
    }
}

bool sessions_have(const struct sessions *s, uint64_t id)
{
    for (uint32_t i = 0; s != NULL && id != 0 && i < SESSIONS_MAX; i++) {
        if (atomic_load(&s->ids[i]) == id) {
            return true;
        }
    }
    return false;
}
