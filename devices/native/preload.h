/* The LD_PRELOAD shim: what its files share. A program under it does I/O on an image file as if that were the emulated
 * device: data goes to and comes from the image, and a call returns when the model says. Everything else passes.
 *
 *   STORBENCH_EMU_STATE  the shared device's file (shared.h)
 *   STORBENCH_EMU_IMAGE  the image, exactly as long as the device
 *   STORBENCH_EMU_KEEP   set: write() leaves the image and the device as they are, and says that all was written. So
 *                        fio's libpmem engine fills a file with data before each job, which is no part of the job.
 *
 * preload.c           start, which file descriptors are the image
 * preload_sync.c      pread, pwrite, preadv, pwritev, fsync, fallocate
 * preload_aio.c       libaio
 * preload_pmem.c      libpmem
 * preload_refused.c   what cannot be emulated fails, and says so
 */
#ifndef STORBENCH_PRELOAD_H
#define STORBENCH_PRELOAD_H

/* The interposed names must be the functions' own, not those that these would put in their place. */
#undef _FORTIFY_SOURCE
#undef _FILE_OFFSET_BITS
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "shared.h"

#pragma GCC visibility push(hidden)

/* The device; NULL until the shim has started. */
extern sb_shared *emu_device;
extern uint64_t emu_capacity;
extern bool emu_keep;

/* The function of that name behind this one; NULL where no library has it. */
void *emu_next(const char *name);

#define REAL(name)                                                        \
    ({                                                                    \
        static void *found;                                               \
        void *next = __atomic_load_n(&found, __ATOMIC_RELAXED);           \
        if (__builtin_expect(!next, 0)) {                                 \
            next = emu_next(#name);                                       \
            __atomic_store_n(&found, next, __ATOMIC_RELAXED);             \
        }                                                                 \
        (__typeof__(&name))next;                                          \
    })

enum emu_mark { EMU_UNKNOWN = 0, EMU_OTHER = 1, EMU_IMAGE = 2, EMU_DURABLE = 3 /* the image, opened with O_(D)SYNC */ };

extern unsigned char emu_marks[];
enum { EMU_MARKS = 65536 };
int emu_look_up(int fd);

/* What a file descriptor is. */
static inline int emu_mark_of(int fd) {
    if (__builtin_expect((unsigned)fd < EMU_MARKS, 1)) {
        int mark = __atomic_load_n(&emu_marks[fd], __ATOMIC_RELAXED);
        if (__builtin_expect(mark != EMU_UNKNOWN, 1))
            return mark;
    }
    return emu_look_up(fd);
}

static inline bool emu_is_image(int fd) { return emu_mark_of(fd) >= EMU_IMAGE; }
bool emu_is_image_at(int folder, const char *path);

/* One operation on the device. */
typedef struct emu_io {
    int op;
    uint64_t submitted, due;
} emu_io;

/* Submit now. False with errno where the device ends before it does. */
bool emu_submit(emu_io *io, int op, int64_t offset, uint64_t length, bool durable);
/* Wait until it is due, and give `result` on. After an error there is nothing to wait for. */
ssize_t emu_return(const emu_io *io, ssize_t result);

/* Say that this cannot be emulated, and set errno. */
void emu_refuse(const char *what);

#pragma GCC visibility pop

#endif
