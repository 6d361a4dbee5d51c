#include "addresses.h"

#include <math.h>

/* Sum of i^-theta for i = 1 … n: the first terms one by one, the rest as an integral (midpoint rule; its relative error
 * is below 1e-8 after 10,000 terms). */
static double zeta(uint64_t n, double theta) {
    enum { EXACT = 10000 };
    double sum = 0;
    uint64_t exact = n < EXACT ? n : EXACT;
    for (uint64_t i = exact; i >= 1; i--)
        sum += pow((double)i, -theta);
    if (n > exact) {
        double from = (double)exact + 0.5, to = (double)n + 0.5;
        sum += (pow(to, 1 - theta) - pow(from, 1 - theta)) / (1 - theta);
    }
    return sum;
}

void sb_addresses_init(sb_addresses *a, const sb_client *client, uint64_t ranges) {
    *a = (sb_addresses){.kind = client->distribution, .zones = client->zones, .ranges = ranges,
                        .shape = client->shape, .zone_share = client->zone_share, .zone_end = client->zone_end};
    a->stride = sb_scattering_stride(ranges);
    double n = (double)ranges, theta = client->shape;
    if (a->kind == SB_ZIPF) {
        a->alpha = 1 / (1 - theta);
        a->zeta = zeta(ranges, theta);
        a->second = 1 + pow(0.5, theta);
        a->eta = (1 - pow(2 / n, 1 - theta)) / (1 - zeta(2, theta) / a->zeta);
    } else if (a->kind == SB_PARETO) {
        a->shape = log(theta) / log(1 - theta);
    } else if (a->kind == SB_NORMAL) {
        a->shape = fmin(n * theta / 100, n / 2);
    }
}

/* Popular ranges must not be neighbours, and no two ranks may share a range. */
static inline uint64_t scatter(const sb_addresses *a, uint64_t rank) {
    return sb_scattered(rank, a->stride, a->ranges);
}

/* Gray, Sundaresan, Englert, Baclawski, Weinberger: Quickly generating billion-record synthetic databases, SIGMOD 1994,
 * as fio does it. */
static uint64_t zipf_rank(const sb_addresses *a, uint64_t *random) {
    double u = sb_random_unit(random), z = u * a->zeta;
    if (z < 1)
        return 0;
    if (z < a->second)
        return 1;
    uint64_t rank = (uint64_t)((double)a->ranges * pow(a->eta * u - a->eta + 1, a->alpha));
    return rank < a->ranges ? rank : a->ranges - 1;
}

static double normal(uint64_t *random) {
    double u = sb_random_unit(random), v = sb_random_unit(random);
    return sqrt(-2 * log1p(-u)) * cos(2 * 3.14159265358979323846 * v);
}

static uint64_t zoned(const sb_addresses *a, uint64_t *random) {
    double u = sb_random_unit(random), from = 0;
    uint32_t zone = 0;
    while (zone + 1 < a->zones && u >= a->zone_share[zone])
        zone++;
    if (zone)
        from = a->zone_end[zone - 1];
    double place = from + (a->zone_end[zone] - from) * sb_random_unit(random);
    uint64_t range = (uint64_t)(place * (double)a->ranges);
    return range < a->ranges ? range : a->ranges - 1;
}

uint64_t sb_address(const sb_addresses *a, uint64_t *random) {
    double n = (double)a->ranges;
    switch (a->kind) {
    case SB_ZIPF: return scatter(a, zipf_rank(a, random));
    case SB_PARETO: return scatter(a, (uint64_t)((n - 1) * pow(sb_random_unit(random), a->shape)));
    case SB_NORMAL: {
        double place = fmod(n / 2 + a->shape * normal(random), n); /* around the middle, wrapped at the ends */
        return scatter(a, (uint64_t)(place < 0 ? place + n : place) % a->ranges);
    }
    case SB_ZONED: return zoned(a, random);
    default: return (uint64_t)(((unsigned __int128)sb_random(random) * a->ranges) >> 64);
    }
}
