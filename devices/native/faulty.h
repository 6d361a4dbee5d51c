/* The control block of the faulty server: a small file that storbench writes and the plug-in reads at each request.
 *
 * faulty_control.py has the same layout. A rule is written while it is not active; each field is read and written as a
 * whole, so a request in the middle of a change sees the old value or the new one, and both make sense. The counters
 * and the generators are the plug-in's. The block outlives the server: faults stay when it is killed and started again.
 */
#ifndef STORBENCH_FAULTY_H
#define STORBENCH_FAULTY_H

#include <stddef.h>
#include <stdint.h>

#define SB_FAULTY_MAGIC 0x31746c7561666273ull /* "sbfault1" */
#define SB_FAULTY_VERSION 1

/* In the order of KINDS in faulty_control.py. */
enum {
    SB_SLOW,
    SB_ERROR,
    SB_WRONG_ERRNO,
    SB_UNCONFINED_ERROR,
    SB_READ_ONLY,
    SB_NO_SPACE,
    SB_MISDIRECTED_WRITE,
    SB_LOST_WRITE,
    SB_TORN_WRITE,
    SB_STALE_READ,
    SB_LYING_FLUSH,
    SB_REORDERED_FLUSH,
    SB_RULES
};

enum { SB_FAULTY_READ, SB_FAULTY_WRITE, SB_FAULTY_FLUSH, SB_FAULTY_TRIM, SB_FAULTY_OPERATIONS };

enum { SB_CONSTANT, SB_INTERMITTENT, SB_GROWING };

typedef struct sb_rule {
    uint32_t active;
    uint32_t generation; /* Rises with each injection. */
    uint32_t operations; /* Bits: 1 << SB_FAULTY_READ, ... */
    uint32_t mode;
    uint32_t error;
    uint32_t unused;
    uint64_t offset, length; /* Where it holds; length 0 for everywhere. */
    uint64_t share;          /* Of the requests, times 2^32. */
    uint64_t left;           /* Requests that it may still hit; all bits set for no limit. */
    uint64_t random;         /* State of the generator. */
    uint64_t delay, period;  /* ns */
    uint64_t began;          /* ns, CLOCK_MONOTONIC */
    uint64_t injected;       /* Counted by the plug-in. */
    uint64_t spare[4];
} sb_rule;

typedef struct sb_faulty {
    uint64_t magic;
    uint32_t version, rules;
    uint64_t capacity; /* Bytes that the server says it has. */
    uint64_t medium;   /* Bytes that there are: less when the medium shrank. */
    uint64_t unsettled; /* Bytes in the volatile cache now. */
    uint64_t unused;
    uint64_t requests[SB_FAULTY_OPERATIONS], failed[SB_FAULTY_OPERATIONS];
    uint64_t spare[2];
    sb_rule rule[SB_RULES];
} sb_faulty;

_Static_assert(sizeof(sb_rule) == 128 && offsetof(sb_rule, injected) == 88, "faulty_control.py has this layout");
_Static_assert(offsetof(sb_faulty, rule) == 128, "faulty_control.py has this layout");

/* faulty_rules.c */

/* Whether the rule is on and is for such a request at all; a flush has no place, so no region holds for it. */
int sb_rule_meets(const sb_rule *rule, int operation, uint64_t offset, uint64_t length);

/* Whether the rule hits this request, by its share and its limit; counted if so. */
int sb_rule_hits(sb_rule *rule, int operation, uint64_t offset, uint64_t length);

/* The two halves of it for rules that depend on more: by share and limit, not yet counted. */
int sb_rule_takes(sb_rule *rule);
void sb_rule_count(sb_rule *rule);

uint64_t sb_rule_random(sb_rule *rule);

/* How long a request is held back now, in ns. */
uint64_t sb_rule_delay(const sb_rule *rule, uint64_t now);

/* faulty_store.c: the image, a volatile write cache of our own in front of it, and what was there before.
 *
 * "Durable" is what the image file has been given and has synced: a server that is killed loses its own memory and
 * nothing else. All functions but the first and the last may be called by many threads; they give 0 or an errno.
 */
enum { SB_CACHE_NONE, SB_CACHE_WRITEBACK, SB_CACHE_UNSAFE, SB_CACHE_WRITETHROUGH };

int sb_store_open(const char *path, int writable, int cache, sb_faulty *control);
int sb_store_read(void *data, uint32_t count, uint64_t offset);
int sb_store_write(const void *data, uint32_t count, uint64_t offset);
int sb_store_trim(uint32_t count, uint64_t offset);

/* Make all that was written durable; with `reordered`, hold back some of it while later writes go. */
int sb_store_flush(sb_rule *reordered);

/* Make one range durable. */
int sb_store_persist(uint32_t count, uint64_t offset);

/* Whether anything in the range was never written. */
int sb_store_hole(uint32_t count, uint64_t offset);

/* Keep what a range holds, before it is written over; another generation forgets what was kept before. */
int sb_store_keep(uint32_t count, uint64_t offset, uint32_t generation);

/* Whether something older is kept of a range, and put it into what was read; each is given out once. */
int sb_store_kept(uint32_t count, uint64_t offset, uint32_t generation);
void sb_store_older(void *data, uint32_t count, uint64_t offset, uint32_t generation);

/* An orderly end: what is in the cache is written. */
void sb_store_close(void);

#endif
