/* SPDX-License-Identifier: MIT */
#include "pool/pool.h"
