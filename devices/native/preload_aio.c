/* libaio: requests go through the model when they are submitted, and come back when they are due.
 *
 * An unversioned function stands for any version of a library's, so that these serve programs linked with LIBAIO_0.1
 * and 0.4. They return -errno, as libaio does. A context keeps what is in flight in a heap by due time; the kernel gets
 * a context of its own only when something else than the image is used with it.
 */
#include "preload.h"

#include <errno.h>
#include <linux/aio_abi.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

typedef struct iocb iocb;
typedef struct io_event io_event;

typedef struct in_flight {
    emu_io io;
    uint64_t order; /* of two that are due at once, the one that was submitted first comes first */
    io_event event;
} in_flight;

/* A program holds it as an io_context_t. */
typedef struct context {
    /* Programs that reap from the kernel's ring themselves look here for its magic number, and must not find it. */
    uint64_t ring[4];
    pthread_mutex_t lock;
    in_flight *heap;
    size_t count, room, most;
    uint64_t submitted;
    void *kernel; /* NULL: none */
} context;

int io_setup(int most, context **made);
int io_destroy(context *one);
int io_submit(context *one, long count, iocb **requests);
int io_getevents(context *one, long least, long most, io_event *events, struct timespec *timeout);
int io_pgetevents(context *one, long least, long most, io_event *events, struct timespec *timeout, sigset_t *mask);
int io_cancel(context *one, iocb *request, io_event *event);
int io_queue_init(int most, context **made);
int io_queue_release(context *one);

static const uint64_t FOREVER = UINT64_MAX;

int io_setup(int most, context **made) {
    enum { MOST = 1 << 16 };
    if (most <= 0 || most > MOST || *made) /* as the kernel; a program that asked for any number then names one */
        return -EINVAL;
    context *one = calloc(1, sizeof *one);
    if (!one)
        return -ENOMEM;
    pthread_mutex_init(&one->lock, NULL);
    one->most = (size_t)most;
    *made = one;
    return 0;
}

/* What is still in flight is forgotten; its data has been moved already. */
int io_destroy(context *one) {
    if (!one)
        return -EINVAL;
    if (one->kernel)
        REAL(io_destroy)(one->kernel);
    pthread_mutex_destroy(&one->lock);
    free(one->heap);
    free(one);
    return 0;
}

int io_queue_init(int most, context **made) {
    *made = NULL;
    return io_setup(most, made);
}

int io_queue_release(context *one) { return io_destroy(one); }

/* The kernel cannot take back an I/O on a file either. */
int io_cancel(context *one, iocb *request, io_event *event) {
    (void)one, (void)request, (void)event;
    return -EINVAL;
}

static bool before(const in_flight *a, const in_flight *b) {
    return a->io.due != b->io.due ? a->io.due < b->io.due : a->order < b->order;
}

static bool push(context *one, const in_flight *added) {
    if (one->count == one->room) {
        size_t room = one->room ? 2 * one->room : 64;
        in_flight *heap = realloc(one->heap, room * sizeof *heap);
        if (!heap)
            return false;
        one->heap = heap;
        one->room = room;
    }
    size_t i = one->count++;
    for (; i && before(added, &one->heap[(i - 1) / 2]); i = (i - 1) / 2)
        one->heap[i] = one->heap[(i - 1) / 2];
    one->heap[i] = *added;
    return true;
}

static in_flight pop(context *one) {
    in_flight first = one->heap[0], last = one->heap[--one->count];
    size_t i = 0, child;
    while ((child = 2 * i + 1) < one->count) {
        if (child + 1 < one->count && before(&one->heap[child + 1], &one->heap[child]))
            child++;
        if (!before(&one->heap[child], &last))
            break;
        one->heap[i] = one->heap[child];
        i = child;
    }
    one->heap[i] = last;
    return first;
}

static ssize_t move_data(const iocb *request) {
    int fd = (int)request->aio_fildes;
    void *buffer = (void *)(uintptr_t)request->aio_buf;
    size_t length = (size_t)request->aio_nbytes;
    off_t offset = (off_t)request->aio_offset;
    switch (request->aio_lio_opcode) {
    case IOCB_CMD_PREAD:
        return REAL(pread64)(fd, buffer, length, offset);
    case IOCB_CMD_PWRITE:
        return REAL(pwrite64)(fd, buffer, length, offset);
    case IOCB_CMD_PREADV:
        return REAL(preadv64)(fd, buffer, (int)length, offset);
    case IOCB_CMD_PWRITEV:
        return REAL(pwritev64)(fd, buffer, (int)length, offset);
    default:
        return 0; /* a flush */
    }
}

static uint64_t length_of(const iocb *request) {
    if (request->aio_lio_opcode != IOCB_CMD_PREADV && request->aio_lio_opcode != IOCB_CMD_PWRITEV)
        return request->aio_nbytes;
    const struct iovec *parts = (const struct iovec *)(uintptr_t)request->aio_buf;
    uint64_t length = 0;
    for (uint64_t i = 0; i < request->aio_nbytes; i++)
        length += parts[i].iov_len;
    return length;
}

static int submit_to_device(emu_io *io, const iocb *request, int mark) {
    static const signed char ops[] = {
        [IOCB_CMD_PREAD] = SB_READ,   [IOCB_CMD_PWRITE] = SB_WRITE,   [IOCB_CMD_FSYNC] = SB_FLUSH,
        [IOCB_CMD_FDSYNC] = SB_FLUSH, [4 ... 6] = -1,                 [IOCB_CMD_PREADV] = SB_READ,
        [IOCB_CMD_PWRITEV] = SB_WRITE,
    };
    int op = request->aio_lio_opcode < sizeof ops ? ops[request->aio_lio_opcode] : -1;
    if (op < 0 || request->aio_flags & IOCB_FLAG_RESFD) {
        emu_refuse("libaio with poll or an eventfd");
        return -EINVAL;
    }
    bool durable = op == SB_WRITE && (mark == EMU_DURABLE || request->aio_rw_flags & (RWF_DSYNC | RWF_SYNC));
    uint64_t length = op == SB_FLUSH ? 0 : length_of(request);
    return emu_submit(io, op, op == SB_FLUSH ? 0 : request->aio_offset, length, durable) ? 0 : -errno;
}

/* Submit one request on the image. What goes wrong with its data is told when it comes back. */
static int submit_one(context *one, iocb *request, int mark) {
    in_flight added = {.event = {.data = request->aio_data, .obj = (uintptr_t)request}};
    int status = submit_to_device(&added.io, request, mark);
    if (status == -EINVAL)
        return status;
    if (status) { /* the device ends before it does */
        added.io.op = -1;
        added.io.submitted = added.io.due = sb_shared_now();
        added.event.res = status;
    } else {
        ssize_t moved = move_data(request);
        added.event.res = moved < 0 ? -errno : moved;
    }
    pthread_mutex_lock(&one->lock);
    added.order = one->submitted++;
    status = one->count >= one->most ? -EAGAIN : push(one, &added) ? 0 : -ENOMEM;
    pthread_mutex_unlock(&one->lock);
    return status;
}

static int submit_elsewhere(context *one, iocb *request) {
    if (!one->kernel) {
        if (!REAL(io_setup))
            return -ENOSYS;
        int status = REAL(io_setup)((int)one->most, (context **)&one->kernel);
        if (status)
            return status;
    }
    int status = REAL(io_submit)(one->kernel, 1, &request);
    return status < 0 ? status : 0;
}

static bool is_full(context *one) {
    pthread_mutex_lock(&one->lock);
    bool full = one->count >= one->most;
    pthread_mutex_unlock(&one->lock);
    return full;
}

int io_submit(context *one, long count, iocb **requests) {
    if (!one || count < 0)
        return -EINVAL;
    for (long i = 0; i < count; i++) {
        int mark = emu_mark_of((int)requests[i]->aio_fildes);
        int status;
        if (mark < EMU_IMAGE)
            status = submit_elsewhere(one, requests[i]);
        else
            status = is_full(one) ? -EAGAIN : submit_one(one, requests[i], mark);
        if (status)
            return i ? (int)i : status;
    }
    return (int)count;
}

/* Take what is due, at most so many; `next` is when the next one will be. */
static long take(context *one, long most, io_event *events, uint64_t now, uint64_t *next) {
    long taken = 0;
    pthread_mutex_lock(&one->lock);
    while (taken < most && one->count && one->heap[0].io.due <= now) {
        in_flight first = pop(one);
        events[taken++] = first.event;
        if (first.event.res >= 0)
            sb_shared_done(emu_device, first.io.op, first.io.submitted, first.io.due, now);
    }
    *next = one->count ? one->heap[0].io.due : FOREVER;
    pthread_mutex_unlock(&one->lock);
    return taken;
}

static long take_elsewhere(context *one, long most, io_event *events) {
    struct timespec at_once = {0, 0};
    int taken = one->kernel && most ? REAL(io_getevents)(one->kernel, 0, most, events, &at_once) : 0;
    return taken > 0 ? taken : 0;
}

/* Wait for what will be due next, but not so long that what another thread submits would be seen late. */
static int wait_for(context *one, uint64_t next, uint64_t until, uint64_t *now) {
    const uint64_t LOOK = 10000000, LOOK_ELSEWHERE = 20000;
    uint64_t look = *now + (one->kernel ? LOOK_ELSEWHERE : LOOK);
    uint64_t end = until < look ? until : look;
    if (next != FOREVER) {
        *now = sb_shared_wait(emu_device, next < end ? next : end);
        return 0;
    }
    struct timespec moment = {0, (long)LOOK_ELSEWHERE};
    int interrupted = nanosleep(&moment, NULL);
    *now = sb_shared_now();
    return interrupted ? -EINTR : 0;
}

int io_getevents(context *one, long least, long most, io_event *events, struct timespec *timeout) {
    if (!one || least < 0 || least > most)
        return -EINVAL;
    uint64_t now = sb_shared_now(), next, until = FOREVER;
    if (timeout)
        until = now + (uint64_t)timeout->tv_sec * UINT64_C(1000000000) + (uint64_t)timeout->tv_nsec;
    for (long taken = 0;;) {
        taken += take(one, most - taken, events + taken, now, &next);
        taken += take_elsewhere(one, most - taken, events + taken);
        if (taken >= least || now >= until)
            return (int)taken;
        int status = wait_for(one, next, until, &now);
        if (status)
            return taken ? (int)taken : status;
    }
}

int io_pgetevents(context *one, long least, long most, io_event *events, struct timespec *timeout, sigset_t *mask) {
    sigset_t old;
    if (mask)
        pthread_sigmask(SIG_SETMASK, mask, &old);
    int taken = io_getevents(one, least, most, events, timeout);
    if (mask)
        pthread_sigmask(SIG_SETMASK, &old, NULL);
    return taken;
}
