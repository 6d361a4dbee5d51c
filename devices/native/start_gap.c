#include "start_gap.h"

void sb_levelling_init(sb_levelling *levelling, uint64_t lines, uint64_t interval, int spread) {
    *levelling = (sb_levelling){lines, interval, spread && interval ? sb_scattering_stride(lines) : 1};
}

void sb_start_gap_init(sb_start_gap *region, const sb_levelling *levelling) {
    *region = (sb_start_gap){.gap = levelling->lines};
}

uint64_t sb_start_gap_place(const sb_start_gap *region, const sb_levelling *levelling, uint64_t line) {
    uint64_t place = line;
    if (!levelling->interval)
        return place;
    if (levelling->stride != 1)
        place = sb_scattered(line, levelling->stride, levelling->lines);
    place += region->start;
    if (place >= levelling->lines)
        place -= levelling->lines;
    return place < region->gap ? place : place + 1;
}

uint64_t sb_start_gap_write(sb_start_gap *region, const sb_levelling *levelling) {
    if (!levelling->interval || ++region->writes < levelling->interval)
        return UINT64_MAX;
    region->writes = 0;
    uint64_t filled = region->gap;
    if (region->gap) {
        region->gap--;
    } else {
        /* The last line moves to the front: the gap is behind all again, and every line one place further. */
        region->gap = levelling->lines;
        region->start = region->start + 1 < levelling->lines ? region->start + 1 : 0;
    }
    return filled;
}
