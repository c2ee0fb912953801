/* SPDX-License-Identifier: MIT */
typedef int value_encode_is_not_written_yet;
