#include "ftl.h"

#include <string.h>

static inline uint32_t *owners(const ftl *f) { return (uint32_t *)((char *)f + f->owner); }
static inline uint64_t *valid_bits(const ftl *f) { return (uint64_t *)((char *)f + f->bits); }
/* Heads of the lists of closed blocks with equally many valid pages, pages_per_block + 1 for each die. */
static inline uint32_t *lists(const ftl *f, uint32_t die) {
    return (uint32_t *)((char *)f + f->by_valid) + (size_t)die * (f->geometry.pages_per_block + 1);
}

static uint32_t shift_for(uint32_t pages) {
    uint32_t shift = 6; /* a word of valid bits belongs to one block */
    while ((UINT32_C(1) << shift) < pages)
        shift++;
    return shift;
}

static uint64_t block_count(const ftl_geometry *g) {
    return (uint64_t)g->dies * (g->blocks_per_die + g->cache_blocks_per_die);
}

/* Lay out the arrays behind the struct; gives the size of all. */
static size_t lay_out(const ftl_geometry *g, ftl *f) {
    uint64_t blocks = block_count(g), physical = blocks << shift_for(g->pages_per_block);
    size_t at = sb_aligned(sizeof *f);
    f->die = at;
    at += sb_aligned(g->dies * sizeof(ftl_die));
    f->by_valid = at;
    at += sb_aligned((size_t)g->dies * (g->pages_per_block + 1) * sizeof(uint32_t));
    f->block = at;
    at += sb_aligned(blocks * sizeof(ftl_block));
    f->bits = at;
    at += sb_aligned(physical / 8);
    f->map = at;
    at += sb_aligned(g->pages * sizeof(uint32_t));
    f->owner = at;
    return at + sb_aligned(physical * sizeof(uint32_t));
}

size_t ftl_size(const ftl_geometry *geometry) {
    ftl scratch;
    return lay_out(geometry, &scratch);
}

/* --- lists of blocks --- */

static void append(ftl_block *blocks, uint32_t *first, uint32_t *last, uint32_t *count, uint32_t block) {
    blocks[block].next = FTL_NONE;
    if (*last == FTL_NONE)
        *first = block;
    else
        blocks[*last].next = block;
    *last = block;
    ++*count;
}

static uint32_t take_first(ftl_block *blocks, uint32_t *first, uint32_t *last, uint32_t *count) {
    uint32_t block = *first;
    *first = blocks[block].next;
    if (*first == FTL_NONE)
        *last = FTL_NONE;
    --*count;
    return block;
}

static void list(ftl *f, ftl_block *blocks, uint32_t block) {
    ftl_block *one = &blocks[block];
    uint32_t *head = &lists(f, one->die)[one->valid];
    one->previous = FTL_NONE;
    one->next = *head;
    if (*head != FTL_NONE)
        blocks[*head].previous = block;
    *head = block;
    ftl_die *die = &ftl_dies(f)[one->die];
    if (one->valid < die->least_valid)
        die->least_valid = one->valid;
}

static void unlist(ftl *f, ftl_block *blocks, uint32_t block) {
    ftl_block *one = &blocks[block];
    if (one->previous == FTL_NONE)
        lists(f, one->die)[one->valid] = one->next;
    else
        blocks[one->previous].next = one->next;
    if (one->next != FTL_NONE)
        blocks[one->next].previous = one->previous;
}

/* --- blocks --- */

static void free_block(ftl *f, uint32_t block) {
    ftl_block *blocks = ftl_blocks(f), *one = &blocks[block];
    ftl_die *die = &ftl_dies(f)[one->die];
    one->valid = one->written = 0;
    one->closed = false;
    /* First freed, first used: erasures spread over all blocks that are ever free. */
    if (one->cache)
        append(blocks, &die->cache_free_first, &die->cache_free_last, &die->cache_free_count, block);
    else
        append(blocks, &die->free_first, &die->free_last, &die->free_count, block);
}

static void count_erase(ftl *f, ftl_block *one) {
    one->erases++;
    if (one->cache) {
        f->cache_erases++;
        return;
    }
    f->erases++;
    if (one->erases > f->most_erases)
        f->most_erases = one->erases;
}

static void erase(ftl *f, uint32_t block, ftl_work *work) {
    ftl_block *one = &ftl_blocks(f)[block];
    count_erase(f, one);
    work->erases++;
    free_block(f, block);
}

/* Close the open block of a stream: it can be collected from now on. */
static void close_block(ftl *f, ftl_die *die, enum ftl_stream stream) {
    uint32_t block = die->open[stream];
    ftl_block *blocks = ftl_blocks(f);
    die->open[stream] = FTL_NONE;
    blocks[block].closed = true;
    if (stream == FTL_CACHE)
        append(blocks, &die->cache_full_first, &die->cache_full_last, &die->cache_full_count, block);
    else
        list(f, blocks, block);
}

static inline uint32_t pages_in(const ftl *f, enum ftl_stream stream) {
    return stream == FTL_CACHE ? f->geometry.cache_pages : f->geometry.pages_per_block;
}

static void fresh(ftl *f) {
    const ftl_geometry *g = &f->geometry;
    memset(ftl_map(f), 0xff, g->pages * sizeof(uint32_t));
    memset(valid_bits(f), 0, ((uint64_t)f->blocks << f->shift) / 8);
    memset(lists(f, 0), 0xff, (size_t)g->dies * (g->pages_per_block + 1) * sizeof(uint32_t));
    for (uint32_t die = 0; die < g->dies; die++) {
        ftl_die *one = &ftl_dies(f)[die];
        memset(one, 0xff, sizeof *one); /* every list empty, no block open */
        one->free_count = one->cache_free_count = one->cache_full_count = 0;
        one->least_valid = g->pages_per_block;
        one->valid = 0;
    }
    for (uint32_t block = 0; block < f->blocks; block++)
        free_block(f, block);
}

void ftl_init(ftl *f, const ftl_geometry *geometry) {
    const ftl_geometry *g = geometry;
    lay_out(g, f);
    f->geometry = *g;
    f->shift = shift_for(g->pages_per_block);
    f->blocks = (uint32_t)block_count(g);
    /* One block must always be left that collection can gain something from. */
    f->valid_limit = (uint64_t)(g->blocks_per_die - g->reserve - 2) * g->pages_per_block;
    ftl_block *blocks = ftl_blocks(f);
    uint32_t native = g->dies * g->blocks_per_die;
    for (uint32_t block = 0; block < f->blocks; block++) {
        blocks[block].die = (uint16_t)(block % g->dies);
        blocks[block].cache = block >= native;
    }
    fresh(f);
}

void ftl_clear(ftl *f) {
    ftl_block *blocks = ftl_blocks(f);
    for (uint32_t block = 0; block < f->blocks; block++) {
        if (!blocks[block].written)
            continue;
        count_erase(f, &blocks[block]);
    }
    fresh(f);
}

/* --- pages --- */

/* Take `count` pages of one block, from physical page `first` on, out of the valid ones. */
static inline void invalidate(ftl *f, uint32_t first, uint32_t count) {
    ftl_block *blocks = ftl_blocks(f);
    uint32_t block = first >> f->shift;
    ftl_block *one = &blocks[block];
    uint64_t *bits = valid_bits(f);
    for (uint32_t page = first; page < first + count; page++)
        bits[page >> 6] &= ~(UINT64_C(1) << (page & 63));
    if (one->closed && !one->cache) {
        unlist(f, blocks, block);
        one->valid -= count;
        list(f, blocks, block);
    } else {
        one->valid -= count;
    }
    if (!one->cache)
        ftl_dies(f)[one->die].valid -= count;
}

/* Forget where `count` pages from `page` on lie. Neighbours that lie side by side go at once. */
static inline void forget(ftl *f, uint64_t page, uint64_t count) {
    const uint32_t *map = ftl_map(f) + page;
    uint64_t i = 0;
    while (i < count) {
        uint32_t first = map[i], run = 1;
        if (first == FTL_NONE) {
            i++;
            continue;
        }
        while (i + run < count && map[i + run] == first + run && (first + run) >> f->shift == first >> f->shift)
            run++;
        invalidate(f, first, run);
        i += run;
    }
}

/* Append pages to the open block of a stream. */
static inline uint32_t place(ftl *f, ftl_die *die, enum ftl_stream stream, uint64_t page, uint32_t count) {
    uint32_t block = die->open[stream];
    ftl_block *one = &ftl_blocks(f)[block];
    uint32_t first = (block << f->shift) + one->written;
    uint32_t *map = ftl_map(f) + page, *owner = owners(f) + first;
    uint64_t *bits = valid_bits(f);
    for (uint32_t i = 0; i < count; i++) {
        map[i] = first + i;
        owner[i] = (uint32_t)(page + i);
        bits[(first + i) >> 6] |= UINT64_C(1) << ((first + i) & 63);
    }
    one->written += count;
    one->valid += count;
    if (stream != FTL_CACHE)
        die->valid += count;
    if (one->written == pages_in(f, stream))
        close_block(f, die, stream);
    return first;
}

/* Move what is valid of a block into the die's blocks for moved pages. */
static void move_out(ftl *f, uint32_t die_number, uint32_t block, ftl_work *work) {
    ftl_block *one = &ftl_blocks(f)[block];
    ftl_die *die = &ftl_dies(f)[die_number];
    uint32_t left = one->valid, base = block << f->shift, fetched = FTL_NONE, reads = 0;
    const uint32_t *owner = owners(f);
    uint64_t *bits = valid_bits(f);
    f->moved += left;
    work->moved += left;
    if (!one->cache)
        die->valid -= left;
    for (uint32_t word = base >> 6; left; word++) {
        uint64_t set = bits[word];
        bits[word] = 0;
        while (set) {
            uint32_t page = (word << 6) + (uint32_t)__builtin_ctzll(set);
            set &= set - 1;
            if (page / f->geometry.read_pages != fetched) {
                fetched = page / f->geometry.read_pages;
                reads++;
            }
            if (die->open[FTL_MOVED] == FTL_NONE)
                die->open[FTL_MOVED] =
                    take_first(ftl_blocks(f), &die->free_first, &die->free_last, &die->free_count);
            place(f, die, FTL_MOVED, owner[page], 1);
            left--;
        }
    }
    one->valid = 0;
    if (one->cache)
        work->cache_reads += reads;
    else
        work->reads += reads;
}

/* Free the closed block of a die that has the fewest valid pages. */
static void collect(ftl *f, uint32_t die_number, ftl_work *work) {
    ftl_die *die = &ftl_dies(f)[die_number];
    const uint32_t *heads = lists(f, die_number);
    while (heads[die->least_valid] == FTL_NONE)
        die->least_valid++; /* a closed block with less than all pages valid exists: see valid_limit */
    uint32_t victim = heads[die->least_valid];
    unlist(f, ftl_blocks(f), victim);
    move_out(f, die_number, victim, work);
    erase(f, victim, work);
}

static bool open_native(ftl *f, uint32_t die_number, ftl_work *work) {
    ftl_die *die = &ftl_dies(f)[die_number];
    if (die->valid > f->valid_limit)
        return false;
    while (die->free_count <= f->geometry.reserve)
        collect(f, die_number, work);
    die->open[FTL_HOST] = take_first(ftl_blocks(f), &die->free_first, &die->free_last, &die->free_count);
    return true;
}

static bool open_cache(ftl *f, uint32_t die_number, ftl_work *work) {
    ftl_die *die = &ftl_dies(f)[die_number];
    ftl_block *blocks = ftl_blocks(f);
    if (!die->cache_free_count && die->cache_full_count && !blocks[die->cache_full_first].valid) {
        /* Everything in it was overwritten: it need not be folded. */
        erase(f, take_first(blocks, &die->cache_full_first, &die->cache_full_last, &die->cache_full_count), work);
    }
    if (!die->cache_free_count)
        return false;
    die->open[FTL_CACHE] =
        take_first(blocks, &die->cache_free_first, &die->cache_free_last, &die->cache_free_count);
    return true;
}

bool ftl_ready(ftl *f, uint32_t die, enum ftl_stream stream, ftl_work *work) {
    if (ftl_dies(f)[die].open[stream] != FTL_NONE)
        return true;
    return stream == FTL_CACHE ? open_cache(f, die, work) : open_native(f, die, work);
}

uint32_t ftl_room(const ftl *f, uint32_t die, enum ftl_stream stream) {
    uint32_t block = ftl_dies(f)[die].open[stream];
    return block == FTL_NONE ? 0 : pages_in(f, stream) - ftl_blocks(f)[block].written;
}

uint32_t ftl_write(ftl *f, uint32_t die, enum ftl_stream stream, uint64_t page, uint32_t count) {
    forget(f, page, count);
    return place(f, &ftl_dies(f)[die], stream, page, count);
}

void ftl_skip(ftl *f, uint32_t die_number, enum ftl_stream stream, uint32_t count) {
    ftl_die *die = &ftl_dies(f)[die_number];
    ftl_block *one = &ftl_blocks(f)[die->open[stream]];
    one->written += count;
    if (one->written == pages_in(f, stream))
        close_block(f, die, stream);
}

void ftl_discard(ftl *f, uint64_t page, uint64_t count) {
    forget(f, page, count);
    memset(ftl_map(f) + page, 0xff, count * sizeof(uint32_t));
}

uint32_t ftl_foldable(const ftl *f, uint32_t die) {
    const ftl_die *one = &ftl_dies(f)[die];
    if (!one->cache_full_count)
        return FTL_NONE;
    uint32_t valid = ftl_blocks(f)[one->cache_full_first].valid;
    return one->valid + valid > f->valid_limit ? FTL_NONE : valid;
}

void ftl_fold(ftl *f, uint32_t die_number, ftl_work *work) {
    ftl_die *die = &ftl_dies(f)[die_number];
    ftl_block *blocks = ftl_blocks(f);
    uint32_t block = take_first(blocks, &die->cache_full_first, &die->cache_full_last, &die->cache_full_count);
    /* Room for what it holds, besides what collection itself needs. */
    while (blocks[block].valid && die->free_count <= f->geometry.reserve)
        collect(f, die_number, work);
    move_out(f, die_number, block, work);
    erase(f, block, work);
}

void ftl_prefetch(const ftl *f, uint64_t page, int stage) {
    const uint32_t *entry = ftl_map(f) + page;
    if (!stage) {
        __builtin_prefetch(entry, 1);
    } else if (*entry != FTL_NONE) {
        __builtin_prefetch(&valid_bits(f)[*entry >> 6], 1);
        __builtin_prefetch(&ftl_blocks(f)[*entry >> f->shift], 1);
    }
}
