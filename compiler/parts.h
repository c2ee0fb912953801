/* SPDX-License-Identifier: MIT
 *
 * compiler/parts.h: the statements that one write takes.
 */
#ifndef COMPILER_PARTS_H
#define COMPILER_PARTS_H

#include "compiler/write.h"

/* Which columns a statement of a write has. */
enum part_columns {
    COLUMNS_NONE,
    COLUMNS_REPLY, /* the reply's, if it has any */
    COLUMNS_KEY,   /* those of the row key */
    COLUMNS_COUNT, /* the reply's, else one for each row: its rows are counted */
    COLUMNS_TRY,   /* the same, and nobody looks at them */
};

struct part {
    enum write_part what;
    enum step_role role; /* STEP_ROWS: as the reply is */
    enum step_when when;
    enum step_clash clash;
    bool each;
    enum part_columns columns;
};

struct parts {
    const struct part *list;
    uint32_t count;
};

/* NULL: a read. */
struct parts write_parts(const struct write *w);

#endif
