/* SPDX-License-Identifier: MIT */
#include "protocol/frame.h"
