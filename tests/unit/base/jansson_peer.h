/* SPDX-License-Identifier: MIT
 *
 * jansson_peer.h: jansson's opinion, behind plain types, for its names clash with ours.
 */
#ifndef TESTS_JANSSON_PEER_H
#define TESTS_JANSSON_PEER_H

#include <stdbool.h>
#include <stddef.h>

enum jansson_verdict { JANSSON_TAKES, JANSSON_REFUSES, JANSSON_CANNOT_HOLD };

/* What jansson says of the text as one value without duplicate keys; CANNOT_HOLD of a
 * number beyond its types. */
enum jansson_verdict jansson_verdict(const char *text, size_t len);
/* Whether two texts are the same value to jansson; false if it refuses one. */
bool jansson_equal(const char *a, size_t a_len, const char *b, size_t b_len);

#endif
