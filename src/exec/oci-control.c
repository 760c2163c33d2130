/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Commands for a container that is there: start, kill, pause, resume, delete. */

#include <fcntl.h>
#include <regex.h>
#include <signal.h>
#include <sys/pidfd.h>

#include "base/json.h"
#include "base/parse.h"
#include "base/str.h"
#include "exec/cgroup.h"
#include "exec/channel.h"
#include "exec/hook.h"
#include "exec/oci-bundle.h"
#include "exec/oci-cgroup.h"
#include "exec/oci-notify.h"
#include "exec/oci-process.h"

#define NOTHING_TO_SIGNAL "Container %s is not running: no such process"

typedef struct Target {
        OciDir dir;
        OciState state;
        OciStatus status;
} Target;

#define TARGET_INIT ((Target){.dir = OCI_DIR_INIT})

static void target_done(Target *t)
{
        oci_dir_done(&t->dir);
        oci_state_done(&t->state);
}
#define _cleanup_target_ _cleanup_(target_done)

static int target_open(const Oci *o, const char *id, Target *t, Error *error)
{
        int r;

        r = oci_dir_open(o, id, &t->dir, error);
        if (r >= 0)
                r = oci_state_load(&t->dir, &t->state, error);
        if (r < 0)
                return r;
        r = oci_state_status(&t->dir, &t->state, &t->status);
        return r < 0 ? error_set_errno(error, r, "Cannot find the status of container %s", id) : 0;
}

static int wrong_status(const Target *t, const char *verb, Error *error)
{
        return error_set(error, t->status == OCI_RUNNING ? ERROR_RUNNING : ERROR_NOT_RUNNING,
                         "Cannot %s container %s: it is %s", verb, t->state.id, oci_status_name(t->status));
}

/* Who removes the socket's name has the start; whoever comes later finds none. */
static int claim(const Target *t, Channel *c, Error *error)
{
        _cleanup_free_ char *path = str_printf("%s/" OCI_START_SOCKET, t->dir.path);
        int r = path ? channel_connect(c, path) : -ENOMEM;

        if (r >= 0 && unlinkat(t->dir.fd, OCI_START_SOCKET, 0) < 0)
                r = -errno;
        if (r == -ENOENT)
                return error_set(error, ERROR_RUNNING, "Container %s was started already", t->state.id);
        return r < 0 ? error_set_errno(error, r, "Cannot reach the process of container %s", t->state.id) : 0;
}

static int say_go(const Target *t, const Channel *c, Error *error)
{
        ChannelWord word;
        pid_t speaker;
        int r = channel_go(c);

        if (r >= 0)
                r = channel_hear(c, &word, &speaker, error);
        if (r < 0)
                return error_set_errno(error, r, "Cannot start container %s", t->state.id);
        return word == CHANNEL_FAILED ? -error_errno(error->kind) : 0;
}

/* The copy of the configuration; without one there are no hooks. */
static Launch *launch_of(const Oci *o, const Target *t)
{
        _cleanup_error_ Error error = ERROR_INIT;
        Launch *l = NULL;

        if (bundle_read(t->dir.fd, LAUNCH_FILE, &l, &error) < 0)
                oci_warn(o, "%s", strempty(error.message));
        return l;
}

static int poststart(const Oci *o, const Target *t, Error *error)
{
        _cleanup_(launch_freep) Launch *l = launch_of(o, t);
        _cleanup_json_ json_t *v = NULL;
        _cleanup_free_ char *text = NULL;

        if (!l || l->hooks[LAUNCH_HOOK_POSTSTART].n == 0)
                return 0;
        v = oci_state_document(&t->state, OCI_RUNNING);
        text = v ? json_text(v) : NULL;
        return text ? hooks_run(l, LAUNCH_HOOK_POSTSTART, text, error)
                    : error_set_errno(error, ENOMEM, "Hooks");
}

static int signal_process(const Target *t, int sig, Error *error)
{
        _cleanup_close_ int fd = oci_state_open_process(&t->state);

        if (fd == -ESRCH || (fd >= 0 && pidfd_send_signal(fd, sig, NULL, 0) < 0 && errno == ESRCH))
                return error_set(error, ERROR_NOT_RUNNING, NOTHING_TO_SIGNAL, t->state.id);
        return fd < 0 ? error_set_errno(error, fd, "Cannot signal container %s", t->state.id) : 0;
}

static void take_down(const Oci *o, const Target *t)
{
        _cleanup_(launch_freep) Launch *l = launch_of(o, t);
        _cleanup_error_ Error ignored = ERROR_INIT;

        (void) signal_process(t, SIGKILL, &ignored);
        (void) oci_destroy(o, l, &t->state, &ignored);
}

int oci_start(const Oci *o, Error *error)
{
        _cleanup_(channel_done) Channel c = CHANNEL_INIT;
        _cleanup_target_ Target t = TARGET_INIT;
        _cleanup_oci_listener_ OciListener notify = OCI_LISTENER_INIT;
        int r;

        r = target_open(o, o->args[0], &t, error);
        if (r >= 0 && t.status != OCI_CREATED)
                r = wrong_status(&t, "start", error);
        if (r >= 0)
                r = oci_listener_open(&notify, &t.dir, &t.state, error);
        if (r >= 0)
                r = claim(&t, &c, error);
        if (r >= 0)
                r = say_go(&t, &c, error);
        if (r >= 0 && poststart(o, &t, error) < 0) {
                /* The container goes with its hook. */
                take_down(o, &t);
                return -error_errno(error->kind);
        }
        if (r >= 0)
                r = oci_listener_relay(&notify, error);
        return r < 0 ? r : EXIT_SUCCESS;
}

static int kill_one(const Oci *o, const char *id, int sig, Error *error)
{
        _cleanup_target_ Target t = TARGET_INIT;
        int r;

        r = target_open(o, id, &t, error);
        if (r < 0)
                return r;
        if (oci_has(o, OCI_ALL) && (t.state.cgroup || t.state.scope))
                return oci_cgroup_kill(&t.state, sig, error);
        if (t.status == OCI_STOPPED || t.status == OCI_CREATING)
                return error_set(error, ERROR_NOT_RUNNING, NOTHING_TO_SIGNAL, id);
        return signal_process(&t, sig, error);
}

static int for_matching(const Oci *o, int (*act)(const Oci *o, const char *id, int value, Error *error),
                        int value, Error *error)
{
        _cleanup_strv_ char **ids = NULL;
        regex_t pattern;
        int r;

        r = oci_dir_list(o, &ids, error);
        if (r < 0)
                return r;
        if (regcomp(&pattern, o->args[0], REG_EXTENDED | REG_NOSUB) != 0)
                return error_set(error, ERROR_INVALID_ARGUMENT, "\"%s\" is no regular expression",
                                 o->args[0]);
        STRV_FOREACH(id, ids)
                if (r >= 0 && regexec(&pattern, *id, 0, NULL, 0) == 0)
                        r = act(o, *id, value, error);
        regfree(&pattern);
        return r;
}

int oci_kill(const Oci *o, Error *error)
{
        const char *name = o->n_args > 1 ? o->args[1] : "TERM";
        int sig, r;

        if (parse_signal(name, &sig) < 0)
                return error_set(error, ERROR_INVALID_ARGUMENT, "\"%s\" is not a signal", name);
        r = oci_has(o, OCI_REGEX) ? for_matching(o, kill_one, sig, error)
                                  : kill_one(o, o->args[0], sig, error);
        return r < 0 ? r : EXIT_SUCCESS;
}

/* What is left of one whose state was never written, or is damaged: its directory. */
static int forget(const Oci *o, const char *id, Error *error)
{
        error_done(error);
        *error = ERROR_INIT;
        return oci_dir_remove(o, id, error);
}

static int delete_one(const Oci *o, const char *id, int force, Error *error)
{
        _cleanup_(launch_freep) Launch *l = NULL;
        _cleanup_target_ Target t = TARGET_INIT;
        int r;

        r = target_open(o, id, &t, error);
        if (r < 0 && force && t.dir.fd >= 0)
                return forget(o, id, error);
        /* Engines that clean up do not care who was faster. */
        if (r < 0 && force && error->kind == ERROR_NO_SUCH_CONTAINER)
                return 0;
        if (r < 0)
                return r;
        if (t.status != OCI_STOPPED && !force)
                return wrong_status(&t, "delete", error);
        if (t.status != OCI_STOPPED) {
                _cleanup_error_ Error gone = ERROR_INIT;

                (void) signal_process(&t, SIGKILL, &gone);
        }
        l = launch_of(o, &t);
        return oci_destroy(o, l, &t.state, error);
}

int oci_delete(const Oci *o, Error *error)
{
        int force = oci_has(o, OCI_FORCE), r;

        r = oci_has(o, OCI_REGEX) ? for_matching(o, delete_one, force, error)
                                  : delete_one(o, o->args[0], force, error);
        return r < 0 ? r : EXIT_SUCCESS;
}

static int freeze(const Oci *o, bool freeze, Error *error)
{
        _cleanup_target_ Target t = TARGET_INIT;
        int r;

        r = target_open(o, o->args[0], &t, error);
        if (r < 0)
                return r;
        if (!t.state.cgroup)
                return error_set(error, ERROR_NOT_SUPPORTED, "Container %s has no control group of its own",
                                 t.state.id);
        if (freeze ? t.status != OCI_RUNNING && t.status != OCI_CREATED : t.status != OCI_PAUSED)
                return wrong_status(&t, freeze ? "pause" : "resume", error);
        r = cgroup_freeze(t.state.cgroup, freeze, error);
        return r < 0 ? r : EXIT_SUCCESS;
}

int oci_pause(const Oci *o, Error *error)
{
        return freeze(o, true, error);
}

int oci_resume(const Oci *o, Error *error)
{
        return freeze(o, false, error);
}
