/* Reads, writes, flushes and trims that return when they are done. */
#include "preload.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

bool emu_submit(emu_io *io, int op, int64_t offset, uint64_t length, bool durable) {
    if (offset < 0 || length > (uint64_t)INT64_MAX) {
        errno = EINVAL;
        return false;
    }
    uint64_t start = (uint64_t)offset;
    uint64_t left = start < emu_capacity ? emu_capacity - start : 0;
    if (length > left) {
        if (op != SB_READ) {
            errno = ENOSPC;
            return false;
        }
        length = left; /* the image ends here, too, so that the read will be short */
    }
    io->op = op;
    io->submitted = io->due = sb_shared_now();
    if (length || op == SB_FLUSH)
        io->due = sb_shared_submit(emu_device, op, start, length, io->submitted);
    if (durable)
        io->due = sb_later(io->due, sb_shared_submit(emu_device, SB_FLUSH, 0, 0, io->submitted));
    return true;
}

ssize_t emu_return(const emu_io *io, ssize_t result) {
    if (result >= 0) {
        int before = errno;
        uint64_t now = sb_shared_wait(emu_device, io->due);
        sb_shared_done(emu_device, io->op, io->submitted, io->due, now);
        errno = before;
    }
    return result;
}

ssize_t pread64(int fd, void *buffer, size_t length, off_t offset) {
    if (!emu_is_image(fd))
        return REAL(pread64)(fd, buffer, length, offset);
    emu_io io;
    if (!emu_submit(&io, SB_READ, offset, length, false))
        return -1;
    return emu_return(&io, REAL(pread64)(fd, buffer, length, offset));
}

ssize_t pwrite64(int fd, const void *buffer, size_t length, off_t offset) {
    int mark = emu_mark_of(fd);
    if (mark < EMU_IMAGE)
        return REAL(pwrite64)(fd, buffer, length, offset);
    emu_io io;
    if (!emu_submit(&io, SB_WRITE, offset, length, mark == EMU_DURABLE))
        return -1;
    return emu_return(&io, REAL(pwrite64)(fd, buffer, length, offset));
}

static uint64_t total(const struct iovec *parts, int count) {
    uint64_t length = 0;
    for (int i = 0; i < count; i++)
        length += parts[i].iov_len;
    return length;
}

/* RWF_HIPRI and RWF_NOWAIT say how to wait for a device, which is not the image's file system's to do. An offset of -1
 * means the file's own position, as read() does. */
static bool vectored(emu_io *io, int op, const struct iovec *parts, int count, off_t offset, int flags, bool durable) {
    if (offset == -1 || flags & ~(RWF_HIPRI | RWF_NOWAIT | RWF_DSYNC | RWF_SYNC)) {
        emu_refuse("an append or an I/O at the file's own position");
        return false;
    }
    return emu_submit(io, op, offset, total(parts, count), durable || flags & (RWF_DSYNC | RWF_SYNC));
}

ssize_t preadv64v2(int fd, const struct iovec *parts, int count, off_t offset, int flags) {
    if (!emu_is_image(fd))
        return REAL(preadv64v2)(fd, parts, count, offset, flags);
    emu_io io;
    if (!vectored(&io, SB_READ, parts, count, offset, flags & ~(RWF_DSYNC | RWF_SYNC), false))
        return -1;
    return emu_return(&io, REAL(preadv64)(fd, parts, count, offset));
}

ssize_t pwritev64v2(int fd, const struct iovec *parts, int count, off_t offset, int flags) {
    int mark = emu_mark_of(fd);
    if (mark < EMU_IMAGE)
        return REAL(pwritev64v2)(fd, parts, count, offset, flags);
    emu_io io;
    if (!vectored(&io, SB_WRITE, parts, count, offset, flags, mark == EMU_DURABLE))
        return -1;
    return emu_return(&io, REAL(pwritev64)(fd, parts, count, offset));
}

ssize_t preadv64(int fd, const struct iovec *parts, int count, off_t offset) {
    return emu_is_image(fd) ? preadv64v2(fd, parts, count, offset, 0) : REAL(preadv64)(fd, parts, count, offset);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t offset) {
    return emu_is_image(fd) ? pwritev64v2(fd, parts, count, offset, 0) : REAL(pwritev64)(fd, parts, count, offset);
}

/* The names without 64 and those of fortified builds are the same functions where off_t has 64 bits. */
_Static_assert(sizeof(off_t) == 8, "the shim is for machines of 64 bits");

ssize_t pread(int fd, void *buffer, size_t length, off_t offset) { return pread64(fd, buffer, length, offset); }
ssize_t pwrite(int fd, const void *buffer, size_t length, off_t offset) { return pwrite64(fd, buffer, length, offset); }
ssize_t preadv(int fd, const struct iovec *parts, int count, off_t offset) { return preadv64(fd, parts, count, offset); }
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) { return pwritev64(fd, parts, count, offset); }

ssize_t preadv2(int fd, const struct iovec *parts, int count, off_t offset, int flags) {
    return preadv64v2(fd, parts, count, offset, flags);
}

ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t offset, int flags) {
    return pwritev64v2(fd, parts, count, offset, flags);
}

ssize_t __pread_chk(int fd, void *buffer, size_t length, off_t offset, size_t room) {
    if (length > room)
        __builtin_trap();
    return pread64(fd, buffer, length, offset);
}

ssize_t __pread64_chk(int fd, void *buffer, size_t length, off_t offset, size_t room) {
    return __pread_chk(fd, buffer, length, offset, room);
}

static int flush(void) {
    emu_io io;
    return emu_submit(&io, SB_FLUSH, 0, 0, false) ? (int)emu_return(&io, 0) : -1;
}

int fsync(int fd) { return emu_is_image(fd) ? flush() : REAL(fsync)(fd); }
int fdatasync(int fd) { return emu_is_image(fd) ? flush() : REAL(fdatasync)(fd); }

int fallocate64(int fd, int mode, off_t offset, off_t length) {
    if (!emu_is_image(fd) || !(mode & ~FALLOC_FL_KEEP_SIZE)) /* reserving space is no I/O */
        return REAL(fallocate64)(fd, mode, offset, length);
    if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) {
        errno = EOPNOTSUPP;
        return -1;
    }
    if (length <= 0) {
        errno = EINVAL;
        return -1;
    }
    emu_io io;
    if (!emu_submit(&io, SB_TRIM, offset, (uint64_t)length, false))
        return -1;
    /* Either way it reads as zeros; not every file system can zero a range, tmpfs for one. */
    return (int)emu_return(&io, REAL(fallocate64)(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length));
}

int fallocate(int fd, int mode, off_t offset, off_t length) { return fallocate64(fd, mode, offset, length); }
