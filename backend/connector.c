/* SPDX-License-Identifier: MIT */
#include "backend/connector.h"
