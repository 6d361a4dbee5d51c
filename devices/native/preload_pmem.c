/* libpmem on the image: mapped memory whose loads and stores take the model's time.
 *
 * A store through libpmem is a write that has reached the power-fail protected domain when it returns, and a drain is
 * the fence behind it (SB_FLUSH). A load is plain memory access, of which only memcpy out of the mapping can be seen:
 * fio's libpmem engine reads by it. Where a program copies in another way, its reads do not appear in the statistics.
 */
#include "preload.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* libpmem.h's, which need not be installed. */
void *pmem_map_file(const char *path, size_t length, int flags, mode_t mode, size_t *mapped, int *is_pmem);
int pmem_unmap(void *address, size_t length);
int pmem_is_pmem(const void *address, size_t length);
void pmem_persist(const void *address, size_t length);
int pmem_msync(const void *address, size_t length);
void pmem_flush(const void *address, size_t length);
void pmem_drain(void);
int pmem_deep_persist(const void *address, size_t length);
void pmem_deep_flush(const void *address, size_t length);
int pmem_deep_drain(const void *address, size_t length);
void *pmem_memmove(void *to, const void *from, size_t length, unsigned flags);
void *pmem_memcpy(void *to, const void *from, size_t length, unsigned flags);
void *pmem_memset(void *to, int value, size_t length, unsigned flags);
void *pmem_memmove_persist(void *to, const void *from, size_t length);
void *pmem_memcpy_persist(void *to, const void *from, size_t length);
void *pmem_memset_persist(void *to, int value, size_t length);
void *pmem_memmove_nodrain(void *to, const void *from, size_t length);
void *pmem_memcpy_nodrain(void *to, const void *from, size_t length);
void *pmem_memset_nodrain(void *to, int value, size_t length);

/* The C library's own, under names that the compiler does not know: it would turn one into the other, and ours would
 * call itself for ever. */
extern void *copy(void *to, const void *from, size_t length) __asm__("memmove");
extern void *fill(void *to, int value, size_t length) __asm__("memset");

enum { MAPPINGS = 256, FILE_CREATE = 1, FILE_EXCL = 2, FILE_TMPFILE = 8 };

/* The image is as long as the device, so that a mapping is its address alone. Those of address 0 are free. */
static uintptr_t mappings[MAPPINGS];
static unsigned used; /* none at or beyond this one was ever used: 0 in most programs, whose every memcpy looks here */

/* Whether memory is the image's, and where on the device it is. */
static inline bool is_mapped(const void *address, uint64_t *offset) {
    unsigned last = __atomic_load_n(&used, __ATOMIC_ACQUIRE);
    for (unsigned i = 0; i < last; i++) {
        uintptr_t base = __atomic_load_n(&mappings[i], __ATOMIC_RELAXED);
        if (base && (uintptr_t)address - base < emu_capacity) {
            *offset = (uintptr_t)address - base;
            return true;
        }
    }
    return false;
}

static bool remember(void *address) {
    for (unsigned i = 0; i < MAPPINGS; i++) {
        uintptr_t none = 0;
        if (!__atomic_compare_exchange_n(&mappings[i], &none, (uintptr_t)address, false, __ATOMIC_RELAXED,
                                         __ATOMIC_RELAXED))
            continue;
        unsigned seen = __atomic_load_n(&used, __ATOMIC_RELAXED);
        while (seen < i + 1 &&
               !__atomic_compare_exchange_n(&used, &seen, i + 1, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
            ;
        return true;
    }
    return false;
}

static bool forget(void *address) {
    for (unsigned i = 0; i < MAPPINGS; i++) {
        uintptr_t base = (uintptr_t)address;
        if (base && __atomic_compare_exchange_n(&mappings[i], &base, 0, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return true;
    }
    return false;
}

static void *map_image(const char *path, size_t length, int flags, size_t *mapped, int *is_pmem) {
    if (flags & (FILE_EXCL | FILE_TMPFILE)) {
        errno = EINVAL;
        return NULL;
    }
    if (length > emu_capacity) {
        errno = ENOSPC;
        return NULL;
    }
    int fd = REAL(open64)(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    /* All of it, whatever part was asked for: the image is never shortened to that. */
    void *address = REAL(mmap64)(NULL, emu_capacity, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    REAL(close)(fd);
    if (address == MAP_FAILED)
        return NULL;
    if (!remember(address)) {
        munmap(address, emu_capacity);
        errno = ENOMEM;
        return NULL;
    }
    if (mapped)
        *mapped = length ? length : emu_capacity;
    if (is_pmem)
        *is_pmem = 1;
    return address;
}

void *pmem_map_file(const char *path, size_t length, int flags, mode_t mode, size_t *mapped, int *is_pmem) {
    if (emu_is_image_at(AT_FDCWD, path))
        return map_image(path, length, flags, mapped, is_pmem);
    if (REAL(pmem_map_file))
        return REAL(pmem_map_file)(path, length, flags, mode, mapped, is_pmem);
    errno = ENOSYS;
    return NULL;
}

int pmem_unmap(void *address, size_t length) {
    return forget(address) ? munmap(address, emu_capacity) : REAL(pmem_unmap)(address, length);
}

int pmem_is_pmem(const void *address, size_t length) {
    uint64_t offset;
    return is_mapped(address, &offset) || REAL(pmem_is_pmem)(address, length);
}

/* Bytes were stored, by whatever means, and now reach the device. False where they are not the image's. */
static bool written(const void *address, size_t length, emu_io *io) {
    uint64_t offset;
    return is_mapped(address, &offset) && emu_submit(io, SB_WRITE, (int64_t)offset, length, false);
}

void *pmem_memmove(void *to, const void *from, size_t length, unsigned flags) {
    emu_io io;
    if (!written(to, length, &io))
        return REAL(pmem_memmove)(to, from, length, flags);
    copy(to, from, length);
    emu_return(&io, 0);
    return to;
}

void *pmem_memset(void *to, int value, size_t length, unsigned flags) {
    emu_io io;
    if (!written(to, length, &io))
        return REAL(pmem_memset)(to, value, length, flags);
    fill(to, value, length);
    emu_return(&io, 0);
    return to;
}

enum { NODRAIN = 1 };

void *pmem_memcpy(void *to, const void *from, size_t n, unsigned flags) { return pmem_memmove(to, from, n, flags); }
void *pmem_memcpy_persist(void *to, const void *from, size_t n) { return pmem_memmove(to, from, n, 0); }
void *pmem_memmove_persist(void *to, const void *from, size_t n) { return pmem_memmove(to, from, n, 0); }
void *pmem_memset_persist(void *to, int value, size_t n) { return pmem_memset(to, value, n, 0); }
void *pmem_memcpy_nodrain(void *to, const void *from, size_t n) { return pmem_memmove(to, from, n, NODRAIN); }
void *pmem_memmove_nodrain(void *to, const void *from, size_t n) { return pmem_memmove(to, from, n, NODRAIN); }
void *pmem_memset_nodrain(void *to, int value, size_t n) { return pmem_memset(to, value, n, NODRAIN); }

void pmem_flush(const void *address, size_t length) {
    emu_io io;
    if (written(address, length, &io))
        emu_return(&io, 0);
    else
        REAL(pmem_flush)(address, length);
}

void pmem_drain(void) {
    emu_io io;
    if (!__atomic_load_n(&used, __ATOMIC_ACQUIRE))
        REAL(pmem_drain)();
    else if (emu_submit(&io, SB_FLUSH, 0, 0, false))
        emu_return(&io, 0);
}

void pmem_persist(const void *address, size_t length) {
    pmem_flush(address, length);
    pmem_drain();
}

int pmem_msync(const void *address, size_t length) {
    uint64_t offset;
    if (!is_mapped(address, &offset))
        return REAL(pmem_msync)(address, length);
    pmem_persist(address, length);
    return 0;
}

void pmem_deep_flush(const void *address, size_t length) { pmem_flush(address, length); }

int pmem_deep_drain(const void *address, size_t length) {
    uint64_t offset;
    if (!is_mapped(address, &offset))
        return REAL(pmem_deep_drain)(address, length);
    pmem_drain();
    return 0;
}

int pmem_deep_persist(const void *address, size_t length) {
    pmem_deep_flush(address, length);
    return pmem_deep_drain(address, length);
}

/* Every copy of the program comes through here; the sanitizer, which does so itself, cannot stand being watched. */
__attribute__((no_sanitize("address", "undefined"))) static void *
copy_out(void *to, const void *from, size_t length) {
    uint64_t offset;
    emu_io io;
    if (!is_mapped(from, &offset) || !emu_submit(&io, SB_READ, (int64_t)offset, length, false))
        return copy(to, from, length);
    copy(to, from, length);
    emu_return(&io, 0);
    return to;
}

__attribute__((no_sanitize("address", "undefined"))) void *
memcpy(void *restrict to, const void *restrict from, size_t length) {
    if (__builtin_expect(!__atomic_load_n(&used, __ATOMIC_RELAXED), 1))
        return copy(to, from, length);
    return copy_out(to, from, length);
}
