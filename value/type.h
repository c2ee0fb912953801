/* SPDX-License-Identifier: MIT
 *
 * value/type.h: the types that the language knows.
 *
 * A struct type is plain data; the texts it points to belong to whoever holds
 * it (a catalog, an arena). Any thread. docs/PROTOCOL.md "Types on the wire".
 */
#ifndef VALUE_TYPE_H
#define VALUE_TYPE_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum type_kind {
    TYPE_UNKNOWN, /* of a bare null, or of a param before it is resolved */
    TYPE_BOOLEAN,
    TYPE_SMALLINT,
    TYPE_INTEGER,
    TYPE_BIGINT,
    TYPE_NUMERIC,
    TYPE_REAL,
    TYPE_DOUBLE,
    TYPE_TEXT,
    TYPE_VARCHAR,
    TYPE_CHAR,
    TYPE_ENUM,
    TYPE_UUID,
    TYPE_BYTES,
    TYPE_DATE,
    TYPE_TIME,
    TYPE_TIMESTAMP,
    TYPE_TIMESTAMPTZ,
    TYPE_INTERVAL,
    TYPE_JSON,
    TYPE_ARRAY,  /* PostgreSQL; `element` says of what */
    TYPE_OPAQUE, /* any type we do not know: readable as text, not writable */
};
#define TYPE_COUNT ((int)TYPE_OPAQUE + 1)

/* Groups within which values compare without a cast. */
enum type_family {
    FAMILY_UNKNOWN,
    FAMILY_BOOLEAN,
    FAMILY_NUMBER,
    FAMILY_TEXT, /* text varchar char enum */
    FAMILY_UUID,
    FAMILY_BYTES,
    FAMILY_DATE, /* date timestamp timestamptz */
    FAMILY_TIME,
    FAMILY_INTERVAL,
    FAMILY_JSON,
    FAMILY_ARRAY,
    FAMILY_OPAQUE,
};

struct type {
    enum type_kind kind;
    enum type_kind element; /* of an array */
    int32_t length;         /* varchar, char: characters; -1 not bounded */
    int16_t precision;      /* numeric: digits; -1 not bounded */
    int16_t scale;          /* numeric: digits behind the point; -1 not fixed */
    uint32_t native;        /* PostgreSQL: type OID; else 0 */
    struct str name;        /* the database's own name, where it matters (enum, opaque) */
};

/* The kind's name on the wire: "integer", "timestamptz". Never NULL. */
const char *type_kind_name(enum type_kind k);
enum type_family type_family(enum type_kind k);
/* A type of this kind without bounds. */
struct type type_of(enum type_kind k);
bool type_is_integer(enum type_kind k);
/* Whether an integer type holds 64 bits: bigint, and SQLite's INTEGER, which its
 * catalog tells by a precision of 19. */
bool type_holds_64_bits(const struct type *t);
/* Reads a type of the language: "integer", "numeric(12,2)", "varchar(50)"; case
 * is ignored. false if there is none of that name or the bounds are wrong. */
bool type_parse(struct str text, struct type *out);

#endif
