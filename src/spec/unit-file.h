/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The unit that runs a container, as rows of section, key and value: rendered as a file by the generator and
 * as typed properties of StartTransientUnit by engine/systemd. There is no second way to start a container.
 */

#include "base/ini.h"
#include "spec/error.h"
#include "spec/spec.h"

/* What kind of value a key takes: how its text is escaped in a file, and the type of its D-Bus property. */
typedef enum UnitValueType {
        UNIT_VALUE_STRING,
        UNIT_VALUE_BOOL,
        UNIT_VALUE_U64, /* bytes, counts, weights; UINT64_MAX is "infinity" */
        UNIT_VALUE_U32, /* StartLimitBurst */
        UNIT_VALUE_I32, /* OOMScoreAdjust, KillSignal: a number on the bus, a name in a file for signals */
        UNIT_VALUE_SIGNAL,
        UNIT_VALUE_USEC,        /* "...Sec" in a file is "...USec" on the bus */
        UNIT_VALUE_STRV,        /* a list of words */
        UNIT_VALUE_EXEC,        /* one command line: the words of list */
        UNIT_VALUE_DEVICES,     /* list: path, access, path, access, ... */
        UNIT_VALUE_EXIT_STATUS, /* list: numbers and signal names; (aiai) on the bus */
        UNIT_VALUE_FIELDS,      /* list: "NAME=value"; aay on the bus */
        UNIT_VALUE_CPU_QUOTA,   /* number: usec per second; "150%" in a file, CPUQuotaPerSecUSec on the bus */
        UNIT_VALUE_RATES,       /* list: path, number, path, number, ...; a(st) on the bus */
        UNIT_VALUE_CPUSET,      /* text "0-3,5"; a bitmask (ay) on the bus */
} UnitValueType;

typedef struct UnitRow {
        const char *section;
        const char *key;
        UnitValueType type;
        bool specifiers; /* "%n" and the like are meant, not text; never on the bus */
        char *text;
        char **list;
        uint64_t number; /* negative I32s as two's complement */
} UnitRow;

typedef struct UnitFile {
        UnitRow *rows;
        size_t n_rows;
} UnitFile;

UnitFile *unit_file_free(UnitFile *u);
DEFINE_CLEANUP(UnitFile *, unit_file_free)

/* podman's shares as the kernel's weight, and back. */
uint64_t cpu_weight_of_shares(uint64_t shares);
uint64_t cpu_shares_of_weight(uint64_t weight);

/* What the unit needs to know beyond the spec. */
typedef struct UnitContext {
        const char
                *id; /* NULL: the unit is written before the container exists (Quadlet): found by unit name */
        const char *name;
        const char *image_name;
        const char *slice;   /* NULL: machine.slice */
        bool foreground;     /* the caller passes its descriptors: no row for the standard streams */
        const char *exec_id; /* not NULL: the unit of an exec session in that container */
} UnitContext;

int unit_file_new(const Spec *s, const UnitContext *context, UnitFile **ret, Error *error);
const UnitRow *unit_file_find(const UnitFile *u, const char *key);

/* A drop-in with the restart policy alone, which systemd takes from files only once a unit runs. */
int unit_file_restart(const Spec *s, UnitFile **ret, Error *error);

/* Text of a .service file, every value escaped by systemd's rules. -EINVAL: a value that cannot be expressed.
 */
int unit_file_text(const UnitFile *u, char **ret);
/* The same into a writer that holds more lines than these. */
int unit_file_write(const UnitFile *u, IniWriter *w);
