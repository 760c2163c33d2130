/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* create and run. The launcher's steps are numbered L, the child's C, as in a unit's start; the difference is
 * who comes to say "go": for run the launcher itself, for create another command, on the start socket. */

#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/str.h"
#include "exec/console.h"
#include "exec/foreground.h"
#include "exec/hook.h"
#include "exec/oci-bundle.h"
#include "exec/oci-cgroup.h"
#include "exec/oci-notify.h"
#include "exec/oci-process.h"
#include "exec/payload.h"
#include "exec/process.h"
#include "exec/record.h"

typedef struct Creation {
        const Oci *oci;
        bool run;
        Bundle bundle;
        OciDir dir;
        OciState state;
        Payload payload;
        Console console;
        int console_pair[2]; /* run without a console socket: ours, and the child's */
        int cgroup;
        Channel channel;
        pid_t child; /* who is to be reaped when it fails */
        bool made;   /* state and group are there */
        bool lives;  /* and are to stay */
        OciNotify notify;
} Creation;

static const Launch *launch_of(const Creation *c)
{
        return c->payload.launch;
}

/* What a creation that failed has made goes. */
static void give_up(Creation *c)
{
        _cleanup_error_ Error ignored = ERROR_INIT;

        if (c->child > 0) {
                (void) kill(c->child, SIGKILL);
                (void) waitpid(c->child, NULL, 0);
        }
        if (c->state.pid > 0)
                oci_poststop(c->oci, launch_of(c), &c->state);
        (void) oci_cgroup_kill(&c->state, SIGKILL, &ignored);
        (void) oci_cgroup_remove(&c->state, &ignored);
        (void) oci_dir_remove(c->oci, c->state.id, &ignored);
}

static void creation_done(Creation *c)
{
        if (c->made && !c->lives)
                give_up(c);
        channel_done(&c->channel);
        payload_done(&c->payload);
        bundle_done(&c->bundle);
        oci_state_done(&c->state);
        oci_dir_done(&c->dir);
        close_fd(c->console.send);
        close_fd(c->console_pair[0]);
        close_fd(c->cgroup);
        oci_notify_done(&c->notify);
}

/* Those before the payload: the child has to know its number for some of them. */
static bool has_hooks(const Launch *l)
{
        return l->hooks[LAUNCH_HOOK_PRESTART].n > 0 || l->hooks[LAUNCH_HOOK_CREATE_RUNTIME].n > 0 ||
               l->hooks[LAUNCH_HOOK_CREATE_CONTAINER].n > 0 || l->hooks[LAUNCH_HOOK_START_CONTAINER].n > 0;
}

/* What the payload's standard streams are, for who wants to make the same ones again. */
static char *streams_text(void)
{
        _cleanup_json_ json_t *list = json_array();
        char path[32], target[PATH_MAX];

        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
                ssize_t n;

                (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
                n = readlink(path, target, sizeof(target) - 1);
                target[MAX(n, (ssize_t) 0)] = '\0';
                if (json_array_append_new(list, json_string(target) ?: json_string("")) < 0)
                        return NULL;
        }
        return json_text(list);
}

static int fill_state(Creation *c, Error *error)
{
        const Launch *l = launch_of(c);
        OciState *s = &c->state;
        int r;

        s->oci_version = strdup(strempty(l->oci_version));
        s->bundle = strdup(c->bundle.path);
        s->rootfs = strdup(l->root_path);
        s->owner = getuid() == 0 ? strdup("root") : str_printf("%u", getuid());
        s->external_descriptors = streams_text();
        s->created_usec = now_realtime();
        r = s->id && s->oci_version && s->bundle && s->rootfs && s->owner && s->external_descriptors
                    ? map_copy_strings(l->annotations, &s->annotations)
                    : -ENOMEM;
        return r < 0 ? error_set_errno(error, r, "State") : 0;
}

static int save_config(const Creation *c, Error *error)
{
        int r = fs_replace_at(c->dir.fd, LAUNCH_FILE, c->bundle.text, c->bundle.size, 0600, FS_NO_SYNC);

        return r < 0 ? error_set_errno(error, r, "Cannot keep the configuration") : 0;
}

static int open_start_socket(Creation *c, Error *error)
{
        _cleanup_free_ char *path = NULL;

        if (c->run)
                return 0;
        path = str_printf("%s/" OCI_START_SOCKET, c->dir.path);
        c->channel.listener = path ? channel_listen(path) : -ENOMEM;
        return c->channel.listener < 0
                       ? error_set_errno(error, c->channel.listener, "Cannot make the start socket")
                       : 0;
}

static int open_console(Creation *c, Error *error)
{
        const char *path = c->oci->value[OCI_CONSOLE_SOCKET];
        const LaunchProcess *p = &launch_of(c)->process;
        int r;

        c->console.height = p->console_height;
        c->console.width = p->console_width;
        if (!p->terminal)
                return path ? error_set(error, ERROR_INVALID_ARGUMENT,
                                        "A console socket is of use only with a terminal")
                            : 0;
        if (path) {
                c->console.send = console_connect(path, error);
                return c->console.send;
        }
        if (!c->run || oci_has(c->oci, OCI_DETACH))
                return error_set(error, ERROR_INVALID_ARGUMENT,
                                 "A terminal needs a console socket, unless the command waits for the end");
        r = console_pair(c->console_pair, error);
        if (r >= 0)
                c->console.send = TAKE_FD(c->console_pair[1]);
        return r;
}

static char *state_text(const OciState *s, OciStatus status)
{
        _cleanup_json_ json_t *v = oci_state_document(s, status);

        if (v && s->pid > 0)
                (void) json_object_set_new(v, "pid", json_integer((json_int_t) s->pid));
        return v ? json_text(v) : NULL;
}

static int run_hooks(const Creation *c, LaunchHookPoint point, OciStatus status, Error *error)
{
        _cleanup_free_ char *state = NULL;

        if (launch_of(c)->hooks[point].n == 0)
                return 0;
        state = state_text(&c->state, status);
        return state ? hooks_run(launch_of(c), point, state, error) : error_set_errno(error, ENOMEM, "Hooks");
}

/* C: the moment when everything is mounted and the host's tree is still there. */
static int before_pivot(void *context, Error *error)
{
        Creation *c = context;
        pid_t self = 0;
        int r;

        r = channel_say_mounted(&c->channel);
        if (r >= 0)
                r = channel_wait_pid(&c->channel, &self);
        if (r < 0)
                return error_set(error, ERROR_CANCELLED, "The start was given up");
        c->state.pid = (uint64_t) self;
        return run_hooks(c, LAUNCH_HOOK_CREATE_CONTAINER, OCI_CREATING, error);
}

/* L1: what comes from the host. */
static int prepare(Creation *c, Error *error)
{
        Payload *p = &c->payload;
        int r;

        p->launch = TAKE_PTR(c->bundle.launch);
        r = oci_process_environment(c->oci, &p->launch->process, error);
        if (r >= 0)
                r = fill_state(c, error);
        if (r >= 0)
                r = oci_cgroup_plan(c->oci, p->launch, &c->state, error);
        if (r >= 0)
                r = open_console(c, error);
        if (r >= 0)
                r = payload_plan(p, error);
        if (r >= 0)
                r = oci_notify_plan(&c->notify, &c->dir, &p->plan, error);
        if (r >= 0 && has_hooks(p->launch)) {
                p->plan.before_pivot = before_pivot;
                p->plan.context = c;
        }
        p->plan.no_pivot = oci_has(c->oci, OCI_NO_PIVOT);
        if (r >= 0)
                r = payload_open(p, error);
        if (r >= 0)
                r = save_config(c, error);
        if (r >= 0)
                r = open_start_socket(c, error);
        return r < 0 ? r : oci_cgroup_make(p->launch, &c->state, &c->cgroup, error);
}

static int before_exec(void *context, Error *error)
{
        return run_hooks(context, LAUNCH_HOOK_START_CONTAINER, OCI_CREATED, error);
}

static int child(Creation *c, Error *error)
{
        const LaunchProcess *order = &launch_of(c)->process;
        Process p = {
                .order = order,
                .filter = &c->payload.filter,
                .notify_socket = c->notify.address,
                .channel = &c->channel,
                .preserve_fds = c->oci->preserve_fds,
                .keep_keyring = oci_has(c->oci, OCI_NO_NEW_KEYRING),
                .before_exec = before_exec,
                .context = c,
        };
        int r;

        /* C0: the launcher has done what only it can. */
        r = channel_wait_go(&c->channel);
        if (r < 0)
                return error_set(error, ERROR_CANCELLED, "The start was given up");
        /* Its root is the group that the process is in by now. */
        if ((c->payload.namespaces.new_flags & CLONE_NEWCGROUP) && unshare(CLONE_NEWCGROUP) < 0)
                return error_set_errno(error, errno, "Cannot make the cgroup namespace");
        r = payload_arrive(&c->payload, error);
        if (r >= 0 && c->console.send >= 0)
                r = console_open(&c->console, true, order->uid, error);
        else if (r >= 0)
                oci_give_streams(order->uid, order->gid);
        return r < 0 ? r : process_become(&p, error);
}

static _noreturn_ void run_child(Creation *c)
{
        _cleanup_error_ Error error = ERROR_INIT;

        close_fd(TAKE_FD(c->channel.launcher));
        close_fd(TAKE_FD(c->console_pair[0]));
        if (child(c, &error) >= 0 || error.kind == ERROR_NONE)
                (void) error_set(&error, ERROR_FAILED, "The child returned");
        channel_say_failed(&c->channel, &error);
        _exit(error_exit_status(error.kind));
}

/* L2 */
static int make_child(Creation *c, Error *error)
{
        int r;

        r = channel_open(&c->channel);
        if (r >= 0)
                r = namespace_clone(c->payload.namespaces.new_flags & ~(uint64_t) CLONE_NEWCGROUP, c->cgroup);
        if (r < 0)
                return error_set(error, ERROR_START_FAILED, "Cannot make the new process: %s", strerror(-r));
        if (r == 0)
                run_child(c);
        c->child = r;
        close_fd(TAKE_FD(c->channel.child));
        close_fd(TAKE_FD(c->channel.listener));
        close_fd(TAKE_FD(c->console.send));
        return 0;
}

/* L3: the child's group, then it begins. */
static int place_child(Creation *c, Error *error)
{
        int r;

        r = oci_cgroup_place(launch_of(c), &c->state, c->child, error);
        if (r < 0)
                return r;
        r = channel_go(&c->channel);
        return r < 0 ? error_set_errno(error, r, "Cannot start the new process") : 0;
}

/* The first word is the payload's to be: the child, or one that it has made in its place. */
/* Where the filter asks somebody: it is told whom about. */
static int attend(Creation *c, Error *error)
{
        _cleanup_json_ json_t *state = NULL;

        if (!c->payload.filter.notify)
                return 0;
        state = oci_state_document(&c->state, OCI_CREATING);
        if (!state || json_object_set_new(state, "pid", json_integer(c->child)) < 0)
                return error_set_errno(error, ENOMEM, "State");
        return filter_notify_attend(c->payload.filter.notify, c->child, state, error);
}

static int meet(Creation *c, pid_t speaker, Error *error)
{
        int r;

        if (c->state.pid > 0)
                return 0;
        if (speaker != c->child)
                (void) waitpid(c->child, NULL, 0);
        c->child = speaker;
        c->state.pid = (uint64_t) speaker;
        r = process_start_time(speaker, &c->state.pid_start);
        if (r < 0)
                return error_set_errno(error, r, "Cannot look at the new process");
        r = oci_state_save(&c->dir, &c->state, error);
        return r < 0 ? r : attend(c, error);
}

static int hear(Creation *c, ChannelWord *ret, Error *error)
{
        pid_t speaker = 0;
        int r = channel_hear(&c->channel, ret, &speaker, error);

        if (r < 0)
                return error_set_errno(error, r, "Cannot hear from the new process");
        if (*ret == CHANNEL_FAILED)
                return -error_errno(error->kind);
        return *ret != CHANNEL_END && speaker > 0 ? meet(c, speaker, error) : 0;
}

/* L4: until the child is ready. */
static int converse(Creation *c, Error *error)
{
        ChannelWord word;
        int r;

        r = hear(c, &word, error);
        if (r >= 0 && word == CHANNEL_MOUNTED) {
                /* The old name of the same moment came with another word for it. */
                r = run_hooks(c, LAUNCH_HOOK_PRESTART, OCI_CREATED, error);
                if (r >= 0)
                        r = run_hooks(c, LAUNCH_HOOK_CREATE_RUNTIME, OCI_CREATING, error);
                if (r < 0)
                        return r;
                r = channel_go_pid(&c->channel, c->child);
                r = r < 0 ? error_set_errno(error, r, "Cannot go on") : hear(c, &word, error);
        }
        if (r >= 0 && word != CHANNEL_READY)
                r = error_set(error, ERROR_START_FAILED, "The new process was killed before it was ready");
        return r < 0 ? r : payload_schedule(&c->payload, c->child, error);
}

static int release(Creation *c, Error *error)
{
        ChannelWord word;
        int r = channel_go(&c->channel);

        return r < 0 ? error_set_errno(error, r, "Cannot start the new process") : hear(c, &word, error);
}

static int create(Creation *c, Error *error)
{
        int r;

        r = bundle_open(c->oci, &c->bundle, error);
        if (r >= 0)
                r = oci_dir_make(c->oci, c->oci->args[0], &c->dir, error);
        if (r < 0)
                return r;
        c->made = true;
        if (str_replace(&c->state.id, c->dir.id) < 0)
                return error_set_errno(error, ENOMEM, "State");
        r = prepare(c, error);
        if (r >= 0)
                r = make_child(c, error);
        if (r >= 0)
                r = place_child(c, error);
        if (r >= 0)
                r = converse(c, error);
        if (r >= 0)
                r = oci_write_pid_file(c->oci, c->child, error);
        return r;
}

#define CREATION_INIT(o, is_run)                                                                             \
        {                                                                                                    \
                .oci = (o), .run = (is_run), .dir = OCI_DIR_INIT, .payload = PAYLOAD_INIT,                   \
                .console = {.send = -EBADF}, .console_pair = {-EBADF, -EBADF}, .cgroup = -EBADF,             \
                .channel = CHANNEL_INIT                                                                      \
        }

int oci_create(const Oci *o, Error *error)
{
        _cleanup_(creation_done) Creation c = CREATION_INIT(o, false);
        int r = create(&c, error);

        if (r < 0)
                return r;
        c.lives = true;
        return EXIT_SUCCESS;
}

static int poststart(const Creation *c, Error *error)
{
        int r = run_hooks(c, LAUNCH_HOOK_POSTSTART, OCI_RUNNING, error);

        if (r < 0)
                oci_warn(c->oci, "%s", strempty(error->message));
        return r;
}

/* The end of run: everything of the container's goes, unless it is to be kept. */
static int finish(Creation *c, int status, Error *error)
{
        c->child = 0;
        if (oci_has(c->oci, OCI_KEEP)) {
                c->lives = true;
                return status;
        }
        c->lives = true;
        return oci_destroy(c->oci, launch_of(c), &c->state, error) < 0 ? -error_errno(error->kind) : status;
}

int oci_run(const Oci *o, Error *error)
{
        _cleanup_(creation_done) Creation c = CREATION_INIT(o, true);
        _cleanup_foreground_ Foreground f = FOREGROUND_INIT;
        bool detach = oci_has(o, OCI_DETACH);
        _cleanup_oci_listener_ OciListener notify = OCI_LISTENER_INIT;
        int r = 0;

        if (!detach)
                r = foreground_begin(&f, error);
        if (r >= 0 && !detach && !oci_has(o, OCI_NO_SUBREAPER))
                f.reap = prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) >= 0;
        if (r >= 0)
                r = create(&c, error);
        if (r >= 0 && c.console_pair[0] >= 0) {
                f.master = console_receive(c.console_pair[0]);
                r = f.master < 0 ? error_set_errno(error, f.master, "Cannot get the terminal") : 0;
        }
        if (r >= 0)
                r = oci_listener_open(&notify, &c.dir, &c.state, error);
        if (r >= 0)
                r = release(&c, error);
        if (r >= 0)
                r = poststart(&c, error);
        if (r >= 0)
                r = detach ? oci_listener_relay(&notify, error) : oci_listener_relay_apart(&notify, error);
        if (r < 0)
                return r;
        c.lives = detach;
        if (detach)
                return EXIT_SUCCESS;
        r = foreground_wait(&f, c.child, error);
        return r < 0 ? r : finish(&c, r, error);
}
