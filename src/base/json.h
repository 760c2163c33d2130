/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* JSON by dispatch rows: a document is read into a struct and written from it by one table, so that the two
 * cannot disagree. The reader is strict: UTF-8 only, no duplicate keys, no trailing bytes, depth and size
 * bounded.
 *
 * jansson stays behind this header for documents with a fixed shape (rows); code that must build or walk
 * free-form documents (launch, inspect) uses jansson's json_t through the few helpers below. */

#include <jansson.h>

#include "base/macro.h"

#define JSON_SIZE_MAX (4U * 1024 * 1024)
#define JSON_DEPTH_MAX 64

#define _cleanup_json_ _cleanup_(json_decrefp)

/* Parses size bytes. An integer from 2^63 to 2^64-1 becomes the string of its digits. On failure -EBADMSG (or
 * -EFBIG, -ENOMEM), and *ret_error (if not NULL) is a text "line 3: ..." */
int json_parse(const char *text, size_t size, json_t **ret, char **ret_error);
/* Reads and parses dir/name; -ENOENT as it is. */
int json_load_at(int dir, const char *name, json_t **ret, char **ret_error);
/* Compact text, keys in the order they were set. NULL: out of memory. */
char *json_text(const json_t *v);
/* Indented, with a final newline. */
char *json_text_pretty(const json_t *v);

typedef enum JsonType {
        JSON_ROW_STRING, /* char *: owned */
        JSON_ROW_BOOL,   /* bool */
        JSON_ROW_U64, /* uint64_t; above INT64_MAX, which JSON's readers do not hold, as a string of digits */
        JSON_ROW_I64, /* int64_t */
        JSON_ROW_STRV, /* char **: array of strings */
        JSON_ROW_MAP,  /* Map *: object of strings */
        JSON_ROW_JSON, /* json_t *: kept as it is */
} JsonType;

typedef struct JsonRow {
        const char *name;
        JsonType type;
        size_t offset;
        bool required;
} JsonRow;

/* Assigns every member that has a row; a wrong type or a missing required member is -EBADMSG and *ret_error
 * names it. Members without a row are collected into *rest (owned by the caller; NULL: ignored), to be
 * written back later. null counts as absent. Fields already assigned before a failure stay in the struct: its
 * destructor frees them. */
int json_read(const json_t *object, const JsonRow *rows, size_t n, void *userdata, json_t **rest,
              char **ret_error);
/* A new object of all fields that are not empty (NULL, false, 0; an allocated list or map without elements is
 * written), followed by rest. NULL: out of memory. */
json_t *json_write(const JsonRow *rows, size_t n, const void *userdata, const json_t *rest);
/* Frees the fields that rows own. */
void json_rows_done(const JsonRow *rows, size_t n, void *userdata);

/* Accessors that accept NULL and a wrong type: NULL or the default then. */
const char *json_get_string(const json_t *object, const char *name);
json_t *json_get_object(const json_t *object, const char *name);
json_t *json_get_array(const json_t *object, const char *name);
bool json_get_bool(const json_t *object, const char *name, bool otherwise);
int64_t json_get_i64(const json_t *object, const char *name, int64_t otherwise);
/* strv from an array of strings: -EBADMSG when an element is no string. Absent: the empty list. */
int json_get_strv(const json_t *object, const char *name, char ***ret);
json_t *json_from_strv(char *const *l);
