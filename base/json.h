/* SPDX-License-Identifier: MIT
 *
 * base/json.h: a strict JSON reader (RFC 8259) into an arena.
 *
 * Stricter than the RFC demands: UTF-8 is checked, lone surrogates and
 * duplicate keys are errors, depth is bounded, nothing may follow the value but
 * white space. Numbers keep their text, so nothing is rounded. Nodes and
 * unescaped texts live in the arena; texts without escapes are borrowed from
 * the input, which must therefore outlive the tree. Any thread, no state.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

enum json_kind {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_INTEGER, /* a number without fraction and exponent, any size */
    JSON_DECIMAL, /* a number with fraction or exponent */
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
};

/* 40 bytes: a hostile line of frame size n may hold n/2 of them. */
struct json {
    uint8_t kind;     /* enum json_kind */
    uint32_t len;     /* bytes of text (string, numbers), members (array, object) */
    uint32_t offset;  /* first byte of the value in the input */
    uint32_t key_len; /* of a member of an object */
    const char *key;
    union {
        const char *text;   /* string: unescaped; numbers: as written */
        struct json *first; /* array, object: first member or NULL */
    };
    struct json *next; /* next member of the same parent, in input order */
};

/* Reads the one value that `input` holds. Depth counts every open bracket; more
 * than max_depth is ERR_TOO_DEEP. Errors: ERR_BAD_JSON, ERR_BAD_UTF8,
 * ERR_TOO_DEEP, ERR_DUPLICATE_KEY (f->path names the key), ERR_REQUEST_TOO_LARGE
 * (the arena is full); f->offset is the byte where it went wrong. Inputs of 4 GiB
 * and more are ERR_REQUEST_TOO_LARGE. */
enum err json_parse(struct arena *a, struct str input, unsigned max_depth, struct json **out,
                    struct fail *f) MUST_CHECK;

/* What is known of values that were read before: equal bytes are the same value, so
 * their tree need not be built again. Asked at most once for each input, for the
 * object under `key` in the outermost object. */
struct json_known {
    struct str key;
    /* The tree of this object, read with at most max_depth open brackets and living as
     * long as the new tree; or NULL. */
    const struct json *(*find)(struct json_known *k, struct str object, unsigned max_depth);
    /* The same for an object that `rest` begins with and whose end nobody looked for yet:
     * one that is likely, compared byte by byte. Sets *bytes. May be NULL. */
    const struct json *(*guess)(struct json_known *k, struct str rest, unsigned max_depth,
                                size_t *bytes);
    struct str text;          /* set: the bytes of that object, if it was looked for */
    const struct json *found; /* set: what `find` gave */
};

/* Bytes of the object at the start of text, if it is well-formed; 0 if it does not end
 * in text. */
size_t json_object_bytes(struct str text);

struct json_opts {
    unsigned max_depth;
    struct json_known *known; /* may be NULL */
};

/* json_parse with more to say. The member that was found has the children of
 * known->found, whose offsets count from the object's own first byte. */
enum err json_parse_with(struct arena *a, struct str input, const struct json_opts *opts,
                         struct json **out, struct fail *f) MUST_CHECK;

/* The text of a string or number; empty for other kinds. */
struct str json_text(const struct json *j);
struct str json_key(const struct json *j);
/* The member with this key, or NULL. Linear; objects of requests are small. */
const struct json *json_get(const struct json *object, const char *key);
/* Whether j is a string with just this text. j may be NULL. */
bool json_is(const struct json *j, const char *text);
/* Whether text is a number as JSON writes them, and nothing else. */
bool json_is_number(struct str text);
/* Reads an integer that fits 64 bits. */
bool json_i64(const struct json *j, int64_t *out);
/* A word for error texts: "an object", "a string". */
const char *json_kind_name(const struct json *j);
/* Bytes of input that j spans, for a tree just parsed from `input`. */
struct str json_source(const struct json *j, struct str input);

/* Appends j as JSON text without white space. Recurses as deep as j is. */
void json_write(struct buf *b, const struct json *j);
/* Appends the JSON value that `text` holds without the white space between its
 * tokens, which are copied as they are. false if it is not well-formed (or nested
 * deeper than 1,024): b is as before. Duplicate keys are let pass. */
bool json_compact(struct buf *b, struct str text) MUST_CHECK;

/* A JSON Pointer (RFC 6901) built while walking down: a linked list on the
 * stack, written out only when there is an error. */
struct json_path {
    const struct json_path *up; /* NULL at the root */
    struct str key;             /* used when ptr is not NULL */
    uint32_t index;             /* else this */
};

/* Writes the pointer ("/query/where/2") into out, cut to fit, with a NUL.
 * Returns its length. */
size_t json_path_write(const struct json_path *p, char *out, size_t out_bytes);

#endif
