/* SPDX-License-Identifier: MIT
 *
 * compiler/text_scan.h: the tokens of SQL text as one database reads it: where a
 * literal, a quoted name or a comment ends, and what is a placeholder of ours.
 *
 * Pure functions over borrowed text; any thread.
 */
#ifndef COMPILER_TEXT_SCAN_H
#define COMPILER_TEXT_SCAN_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

/* What differs between databases. Constants. */
struct text_rules {
    const char *quotes;         /* what opens a literal or a name; doubled inside. `[` ends
                                 * with `]` and doubles nothing */
    const char *foreign_params; /* signs that begin placeholders of the database's own; with
                                 * `:` those whose names are no names of ours */
    bool hash_comments;         /* # … end of line */
    bool spaced_dashes;         /* -- is a comment only before white space */
    bool nested_comments;
    bool executable_comments; /* the text of some comments is executed */
    bool dollar_quotes;       /* $tag$…$tag$; and $1 is a placeholder */
    bool escape_strings;      /* E'…' with backslashes */
};

enum text_kind {
    TEXT_END,
    TEXT_BLANK,  /* white space, a comment */
    TEXT_QUOTED, /* a literal or a quoted name */
    TEXT_WORD,
    TEXT_NUMBER,
    TEXT_PARAM, /* :name; text is the name */
    TEXT_COLON, /* \: */
    TEXT_SEMICOLON,
    TEXT_SIGN, /* one character, or :: and := */
    TEXT_BAD,  /* not closed, or not ours to send; `why` says it */
};

struct text_token {
    enum text_kind kind;
    struct str text;
    const char *why;
};

/* The token at *at, which moves behind it. */
struct text_token text_next(const struct text_rules *rules, struct str sql, size_t *at);

#endif
