/* The device models in virtual time: submit(op, offset, length, t) -> t_done, plus the state that a device has.
 *
 * All of a device's state lives in one block of memory that the caller gives, and refers to itself by offsets, never by
 * pointers: several processes can map the block at different addresses. Nothing here allocates memory for a device,
 * waits, locks or reads a clock; a caller with several threads serialises its calls. Times are in ns, sizes and offsets
 * in bytes. Calls come in nearly rising order of t; a model serves them in the order in which they come.
 */
#ifndef STORBENCH_CORE_H
#define STORBENCH_CORE_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

enum sb_op { SB_READ = 0, SB_WRITE = 1, SB_TRIM = 2, SB_FLUSH = 3, SB_OPS = 4 };

/* One parameter: its place in its owner's struct (every member is a double), its unit, its bounds, and its meaning.
 * Units: "ns", "B", "B/s", "J/B" (energy per byte), "J", "W", "1" (a count or a share). */
typedef struct sb_field {
    const char *name;
    size_t offset;
    const char *unit;
    double least, most, initial; /* initial NAN: it must be set */
    const char *meaning;
} sb_field;

typedef struct sb_counter_name {
    const char *name;
    const char *unit;
    const char *meaning;
    int state; /* 1: a state, such as wear; 0: a total, of which a difference is what happened in between */
} sb_counter_name;

/* A kind of device. `parameters` is the kind's own struct of doubles, filled by the names in `fields`. */
typedef struct sb_kind {
    const char *name;
    const char *summary;
    const sb_field *fields; /* ends with a NULL name */
    size_t parameters_size;
    /* 0 where all is well; otherwise write the reason into `error` and return -1. */
    int (*check)(const void *parameters, char *error, size_t error_size);
    /* Bytes of state. */
    size_t (*size)(const void *parameters);
    /* Make it fresh out of the box. `memory` is zeroed and aligned to 64 bytes. */
    void (*init)(void *memory, const void *parameters);
    /* Bytes that a host can address. */
    uint64_t (*capacity)(const void *memory);
    /* Give the time at which the device has answered. offset + length lie inside the capacity. */
    uint64_t (*submit)(void *memory, int op, uint64_t offset, uint64_t length, uint64_t t);
    const sb_counter_name *counters; /* ends with a NULL name */
    /* Give one value for each of `counters`: totals since init, or states. */
    void (*read)(const void *memory, double *values);
    /* Purge: everything is trimmed and every buffer empty; wear stays. */
    void (*reset)(void *memory);
    /* May be NULL. Bring near what an operation at `offset` will touch: first with stage 0, some calls later with 1. */
    void (*prefetch)(const void *memory, uint64_t offset, int stage);
} sb_kind;

extern const sb_kind sb_flash, sb_pcm;

/* --- What the front ends call (core.c) --- */

typedef struct sb_config sb_config;

/* The i-th kind of device and what it is; NULL after the last. */
const char *sb_kind_name(int i, const char **summary);

sb_config *sb_config_new(const char *kind); /* NULL: no such kind, or no memory */
void sb_config_free(sb_config *config);
/* 0; -1 no such parameter; -2 out of its bounds. Parameters "link_..." belong to the link in front of every kind,
 * "defect_throttle_..." to the throttling that can be planted in each. */
int sb_config_set(sb_config *config, const char *name, double value);
/* 0, or -1 with the reason: a parameter that was not set, or some that contradict one another. */
int sb_config_check(const sb_config *config, char *error, size_t error_size);
/* The i-th parameter; 0, or -1 after the last. */
int sb_config_field(const sb_config *config, int i, sb_field *field);

/* The block of memory: a header, the link, the model. `memory` is zeroed and aligned to 64 bytes. */
size_t sb_size(const sb_config *config);
void sb_init(void *memory, const sb_config *config);
uint64_t sb_capacity(const void *memory);
uint64_t sb_submit(void *memory, int op, uint64_t offset, uint64_t length, uint64_t t);
void sb_reset(void *memory);
void sb_prefetch(const void *memory, uint64_t offset, int stage);
/* The i-th counter and its value; 0, or -1 after the last. */
int sb_counter(const void *memory, int i, sb_counter_name *name, double *value);

/* --- Small pieces that the models share --- */

/* A generator with its whole state in one word (Steele, Lea, Flood: Fast splittable pseudorandom number generators,
 * OOPSLA 2014; the finalizer is Stafford's variant 13). */
static inline uint64_t sb_random(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Uniform in [0, 1). */
static inline double sb_random_unit(uint64_t *state) { return (double)(sb_random(state) >> 11) * 0x1p-53; }

/* Exponentially distributed with mean 1. */
static inline double sb_random_exponential(uint64_t *state) { return -log1p(-sb_random_unit(state)); }

static inline uint64_t sb_common_factor(uint64_t a, uint64_t b) {
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* About n over the golden ratio, without a common factor with n: k * stride mod n is a permutation of 0 … n-1 that puts
 * neighbours far from one another. */
static inline uint64_t sb_scattering_stride(uint64_t n) {
    uint64_t stride = (uint64_t)((double)n * 0.6180339887498949) | 1;
    while (sb_common_factor(n, stride) != 1)
        stride++;
    return stride;
}

static inline uint64_t sb_scattered(uint64_t k, uint64_t stride, uint64_t n) {
    return (uint64_t)((unsigned __int128)k * stride % n);
}

static inline uint64_t sb_later(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* The time by which a device that gives only a share of its throughput (a planted defect) leaves its resources idle
 * after each use: latencies stay, and what can be done in a second does not. 0 for a sound device. */
static inline double sb_recovery(double throughput) { return 1 / throughput - 1; }

static inline size_t sb_aligned(size_t size) { return (size + 63) & ~(size_t)63; }

/* A resource that serves one after the other, seen as a backlog: work that arrives at t and takes `duration` ends here.
 * Work that must first wait elsewhere does not hold up what could pass meanwhile. */
static inline uint64_t sb_backlog(uint64_t *free_at, uint64_t t, uint64_t duration) {
    *free_at = sb_later(*free_at, t) + duration;
    return *free_at;
}

#endif
