/* The link in front of a device: round trip, bandwidth in each direction, jitter. */
#ifndef STORBENCH_LINK_H
#define STORBENCH_LINK_H

#include "core.h"

typedef struct sb_link_parameters {
    double link_rtt, link_bandwidth, link_jitter, link_seed;
} sb_link_parameters;

typedef struct sb_link {
    double half_trip, ns_per_byte, jitter;
    uint64_t random, there_free, back_free;
} sb_link;

extern const sb_field sb_link_fields[];

void sb_link_init(sb_link *link, const sb_link_parameters *parameters);
/* When the request has reached the device. */
uint64_t sb_link_there(sb_link *link, int op, uint64_t length, uint64_t t);
/* When the answer of an operation that was done at `done` has come back. */
uint64_t sb_link_back(sb_link *link, int op, uint64_t length, uint64_t done);

#endif
