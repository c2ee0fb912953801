/* SPDX-License-Identifier: MIT
 *
 * protocol/encode.h: replies to bytes. Sans-I/O.
 *
 * Each function appends to b. A final line is complete with its LF. Compact
 * JSON, `id` first. docs/PROTOCOL.md "Replies".
 */
#ifndef PROTOCOL_ENCODE_H
#define PROTOCOL_ENCODE_H

#include "base/buf.h"
#include "base/err.h"
#include "protocol/message.h"
#include "value/rows.h"

#include <stdint.h>

/* `{"id":7,` or `{`; an unparsable line is answered with id null (malformed). */
void encode_open(struct buf *b, const struct request_id *id);
void encode_open_malformed(struct buf *b);

/* `"error":{…}}\n`: closes the line. db and table names may be empty. */
void encode_error(struct buf *b, const struct fail *f, struct str db);

/* `"columns":[…],"types":[…],"rows":[` (arrays, objects), `…,"data":{` (columns),
 * `"values":[` (ROWS_VALUES); the rows' own text follows. */
void encode_rows_head(struct buf *b, const struct column_info *columns, uint32_t count,
                      enum rows_form form);
/* The same where the text of the columns was made before (rows_write_columns). */
void encode_rows_head_made(struct buf *b, struct str columns, enum rows_form form);
/* Closes what encode_rows_head opened, then `,"rowcount":n}\n`. */
void encode_rows_tail(struct buf *b, enum rows_form form, uint64_t rowcount, struct str after);
/* As encode_rows_tail, but the rows before are void: `],"error":{…}}\n`. */
void encode_rows_error(struct buf *b, enum rows_form form, const struct fail *f, struct str db);

/* `"value":…}\n` with the text of one cell (from a ROWS_VALUES run), null if empty. */
void encode_value(struct buf *b, struct str json);
/* `"rowcount":n[,"keys":[…]]}\n`; keys: text of the key rows, ptr NULL for none. */
void encode_count(struct buf *b, uint64_t rowcount, struct str keys);
/* `"ok":true}\n` */
void encode_ok(struct buf *b);

/* A line that no request asked for: `{"push":"tx_timeout","tx":…}\n`. */
void encode_tx_timeout(struct buf *b, struct str tx);

/* Lines of a stream; of the first, what is behind encode_open. */
void encode_stream_head(struct buf *b, const struct column_info *columns, uint32_t count);
void encode_chunk_head(struct buf *b, const struct request_id *id, uint64_t seq);
void encode_chunk_tail(struct buf *b);
void encode_stream_done(struct buf *b, const struct request_id *id, uint64_t rowcount,
                        struct str after);

#endif
