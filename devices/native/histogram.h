/* fio's latency bins: 29 groups of 64; below 128 ns a bin is 1 ns wide, above at most 1/64 of its values. */
#ifndef STORBENCH_HISTOGRAM_H
#define STORBENCH_HISTOGRAM_H

#include <stdint.h>

static inline uint32_t sb_bin(uint64_t ns) {
    enum { BITS = 6, BINS = 29 << BITS };
    if (ns < (2u << BITS))
        return (uint32_t)ns;
    uint32_t shift = 63 - (uint32_t)__builtin_clzll(ns) - BITS;
    uint64_t bin = ((uint64_t)(shift + 1) << BITS) + (ns >> shift) - (1u << BITS);
    return bin < BINS ? (uint32_t)bin : BINS - 1;
}

#endif
