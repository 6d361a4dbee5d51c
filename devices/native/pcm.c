/* Phase-change memory and its like: lines that are written in place, on units that work independently.
 *
 * Time follows NVMeVirt's unit model: each unit serves one access after the other, and an access has a part that holds
 * its unit (occupancy), one that does not (delay), and one that holds it after the answer (trailing). A request is cut
 * at the units' stripes; its parts are served at the same time.
 */
#include <stdio.h>
#include <string.h>

#include "combining.h"
#include "core.h"
#include "start_gap.h"

enum { DRAIN_QUEUE = 8 }; /* lines that may wait for the medium before a new one has to */
enum { MOST_PARTS = 64 };

typedef struct parameters {
    double capacity, line_size, unit_size, units;
    double read_delay, read_occupancy, read_trailing, write_delay, write_occupancy, write_trailing;
    double read_occupancy_least, write_occupancy_least, read_sequential_delay;
    double set_latency, reset_latency, set_share, pulse_bits, parallel_lines;
    double read_bandwidth, write_bandwidth;
    double combining_bytes, write_ack, drain_bandwidth;
    double endurance, start_gap_interval, start_gap_region, start_gap_randomize, move_stall;
    double cell_read_energy, cell_write_energy, device_read_energy, device_write_energy;
    double defect_throughput;
} parameters;

#define FIELD(name, unit, least, most, initial, meaning) \
    {#name, offsetof(parameters, name), unit, least, most, initial, meaning}

static const sb_field fields[] = {
    FIELD(capacity, "B", 4096, 0x1p44, NAN, "bytes that a host can address"),
    FIELD(line_size, "B", 16, 65536, 256, "what the medium reads and writes at once, and what wears"),
    FIELD(unit_size, "B", 16, 1048576, 4096, "stripe by which addresses are spread over the units"),
    FIELD(units, "1", 1, 4096, 1, "banks that work independently"),
    FIELD(read_delay, "ns", 0, 1e9, 0, "part of a read that does not hold its unit"),
    FIELD(read_occupancy, "ns", 0, 1e9, NAN, "time that reading a stripe holds its unit"),
    FIELD(read_trailing, "ns", 0, 1e9, 0, "time that a read holds its unit after the answer"),
    FIELD(write_delay, "ns", 0, 1e9, 0, "part of a write that does not hold its unit"),
    FIELD(write_occupancy, "ns", 0, 1e9, 0, "time that writing a stripe holds its unit"),
    FIELD(write_trailing, "ns", 0, 1e9, 0, "time that a write holds its unit after the answer"),
    FIELD(read_occupancy_least, "ns", 0, 1e9, 0, "shortest occupancy of a smaller read; 0: as of a whole stripe"),
    FIELD(write_occupancy_least, "ns", 0, 1e9, 0, "shortest occupancy of a smaller write; 0: as of a whole stripe"),
    FIELD(read_sequential_delay, "ns", 0, 1e9, 0, "read_delay of a read that follows the last one; 0: the same"),
    FIELD(set_latency, "ns", 0, 1e9, 0, "pulse that crystallises cells; with it write_occupancy comes from the pulses"),
    FIELD(reset_latency, "ns", 0, 1e9, 0, "pulse that makes cells amorphous"),
    FIELD(set_share, "1", 0, 1, 0.5, "share of the bits that are SET"),
    FIELD(pulse_bits, "1", 1, 1048576, 64, "cells of a line that the power budget lets be written at once"),
    FIELD(parallel_lines, "1", 1, 65536, 1, "lines of a stripe that are written at once"),
    FIELD(read_bandwidth, "B/s", 0, 1e13, 0, "of the device's interface; 0 for no limit"),
    FIELD(write_bandwidth, "B/s", 0, 1e13, 0, "of the device's interface; 0 for no limit"),
    FIELD(combining_bytes, "B", 0, 1073741824, 0, "write-combining buffer inside the power-fail protected domain"),
    FIELD(write_ack, "ns", 0, 1e9, 0, "time until a write is in that buffer"),
    FIELD(drain_bandwidth, "B/s", 0, 1e13, 0, "at which whole lines leave that buffer; 0 for no limit"),
    FIELD(endurance, "1", 0, 1e15, 0, "writes that a line endures; 0: unknown"),
    FIELD(start_gap_interval, "1", 0, 1e9, 0, "line writes between moves of Start-Gap levelling; 0: no levelling"),
    FIELD(start_gap_region, "1", 0, 1e12, 0, "lines that are levelled together; 0: the whole device"),
    FIELD(start_gap_randomize, "1", 0, 1, 1, "1: neighbouring lines are spread over their region"),
    FIELD(move_stall, "ns", 0, 1e9, 0, "by which a write is late that makes the gap move"),
    FIELD(cell_read_energy, "J/B", 0, 1, 0, "energy of the cells for reading"),
    FIELD(cell_write_energy, "J/B", 0, 1, 0, "energy of the cells for writing"),
    FIELD(device_read_energy, "J/B", 0, 1, 0, "energy of the whole device for a read, above idle"),
    FIELD(device_write_energy, "J/B", 0, 1, 0, "energy of the whole device for a write, above idle"),
    FIELD(defect_throughput, "1", 0.01, 1, 1, "defect: share of its throughput that the device gives"),
    {0},
};

typedef struct counters {
    uint64_t host_read, host_written, host_trimmed, lines_read, lines_written, gap_moves;
    uint64_t worn_out, first_worn_out; /* lines; bytes that the host had written by then */
    uint64_t wear_max, combined;
    double energy_cell, energy_device;
} counters;

typedef struct pcm {
    uint64_t capacity, line_size, unit_size, lines, regions;
    uint32_t units, unit_lines, part_size;
    double read_delay, read_occupancy, read_trailing, write_delay, write_occupancy, write_trailing;
    double read_least, write_least, read_sequential_delay, read_line, write_line;
    double read_ns_per_byte, write_ns_per_byte, drain_line;
    double write_ack, move_stall;
    double recovery; /* see sb_recovery */
    double cell_read, cell_write, device_read, device_write;
    uint64_t endurance, wear_lines; /* wear_lines 0: not kept */
    sb_levelling levelling;
    uint64_t read_free, write_free, drain_free, last_read_end;
    counters count;
    size_t unit_free, region, wear, combining; /* offsets from the start of this struct; 0: there is none */
} pcm;

static inline uint64_t *unit_free(const pcm *p) { return (uint64_t *)((char *)p + p->unit_free); }
static inline sb_start_gap *regions(const pcm *p) { return (sb_start_gap *)((char *)p + p->region); }
static inline uint32_t *wear(const pcm *p) { return (uint32_t *)((char *)p + p->wear); }
static inline sb_combining *combining(const pcm *p) { return (sb_combining *)((char *)p + p->combining); }

/* --- set-up --- */

static double region_lines(const parameters *p) {
    double lines = p->capacity / p->line_size;
    return p->start_gap_region > 0 ? p->start_gap_region : lines;
}

#define REFUSE(...) return snprintf(error, error_size, __VA_ARGS__), -1

static int check(const void *given, char *error, size_t error_size) {
    const parameters *p = given;
    if (fmod(p->capacity, p->unit_size) != 0)
        REFUSE("capacity is not a multiple of unit_size, %.0f B", p->unit_size);
    if (fmod(p->unit_size, p->line_size) != 0)
        REFUSE("unit_size is not a multiple of line_size, %.0f B", p->line_size);
    if (p->read_occupancy_least > p->read_occupancy)
        REFUSE("read_occupancy_least is longer than read_occupancy");
    if (p->set_latency > 0 && p->write_occupancy > 0)
        REFUSE("write_occupancy is given twice: once by itself, once by set_latency");
    if (p->set_latency <= 0 && p->write_occupancy <= 0 && p->combining_bytes <= 0)
        REFUSE("writes take no time: set write_occupancy, set_latency or combining_bytes");
    if (p->set_latency <= 0 && p->write_occupancy_least > p->write_occupancy)
        REFUSE("write_occupancy_least is longer than write_occupancy");
    if (p->combining_bytes > 0 && p->combining_bytes < p->line_size)
        REFUSE("combining_bytes holds less than one line, %.0f B", p->line_size);
    if (p->combining_bytes > 0 && p->line_size > MOST_PARTS && fmod(p->line_size, MOST_PARTS) != 0)
        REFUSE("with a combining buffer line_size must be a multiple of %d B", MOST_PARTS);
    if (fmod(p->capacity / p->line_size, region_lines(p)) != 0)
        REFUSE("the capacity is not a whole number of Start-Gap regions of %.0f lines", region_lines(p));
    if (p->start_gap_interval > 0 && region_lines(p) < 2)
        REFUSE("a Start-Gap region needs at least 2 lines");
    return 0;
}

static uint64_t wear_lines(const parameters *p) {
    double lines = p->capacity / p->line_size;
    if (p->start_gap_interval > 0)
        return (uint64_t)(lines + lines / region_lines(p)); /* each region has a spare line */
    return p->endurance > 0 ? (uint64_t)lines : 0;
}

static uint32_t combining_lines(const parameters *p) { return (uint32_t)(p->combining_bytes / p->line_size); }

static size_t lay_out(const parameters *p, pcm *m) {
    size_t at = sb_aligned(sizeof *m);
    m->unit_free = at;
    at += sb_aligned((size_t)p->units * sizeof(uint64_t));
    m->region = m->wear = m->combining = 0;
    if (p->start_gap_interval > 0) {
        m->region = at;
        at += sb_aligned((size_t)(p->capacity / p->line_size / region_lines(p)) * sizeof(sb_start_gap));
    }
    if (combining_lines(p)) {
        m->combining = at;
        at += sb_aligned(sb_combining_size(combining_lines(p)));
    }
    if (wear_lines(p)) {
        m->wear = at;
        at += sb_aligned(wear_lines(p) * sizeof(uint32_t));
    }
    return at;
}

static size_t size(const void *given) {
    pcm scratch;
    return lay_out(given, &scratch);
}

/* Writing a line takes a pulse for each group of cells; a pulse is a SET where any of its cells is SET. */
static double pulses_of_line(const parameters *p) {
    double bits = p->line_size * 8, width = fmin(p->pulse_bits, bits);
    double set = 1 - pow(1 - p->set_share, width);
    return ceil(bits / width) * (set * p->set_latency + (1 - set) * p->reset_latency);
}

static void init(void *memory, const void *given) {
    const parameters *p = given;
    pcm *m = memory;
    lay_out(p, m);
    m->capacity = (uint64_t)p->capacity;
    m->line_size = (uint64_t)p->line_size;
    m->unit_size = (uint64_t)p->unit_size;
    m->lines = m->capacity / m->line_size;
    m->units = (uint32_t)p->units;
    m->unit_lines = (uint32_t)(m->unit_size / m->line_size);
    m->part_size = (uint32_t)((m->line_size + MOST_PARTS - 1) / MOST_PARTS);
    m->read_delay = p->read_delay;
    m->read_occupancy = p->read_occupancy;
    m->read_trailing = p->read_trailing;
    m->write_delay = p->write_delay;
    m->write_trailing = p->write_trailing;
    m->write_occupancy = p->write_occupancy;
    if (p->set_latency > 0)
        m->write_occupancy = pulses_of_line(p) * ceil(m->unit_lines / p->parallel_lines);
    m->read_least = p->read_occupancy_least > 0 ? p->read_occupancy_least : m->read_occupancy;
    m->write_least = p->write_occupancy_least > 0 ? p->write_occupancy_least : m->write_occupancy;
    if (p->set_latency > 0)
        m->write_least = pulses_of_line(p);
    m->read_line = m->read_occupancy / m->unit_lines;
    m->write_line = m->write_occupancy / m->unit_lines;
    m->read_sequential_delay = p->read_sequential_delay;
    m->read_ns_per_byte = p->read_bandwidth > 0 ? 1e9 / p->read_bandwidth : 0;
    m->write_ns_per_byte = p->write_bandwidth > 0 ? 1e9 / p->write_bandwidth : 0;
    m->drain_line = p->drain_bandwidth > 0 ? 1e9 * p->line_size / p->drain_bandwidth : 0;
    m->write_ack = p->write_ack;
    m->move_stall = p->move_stall;
    m->recovery = sb_recovery(p->defect_throughput);
    m->cell_read = p->cell_read_energy;
    m->cell_write = p->cell_write_energy;
    m->device_read = p->device_read_energy;
    m->device_write = p->device_write_energy;
    m->endurance = (uint64_t)p->endurance;
    m->wear_lines = wear_lines(p);
    uint64_t in_region = (uint64_t)region_lines(p);
    sb_levelling_init(&m->levelling, in_region, (uint64_t)p->start_gap_interval, p->start_gap_randomize > 0);
    m->regions = m->region ? m->lines / in_region : 0;
    for (uint64_t i = 0; i < m->regions; i++)
        sb_start_gap_init(&regions(m)[i], &m->levelling);
    if (m->combining)
        sb_combining_init(combining(m), combining_lines(p));
    m->last_read_end = UINT64_MAX;
}

/* --- the medium --- */

static inline uint64_t rounded(double ns) { return (uint64_t)(ns + 0.5); }

static void wear_out(pcm *m, uint64_t place) {
    uint32_t worn = ++wear(m)[place];
    if (worn > m->count.wear_max)
        m->count.wear_max = worn;
    if (worn == m->endurance) {
        if (!m->count.worn_out++)
            m->count.first_worn_out = m->count.host_written;
    }
}

/* Write lines to the medium: wear, levelling, energy. Gives by how many ns that stalls. */
static double write_lines(pcm *m, uint64_t first, uint64_t count) {
    double stall = 0;
    m->count.lines_written += count;
    m->count.energy_cell += (double)(count * m->line_size) * m->cell_write;
    if (!m->wear)
        return 0;
    if (!m->region) {
        for (uint64_t line = first; line < first + count; line++)
            wear_out(m, line);
        return 0;
    }
    for (uint64_t line = first; line < first + count; line++) {
        uint64_t number = line / m->levelling.lines;
        sb_start_gap *region = &regions(m)[number];
        uint64_t base = number * (m->levelling.lines + 1);
        wear_out(m, base + sb_start_gap_place(region, &m->levelling, line % m->levelling.lines));
        uint64_t moved = sb_start_gap_write(region, &m->levelling);
        if (moved == UINT64_MAX)
            continue;
        wear_out(m, base + moved);
        m->count.gap_moves++;
        m->count.lines_read++;
        m->count.lines_written++;
        m->count.energy_cell += (double)m->line_size * (m->cell_read + m->cell_write);
        stall += m->move_stall + m->read_line + m->write_line;
    }
    return stall;
}

static void read_lines(pcm *m, uint64_t count) {
    m->count.lines_read += count;
    m->count.energy_cell += (double)(count * m->line_size) * m->cell_read;
}

/* How long an access to `lines` lines of a stripe holds its unit. */
static inline double held(double whole, double least, uint32_t lines, uint32_t stripe) {
    double share = whole * lines / stripe;
    return share > least ? share : least;
}

/* Serve on a unit; gives when the answer is there. */
static uint64_t serve(pcm *m, uint64_t offset, uint64_t t, double occupancy, double delay, double trailing) {
    uint64_t *free_at = &unit_free(m)[offset / m->unit_size % m->units];
    uint64_t done = sb_later(t, *free_at) + rounded(occupancy);
    *free_at = done + rounded(trailing + (occupancy + trailing) * m->recovery);
    return done + rounded(delay);
}

/* Let work pass a resource that is free again after its recovery. */
static uint64_t pass(const pcm *m, uint64_t *free_at, uint64_t t, double duration) {
    uint64_t done = sb_backlog(free_at, t, rounded(duration));
    *free_at += rounded(duration * m->recovery);
    return done;
}

static uint64_t cross_interface(
    const pcm *m, uint64_t *free_at, double ns_per_byte, uint64_t length, uint64_t t) {
    return ns_per_byte > 0 ? pass(m, free_at, t, (double)length * ns_per_byte) : t;
}

/* --- operations --- */

static bool buffered(const pcm *m, uint64_t first, uint64_t last) {
    for (uint64_t line = first; line <= last; line++) {
        if (!sb_combining_find(combining(m), line))
            return false;
    }
    return true;
}

static uint64_t do_read(pcm *m, uint64_t offset, uint64_t length, uint64_t t) {
    uint64_t done = t, end = offset + length;
    double delay = m->read_delay;
    if (m->read_sequential_delay > 0 && offset == m->last_read_end)
        delay = m->read_sequential_delay;
    m->last_read_end = end;
    m->count.host_read += length;
    m->count.energy_device += (double)length * m->device_read;
    for (uint64_t at = offset; at < end;) {
        uint64_t stop = (at / m->unit_size + 1) * m->unit_size;
        if (stop > end)
            stop = end;
        uint64_t first = at / m->line_size, last = (stop - 1) / m->line_size;
        if (m->combining && buffered(m, first, last)) {
            done = sb_later(done, t + rounded(m->write_ack));
        } else {
            uint32_t lines = (uint32_t)(last - first + 1);
            read_lines(m, lines);
            double occupancy = held(m->read_occupancy, m->read_least, lines, m->unit_lines);
            done = sb_later(done, serve(m, at, t, occupancy, delay, m->read_trailing));
        }
        at = stop;
    }
    return sb_later(done, cross_interface(m, &m->read_free, m->read_ns_per_byte, length, t));
}

/* Write in place: lines that are covered in part are read first. */
static uint64_t write_through(pcm *m, uint64_t offset, uint64_t end, uint64_t t) {
    uint64_t done = t;
    for (uint64_t at = offset; at < end;) {
        uint64_t stop = (at / m->unit_size + 1) * m->unit_size;
        if (stop > end)
            stop = end;
        uint64_t first = at / m->line_size, last = (stop - 1) / m->line_size;
        uint32_t lines = (uint32_t)(last - first + 1);
        uint32_t partly = at % m->line_size != 0;
        if (stop % m->line_size && (last != first || !partly))
            partly++;
        double occupancy = held(m->write_occupancy, m->write_least, lines, m->unit_lines);
        if (partly) {
            read_lines(m, partly);
            occupancy += held(m->read_occupancy, m->read_least, partly, m->unit_lines);
        }
        occupancy += write_lines(m, first, lines);
        done = sb_later(done, serve(m, at, t, occupancy, m->write_delay, m->write_trailing));
        at = stop;
    }
    return done;
}

/* Let a line leave the buffer; gives when there is room for another. */
static uint64_t drain(pcm *m, uint64_t line, bool whole, uint64_t t) {
    if (!whole)
        read_lines(m, 1);
    double stall = write_lines(m, line, 1);
    uint64_t drained = pass(m, &m->drain_free, t, m->drain_line + stall);
    uint64_t ahead = rounded(DRAIN_QUEUE * m->drain_line);
    return drained > ahead ? drained - ahead : 0;
}

static uint64_t write_combined(pcm *m, uint64_t offset, uint64_t end, uint64_t t) {
    uint64_t done = t + rounded(m->write_ack);
    uint64_t whole = ~UINT64_C(0) >> (MOST_PARTS - m->line_size / m->part_size);
    for (uint64_t at = offset; at < end;) {
        uint64_t line = at / m->line_size, stop = (line + 1) * m->line_size;
        if (stop > end)
            stop = end;
        uint64_t from = at % m->line_size / m->part_size, to = (stop - 1) % m->line_size / m->part_size;
        uint64_t parts = (~UINT64_C(0) >> (63 - (to - from))) << from;
        sb_combined evicted;
        bool was_evicted;
        uint64_t there = sb_combining_add(combining(m), line, parts, &evicted, &was_evicted);
        if (was_evicted)
            done = sb_later(done, drain(m, evicted.line, false, t));
        if (there == whole) {
            sb_combining_remove(combining(m), line);
            done = sb_later(done, drain(m, line, true, t));
        } else {
            m->count.combined++;
        }
        at = stop;
    }
    return done;
}

static uint64_t do_write(pcm *m, uint64_t offset, uint64_t length, uint64_t t) {
    m->count.host_written += length;
    m->count.energy_device += (double)length * m->device_write;
    uint64_t end = offset + length;
    uint64_t done = m->combining ? write_combined(m, offset, end, t) : write_through(m, offset, end, t);
    return sb_later(done, cross_interface(m, &m->write_free, m->write_ns_per_byte, length, t));
}

static uint64_t submit(void *memory, int op, uint64_t offset, uint64_t length, uint64_t t) {
    pcm *m = memory;
    switch (op) {
    case SB_READ: return do_read(m, offset, length, t);
    case SB_WRITE: return do_write(m, offset, length, t);
    case SB_TRIM: m->count.host_trimmed += length; return t;
    default: return t; /* what was acknowledged is in the medium or in the protected domain */
    }
}

static uint64_t capacity(const void *memory) { return ((const pcm *)memory)->capacity; }

static void reset(void *memory) {
    pcm *m = memory;
    if (m->combining)
        sb_combining_init(combining(m), combining(m)->entries);
    m->last_read_end = UINT64_MAX;
}

/* --- counters --- */

static const sb_counter_name counter_names[] = {
    {"host_read", "B", "read by the host", 0},
    {"host_written", "B", "written by the host", 0},
    {"host_trimmed", "B", "trimmed by the host", 0},
    {"media_read", "B", "read from the medium, read-modify-write and levelling included", 0},
    {"media_written", "B", "written to the medium, levelling included", 0},
    {"combined", "1", "writes that met others in the write-combining buffer", 0},
    {"gap_moves", "1", "moves of the wear levelling", 0},
    {"wear_mean", "1", "mean writes of a line", 1},
    {"wear_max", "1", "most writes of a line", 1},
    {"life_used", "1", "wear of the most worn line over its endurance", 1},
    {"lifetime", "B", "host writes after which the first line wears out, at the wear so far", 1},
    {"lines_worn_out", "1", "lines that were written as often as they endure", 1},
    {"first_worn_out", "B", "host writes after which the first line wore out", 1},
    {"energy_cells", "J", "energy of the cells", 0},
    {"energy_device", "J", "energy of the whole device above idle", 0},
    {0},
};

static void read_counters(const void *memory, double *values) {
    const pcm *m = memory;
    const counters *c = &m->count;
    double line = (double)m->line_size, most = (double)c->wear_max, endurance = (double)m->endurance;
    double all[] = {
        (double)c->host_read,
        (double)c->host_written,
        (double)c->host_trimmed,
        (double)c->lines_read * line,
        (double)c->lines_written * line,
        (double)c->combined,
        (double)c->gap_moves,
        m->wear_lines ? (double)c->lines_written / (double)m->wear_lines : 0,
        most,
        endurance > 0 ? most / endurance : 0,
        most > 0 ? (double)c->host_written * endurance / most : 0,
        (double)c->worn_out,
        (double)c->first_worn_out,
        c->energy_cell,
        c->energy_device,
    };
    memcpy(values, all, sizeof all);
}

const sb_kind sb_pcm = {
    "pcm", "phase-change memory and its like: written in place, line by line", fields, sizeof(parameters), check, size,
    init, capacity, submit, counter_names, read_counters, reset, NULL,
};
