/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Log and return. Programs log to the standard error, with a "<N>" level prefix when that is the journal
 * ($JOURNAL_STREAM) and with the program's name otherwise. base, spec, store and engine log at debug only: a
 * failure is logged once, by the program that decides what it means. */

#include <syslog.h>

#include "base/macro.h"

/* name is static; max_level from $BERTH_LOG_LEVEL (a name or 0 to 7), LOG_INFO otherwise. */
void log_setup(const char *name);
void log_set_max_level(int level);
int log_max_level(void);

/* Prints one line, control characters escaped. A negative or positive errno in error makes %m its text, and
 * -abs(error) is returned (0 for 0). */
int log_full(int level, int error, const char *format, ...) _printf_(3, 4);

#define log_debug(...) ((void) log_full(LOG_DEBUG, 0, __VA_ARGS__))
#define log_info(...) ((void) log_full(LOG_INFO, 0, __VA_ARGS__))
#define log_notice(...) ((void) log_full(LOG_NOTICE, 0, __VA_ARGS__))
#define log_warning(...) ((void) log_full(LOG_WARNING, 0, __VA_ARGS__))
#define log_error(...) ((void) log_full(LOG_ERR, 0, __VA_ARGS__))
#define log_debug_errno(e, ...) log_full(LOG_DEBUG, e, __VA_ARGS__)
#define log_warning_errno(e, ...) log_full(LOG_WARNING, e, __VA_ARGS__)
#define log_error_errno(e, ...) log_full(LOG_ERR, e, __VA_ARGS__)
#define log_oom() log_full(LOG_ERR, ENOMEM, "Out of memory")
