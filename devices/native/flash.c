/* A flash drive: an FTL whose work takes time on dies, channels and the host interface, behind a DRAM write buffer.
 *
 * Fresh out of the box, transition and steady state are not described anywhere: they come from what the FTL has to do.
 *
 * Simplifications, each of which keeps the amount of work right:
 * - Collection changes the map at once; its time is a debt of its die, paid in equal parts with the programs of the
 *   block that it made room for, and in whatever time the die has nothing else to do.
 * - Reads go before programs and wait only for the operation that is under way, or for its suspension.
 * - The SLC cache is folded while nothing is asked of the device; full, it is passed by.
 * - The write buffer frees its program units in the order in which they were issued.
 * - With the write cache off a write waits for its programs, and what does not fill its last unit is padded at once:
 *   writes that come together are not put together.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core.h"
#include "ftl.h"

/* So long nothing may be asked of the device before the SLC cache is folded. */
#define IDLE_NS UINT64_C(20000000)

typedef struct parameters {
    double capacity, page_size, pages_per_block, channels, dies_per_channel, over_provisioning, reserve_blocks;
    double read_time, read_bytes, program_time, program_bytes, erase_time;
    double channel_bandwidth, interface_bandwidth, read_overhead, write_overhead;
    double buffer_bytes, buffer_protected, program_suspend, erase_suspend;
    double slc_share, slc_read_time, slc_program_time, bits_per_cell;
    double endurance, slc_endurance, read_energy, program_energy, erase_energy;
    double write_cache;
    double defect_throughput, defect_gc_stall, defect_gc_stall_share, defect_seed, defect_flush_ignored;
} parameters;

#define FIELD(name, unit, least, most, initial, meaning) \
    {#name, offsetof(parameters, name), unit, least, most, initial, meaning}

static const sb_field fields[] = {
    FIELD(capacity, "B", 65536, 0x1p44, NAN, "bytes that a host can address"),
    FIELD(page_size, "B", 512, 65536, 4096, "unit of the mapping"),
    FIELD(pages_per_block, "1", 4, 65536, 256, "mapped pages in an erase block"),
    FIELD(channels, "1", 1, 64, 1, "buses between controller and dies"),
    FIELD(dies_per_channel, "1", 1, 64, 1, "dies that work independently on a bus"),
    FIELD(over_provisioning, "1", 0.005, 10, NAN, "spare space over user capacity; the reserve comes on top"),
    FIELD(reserve_blocks, "1", 1, 64, 1, "blocks that each die keeps free for collection"),
    FIELD(read_time, "ns", 0, 1e9, NAN, "tR: array to register"),
    FIELD(read_bytes, "B", 512, 1048576, 4096, "bytes that one read of the array fetches"),
    FIELD(program_time, "ns", 0, 1e10, NAN, "tPROG: register to array"),
    FIELD(program_bytes, "B", 512, 16777216, 4096, "bytes that one program stores, over all planes"),
    FIELD(erase_time, "ns", 0, 1e11, NAN, "tBERS"),
    FIELD(channel_bandwidth, "B/s", 0, 1e12, 0, "bandwidth of a channel; 0 for no limit"),
    FIELD(interface_bandwidth, "B/s", 0, 1e13, 0, "bandwidth of the host interface, each way; 0 for no limit"),
    FIELD(read_overhead, "ns", 0, 1e9, 0, "controller's time for a read"),
    FIELD(write_overhead, "ns", 0, 1e9, 0, "controller's time for a write, up to its acknowledgement"),
    FIELD(buffer_bytes, "B", 512, 0x1p40, 1048576, "DRAM write buffer: a write is acknowledged when it is in"),
    FIELD(buffer_protected, "1", 0, 1, 0, "1: the buffer survives a power cut, so a flush is free"),
    FIELD(program_suspend, "ns", 0, 1e9, 0, "until a read can interrupt a program; 0: it cannot"),
    FIELD(erase_suspend, "ns", 0, 1e9, 0, "until a read can interrupt an erase; 0: it cannot"),
    FIELD(slc_share, "1", 0, 0.5, 0, "size of the SLC cache over user capacity; 0 for none"),
    FIELD(slc_read_time, "ns", 0, 1e9, 25000, "tR in SLC mode"),
    FIELD(slc_program_time, "ns", 0, 1e10, 200000, "tPROG in SLC mode"),
    FIELD(bits_per_cell, "1", 1, 5, 1, "bits in a cell outside the SLC cache"),
    FIELD(endurance, "1", 0, 1e9, 0, "program/erase cycles that a block is rated for; 0: unknown"),
    FIELD(slc_endurance, "1", 0, 1e9, 0, "the same in SLC mode"),
    FIELD(read_energy, "J", 0, 1, 0, "energy of one read of the array"),
    FIELD(program_energy, "J", 0, 1, 0, "energy of one program"),
    FIELD(erase_energy, "J", 0, 1, 0, "energy of one erase"),
    FIELD(write_cache, "1", 0, 1, 1, "0: a write into a buffer that is not protected waits until it is programmed"),
    FIELD(defect_throughput, "1", 0.01, 1, 1, "defect: share of its throughput that the device gives"),
    FIELD(defect_gc_stall, "ns", 0, 1e11, 0, "defect: by which some erases stall their die"),
    FIELD(defect_gc_stall_share, "1", 0, 1, 0, "defect: share of the erases for collection that do"),
    FIELD(defect_seed, "1", 0, 9007199254740992.0, 1, "defect: seed of which ones"),
    FIELD(defect_flush_ignored, "1", 0, 1, 0, "defect: 1: a flush is answered at once and does nothing"),
    {0},
};

/* What stays of a die's time: reads go first, so they have a line of their own. */
typedef struct die_time {
    uint64_t free_at;      /* programs and all that was put in front of them */
    uint64_t read_free_at;
    uint64_t debt;         /* of collection, not yet paid */
    uint64_t debt_transfer;
    uint32_t debt_parts;   /* programs over which it is still spread */
    uint32_t erases_due;
    uint64_t erase_from, erase_to; /* the last erase that was begun */
    uint64_t stall_to;     /* what that one's stall, a defect, lasts until */
    uint32_t last_first, last_count; /* physical pages of the unit programmed last */
    uint64_t last_done;
    uint32_t fill;         /* pages in the unit under construction */
    uint8_t stream;        /* of that unit */
} die_time;

typedef struct counters {
    uint64_t host_read, host_written, host_trimmed; /* bytes */
    uint64_t array_reads, programs, pages_programmed, cache_pages_programmed, folded;
    uint64_t buffer_hits;
    double energy;
} counters;

typedef struct flash {
    uint64_t capacity;
    uint32_t page_size, dies, channels, unit_pages, cache_unit_pages, buffer_units, ring_first, ring_count, cursor;
    uint64_t read_time, program_time, erase_time, slc_read_time, slc_program_time;
    uint64_t page_transfer;   /* of a mapped page over a channel */
    uint64_t read_overhead, write_overhead, program_suspend, erase_suspend;
    double interface_ns_per_byte;
    uint64_t interface_in, interface_out; /* free at */
    uint64_t answered;        /* when the host had its last answer */
    uint64_t busiest;         /* when the last program known so far is done */
    bool protected_buffer, cached;
    bool through;             /* no write cache */
    bool flush_ignored;
    double recovery;          /* see sb_recovery */
    uint64_t gc_stall;
    double gc_stall_share;
    uint64_t random;          /* which erases stall */
    double read_energy, program_energy, slc_program_energy, erase_energy, endurance, slc_endurance;
    uint32_t native_blocks;
    counters count;
    size_t die_times, channel_free, ring, ftl;
} flash;

static inline die_time *die_times(const flash *f) { return (die_time *)((char *)f + f->die_times); }
static inline uint64_t *channels(const flash *f) { return (uint64_t *)((char *)f + f->channel_free); }
static inline uint64_t *ring(const flash *f) { return (uint64_t *)((char *)f + f->ring); }
static inline ftl *ftl_of(const flash *f) { return (ftl *)((char *)f + f->ftl); }

/* --- set-up --- */

static uint32_t units_of(const parameters *p) { return (uint32_t)(p->buffer_bytes / p->program_bytes); }

static ftl_geometry geometry_of(const parameters *p) {
    ftl_geometry g = {0};
    g.pages = (uint64_t)(p->capacity / p->page_size);
    g.dies = (uint32_t)(p->channels * p->dies_per_channel);
    g.pages_per_block = (uint32_t)p->pages_per_block;
    g.reserve = (uint32_t)p->reserve_blocks;
    double per_die = (double)g.pages * (1 + p->over_provisioning) / g.dies / p->pages_per_block;
    /* The reserve and the two open blocks are no spare space that collection could gain from. */
    g.blocks_per_die = (uint32_t)ceil(per_die - 1e-9) + g.reserve + 1;
    if (p->slc_share > 0) {
        uint32_t unit = (uint32_t)fmax(1, p->program_bytes / p->page_size / p->bits_per_cell);
        g.cache_pages = (uint32_t)(p->pages_per_block / p->bits_per_cell) / unit * unit;
        double wanted = (double)g.pages * p->slc_share / g.dies;
        g.cache_blocks_per_die = g.cache_pages ? (uint32_t)ceil(wanted / g.cache_pages) + 1 : 0;
    }
    g.read_pages = (uint32_t)fmax(1, p->read_bytes / p->page_size);
    return g;
}

#define REFUSE(...) return snprintf(error, error_size, __VA_ARGS__), -1

static int check(const void *given, char *error, size_t error_size) {
    const parameters *p = given;
    if (fmod(p->capacity, p->page_size) != 0)
        REFUSE("capacity is not a multiple of page_size, %.0f B", p->page_size);
    if (fmod(p->page_size, 512) != 0)
        REFUSE("page_size is not a multiple of 512 B");
    if (fmod(p->program_bytes, p->page_size) != 0)
        REFUSE("program_bytes is not a multiple of page_size, %.0f B", p->page_size);
    if (fmod(p->pages_per_block, p->program_bytes / p->page_size) != 0)
        REFUSE("pages_per_block is not a multiple of the %.0f pages of a program", p->program_bytes / p->page_size);
    if (p->buffer_bytes < p->program_bytes)
        REFUSE("buffer_bytes holds less than one program, %.0f B", p->program_bytes);
    if (p->slc_share > 0 && p->bits_per_cell < 2)
        REFUSE("an SLC cache needs cells of more than one bit");
    ftl_geometry g = geometry_of(p);
    double spare = (double)g.pages * p->over_provisioning / g.dies / p->pages_per_block;
    if (spare < 2)
        REFUSE("over_provisioning gives each of the %u dies %.2g spare blocks, at least 2 are needed: "
               "the capacity must be at least %.0f MiB", g.dies, spare,
               ceil(2.0 / p->over_provisioning * g.dies * p->pages_per_block * p->page_size / 1048576));
    double physical = (double)g.dies * (g.blocks_per_die + g.cache_blocks_per_die);
    if (physical * exp2(ceil(log2(fmax(64, p->pages_per_block)))) >= 0x1p32 - 1)
        REFUSE("the capacity has more than 2^32 pages of %.0f B", p->page_size);
    return 0;
}

static size_t lay_out(const parameters *p, flash *f) {
    ftl_geometry g = geometry_of(p);
    size_t at = sb_aligned(sizeof *f);
    f->die_times = at;
    at += sb_aligned(g.dies * sizeof(die_time));
    f->channel_free = at;
    at += sb_aligned((size_t)p->channels * sizeof(uint64_t));
    f->ring = at;
    at += sb_aligned(units_of(p) * sizeof(uint64_t));
    f->ftl = at;
    return at + ftl_size(&g);
}

static size_t size(const void *given) {
    flash scratch;
    return lay_out(given, &scratch);
}

static uint64_t ns(double value) { return (uint64_t)(value + 0.5); }
static double ns_per_byte(double bandwidth) { return bandwidth > 0 ? 1e9 / bandwidth : 0; }

static void init(void *memory, const void *given) {
    const parameters *p = given;
    flash *f = memory;
    lay_out(p, f);
    ftl_geometry g = geometry_of(p);
    f->capacity = (uint64_t)p->capacity;
    f->page_size = (uint32_t)p->page_size;
    f->dies = g.dies;
    f->channels = (uint32_t)p->channels;
    f->unit_pages = (uint32_t)(p->program_bytes / p->page_size);
    f->cache_unit_pages = (uint32_t)fmax(1, f->unit_pages / p->bits_per_cell);
    f->buffer_units = units_of(p);
    f->read_time = ns(p->read_time);
    f->program_time = ns(p->program_time);
    f->erase_time = ns(p->erase_time);
    f->slc_read_time = ns(p->slc_read_time);
    f->slc_program_time = ns(p->slc_program_time);
    f->page_transfer = ns(p->page_size * ns_per_byte(p->channel_bandwidth));
    f->read_overhead = ns(p->read_overhead);
    f->write_overhead = ns(p->write_overhead);
    f->program_suspend = ns(p->program_suspend);
    f->erase_suspend = ns(p->erase_suspend);
    f->interface_ns_per_byte = ns_per_byte(p->interface_bandwidth);
    f->protected_buffer = p->buffer_protected > 0;
    f->cached = g.cache_blocks_per_die > 0;
    f->through = p->write_cache <= 0 && !f->protected_buffer;
    f->flush_ignored = p->defect_flush_ignored > 0;
    f->recovery = sb_recovery(p->defect_throughput);
    f->gc_stall = ns(p->defect_gc_stall);
    f->gc_stall_share = p->defect_gc_stall > 0 ? p->defect_gc_stall_share : 0;
    f->random = (uint64_t)p->defect_seed;
    f->read_energy = p->read_energy;
    f->program_energy = p->program_energy;
    /* Energy is supply current x voltage x time, and the currents are alike. */
    f->slc_program_energy = p->program_time > 0 ? p->program_energy * p->slc_program_time / p->program_time : 0;
    f->erase_energy = p->erase_energy;
    f->endurance = p->endurance;
    f->slc_endurance = p->slc_endurance;
    f->native_blocks = g.dies * g.blocks_per_die;
    ftl_init(ftl_of(f), &g);
}

/* --- time on a die --- */

static inline uint64_t recovery(const flash *f, uint64_t duration) {
    return f->recovery > 0 ? (uint64_t)((double)duration * f->recovery + 0.5) : 0;
}

/* Let a transfer pass the channel of a die; gives when it is through. */
static inline uint64_t cross_channel(flash *f, uint32_t die, uint64_t t, uint64_t duration) {
    uint64_t *free_at = &channels(f)[die % f->channels], done = sb_backlog(free_at, t, duration);
    *free_at += recovery(f, duration);
    return done;
}

/* What collection or folding costs the die that does it, besides transfers and erasures. */
static uint64_t cost_of(flash *f, const ftl_work *work) {
    double programs = (double)work->moved / f->unit_pages;
    f->count.array_reads += work->reads + work->cache_reads;
    f->count.programs += (work->moved + f->unit_pages - 1) / f->unit_pages;
    f->count.pages_programmed += work->moved;
    f->count.energy += (work->reads + work->cache_reads) * f->read_energy + programs * f->program_energy +
                       work->erases * f->erase_energy;
    return work->reads * f->read_time + work->cache_reads * f->slc_read_time +
           ns(programs * (double)f->program_time);
}

static void owe(flash *f, die_time *die, const ftl_work *work) {
    if (!work->erases)
        return;
    die->debt += cost_of(f, work);
    die->debt_transfer += 2 * work->moved * f->page_transfer;
    die->debt_parts = ftl_of(f)->geometry.pages_per_block / f->unit_pages;
    die->erases_due += work->erases;
}

static void erase_due(flash *f, die_time *die, uint64_t from) {
    die->erases_due--;
    die->erase_from = from;
    die->erase_to = from + f->erase_time;
    die->free_at = die->erase_to + recovery(f, f->erase_time);
    if (f->gc_stall_share > 0 && sb_random_unit(&f->random) < f->gc_stall_share)
        die->free_at = die->stall_to = die->erase_to + f->gc_stall;
}

/* Use the time in which a die had nothing to do, up to t, to pay its debts. */
static void catch_up(die_time *die, flash *f, uint64_t t) {
    if (die->free_at >= t)
        return;
    if (die->debt) {
        uint64_t idle = t - die->free_at, paid = die->debt < idle ? die->debt : idle;
        die->debt -= paid;
        die->free_at += paid;
        if (!die->debt)
            die->debt_transfer = 0;
    }
    while (die->erases_due && die->free_at < t)
        erase_due(f, die, die->free_at);
}

/* The host let the device rest from `from` to `until`: every die folds its part of the SLC cache, as far as it comes. */
static void rest(flash *f, uint64_t from, uint64_t until) {
    ftl *map = ftl_of(f);
    for (uint32_t number = 0; number < f->dies; number++) {
        die_time *die = &die_times(f)[number];
        catch_up(die, f, until);
        die->free_at = sb_later(die->free_at, from);
        uint32_t valid;
        while (die->free_at < until && (valid = ftl_foldable(map, number)) != FTL_NONE) {
            ftl_work work = {0};
            ftl_fold(map, number, &work);
            f->count.folded += valid;
            die->free_at += cost_of(f, &work) + 2 * work.moved * f->page_transfer + work.erases * f->erase_time;
        }
    }
}

/* Program the unit under construction on a die; everything of it is in the buffer at t. */
static void program(flash *f, uint32_t number, uint32_t pages, uint64_t t) {
    die_time *die = &die_times(f)[number];
    bool cache = die->stream == FTL_CACHE;
    catch_up(die, f, t);
    uint64_t transfer = pages * f->page_transfer, extra = 0;
    if (die->debt_parts) {
        extra = die->debt / die->debt_parts;
        uint64_t moved = die->debt_transfer / die->debt_parts;
        die->debt -= extra;
        die->debt_transfer -= moved;
        die->debt_parts--;
        extra += moved;
        cross_channel(f, number, t, moved);
    }
    uint64_t there = cross_channel(f, number, t, transfer);
    die->free_at = sb_later(die->free_at, there);
    if (die->erases_due)
        erase_due(f, die, die->free_at);
    uint64_t busy = extra + (cache ? f->slc_program_time : f->program_time);
    die->free_at += busy;
    die->last_done = die->free_at;
    f->busiest = sb_later(f->busiest, die->free_at);
    f->count.programs++;
    f->count.pages_programmed += pages;
    if (cache)
        f->count.cache_pages_programmed += pages;
    f->count.energy += cache ? f->slc_program_energy : f->program_energy;
    uint32_t at = f->ring_first + f->ring_count;
    ring(f)[at < f->buffer_units ? at : at - f->buffer_units] = die->free_at;
    f->ring_count++;
    die->free_at += recovery(f, busy);
    die->fill = 0;
}

/* Begin a unit on the next die that can take one. */
static void begin_unit(flash *f) {
    ftl *map = ftl_of(f);
    uint32_t number = f->cursor;
    for (;;) {
        die_time *die = &die_times(f)[number];
        ftl_work work = {0};
        bool ready = f->cached && ftl_ready(map, number, FTL_CACHE, &work);
        die->stream = ready ? FTL_CACHE : FTL_HOST;
        if (!ready)
            ready = ftl_ready(map, number, FTL_HOST, &work);
        owe(f, die, &work);
        if (ready)
            break;
        /* It holds more than its share of the valid data; the others then hold less than theirs. */
        number = number + 1 < f->dies ? number + 1 : 0;
    }
    f->cursor = number;
}

/* When the buffer has room for another unit. */
static inline uint64_t take_buffer(flash *f, uint64_t t) {
    if (f->ring_count < f->buffer_units)
        return t;
    uint64_t done = ring(f)[f->ring_first];
    f->ring_first = f->ring_first + 1 < f->buffer_units ? f->ring_first + 1 : 0;
    f->ring_count--;
    return sb_later(t, done);
}

/* Put pages into the buffer and program what is full; gives when the last of them is in. */
static uint64_t write_pages(flash *f, uint64_t page, uint64_t count, uint64_t t) {
    ftl *map = ftl_of(f);
    while (count) {
        die_time *die = &die_times(f)[f->cursor];
        if (!die->fill) {
            t = take_buffer(f, t);
            begin_unit(f);
            die = &die_times(f)[f->cursor];
        }
        uint32_t unit = die->stream == FTL_CACHE ? f->cache_unit_pages : f->unit_pages;
        uint32_t run = count < unit - die->fill ? (uint32_t)count : unit - die->fill;
        uint32_t first = ftl_write(map, f->cursor, die->stream, page, run);
        if (!die->fill) {
            die->last_first = first;
            die->last_done = UINT64_MAX;
        }
        die->fill += run;
        die->last_count = die->fill;
        page += run;
        count -= run;
        if (die->fill == unit) {
            program(f, f->cursor, unit, t);
            f->cursor = f->cursor + 1 < f->dies ? f->cursor + 1 : 0;
        }
    }
    return t;
}

/* Fill up the unit under construction, if there is one, and program it. */
static void pad_unit(flash *f, uint64_t t) {
    die_time *die = &die_times(f)[f->cursor];
    if (!die->fill)
        return;
    uint32_t unit = die->stream == FTL_CACHE ? f->cache_unit_pages : f->unit_pages;
    ftl_skip(ftl_of(f), f->cursor, die->stream, unit - die->fill);
    program(f, f->cursor, unit, t);
    f->cursor = f->cursor + 1 < f->dies ? f->cursor + 1 : 0;
}

/* Write pages; gives when the last of them is programmed. */
static uint64_t write_through(flash *f, uint64_t page, uint64_t count, uint64_t t) {
    uint64_t others = f->busiest;
    f->busiest = 0;
    pad_unit(f, write_pages(f, page, count, t));
    uint64_t done = f->busiest;
    f->busiest = sb_later(others, done);
    return done;
}

/* --- operations --- */

static inline uint64_t cross_interface(flash *f, uint64_t *free_at, uint64_t bytes, uint64_t t) {
    if (f->interface_ns_per_byte <= 0)
        return t;
    uint64_t duration = (uint64_t)((double)bytes * f->interface_ns_per_byte + 0.5);
    uint64_t done = sb_backlog(free_at, t, duration);
    *free_at += recovery(f, duration);
    return done;
}

/* Read one array page of a die; gives when it is in the register. */
static uint64_t read_array(flash *f, uint32_t number, bool cache, uint64_t t) {
    die_time *die = &die_times(f)[number];
    catch_up(die, f, t);
    /* What is under way goes on to its end, or until it is suspended. */
    uint64_t wait = 0, suspend = 0, duration = cache ? f->slc_read_time : f->read_time;
    if (t < die->stall_to && die->erase_from <= t) {
        wait = die->stall_to - t; /* no suspension ends it */
    } else if (die->erase_from <= t && t < die->erase_to) {
        wait = die->erase_to - t;
        suspend = f->erase_suspend;
    } else if (die->free_at > t && die->free_at > die->read_free_at && f->program_time) {
        wait = (die->free_at - t) % f->program_time;
        suspend = f->program_suspend;
    }
    if (suspend && wait > suspend)
        wait = suspend;
    uint64_t done = sb_later(t + wait, die->read_free_at) + duration;
    uint64_t rest = recovery(f, duration);
    die->read_free_at = done + rest;
    die->free_at = sb_later(die->free_at, t) + duration + rest;
    f->count.array_reads++;
    f->count.energy += f->read_energy;
    return done;
}

static bool in_buffer(const flash *f, uint32_t physical, uint32_t die, uint64_t t) {
    const die_time *one = &die_times(f)[die];
    return physical - one->last_first < one->last_count && one->last_done > t;
}

static uint64_t read_pages(flash *f, uint64_t page, uint64_t count, uint64_t t) {
    const ftl *map = ftl_of(f);
    const uint32_t *where = ftl_map(map) + page;
    const ftl_block *blocks = ftl_blocks(map);
    uint32_t group = map->geometry.read_pages, fetched = FTL_NONE;
    uint64_t done = t, array_done = t;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t physical = where[i];
        if (physical == FTL_NONE)
            continue;
        const ftl_block *block = &blocks[physical >> map->shift];
        if (in_buffer(f, physical, block->die, t)) {
            f->count.buffer_hits++;
            continue;
        }
        if (physical / group != fetched) {
            fetched = physical / group;
            array_done = read_array(f, block->die, block->cache, t);
        }
        uint64_t backlog = cross_channel(f, block->die, t, f->page_transfer);
        array_done += f->page_transfer;
        done = sb_later(done, sb_later(array_done, backlog));
    }
    return done;
}

static uint64_t do_read(flash *f, uint64_t offset, uint64_t length, uint64_t t) {
    uint64_t first = offset / f->page_size, last = (offset + length - 1) / f->page_size;
    f->count.host_read += length;
    uint64_t done = read_pages(f, first, last - first + 1, t + f->read_overhead);
    uint64_t passed = cross_interface(f, &f->interface_out, length, t);
    /* The last part leaves when the medium has given it; before, the wire may be busy with others. */
    uint64_t own = (uint64_t)((double)length * f->interface_ns_per_byte + 0.5);
    return sb_later(done + own, passed);
}

static uint64_t do_write(flash *f, uint64_t offset, uint64_t length, uint64_t t) {
    uint64_t page = f->page_size, first = offset / page, last = (offset + length - 1) / page;
    f->count.host_written += length;
    t = cross_interface(f, &f->interface_in, length, t) + f->write_overhead;
    /* Pages that are written in part are read first. */
    if (offset % page || (first == last && length % page))
        t = read_pages(f, first, 1, t);
    if ((offset + length) % page && last != first)
        t = read_pages(f, last, 1, t);
    return f->through ? write_through(f, first, last - first + 1, t) : write_pages(f, first, last - first + 1, t);
}

static uint64_t do_trim(flash *f, uint64_t offset, uint64_t length, uint64_t t) {
    uint64_t page = f->page_size, first = (offset + page - 1) / page, end = (offset + length) / page;
    f->count.host_trimmed += length;
    if (end > first)
        ftl_discard(ftl_of(f), first, end - first);
    return t + f->write_overhead;
}

/* Without capacitors everything in the buffer must reach the array; units that are not full are padded. */
static uint64_t do_flush(flash *f, uint64_t t) {
    if (f->protected_buffer || f->flush_ignored)
        return t + f->write_overhead;
    pad_unit(f, t);
    f->ring_first = f->ring_count = 0;
    return sb_later(t + f->write_overhead, f->busiest);
}

static uint64_t operate(flash *f, int op, uint64_t offset, uint64_t length, uint64_t t) {
    switch (op) {
    case SB_READ: return do_read(f, offset, length, t);
    case SB_WRITE: return do_write(f, offset, length, t);
    case SB_TRIM: return do_trim(f, offset, length, t);
    default: return do_flush(f, t);
    }
}

static uint64_t submit(void *memory, int op, uint64_t offset, uint64_t length, uint64_t t) {
    flash *f = memory;
    if (f->cached && t > f->answered + IDLE_NS)
        rest(f, f->answered + IDLE_NS, t);
    uint64_t done = operate(f, op, offset, length, t);
    f->answered = sb_later(f->answered, done);
    return done;
}

static uint64_t capacity(const void *memory) { return ((const flash *)memory)->capacity; }

static void reset(void *memory) {
    flash *f = memory;
    ftl_clear(ftl_of(f));
    for (uint32_t die = 0; die < f->dies; die++) {
        die_time *one = &die_times(f)[die];
        uint64_t free_at = one->free_at;
        memset(one, 0, sizeof *one);
        one->free_at = free_at;
    }
    f->ring_first = f->ring_count = f->cursor = 0;
}

/* --- counters --- */

static const sb_counter_name counter_names[] = {
    {"host_read", "B", "read by the host", 0},
    {"host_written", "B", "written by the host", 0},
    {"host_trimmed", "B", "trimmed by the host", 0},
    {"media_read", "B", "read from the flash array, collection included", 0},
    {"media_written", "B", "programmed, collection, folding and padding included", 0},
    {"cache_written", "B", "programmed in SLC mode", 0},
    {"collected", "B", "moved by garbage collection and folding", 0},
    {"folded", "B", "moved out of the SLC cache", 0},
    {"buffer_hits", "B", "read from the write buffer", 0},
    {"erases", "1", "erased blocks", 0},
    {"wear_mean", "1", "mean program/erase cycles of a block", 1},
    {"wear_max", "1", "most program/erase cycles of a block", 1},
    {"life_used", "1", "mean wear over the rated cycles", 1},
    {"energy_device", "J", "energy of reads, programs and erases", 0},
    {0},
};

static void read_counters(const void *memory, double *values) {
    const flash *f = memory;
    const ftl *map = ftl_of(f);
    double mean = (double)map->erases / f->native_blocks, page = f->page_size;
    const counters *c = &f->count;
    double all[] = {
        (double)c->host_read,
        (double)c->host_written,
        (double)c->host_trimmed,
        (double)c->array_reads * map->geometry.read_pages * page,
        (double)c->pages_programmed * page,
        (double)c->cache_pages_programmed * page,
        (double)map->moved * page,
        (double)c->folded * page,
        (double)c->buffer_hits * page,
        (double)(map->erases + map->cache_erases),
        mean,
        map->most_erases,
        f->endurance > 0 ? mean / f->endurance : 0,
        c->energy,
    };
    memcpy(values, all, sizeof all);
}

static void prefetch(const void *memory, uint64_t offset, int stage) {
    const flash *f = memory;
    ftl_prefetch(ftl_of(f), offset / f->page_size, stage);
}

const sb_kind sb_flash = {
    "flash", "NAND flash behind a page-mapped translation layer", fields, sizeof(parameters), check, size, init,
    capacity, submit, counter_names, read_counters, reset, prefetch,
};
