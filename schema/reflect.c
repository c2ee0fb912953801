/* SPDX-License-Identifier: MIT */
#include "schema/reflect.h"
