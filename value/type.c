/* SPDX-License-Identifier: MIT */
#include "value/type.h"
