/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The commands of Berth's units. Each takes the arguments behind its name (a NULL-terminated list) and returns the
 * exit status. */

int verb_start(char *const *args);
int verb_exec(char *const *args);
int verb_cleanup(char *const *args);
int verb_cleanup_exec(char *const *args);
int verb_log(char *const *args);
