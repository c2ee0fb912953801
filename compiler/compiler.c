/* SPDX-License-Identifier: MIT */
#include "compiler/compiler.h"
