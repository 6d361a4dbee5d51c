#include "thermal.h"

#define FIELD(name, unit, least, most, initial, meaning) \
    {#name, offsetof(sb_thermal_parameters, name), unit, least, most, initial, meaning}

const sb_field sb_thermal_fields[] = {
    FIELD(defect_throttle_after, "ns", 0, 1e15, 0, "defect: load after which the device slows itself down; 0: never"),
    FIELD(defect_throttle_factor, "1", 0.001, 1, 0.5, "defect: speed of the device while it slows itself down"),
    {0},
};

void sb_thermal_init(sb_thermal *thermal, const sb_thermal_parameters *parameters) {
    *thermal = (sb_thermal){
        .after = (uint64_t)parameters->defect_throttle_after,
        .factor = parameters->defect_throttle_factor,
    };
}

static uint64_t own_time(const sb_thermal *thermal, uint64_t t) {
    /* What comes a little late in the order of calls was there before the speed changed: it counts as coming then. */
    uint64_t passed = t > thermal->base ? t - thermal->base : 0;
    return thermal->own_base + (thermal->throttled ? (uint64_t)((double)passed * thermal->factor) : passed);
}

static void change(sb_thermal *thermal, uint64_t t, bool throttled) {
    thermal->own_base = own_time(thermal, t);
    thermal->base = sb_later(thermal->base, t);
    thermal->throttled = throttled;
    if (throttled) {
        thermal->events++;
        thermal->since = t;
    } else {
        thermal->throttled_time += t - thermal->since;
    }
}

uint64_t sb_thermal_arrive(sb_thermal *thermal, uint64_t t) {
    if (t > thermal->busy_until) {
        uint64_t idle = t - thermal->busy_until, low = thermal->after / 2;
        if (thermal->throttled && thermal->heat - low <= idle)
            change(thermal, thermal->busy_until + (thermal->heat - low), false);
        thermal->heat -= idle < thermal->heat ? idle : thermal->heat;
    }
    return own_time(thermal, t);
}

uint64_t sb_thermal_done(sb_thermal *thermal, uint64_t t, uint64_t own) {
    uint64_t done = t + (thermal->throttled ? (uint64_t)((double)own / thermal->factor + 0.5) : own);
    uint64_t from = sb_later(t, thermal->busy_until);
    if (done <= from)
        return done;
    thermal->heat += done - from;
    thermal->busy_until = done;
    if (thermal->heat >= thermal->after) {
        thermal->heat = thermal->after;
        if (!thermal->throttled)
            change(thermal, t, true);
    }
    return done;
}

const sb_counter_name sb_thermal_counters[SB_THERMAL_COUNTERS] = {
    {"temperature", "degree_Celsius", "temperature of the device", 1},
    {"throttle_state", "1", "1 while the device slows itself down for its temperature", 1},
    {"throttle_events", "1", "times that the device began to slow itself down", 0},
    {"throttle_time", "s", "time in which it was slowed down", 0},
};

double sb_thermal_counter(const sb_thermal *thermal, int i) {
    uint64_t now = thermal->throttled ? sb_later(thermal->busy_until, thermal->since) - thermal->since : 0;
    switch (i) {
    case 0:
        return SB_RESTED_CELSIUS +
               (SB_THROTTLING_CELSIUS - SB_RESTED_CELSIUS) * ((double)thermal->heat / (double)thermal->after);
    case 1: return thermal->throttled;
    case 2: return (double)thermal->events;
    default: return (double)(thermal->throttled_time + now) / 1e9;
    }
}
