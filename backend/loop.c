/* SPDX-License-Identifier: MIT */
#include "backend/loop.h"
