/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a verb prints: a list as table, as JSON or through a template, one object, or an error. A table is a
 * template too ("table {{.ID}}\t{{.Names}}"), run once with the headings and once per row. */

#include "base/json.h"
#include "prog/ctl.h"

typedef struct Heading {
        const char *field;
        const char *text;
} Heading;

typedef struct Listing {
        const char *usual;       /* the template when --format is not given */
        const Heading *headings; /* of fields whose heading is not their name in capitals */
        size_t n_headings;
        json_t *rows;      /* array of objects for templates */
        json_t *documents; /* array for "json" */
} Listing;

/* By --format, --noheading and --quiet ({{.ID}} alone). Returns an exit status. */
int output_list(Ctl *c, const Listing *l);
/* One value by --format: JSON, or a template. */
int output_value(Ctl *c, const json_t *v);
int output_json(const json_t *v);

/* The template of --format, NULL for JSON or none given; *ret_json. */
const char *output_format(const Ctl *c, bool *ret_json);
/* For text from elsewhere on its way to the standard output. */
bool output_is_terminal(void);
void output_line(const char *text);
/* A line for each string of the array, by a format with one %s. */
void output_each(const char *format, const json_t *list);

/* "Error: ..." and, where something can be done, a line that says what. */
void output_error(const Ctl *c, const Error *e);

/* "3 minutes ago" of a time in microseconds. NULL: out of memory. */
char *output_ago(uint64_t usec);
/* "2026-01-02 03:04:05.678 +0100 CET", as Go prints a time; "" for 0. NULL: out of memory. */
char *output_time(uint64_t usec);

/* By which members a list may be sorted: --sort NAME. The first is the usual one. */
typedef struct SortKey {
        const char *name;
        const char *member;
        bool newest_first; /* numbers from the greatest */
} SortKey;
int output_sort(Ctl *c, json_t *list, const SortKey *keys, size_t n_keys);

/* Whether the user wants it, who is asked unless there is a --force. */
bool output_confirm(const Ctl *c, const char *question);
