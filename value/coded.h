/* SPDX-License-Identifier: MIT
 *
 * value/coded.h: bytes and UUIDs in their textual forms. Pure functions.
 */
#ifndef VALUE_CODED_H
#define VALUE_CODED_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

#define UUID_TEXT_BYTES 36

/* Reads 8-4-4-4-12 hexadecimal digits with all dashes or none, of any case, and
 * writes the form with dashes in lower case. */
bool uuid_read(struct str s, char out[UUID_TEXT_BYTES]);
/* The 16 bytes of a UUID as text. */
void uuid_of_bytes(const char bytes[16], char out[UUID_TEXT_BYTES]);

/* Decodes base64 with padding (RFC 4648 §4); false if it is not that, or has stray
 * bits. out must hold s.len / 4 * 3 bytes. */
bool base64_decode(struct str s, char *out, size_t *n);
/* Decodes pairs of hexadecimal digits; out must hold s.len / 2 bytes. */
bool hex_decode(struct str s, char *out, size_t *n);

#endif
