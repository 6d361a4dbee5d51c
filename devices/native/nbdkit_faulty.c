/* An nbdkit plug-in that serves one image and makes the faults that its control block asks for, while it runs.
 *
 *   nbdkit nbdkit_faulty.so file=PATH control=PATH [cache=none|writeback|unsafe|writethrough] [write=0]
 *
 * The control block is described in faulty.h, the volatile cache in faulty_store.c.
 */
#define _GNU_SOURCE
#include "faulty.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL
#define SECTOR 512u

static char *image, *control_path;
static int cache = SB_CACHE_NONE, writable = 1;
static sb_faulty *control;

static int faulty_config(const char *key, const char *value) {
    static const char *const CACHES[] = {"none", "writeback", "unsafe", "writethrough"};
    char **place = !strcmp(key, "file") ? &image : !strcmp(key, "control") ? &control_path : NULL;
    if (place) {
        *place = nbdkit_absolute_path(value);
        return *place ? 0 : -1;
    }
    if (!strcmp(key, "write")) {
        writable = nbdkit_parse_bool(value);
        return writable < 0 ? -1 : 0;
    }
    for (int n = 0; !strcmp(key, "cache") && n < 4; n++)
        if (!strcmp(value, CACHES[n])) {
            cache = n;
            return 0;
        }
    nbdkit_error("unknown parameter %s=%s", key, value);
    return -1;
}

static int faulty_config_complete(void) {
    if (image && control_path)
        return 0;
    nbdkit_error("file= and control= must both be given");
    return -1;
}

static int map_control(void) {
    struct stat status;
    int file = open(control_path, O_RDWR | O_CLOEXEC);
    if (file < 0)
        return errno;
    int error = fstat(file, &status) ? errno : (size_t)status.st_size < sizeof *control ? EINVAL : 0;
    void *memory = error ? MAP_FAILED : mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (!error && memory == MAP_FAILED)
        error = errno;
    close(file);
    if (error)
        return error;
    control = memory;
    return control->magic == SB_FAULTY_MAGIC && control->version == SB_FAULTY_VERSION && control->rules == SB_RULES
               ? 0
               : EINVAL;
}

/* Before clients come, so that what is wrong is seen. */
static int faulty_get_ready(void) {
    int error = map_control();
    if (error) {
        nbdkit_error("%s is no control block: %s", control_path, strerror(error));
        return -1;
    }
    __atomic_store_n(&control->unsettled, 0, __ATOMIC_RELAXED); /* What an earlier server had not written is gone. */
    error = sb_store_open(image, writable, cache, control);
    if (error) {
        nbdkit_error("%s: %s", image, strerror(error));
        return -1;
    }
    return 0;
}

/* In the foreground nbdkit asks to be ended with the thread that started it. Whoever heals a fault starts a server, and
 * that may be a thread that ends long before the run; the guardian of common/processes.py looks after the server. */
static int faulty_after_fork(void) {
    return prctl(PR_SET_PDEATHSIG, 0);
}

static void faulty_unload(void) {
    sb_store_close();
    if (control)
        munmap(control, sizeof *control);
    free(image);
    free(control_path);
}

static void *faulty_open(int read_only) {
    (void)read_only;
    return NBDKIT_HANDLE_NOT_NEEDED;
}

static int64_t faulty_get_size(void *handle) {
    (void)handle;
    return (int64_t)control->capacity;
}

static int yes(void *handle) {
    (void)handle;
    return 1;
}

static int is_writable(void *handle) {
    (void)handle;
    return writable;
}

static int native_fua(void *handle) {
    (void)handle;
    return NBDKIT_FUA_NATIVE;
}

/* ---- A request -------------------------------------------------------------------------------------------------- */

static sb_rule *rule(int kind) {
    return &control->rule[kind];
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Hold a request back; a fault that is healed meanwhile lets it go. */
static void hold(int operation, uint64_t offset, uint64_t length) {
    const uint64_t LONGEST = 50000000;
    sb_rule *slow = rule(SB_SLOW);
    if (!sb_rule_meets(slow, operation, offset, length))
        return;
    uint64_t begun = now(), delay = sb_rule_delay(slow, begun);
    if (!delay || !sb_rule_takes(slow))
        return;
    sb_rule_count(slow);
    for (uint64_t spent; (spent = now() - begun) < delay && sb_rule_meets(slow, operation, offset, length);) {
        uint64_t piece = delay - spent < LONGEST ? delay - spent : LONGEST;
        if (nbdkit_nanosleep(0, (unsigned)piece))
            return;
    }
}

/* Count a request, hold it back, and say which error it gets before anything is done. */
static int begin(int operation, uint64_t offset, uint64_t length) {
    static const int ERRORS[] = {SB_ERROR, SB_WRONG_ERRNO, SB_UNCONFINED_ERROR, SB_READ_ONLY};
    __atomic_add_fetch(&control->requests[operation], 1, __ATOMIC_RELAXED);
    hold(operation, offset, length);
    for (size_t n = 0; n < sizeof ERRORS / sizeof *ERRORS; n++)
        if (sb_rule_hits(rule(ERRORS[n]), operation, offset, length))
            return (int)__atomic_load_n(&rule(ERRORS[n])->error, __ATOMIC_RELAXED);
    if (operation != SB_FAULTY_FLUSH && offset + length > __atomic_load_n(&control->medium, __ATOMIC_RELAXED))
        return EIO;
    return 0;
}

static int finish(int operation, int error) {
    if (!error)
        return 0;
    __atomic_add_fetch(&control->failed[operation], 1, __ATOMIC_RELAXED);
    nbdkit_set_error(error);
    return -1;
}

static int flush(void) {
    sb_rule *reordered = rule(SB_REORDERED_FLUSH);
    if (sb_rule_hits(rule(SB_LYING_FLUSH), SB_FAULTY_FLUSH, 0, 0))
        return 0;
    return sb_store_flush(sb_rule_meets(reordered, SB_FAULTY_FLUSH, 0, 0) ? reordered : NULL);
}

static int persist(uint32_t count, uint64_t offset) {
    return sb_rule_hits(rule(SB_LYING_FLUSH), SB_FAULTY_FLUSH, 0, 0) ? 0 : sb_store_persist(count, offset);
}

static int faulty_pread(void *handle, void *data, uint32_t count, uint64_t offset, uint32_t flags) {
    sb_rule *stale = rule(SB_STALE_READ);
    (void)handle;
    (void)flags;
    int error = begin(SB_FAULTY_READ, offset, count);
    if (!error)
        error = sb_store_read(data, count, offset);
    if (!error && sb_rule_meets(stale, SB_FAULTY_READ, offset, count)) {
        uint32_t generation = __atomic_load_n(&stale->generation, __ATOMIC_RELAXED);
        if (sb_store_kept(count, offset, generation) && sb_rule_takes(stale)) {
            sb_rule_count(stale);
            sb_store_older(data, count, offset, generation);
        }
    }
    return finish(SB_FAULTY_READ, error);
}

/* A neighbour of the same size, at most 16 away: what went astray lies where somebody will look. */
static uint64_t astray(uint32_t count, uint64_t offset) {
    uint64_t slots = control->capacity / count, slot = offset / count;
    uint64_t distance = 1 + sb_rule_random(rule(SB_MISDIRECTED_WRITE)) % (slots - 1 < 16 ? slots - 1 : 16);
    return (slot + distance) % slots * count;
}

static int faulty_pwrite(void *handle, const void *data, uint32_t count, uint64_t offset, uint32_t flags) {
    sb_rule *stale = rule(SB_STALE_READ), *torn = rule(SB_TORN_WRITE), *space = rule(SB_NO_SPACE);
    uint32_t sectors = count / SECTOR;
    (void)handle;
    int error = begin(SB_FAULTY_WRITE, offset, count);
    if (!error && sb_rule_meets(space, SB_FAULTY_WRITE, offset, count) && sb_store_hole(count, offset) &&
        sb_rule_takes(space)) {
        sb_rule_count(space);
        error = ENOSPC;
    }
    if (error)
        return finish(SB_FAULTY_WRITE, error);
    if (sb_rule_hits(rule(SB_LOST_WRITE), SB_FAULTY_WRITE, offset, count))
        return 0;
    if (control->capacity >= 3ull * count && sb_rule_hits(rule(SB_MISDIRECTED_WRITE), SB_FAULTY_WRITE, offset, count))
        offset = astray(count, offset);
    if (sectors > 1 && sb_rule_hits(torn, SB_FAULTY_WRITE, offset, count))
        count = SECTOR * (1 + (uint32_t)(sb_rule_random(torn) % (sectors - 1)));
    if (sb_rule_meets(stale, SB_FAULTY_WRITE, offset, count))
        error = sb_store_keep(count, offset, __atomic_load_n(&stale->generation, __ATOMIC_RELAXED));
    if (!error)
        error = sb_store_write(data, count, offset);
    if (!error && flags & NBDKIT_FLAG_FUA)
        error = persist(count, offset);
    return finish(SB_FAULTY_WRITE, error);
}

static int faulty_flush(void *handle, uint32_t flags) {
    (void)handle;
    (void)flags;
    int error = begin(SB_FAULTY_FLUSH, 0, 0);
    return finish(SB_FAULTY_FLUSH, error ? error : flush());
}

static int faulty_trim(void *handle, uint32_t count, uint64_t offset, uint32_t flags) {
    (void)handle;
    int error = begin(SB_FAULTY_TRIM, offset, count);
    if (!error)
        error = sb_store_trim(count, offset);
    if (!error && flags & NBDKIT_FLAG_FUA)
        error = flush();
    return finish(SB_FAULTY_TRIM, error);
}

/* Zeroes that need not be there as data are a trim; otherwise nbdkit writes them. */
static int faulty_zero(void *handle, uint32_t count, uint64_t offset, uint32_t flags) {
    if (flags & NBDKIT_FLAG_MAY_TRIM)
        return faulty_trim(handle, count, offset, flags);
    nbdkit_set_error(EOPNOTSUPP);
    return -1;
}

static struct nbdkit_plugin plugin = {
    .name = "storbench-faulty",
    .longname = "storbench server that can be made to fail",
    .config = faulty_config,
    .config_complete = faulty_config_complete,
    .get_ready = faulty_get_ready,
    .after_fork = faulty_after_fork,
    .unload = faulty_unload,
    .open = faulty_open,
    .get_size = faulty_get_size,
    .can_write = is_writable,
    .can_multi_conn = yes, /* One cache for all: a flush covers what any connection wrote. */
    .can_flush = yes,
    .can_trim = yes,
    .can_zero = yes,
    .can_fua = native_fua,
    .pread = faulty_pread,
    .pwrite = faulty_pwrite,
    .flush = faulty_flush,
    .trim = faulty_trim,
    .zero = faulty_zero,
    .errno_is_preserved = 1,
};

NBDKIT_REGISTER_PLUGIN(plugin)
