/* SPDX-License-Identifier: MIT
 *
 * pool/observe.c: which statements may share a connection, by what was seen of them.
 *
 * A row of the last statements, by id; who is pushed out is learned anew. Loop thread.
 */
#include "pool/lanes.h"

static struct observed *observed_of(struct lanes *l, const struct statement *s)
{
    return &l->observed[s->id % OBSERVED];
}

/* Falls at once and rises slowly: a machine that is busy must not look like a slow
 * statement for long. */
static uint64_t blend(uint64_t was, uint64_t now)
{
    return now < was ? now : was + (now - was) / 16;
}

void lanes_learn_ns(struct lanes *l, const struct statement *s, uint64_t ns)
{
    struct observed *o = observed_of(l, s);
    if (o->id != s->id) {
        *o = (struct observed){.id = s->id};
    }
    o->ns = o->count == 0 ? ns : blend(o->ns, ns);
    o->count++;
}

void shared_learn(struct pool *p, const struct statement *s, uint64_t ns, uint64_t bytes)
{
    struct observed *o = observed_of(p->lanes, s);
    if (ns != 0) {
        lanes_learn_ns(p->lanes, s, ns);
    }
    if (o->id == s->id) {
        o->bytes = bytes > o->bytes ? bytes : o->bytes - (o->bytes - bytes) / 16;
    }
}

static bool is_short(const struct lanes *l, const struct statement *s)
{
    const struct observed *o = &l->observed[s->id % OBSERVED];
    return o->id == s->id && o->count > 1 && o->ns < SHORT_NS && o->bytes <= BYTES_MAX;
}

static bool has_few_rows(const struct statement *s, const struct value *params)
{
    if (s->row_bound > 0) {
        return s->row_bound <= ROWS_MAX;
    }
    const struct value *limit = s->limit_param == 0 ? NULL : &params[s->limit_param - 1];
    return limit != NULL && limit->kind == VALUE_INT && limit->num <= ROWS_MAX;
}

bool lanes_may_fuse(const struct pool *p, const struct statement *s)
{
    return p->share->opts.fusion && fuse_may(s);
}

bool shared_takes(const struct pool *p, const struct statement *s, const struct value *params)
{
    if (s->share != SHARE_READ || s->id == 0 || p->state != POOL_RUNS) {
        return false;
    }
    bool way = p->driver->pipeline != NULL ? p->share->opts.pipelining : lanes_may_fuse(p, s);
    return way && has_few_rows(s, params) && is_short(p->lanes, s);
}
