/* SPDX-License-Identifier: MIT
 *
 * conf_rig.h: confs from texts, for the tests of conf/.
 */
#ifndef TESTS_CONF_RIG_H
#define TESTS_CONF_RIG_H

#include "conf/conf.h"

/* The errors of a text as one C string, the caller's to free; *c gets the conf. */
char *rig_parse(const char *text, struct conf **c);
/* There are no errors. */
struct conf *rig_must_parse(const char *text);
/* Parses it until no allocation is left to fail; each that does is an error, and no more. */
void rig_fail_each_allocation(struct str text);

#endif
