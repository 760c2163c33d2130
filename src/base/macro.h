/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The vocabulary that every file uses: ownership by cleanup attributes that leaves through TAKE, array sizes,
 * string equality. Nothing in here allocates or does I/O. */

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _unused_ __attribute__((unused))
#define _noreturn_ __attribute__((noreturn))
#define _sentinel_ __attribute__((sentinel))

#define ELEMENTSOF(a)                                                                                        \
        (__builtin_choose_expr(!__builtin_types_compatible_p(typeof(a), typeof(&*(a))),                      \
                               sizeof(a) / sizeof((a)[0]), (void) 0))

#define MIN(a, b)                                                                                            \
        __extension__({                                                                                      \
                typeof(a) min_a_ = (a);                                                                      \
                typeof(b) min_b_ = (b);                                                                      \
                min_a_ < min_b_ ? min_a_ : min_b_;                                                           \
        })
#define MAX(a, b)                                                                                            \
        __extension__({                                                                                      \
                typeof(a) max_a_ = (a);                                                                      \
                typeof(b) max_b_ = (b);                                                                      \
                max_a_ > max_b_ ? max_a_ : max_b_;                                                           \
        })

/* Gives the value away and leaves the variable empty, so that its cleanup does nothing. */
#define TAKE(var, nothing)                                                                                   \
        __extension__({                                                                                      \
                typeof(var) *take_p_ = &(var);                                                               \
                typeof(var) take_v_ = *take_p_;                                                              \
                *take_p_ = (nothing);                                                                        \
                take_v_;                                                                                     \
        })
#define TAKE_PTR(p) TAKE(p, NULL)
#define TAKE_FD(fd) TAKE(fd, -EBADF)

/* A function whose pointer argument is freed when the variable goes out of scope: DEFINE_CLEANUP(Spec *,
 * spec_free) makes spec_freep for _cleanup_(). */
#define DEFINE_CLEANUP(type, func)                                                                           \
        _unused_ static inline void func##p(type *p)                                                         \
        {                                                                                                    \
                if (*p)                                                                                      \
                        func(*p);                                                                            \
        }

static inline void freep(void *p)
{
        free(*(void **) p);
}
#define _cleanup_free_ _cleanup_(freep)

/* Closes without touching errno, so that it can stand in an error path. Returns -EBADF: "none". */
static inline int close_fd(int fd)
{
        if (fd >= 0) {
                int saved = errno;

                (void) close(fd);
                errno = saved;
        }
        return -EBADF;
}
static inline void closep(int *fd)
{
        close_fd(*fd);
}
#define _cleanup_close_ _cleanup_(closep)

static inline void fclosep(FILE **f)
{
        if (*f)
                (void) fclose(*f);
}
#define _cleanup_fclose_ _cleanup_(fclosep)

static inline bool streq(const char *a, const char *b)
{
        return strcmp(a, b) == 0;
}

static inline bool streq_ptr(const char *a, const char *b)
{
        return a && b ? streq(a, b) : a == b;
}

static inline bool isempty(const char *s)
{
        return !s || !*s;
}

static inline const char *strempty(const char *s)
{
        return s ? s : "";
}

/* Returns what follows the prefix, NULL when s does not begin with it. */
static inline const char *startswith(const char *s, const char *prefix)
{
        size_t n = strlen(prefix);

        return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

/* Returns where the suffix begins in s, NULL when s does not end in it. */
static inline const char *endswith(const char *s, const char *suffix)
{
        size_t n = strlen(s), m = strlen(suffix);

        return n >= m && streq(s + n - m, suffix) ? s + n - m : NULL;
}

#define FOREACH_ELEMENT(i, array) for (typeof(&(array)[0]) i = (array); i < (array) + ELEMENTSOF(array); i++)
