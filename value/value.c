/* SPDX-License-Identifier: MIT */
#include "value/value.h"
