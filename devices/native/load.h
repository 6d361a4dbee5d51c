/* A load on a device in virtual time: clients that keep I/Os in flight, each with a stream of its own.
 *
 * An I/O is submitted when a slot of its client is free and, with a rate, its time has come; completions are taken in
 * their order in time. Nothing depends on a clock, so one seed gives one outcome.
 */
#ifndef STORBENCH_LOAD_H
#define STORBENCH_LOAD_H

#include "core.h"

enum { SB_BINS = 29 * 64, SB_SIZES = 64, SB_ZONES = 256 };
enum sb_arrival { SB_STEADY = 0, SB_POISSON = 1 };
enum sb_distribution { SB_UNIFORM = 0, SB_ZIPF = 1, SB_PARETO = 2, SB_NORMAL = 3, SB_ZONED = 4 };

/* One client. Times in ns from the start of the load, sizes and offsets in bytes. */
typedef struct sb_client {
    uint64_t seed, offset, span;
    uint32_t queue_depth, sequential, read_percent, fsync_every;
    double rate_iops;                       /* 0: as fast as completions allow */
    uint32_t arrival, distribution;
    double shape;                           /* theta, h, or deviation in percent */
    uint64_t bytes, ramp, duration;         /* duration 0: ends by bytes */
    uint32_t sizes, zones;
    uint64_t size[SB_SIZES];
    double size_share[SB_SIZES];            /* cumulated, the last is 1 */
    double zone_share[SB_ZONES];            /* of the accesses, cumulated, the last is 1 */
    double zone_end[SB_ZONES];              /* of the span, cumulated, at most 1 */
    uint32_t trim;                          /* what would be written is trimmed */
    uint32_t sequential_percent;            /* of random I/Os, those that follow the one before */
    uint64_t think_time, think_every;       /* a pause after so many I/Os; 0 for none */
} sb_client;

/* Operations of one kind that were timed. */
typedef struct sb_timed {
    uint64_t ios, bytes, least, most, sum;
    double square;
    uint64_t histogram[SB_BINS];
} sb_timed;

/* What was measured of one client since its ramp ended; index 0 reads, 1 writes. Latencies in ns, bins as fio's. */
typedef struct sb_totals {
    uint64_t ios[2], bytes[2], least[2], most[2], sum[2];
    double square[2];
    uint64_t histogram[2][SB_BINS];
    uint64_t syncs, sync_least, sync_most, sync_sum;
    double sync_square;
    uint64_t sync_histogram[SB_BINS];
    uint64_t first, last;                   /* when the measurement began and the last I/O completed */
    uint64_t issued_bytes;                  /* ramp included */
    sb_timed trim;
} sb_totals;

typedef struct sb_load sb_load;

/* `device` is a core's block; `start` is the device's time. NULL where there is no memory. */
sb_load *sb_load_new(void *device, uint64_t start, uint32_t clients);
void sb_load_free(sb_load *load);
/* 0, or -1 where there is no memory or the log cannot be written. `log` NULL: none; otherwise each I/O in fio's text. */
int sb_load_client(sb_load *load, uint32_t i, const sb_client *client, const char *log);
/* Go on to time `until`, for at most `events` events. 0: every client has ended; 1: nothing is left before `until`;
 * 2: the events are used up; -1: a log could not be written. */
int sb_load_run(sb_load *load, uint64_t until, uint64_t events);
/* The time of the last event. */
uint64_t sb_load_now(const sb_load *load);
const sb_totals *sb_load_totals(const sb_load *load, uint32_t i);

#endif
