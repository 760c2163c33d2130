/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The manager must know the child before the child can end: it is told the main PID and "ready" in one
 * message, and a barrier waits until it has read it; only then the child may exec. Records and the event are
 * written while the manager is busy with the message. */

#include <linux/sched.h>
#include <sys/pidfd.h>
#include <sys/stat.h>

#include "base/journal.h"
#include "base/parse.h"
#include "base/str.h"
#include "exec/launcher.h"
#include "exec/namespace.h"
#include "exec/record.h"
#include "exec/relay.h"

#define BARRIER_TIMEOUT_USEC (30 * USEC_PER_SEC)

/* How far it got. */
typedef struct Started {
        pid_t pid;
        uint64_t usec;
} Started;

int launcher_event(Event event, const Launch *l, const char *attribute, const char *value,
                   const char *exec_id)
{
        _cleanup_(map_freep) Map *attributes = attribute || exec_id ? map_new_strings() : NULL;
        EventInfo info = {
                .id = l->id, .name = l->name, .image = l->image, .unit = l->unit, .attributes = attributes};

        if (!l->id)
                return 0;
        if ((attribute && map_put_string(attributes, attribute, value) < 0) ||
            (exec_id && map_put_string(attributes, "execID", exec_id) < 0))
                return -ENOMEM;
        return event_log(event, &info);
}

/* Whoever waits for the start gets the reason with the answer. Who has no answer to wait for, because it is
 * run by hand or the start was answered already, reads it where the payload would have written. */
static bool wants_words(const Started *started)
{
        struct stat st;

        if (!getenv("INVOCATION_ID"))
                return true;
        /* A socket is the journal's: it has the reason as an entry of its own. */
        return started->usec > 0 && fstat(STDERR_FILENO, &st) >= 0 && !S_ISSOCK(st.st_mode);
}

static int tell_failure(const Launch *launch, const char *record_id, const Started *started,
                        const Error *error)
{
        failure_log(launch, error);
        if (record_id)
                (void) record_write_start(record_id, started->pid, started->usec, error);
        if (wants_words(started))
                (void) fprintf(stderr, "Error: %s\n", strempty(error->message));
        return error_exit_status(error->kind);
}

int launcher_failed(const Launch *launch, const char *record_id, const Error *error)
{
        return tell_failure(launch, record_id, &(Started){}, error);
}

static _noreturn_ void run_child(const Launcher *l, Channel *c)
{
        _cleanup_error_ Error error = ERROR_INIT;

        close_fd(TAKE_FD(c->launcher));
        if (l->child(l->context, c, &error) >= 0 || error.kind == ERROR_NONE)
                (void) error_set(&error, ERROR_FAILED, "The child returned");
        channel_say_failed(c, &error);
        _exit(error_exit_status(error.kind));
}

/* Who says "ready" is the payload-to-be: the child, or one that the child has made. */
static int wait_ready(const Channel *c, pid_t *ret_pid, Error *error)
{
        pid_t speaker = 0;
        ChannelWord word;
        int r;

        r = channel_hear(c, &word, &speaker, error);
        if (r < 0)
                return error_set_errno(error, r, "Cannot hear from the new process");
        if (word == CHANNEL_FAILED)
                return -error_errno(error->kind);
        if (word != CHANNEL_READY || speaker <= 0)
                return error_set(error, ERROR_START_FAILED, "The new process was killed before it was ready");
        *ret_pid = speaker;
        return 0;
}

/* A payload that says "ready" itself is only announced. */
static int tell_manager(const Launcher *l, pid_t pid, int *ret_socket, Error *error)
{
        bool ready = l->relay < 0;
        _cleanup_close_ int fd = notify_open();
        char message[64];
        int r;

        if (fd == -ENOENT)
                return 0;
        (void) snprintf(message, sizeof(message), "MAINPID=%d%s", pid, ready ? "\nREADY=1" : "");
        r = fd < 0 ? fd : notify_send(fd, message);
        if (r < 0)
                return error_set(error, ERROR_START_FAILED, "Cannot notify the service manager: %s",
                                 strerror(-r));
        *ret_socket = TAKE_FD(fd);
        return 0;
}

static int announce(const Launcher *l, Started *started, Error *error)
{
        _cleanup_close_ int fd = -EBADF;
        int r;

        /* Who hears from the manager that it runs finds the record. */
        started->usec = now_realtime();
        r = record_write_start(l->record_id, started->pid, started->usec, NULL);
        if (r < 0)
                return error_set_errno(error, r, "Cannot write the start record");
        r = tell_manager(l, started->pid, &fd, error);
        if (r < 0)
                return r;
        (void) launcher_event(l->exec_id ? EVENT_CONTAINER_EXEC : EVENT_CONTAINER_START, l->launch, NULL,
                              NULL, l->exec_id);
        r = fd < 0 ? 0 : notify_barrier(fd, BARRIER_TIMEOUT_USEC);
        return r < 0 ? error_set(error, ERROR_START_FAILED, "The service manager does not answer: %s",
                                 strerror(-r))
                     : 0;
}

static int release(const Launcher *l, const Channel *c, const Started *started, Error *error)
{
        _cleanup_close_ int pidfd = -EBADF;
        ChannelWord word;
        pid_t speaker;
        int r;

        /* While the child waits its number is its own. */
        if (l->relay >= 0 && (pidfd = pidfd_open(started->pid, 0)) < 0)
                return error_set_errno(error, errno, "Cannot watch the new process");
        r = channel_go(c);
        if (r >= 0)
                r = channel_hear(c, &word, &speaker, error);
        if (r < 0)
                return error_set_errno(error, r, "Cannot start the new process");
        if (word == CHANNEL_FAILED)
                return -error_errno(error->kind);
        /* The line's end is the exec, or somebody killed the child: that is the manager's to see. */
        r = l->relay < 0 ? 0 : relay_run(l->relay, pidfd);
        return r < 0 ? error_set_errno(error, r, "Cannot pass on the payload's notifications") : 0;
}

static int converse(const Launcher *l, const Channel *c, Started *started, Error *error)
{
        int r;

        r = wait_ready(c, &started->pid, error);
        if (l->relay_path)
                (void) unlink(l->relay_path);
        if (r >= 0)
                r = announce(l, started, error);
        return r < 0 ? r : release(l, c, started, error);
}

int launcher_run(const Launcher *l)
{
        _cleanup_(channel_done) Channel c = CHANNEL_INIT;
        _cleanup_error_ Error error = ERROR_INIT;
        Started started = {};
        int r;

        r = channel_open(&c);
        if (r >= 0)
                r = namespace_clone(l->clone_flags | CLONE_PARENT, l->cgroup);
        if (r < 0) {
                if (l->relay_path)
                        (void) unlink(l->relay_path);
                (void) error_set(&error, ERROR_START_FAILED, "Cannot make the new process: %s", strerror(-r));
                return tell_failure(l->launch, l->record_id, &started, &error);
        }
        if (r == 0)
                run_child(l, &c);
        close_fd(TAKE_FD(c.child));
        started.pid = r;
        r = converse(l, &c, &started, &error);
        return r < 0 ? tell_failure(l->launch, l->record_id, &started, &error) : 0;
}
