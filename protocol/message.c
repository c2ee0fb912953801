/* SPDX-License-Identifier: MIT */
#include "protocol/message.h"
