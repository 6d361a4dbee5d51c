#include "link.h"

#define FIELD(name, unit, least, most, initial, meaning) \
    {#name, offsetof(sb_link_parameters, name), unit, least, most, initial, meaning}

const sb_field sb_link_fields[] = {
    FIELD(link_rtt, "ns", 0, 60e9, 0, "round-trip time of the link in front of the device"),
    FIELD(link_bandwidth, "B/s", 0, 1e15, 0, "bandwidth of the link in each direction; 0 for no limit"),
    FIELD(link_jitter, "ns", 0, 60e9, 0, "mean of the exponentially distributed time that a round trip takes longer"),
    FIELD(link_seed, "1", 0, 9007199254740992.0, 1, "seed of the jitter"),
    {0},
};

void sb_link_init(sb_link *link, const sb_link_parameters *parameters) {
    link->half_trip = parameters->link_rtt / 2;
    link->ns_per_byte = parameters->link_bandwidth > 0 ? 1e9 / parameters->link_bandwidth : 0;
    link->jitter = parameters->link_jitter;
    link->random = (uint64_t)parameters->link_seed;
    link->there_free = link->back_free = 0;
}

/* What waits for the wire waits in order; the way through the air that follows can overtake. */
static uint64_t pass(sb_link *link, uint64_t *free_at, uint64_t bytes, uint64_t t, double trip) {
    if (link->ns_per_byte > 0 && bytes)
        t = sb_backlog(free_at, t, (uint64_t)((double)bytes * link->ns_per_byte + 0.5));
    return t + (uint64_t)(trip + 0.5);
}

uint64_t sb_link_there(sb_link *link, int op, uint64_t length, uint64_t t) {
    return pass(link, &link->there_free, op == SB_WRITE ? length : 0, t, link->half_trip);
}

uint64_t sb_link_back(sb_link *link, int op, uint64_t length, uint64_t done) {
    double trip = link->half_trip;
    if (link->jitter > 0)
        trip += sb_random_exponential(&link->random) * link->jitter;
    return pass(link, &link->back_free, op == SB_READ ? length : 0, done, trip);
}
