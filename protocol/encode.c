/* SPDX-License-Identifier: MIT */
#include "protocol/encode.h"
