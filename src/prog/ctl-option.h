/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The command line of one verb, read by two tables: the verb's own flags and the settings. */

#include "prog/ctl.h"

/* Reads what follows the verb into c (flags, values, spec) and leaves the arguments in c->args; argv itself
 * is reordered. 1: help was asked for. */
int options_parse(Ctl *c, char **argv);
void options_done(Ctl *c);

/* Calls back with every flag that a verb has: "--name", letter or 0, metavar or NULL, help. */
typedef void (*OptionVisit)(const char *name, char letter, const char *metavar, const char *help,
                            bool is_setting, void *userdata);
void options_visit(const Verb *v, OptionVisit visit, void *userdata);
/* Whether --name of this verb exists, and whether it wants an argument. */
bool options_wants_value(const Verb *v, const char *flag, bool *ret_known);

/* The candidate nearest to s, NULL when none is near. */
const char *nearest_of(const char *s, char *const *candidates);
