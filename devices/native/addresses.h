/* Where random I/Os go: fio's distributions, over a number of equal ranges. */
#ifndef STORBENCH_ADDRESSES_H
#define STORBENCH_ADDRESSES_H

#include "load.h"

typedef struct sb_addresses {
    uint32_t kind, zones;
    uint64_t ranges;
    uint64_t stride; /* from one rank to the next: without a common factor with `ranges`, so no two ranks meet */
    double shape, alpha, eta, zeta, second; /* of Zipf's law; `shape` is the exponent of Pareto's, the spread of normal */
    const double *zone_share, *zone_end;
} sb_addresses;

void sb_addresses_init(sb_addresses *addresses, const sb_client *client, uint64_t ranges);
/* A range, below `ranges`. */
uint64_t sb_address(const sb_addresses *addresses, uint64_t *random);

#endif
