/* SPDX-License-Identifier: MIT
 *
 * protocol/message_keys.h: the keys of a request, each with its reader: a table.
 * For message.c alone.
 */
#ifndef PROTOCOL_MESSAGE_KEYS_H
#define PROTOCOL_MESSAGE_KEYS_H

#include "protocol/batch.h"
#include "protocol/message.h"

/* The reading of one key. */
struct read {
    struct str source;       /* the line */
    struct message *m;       /* its op is known */
    struct batch_step *step; /* whose message that is; NULL: a request's own */
    const struct json *value;
    const char *key;
    struct fail *fail;
};

/* Reads one member of the request's object into r->m. */
enum err message_read_member(struct read *r, const struct json *j) MUST_CHECK;
/* cache_ask.c: reads `cache`; `tags` and `tables` of an invalidation. */
enum err message_read_cache(struct read *r) MUST_CHECK;
enum err message_read_tags(struct read *r) MUST_CHECK;
enum err message_read_tables(struct read *r) MUST_CHECK;
/* An error at the key under way; `sub` is what of it ("/chunk"), or empty. */
enum err message_bad_key(struct read *r, enum err e, const char *sub, const char *why);
/* Reads `id` alone: so that every error can carry it. */
enum err message_read_id(struct read *r, const struct json *id) MUST_CHECK;
/* Reads `tx` alone: so that every error is one of its transaction. */
enum err message_read_tx(struct read *r, const struct json *tx) MUST_CHECK;

#endif
