/* The shim's start, and which file descriptors are the image. */
#include "preload.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE "STORBENCH_EMU_STATE"
#define IMAGE "STORBENCH_EMU_IMAGE"
#define KEEP "STORBENCH_EMU_KEEP"

sb_shared *emu_device;
uint64_t emu_capacity;
bool emu_keep;
unsigned char emu_marks[EMU_MARKS];

static dev_t image_device;
static ino_t image_number;

void *emu_next(const char *name) { return dlsym(RTLD_NEXT, name); }

__attribute__((noreturn, format(printf, 1, 2))) static void give_up(const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    dprintf(STDERR_FILENO, "storbench: the emulated device cannot be used: %s\n", text);
    _exit(2);
}

/* While this runs there is no device yet, so that its own calls pass. */
__attribute__((constructor)) static void start(void) {
    const char *state = getenv(STATE), *image = getenv(IMAGE);
    if (!state || !image)
        give_up(STATE " and " IMAGE " must both be set");
    char error[256];
    sb_shared *device = sb_shared_map(state, error, sizeof error);
    if (!device)
        give_up("%s: %s", state, error);
    struct stat status;
    if (stat(image, &status))
        give_up("%s: %s", image, strerror(errno));
    emu_capacity = sb_shared_capacity(device);
    if ((uint64_t)status.st_size != emu_capacity)
        give_up("%s has %lld bytes, the device has %llu", image, (long long)status.st_size,
                (unsigned long long)emu_capacity);
    emu_keep = getenv(KEEP);
    image_device = status.st_dev;
    image_number = status.st_ino;
    __atomic_store_n(&emu_device, device, __ATOMIC_RELEASE);
}

static bool is_image(const struct stat *status) {
    return status->st_ino == image_number && status->st_dev == image_device;
}

static void mark(int fd, int what) {
    if ((unsigned)fd < EMU_MARKS)
        __atomic_store_n(&emu_marks[fd], (unsigned char)what, __ATOMIC_RELAXED);
}

int emu_look_up(int fd) {
    struct stat status;
    if (!emu_device || fd < 0 || fstat(fd, &status))
        return EMU_OTHER;
    int what = EMU_OTHER;
    if (is_image(&status))
        what = REAL(fcntl)(fd, F_GETFL) & O_DSYNC ? EMU_DURABLE : EMU_IMAGE;
    mark(fd, what);
    return what;
}

bool emu_is_image_at(int folder, const char *path) {
    struct stat status;
    int before = errno;
    bool found = emu_device && !fstatat(folder, path, &status, 0) && is_image(&status);
    errno = before;
    return found;
}

/* Open and remember. The image's file system may refuse O_DIRECT, as tmpfs does; and that data is safe is for the model
 * to say. O_SYNC holds the bits of O_DSYNC. */
static int opened(int folder, const char *path, int flags, mode_t mode) {
    const int special = O_DIRECT | O_SYNC;
    bool durable = false;
    if (flags & special && emu_is_image_at(folder, path)) {
        durable = flags & O_DSYNC;
        flags &= ~special;
    }
    int fd = REAL(openat64)(folder, path, flags, mode);
    if (fd >= 0 && emu_device) {
        mark(fd, EMU_UNKNOWN);
        if (emu_look_up(fd) == EMU_IMAGE && durable)
            mark(fd, EMU_DURABLE);
    }
    return fd;
}

static bool takes_mode(int flags) { return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE; }

#define MODE_AFTER(flags)                     \
    mode_t mode = 0;                          \
    if (takes_mode(flags)) {                  \
        va_list arguments;                    \
        va_start(arguments, flags);           \
        mode = va_arg(arguments, mode_t);     \
        va_end(arguments);                    \
    }

int open(const char *path, int flags, ...) {
    MODE_AFTER(flags)
    return opened(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    MODE_AFTER(flags)
    return opened(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

int openat(int folder, const char *path, int flags, ...) {
    MODE_AFTER(flags)
    return opened(folder, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...) {
    MODE_AFTER(flags)
    return opened(folder, path, flags | O_LARGEFILE, mode);
}

int creat(const char *path, mode_t mode) { return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

/* What a fortified build calls where it knows that no mode is needed. */
int __open_2(const char *path, int flags) { return opened(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return opened(AT_FDCWD, path, flags, 0); }
int __openat_2(int folder, const char *path, int flags) { return opened(folder, path, flags, 0); }
int __openat64_2(int folder, const char *path, int flags) { return opened(folder, path, flags, 0); }

int close(int fd) {
    mark(fd, EMU_UNKNOWN); /* first: once it is closed, another thread may be given the number */
    return REAL(close)(fd);
}

static int duplicated(int from, int to) {
    if (to >= 0)
        mark(to, emu_mark_of(from));
    return to;
}

int dup(int fd) { return duplicated(fd, REAL(dup)(fd)); }
int dup2(int fd, int to) { return duplicated(fd, REAL(dup2)(fd, to)); }
int dup3(int fd, int to, int flags) { return duplicated(fd, REAL(dup3)(fd, to, flags)); }

static int controlled(int fd, int command, void *argument) {
    if (command == F_SETFL && emu_is_image(fd))
        argument = (void *)((intptr_t)argument & ~(intptr_t)O_DIRECT);
    int result = REAL(fcntl64)(fd, command, argument);
    return command == F_DUPFD || command == F_DUPFD_CLOEXEC ? duplicated(fd, result) : result;
}

#define ARGUMENT_AFTER(last)                          \
    va_list arguments;                                \
    va_start(arguments, last);                        \
    void *argument = va_arg(arguments, void *);       \
    va_end(arguments);

int fcntl(int fd, int command, ...) {
    ARGUMENT_AFTER(command)
    return controlled(fd, command, argument);
}

int fcntl64(int fd, int command, ...) {
    ARGUMENT_AFTER(command)
    return controlled(fd, command, argument);
}
