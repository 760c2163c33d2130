/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Text to values and back, at the edge only: inside, bytes and microseconds are uint64_t. All parsers are
 * strict (the whole string, no blanks, no locale) and return -EINVAL for what is no such value, -ERANGE for
 * one out of range. */

#include "base/macro.h"

#define USEC_INFINITY UINT64_MAX
#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC UINT64_C(1000000)
#define USEC_PER_MINUTE (60 * USEC_PER_SEC)
#define USEC_PER_HOUR (60 * USEC_PER_MINUTE)
#define USEC_PER_DAY (24 * USEC_PER_HOUR)
#define SIZE_INFINITY UINT64_MAX

/* 1, yes, y, true, t, on and their opposites, any case. */
int parse_bool(const char *s, bool *ret);

/* Decimal digits only; no sign, no leading zero but "0" itself is fine. */
int parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *ret);
int parse_i64(const char *s, int64_t min, int64_t max, int64_t *ret);
/* Octal file mode or umask, 0 to 07777. */
int parse_mode(const char *s, mode_t *ret);

/* Bytes: "512m", "1.5G", "64KiB", "infinity" or "-1" (SIZE_INFINITY); b k m g t p, powers of
 * 1024, any case. */
int parse_size(const char *s, uint64_t *ret);
/* "1000", "512M": the largest unit that divides it evenly; "infinity". Returns buf. */
#define FORMAT_SIZE_MAX 32
char *format_size(uint64_t size, char buf[static FORMAT_SIZE_MAX]);
/* For people, as podman prints it: "103 MB" (powers of 1000). */
char *format_size_human(uint64_t size, char buf[static FORMAT_SIZE_MAX]);

/* Time span: "10" (seconds), "1min 30s", "1m30s", "2h", "500ms", "1.5s", "infinity"; us ms s m min h d w and
 * their long names. In microseconds. */
int parse_usec(const char *s, uint64_t *ret);
#define FORMAT_USEC_MAX 64
char *format_usec(uint64_t usec, char buf[static FORMAT_USEC_MAX]);
/* For people, as podman prints it: "About a minute", "3 hours", "12 days". */
char *format_usec_human(uint64_t usec, char buf[static FORMAT_USEC_MAX]);

/* "SIGTERM", "TERM", "15", "RTMIN+3". The result is 1 to 64. */
int parse_signal(const char *s, int *ret);
/* "SIGTERM"; real-time signals as "SIGRTMIN+3". NULL: not a signal. Static storage or the caller's buf. */
#define FORMAT_SIGNAL_MAX 24
const char *format_signal(int sig, char buf[static FORMAT_SIGNAL_MAX]);

/* RFC 3339 in UTC with microseconds, "2026-01-02T03:04:05.123456Z": how times stand in JSON and OCI
 * documents. */
#define FORMAT_TIME_MAX 40
char *format_time(uint64_t realtime_usec, char buf[static FORMAT_TIME_MAX]);
/* Any RFC 3339 time from 1970 on; -ERANGE before. */
int parse_time(const char *s, uint64_t *ret);

uint64_t now_realtime(void);
uint64_t now_monotonic(void);

/* n random bytes as 2*n lower-case hex digits; buf has room for 2*n+1. */
int random_hex(size_t n, char *buf);
/* Exactly so many lower-case hex digits. */
bool is_hex(const char *s, size_t digits);
