/* SPDX-License-Identifier: MIT */
#include "stats/stats.h"
