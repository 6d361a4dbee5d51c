/* A planted defect: a device that slows itself down when it was under load for too long.
 *
 * Heat is counted in ns of load: it rises while anything is asked of the device, and falls as quickly while nothing is.
 * At `after` the device goes on at `factor` of its speed, all that happens in it, until half of the heat is gone.
 */
#ifndef STORBENCH_THERMAL_H
#define STORBENCH_THERMAL_H

#include <stdbool.h>

#include "core.h"

/* The temperatures that the device tells: rested, and where it throttles; in between by its heat. */
#define SB_RESTED_CELSIUS 30.0
#define SB_THROTTLING_CELSIUS 70.0

typedef struct sb_thermal_parameters {
    double defect_throttle_after, defect_throttle_factor;
} sb_thermal_parameters;

extern const sb_field sb_thermal_fields[];

/* Times are the host's, but for `own_base`: while the device is throttled its own time goes slower. */
typedef struct sb_thermal {
    uint64_t after;        /* 0: it never throttles */
    double factor;
    uint64_t heat;
    uint64_t busy_until;
    bool throttled;
    uint64_t base, own_base; /* a moment, in the host's and in the device's own time */
    uint64_t since;        /* when the throttling began */
    uint64_t events, throttled_time;
} sb_thermal;

void sb_thermal_init(sb_thermal *thermal, const sb_thermal_parameters *parameters);
/* What arrives at t: cool down until then; gives t in the device's own time. */
uint64_t sb_thermal_arrive(sb_thermal *thermal, uint64_t t);
/* What arrived at t takes `own` of the device's own time: heat up; gives when it is done. */
uint64_t sb_thermal_done(sb_thermal *thermal, uint64_t t, uint64_t own);

enum { SB_THERMAL_COUNTERS = 4 };
extern const sb_counter_name sb_thermal_counters[SB_THERMAL_COUNTERS];
double sb_thermal_counter(const sb_thermal *thermal, int i);

#endif
