#include "combining.h"

static inline sb_combined *entries(const sb_combining *b) { return (sb_combined *)((char *)b + b->entry); }
static inline uint32_t *buckets(const sb_combining *b) { return (uint32_t *)((char *)b + b->bucket); }

static uint32_t buckets_for(uint32_t count) {
    uint32_t wanted = 16;
    while (wanted < 2 * count)
        wanted *= 2;
    return wanted;
}

size_t sb_combining_size(uint32_t count) {
    return sb_aligned(sizeof(sb_combining)) + sb_aligned(count * sizeof(sb_combined)) +
           sb_aligned(buckets_for(count) * sizeof(uint32_t));
}

void sb_combining_init(sb_combining *b, uint32_t count) {
    b->entries = count;
    b->buckets = buckets_for(count);
    b->used = 0;
    b->oldest = b->newest = SB_NOWHERE;
    b->entry = sb_aligned(sizeof *b);
    b->bucket = b->entry + sb_aligned(count * sizeof(sb_combined));
    for (uint32_t i = 0; i < b->buckets; i++)
        buckets(b)[i] = SB_NOWHERE;
    for (uint32_t i = 0; i < count; i++)
        entries(b)[i].chain = i + 1 < count ? i + 1 : SB_NOWHERE;
    b->free = count ? 0 : SB_NOWHERE;
}

static inline uint32_t *bucket_of(const sb_combining *b, uint64_t line) {
    uint64_t state = line;
    return &buckets(b)[sb_random(&state) & (b->buckets - 1)];
}

static uint32_t place_of(const sb_combining *b, uint64_t line) {
    uint32_t at = *bucket_of(b, line);
    while (at != SB_NOWHERE && entries(b)[at].line != line)
        at = entries(b)[at].chain;
    return at;
}

static void unlink_use(sb_combining *b, uint32_t at) {
    sb_combined *one = &entries(b)[at];
    *(one->older == SB_NOWHERE ? &b->oldest : &entries(b)[one->older].newer) = one->newer;
    *(one->newer == SB_NOWHERE ? &b->newest : &entries(b)[one->newer].older) = one->older;
}

static void link_newest(sb_combining *b, uint32_t at) {
    sb_combined *one = &entries(b)[at];
    one->older = b->newest;
    one->newer = SB_NOWHERE;
    *(b->newest == SB_NOWHERE ? &b->oldest : &entries(b)[b->newest].newer) = at;
    b->newest = at;
}

static void take_out(sb_combining *b, uint32_t at) {
    sb_combined *one = &entries(b)[at];
    uint32_t *link = bucket_of(b, one->line);
    while (*link != at)
        link = &entries(b)[*link].chain;
    *link = one->chain;
    unlink_use(b, at);
    one->chain = b->free;
    b->free = at;
    b->used--;
}

uint64_t sb_combining_find(const sb_combining *b, uint64_t line) {
    uint32_t at = place_of(b, line);
    return at == SB_NOWHERE ? 0 : entries(b)[at].parts;
}

uint64_t sb_combining_add(sb_combining *b, uint64_t line, uint64_t parts, sb_combined *evicted, bool *was_evicted) {
    uint32_t at = place_of(b, line);
    *was_evicted = false;
    if (at == SB_NOWHERE) {
        if (b->free == SB_NOWHERE) {
            *evicted = entries(b)[b->oldest];
            *was_evicted = true;
            take_out(b, b->oldest);
        }
        at = b->free;
        b->free = entries(b)[at].chain;
        b->used++;
        uint32_t *head = bucket_of(b, line);
        entries(b)[at] = (sb_combined){.line = line, .chain = *head};
        *head = at;
    } else {
        unlink_use(b, at);
    }
    link_newest(b, at);
    return entries(b)[at].parts |= parts;
}

void sb_combining_remove(sb_combining *b, uint64_t line) {
    uint32_t at = place_of(b, line);
    if (at != SB_NOWHERE)
        take_out(b, at);
}
