/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Unit tests: TEST(name) { ... } registers itself, main() is here and runs all of a file in order, or those
 * that the command line names. A failed CHECK prints what it saw and ends the program with status 1; 77 means
 * that every test was skipped. */

#include "base/fs.h"
#include "base/macro.h"

typedef struct Test Test;
struct Test {
        const char *name;
        void (*run)(void);
        Test *next;
};

static Test *test_first, **test_end = &test_first;
static bool test_skipped;
static char test_path[] = "/var/tmp/berth-test-XXXXXX";

#define TEST(id)                                                                                             \
        static void test_##id(void);                                                                         \
        __attribute__((constructor)) static void register_##id(void)                                         \
        {                                                                                                    \
                static Test test = {.name = #id, .run = test_##id};                                          \
                                                                                                             \
                *test_end = &test;                                                                           \
                test_end = &test.next;                                                                       \
        }                                                                                                    \
        static void test_##id(void)

/* Leaves the test at hand. */
#define SKIP(reason)                                                                                         \
        do {                                                                                                 \
                test_skipped = true;                                                                         \
                (void) printf("%s: %s\n", __func__, reason);                                                 \
                return;                                                                                      \
        } while (0)

#define CHECK(expression)                                                                                    \
        do {                                                                                                 \
                if (!(expression))                                                                           \
                        test_fail(__FILE__, __LINE__, #expression, NULL, NULL);                              \
        } while (0)
/* Integers of any type. */
#define CHECK_EQ(a, b) test_check_eq(__FILE__, __LINE__, #a " == " #b, (a), (b))
#define CHECK_OK(r) test_check_ok(__FILE__, __LINE__, #r, (r))
#define CHECK_STREQ(a, b) test_check_streq(__FILE__, __LINE__, #a " == " #b, (a), (b))

static inline void test_remove_directory(void)
{
        (void) fs_remove_tree_at(AT_FDCWD, test_path);
}

_noreturn_ static inline void test_fail(const char *file, int line, const char *expression, const char *a,
                                        const char *b)
{
        (void) fflush(stdout);
        (void) fprintf(stderr, "%s:%d: %s failed", file, line, expression);
        if (a)
                (void) fprintf(stderr, ": %s", a);
        if (b)
                (void) fprintf(stderr, " and %s", b);
        (void) fprintf(stderr, "\n");
        test_remove_directory();
        _exit(EXIT_FAILURE);
}

static inline void test_format_number(__int128 n, char buf[static 64])
{
        const char *name = n < 0 && n > -4096 ? strerrorname_np((int) -n) : NULL;

        if (name)
                (void) snprintf(buf, 64, "%d (-%s)", (int) n, name);
        else if (n < 0)
                (void) snprintf(buf, 64, "%jd", (intmax_t) n);
        else
                (void) snprintf(buf, 64, "%ju", (uintmax_t) n);
}

static inline void test_check_eq(const char *file, int line, const char *expression, __int128 a, __int128 b)
{
        char a_text[64], b_text[64];

        if (a == b)
                return;
        test_format_number(a, a_text);
        test_format_number(b, b_text);
        test_fail(file, line, expression, a_text, b_text);
}

static inline void test_check_ok(const char *file, int line, const char *expression, intmax_t r)
{
        if (r < 0)
                test_fail(file, line, expression, strerrorname_np((int) -r), NULL);
}

static inline void test_check_streq(const char *file, int line, const char *expression, const char *a,
                                    const char *b)
{
        if (!streq_ptr(a, b))
                test_fail(file, line, expression, a ? a : "(null)", b ? b : "(null)");
}

/* A directory for this program, on a disk (not tmpfs), removed at its end. */
static inline const char *test_directory(void)
{
        static bool made;

        if (!made) {
                CHECK(mkdtemp(test_path));
                CHECK_EQ(atexit(test_remove_directory), 0);
                made = true;
        }
        return test_path;
}

/* The caller closes it. */
static inline int test_directory_open(void)
{
        int fd = open(test_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        CHECK(fd >= 0);
        return fd;
}

static inline bool test_wanted(const Test *t, int argc, char **argv)
{
        for (int i = 1; i < argc; i++)
                if (streq(argv[i], t->name))
                        return true;
        return argc <= 1;
}

int main(int argc, char **argv)
{
        bool passed = false;

        for (const Test *t = test_first; t; t = t->next) {
                if (!test_wanted(t, argc, argv))
                        continue;
                test_skipped = false;
                t->run();
                (void) printf("%s: %s\n", test_skipped ? "skipped" : "ok", t->name);
                passed = passed || !test_skipped;
        }
        return passed ? EXIT_SUCCESS : 77;
}
