/* Start-Gap wear levelling (Qureshi et al., MICRO 2009): a region of N lines has one line more, the gap, which moves by
 * one place every so many writes; once round, every line has moved by one. Two numbers tell where a line is.
 *
 * Neighbouring lines are spread by a fixed invertible map first, or a hot area would wear out before the gap comes by.
 */
#ifndef STORBENCH_START_GAP_H
#define STORBENCH_START_GAP_H

#include "core.h"

typedef struct sb_start_gap {
    uint64_t start, gap; /* gap: physical place of the empty line, 0 … lines */
    uint64_t writes;     /* since the last move */
} sb_start_gap;

/* How the regions of a device are levelled. */
typedef struct sb_levelling {
    uint64_t lines;    /* in a region, without the spare one */
    uint64_t interval; /* writes between moves of the gap; 0: no levelling */
    uint64_t stride;   /* of the fixed map: without a common factor with `lines`; 1 leaves neighbours neighbours */
} sb_levelling;

void sb_levelling_init(sb_levelling *levelling, uint64_t lines, uint64_t interval, int spread);
void sb_start_gap_init(sb_start_gap *region, const sb_levelling *levelling);
/* The physical place, 0 … lines, of line `line` of a region. */
uint64_t sb_start_gap_place(const sb_start_gap *region, const sb_levelling *levelling, uint64_t line);
/* Count a write; where the gap moved, gives the place that was written for it, otherwise UINT64_MAX. */
uint64_t sb_start_gap_write(sb_start_gap *region, const sb_levelling *levelling);

#endif
