/* SPDX-License-Identifier: MIT
 *
 * daemon/quick.h: a request's line taken apart without reading it, so that its answer is
 * found in the result cache by the line's bytes.
 *
 * The `id` of a request differs from one to the next, all else often does not. What is
 * left without the id, behind the settings of its connection that its meaning depends on,
 * is the name by which the answer of an earlier such line is found (region_find_line).
 * Nothing is believed of these bytes: they are equal to those of a line that was read and
 * served, or they are not. Worker thread.
 */
#ifndef DAEMON_QUICK_H
#define DAEMON_QUICK_H

#include "base/buf.h"
#include "base/str.h"
#include "protocol/message.h"

#include <stdbool.h>

struct conn;
struct req;
struct worker;

#define QUICK_LINE_MAX 4096 /* longer lines are read */

/* Of a line: its id, if it has one, and what is left. Borrowed from the line. */
struct quick_line {
    struct request_id id;
    struct str rest; /* what stands before or behind the id and its comma */
    bool id_last;    /* … before it: then the brace at the end is no part of `rest` */
    bool asks; /* the word of who wants an answer kept stands in it (quick_answer's own) */
};

/* Takes a line apart whose first or last key is `id`, or that seems to have none (who keeps
 * an answer under its name must know that it has none). false: it is another line, or
 * longer than QUICK_LINE_MAX.
 * ABNF: line = "{" ws [ id "," ws ] rest / "{" rest "," ws id "}"
 *       id = %s"\"id\"" ws ":" ws ( digits / string ) ws
 *       digits = "0" / ( %x31-39 *17DIGIT )
 *       string = DQUOTE 1*64( %x20-21 / %x23-5B / %x5D-7E ) DQUOTE */
bool quick_split(struct str line, struct quick_line *out);

/* Answers a line of c whose turn it is into c->out, if its answer is kept under its name;
 * false: nothing was done, and it is to be read. */
bool quick_answer(struct conn *c, struct str line);
/* Counts what was answered so since the last call: once for all lines that were read
 * together. */
void quick_count(struct worker *w);
/* The name under which r's answer can be found again, written into `out` and borrowed from it;
 * empty if it cannot, or if there is no memory. Only for what may get as old as its region
 * allows: quick_answer asks for no less. */
struct str quick_name(const struct req *r, struct buf *out);

#endif
