/* SPDX-License-Identifier: MIT */
typedef int backend_fake_is_not_written_yet;
