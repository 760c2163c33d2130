/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The kinds of setting. A type owns one C representation and its two outside forms: text (Quadlet, flags) and
 * JSON (state files). The bus form is the JSON form under the type's D-Bus signature, converted once in bus/.
 */

#include "base/hashmap.h"
#include "base/json.h"
#include "base/macro.h"

typedef struct Setting Setting;

typedef struct SettingType {
        const char *name;
        const char *signature; /* D-Bus: b s as t x i a{ss} */
        size_t size;           /* of a field */
        const char *metavar;   /* for --help; NULL: takes no argument */
        /* All get the row for its arg. Failure: -EINVAL or -ENOMEM; *ret_error, if set, is a static text that
         * says what would be right. */
        int (*from_text)(const Setting *row, void *field, const char *text, const char **ret_error);
        char *(*to_text)(const Setting *row, const void *field);
        int (*from_json)(const Setting *row, void *field, const json_t *value, const char **ret_error);
        json_t *(*to_json)(const Setting *row, const void *field);
        int (*copy)(const void *from, void *to);
        bool (*equal)(const void *a, const void *b);
        void (*done)(void *field); /* frees and zeroes; NULL: nothing is owned */
} SettingType;

/* The C type of a field of each kind; FIELD() in setting.c refuses to compile when they disagree. */
typedef bool setting_ctype_bool;
typedef char *setting_ctype_string;   /* arg: NULL or StringCheck */
typedef char *setting_ctype_path;     /* absolute and normalised */
typedef char **setting_ctype_strv;    /* list of texts; arg: NULL or StringCheck for each element */
typedef char **setting_ctype_argv;    /* a command line in words */
typedef Map *setting_ctype_map;       /* NAME=VALUE; arg: NULL or StringCheck for the name */
typedef uint64_t setting_ctype_count; /* arg: NULL or const Range * */
typedef uint64_t setting_ctype_size;
typedef uint64_t setting_ctype_usec;
typedef uint64_t setting_ctype_cpus;   /* "1.5" CPUs, in usec per second */
typedef int64_t setting_ctype_integer; /* arg: const Range * */
typedef int setting_ctype_signal;
typedef mode_t setting_ctype_mode;

/* Enums are ints with a table of names, arg: const EnumTable *. */
typedef int setting_ctype_enum;

typedef struct Range {
        int64_t min, max;
} Range;

typedef struct EnumTable {
        const char *const *names;
        size_t n;
        const char *reason;  /* "no, on-failure, ... is wanted" */
        const char *metavar; /* "POLICY" */
} EnumTable;

/* 0 when s is right, else -EINVAL and a static text that says what would be. */
typedef int (*StringCheck)(const char *s, const char **ret_error);

extern const SettingType setting_type_bool, setting_type_string, setting_type_path, setting_type_strv,
        setting_type_argv, setting_type_map, setting_type_count, setting_type_size, setting_type_usec,
        setting_type_cpus, setting_type_integer, setting_type_signal, setting_type_mode, setting_type_enum;
