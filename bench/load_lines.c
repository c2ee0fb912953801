/* SPDX-License-Identifier: MIT
 *
 * bench/load_lines.c: one JSON object per line, with and without `id`.
 */
#include "bench/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READ_QUERY                                                                             \
    "\"query\":{\"select\":[\"id\",\"name\",\"email\",\"age\"],\"from\":\"users\","            \
    "\"where\":[\"=\",\"id\",\":id\"]},\"params\":{\"id\":"
#define WRITE_QUERY                                                                            \
    "\"query\":{\"insert\":\"events\",\"set\":{\"user_id\":\":id\",\"note\":"                  \
    "{\"value\":\"a note of some thirty bytes\"}}},\"params\":{\"id\":"

static void add_query(struct load_conn *c, uint32_t key)
{
    if (c->opts->writes) {
        BUF_LIT(&c->out, WRITE_QUERY);
    } else {
        BUF_LIT(&c->out, READ_QUERY);
    }
    buf_u64(&c->out, key);
    BUF_LIT(&c->out, "}}\n");
}

static void request(struct load_conn *c, uint32_t slot)
{
    buf_char(&c->out, '{');
    add_query(c, c->slots[slot].key);
}

static void request_id(struct load_conn *c, uint32_t slot)
{
    BUF_LIT(&c->out, "{\"id\":");
    buf_u64(&c->out, slot);
    buf_char(&c->out, ',');
    add_query(c, c->slots[slot].key);
}

/* A right reply has the row of our key, or a count of one. */
static bool right(const struct load_conn *c, struct str line, uint32_t slot)
{
    char want[48];
    int n = c->opts->writes ? snprintf(want, sizeof want, "\"rowcount\":1")
                            : snprintf(want, sizeof want, "[[%u,", c->slots[slot].key);
    return memmem(line.ptr, line.len, want, (size_t)n) != NULL;
}

static bool take_line(struct load_conn *c, struct str *line)
{
    struct str s = load_unread(c);
    const char *end = s.len == 0 ? NULL : memchr(s.ptr, '\n', s.len);
    if (end == NULL) {
        return false;
    }
    *line = (struct str){s.ptr, (size_t)(end - s.ptr)};
    c->in_at += line->len + 1;
    return true;
}

static enum load_scan reply(struct load_conn *c, uint32_t *slot)
{
    struct str line;
    *slot = c->oldest;
    if (!take_line(c, &line)) {
        return SCAN_MORE;
    }
    return right(c, line, *slot) ? SCAN_REPLY : SCAN_ERROR;
}

static enum load_scan reply_id(struct load_conn *c, uint32_t *slot)
{
    struct str line;
    if (!take_line(c, &line)) {
        return SCAN_MORE;
    }
    if (!str_starts(line, STR("{\"id\":"))) {
        return SCAN_LOST;
    }
    *slot = (uint32_t)strtoul(line.ptr + 6, NULL, 10);
    if (*slot >= c->opts->in_flight || !c->slots[*slot].busy) {
        return SCAN_LOST;
    }
    return right(c, line, *slot) ? SCAN_REPLY : SCAN_ERROR;
}

const struct load_protocol load_lines = {"lines", NULL, NULL, request, reply};
const struct load_protocol load_lines_id = {"lines-id", NULL, NULL, request_id, reply_id};
