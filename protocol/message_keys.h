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
/* Reads `id` alone: so that every error can carry it. */
enum err message_read_id(struct read *r, const struct json *id) MUST_CHECK;
/* Reads `tx` alone: so that every error is one of its transaction. */
enum err message_read_tx(struct read *r, const struct json *tx) MUST_CHECK;

#endif
