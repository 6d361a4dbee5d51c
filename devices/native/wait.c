/* Waiting for a deadline to a fraction of a microsecond: by spinning, the longer part of a long wait by sleeping.
 *
 * A sleep ends some 30 us late in a virtual machine even with a timer slack of 1 ns, and 80 us late with the default of
 * 50 us; a spin ends 0.1 us late. So a sleep aims well before the deadline, and a spin does the rest.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "shared_layout.h"

static const uint64_t WORTH_SLEEPING = 150000; /* ns */
static const uint64_t SPUN = 60000;            /* ns before the deadline at which a sleep shall end */
enum { LOOKS = 16 };                           /* turns of a spin, about 1 us, between two looks at the others */

static void relax(void) {
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("yield");
#endif
}

void sb_pause(unsigned tries) {
    if (tries % 1024 == 1023)
        sched_yield();
    else
        relax();
}

uint64_t sb_shared_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static void sleep_until(uint64_t t) {
    static _Thread_local int exact;
    if (!exact) {
        prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
        exact = 1;
    }
    struct timespec when = {(time_t)(t / 1000000000), (long)(t % 1000000000)};
    /* A signal ends it early; whoever sleeps looks at the clock. */
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL);
}

uint64_t sb_shared_sleep(uint64_t t_done) {
    uint64_t now;
    while ((now = sb_shared_now()) < t_done)
        sleep_until(t_done);
    return now;
}

static int processors(void) {
    static int count;
    if (!__atomic_load_n(&count, __ATOMIC_RELAXED)) {
        cpu_set_t allowed;
        int found = sched_getaffinity(0, sizeof allowed, &allowed) ? 1 : CPU_COUNT(&allowed);
        __atomic_store_n(&count, found, __ATOMIC_RELAXED);
    }
    return __atomic_load_n(&count, __ATOMIC_RELAXED);
}

/* Whether so many spin that one who has work to do may find no processor. */
static int crowded(const sb_shared *shared, uint64_t now) {
    int spinning = 0;
    for (int i = 0; i < SB_SPINNERS; i++)
        spinning += __atomic_load_n(&shared->spinning_until[i], __ATOMIC_RELAXED) > now;
    return spinning > processors() - 1;
}

/* Two threads may come to share a place; then one too few is counted, which does no harm. */
static uint64_t *own_place(sb_shared *shared) {
    static _Thread_local unsigned number;
    if (!number)
        number = (unsigned)syscall(SYS_gettid);
    return &shared->spinning_until[number % SB_SPINNERS];
}

static uint64_t spin_until(sb_shared *shared, uint64_t t_done, uint64_t now) {
    uint64_t *place = own_place(shared);
    __atomic_store_n(place, t_done, __ATOMIC_RELAXED);
    int giving_way = 0;
    for (unsigned turn = 0; now < t_done; turn++) {
        if (turn % LOOKS == 0)
            giving_way = crowded(shared, now);
        if (giving_way)
            sched_yield();
        else
            relax();
        now = sb_shared_now();
    }
    __atomic_store_n(place, 0, __ATOMIC_RELAXED);
    return now;
}

uint64_t sb_shared_wait(sb_shared *shared, uint64_t t_done) {
    uint64_t now = sb_shared_now();
    while (now < t_done && t_done - now > WORTH_SLEEPING) {
        sleep_until(t_done - SPUN);
        now = sb_shared_now();
    }
    return now < t_done ? spin_until(shared, t_done, now) : now;
}
