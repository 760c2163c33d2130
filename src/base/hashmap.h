/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The one map: string keys (copied), pointer values with one destructor for the whole map, iteration in the
 * order of insertion. A NULL map is an empty one for every reader. */

#include "base/macro.h"

typedef struct Map Map;
typedef void (*MapFree)(void *value);

/* destroy may be NULL: the values belong to somebody else. NULL: out of memory. */
Map *map_new(MapFree destroy);
Map *map_free(Map *m);
DEFINE_CLEANUP(Map *, map_free)

/* Inserts or replaces (the old value is destroyed, its place kept). On failure (-ENOMEM) value stays the
 * caller's. */
int map_put(Map *m, const char *key, void *value);
/* As map_put, but -EEXIST when the key is there. */
int map_add(Map *m, const char *key, void *value);
void *map_get(const Map *m, const char *key);
bool map_has(const Map *m, const char *key);
/* Removes and destroys; false when it was not there. The value must not be used while it is destroyed. */
bool map_remove(Map *m, const char *key);
/* Removes and hands the value over. */
void *map_steal(Map *m, const char *key);
size_t map_size(const Map *m);

/* Iteration; the entry at hand may be removed on the way, nothing else may change. */
typedef struct MapEntry MapEntry;
const MapEntry *map_first(const Map *m);
const MapEntry *map_next(const MapEntry *e);
const char *map_key(const MapEntry *e);
void *map_value(const MapEntry *e);
#define MAP_FOREACH(e, m)                                                                                    \
        for (const MapEntry *e = map_first(m), *e##_next_ = e ? map_next(e) : NULL; e;                       \
             e = e##_next_, e##_next_ = e ? map_next(e) : NULL)

/* Maps of strings: both sides copied. */
Map *map_new_strings(void);
int map_put_string(Map *m, const char *key, const char *value);
int map_copy_strings(const Map *m, Map **ret);
bool map_equal_strings(const Map *a, const Map *b);
