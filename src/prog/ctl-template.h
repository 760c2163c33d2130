/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The templates of --format, in the language of Go's text/template as far as people use it on the command
 * line: fields, pipes, variables, if, with, range, and the functions of ctl-function.c. It works on JSON; the
 * text is interpreted as it is read, and a range reads its body again for each element. */

#include "base/json.h"
#include "spec/error.h"

#define TEMPLATE_DEPTH_MAX 32
#define TEMPLATE_VARIABLES_MAX 16
#define TEMPLATE_ARGS_MAX 16

typedef enum TemplateEscape {
        TEMPLATE_RAW,
        TEMPLATE_LINES, /* control characters but tab and line feed are escaped: for a terminal */
        TEMPLATE_CELLS, /* all are escaped: tabs and line feeds are ours */
} TemplateEscape;

/* Writes the text for one value to out. ERROR_INVALID_ARGUMENT says where the template is wrong. A NULL value
 * only checks the syntax. */
int template_write(const char *text, const json_t *value, TemplateEscape escape, FILE *out, Error *error);

/* A function gets its arguments, of which a NULL stands for "no value", and gives a new reference (NULL: no
 * value). */
typedef int (*TemplateFunction)(const json_t *const *args, size_t n, json_t **ret, Error *error);
TemplateFunction template_function(const char *name);

/* How Go prints it: "[a b]", "map[k:v]". NULL: out of memory. */
char *template_value_text(const json_t *v);
bool template_truth(const json_t *v);
