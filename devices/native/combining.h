/* A write-combining buffer: lines of which only parts were written wait here, least recently written first out. */
#ifndef STORBENCH_COMBINING_H
#define STORBENCH_COMBINING_H

#include <stdbool.h>

#include "core.h"

#define SB_NOWHERE UINT32_MAX

typedef struct sb_combined {
    uint64_t line;
    uint64_t parts;          /* a bit for each part that is there */
    uint32_t older, newer;   /* in the order of use */
    uint32_t chain;          /* next with the same hash */
} sb_combined;

typedef struct sb_combining {
    uint32_t entries, buckets, used, oldest, newest, free;
    size_t entry, bucket;    /* offsets from the start of this struct */
} sb_combining;

size_t sb_combining_size(uint32_t entries);
/* `memory` is zeroed. */
void sb_combining_init(sb_combining *memory, uint32_t entries);
/* Parts of a line that are in the buffer, 0 where it is not. */
uint64_t sb_combining_find(const sb_combining *buffer, uint64_t line);
/* Add parts to a line; gives all that are there now. Where a line had to leave for it, `evicted` is that line. */
uint64_t sb_combining_add(sb_combining *buffer, uint64_t line, uint64_t parts, sb_combined *evicted, bool *was_evicted);
/* Take a line out. */
void sb_combining_remove(sb_combining *buffer, uint64_t line);

#endif
