/* SPDX-License-Identifier: MIT */
typedef int backend_pg_is_not_written_yet;
