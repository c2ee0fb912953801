/* SPDX-License-Identifier: MIT
 *
 * bench/cache_speed.c: processor time of a hit in one region of the result cache, with
 * one thread and with several of them hammering it.
 *
 *   cache_speed ENTRIES SECONDS_EACH ROUNDS
 *
 * A hit is what the daemon does: entering, finding by the request's bytes, taking the
 * reply, leaving. Keys: sixteen hot ones, or all by Zipf's law; with a thread that fills
 * (and evicts) beside, or without. One JSON line for each. One and two threads take turns
 * in many short rounds; of each the times of the best quarter count, so that what else the
 * machine does is not measured.
 */
#include "base/hash.h"
#include "cache/epoch.h"
#include "cache/region.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define READERS 2
#define BODY_BYTES 120
#define SEED 42
#define TRACE (1u << 16)
#define BATCH 1024
#define ROUNDS_MAX 64

enum part { HOT, ZIPF };

struct bench {
    struct versions *versions;
    struct epoch *epoch;
    struct region *region;
    uint32_t entries;
    struct str *lines;               /* of all entries */
    uint32_t traces[READERS][TRACE]; /* which is asked for next */
    atomic_int stop;
    atomic_uint going; /* threads that have done a batch */
};

struct worker {
    alignas(EPOCH_LINE) struct bench *bench;
    unsigned number;
    uint64_t hits, misses, bytes, cpu_ns;
};

static void *must(void *p)
{
    if (p == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(2);
    }
    return p;
}

static uint64_t next_random(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t cpu_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- filling ---- */

/* As of a read of one table. */
static void stamp(const struct bench *b, struct stamp *out)
{
    struct slot_set depends = {.count = 2, .slots = {1, 2}};
    if (!versions_stamp(b->versions, &depends, out)) {
        exit(2);
    }
}

static void put(struct bench *b, uint32_t n, struct str line)
{
    char key[128], body[BODY_BYTES];
    struct str bytes = {
        key, (size_t)snprintf(key, sizeof key,
                              "main 1 select id, name from things where id = %u", n)};
    memset(body, 'x', sizeof body);
    struct region_fill fill = {.key = {bytes, hash_bytes(bytes, SEED)},
                               .line = line,
                               .body = {body, sizeof body},
                               .read_ns = 1,
                               .expires_ns = UINT64_MAX,
                               .soft_ns = UINT64_MAX};
    stamp(b, &fill.stamp);
    region_put(b->region, &fill, 1);
}

static struct str line_of(uint32_t n)
{
    char text[128];
    int len = snprintf(text, sizeof text,
                       "{\"query\":{\"select\":[\"id\",\"name\"],\"from\":\"things\",\"where\":"
                       "[\"=\",\"id\",%u]},\"cache\":\"main\"}",
                       n);
    return (struct str){must(strndup(text, (size_t)len)), (size_t)len};
}

static void draw_trace(struct bench *b, enum part part, unsigned reader)
{
    uint64_t random = SEED + reader;
    double *sums = must(calloc(b->entries, sizeof *sums)), sum = 0;
    for (uint32_t i = 0; i < b->entries; i++) {
        sums[i] = sum += pow(i + 1.0, -0.99);
    }
    for (uint32_t i = 0; i < TRACE; i++) {
        double at = (double)(next_random(&random) >> 11) / (double)(UINT64_C(1) << 53) * sum;
        uint32_t low = 0, high = b->entries - 1;
        while (low < high) {
            uint32_t middle = (low + high) / 2;
            *(sums[middle] < at ? &low : &high) = sums[middle] < at ? middle + 1 : middle;
        }
        b->traces[reader][i] = part == ZIPF ? low : (uint32_t)(next_random(&random) % 16);
    }
    free(sums);
}

static struct bench *bench_create(uint32_t entries)
{
    struct bench *b = must(calloc(1, sizeof *b));
    b->versions = must(versions_create());
    b->epoch = must(epoch_create(READERS));
    b->entries = entries;
    struct region_opts opts = {.name = STR("bench"),
                               .max_bytes = (size_t)entries * 1024,
                               .max_entry_bytes = 4096,
                               .seed = SEED,
                               .versions = b->versions,
                               .epoch = b->epoch};
    b->region = must(region_create(&opts));
    b->lines = must(calloc(entries, sizeof *b->lines));
    for (uint32_t i = 0; i < entries; i++) {
        b->lines[i] = line_of(i);
    }
    return b;
}

static void bench_fill(struct bench *b)
{
    region_clear(b->region);
    for (uint32_t i = 0; i < b->entries; i++) {
        put(b, i, b->lines[i]);
    }
}

static void bench_destroy(struct bench *b)
{
    for (uint32_t i = 0; i < b->entries; i++) {
        free((char *)(uintptr_t)b->lines[i].ptr);
    }
    free(b->lines);
    region_destroy(b->region);
    epoch_destroy(b->epoch);
    versions_destroy(b->versions);
    free(b);
}

/* ---- hammering ---- */

static void hit(struct worker *me, struct str line)
{
    struct region *r = me->bench->region;
    region_enter(r, me->number);
    struct region_found found = region_find_line(r, me->number, line, 2);
    if (found.verdict == REGION_HIT) {
        char reply[BODY_BYTES];
        memcpy(reply, found.body.ptr, found.body.len);
        me->bytes += (unsigned char)reply[me->hits % BODY_BYTES];
        me->hits++;
    } else {
        me->misses++;
    }
    region_leave(r, me->number);
}

static void *hammer(void *arg)
{
    struct worker *me = arg;
    struct bench *b = me->bench;
    const uint32_t *trace = b->traces[me->number];
    uint64_t from = cpu_now_ns();
    for (uint32_t i = 0; atomic_load_explicit(&b->stop, memory_order_relaxed) == 0;
         i += BATCH) {
        for (uint32_t k = 0; k < BATCH; k++) {
            hit(me, b->lines[trace[(i + k) % TRACE]]);
        }
        if (i == 0) {
            atomic_fetch_add(&b->going, 1);
        }
    }
    me->cpu_ns = cpu_now_ns() - from;
    return NULL;
}

/* Strangers all the time, 20,000 a second: more than a busy daemon's misses. */
static void *fill_beside(void *arg)
{
    struct bench *b = arg;
    uint32_t n = 1u << 30;
    while (atomic_load(&b->stop) == 0) {
        struct timespec nap = {.tv_nsec = 1000000};
        for (int i = 0; i < 20; i++) {
            put(b, n++, STR(""));
        }
        nanosleep(&nap, NULL);
    }
    return NULL;
}

struct timing {
    double ns;     /* processor time of a hit */
    double missed; /* part of the lookups */
};

static struct timing run(struct bench *b, unsigned threads, int filler, double seconds)
{
    struct worker workers[READERS] = {0};
    pthread_t ids[READERS], filling;
    struct timespec nap = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    atomic_store(&b->stop, 0);
    atomic_store(&b->going, 0);
    for (unsigned i = 0; i < threads; i++) {
        workers[i] = (struct worker){.bench = b, .number = i};
        pthread_create(&ids[i], NULL, hammer, &workers[i]);
    }
    if (filler) {
        pthread_create(&filling, NULL, fill_beside, b);
    }
    while (atomic_load(&b->going) < threads) {
        sched_yield();
    }
    nanosleep(&nap, NULL);
    atomic_store(&b->stop, 1);
    if (filler) {
        pthread_join(filling, NULL);
    }
    uint64_t lookups = 0, misses = 0, cpu_ns = 0;
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        lookups += workers[i].hits + workers[i].misses;
        misses += workers[i].misses;
        cpu_ns += workers[i].cpu_ns;
    }
    return (struct timing){(double)cpu_ns / (double)lookups, (double)misses / (double)lookups};
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* A quarter of them is better. */
static double best_quarter(double *a, unsigned count)
{
    qsort(a, count, sizeof *a, by_size);
    return a[count / 4];
}

static void compare(struct bench *b, enum part part, int filler, double seconds,
                    unsigned rounds)
{
    double one[ROUNDS_MAX], two[ROUNDS_MAX], missed = 0;
    bench_fill(b);
    for (unsigned i = 0; i < READERS; i++) {
        draw_trace(b, part, i);
    }
    run(b, READERS, filler, seconds);
    for (unsigned i = 0; i < rounds; i++) {
        struct timing alone = run(b, 1, filler, seconds), both = run(b, 2, filler, seconds);
        one[i] = alone.ns;
        two[i] = both.ns;
        missed += both.missed / rounds;
    }
    double one_ns = best_quarter(one, rounds), two_ns = best_quarter(two, rounds);
    printf("{\"keys\":\"%s\",\"filling\":%d,\"one_ns\":%.1f,\"two_ns\":%.1f,\"ratio\":%.3f,"
           "\"missed\":%.4f}\n",
           part == HOT ? "hot" : "zipf", filler, one_ns, two_ns, two_ns / one_ns, missed);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc != 4 || strtoul(argv[3], NULL, 10) > ROUNDS_MAX) {
        fprintf(stderr, "usage: cache_speed ENTRIES SECONDS_EACH ROUNDS\n");
        return 2;
    }
    struct bench *b = bench_create((uint32_t)strtoul(argv[1], NULL, 10));
    double seconds = strtod(argv[2], NULL);
    unsigned rounds = (unsigned)strtoul(argv[3], NULL, 10);
    for (int filler = 0; filler < 2; filler++) {
        compare(b, HOT, filler, seconds, rounds);
        compare(b, ZIPF, filler, seconds, rounds);
    }
    bench_destroy(b);
    return 0;
}
