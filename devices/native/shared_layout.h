/* What stands at the front of a shared device's file. Only shared.c and wait.c look into it. */
#ifndef STORBENCH_SHARED_LAYOUT_H
#define STORBENCH_SHARED_LAYOUT_H

#include <pthread.h>

#include "shared.h"

enum { SB_SPINNERS = 64 };

struct sb_shared {
    uint64_t magic; /* written last */
    uint32_t version, front;
    uint64_t size;
    int32_t mode;
    /* What follows is written by every I/O, so it shares no cache line with what is only read. */
    _Alignas(64) pthread_mutex_t lock;
    uint64_t ahead;  /* the model's time minus CLOCK_MONOTONIC */
    uint64_t latest; /* in the model's time */
    uint64_t deaths;
    /* Who spins writes here until when. Nobody needs to take it back: a time that has passed means nothing, so that
     * somebody who was killed does not count for ever. */
    _Alignas(64) uint64_t spinning_until[SB_SPINNERS];
    _Alignas(64) sb_statistics statistics[SB_OPS];
};

/* Wait a moment between two looks at something that is about to change; after many, let others run. */
void sb_pause(unsigned tries);

#endif
