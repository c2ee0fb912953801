/* SPDX-License-Identifier: MIT
 *
 * conf/url.h: database URLs with placeholders in them.
 */
#ifndef CONF_URL_H
#define CONF_URL_H

#include "conf/conf.h"
#include "conf/secrets.h"

/* As conf_url_parse; relative ${file:…} paths begin at s->folder. Results live in
 * s->arena. Placeholders are put in after the URL is taken apart, so their values
 * may hold any character; a URL that is nothing but one placeholder is the URL
 * found there. Messages and `masked` never show a password or a value that was
 * put in. */
enum err url_parse(const struct secrets *s, struct str text, struct conf_url *out,
                   struct fail *f) MUST_CHECK;

/* "postgresql", "mariadb", "sqlite" */
const char *url_scheme_name(enum conf_scheme scheme);

#endif
