/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What lands on the standard error, read back from a file in its place. */

#include <sys/mman.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/str.h"
#include "test.h"

static int real_stderr = -EBADF, captured = -EBADF;

static void capture_begin(void)
{
        real_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
        captured = memfd_create("stderr", MFD_CLOEXEC);
        CHECK(captured >= 0);
        CHECK_OK(dup2(captured, STDERR_FILENO));
}

static char *capture_end(void)
{
        char *text;

        CHECK_OK(dup2(real_stderr, STDERR_FILENO));
        real_stderr = close_fd(real_stderr);
        CHECK_OK(lseek(captured, 0, SEEK_SET));
        CHECK_OK(fs_read_fd(captured, 1 << 20, &text, NULL));
        captured = close_fd(captured);
        return text;
}

TEST(lines)
{
        _cleanup_free_ char *text = NULL;
        int r[3];

        CHECK_OK(unsetenv("JOURNAL_STREAM"));
        CHECK_OK(unsetenv("BERTH_LOG_LEVEL"));
        capture_begin();
        log_setup("prog");
        errno = ENOTTY;
        r[0] = log_error_errno(ENOENT, "open %s: %m", "x");
        r[1] = log_debug_errno(-EIO, "not shown");
        r[2] = log_full(LOG_INFO, 0, "a\nb\x1b[2J\xff");
        log_info("%s", "plain");
        text = capture_end();
        CHECK_EQ(errno, ENOTTY);
        CHECK_EQ(r[0], -ENOENT);
        CHECK_EQ(r[1], -EIO);
        CHECK_EQ(r[2], 0);
        CHECK_STREQ(text, "prog: open x: No such file or directory\n"
                          "prog: a\\x0ab\\x1b[2J\\xff\n"
                          "prog: plain\n");
}

TEST(journal_prefix)
{
        _cleanup_free_ char *text = NULL, *stream = NULL, *other = NULL, *plain = NULL;
        struct stat st;

        capture_begin();
        CHECK_OK(fstat(STDERR_FILENO, &st));
        stream = str_printf("%ju:%ju", (uintmax_t) st.st_dev, (uintmax_t) st.st_ino);
        CHECK_OK(setenv("JOURNAL_STREAM", stream, true));
        log_setup("prog");
        log_warning("w");
        text = capture_end();
        CHECK_STREQ(text, "<4>w\n");

        capture_begin();
        other = str_printf("%s1", stream);
        CHECK_OK(setenv("JOURNAL_STREAM", other, true));
        log_setup("prog");
        log_warning("w");
        plain = capture_end();
        CHECK_STREQ(plain, "prog: w\n");
}

TEST(levels)
{
        static const struct {
                const char *text;
                int level;
        } rows[] = {
                {"debug", LOG_DEBUG}, {"7", LOG_DEBUG}, {"err", LOG_ERR},   {"0", LOG_EMERG},
                {"8", LOG_INFO},      {"", LOG_INFO},   {"loud", LOG_INFO},
        };

        FOREACH_ELEMENT(row, rows) {
                CHECK_OK(setenv("BERTH_LOG_LEVEL", row->text, true));
                log_setup("prog");
                CHECK_EQ(log_max_level(), row->level);
        }
        log_set_max_level(LOG_CRIT);
        CHECK_EQ(log_max_level(), LOG_CRIT);
}
