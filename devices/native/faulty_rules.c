/* Which requests a rule of the faulty server's control block hits. */
#include "faulty.h"

#define LOAD(place) __atomic_load_n(&(place), __ATOMIC_RELAXED)

static const uint64_t ALWAYS = 1ull << 32, NO_LIMIT = UINT64_MAX;

int sb_rule_meets(const sb_rule *rule, int operation, uint64_t offset, uint64_t length) {
    if (!__atomic_load_n(&rule->active, __ATOMIC_ACQUIRE) || !(LOAD(rule->operations) & 1u << operation))
        return 0;
    uint64_t first = LOAD(rule->offset), size = LOAD(rule->length);
    if (!size)
        return 1;
    if (operation == SB_FAULTY_FLUSH || offset >= first + size)
        return 0;
    return offset + length > first;
}

/* splitmix64, each caller with a number of its own. https://prng.di.unimi.it/splitmix64.c (public domain) */
uint64_t sb_rule_random(sb_rule *rule) {
    uint64_t z = __atomic_add_fetch(&rule->random, 0x9e3779b97f4a7c15ull, __ATOMIC_RELAXED);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

int sb_rule_takes(sb_rule *rule) {
    uint64_t share = LOAD(rule->share);
    if (share < ALWAYS && (sb_rule_random(rule) >> 32) >= share)
        return 0;
    uint64_t left = LOAD(rule->left);
    do {
        if (left == NO_LIMIT)
            return 1;
        if (!left)
            return 0;
    } while (!__atomic_compare_exchange_n(&rule->left, &left, left - 1, 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return 1;
}

void sb_rule_count(sb_rule *rule) {
    __atomic_add_fetch(&rule->injected, 1, __ATOMIC_RELAXED);
}

int sb_rule_hits(sb_rule *rule, int operation, uint64_t offset, uint64_t length) {
    if (!sb_rule_meets(rule, operation, offset, length) || !sb_rule_takes(rule))
        return 0;
    sb_rule_count(rule);
    return 1;
}

uint64_t sb_rule_delay(const sb_rule *rule, uint64_t now) {
    uint64_t delay = LOAD(rule->delay), period = LOAD(rule->period), began = LOAD(rule->began);
    uint64_t since = now > began ? now - began : 0;
    switch (LOAD(rule->mode)) {
    case SB_INTERMITTENT: /* Slow in the first half of each period. */
        return period && since % period >= period / 2 ? 0 : delay;
    case SB_GROWING: /* From nothing to all of it. */
        return since >= period ? delay : (uint64_t)((double)delay * (double)since / (double)period);
    default:
        return delay;
    }
}
