/* SPDX-License-Identifier: MIT
 *
 * base/json.c: see base/json.h. Placeholder until the parser lands.
 */
#include "base/json.h"
