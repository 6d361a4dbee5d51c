/* A device that several processes share, in real time: its state in a file that all of them map.
 *
 * The file holds what is common to the front ends (lock, mode, clock, statistics) and, at the next boundary of 4096
 * bytes, the core's block. Times that callers give and get are ns of CLOCK_MONOTONIC; the model's own time runs beside
 * it at a fixed distance, so that a device can have a past in virtual time.
 */
#ifndef STORBENCH_SHARED_H
#define STORBENCH_SHARED_H

#include "core.h"

enum { SB_LATENCY_BINS = 29 * 64 };

/* SB_WAIT: an operation is due when the model says. SB_FLOOR: it is due at once, and the model only costs its computing
 * time; what is late then is what the front end cannot do faster. */
enum sb_mode { SB_WAIT = 0, SB_FLOOR = 1 };

/* What was done with one kind of operation. Times in ns, bins as fio's (histogram.h). */
typedef struct sb_statistics {
    uint64_t count;
    uint64_t late; /* over the deadline by more than max(2 us, 5 % of the model's latency) */
    uint64_t latency_sum, latency_max; /* the model's: from submission to the deadline */
    uint64_t error_sum, error_max;     /* from the deadline to the return to the caller */
    uint64_t latency[SB_LATENCY_BINS], error[SB_LATENCY_BINS];
} sb_statistics;

typedef struct sb_shared sb_shared;

/* Bytes of the file. */
size_t sb_shared_size(const sb_config *config);
/* Make the device. `memory` is zeroed and aligned to 4096; it is the file, mapped MAP_SHARED, where others are to see
 * it. Nobody else uses it before this has returned. */
void sb_shared_init(void *memory, const sb_config *config);
/* Map a file that was made so. NULL with the reason in `error`. */
sb_shared *sb_shared_map(const char *path, char *error, size_t error_size);
void sb_shared_unmap(sb_shared *shared);

uint64_t sb_shared_capacity(const sb_shared *shared);
void sb_shared_set_mode(sb_shared *shared, int mode);
/* Set the model's time of this moment: for a device that has a past in virtual time, and after a restart of the machine,
 * when CLOCK_MONOTONIC starts again. It is 0 at init. */
void sb_shared_set_time(sb_shared *shared, uint64_t model_time);
/* The latest time, in the model's time, at which something was submitted or answered. */
uint64_t sb_shared_time(const sb_shared *shared);

uint64_t sb_shared_now(void);
/* Give the deadline. offset + length lie inside the capacity. */
uint64_t sb_shared_submit(sb_shared *shared, int op, uint64_t offset, uint64_t length, uint64_t t);
/* Wait for the deadline; give the time of the return. */
uint64_t sb_shared_wait(sb_shared *shared, uint64_t t_done);
/* The same without using a processor, and some 30 us less exact. */
uint64_t sb_shared_sleep(uint64_t t_done);
void sb_shared_done(sb_shared *shared, int op, uint64_t t_submit, uint64_t t_done, uint64_t t_return);

/* The core's block, for counters and reset; take the lock around it. */
void *sb_shared_device(sb_shared *shared);
void sb_shared_lock(sb_shared *shared);
void sb_shared_unlock(sb_shared *shared);

void sb_shared_statistics(const sb_shared *shared, int op, sb_statistics *statistics);
void sb_shared_statistics_reset(sb_shared *shared);
/* How often a process died inside the model. What it was doing is then half done. */
uint64_t sb_shared_deaths(const sb_shared *shared);

#endif
