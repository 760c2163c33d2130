/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include <systemd/sd-id128.h>

#include "base/fs.h"
#include "base/parse.h"
#include "base/str.h"
#include "prog/ctl-journal.h"

#define JOURNAL_VARLINK_SOCKET "/run/systemd/journal/io.systemd.journal"

/* Whether a journal of the system is there that we may not read, and none that we may. */
static bool is_forbidden(void)
{
        static const char *const directories[] = {"/var/log/journal", "/run/log/journal"};
        char machine[SD_ID128_STRING_MAX];
        bool forbidden = false;
        sd_id128_t id;

        if (geteuid() == 0 || sd_id128_get_machine(&id) < 0)
                return false;
        sd_id128_to_string(id, machine);
        FOREACH_ELEMENT(d, directories) {
                _cleanup_free_ char *file = str_printf("%s/%s/system.journal", *d, machine);

                if (file && access(file, R_OK) == 0)
                        return false;
                forbidden = forbidden || errno == EACCES;
        }
        return forbidden;
}

static int open_with(Ctl *c, int flags, sd_journal **ret)
{
        int r;

        if (is_forbidden())
                return error_set(&c->error, ERROR_NOT_AUTHORIZED,
                                 "the journal may be read by root and by the members of the group "
                                 "systemd-journal only "
                                 "(usermod -aG systemd-journal USER)");
        r = sd_journal_open(ret, SD_JOURNAL_LOCAL_ONLY | flags);
        return r < 0 ? error_set_errno(&c->error, r, "opening the journal") : 0;
}

int journal_open_system(Ctl *c, sd_journal **ret)
{
        return open_with(c, SD_JOURNAL_SYSTEM, ret);
}

int journal_open_everyone(Ctl *c, sd_journal **ret)
{
        return open_with(c, 0, ret);
}

int journal_match(Ctl *c, sd_journal *j, const char *field, const char *value)
{
        _cleanup_free_ char *match = str_printf("%s=%s", field, value);
        int r = match ? sd_journal_add_match(j, match, 0) : -ENOMEM;

        return r < 0 ? error_set_errno(&c->error, r, "searching the journal") : 0;
}

void journal_synchronize(unsigned msec)
{
        static const char request[] = "{\"method\":\"io.systemd.Journal.Synchronize\",\"parameters\":{}}";
        struct timeval limit = {.tv_sec = msec / 1000, .tv_usec = msec % 1000 * 1000};
        struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = JOURNAL_VARLINK_SOCKET};
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        char reply[256];
        ssize_t n;

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
                return;
        if (connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                return;
        if (fs_write_all(fd, request, sizeof(request)) < 0)
                return;
        do
                n = read(fd, reply, sizeof(reply));
        while ((n > 0 && !memchr(reply, '\0', (size_t) n)) || (n < 0 && errno == EINTR));
}

static int parse_local(const char *s, uint64_t *ret)
{
        static const char *const formats[] = {"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M",
                                              "%Y-%m-%dT%H:%M", "%Y-%m-%d"};

        FOREACH_ELEMENT(f, formats) {
                struct tm tm = {.tm_isdst = -1};
                const char *end = strptime(s, *f, &tm);
                time_t t;

                if (!end || *end)
                        continue;
                t = mktime(&tm);
                if (t < 0)
                        return -ERANGE;
                *ret = (uint64_t) t * USEC_PER_SEC;
                return 0;
        }
        return -EINVAL;
}

/* Seconds since 1970, with or without a fraction. */
static int parse_epoch(const char *s, uint64_t *ret)
{
        char *end;
        double seconds;

        if (strspn(s, "0123456789.") != strlen(s) || strlen(s) < 9)
                return -EINVAL;
        seconds = strtod(s, &end);
        if (*end || seconds > (double) (UINT64_MAX / USEC_PER_SEC / 2))
                return -EINVAL;
        *ret = (uint64_t) (seconds * (double) USEC_PER_SEC);
        return 0;
}

int journal_time(Ctl *c, Flag f, uint64_t *ret)
{
        const char *s = ctl_value(c, f);
        uint64_t span, now = now_realtime();

        if (!s || parse_time(s, ret) >= 0 || parse_epoch(s, ret) >= 0 || parse_local(s, ret) >= 0)
                return 0;
        if (parse_usec(*s == '-' ? s + 1 : s, &span) < 0)
                return error_set(&c->error, ERROR_INVALID_ARGUMENT,
                                 "--%s: \"%s\" is neither a time nor a span", flag_get(f)->name, s);
        *ret = span < now ? now - span : 0;
        return 0;
}

static int keep_field(JournalField *f, const char *data, size_t size)
{
        if (size + 1 > f->allocated) {
                char *larger = realloc(f->value, 2 * size + 64);

                if (!larger)
                        return -ENOMEM;
                f->value = larger;
                f->allocated = 2 * size + 64;
        }
        memcpy(f->value, data, size);
        f->value[size] = '\0';
        f->size = size;
        f->present = true;
        return 0;
}

int journal_read(sd_journal *j, JournalField *fields, size_t n)
{
        const void *data;
        size_t size;
        int r;

        for (size_t i = 0; i < n; i++)
                fields[i].present = false;
        sd_journal_restart_data(j);
        while ((r = sd_journal_enumerate_available_data(j, &data, &size)) > 0)
                for (size_t i = 0; i < n; i++) {
                        size_t prefix = strlen(fields[i].name);

                        if (fields[i].present || size <= prefix || ((const char *) data)[prefix] != '=' ||
                            memcmp(data, fields[i].name, prefix) != 0)
                                continue;
                        r = keep_field(&fields[i], (const char *) data + prefix + 1, size - prefix - 1);
                        if (r < 0)
                                return r;
                        break;
                }
        return r;
}

void journal_fields_done(JournalField *fields, size_t n)
{
        for (size_t i = 0; i < n; i++)
                free(fields[i].value);
}
