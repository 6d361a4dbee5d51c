/* An nbdkit plug-in: the emulated device behind an NBD server, for networked storage.
 *
 *   nbdkit nbdkit_plugin.so state=PATH image=PATH
 *
 * Data goes to and comes from the image; an answer is sent when the model says. Each request has a thread of its own,
 * so waiting is sleeping: spinning threads would take the processors from one another. Only who is alone spins.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "shared.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

static char *state, *image;
static sb_shared *device;
static int file = -1;
static uint64_t capacity;
static unsigned in_flight;

static int emu_config(const char *key, const char *value) {
    char **place = !strcmp(key, "state") ? &state : !strcmp(key, "image") ? &image : NULL;
    if (!place) {
        nbdkit_error("unknown parameter '%s'", key);
        return -1;
    }
    *place = nbdkit_absolute_path(value);
    return *place ? 0 : -1;
}

static int emu_config_complete(void) {
    if (state && image)
        return 0;
    nbdkit_error("state= and image= must both be given");
    return -1;
}

/* Before the server goes to the background, so that what is wrong is seen. */
static int emu_get_ready(void) {
    char error[256];
    struct stat status;
    device = sb_shared_map(state, error, sizeof error);
    if (!device) {
        nbdkit_error("%s: %s", state, error);
        return -1;
    }
    file = open(image, O_RDWR | O_CLOEXEC);
    if (file < 0 || fstat(file, &status)) {
        nbdkit_error("%s: %m", image);
        return -1;
    }
    capacity = sb_shared_capacity(device);
    if ((uint64_t)status.st_size != capacity) {
        nbdkit_error("%s has %lld bytes, the device has %llu", image, (long long)status.st_size,
                     (unsigned long long)capacity);
        return -1;
    }
    return 0;
}

static void emu_unload(void) {
    if (file >= 0)
        close(file);
    if (device)
        sb_shared_unmap(device);
}

static void *emu_open(int read_only) {
    (void)read_only;
    return NBDKIT_HANDLE_NOT_NEEDED;
}

static int64_t emu_get_size(void *handle) {
    (void)handle;
    return (int64_t)capacity;
}

static int yes(void *handle) {
    (void)handle;
    return 1;
}

static int native_fua(void *handle) {
    (void)handle;
    return NBDKIT_FUA_NATIVE;
}

/* A sleep ends 20 us late at least; the rest is waited for in turns with the other threads. */
static uint64_t sleep_until(uint64_t due) {
    const uint64_t EARLIER = 20000;
    uint64_t now = sb_shared_now();
    if (due > now + EARLIER)
        now = sb_shared_sleep(due - EARLIER);
    while (now < due) {
        sched_yield();
        now = sb_shared_now();
    }
    return now;
}

/* One operation: submitted now, its data moved at once, answered when it is due. */
typedef struct operation {
    int op;
    uint64_t submitted, due;
} operation;

static operation begin(int op, uint64_t offset, uint64_t length) {
    operation o = {.op = op, .submitted = sb_shared_now()};
    __atomic_fetch_add(&in_flight, 1, __ATOMIC_RELAXED);
    o.due = sb_shared_submit(device, op, offset, length, o.submitted);
    return o;
}

static int finish(const operation *o, ssize_t moved) {
    int error = errno;
    int alone = __atomic_load_n(&in_flight, __ATOMIC_RELAXED) == 1;
    uint64_t now = alone ? sb_shared_wait(device, o->due) : sleep_until(o->due);
    __atomic_fetch_sub(&in_flight, 1, __ATOMIC_RELAXED);
    if (moved < 0) {
        nbdkit_set_error(error);
        nbdkit_error("%s: %s", image, strerror(error));
        return -1;
    }
    sb_shared_done(device, o->op, o->submitted, o->due, now);
    return 0;
}

static int flush(void) {
    operation o = begin(SB_FLUSH, 0, 0);
    return finish(&o, 0);
}

/* A file in memory moves all that it is asked for; elsewhere it may take several turns. */
static ssize_t read_all(char *data, uint32_t count, uint64_t offset) {
    for (uint32_t done = 0; done < count;) {
        ssize_t moved = pread(file, data + done, count - done, (off_t)(offset + done));
        if (moved < 0 && errno != EINTR)
            return -1;
        if (moved == 0) {
            errno = EIO;
            return -1;
        }
        done += moved > 0 ? (uint32_t)moved : 0;
    }
    return count;
}

static ssize_t write_all(const char *data, uint32_t count, uint64_t offset) {
    for (uint32_t done = 0; done < count;) {
        ssize_t moved = pwrite(file, data + done, count - done, (off_t)(offset + done));
        if (moved < 0 && errno != EINTR)
            return -1;
        done += moved > 0 ? (uint32_t)moved : 0;
    }
    return count;
}

static int emu_pread(void *handle, void *data, uint32_t count, uint64_t offset, uint32_t flags) {
    (void)handle;
    (void)flags;
    operation o = begin(SB_READ, offset, count);
    return finish(&o, read_all(data, count, offset));
}

static int emu_pwrite(void *handle, const void *data, uint32_t count, uint64_t offset, uint32_t flags) {
    (void)handle;
    operation o = begin(SB_WRITE, offset, count);
    if (finish(&o, write_all(data, count, offset)))
        return -1;
    return flags & NBDKIT_FLAG_FUA ? flush() : 0;
}

static int emu_flush(void *handle, uint32_t flags) {
    (void)handle;
    (void)flags;
    return flush();
}

static int discard(uint32_t count, uint64_t offset, uint32_t flags) {
    operation o = begin(SB_TRIM, offset, count);
    int punched = fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)count);
    if (finish(&o, punched))
        return -1;
    return flags & NBDKIT_FLAG_FUA ? flush() : 0;
}

static int emu_trim(void *handle, uint32_t count, uint64_t offset, uint32_t flags) {
    (void)handle;
    return discard(count, offset, flags);
}

/* Zeroes that need not be there as data are a trim; otherwise nbdkit writes them. */
static int emu_zero(void *handle, uint32_t count, uint64_t offset, uint32_t flags) {
    (void)handle;
    if (flags & NBDKIT_FLAG_MAY_TRIM)
        return discard(count, offset, flags);
    nbdkit_set_error(EOPNOTSUPP);
    return -1;
}

static struct nbdkit_plugin plugin = {
    .name = "storbench",
    .longname = "storbench emulated device",
    .config = emu_config,
    .config_complete = emu_config_complete,
    .get_ready = emu_get_ready,
    .unload = emu_unload,
    .open = emu_open,
    .get_size = emu_get_size,
    .can_multi_conn = yes,
    .can_flush = yes,
    .can_trim = yes,
    .can_zero = yes,
    .can_fua = native_fua,
    .pread = emu_pread,
    .pwrite = emu_pwrite,
    .flush = emu_flush,
    .trim = emu_trim,
    .zero = emu_zero,
    .errno_is_preserved = 1,
};

NBDKIT_REGISTER_PLUGIN(plugin)
