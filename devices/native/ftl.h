/* A page-mapped flash translation layer, without time: where each page lies, which blocks are free, greedy garbage
 * collection, the SLC cache's blocks, wear. Every die collects for itself, so that its work can be charged to it.
 *
 * A physical page number is `block << shift | page in the block`.
 */
#ifndef STORBENCH_FTL_H
#define STORBENCH_FTL_H

#include <stdbool.h>

#include "core.h"

#define FTL_NONE UINT32_MAX

/* What goes into blocks of its own. Pages that collection moves are older, hence colder, than what the host writes. */
enum ftl_stream { FTL_HOST, FTL_MOVED, FTL_CACHE, FTL_STREAMS };

typedef struct ftl_geometry {
    uint64_t pages;           /* that a host can address */
    uint32_t dies;
    uint32_t pages_per_block;
    uint32_t blocks_per_die;  /* native ones, reserve included */
    uint32_t reserve;         /* blocks a die keeps free for collection */
    uint32_t cache_blocks_per_die;
    uint32_t cache_pages;     /* that one block holds in SLC mode */
    uint32_t read_pages;      /* neighbours that one read of the array fetches */
} ftl_geometry;

/* What had to be done on a die besides the host's own programs. */
typedef struct ftl_work {
    uint32_t reads;        /* of the array */
    uint32_t cache_reads;
    uint32_t moved;        /* pages */
    uint32_t erases;
} ftl_work;

typedef struct ftl_die {
    uint32_t open[FTL_STREAMS]; /* block, or FTL_NONE */
    uint32_t free_first, free_last, free_count;
    uint32_t cache_free_first, cache_free_last, cache_free_count;
    uint32_t cache_full_first, cache_full_last, cache_full_count; /* oldest first */
    uint32_t least_valid;       /* no closed block has fewer valid pages */
    uint64_t valid;             /* pages in native blocks */
} ftl_die;

typedef struct ftl_block {
    uint32_t previous, next;    /* in a list: free, of equal valid count, or of full cache blocks */
    uint32_t valid;
    uint32_t written;
    uint32_t erases;
    uint16_t die;
    bool cache, closed;
} ftl_block;

typedef struct ftl {
    ftl_geometry geometry;
    uint32_t shift;
    uint32_t blocks;            /* native and cache */
    uint64_t valid_limit;       /* pages of a die's native blocks that may be valid */
    uint64_t moved, erases, cache_erases;
    uint32_t most_erases;       /* of a native block */
    /* offsets from the start of this struct */
    size_t map, owner, bits, block, die, by_valid;
} ftl;

size_t ftl_size(const ftl_geometry *geometry);
/* `memory` is zeroed; a struct ftl is at its start. */
void ftl_init(ftl *memory, const ftl_geometry *geometry);
/* Trim everything: all blocks erased; wear stays. */
void ftl_clear(ftl *ftl);

/* Make sure that a stream of a die has an open block with room; what that took is added to `work`. False where it has
 * none and gets none: the cache is full, or the die's blocks hold as much valid data as they may. */
bool ftl_ready(ftl *ftl, uint32_t die, enum ftl_stream stream, ftl_work *work);
/* Pages that still fit the open block. */
uint32_t ftl_room(const ftl *ftl, uint32_t die, enum ftl_stream stream);
/* Write `count` pages from `page` on into the open block, which has room; gives the first physical page. */
uint32_t ftl_write(ftl *ftl, uint32_t die, enum ftl_stream stream, uint64_t page, uint32_t count);
/* Leave `count` pages of the open block unused: padding. */
void ftl_skip(ftl *ftl, uint32_t die, enum ftl_stream stream, uint32_t count);
/* Forget pages: trim. */
void ftl_discard(ftl *ftl, uint64_t page, uint64_t count);
/* Pages that folding would have to move; FTL_NONE where there is no full cache block or no room for its pages. */
uint32_t ftl_foldable(const ftl *ftl, uint32_t die);
/* Move the oldest full cache block's pages to native blocks and erase it. */
void ftl_fold(ftl *ftl, uint32_t die, ftl_work *work);

/* Bring near what overwriting `page` will touch: its map entry, then what that leads to. */
void ftl_prefetch(const ftl *ftl, uint64_t page, int stage);

static inline uint32_t *ftl_map(const ftl *f) { return (uint32_t *)((char *)f + f->map); }
static inline ftl_block *ftl_blocks(const ftl *f) { return (ftl_block *)((char *)f + f->block); }
static inline ftl_die *ftl_dies(const ftl *f) { return (ftl_die *)((char *)f + f->die); }

#endif
