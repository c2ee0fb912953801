/* SPDX-License-Identifier: MIT */
#include "schema/catalog.h"
