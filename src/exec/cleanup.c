/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* berth-exec unit-cleanup: after the unit's last process, whatever it came from. The service manager says how it
 * ended; the start record says what had begun. Mounts and namespaces are gone with the processes. */

#include <fcntl.h>
#include <signal.h>

#include "base/fs.h"
#include "base/parse.h"
#include "base/str.h"
#include "exec/launcher.h"
#include "exec/log-pipe.h"
#include "exec/order.h"
#include "exec/record.h"
#include "exec/verb.h"
#include "spec/name.h"

#define EXIT_UNKNOWN 125

/* systemd.exec(5): $EXIT_CODE is "exited", "killed" or "dumped", $EXIT_STATUS the status or the signal's
 * name. */
static uint64_t exit_code(void)
{
        const char *code = getenv("EXIT_CODE"), *status = getenv("EXIT_STATUS");
        uint64_t n;
        int sig;

        if (!code || !status)
                return EXIT_UNKNOWN;
        if (streq(code, "exited"))
                return parse_u64(status, 0, 255, &n) < 0 ? EXIT_UNKNOWN : n;
        return parse_signal(status, &sig) < 0 ? EXIT_UNKNOWN : 128U + (unsigned) sig;
}

static int end_record(const char *id, bool oom, Record *ret)
{
        _cleanup_record_ Record record = {};
        const char *result = getenv("SERVICE_RESULT"), *invocation = getenv("INVOCATION_ID");
        int r;

        r = record_load_start(id, &record);
        if (r < 0 && invocation && str_replace(&record.invocation_id, invocation) < 0)
                return -ENOMEM;
        record.finished_usec = now_realtime();
        record.exit_code = exit_code();
        record.oom_killed = oom && (streq_ptr(result, "oom-kill") || cgroup_oom_kills() > record.oom_kills);
        record.oom_kills = 0;
        if (result && str_replace(&record.result, result) < 0)
                return -ENOMEM;
        *ret = TAKE(record, (Record){});
        return 0;
}

/* What never began does not die. */
static void log_end(Event event, const Launch *l, const Record *record, const char *exec_id)
{
        char code[16];

        if (record->started_usec == 0)
                return;
        (void) snprintf(code, sizeof(code), "%u", (unsigned) record->exit_code);
        if (record->oom_killed)
                (void) launcher_event(EVENT_CONTAINER_OOM, l, NULL, NULL, exec_id);
        (void) launcher_event(event, l, "containerExitCode", code, exec_id);
}

/* The container disappears by one rename; then its name is free. What is left, a later sweep finds by its
 * name. */
static int disappear(const char *id, char **ret)
{
        _cleanup_free_ char *from = str_printf(CONTAINERS_DIR "/%s", id), *name = str_printf(".%s.rm", id),
                            *to = NULL;

        to = name ? str_printf(CONTAINERS_DIR "/%s", name) : NULL;
        if (!from || !to)
                return -ENOMEM;
        if (rename(from, to) < 0)
                return -errno;
        *ret = TAKE_PTR(name);
        return 0;
}

static int remove_tree(const char *name)
{
        _cleanup_close_ int dir = open(CONTAINERS_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC);

        return dir < 0 ? -errno : fs_remove_tree_at(dir, name);
}

/* systemd forgets a transient unit when it ends. The same unit lies as a file in the container's directory,
 * and a link to it is what "systemctl start" finds. A unit that is not the daemon's has no such file. */
static void leave_unit(const char *id, const Launch *l)
{
        _cleanup_free_ char *file = NULL, *name = NULL;

        if (!unit_name_is_valid(l->unit))
                return;
        file = str_printf(CONTAINERS_DIR "/%s/%s", id, l->unit);
        name = str_printf(UNIT_LINK_DIR "/%s", l->unit);
        if (file && name && access(file, F_OK) >= 0 && symlink(file, name) >= 0)
                fs_touch(UNIT_LINK_DIR);
}

static int end_container(const char *id, const Launch *l, Error *error)
{
        _cleanup_record_ Record record = {};
        _cleanup_free_ char *gone = NULL;
        int r;

        r = end_record(id, true, &record);
        if (r < 0)
                return error_set_errno(error, r, "Cannot make the exit record");
        if (l->auto_remove)
                r = disappear(id, &gone);
        else {
                r = record_keep_exit(id, &record);
                leave_unit(id, l);
        }
        if (r < 0 && r != -ENOENT)
                (void) error_set_errno(error, r,
                                       l->auto_remove ? "Cannot remove the container"
                                                      : "Cannot keep the exit record");
        /* The daemon acts on this one; what it then looks at has happened. */
        r = record_write_exit(id, &record);
        if (r < 0)
                (void) error_set_errno(error, r, "Cannot write the exit record");
        log_end(EVENT_CONTAINER_DIED, l, &record, NULL);
        if (gone) {
                (void) launcher_event(EVENT_CONTAINER_REMOVE, l, NULL, NULL, NULL);
                r = remove_tree(gone);
                if (r < 0)
                        (void) error_set_errno(error, r, "Cannot remove all of the container");
        }
        return error->kind == ERROR_NONE ? 0 : -error_errno(error->kind);
}

/* The unit's end is the payload's end: a failure here is told and changes nothing else. */
static int finish(const Launch *l, int r, const Error *error)
{
        if (r >= 0)
                return EXIT_SUCCESS;
        failure_log(l, error);
        if (!getenv("INVOCATION_ID"))
                (void) fprintf(stderr, "berth-exec: %s\n", strempty(error->message));
        return error_exit_status(error->kind);
}

/* The unit of a .container file makes its container before it starts it. When that fails, the container is
 * still the one of the run before, whose end is recorded, or there is none. */
static bool never_reached(const char *id)
{
        const char *invocation = getenv("INVOCATION_ID");
        _cleanup_record_ Record record = {};

        return invocation && record_load_start(id, &record) >= 0 && record.invocation_id &&
               !streq(record.invocation_id, invocation);
}

static void drain_output(char *const *args, const Launch *l)
{
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_free_ char *name = l->log_pipe ? log_pipe_name(args) : NULL;
        int r = !l->log_pipe ? 0 : name ? log_pipe_drain(name, l) : -ENOMEM;

        if (r < 0) {
                (void) error_set_errno(&error, r, "Cannot pass on the last of the output");
                failure_log(l, &error);
        }
}

int verb_cleanup(char *const *args)
{
        _cleanup_(launch_freep) Launch *l = NULL;
        _cleanup_error_ Error error = ERROR_INIT, damaged = ERROR_INIT;
        _cleanup_free_ char *id = NULL;
        bool by_unit = streq_ptr(args[0], "--unit");
        int r;

        r = order_find(args, &id, &error);
        if (by_unit && (r < 0 ? error.kind == ERROR_NO_SUCH_CONTAINER : never_reached(id)))
                return EXIT_SUCCESS;
        if (r < 0)
                return finish(NULL, r, &error);
        /* Without a readable order there is still an end to record. */
        if (order_load_container(id, &l, &damaged) < 0)
                l = launch_new();
        if (!l)
                return finish(NULL, -ENOMEM, &damaged);
        if (!l->id)
                r = str_replace(&l->id, id);
        /* Before somebody learns of the end, and reads the log. */
        drain_output(args, l);
        if (r >= 0)
                r = end_container(id, l, &error);
        return finish(l, r, &error);
}

static int end_session(const char *id, const Launch *l, Error *error)
{
        _cleanup_free_ char *order = str_printf(EXEC_ORDER_DIR "/%s", id);
        _cleanup_record_ Record record = {};
        int r;

        r = end_record(id, false, &record);
        if (r >= 0)
                r = record_write_exit(id, &record);
        if (r < 0)
                (void) error_set_errno(error, r, "Cannot write the exit record");
        else if (l)
                log_end(EVENT_CONTAINER_EXEC_DIED, l, &record, id);
        if (!order || (unlink(order) < 0 && errno != ENOENT))
                (void) error_set_errno(error, errno, "Cannot remove the order");
        return error->kind == ERROR_NONE ? 0 : -error_errno(error->kind);
}

int verb_cleanup_exec(char *const *args)
{
        _cleanup_error_ Error error = ERROR_INIT, damaged = ERROR_INIT;
        _cleanup_exec_order_ ExecOrder o = {};
        _cleanup_free_ char *id = NULL;
        int r;

        r = order_find(args, &id, &error);
        if (r >= 0) {
                (void) order_load_exec(id, &o, &damaged);
                r = end_session(id, o.launch, &error);
        }
        return finish(o.launch, r, &error);
}
