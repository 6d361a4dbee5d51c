/* The shared device: its file, its lock, its clock, its statistics. Waiting is in wait.c. */
#define _GNU_SOURCE
#include "shared.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "histogram.h"
#include "shared_layout.h"

#define LOAD(place) __atomic_load_n(&(place), __ATOMIC_RELAXED)
#define STORE(place, value) __atomic_store_n(&(place), (value), __ATOMIC_RELAXED)
#define ADD(place, value) ((void)__atomic_fetch_add(&(place), (value), __ATOMIC_RELAXED))

static const uint64_t MAGIC = UINT64_C(0x0031757265626473); /* "sdberu1" */
enum { VERSION = 1, BOUNDARY = 4096 };

static inline size_t front_size(void) { return (sizeof(sb_shared) + BOUNDARY - 1) & ~(size_t)(BOUNDARY - 1); }
static inline void *device_of(sb_shared *shared) { return (char *)shared + front_size(); }

size_t sb_shared_size(const sb_config *config) { return front_size() + sb_size(config); }

/* A robust mutex, because the kernel then tells the next one that the owner has died, even where the owner's number has
 * been given to another process since, or belongs to another namespace. */
static void init_lock(pthread_mutex_t *lock) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

void sb_shared_init(void *memory, const sb_config *config) {
    sb_shared *shared = memory;
    shared->version = VERSION;
    shared->front = (uint32_t)front_size();
    shared->size = sb_shared_size(config);
    shared->mode = SB_WAIT;
    init_lock(&shared->lock);
    sb_init(device_of(shared), config);
    sb_shared_set_time(shared, 0);
    __atomic_store_n(&shared->magic, MAGIC, __ATOMIC_RELEASE);
}

static sb_shared *map(int file, char *error, size_t error_size) {
    struct stat status;
    if (fstat(file, &status)) {
        snprintf(error, error_size, "%s", strerror(errno));
        return NULL;
    }
    size_t size = (size_t)status.st_size;
    if (!S_ISREG(status.st_mode) || size < front_size()) {
        snprintf(error, error_size, "it is not a device's state");
        return NULL;
    }
    /* Everything is brought in now: a page fault later would make an I/O late. */
    sb_shared *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, file, 0);
    if (shared == MAP_FAILED) {
        snprintf(error, error_size, "%s", strerror(errno));
        return NULL;
    }
    const char *problem = NULL;
    if (__atomic_load_n(&shared->magic, __ATOMIC_ACQUIRE) != MAGIC)
        problem = "it is not a device's state";
    else if (shared->version != VERSION || shared->front != front_size())
        problem = "it is the state of another version's device";
    else if (shared->size != size)
        problem = "it is not complete";
    if (!problem)
        return shared;
    snprintf(error, error_size, "%s", problem);
    munmap(shared, size);
    return NULL;
}

sb_shared *sb_shared_map(const char *path, char *error, size_t error_size) {
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0) {
        snprintf(error, error_size, "%s", strerror(errno));
        return NULL;
    }
    sb_shared *shared = map(file, error, error_size);
    close(file);
    return shared;
}

void sb_shared_unmap(sb_shared *shared) { munmap(shared, shared->size); }

void *sb_shared_device(sb_shared *shared) { return device_of(shared); }
uint64_t sb_shared_capacity(const sb_shared *shared) { return sb_capacity((const char *)shared + front_size()); }
void sb_shared_set_mode(sb_shared *shared, int mode) { STORE(shared->mode, mode); }
uint64_t sb_shared_deaths(const sb_shared *shared) { return LOAD(shared->deaths); }
uint64_t sb_shared_time(const sb_shared *shared) { return LOAD(shared->latest); }

/* The lock is held for less than a microsecond, so that spinning is right; sleeping for it would cost fifty. Who finds
 * it taken for long gives way, since its owner may need this very processor. */
void sb_shared_lock(sb_shared *shared) {
    for (unsigned tries = 0;; tries++) {
        int status = pthread_mutex_trylock(&shared->lock);
        if (status == 0)
            return;
        if (status == EOWNERDEAD) {
            pthread_mutex_consistent(&shared->lock);
            ADD(shared->deaths, 1);
            return;
        }
        sb_pause(tries);
    }
}

void sb_shared_unlock(sb_shared *shared) { pthread_mutex_unlock(&shared->lock); }

void sb_shared_set_time(sb_shared *shared, uint64_t model_time) {
    sb_shared_lock(shared);
    shared->ahead = model_time - sb_shared_now(); /* modulo 2^64, as are the sums with it */
    STORE(shared->latest, model_time);
    sb_shared_unlock(shared);
}

uint64_t sb_shared_submit(sb_shared *shared, int op, uint64_t offset, uint64_t length, uint64_t t) {
    sb_shared_lock(shared);
    uint64_t ahead = shared->ahead;
    uint64_t done = sb_submit(device_of(shared), op, offset, length, t + ahead);
    STORE(shared->latest, sb_later(shared->latest, done));
    sb_shared_unlock(shared);
    return LOAD(shared->mode) == SB_FLOOR ? t : done - ahead;
}

static void raise_to(uint64_t *most, uint64_t value) {
    uint64_t seen = LOAD(*most);
    while (value > seen && !__atomic_compare_exchange_n(most, &seen, value, 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}

void sb_shared_done(sb_shared *shared, int op, uint64_t t_submit, uint64_t t_done, uint64_t t_return) {
    sb_statistics *statistics = &shared->statistics[op];
    uint64_t latency = t_done > t_submit ? t_done - t_submit : 0;
    uint64_t error = t_return > t_done ? t_return - t_done : 0;
    uint64_t tolerated = sb_later(2000, latency / 20);
    ADD(statistics->count, 1);
    ADD(statistics->latency[sb_bin(latency)], 1);
    ADD(statistics->latency_sum, latency);
    raise_to(&statistics->latency_max, latency);
    ADD(statistics->error[sb_bin(error)], 1);
    ADD(statistics->error_sum, error);
    raise_to(&statistics->error_max, error);
    if (error > tolerated)
        ADD(statistics->late, 1);
}

void sb_shared_statistics(const sb_shared *shared, int op, sb_statistics *statistics) {
    const uint64_t *from = (const uint64_t *)&shared->statistics[op];
    uint64_t *to = (uint64_t *)statistics;
    for (size_t i = 0; i < sizeof *statistics / sizeof *to; i++)
        to[i] = LOAD(from[i]);
}

void sb_shared_statistics_reset(sb_shared *shared) {
    uint64_t *words = (uint64_t *)shared->statistics;
    for (size_t i = 0; i < SB_OPS * (sizeof(sb_statistics) / sizeof *words); i++)
        STORE(words[i], 0);
}
