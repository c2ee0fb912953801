/* SPDX-License-Identifier: MIT
 *
 * daemon/regions.c: see daemon/regions.h.
 */
#include "daemon/regions.h"

#include <stdlib.h>

#define FAR_BYTES (UINT64_C(64) << 10) /* memory of a region that is elsewhere */

struct shared_region *region_ref(struct shared_region *r)
{
    atomic_fetch_add(&r->refs, 1);
    return r;
}

void region_unref(struct shared_region *r)
{
    if (r != NULL && atomic_fetch_sub(&r->refs, 1) == 1) {
        region_destroy(r->region);
        free(r->far);
        free(r);
    }
}

/* NULL, for one in memory too; then *ok says whether that is right. */
static struct far_place *place_of(const struct conf_cache *cache,
                                  const struct conf_region *conf, bool *ok)
{
    bool far = conf->backend == CONF_BACKEND_REDIS;
    struct far_place *p = far ? far_place_create(cache, conf) : NULL;
    *ok = !far || p != NULL;
    return p;
}

static enum err create(const struct conf_cache *cache, const struct conf_region *conf,
                       const struct regions_with *with, struct shared_region **out,
                       struct fail *f)
{
    struct shared_region *r = calloc(1, sizeof *r);
    bool placed = false;
    if (r != NULL) {
        r->far = place_of(cache, conf, &placed);
    }
    if (placed) {
        r->region = region_create(&(struct region_opts){
            .name = conf->name,
            .max_bytes = r->far != NULL ? FAR_BYTES : conf->max_bytes,
            .max_entry_bytes = conf->max_entry_bytes,
            .seed = with->seed,
            .versions = with->versions,
            .epoch = with->epoch,
        });
    }
    if (r == NULL || r->region == NULL) {
        if (r != NULL) {
            free(r->far);
        }
        free(r);
        return fail_set(f, ERR_OUT_OF_MEMORY, "no memory for region %.*s of the cache",
                        STR_ARG(conf->name));
    }
    atomic_init(&r->refs, 1);
    r->max_bytes = conf->max_bytes;
    r->max_entry_bytes = conf->max_entry_bytes;
    *out = r;
    return ERR_OK;
}

/* The region of the old settings that can stay as it is, or NULL. */
static struct shared_region *unchanged(const struct settings *old,
                                       const struct conf_cache *cache,
                                       const struct conf_region *conf)
{
    bool placed;
    struct far_place *place = place_of(cache, conf, &placed);
    struct shared_region *found = NULL;
    for (uint32_t i = 0; old != NULL && placed && i < old->region_count; i++) {
        struct shared_region *r = old->regions[i];
        bool moved = (r->far == NULL) != (place == NULL) ||
                     (place != NULL && !far_place_same(r->far, place));
        if (str_eq(region_name(r->region), conf->name) && r->max_bytes == conf->max_bytes &&
            r->max_entry_bytes == conf->max_entry_bytes && !moved) {
            found = r;
        }
    }
    free(place);
    return found;
}

enum err regions_open(struct settings *s, const struct settings *old,
                      const struct regions_with *with, struct fail *f)
{
    const struct conf_cache *c = &settings_conf(s)->cache;
    s->regions = calloc(c->region_count + 1, sizeof(struct shared_region *));
    if (s->regions == NULL) {
        return fail_set(f, ERR_OUT_OF_MEMORY, "out of memory");
    }
    for (uint32_t i = 0; i < c->region_count; i++) {
        struct shared_region *r = unchanged(old, c, &c->regions[i]);
        enum err e = ERR_OK;
        if (r != NULL) {
            region_ref(r);
        } else {
            e = create(c, &c->regions[i], with, &r, f);
        }
        if (e != ERR_OK) {
            return e;
        }
        s->regions[s->region_count++] = r;
    }
    return ERR_OK;
}

int region_number(const struct settings *s, struct str name)
{
    const struct conf_cache *c = &settings_conf(s)->cache;
    for (uint32_t i = 0; i < s->region_count; i++) {
        if (name.len == 0 ? &c->regions[i] == c->by_default
                          : str_eq(c->regions[i].name, name)) {
            return (int)i;
        }
    }
    return -1;
}
