/* SPDX-License-Identifier: MIT */
#include "daemon/counts.h"
