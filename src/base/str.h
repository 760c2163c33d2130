/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Strings and string lists. A list (strv) is a NULL-terminated array of owned strings; a NULL list is an
 * empty one. Functions that allocate return -ENOMEM (or NULL) and leave their arguments as they were. */

#include "base/macro.h"

#define STRV_FOREACH(i, l) for (char **i = (l); i && *i; i++)

char **strv_free(char **l);
DEFINE_CLEANUP(char **, strv_free)
#define _cleanup_strv_ _cleanup_(strv_freep)

size_t strv_length(char *const *l);
int strv_copy(char *const *l, char ***ret);
bool strv_equal(char *const *a, char *const *b);
bool strv_contains(char *const *l, const char *s);

/* Appends a copy of s, or all of b. */
int strv_append(char ***l, const char *s);
int strv_extend(char ***l, char *const *b);
/* Appends s itself, which is freed on failure. */
int strv_consume(char ***l, char *s);

/* Joins with sep between the elements; the empty list gives "". NULL: out of memory. */
char *strv_join(char *const *l, const char *sep);
/* Cuts s at each character of seps; empty pieces are dropped. */
int strv_split(const char *s, const char *seps, char ***ret);

/* Words as systemd's unit files and Podman's Quadlet read them: blanks separate, "..." and '...' group,
 * C-style escapes (\n \t \\ \" \xHH \uHHHH \NNN, \s = space) are resolved. -EINVAL: unbalanced quotes or a
 * bad escape. */
int words_split(const char *s, char ***ret);
/* The reverse: quotes only the words that need it; words_split() of the result gives the list again. NULL:
 * OOM. */
char *words_join(char *const *l);

/* asprintf() that returns the string or NULL. */
char *str_printf(const char *format, ...) _printf_(1, 2);

/* Replaces *s by a copy of value (NULL: by nothing). */
int str_replace(char **s, const char *value);

/* Control characters (below 0x20, 0x7f to 0x9f) or bytes that are no UTF-8: such text never reaches a unit,
 * the journal or a terminal raw. */
bool str_has_control(const char *s);
bool str_is_utf8(const char *s, size_t size);

/* A copy that is fit for a terminal or a log line: control characters and invalid bytes as \xHH.
 * NULL: OOM. */
char *str_escape(const char *s);

/* The candidate nearest to s by edit distance, NULL when none is near enough to be worth suggesting. The
 * candidates are handed out by next(i), NULL after the last. */
const char *str_nearest(const char *s, const char *(*next)(size_t i));
