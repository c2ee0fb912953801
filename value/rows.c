/* SPDX-License-Identifier: MIT */
#include "value/rows.h"
