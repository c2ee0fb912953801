/* SPDX-License-Identifier: MIT
 *
 * conf/scalar.h: texts with a unit or a form of their own, as numbers. Pure
 * functions; false when the text has another form or does not fit.
 */
#ifndef CONF_SCALAR_H
#define CONF_SCALAR_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* "500ms" "30s" "5m" "1h" "2d" */
bool scalar_duration(struct str s, uint64_t *ms);
/* "512B" "64KiB" "16MiB" "1GiB" */
bool scalar_size(struct str s, uint64_t *bytes);
/* "true" "on", "false" "off" */
bool scalar_bool(struct str s, bool *out);
/* File permissions in octal: "0600", "660". */
bool scalar_mode(struct str s, uint32_t *mode);
/* "host:port" or "[ipv6]:port"; host borrows from s and is not empty. */
bool scalar_address(struct str s, struct str *host, uint16_t *port);
/* Whether host is a loopback address (127.0.0.0/8, ::1) or "localhost". */
bool scalar_is_loopback(struct str host);

#endif
