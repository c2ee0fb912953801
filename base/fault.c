/* SPDX-License-Identifier: MIT
 *
 * base/fault.c: sleeps at random; in builds for tests alone.
 */
#include "base/fault.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/str.h"

#include <stdlib.h>
#include <time.h>

#define ONE_IN 8

/* The milliseconds behind `point=`; 0 if it is not among the settings. */
static unsigned long most_ms(const char *settings, const char *point)
{
    size_t len = strlen(point);
    while (settings != NULL && *settings != '\0') {
        if (strncmp(settings, point, len) == 0 && settings[len] == '=') {
            return strtoul(settings + len + 1, NULL, 10);
        }
        settings = strchr(settings, ',');
        settings += settings != NULL;
    }
    return 0;
}

void fault_pause(const char *point)
{
    unsigned long ms = most_ms(getenv("TRIBIKOS_FAULTS"), point);
    if (ms == 0) {
        return;
    }
    uint64_t now = clock_now_ns(); /* as random as is needed, and no state */
    uint64_t random = hash_bytes((struct str){(const char *)&now, sizeof now}, 0);
    if (random % ONE_IN != 0) {
        return;
    }
    uint64_t us = random / ONE_IN % (ms * 1000);
    struct timespec t = {.tv_sec = (time_t)(us / 1000000),
                         .tv_nsec = (long)(us % 1000000) * 1000};
    nanosleep(&t, NULL);
}
