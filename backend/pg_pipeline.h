/* SPDX-License-Identifier: MIT
 *
 * backend/pg_pipeline.h: many runs at a time on one PostgreSQL session: what pg.c and
 * pg_cancel.c need of pg_pipeline.c. Loop thread.
 */
#ifndef BACKEND_PG_PIPELINE_H
#define BACKEND_PG_PIPELINE_H

#include "backend/pg.h"
#include "backend/pipeline.h"

extern const struct pipeline pg_pipeline;
/* Whether no answer is due. */
bool pg_pipe_is_idle(const struct pg_conn *c);
/* Whether it awaits a commit, and no statement. */
bool pg_pipe_commits(const struct pg_conn *c);
/* Takes every result that is whole. */
void pg_pipe_pump(struct pg_conn *c);
/* The session is over: ends every run. */
void pg_pipe_lost(struct pg_conn *c);
void pg_pipe_free(struct pg_pipe *p);

#endif
