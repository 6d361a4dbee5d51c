/* The medium of the faulty server: see faulty.h. */
#define _GNU_SOURCE
#include "faulty.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE 4096u
#define AT_ONCE (256u) /* Pages that go to the image in one call. */

/* Of a page: it is newer in the cache than in the image; a flush held it back; it is in the list of dirty ones; an
 * older content of it is kept. */
enum { DIRTY = 1, HELD = 2, LISTED = 4, OLD = 8 };

typedef struct list {
    uint64_t *pages;
    size_t count, room;
} list;

static int file = -1;
static int cache_mode;
static sb_faulty *block;
static uint64_t capacity;

/* All that follows is under the lock. The memory is reserved, not taken: a page of it costs when it is used. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t *newer, *older, *state;
static uint64_t *sequence, writes;
static list dirty, kept;
static uint32_t kept_generation;

static void *reserve(uint64_t bytes) {
    void *memory =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static int add(list *to, uint64_t page) {
    if (to->count == to->room) {
        size_t room = to->room ? 2 * to->room : 1024;
        uint64_t *pages = realloc(to->pages, room * sizeof *pages);
        if (!pages)
            return ENOMEM;
        to->pages = pages;
        to->room = room;
    }
    to->pages[to->count++] = page;
    return 0;
}

static int is_volatile(void) {
    return cache_mode == SB_CACHE_WRITEBACK || cache_mode == SB_CACHE_UNSAFE;
}

/* Of the page, the part that lies in the range; all of it that there is where the range is the whole capacity. */
typedef struct part {
    uint64_t at; /* Where it begins on the device. */
    uint32_t length;
    uint32_t skip; /* Bytes of the range before it. */
} part;

static part part_of(uint64_t page, uint32_t count, uint64_t offset) {
    uint64_t first = page * PAGE, end = first + PAGE;
    if (first < offset)
        first = offset;
    if (end > offset + count)
        end = offset + count;
    return (part){first, (uint32_t)(end - first), (uint32_t)(first - offset)};
}

static uint32_t page_length(uint64_t page) {
    uint64_t left = capacity - page * PAGE;
    return left < PAGE ? (uint32_t)left : PAGE;
}

static uint64_t pages_end(uint32_t count, uint64_t offset) {
    return (offset + count + PAGE - 1) / PAGE;
}

int sb_store_open(const char *path, int writable, int cache, sb_faulty *control) {
    file = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    if (file < 0)
        return errno;
    cache_mode = cache;
    block = control;
    capacity = control->capacity;
    uint64_t pages = (capacity + PAGE - 1) / PAGE;
    newer = reserve(pages * PAGE);
    older = reserve(pages * PAGE);
    state = reserve(pages);
    sequence = reserve(pages * sizeof *sequence);
    return newer && older && state && sequence ? 0 : ENOMEM;
}

/* ---- The image ------------------------------------------------------------------------------------------------- */

static int image_read(void *data, uint32_t count, uint64_t offset) {
    for (uint32_t done = 0; done < count;) {
        ssize_t moved = pread(file, (char *)data + done, count - done, (off_t)(offset + done));
        if (moved < 0 && errno != EINTR)
            return errno;
        if (moved == 0)
            return EIO; /* The image is shorter than it should be. */
        done += moved > 0 ? (uint32_t)moved : 0;
    }
    return 0;
}

static int image_write(const void *data, uint32_t count, uint64_t offset) {
    int flags = cache_mode == SB_CACHE_WRITETHROUGH ? RWF_DSYNC : 0;
    /* A write past the end would make the image longer again. */
    if (offset + count > __atomic_load_n(&block->medium, __ATOMIC_RELAXED))
        return EIO;
    for (uint32_t done = 0; done < count;) {
        struct iovec piece = {(char *)data + done, count - done};
        ssize_t moved = pwritev2(file, &piece, 1, (off_t)(offset + done), flags);
        if (moved < 0 && errno != EINTR)
            return errno;
        done += moved > 0 ? (uint32_t)moved : 0;
    }
    return 0;
}

static int image_sync(void) {
    return fdatasync(file) ? errno : 0;
}

/* ---- The cache ------------------------------------------------------------------------------------------------- */

static void settle(uint64_t page) {
    if (state[page] & DIRTY)
        __atomic_sub_fetch(&block->unsettled, page_length(page), __ATOMIC_RELAXED);
    state[page] &= (uint8_t)~(DIRTY | HELD);
}

/* What a page holds now. */
static int page_read(void *data, uint64_t page, part p) {
    if (!(state[page] & DIRTY))
        return image_read(data, p.length, p.at);
    memcpy(data, newer + p.at, p.length);
    return 0;
}

static int any(uint32_t count, uint64_t offset, uint8_t bits) {
    for (uint64_t page = offset / PAGE; page < pages_end(count, offset); page++)
        if (state[page] & bits)
            return 1;
    return 0;
}

int sb_store_read(void *data, uint32_t count, uint64_t offset) {
    if (!is_volatile())
        return image_read(data, count, offset);
    int error = 0;
    pthread_mutex_lock(&lock);
    int cached = any(count, offset, DIRTY);
    for (uint64_t page = offset / PAGE; cached && !error && page < pages_end(count, offset); page++) {
        part p = part_of(page, count, offset);
        error = page_read((char *)data + p.skip, page, p);
    }
    pthread_mutex_unlock(&lock);
    /* What is not in the cache needs no lock: a write that comes meanwhile is as good as a later one. */
    return cached ? error : image_read(data, count, offset);
}

static int page_write(const void *data, uint64_t page, part p) {
    uint32_t whole = page_length(page);
    int error = 0;
    if (!(state[page] & DIRTY) && p.length < whole)
        error = image_read(newer + page * PAGE, whole, page * PAGE);
    if (!error && !(state[page] & LISTED))
        error = add(&dirty, page);
    if (error)
        return error;
    memcpy(newer + p.at, data, p.length);
    if (!(state[page] & DIRTY))
        __atomic_add_fetch(&block->unsettled, whole, __ATOMIC_RELAXED);
    state[page] = (uint8_t)((state[page] & ~HELD) | DIRTY | LISTED);
    sequence[page] = ++writes;
    return 0;
}

int sb_store_write(const void *data, uint32_t count, uint64_t offset) {
    if (!is_volatile())
        return image_write(data, count, offset);
    int error = 0;
    pthread_mutex_lock(&lock);
    for (uint64_t page = offset / PAGE; !error && page < pages_end(count, offset); page++) {
        part p = part_of(page, count, offset);
        error = page_write((const char *)data + p.skip, page, p);
    }
    pthread_mutex_unlock(&lock);
    return error;
}

int sb_store_trim(uint32_t count, uint64_t offset) {
    int error = 0;
    pthread_mutex_lock(&lock);
    if (fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)count))
        error = errno;
    for (uint64_t page = offset / PAGE; !error && page < pages_end(count, offset); page++) {
        part p = part_of(page, count, offset);
        if (!(state[page] & DIRTY))
            continue;
        if (p.length == page_length(page))
            settle(page);
        else
            memset(newer + p.at, 0, p.length);
    }
    pthread_mutex_unlock(&lock);
    return error;
}

/* Write `count` neighbours; they stay dirty where that fails. */
static int write_back(uint64_t page, uint64_t count) {
    uint64_t start = page * PAGE, end = (page + count) * PAGE;
    int error = image_write(newer + start, (uint32_t)((end < capacity ? end : capacity) - start), start);
    if (error)
        return error;
    for (uint64_t n = page; n < page + count; n++)
        settle(n);
    madvise(newer + start, count * PAGE, MADV_DONTNEED);
    return 0;
}

static int by_number(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The newest goes, and of the others a share stays behind: what comes later then overtakes it. */
static void hold_back(sb_rule *rule) {
    uint64_t newest = 0, held = 0, share = __atomic_load_n(&rule->share, __ATOMIC_RELAXED);
    for (size_t n = 0; n < dirty.count; n++)
        if (state[dirty.pages[n]] & DIRTY && sequence[dirty.pages[n]] > newest)
            newest = sequence[dirty.pages[n]];
    for (size_t n = 0; n < dirty.count; n++) {
        uint64_t page = dirty.pages[n];
        if (!(state[page] & DIRTY) || state[page] & HELD || sequence[page] == newest)
            continue;
        if (sb_rule_random(rule) >> 32 < share) {
            state[page] |= HELD;
            held = 1;
        }
    }
    if (held)
        sb_rule_count(rule);
}

static int write_dirty(int keep_held) {
    size_t left = 0;
    int first_error = 0;
    if (dirty.count) /* without any the list may be none at all, which qsort does not take */
        qsort(dirty.pages, dirty.count, sizeof *dirty.pages, by_number);
    for (size_t n = 0, next; n < dirty.count; n = next) {
        uint64_t page = dirty.pages[n];
        next = n + 1;
        uint8_t mark = state[page] & (keep_held ? DIRTY | HELD : DIRTY);
        if (mark == DIRTY) {
            while (next < dirty.count && next - n < AT_ONCE && dirty.pages[next] == page + (next - n) &&
                   (state[dirty.pages[next]] & (keep_held ? DIRTY | HELD : DIRTY)) == DIRTY)
                next++;
            int error = write_back(page, next - n);
            if (error && !first_error)
                first_error = error;
        }
        for (size_t m = n; m < next; m++) {
            if (state[dirty.pages[m]] & DIRTY)
                dirty.pages[left++] = dirty.pages[m];
            else
                state[dirty.pages[m]] &= (uint8_t)~LISTED;
        }
    }
    dirty.count = left;
    return first_error;
}

int sb_store_flush(sb_rule *reordered) {
    int error = 0;
    if (cache_mode == SB_CACHE_UNSAFE)
        return 0;
    if (cache_mode == SB_CACHE_WRITEBACK) {
        pthread_mutex_lock(&lock);
        if (reordered)
            hold_back(reordered);
        error = write_dirty(reordered != NULL);
        pthread_mutex_unlock(&lock);
    }
    int synced = image_sync();
    return error ? error : synced;
}

int sb_store_persist(uint32_t count, uint64_t offset) {
    int error = 0;
    if (cache_mode == SB_CACHE_UNSAFE || cache_mode == SB_CACHE_WRITETHROUGH)
        return 0;
    pthread_mutex_lock(&lock);
    for (uint64_t page = offset / PAGE; !error && page < pages_end(count, offset); page++)
        if (state[page] & DIRTY)
            error = write_back(page, 1);
    pthread_mutex_unlock(&lock);
    return error ? error : image_sync();
}

int sb_store_hole(uint32_t count, uint64_t offset) {
    int hole = 0;
    pthread_mutex_lock(&lock);
    for (uint64_t page = offset / PAGE; !hole && page < pages_end(count, offset); page++) {
        off_t start = (off_t)(page * PAGE);
        if (!(state[page] & DIRTY))
            hole = lseek(file, start, SEEK_DATA) != start; /* An error is a hole up to the end, or no such file. */
    }
    pthread_mutex_unlock(&lock);
    return hole;
}

/* ---- What was there before --------------------------------------------------------------------------------------- */

static void forget_kept(uint32_t generation) {
    if (generation == kept_generation)
        return;
    for (size_t n = 0; n < kept.count; n++)
        state[kept.pages[n]] &= (uint8_t)~OLD;
    kept.count = 0;
    kept_generation = generation;
}

int sb_store_keep(uint32_t count, uint64_t offset, uint32_t generation) {
    int error = 0;
    pthread_mutex_lock(&lock);
    forget_kept(generation);
    for (uint64_t page = offset / PAGE; !error && page < pages_end(count, offset); page++) {
        part whole = {page * PAGE, page_length(page), 0};
        error = page_read(older + whole.at, page, whole);
        if (!error && !(state[page] & OLD))
            error = add(&kept, page);
        if (!error)
            state[page] |= OLD;
    }
    pthread_mutex_unlock(&lock);
    return error;
}

int sb_store_kept(uint32_t count, uint64_t offset, uint32_t generation) {
    pthread_mutex_lock(&lock);
    forget_kept(generation);
    int found = any(count, offset, OLD);
    pthread_mutex_unlock(&lock);
    return found;
}

void sb_store_older(void *data, uint32_t count, uint64_t offset, uint32_t generation) {
    pthread_mutex_lock(&lock);
    forget_kept(generation);
    for (uint64_t page = offset / PAGE; page < pages_end(count, offset); page++) {
        part p = part_of(page, count, offset);
        if (state[page] & OLD)
            memcpy((char *)data + p.skip, older + p.at, p.length);
        /* It stays in the list, which another generation empties. */
        state[page] &= (uint8_t)~OLD;
    }
    pthread_mutex_unlock(&lock);
}

void sb_store_close(void) {
    uint64_t pages = (capacity + PAGE - 1) / PAGE;
    if (file < 0)
        return;
    if (is_volatile())
        write_dirty(0);
    image_sync();
    close(file);
    file = -1;
    free(dirty.pages);
    free(kept.pages);
    munmap(newer, pages * PAGE);
    munmap(older, pages * PAGE);
    munmap(state, pages);
    munmap(sequence, pages * sizeof *sequence);
}
