/* SPDX-License-Identifier: MIT
 *
 * daemon/quick.c: the id cut out of a line, and its answer from the result cache.
 */
#include "daemon/quick.h"

#include "base/clock.h"
#include "daemon/cache_plans.h"
#include "daemon/conn.h"
#include "daemon/regions.h"
#include "daemon/request.h"
#include "protocol/encode.h"

#define DIGITS_MAX 18
#define STRING_MAX 64
#define WORDS_BYTES 32 /* of a reply, around its id and its body */

static const char id_key[] = {'"', 'i', 'd', '"'};

static size_t skip_blanks(struct str s, size_t at)
{
    while (at < s.len && (s.ptr[at] == ' ' || s.ptr[at] == '\t')) {
        at++;
    }
    return at;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The end of the id that begins at `at`; 0: it is none of the simple ones. */
static size_t id_end(struct str s, size_t at)
{
    size_t end = at;
    if (s.ptr[at] == '"') {
        for (end = at + 1; end < s.len && s.ptr[end] != '"'; end++) {
            if (s.ptr[end] < ' ' || s.ptr[end] > '~' || s.ptr[end] == '\\' ||
                end - at > STRING_MAX) {
                return 0;
            }
        }
        return end < s.len && end > at + 1 ? end + 1 : 0;
    }
    while (end < s.len && is_digit(s.ptr[end]) && end - at < DIGITS_MAX) {
        end++;
    }
    return end == at || (s.ptr[at] == '0' && end > at + 1) ? 0 : end;
}

/* `at` is behind `"id"`. */
static bool split_id(struct str line, size_t at, struct quick_line *out)
{
    at = skip_blanks(line, at);
    if (at >= line.len || line.ptr[at] != ':') {
        return false;
    }
    at = skip_blanks(line, at + 1);
    size_t end = at < line.len ? id_end(line, at) : 0;
    if (end == 0) {
        return false;
    }
    out->id = (struct request_id){true, {line.ptr + at, end - at}};
    at = skip_blanks(line, end);
    if (at >= line.len || line.ptr[at] != ',') {
        return false;
    }
    at = skip_blanks(line, at + 1);
    out->rest = (struct str){line.ptr + at, line.len - at};
    return true;
}

/* The start of the blanks that end before `end`. */
static size_t skip_blanks_back(struct str s, size_t end)
{
    while (end > 0 && (s.ptr[end - 1] == ' ' || s.ptr[end - 1] == '\t')) {
        end--;
    }
    return end;
}

/* The start of what may be an id that ends before `end`. */
static size_t id_start(struct str s, size_t end)
{
    size_t at = end - 1;
    if (s.ptr[at] == '"') {
        while (at > 0 && end - at <= STRING_MAX + 2 && s.ptr[at - 1] != '"') {
            at--;
        }
        return at > 0 ? at - 1 : 0;
    }
    while (at > 0 && is_digit(s.ptr[at - 1])) {
        at--;
    }
    return at;
}

/* `, "id": 7}` at the end of the line. A comma and a quote that stand side by side before
 * the last brace of a line that is JSON are no part of a text: there the quote would have a
 * backslash. */
static bool split_last_id(struct str line, struct quick_line *out)
{
    size_t end = line.len - 1;
    if (line.ptr[end] != '}') {
        return false;
    }
    end = skip_blanks_back(line, end);
    size_t at = end > 0 ? id_start(line, end) : 0;
    if (at == 0 || id_end(line, at) != end) {
        return false;
    }
    out->id = (struct request_id){true, {line.ptr + at, end - at}};
    at = skip_blanks_back(line, at);
    if (at == 0 || line.ptr[at - 1] != ':') {
        return false;
    }
    at = skip_blanks_back(line, at - 1);
    if (at < sizeof id_key ||
        memcmp(line.ptr + at - sizeof id_key, id_key, sizeof id_key) != 0) {
        return false;
    }
    at = skip_blanks_back(line, at - sizeof id_key);
    if (at < 2 || line.ptr[at - 1] != ',') {
        return false;
    }
    out->rest = (struct str){line.ptr + 1, at - 2};
    out->id_last = true;
    return true;
}

bool quick_split(struct str line, struct quick_line *out)
{
    *out = (struct quick_line){0};
    if (line.len > QUICK_LINE_MAX || line.len < sizeof id_key + 1 || line.ptr[0] != '{') {
        return false;
    }
    size_t at = skip_blanks(line, 1);
    if (line.len - at > sizeof id_key && memcmp(line.ptr + at, id_key, sizeof id_key) == 0) {
        return split_id(line, at + sizeof id_key, out);
    }
    if (!split_last_id(line, out)) {
        *out = (struct quick_line){.rest = {line.ptr + at, line.len - at}};
    }
    return true;
}

/* ---- names ---- */

static bool contains(struct str s, struct str part)
{
    return memmem(s.ptr, s.len, part.ptr, part.len) != NULL;
}

/* Whether the word of who wants an answer kept stands in it, as a key or not. */
static bool asks_for_cache(struct str text)
{
    return contains(text, STR("\"cache\""));
}

/* What a line means besides its text. A database's name ends with a NUL, which none has. The
 * last brace is always there: a line that lacks it must not be taken for one that has it. */
static void write_name(const struct conn *c, const struct quick_line *q, struct buf *name)
{
    const uint64_t head[] = {c->worker->settings->number, c->int64};
    buf_add(name, head, sizeof head);
    buf_str_add(name, c->db);
    buf_char(name, '\0');
    buf_str_add(name, q->rest);
    if (q->id_last) {
        buf_char(name, '}');
    }
}

/* A rule's answers say nothing of the cache, which shows in the line; and what is run by
 * the name of a prepared statement is another one for each client. */
static bool is_told_by_line(const struct req *r)
{
    enum cache_mode told = asks_for_cache(r->line) ? CACHE_USE : CACHE_DEFAULT;
    return r->msg.run.len == 0 && !r->msg.cache.has_ttl && r->parent == NULL &&
           r->msg.cache.mode == told;
}

struct str quick_name(const struct req *r, struct buf *out)
{
    struct quick_line q;
    if (!is_told_by_line(r) || !quick_split(r->line, &q) || q.id.present != r->msg.id.present) {
        return (struct str){"", 0};
    }
    buf_clear(out);
    write_name(r->conn, &q, out);
    return out->failed ? (struct str){"", 0} : buf_str(out);
}

/* ---- answers ---- */

/* Nothing stands before it, and nobody wants to be told of it. */
static bool is_plain_sailing(const struct conn *c)
{
    const struct worker *w = c->worker;
    return w->settings->region_count > 0 && c->state == CONN_OPEN && c->writer == NULL &&
           w->state == WORKER_RUNNING && !log_on(w->shared->log, LOG_SQL, LOG_DEBUG) &&
           !log_on(w->shared->log, LOG_CLIENT, LOG_DEBUG);
}

/* Without an id it has its place behind all that are under way; with one, it must not be
 * theirs. */
static bool may_answer(const struct conn *c, const struct request_id *id)
{
    return id->present ? c->req_count == 0 || conn_find(c, id) == NULL : c->first == NULL;
}

/* In one piece of memory: a client that rests has none to write into. */
static void write_answer(struct buf *out, const struct quick_line *q, struct str body)
{
    if (!buf_reserve(out, q->id.text.len + body.len + WORDS_BYTES)) {
        return; /* out->failed ends the connection */
    }
    encode_open(out, &q->id);
    if (q->asks) {
        BUF_LIT(out, "\"cache\":\"hit\",");
    }
    buf_str_add(out, body);
}

static bool answer_from(struct conn *c, const struct shared_region *region,
                        const struct quick_line *q, struct str name, uint64_t ttl_ns)
{
    struct worker *w = c->worker;
    uint64_t now_ns = w->read_ns;
    region_enter(region->region, w->index);
    struct region_found found = region_find_line(region->region, w->index, name, now_ns);
    bool there = found.verdict == REGION_HIT &&
                 (now_ns < found.read_ns || now_ns - found.read_ns < ttl_ns);
    if (there) {
        write_answer(&c->out, q, found.body);
        cache_plans_count(w->shared->cache_plans, w->index, found.owner, CACHE_HITS);
    }
    region_leave(region->region, w->index);
    return there;
}

/* Most lines of most clients are not: those shall not pay for a look into a region, which
 * costs as much as some hundred instructions where its memory is cold. */
static bool may_be_kept(const struct worker *w, struct quick_line *q)
{
    q->asks = asks_for_cache(q->rest);
    return q->asks || settings_conf(w->settings)->cache.rule_count > 0;
}

bool quick_answer(struct conn *c, struct str line)
{
    struct worker *w = c->worker;
    const struct settings *s = w->settings;
    const struct conf_region *conf = settings_conf(s)->cache.regions;
    struct quick_line q;
    if (!is_plain_sailing(c) || !quick_split(line, &q) || !may_be_kept(w, &q) ||
        !may_answer(c, &q.id)) {
        return false;
    }
    buf_clear(&w->name);
    write_name(c, &q, &w->name);
    bool there = false;
    for (uint32_t i = 0; i < s->region_count && !there && !w->name.failed; i++) {
        there = answer_from(c, s->regions[i], &q, buf_str(&w->name), conf[i].ttl_ms * 1000000);
    }
    w->quick_answers += there;
    return there;
}

void quick_count(struct worker *w)
{
    if (w->quick_answers > 0) {
        count_own(&w->counts.requests[OP_QUERY], w->quick_answers);
        histogram_add_many(&w->counts.stages[STAGE_TOTAL], clock_now_ns() - w->read_ns,
                           w->quick_answers);
        w->quick_answers = 0;
    }
}
