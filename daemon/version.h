/* SPDX-License-Identifier: MIT
 *
 * daemon/version.h: the version of this server; the same as in meson.build
 * (checked by the tests).
 */
#ifndef DAEMON_VERSION_H
#define DAEMON_VERSION_H

#define TRIBIKOS_VERSION "0.1.0"

#endif
