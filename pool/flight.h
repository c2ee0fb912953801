/* SPDX-License-Identifier: MIT
 *
 * pool/flight.h: one statement under way on a lane, for one read or for several that were
 * fused. A part of the pool; loop thread.
 */
#ifndef POOL_FLIGHT_H
#define POOL_FLIGHT_H

#include "pool/lanes.h"

/* Sends the reads that wait, as far as there is room for one group. false: it took none. */
bool flight_send_group(struct lane *a);
/* f's reads wait again, ahead of all others. */
void flight_send_again(struct flight *f, enum shared_how how);
/* s, one of several fused reads, ends as cancelled; the others still want the rows. */
void flight_part(struct shared_run *s);
/* Takes f off its lane; it has no reads any more. */
void flight_free(struct flight *f);

#endif
