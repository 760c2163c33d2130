/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One write() per line, so that lines of several processes on one terminal or journal stream do not mix. The
 * text may quote what strangers wrote, hence it is escaped as a whole before it leaves. */

#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "base/log.h"
#include "base/parse.h"
#include "base/str.h"

static const char *program = "berth";
static int max_level = LOG_INFO;
static bool to_journal;

static int level_from_text(const char *s)
{
        static const char *const names[] = {
                [LOG_EMERG] = "emerg", [LOG_ALERT] = "alert",     [LOG_CRIT] = "crit",
                [LOG_ERR] = "err",     [LOG_WARNING] = "warning", [LOG_NOTICE] = "notice",
                [LOG_INFO] = "info",   [LOG_DEBUG] = "debug",
        };
        uint64_t level;

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (streq(s, names[i]))
                        return (int) i;
        return parse_u64(s, LOG_EMERG, LOG_DEBUG, &level) < 0 ? -EINVAL : (int) level;
}

/* $JOURNAL_STREAM names device and inode of the socket; a descriptor that was redirected since is another
 * one. */
static bool stderr_is_journal(void)
{
        const char *stream = getenv("JOURNAL_STREAM");
        char expected[64];
        struct stat st;

        if (!stream || fstat(STDERR_FILENO, &st) < 0)
                return false;
        (void) snprintf(expected, sizeof(expected), "%ju:%ju", (uintmax_t) st.st_dev, (uintmax_t) st.st_ino);
        return streq(stream, expected);
}

void log_setup(const char *name)
{
        const char *wanted = getenv("BERTH_LOG_LEVEL");
        int level = wanted ? level_from_text(wanted) : LOG_INFO;

        program = name;
        max_level = level < 0 ? LOG_INFO : level;
        to_journal = stderr_is_journal();
}

void log_set_max_level(int level)
{
        max_level = level;
}

int log_max_level(void)
{
        return max_level;
}

static void write_line(int level, const char *text)
{
        char prefix[8] = {'<', (char) ('0' + level), '>', '\0'};
        const char *lead = to_journal ? prefix : program, *gap = to_journal ? "" : ": ";
        struct iovec parts[] = {
                {(void *) lead, strlen(lead)},
                {(void *) gap, strlen(gap)},
                {(void *) text, strlen(text)},
                {(void *) "\n", 1},
        };

        (void) !writev(STDERR_FILENO, parts, ELEMENTSOF(parts));
}

int log_full(int level, int error, const char *format, ...)
{
        _cleanup_free_ char *text = NULL, *escaped = NULL;
        int saved = errno;
        va_list ap;

        error = abs(error);
        if (level <= max_level) {
                errno = error;
                va_start(ap, format);
                if (vasprintf(&text, format, ap) < 0)
                        text = NULL;
                va_end(ap);
                if (text)
                        escaped = str_escape(text);
                write_line(level, escaped ? escaped : "Out of memory while logging");
        }
        errno = saved;
        return -error;
}
