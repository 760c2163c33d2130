/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Records appear by one rename; the daemon watches the directories. */

#include "base/fs.h"
#include "base/journal.h"
#include "base/parse.h"
#include "base/str.h"
#include "exec/record.h"
#include "spec/name.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define EXIT_FILE "exit.json"
#define STAT_SIZE_MAX 4096U
#define CGROUP_DIR "/sys/fs/cgroup"
#define CGROUP_SIZE_MAX 8192U
#define ID_SHORT 12

static int write_record(const char *path, const char *name, const Record *record, FsSync sync)
{
        _cleanup_json_ json_t *v = record_to_json(record);
        _cleanup_free_ char *text = v ? json_text(v) : NULL;
        _cleanup_close_ int dir = -EBADF;
        int r;

        if (!text)
                return -ENOMEM;
        dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0 && errno == ENOENT && sync == FS_NO_SYNC) {
                r = fs_mkdir_p(path, 0700);
                if (r < 0)
                        return r;
                dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        }
        if (dir < 0)
                return -errno;
        return fs_replace_at(dir, name, text, strlen(text), 0600, sync);
}

/* Field 22, counted behind the name, which may hold blanks and parentheses. */
int process_start_time(pid_t pid, uint64_t *ret)
{
        _cleanup_free_ char *path = str_printf("/proc/%d/stat", pid), *text = NULL;
        char *p;
        int r;

        if (!path)
                return -ENOMEM;
        r = fs_read_at(AT_FDCWD, path, STAT_SIZE_MAX, &text, NULL);
        if (r < 0)
                return r == -ENOENT ? -ESRCH : r;
        p = strrchr(text, ')');
        for (unsigned field = 2; p && field < 22; field++)
                p = strchr(p + 1, ' ');
        if (!p)
                return -EBADMSG;
        p++;
        p[strcspn(p, " ")] = '\0';
        return parse_u64(p, 0, UINT64_MAX, ret);
}

uint64_t cgroup_oom_kills(void)
{
        _cleanup_free_ char *where = NULL, *path = NULL, *events = NULL;
        uint64_t n;
        char *line;

        if (fs_read_at(AT_FDCWD, "/proc/self/cgroup", CGROUP_SIZE_MAX, &where, NULL) < 0)
                return 0;
        line = strstr(where, "0::/");
        if (!line)
                return 0;
        line[strcspn(line, "\n")] = '\0';
        path = str_printf(CGROUP_DIR "%s/memory.events", line + strlen("0::"));
        if (!path || fs_read_at(AT_FDCWD, path, CGROUP_SIZE_MAX, &events, NULL) < 0)
                return 0;
        line = strstr(events, "oom_kill ");
        if (!line)
                return 0;
        line += strlen("oom_kill ");
        line[strcspn(line, "\n")] = '\0';
        return parse_u64(line, 0, UINT64_MAX, &n) < 0 ? 0 : n;
}

static int read_boot_id(char **ret)
{
        char *id;
        int r;

        r = fs_read_at(AT_FDCWD, BOOT_ID, STAT_SIZE_MAX, &id, NULL);
        if (r < 0)
                return r;
        id[strcspn(id, "\n")] = '\0';
        *ret = id;
        return 0;
}

int record_write_start(const char *id, pid_t pid, uint64_t started_usec, const Error *failure)
{
        _cleanup_record_ Record record = {.pid = (uint64_t) pid, .started_usec = started_usec};
        const char *invocation = getenv("INVOCATION_ID");
        int r = 0;

        if (pid > 0)
                (void) process_start_time(pid, &record.pid_start);
        record.oom_kills = cgroup_oom_kills();
        (void) read_boot_id(&record.boot_id);
        if (invocation)
                r = str_replace(&record.invocation_id, invocation);
        if (r >= 0 && failure)
                r = str_replace(&record.error_name, error_bus_name(failure->kind));
        if (r >= 0 && failure)
                r = str_replace(&record.error, failure->message);
        return r < 0 ? r : write_record(START_RECORD_DIR, id, &record, FS_NO_SYNC);
}

int record_load_start(const char *id, Record *ret)
{
        _cleanup_free_ char *path = str_printf(START_RECORD_DIR "/%s", id);
        _cleanup_record_ Record record = {};
        const char *invocation = getenv("INVOCATION_ID");
        int r;

        if (!path)
                return -ENOMEM;
        r = record_load_at(AT_FDCWD, path, &record);
        if (r < 0)
                return r;
        if (invocation && !streq_ptr(record.invocation_id, invocation))
                return -ENOENT;
        *ret = TAKE(record, (Record){});
        return 0;
}

int record_write_exit(const char *id, const Record *r)
{
        return write_record(EXIT_RECORD_DIR, id, r, FS_NO_SYNC);
}

int record_keep_exit(const char *id, const Record *r)
{
        _cleanup_free_ char *path = str_printf(CONTAINERS_DIR "/%s", id);

        return path ? write_record(path, EXIT_FILE, r, FS_SYNC) : -ENOMEM;
}

void failure_log(const Launch *l, const Error *error)
{
        _cleanup_(journal_entry_done) JournalEntry e = {};

        journal_entry_add(&e, "MESSAGE", strempty(error->message));
        journal_entry_add(&e, "PRIORITY", "3");
        journal_entry_add(&e, "SYSLOG_IDENTIFIER", l && l->log_tag ? l->log_tag : "berth-exec");
        journal_entry_add(&e, "BERTH_ERROR", error_bus_name(error->kind));
        if (l && l->id)
                journal_entry_addf(&e, "CONTAINER_ID", "%.*s", ID_SHORT, l->id);
        if (l) {
                journal_entry_add(&e, "CONTAINER_ID_FULL", l->id);
                journal_entry_add(&e, "CONTAINER_NAME", l->name);
                journal_entry_add(&e, "IMAGE_NAME", l->image);
                journal_entry_add(&e, "OBJECT_SYSTEMD_UNIT", l->unit);
        }
        (void) journal_entry_send(&e);
}
