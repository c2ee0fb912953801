/* SPDX-License-Identifier: MIT
 *
 * bench/load_redis.c: GET in Redis' protocol (RESP2).
 */
#include "bench/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void request(struct load_conn *c, uint32_t slot)
{
    char key[16];
    int n = snprintf(key, sizeof key, "u:%u", c->slots[slot].key);
    buf_printf(&c->out, "*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n", n, key);
}

/* reply := "$" length CR LF bytes CR LF | "$-1" CR LF | "-" message CR LF */
static enum load_scan reply(struct load_conn *c, uint32_t *slot)
{
    struct str s = c->in;
    *slot = c->oldest;
    const char *end = s.len == 0 ? NULL : memchr(s.ptr, '\n', s.len);
    if (end == NULL) {
        return SCAN_MORE;
    }
    size_t head = (size_t)(end - s.ptr) + 1;
    long len = s.ptr[0] == '$' ? strtol(s.ptr + 1, NULL, 10) : -1;
    if (len < 0) {
        load_skip(c, head);
        return s.ptr[0] == '$' || s.ptr[0] == '-' ? SCAN_ERROR : SCAN_LOST;
    }
    if (s.len < head + (size_t)len + 2) {
        return SCAN_MORE;
    }
    load_skip(c, head + (size_t)len + 2);
    return len > 0 ? SCAN_REPLY : SCAN_ERROR;
}

const struct load_protocol load_redis = {"redis", NULL, NULL, request, reply};
