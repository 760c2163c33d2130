/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* berth-exec unit-start: a container's first process. The launcher's steps are numbered L, the child's C. */

#include <fcntl.h>
#include <sys/stat.h>
#include <syslog.h>

#include "base/journal.h"
#include "base/str.h"
#include "exec/delegate.h"
#include "exec/launcher.h"
#include "exec/log-pipe.h"
#include "exec/order.h"
#include "exec/payload.h"
#include "exec/process.h"
#include "exec/relay.h"
#include "exec/verb.h"

#define NOTIFY_TARGET "/run/notify"

typedef struct Start {
        Payload payload;
        int relay; /* where the payload says that it is ready; -EBADF: it does not */
        char *relay_path;
        int log[2]; /* the payload's standard output and error; -EBADF: as they are */
} Start;

static void start_done(Start *s)
{
        payload_done(&s->payload);
        close_fd(s->relay);
        close_fd(s->log[0]);
        close_fd(s->log[1]);
        free(s->relay_path);
}

static int failed(Error *error, int r, const char *what)
{
        return error_set(error, ERROR_START_FAILED, "Cannot %s: %s", what, strerror(abs(r)));
}

/* Only where the descriptor is the journal's: a caller's own stays. */
static bool stderr_is_journal(const Launch *l)
{
        const char *stream = getenv("JOURNAL_STREAM");
        char is[64];
        struct stat st;

        if (l->foreground || l->log_none || !stream || fstat(STDERR_FILENO, &st) < 0)
                return false;
        (void) snprintf(is, sizeof(is), "%ju:%ju", (uintmax_t) st.st_dev, (uintmax_t) st.st_ino);
        return streq(stream, is);
}

/* Lines on standard error become errors. */
static int replace_stderr(const Launch *l)
{
        _cleanup_close_ int fd = -EBADF;

        fd = journal_stream_open(l->log_tag ?: strempty(l->name), l->unit, LOG_ERR);
        if (fd < 0)
                return fd;
        return dup3(fd, STDERR_FILENO, 0) < 0 ? -errno : 0;
}

/* Pipes, where the container has them, are the payload's alone: our own words go to the journal directly. */
static int prepare_output(Start *s, char *const *args)
{
        _cleanup_free_ char *name = NULL;
        int r = -ENOENT;

        if (!stderr_is_journal(s->payload.launch))
                return 0;
        if (s->payload.launch->log_pipe) {
                name = log_pipe_name(args);
                r = name ? log_pipe_open(name, s->log) : -ENOMEM;
        }
        return r == -ENOENT ? replace_stderr(s->payload.launch) : r;
}

static int take_output(const Start *s)
{
        for (int i = 0; i < 2; i++)
                if (s->log[i] >= 0 && dup3(s->log[i], STDOUT_FILENO + i, 0) < 0)
                        return -errno;
        return 0;
}

static int plan_relay(Start *s, const char *id, Error *error)
{
        if (!streq_ptr(s->payload.launch->sdnotify, "container") || !getenv("NOTIFY_SOCKET"))
                return 0;
        s->relay_path = str_printf(BERTH_RUNTIME_DIR "/notify-%s", id);
        if (!s->relay_path || mount_plan_add_copy(&s->payload.plan, s->relay_path, NOTIFY_TARGET) < 0)
                return error_set_errno(error, ENOMEM, "Mounts");
        s->relay = relay_open(s->relay_path);
        return s->relay < 0 ? failed(error, s->relay, "make the payload's notification socket") : 0;
}

/* L1: everything that comes from the host, before there is a child. */
static int prepare(Start *s, const char *id, char *const *args, Error *error)
{
        int r;

        r = payload_plan(&s->payload, error);
        if (r >= 0 && s->payload.launch->process.terminal)
                r = error_set(error, ERROR_NOT_SUPPORTED, "A container with a terminal");
        if (r >= 0)
                r = plan_relay(s, id, error);
        if (r >= 0)
                r = payload_open(&s->payload, error);
        if (r >= 0)
                r = delegate_cgroup(s->payload.launch, error);
        if (r < 0)
                return r;
        r = prepare_output(s, args);
        return r < 0 ? failed(error, r, "open the way to the journal") : 0;
}

static int child(void *context, const Channel *channel, Error *error)
{
        Start *s = context;
        Process p = {
                .order = &s->payload.launch->process,
                .filter = &s->payload.filter,
                .notify_socket = s->relay >= 0 ? NOTIFY_TARGET : NULL,
                .channel = channel,
        };
        int r;

        /* C1 to C3: the namespaces and the root. */
        r = payload_arrive(&s->payload, error);
        if (r < 0)
                return r;
        r = take_output(s);
        if (r < 0)
                return failed(error, r, "take the output");
        /* C4: the payload. */
        return process_become(&p, error);
}

int verb_start(char *const *args)
{
        _cleanup_(start_done) Start s = {.payload = PAYLOAD_INIT, .relay = -EBADF, .log = {-EBADF, -EBADF}};
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_free_ char *id = NULL;
        int r;

        r = order_find(args, &id, &error);
        if (r >= 0)
                r = order_load_container(id, &s.payload.launch, &error);
        if (r >= 0)
                r = prepare(&s, id, args, &error);
        if (r < 0 && s.relay >= 0)
                (void) unlink(s.relay_path);
        if (r < 0)
                return launcher_failed(s.payload.launch, id, &error);
        /* L2: the clone and the rest. */
        return launcher_run(&(Launcher){
                .launch = s.payload.launch,
                .record_id = id,
                .clone_flags = s.payload.namespaces.new_flags,
                .cgroup = -EBADF,
                .relay = s.relay,
                .relay_path = s.relay_path,
                .child = child,
                .context = &s,
        });
}
