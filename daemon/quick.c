/* SPDX-License-Identifier: MIT
 *
 * daemon/quick.c: the id cut out of a line.
 */
#include "daemon/quick.h"

#include "daemon/conn.h"

#define DIGITS_MAX 18
#define STRING_MAX 64

static const char ID[] = {'"', 'i', 'd', '"'};

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
    if (at < sizeof ID || memcmp(line.ptr + at - sizeof ID, ID, sizeof ID) != 0) {
        return false;
    }
    at = skip_blanks_back(line, at - sizeof ID);
    if (at < 2 || line.ptr[at - 1] != ',') {
        return false;
    }
    out->rest = (struct str){line.ptr + 1, at - 2};
    return true;
}

bool quick_split(struct str line, struct quick_line *out)
{
    *out = (struct quick_line){0};
    if (line.len > QUICK_LINE_MAX || line.len < sizeof ID + 1 || line.ptr[0] != '{') {
        return false;
    }
    size_t at = skip_blanks(line, 1);
    if (line.len - at > sizeof ID && memcmp(line.ptr + at, ID, sizeof ID) == 0) {
        return split_id(line, at + sizeof ID, out);
    }
    if (!split_last_id(line, out)) {
        *out = (struct quick_line){.rest = {line.ptr + at, line.len - at}};
    }
    return true;
}

/* The database's name ends with a NUL, which no name has. */
void quick_name(const struct conn *c, struct str rest, struct buf *name)
{
    char form = (char)c->int64;
    buf_add(name, &form, 1);
    buf_str_add(name, c->db);
    buf_char(name, '\0');
    buf_str_add(name, rest);
}
