/* SPDX-License-Identifier: MIT
 *
 * compiler/tx_words.c: how each database is told where a transaction begins, is
 * marked and ends. No state.
 */
#include "compiler/tx_words.h"

#include "compiler/dialect.h"

enum err tx_words_check(const struct dialect *d, const struct tx_options *o, struct fail *f)
{
    if (!o->deferrable) {
        return ERR_OK;
    }
    if (d->words.tx.deferrable == NULL) {
        fail_at(f, ERR_UNSUPPORTED_FEATURE, STR("/deferrable"),
                "this database has no deferrable transactions");
        fail_hint(f, "leave it out: a serializable read may then have to be sent again");
        return ERR_UNSUPPORTED_FEATURE;
    }
    if (!o->read_only || o->isolation != ISOLATION_SERIALIZABLE) {
        return fail_at(
            f, ERR_BAD_REQUEST, STR("/deferrable"),
            "only a transaction that is serializable and read only can be deferrable");
    }
    return ERR_OK;
}

static bool take(struct statement *s, struct str sql)
{
    *s = (struct statement){.sql = sql};
    return sql.ptr != NULL;
}

uint32_t tx_words_begin(const struct dialect *d, const struct tx_options *o, struct arena *a,
                        struct statement out[TX_BEGIN_MAX])
{
    const struct tx_form *t = &d->words.tx;
    const char *level = t->level == NULL ? NULL : isolation_name(o->isolation);
    const char *begin = o->read_only ? t->begin_read_only : t->begin;
    uint32_t n = 0;
    if (level != NULL && t->level_apart &&
        !take(&out[n++], arena_printf(a, "%s%s", t->level, level))) {
        return 0;
    }
    bool behind = level != NULL && !t->level_apart;
    bool ok =
        take(&out[n++], arena_printf(a, "%s%s%s%s", begin, behind ? t->level : "",
                                     behind ? level : "", o->deferrable ? t->deferrable : ""));
    return ok ? n : 0;
}

enum err tx_words_mark(enum tx_mark mark, uint32_t number, struct arena *a,
                       struct statement *out)
{
    static const char *const words[] = {
        [TX_SAVEPOINT] = "SAVEPOINT",
        [TX_RELEASE] = "RELEASE SAVEPOINT",
        [TX_ROLLBACK_TO] = "ROLLBACK TO SAVEPOINT",
    };
    return take(out, arena_printf(a, "%s tb_%u", words[mark], number)) ? ERR_OK
                                                                       : ERR_OUT_OF_MEMORY;
}
