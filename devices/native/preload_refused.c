/* What cannot be emulated, or is not, fails on the image with EINVAL and says so: never is it silently as fast as the
 * memory that the image lies in. */
#include "preload.h"

#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

void emu_refuse(const char *what) {
    static int said; /* a job that tries thousands of times need not say it so often */
    if (__atomic_fetch_add(&said, 1, __ATOMIC_RELAXED) < 4)
        dprintf(STDERR_FILENO,
                "storbench: %s is not emulated; use ioengine=psync, pvsync, pvsync2, libaio or libpmem "
                "on an emulated device\n",
                what);
    errno = EINVAL;
}

#define REFUSED_ON(fd, what, failure) \
    do {                              \
        if (emu_is_image(fd)) {       \
            emu_refuse(what);         \
            return failure;           \
        }                             \
    } while (0)

ssize_t read(int fd, void *buffer, size_t length) {
    REFUSED_ON(fd, "read", -1);
    return REAL(read)(fd, buffer, length);
}

ssize_t __read_chk(int fd, void *buffer, size_t length, size_t room) {
    if (length > room)
        __builtin_trap();
    return read(fd, buffer, length);
}

ssize_t readv(int fd, const struct iovec *parts, int count) {
    REFUSED_ON(fd, "readv", -1);
    return REAL(readv)(fd, parts, count);
}

ssize_t write(int fd, const void *buffer, size_t length) {
    if (emu_keep && emu_is_image(fd))
        return (ssize_t)length;
    REFUSED_ON(fd, "write", -1);
    return REAL(write)(fd, buffer, length);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REFUSED_ON(fd, "writev", -1);
    return REAL(writev)(fd, parts, count);
}

void *mmap64(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
    if (fd >= 0 && !(flags & MAP_ANONYMOUS))
        REFUSED_ON(fd, "mmap", MAP_FAILED);
    return REAL(mmap64)(address, length, protection, flags, fd, offset);
}

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
    return mmap64(address, length, protection, flags, fd, offset);
}

ssize_t splice(int from, off64_t *from_offset, int to, off64_t *to_offset, size_t length, unsigned flags) {
    REFUSED_ON(from, "splice", -1);
    REFUSED_ON(to, "splice", -1);
    return REAL(splice)(from, from_offset, to, to_offset, length, flags);
}

ssize_t sendfile64(int to, int from, off64_t *offset, size_t length) {
    REFUSED_ON(from, "sendfile", -1);
    REFUSED_ON(to, "sendfile", -1);
    return REAL(sendfile64)(to, from, offset, length);
}

ssize_t sendfile(int to, int from, off_t *offset, size_t length) { return sendfile64(to, from, offset, length); }

ssize_t copy_file_range(int from, off64_t *from_offset, int to, off64_t *to_offset, size_t length, unsigned flags) {
    REFUSED_ON(from, "copy_file_range", -1);
    REFUSED_ON(to, "copy_file_range", -1);
    return REAL(copy_file_range)(from, from_offset, to, to_offset, length, flags);
}

/* POSIX AIO does its I/O inside the C library, out of reach. */

int aio_read64(struct aiocb64 *request) {
    REFUSED_ON(request->aio_fildes, "posixaio", -1);
    return REAL(aio_read64)(request);
}

int aio_write64(struct aiocb64 *request) {
    REFUSED_ON(request->aio_fildes, "posixaio", -1);
    return REAL(aio_write64)(request);
}

int aio_fsync64(int operation, struct aiocb64 *request) {
    REFUSED_ON(request->aio_fildes, "posixaio", -1);
    return REAL(aio_fsync64)(operation, request);
}

int lio_listio64(int mode, struct aiocb64 *const list[], int count, struct sigevent *event) {
    for (int i = 0; i < count; i++) {
        if (list[i])
            REFUSED_ON(list[i]->aio_fildes, "posixaio", -1);
    }
    return REAL(lio_listio64)(mode, list, count, event);
}

int aio_read(struct aiocb *request) { return aio_read64((struct aiocb64 *)request); }
int aio_write(struct aiocb *request) { return aio_write64((struct aiocb64 *)request); }
int aio_fsync(int operation, struct aiocb *request) { return aio_fsync64(operation, (struct aiocb64 *)request); }

int lio_listio(int mode, struct aiocb *const list[], int count, struct sigevent *event) {
    return lio_listio64(mode, (struct aiocb64 *const *)list, count, event);
}

/* io_uring's rings are filled and emptied without any call that could be seen, so it is refused as a whole. */
long syscall(long number, ...) {
    long given[6];
    va_list arguments;
    va_start(arguments, number);
    for (int i = 0; i < 6; i++)
        given[i] = va_arg(arguments, long);
    va_end(arguments);
    if (number == SYS_io_uring_setup && emu_device) {
        emu_refuse("io_uring");
        return -1;
    }
    return REAL(syscall)(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}
