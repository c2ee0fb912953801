/* SPDX-License-Identifier: MIT
 *
 * compiler/tx_words.h: how each database is told where a transaction begins, is
 * marked and ends. Constants and text; no state.
 */
#ifndef COMPILER_TX_WORDS_H
#define COMPILER_TX_WORDS_H

#include "base/arena.h"
#include "base/err.h"
#include "compiler/compiler.h"
#include "value/isolation.h"

#include <stdbool.h>
#include <stdint.h>

/* What a transaction is asked to be. */
struct tx_options {
    enum isolation isolation; /* ISOLATION_DEFAULT: as the connection is */
    bool read_only;
    bool deferrable; /* waits at its beginning rather than fail later */
};

/* Marks inside a transaction. They are numbered: no text of a client's is SQL. */
enum tx_mark { TX_SAVEPOINT, TX_RELEASE, TX_ROLLBACK_TO };

enum { TX_BEGIN_MAX = 2 };

/* Refuses what the database cannot be; paths are those of a begin request. */
enum err tx_words_check(const struct dialect *d, const struct tx_options *o,
                        struct fail *f) MUST_CHECK;
/* The statements that begin it, one after the other; their number. 0: out of memory. */
uint32_t tx_words_begin(const struct dialect *d, const struct tx_options *o, struct arena *a,
                        struct statement out[TX_BEGIN_MAX]);
enum err tx_words_mark(enum tx_mark mark, uint32_t number, struct arena *a,
                       struct statement *out) MUST_CHECK;

#endif
