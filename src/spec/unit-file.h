/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The unit that runs a container, as rows of section, key and value: rendered as a file by the generator and
 * as typed properties of StartTransientUnit by engine/systemd. There is no second way to start a container.
 */

#include "spec/error.h"
#include "spec/spec.h"

/* How systemd's bus API wants a key that a unit file has as text. */
typedef enum UnitValueType {
        UNIT_VALUE_STRING,
        UNIT_VALUE_BOOL,
        UNIT_VALUE_U64, /* t: bytes, counts; UINT64_MAX prints as "infinity" */
        UNIT_VALUE_I32, /* i: signals, scores */
        UNIT_VALUE_U32,
        UNIT_VALUE_USEC,         /* t under the name with "Sec" turned into "USec" */
        UNIT_VALUE_STRV,         /* as, blank-separated in a file */
        UNIT_VALUE_EXEC,         /* a(sasb): a command line */
        UNIT_VALUE_DEVICES,      /* a(ss) */
        UNIT_VALUE_EXIT_STATUS,  /* (aiai): SuccessExitStatus */
        UNIT_VALUE_FIELDS,       /* ay list: LogExtraFields */
        UNIT_VALUE_PERCENT_USEC, /* CPUQuota: "150%" in a file, CPUQuotaPerSecUSec t on the bus */
        UNIT_VALUE_CPUSET,       /* ay bitmask */
} UnitValueType;

typedef struct UnitRow {
        const char *section;
        const char *key;
        UnitValueType type;
        char *text;  /* STRING; for CPUSET the list "0-3,5" */
        char **list; /* STRV, EXEC (argv), DEVICES (path, access, path, access...), FIELDS ("NAME=value") */
        uint64_t number; /* BOOL, U64, U32, USEC; I32 as (uint64_t)(int64_t) */
} UnitRow;

typedef struct UnitFile {
        UnitRow *rows;
        size_t n_rows;
} UnitFile;

UnitFile *unit_file_free(UnitFile *u);
DEFINE_CLEANUP(UnitFile *, unit_file_free)

/* What the unit needs to know beyond the spec. */
typedef struct UnitContext {
        const char *id;
        const char *name;
        const char *image_name;
        const char *slice;   /* NULL: machine.slice */
        bool foreground;     /* the caller passes its descriptors: StandardOutput is theirs */
        const char *exec_id; /* not NULL: the unit of an exec session */
} UnitContext;

int unit_file_new(const Spec *s, const UnitContext *context, UnitFile **ret, Error *error);
const UnitRow *unit_file_find(const UnitFile *u, const char *key);

/* Text of a .service file, every value escaped by systemd's rules. -EINVAL: a value that cannot be expressed.
 */
int unit_file_text(const UnitFile *u, char **ret);
