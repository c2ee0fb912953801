/* SPDX-License-Identifier: MIT */
#include "conf/conf.h"
