/* SPDX-License-Identifier: MIT
 *
 * base/fault.h: places where a build for tests stands still for a moment, so that what
 * can happen in between does.
 *
 * Only with meson's option `faults`; else there is nothing of it in the program. The
 * environment says where and for how long: TRIBIKOS_FAULTS="fill=50,lower=20" lets one in
 * eight threads that come to FAULT(fill) sleep for 0 to 50 ms, at random.
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#ifdef WITH_FAULTS
void fault_pause(const char *point);
#define FAULT(point) fault_pause(#point)
#else
#define FAULT(point) ((void)0)
#endif

#endif
