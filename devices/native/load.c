#include "load.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addresses.h"
#include "histogram.h"

enum { AHEAD = 16 }; /* requests drawn before their turn, so that the device can fetch its map for them */
enum { NO_IO = SB_OPS, SYNC }; /* beside the operations of the core: an event that is no I/O, one that is a flush */

typedef struct request {
    uint64_t offset;
    uint32_t length;
    uint32_t op;
} request;

/* Something that happens to a client: an I/O completes, a flush completes, or the time of the next I/O comes. */
typedef struct event {
    uint64_t submitted;
    uint64_t offset;
    uint32_t length;
    uint32_t op;
} event;

/* When it happens, to whom, and where the rest of it stands. Two words: what is moved about in the heap is small. */
typedef struct turn {
    uint64_t time;
    uint64_t client_slot; /* the client in the upper, the slot in the lower 32 bits */
} turn;

typedef struct client {
    sb_client job;
    sb_addresses addresses;
    uint64_t random;
    uint64_t unit;            /* every offset is a multiple of it from the job's own */
    uint64_t cursor[SB_TRIM + 1]; /* where the last read, write or trim ended */
    request ahead[AHEAD];
    uint32_t next_ahead;
    uint32_t free_slots;
    uint64_t next_at;         /* when the schedule has the next I/O */
    double interval;          /* mean ns between I/Os */
    double schedule;
    uint32_t unsynced;
    uint64_t unpaused;        /* I/Os since the last pause */
    uint64_t pause_to;
    bool scheduled;           /* an event for the next I/O is under way */
    bool blocked;             /* by a flush */
    bool ended;
    uint64_t measure_from, end;
    sb_totals totals;
    FILE *log;
} client;

struct sb_load {
    void *device;
    uint64_t start, now;
    uint32_t clients;
    size_t events, room;
    turn *heap;               /* earliest first */
    event *slot;
    uint32_t *free_slot;      /* a stack of the slots that hold nothing; as many as the heap has room left */
    client client[];
};

sb_load *sb_load_new(void *device, uint64_t start, uint32_t clients) {
    sb_load *load = calloc(1, sizeof *load + clients * sizeof(client));
    if (!load)
        return NULL;
    load->device = device;
    load->start = load->now = start;
    load->clients = clients;
    return load;
}

void sb_load_free(sb_load *load) {
    if (!load)
        return;
    for (uint32_t i = 0; i < load->clients; i++) {
        if (load->client[i].log)
            fclose(load->client[i].log);
    }
    free(load->heap);
    free(load->slot);
    free(load->free_slot);
    free(load);
}

/* --- the heap: by time, then by client, so that the order is always the same --- */

static inline uint32_t client_of(turn t) { return (uint32_t)(t.client_slot >> 32); }
static inline uint32_t slot_of(turn t) { return (uint32_t)t.client_slot; }

static inline bool earlier(turn a, turn b) {
    return a.time != b.time ? a.time < b.time : client_of(a) < client_of(b);
}

static inline void sift_down(turn *heap, size_t count, turn item) {
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= count)
            break;
        if (child + 1 < count && earlier(heap[child + 1], heap[child]))
            child++;
        if (!earlier(heap[child], item))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = item;
}

static void push(sb_load *load, uint32_t client, uint64_t time, event what) {
    size_t at = load->events++;
    uint32_t slot = load->free_slot[load->room - load->events];
    turn item = {time, (uint64_t)client << 32 | slot};
    load->slot[slot] = what;
    while (at && earlier(item, load->heap[(at - 1) / 2])) {
        load->heap[at] = load->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    load->heap[at] = item;
}

static void drop_first(sb_load *load) {
    load->free_slot[load->room - load->events] = slot_of(load->heap[0]);
    load->events--;
    if (load->events)
        sift_down(load->heap, load->events, load->heap[load->events]);
}

/* --- what a client does next --- */

static uint32_t draw_size(client *c) {
    if (c->job.sizes == 1)
        return (uint32_t)c->job.size[0];
    double u = sb_random_unit(&c->random);
    uint32_t i = 0;
    while (i + 1 < c->job.sizes && u >= c->job.size_share[i])
        i++;
    return (uint32_t)c->job.size[i];
}

static request draw(client *c) {
    request r;
    uint32_t percent = c->job.read_percent;
    if (percent == 0 || percent == 100)
        r.op = percent ? SB_READ : SB_WRITE;
    else
        r.op = (sb_random(&c->random) >> 32) * 100 >> 32 < percent ? SB_READ : SB_WRITE;
    if (r.op == SB_WRITE && c->job.trim)
        r.op = SB_TRIM;
    r.length = draw_size(c);
    bool follows = c->job.sequential;
    if (c->job.sequential_percent)
        follows = (sb_random(&c->random) >> 32) * 100 >> 32 < c->job.sequential_percent;
    uint64_t *cursor = &c->cursor[r.op];
    if (follows) {
        if (*cursor + r.length > c->job.span)
            *cursor = 0;
        r.offset = c->job.offset + *cursor;
        *cursor += r.length;
    } else {
        uint64_t at = sb_address(&c->addresses, &c->random) * c->unit;
        if (at + r.length > c->job.span)
            at = (c->job.span - r.length) / c->unit * c->unit;
        r.offset = c->job.offset + at;
        *cursor = at + r.length;
    }
    return r;
}

static inline request take(sb_load *load, client *c) {
    request r = c->ahead[c->next_ahead];
    request *later = &c->ahead[c->next_ahead];
    *later = draw(c);
    sb_prefetch(load->device, later->offset, 0);
    c->next_ahead = (c->next_ahead + 1) % AHEAD;
    sb_prefetch(load->device, c->ahead[(c->next_ahead + AHEAD / 2) % AHEAD].offset, 1);
    return r;
}

static inline bool finished(const client *c, uint64_t now) {
    return c->job.duration ? now >= c->end : c->totals.issued_bytes >= c->job.bytes;
}

static void plan_next(client *c) {
    double step = c->interval;
    if (c->job.arrival == SB_POISSON)
        step *= sb_random_exponential(&c->random);
    c->schedule += step;
    c->next_at = (uint64_t)c->schedule;
}

/* Submit the next I/O of a client; gives when it completes. */
static inline uint64_t submit(sb_load *load, uint32_t number, uint64_t now, event *what) {
    client *c = &load->client[number];
    request r = take(load, c);
    /* What takes no time at all would let a load with a duration go on for ever. */
    uint64_t done = sb_later(sb_submit(load->device, (int)r.op, r.offset, r.length, now), now + 1);
    c->totals.issued_bytes += r.length;
    c->unpaused++;
    c->free_slots--;
    if (r.op == SB_WRITE)
        c->unsynced++;
    what->submitted = now;
    what->offset = r.offset;
    what->length = r.length;
    what->op = r.op;
    return done;
}

/* Whether a client submits at once whatever slot is free. */
static inline bool unlimited(const client *c) { return c->job.rate_iops <= 0; }

/* Wake a client at a time, once whatever it waits for. */
static void wake(sb_load *load, uint32_t number, uint64_t time) {
    if (!load->client[number].scheduled)
        push(load, number, time, (event){.op = NO_IO});
    load->client[number].scheduled = true;
}

/* Whether a client pauses: it does after its I/Os, once all of them have completed. */
static bool pauses(sb_load *load, uint32_t number, uint64_t now) {
    client *c = &load->client[number];
    if (c->job.think_every && c->unpaused >= c->job.think_every) {
        if (c->free_slots < c->job.queue_depth)
            return true; /* the last to complete comes back here */
        c->unpaused = 0;
        c->pause_to = now + c->job.think_time;
    }
    if (c->pause_to <= now)
        return false;
    wake(load, number, c->job.duration && c->end < c->pause_to ? c->end : c->pause_to);
    return true;
}

/* Fill the free slots of a client as far as its job lets it. */
static void advance(sb_load *load, uint32_t number, uint64_t now) {
    client *c = &load->client[number];
    while (c->free_slots && !c->blocked && !c->ended) {
        if (finished(c, now)) {
            c->ended = true;
            if (c->job.think_every && c->job.duration)
                c->totals.last = sb_later(c->totals.last, c->end); /* a pause is part of the time */
            return;
        }
        if (pauses(load, number, now))
            return;
        if (!unlimited(c) && c->next_at > now) {
            wake(load, number, c->next_at);
            return;
        }
        event io;
        uint64_t completes = submit(load, number, now, &io);
        push(load, number, completes, io);
        if (!unlimited(c))
            plan_next(c);
        if (c->job.fsync_every && c->unsynced >= c->job.fsync_every) {
            c->unsynced = 0;
            c->blocked = true;
            uint64_t done = sb_submit(load->device, SB_FLUSH, 0, 0, now);
            push(load, number, done, (event){.submitted = now, .op = SYNC});
        }
    }
}

/* --- what happened --- */

static inline void record(client *c, const event *e, uint64_t time) {
    uint64_t latency = time - e->submitted;
    sb_totals *t = &c->totals;
    double seconds = (double)latency;
    if (time < c->measure_from)
        return;
    if (e->op == SYNC) {
        t->syncs++;
        t->sync_sum += latency;
        t->sync_square += seconds * seconds;
        t->sync_least = t->syncs == 1 || latency < t->sync_least ? latency : t->sync_least;
        t->sync_most = latency > t->sync_most ? latency : t->sync_most;
        t->sync_histogram[sb_bin(latency)]++;
        return;
    }
    uint32_t d = e->op;
    if (d == SB_TRIM) {
        t->trim.least = t->trim.ios && t->trim.least < latency ? t->trim.least : latency;
        t->trim.most = latency > t->trim.most ? latency : t->trim.most;
        t->trim.ios++;
        t->trim.bytes += e->length;
        t->trim.sum += latency;
        t->trim.square += seconds * seconds;
        t->trim.histogram[sb_bin(latency)]++;
    } else {
        t->ios[d]++;
        t->bytes[d] += e->length;
        t->sum[d] += latency;
        t->square[d] += seconds * seconds;
        if (latency < t->least[d])
            t->least[d] = latency;
        if (latency > t->most[d])
            t->most[d] = latency;
        t->histogram[d][sb_bin(latency)]++;
    }
    t->last = time;
    if (c->log)
        fprintf(c->log, "%" PRIu64 ", %" PRIu64 ", %u, %u, %" PRIu64 ", 0x0000\n",
                (time - c->measure_from) / 1000000, latency, d, e->length, e->offset);
}

static void happen(sb_load *load, uint32_t number, uint64_t time, const event *e) {
    client *c = &load->client[number];
    if (e->op == NO_IO) {
        c->scheduled = false;
    } else {
        record(c, e, time);
        if (e->op == SYNC)
            c->blocked = false;
        else
            c->free_slots++;
    }
    advance(load, number, time);
}

/* Make room for more events. 0, or -1 where there is no memory. */
static int make_room(sb_load *load, size_t room) {
    turn *heap = realloc(load->heap, room * sizeof *heap);
    load->heap = heap ? heap : load->heap;
    event *slot = realloc(load->slot, room * sizeof *slot);
    load->slot = slot ? slot : load->slot;
    uint32_t *free_slot = realloc(load->free_slot, room * sizeof *free_slot);
    load->free_slot = free_slot ? free_slot : load->free_slot;
    if (!heap || !slot || !free_slot)
        return -1;
    /* What was free stays at the bottom of the stack. */
    for (size_t i = load->room; i < room; i++)
        free_slot[i - load->events] = (uint32_t)i;
    load->room = room;
    return 0;
}

int sb_load_client(sb_load *load, uint32_t i, const sb_client *job, const char *log) {
    client *c = &load->client[i];
    c->job = *job;
    /* Seeds that are neighbours must not give streams that are: the state is a hash of the seed. */
    uint64_t seed = job->seed;
    c->random = sb_random(&seed);
    c->unit = job->size[0];
    for (uint32_t k = 1; k < job->sizes; k++)
        c->unit = job->size[k] < c->unit ? job->size[k] : c->unit;
    sb_addresses_init(&c->addresses, &c->job, job->span / c->unit);
    c->free_slots = job->queue_depth;
    c->next_at = load->start;
    c->schedule = (double)load->start;
    c->interval = job->rate_iops > 0 ? 1e9 / job->rate_iops : 0;
    c->measure_from = load->start + job->ramp;
    c->end = c->measure_from + job->duration;
    c->totals.least[0] = c->totals.least[1] = UINT64_MAX;
    c->totals.first = c->totals.last = c->measure_from;
    for (uint32_t k = 0; k < AHEAD; k++)
        c->ahead[k] = draw(c);
    if (log && !(c->log = fopen(log, "w")))
        return -1;
    /* Each I/O in flight has an event; a client can have one more for a flush and one for its schedule. */
    if (make_room(load, load->room + job->queue_depth + 2))
        return -1;
    push(load, i, load->start, (event){.op = NO_IO});
    c->scheduled = true;
    return 0;
}

int sb_load_run(sb_load *load, uint64_t until, uint64_t events) {
    for (; load->events && load->heap[0].time < until && events; events--) {
        turn first = load->heap[0];
        uint32_t number = client_of(first);
        client *c = &load->client[number];
        event *e = &load->slot[slot_of(first)];
        load->now = first.time;
        if (e->op < NO_IO && unlimited(c) && !c->blocked && !c->job.fsync_every && !c->job.think_every &&
            !c->free_slots && !finished(c, first.time)) {
            /* The usual case: what completed makes room for one more, which takes its place in the heap. */
            record(c, e, first.time);
            c->free_slots++;
            first.time = submit(load, number, first.time, e);
            sift_down(load->heap, load->events, first);
            continue;
        }
        event happened = *e;
        drop_first(load);
        happen(load, number, first.time, &happened);
    }
    if (load->events)
        return load->heap[0].time < until ? 2 : 1;
    for (uint32_t i = 0; i < load->clients; i++) {
        FILE *log = load->client[i].log;
        if (log && (fflush(log) || ferror(log)))
            return -1;
    }
    return 0;
}

uint64_t sb_load_now(const sb_load *load) { return load->now; }
const sb_totals *sb_load_totals(const sb_load *load, uint32_t i) { return &load->client[i].totals; }
