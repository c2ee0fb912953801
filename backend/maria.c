/* SPDX-License-Identifier: MIT */
typedef int backend_maria_is_not_written_yet;
