/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* exec: one more process in a container, from a document of its own, or from the container's with what the
 * command line says instead. */

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/str.h"
#include "exec/cgroup.h"
#include "exec/console.h"
#include "exec/cred.h"
#include "exec/foreground.h"
#include "exec/join.h"
#include "exec/mount-chroot.h"
#include "exec/namespace.h"
#include "exec/oci-bundle.h"
#include "exec/oci-process.h"
#include "exec/process.h"
#include "exec/schedule.h"
#include "exec/seccomp-cache.h"
#include "spec/item.h"

typedef struct OciSession {
        const Oci *oci;
        OciDir dir;
        OciState state;
        Launch *launch; /* the container's; its process is the session's */
        Filter filter;
        Join join;
        Console console;
        int console_pair[2];
        Channel channel;
        pid_t child; /* the launcher's */
        pid_t payload;
} OciSession;

static void session_done(OciSession *s)
{
        oci_dir_done(&s->dir);
        oci_state_done(&s->state);
        launch_free(s->launch);
        filter_done(&s->filter);
        join_done(&s->join);
        close_fd(s->console.send);
        close_fd(s->console_pair[0]);
        channel_done(&s->channel);
}

static int load_process(const char *path, LaunchProcess *p, Error *error)
{
        _cleanup_free_ char *text = NULL, *what = NULL;
        _cleanup_json_ json_t *v = NULL;
        LaunchProcess new = {};
        bool keeps_capabilities;
        size_t size = 0;
        int r;

        r = fs_read_at(AT_FDCWD, path, JSON_SIZE_MAX, &text, &size);
        if (r < 0)
                return error_set_errno(error, r, "Cannot read %s", path);
        r = json_parse(text, size, &v, &what);
        if (r < 0)
                return error_set(error, ERROR_INVALID_ARGUMENT, "Cannot parse %s: %s", path,
                                 what ?: strerror(-r));
        r = launch_process_from_json(v, &new, error);
        if (r < 0) {
                launch_process_done(&new);
                return r;
        }
        keeps_capabilities = !json_get_object(v, "capabilities");
        if (keeps_capabilities)
                memcpy(new.capabilities, p->capabilities, sizeof(new.capabilities));
        launch_process_done(p);
        *p = new;
        return 0;
}

/* "UID" or "UID:GID". */
static int set_user(LaunchProcess *p, const char *text, Error *error)
{
        const char *colon = strchr(text, ':');
        _cleanup_free_ char *user = colon ? strndup(text, (size_t) (colon - text)) : strdup(text);
        uint64_t uid, gid = p->gid;

        if (!user)
                return error_set_errno(error, ENOMEM, "User");
        if (parse_u64(user, 0, UINT32_MAX - 1, &uid) < 0 ||
            (colon && parse_u64(colon + 1, 0, UINT32_MAX - 1, &gid) < 0))
                return error_set(error, ERROR_INVALID_ARGUMENT, "\"%s\" is not a UID, or UID:GID", text);
        p->uid = (uint32_t) uid;
        p->gid = (uint32_t) gid;
        return 0;
}

static int add_groups(LaunchProcess *p, char **gids, Error *error)
{
        STRV_FOREACH(i, gids) {
                uint32_t *values;
                uint64_t gid;

                if (parse_u64(*i, 0, UINT32_MAX - 1, &gid) < 0)
                        return error_set(error, ERROR_INVALID_ARGUMENT, "\"%s\" is not a GID", *i);
                values = reallocarray(p->additional_gids.values, p->additional_gids.n + 1, sizeof(*values));
                if (!values)
                        return error_set_errno(error, ENOMEM, "Groups");
                p->additional_gids.values = values;
                values[p->additional_gids.n++] = (uint32_t) gid;
        }
        return 0;
}

static void add_capabilities(const Oci *o, LaunchProcess *p)
{
        STRV_FOREACH(i, o->caps) {
                uint64_t bit = 0;

                for (unsigned c = 0; c < cred_capabilities(); c++)
                        if (strcasecmp(*i, capability_name(c)) == 0)
                                bit = UINT64_C(1) << c;
                if (bit == 0)
                        oci_warn(o, "There is no capability \"%s\"; it is left out", *i);
                p->capabilities[LAUNCH_CAP_BOUNDING] |= bit;
                p->capabilities[LAUNCH_CAP_EFFECTIVE] |= bit;
                p->capabilities[LAUNCH_CAP_PERMITTED] |= bit;
        }
}

static int add_environment(LaunchProcess *p, char **env)
{
        int r = 0;

        STRV_FOREACH(i, env) {
                size_t n = strcspn(*i, "=") + 1;
                char **kept = p->env;

                /* What was said before of that name gives way. */
                STRV_FOREACH(k, p->env)
                        if (strncmp(*k, *i, n) == 0)
                                free(*k);
                        else
                                *kept++ = *k;
                if (kept)
                        *kept = NULL;
                r = strv_append(&p->env, *i);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int set_strings(const Oci *o, LaunchProcess *p, Error *error)
{
        int r = 0;

        if (oci_has(o, OCI_CWD))
                r = str_replace(&p->cwd, o->value[OCI_CWD]);
        if (r >= 0 && oci_has(o, OCI_APPARMOR))
                r = str_replace(&p->apparmor_profile, o->value[OCI_APPARMOR]);
        if (r >= 0 && oci_has(o, OCI_PROCESS_LABEL))
                r = str_replace(&p->selinux_label, o->value[OCI_PROCESS_LABEL]);
        if (r >= 0)
                r = add_environment(p, o->env);
        if (r < 0)
                return error_set_errno(error, r, "Process");
        return p->cwd && *p->cwd == '/'
                       ? 0
                       : error_set(error, ERROR_INVALID_ARGUMENT,
                                   "The working directory \"%s\" is not absolute", strempty(p->cwd));
}

static int set_terminal(const Oci *o, LaunchProcess *p, Error *error)
{
        const char *value = o->value[OCI_TTY];

        p->terminal = value != NULL;
        if (!isempty(value) && parse_bool(value, &p->terminal) < 0)
                return error_set(error, ERROR_INVALID_ARGUMENT, "--tty: \"%s\" is neither true nor false",
                                 value);
        return 0;
}

static int from_command_line(const Oci *o, LaunchProcess *p, Error *error)
{
        char **args = NULL;
        int r;

        r = strv_copy(o->args + 1, &args);
        if (r < 0)
                return error_set_errno(error, r, "Command");
        strv_free(TAKE(p->args, args));
        /* As crun's: a process of the administrator's, unless the command line says otherwise. */
        p->no_new_privileges = oci_has(o, OCI_NO_NEW_PRIVS);
        p->console_height = p->console_width = 0;
        r = set_terminal(o, p, error);
        if (r >= 0 && oci_has(o, OCI_USER))
                r = set_user(p, o->value[OCI_USER], error);
        if (r >= 0)
                r = add_groups(p, o->gids, error);
        add_capabilities(o, p);
        return r < 0 ? r : set_strings(o, p, error);
}

static int read_process(OciSession *s, Error *error)
{
        const Oci *o = s->oci;
        LaunchProcess *p = &s->launch->process;
        int r;

        if (oci_has(o, OCI_PROCESS))
                r = load_process(o->value[OCI_PROCESS], p, error);
        else if (o->n_args > 1)
                r = from_command_line(o, p, error);
        else
                return error_set(error, ERROR_INVALID_ARGUMENT, "Expected a command, or --process");
        if (r >= 0 && (!p->args || !*p->args))
                r = error_set(error, ERROR_INVALID_ARGUMENT, "The process has no arguments");
        return r < 0 ? r : oci_process_environment(o, p, error);
}

static int open_subgroup(OciSession *s, Error *error)
{
        const char *below = s->oci->value[OCI_CGROUP];
        _cleanup_free_ char *path = NULL;
        int fd;

        if (!below)
                return 0;
        if (strstr(below, ".."))
                return error_set(error, ERROR_INVALID_ARGUMENT,
                                 "--cgroup=%s: `..` components are not allowed", below);
        if (!s->state.cgroup)
                return error_set(error, ERROR_INVALID_ARGUMENT, "Container %s has no control group \"%s\"",
                                 s->state.id, below);
        path = str_printf("%s/%s", s->state.cgroup, below + strspn(below, "/"));
        fd = path ? cgroup_open(path) : -ENOMEM;
        if (fd < 0)
                return error_set_errno(error, fd, "Cannot open the control group %s", strempty(path));
        close_fd(s->join.cgroup);
        s->join.cgroup = fd;
        return 0;
}

static int open_console(OciSession *s, Error *error)
{
        const char *path = s->oci->value[OCI_CONSOLE_SOCKET];
        const LaunchProcess *p = &s->launch->process;
        int r;

        s->console.height = p->console_height;
        s->console.width = p->console_width;
        if (!p->terminal)
                return 0;
        if (path) {
                s->console.send = console_connect(path, error);
                return s->console.send;
        }
        if (oci_has(s->oci, OCI_DETACH))
                return error_set(error, ERROR_INVALID_ARGUMENT,
                                 "A terminal needs a console socket, unless the command waits for the end");
        r = console_pair(s->console_pair, error);
        if (r >= 0)
                s->console.send = TAKE_FD(s->console_pair[1]);
        return r;
}

static int find_container(OciSession *s, Error *error)
{
        OciStatus status;
        int r;

        r = oci_find(s->oci, &s->dir, &s->state, error);
        if (r < 0)
                return r;
        r = oci_state_status(&s->dir, &s->state, &status);
        if (r < 0)
                return error_set_errno(error, r, "Cannot find the status of container %s", s->state.id);
        if (status == OCI_PAUSED && !oci_has(s->oci, OCI_IGNORE_PAUSED))
                return error_set(error, ERROR_NOT_RUNNING, "Container %s is paused", s->state.id);
        if (status == OCI_STOPPED || status == OCI_CREATING)
                return error_set(error, ERROR_NOT_RUNNING, "Container %s is not running: it is %s",
                                 s->state.id, oci_status_name(status));
        r = bundle_read(s->dir.fd, LAUNCH_FILE, &s->launch, error);
        if (r < 0)
                return r;
        /* Joining it leads to the host's root. */
        if (mount_is_chroot(s->launch))
                return error_set(error, ERROR_NOT_SUPPORTED, "exec in a container without a mount namespace");
        return 0;
}

static int prepare(OciSession *s, Error *error)
{
        int r;

        r = find_container(s, error);
        if (r >= 0)
                r = read_process(s, error);
        if (r >= 0)
                r = open_console(s, error);
        if (r >= 0)
                r = join_open(&s->join, (pid_t) s->state.pid, s->state.pid_start, s->state.id, error);
        if (r >= 0)
                r = open_subgroup(s, error);
        if (r >= 0)
                r = filter_load(s->launch, &s->filter, error);
        return r < 0 ? r : join_enter_pid(&s->join, s->state.id, error);
}

static int child(OciSession *s, Error *error)
{
        const LaunchProcess *order = &s->launch->process;
        Process p = {
                .order = order,
                .filter = &s->filter,
                .channel = &s->channel,
                .preserve_fds = s->oci->preserve_fds,
                .in_child = s->join.may_trace,
        };
        int r;

        r = join_enter(&s->join, &s->channel, s->console.send, s->oci->preserve_fds, error);
        if (r >= 0 && s->console.send >= 0)
                r = console_open(&s->console, false, order->uid, error);
        else if (r >= 0)
                oci_give_streams(order->uid, order->gid);
        return r < 0 ? r : process_become(&p, error);
}

static _noreturn_ void run_child(OciSession *s)
{
        _cleanup_error_ Error error = ERROR_INIT;

        close_fd(TAKE_FD(s->channel.launcher));
        if (child(s, &error) >= 0 || error.kind == ERROR_NONE)
                (void) error_set(&error, ERROR_FAILED, "The child returned");
        channel_say_failed(&s->channel, &error);
        _exit(error_exit_status(error.kind));
}

static int hear(const OciSession *s, ChannelWord *ret, pid_t *ret_pid, Error *error)
{
        int r = channel_hear(&s->channel, ret, ret_pid, error);

        if (r < 0)
                return error_set_errno(error, r, "Cannot hear from the new process");
        return *ret == CHANNEL_FAILED ? -error_errno(error->kind) : 0;
}

/* Where the filter asks somebody: it is told whom about. */
static int attend(const OciSession *s, Error *error)
{
        _cleanup_json_ json_t *state = NULL;

        if (!s->filter.notify)
                return 0;
        state = oci_state_document(&s->state, OCI_RUNNING);
        return state ? filter_notify_attend(s->filter.notify, s->child, state, error)
                     : error_set_errno(error, ENOMEM, "State");
}

/* Who is ready is the child, or one that it has made in its place. */
static int begin(OciSession *s, Error *error)
{
        ChannelWord word;
        int r;

        /* The runtime's own, before somebody of it is in the container's group. */
        r = schedule_affinity(s->launch->process.cpu_affinity_initial, error);
        if (r < 0)
                return r;
        r = channel_open(&s->channel);
        if (r >= 0)
                r = namespace_clone(0, s->join.cgroup);
        if (r < 0)
                return error_set(error, ERROR_START_FAILED, "Cannot make the new process: %s", strerror(-r));
        if (r == 0)
                run_child(s);
        s->child = r;
        close_fd(TAKE_FD(s->channel.child));
        close_fd(TAKE_FD(s->console.send));
        r = attend(s, error);
        if (r >= 0)
                r = hear(s, &word, &s->payload, error);
        if (r >= 0 && (word != CHANNEL_READY || s->payload <= 0))
                r = error_set(error, ERROR_START_FAILED, "The new process was killed before it was ready");
        if (r >= 0 && s->payload != s->child)
                (void) waitpid(s->child, NULL, 0);
        return r;
}

static int release(OciSession *s, Error *error)
{
        ChannelWord word;
        pid_t speaker;
        int r;

        r = oci_write_pid_file(s->oci, s->payload, error);
        if (r < 0) {
                (void) kill(s->payload, SIGKILL);
                return r;
        }
        r = channel_go(&s->channel);
        return r < 0 ? error_set_errno(error, r, "Cannot start the new process")
                     : hear(s, &word, &speaker, error);
}

static int start(OciSession *s, Foreground *f, Error *error)
{
        int r;

        r = begin(s, error);
        if (r >= 0 && s->console_pair[0] >= 0) {
                f->master = console_receive(s->console_pair[0]);
                r = f->master < 0 ? error_set_errno(error, f->master, "Cannot get the terminal") : 0;
        }
        return r < 0 ? r : release(s, error);
}

int oci_exec(const Oci *o, Error *error)
{
        _cleanup_(session_done) OciSession s = {
                .oci = o,
                .dir = OCI_DIR_INIT,
                .join = JOIN_INIT,
                .console = {.send = -EBADF},
                .console_pair = {-EBADF, -EBADF},
                .channel = CHANNEL_INIT,
        };
        _cleanup_foreground_ Foreground f = FOREGROUND_INIT;
        bool detach = oci_has(o, OCI_DETACH);
        int r = 0;

        if (!detach)
                r = foreground_begin(&f, error);
        if (r >= 0)
                r = prepare(&s, error);
        if (r >= 0)
                r = start(&s, &f, error);
        if (r < 0 || detach)
                return r < 0 ? r : EXIT_SUCCESS;
        return foreground_wait(&f, s.payload, error);
}
