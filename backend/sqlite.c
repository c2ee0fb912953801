/* SPDX-License-Identifier: MIT */
typedef int backend_sqlite_is_not_written_yet;
