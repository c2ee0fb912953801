/* SPDX-License-Identifier: MIT
 *
 * base/clock.h: time. Any thread.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t clock_now_ns(void);
/* CLOCK_REALTIME in microseconds since 1970. */
int64_t clock_wall_us(void);
/* Writes UTC as 2026-01-31T12:00:00.123Z with a NUL; out must hold 25 bytes. */
void clock_format(int64_t wall_us, char out[25]);

#endif
