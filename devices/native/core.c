/* Kinds, their parameters, and the block of memory: a header, the link, the model. */
#include "core.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"
#include "thermal.h"

static const sb_kind *const kinds[] = {&sb_flash, &sb_pcm};
enum { KINDS = sizeof kinds / sizeof *kinds };

struct sb_config {
    const sb_kind *kind;
    sb_link_parameters link;
    sb_thermal_parameters thermal;
    double parameters[]; /* the kind's own struct of doubles */
};

/* What stands at the front of a device's memory. */
typedef struct header {
    uint32_t kind;
    bool bare; /* nothing stands between the host and the model */
    bool linked;
    sb_link link;
    sb_thermal thermal;
} header;

const char *sb_kind_name(int i, const char **summary) {
    if (i < 0 || i >= KINDS)
        return NULL;
    *summary = kinds[i]->summary;
    return kinds[i]->name;
}

static void initialise(const sb_field *fields, void *values) {
    for (const sb_field *field = fields; field->name; field++)
        *(double *)((char *)values + field->offset) = field->initial;
}

sb_config *sb_config_new(const char *kind) {
    for (int i = 0; i < KINDS; i++) {
        if (strcmp(kinds[i]->name, kind))
            continue;
        sb_config *config = calloc(1, sizeof *config + kinds[i]->parameters_size);
        if (!config)
            return NULL;
        config->kind = kinds[i];
        initialise(kinds[i]->fields, config->parameters);
        initialise(sb_link_fields, &config->link);
        initialise(sb_thermal_fields, &config->thermal);
        return config;
    }
    return NULL;
}

void sb_config_free(sb_config *config) { free(config); }

static int set(const sb_field *fields, void *values, const char *name, double value) {
    for (const sb_field *field = fields; field->name; field++) {
        if (strcmp(field->name, name))
            continue;
        if (!(value >= field->least && value <= field->most))
            return -2;
        *(double *)((char *)values + field->offset) = value;
        return 0;
    }
    return -1;
}

int sb_config_set(sb_config *config, const char *name, double value) {
    int status = set(sb_link_fields, &config->link, name, value);
    if (status == -1)
        status = set(sb_thermal_fields, &config->thermal, name, value);
    return status == -1 ? set(config->kind->fields, config->parameters, name, value) : status;
}

int sb_config_check(const sb_config *config, char *error, size_t error_size) {
    for (const sb_field *field = config->kind->fields; field->name; field++) {
        if (isnan(*(const double *)((const char *)config->parameters + field->offset))) {
            snprintf(error, error_size, "%s is not set", field->name);
            return -1;
        }
    }
    return config->kind->check(config->parameters, error, error_size);
}

int sb_config_field(const sb_config *config, int i, sb_field *field) {
    const sb_field *const tables[] = {config->kind->fields, sb_link_fields, sb_thermal_fields};
    int seen = 0;
    for (size_t table = 0; table < sizeof tables / sizeof *tables; table++) {
        for (const sb_field *one = tables[table]; one->name; one++, seen++) {
            if (seen == i) {
                *field = *one;
                return 0;
            }
        }
    }
    return -1;
}

static inline void *model_of(void *memory) { return (char *)memory + sb_aligned(sizeof(header)); }
static inline const void *model_in(const void *memory) { return (const char *)memory + sb_aligned(sizeof(header)); }
static inline const sb_kind *kind_of(const void *memory) { return kinds[((const header *)memory)->kind]; }

size_t sb_size(const sb_config *config) {
    return sb_aligned(sizeof(header)) + sb_aligned(config->kind->size(config->parameters));
}

void sb_init(void *memory, const sb_config *config) {
    header *head = memory;
    for (uint32_t i = 0; i < KINDS; i++) {
        if (kinds[i] == config->kind)
            head->kind = i;
    }
    const sb_link_parameters *link = &config->link;
    head->linked = link->link_rtt > 0 || link->link_bandwidth > 0 || link->link_jitter > 0;
    sb_link_init(&head->link, link);
    sb_thermal_init(&head->thermal, &config->thermal);
    head->bare = !head->linked && !head->thermal.after;
    config->kind->init(model_of(memory), config->parameters);
}

uint64_t sb_capacity(const void *memory) { return kind_of(memory)->capacity(model_in(memory)); }

/* Behind the link, if there is one. */
static uint64_t serve(header *head, int op, uint64_t offset, uint64_t length, uint64_t t) {
    const sb_kind *kind = kinds[head->kind];
    if (!head->thermal.after)
        return kind->submit(model_of(head), op, offset, length, t);
    uint64_t own = sb_thermal_arrive(&head->thermal, t);
    uint64_t done = kind->submit(model_of(head), op, offset, length, own);
    return sb_thermal_done(&head->thermal, t, done - own);
}

uint64_t sb_submit(void *memory, int op, uint64_t offset, uint64_t length, uint64_t t) {
    header *head = memory;
    if (head->bare)
        return kind_of(memory)->submit(model_of(memory), op, offset, length, t);
    if (!head->linked)
        return serve(head, op, offset, length, t);
    uint64_t arrived = sb_link_there(&head->link, op, length, t);
    uint64_t done = serve(head, op, offset, length, arrived);
    return sb_link_back(&head->link, op, length, done);
}

void sb_reset(void *memory) { kind_of(memory)->reset(model_of(memory)); }

void sb_prefetch(const void *memory, uint64_t offset, int stage) {
    const sb_kind *kind = kind_of(memory);
    if (kind->prefetch)
        kind->prefetch(model_in(memory), offset, stage);
}

int sb_counter(const void *memory, int i, sb_counter_name *name, double *value) {
    enum { MOST = 64 };
    double values[MOST];
    const sb_kind *kind = kind_of(memory);
    int count = 0;
    while (kind->counters[count].name)
        count++;
    if (i < 0 || count > MOST)
        return -1;
    if (i >= count) {
        const sb_thermal *thermal = &((const header *)memory)->thermal;
        if (!thermal->after || i >= count + SB_THERMAL_COUNTERS)
            return -1;
        *name = sb_thermal_counters[i - count];
        *value = sb_thermal_counter(thermal, i - count);
        return 0;
    }
    kind->read(model_in(memory), values);
    *name = kind->counters[i];
    *value = values[i];
    return 0;
}
