/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Verbs that make a process: create, run, exec, and the attached start. */

#include <fcntl.h>

#include "base/fs.h"
#include "base/str.h"
#include "prog/ctl-attach.h"
#include "prog/ctl-bus.h"
#include "prog/ctl-image.h"
#include "prog/ctl-output.h"
#include "spec/name.h"

#define LINES_FILE_MAX (1U * 1024 * 1024)
#define NAME_TRIES_MAX 20

typedef struct Created {
        char *id;
        char *path;
} Created;

static void created_done(Created *n)
{
        free(n->id);
        free(n->path);
}

/* A file of settings, one per line; "#" begins a comment. NAME alone is taken from our own environment. */
static int read_lines(Ctl *c, SettingId id, const char *file)
{
        _cleanup_free_ char *text = NULL;
        _cleanup_strv_ char **lines = NULL;
        int r;

        r = fs_read_at(AT_FDCWD, file, LINES_FILE_MAX, &text, NULL);
        if (r < 0)
                return error_set_errno(&c->error, r, "%s", file);
        r = strv_split(text, "\n", &lines);
        STRV_FOREACH(l, lines) {
                const char *line = *l + strspn(*l, " \t");
                const char *value = strchr(line, '=') ? NULL : getenv(line);
                _cleanup_free_ char *own = value ? str_printf("%s=%s", line, value) : NULL;

                if (r >= 0 && *line && *line != '#' &&
                    (own || strchr(line, '=') || id != SETTING_ENVIRONMENT))
                        r = setting_assign(c->spec, setting_get(id), own ?: line, &c->error);
        }
        return r;
}

static int read_files(Ctl *c)
{
        int r = 0;

        STRV_FOREACH(f, c->values[FLAG_ENV_FILE])
                if (r >= 0)
                        r = read_lines(c, SETTING_ENVIRONMENT, *f);
        STRV_FOREACH(f, c->values[FLAG_LABEL_FILE])
                if (r >= 0)
                        r = read_lines(c, SETTING_LABELS, *f);
        return r;
}

static int assign_words(Ctl *c, SettingId id, char **words)
{
        _cleanup_json_ json_t *v = NULL;

        if (!words[0])
                return 0;
        v = json_from_strv(words);
        if (!v)
                return error_set(&c->error, ERROR_INVALID_ARGUMENT, "an argument is no UTF-8 text");
        return setting_assign_json(c->spec, setting_get(id), v, &c->error);
}

static int write_cid_file(Ctl *c, const char *id)
{
        const char *file = ctl_value(c, FLAG_CID_FILE);
        _cleanup_close_ int fd = -EBADF;

        if (!file)
                return 0;
        fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (fd < 0)
                return error_set_errno(&c->error, errno, "%s", file);
        if (fs_write_all(fd, id, strlen(id)) < 0)
                return error_set_errno(&c->error, errno, "%s", file);
        return 0;
}

static int new_container(Ctl *c, Created *ret)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_call_ Call call = {};
        const char *id, *path;
        sd_bus_message *reply;
        int r;

        r = bus_new_call(c, &m, BUS_PATH, RUNTIME_INTERFACE, "NewContainer", NULL);
        if (r >= 0)
                r = bus_append_spec(c, m);
        if (r >= 0)
                r = bus_send(c, m, &call);
        if (r >= 0)
                r = bus_wait(c, &call, &reply);
        if (r < 0)
                return r;
        r = sd_bus_message_read(reply, "so", &id, &path);
        if (r < 0)
                return bus_failed(c, r);
        ret->id = strdup(id);
        ret->path = strdup(path);
        return ret->id && ret->path ? 0 : -ENOMEM;
}

/* Names are given here, so that a foreground run knows its own without asking. One that is taken is not the
 * user's business. */
static int new_unnamed_container(Ctl *c, Created *ret)
{
        for (unsigned tries = 1;; tries++) {
                _cleanup_free_ char *name = name_random();
                int r;

                if (!name)
                        return -ENOMEM;
                r = setting_assign(c->spec, setting_get(SETTING_NAME), name, &c->error);
                if (r >= 0)
                        r = new_container(c, ret);
                if (r >= 0 || c->error.kind != ERROR_NAME_IN_USE || tries >= NAME_TRIES_MAX)
                        return r;
                error_done(&c->error);
        }
}

static void remove_container(Ctl *c, const char *id)
{
        Ctl other = {.bus = c->bus};

        (void) bus_call(&other, NULL, BUS_PATH, RUNTIME_INTERFACE, "RemoveContainer", "sa{sv}", id, 1,
                        "Force", "b", true);
        error_done(&other.error);
}

/* A pull on behalf of the user who calls: with his credentials, and a bar that he sees. The container is made
 * of what is here then. */
static int pull_image(Ctl *c, const char *policy)
{
        int r = pull_for_container(c, policy);

        if (r == 0)
                r = setting_assign(c->spec, setting_get(SETTING_PULL), "never", &c->error);
        return r;
}

static int make(Ctl *c, Created *ret)
{
        return spec_has(c->spec, SETTING_NAME) ? new_container(c, ret) : new_unnamed_container(c, ret);
}

/* Most images are here: the registry comes into it when one is not, or when that is asked for. */
static int make_or_pull(Ctl *c, Created *ret)
{
        PullPolicy policy = c->spec->pull;
        int r = 0;

        if (policy == PULL_ALWAYS || policy == PULL_NEWER)
                r = pull_image(c, policy == PULL_ALWAYS ? "always" : "newer");
        else if (policy == PULL_MISSING)
                r = setting_assign(c->spec, setting_get(SETTING_PULL), "never", &c->error);
        if (r != 0)
                return r;
        r = make(c, ret);
        if (r >= 0 || policy != PULL_MISSING || c->error.kind != ERROR_NO_SUCH_IMAGE ||
            startswith(c->spec->image, "localhost/"))
                return r;
        error_done(&c->error);
        r = pull_image(c, "missing");
        return r != 0 ? r : make(c, ret);
}

/* The container as the flags and arguments describe it. */
static int create(Ctl *c, Created *ret)
{
        int r;

        r = setting_assign(c->spec, setting_get(SETTING_IMAGE), c->args[0], &c->error);
        if (r >= 0)
                r = assign_words(c, SETTING_COMMAND, c->args + 1);
        if (r >= 0)
                r = read_files(c);
        if (r >= 0)
                r = spec_verify(c->spec, &c->error);
        if (r >= 0 && ctl_value(c, FLAG_CID_FILE) && access(ctl_value(c, FLAG_CID_FILE), F_OK) == 0)
                r = error_set_errno(&c->error, EEXIST, "%s", ctl_value(c, FLAG_CID_FILE));
        if (r >= 0)
                r = make_or_pull(c, ret);
        if (r != 0)
                return r;
        r = write_cid_file(c, ret->id);
        if (r < 0)
                remove_container(c, ret->id);
        return r;
}

int verb_create(Ctl *c)
{
        _cleanup_(created_done) Created n = {};
        int r;

        r = create(c, &n);
        if (r == 0)
                puts(n.id);
        return r;
}

static int get_text(Ctl *c, const char *path, const char *property, char **ret)
{
        _cleanup_json_ json_t *v = NULL;
        int r = bus_get(c, path, CONTAINER_INTERFACE, property, &v);

        if (r < 0)
                return r;
        *ret = strdup(strempty(json_string_value(v)));
        return *ret ? 0 : -ENOMEM;
}

/* The fields of its lines in the journal, as the daemon knows them. */
typedef struct Identity {
        char *id, *name, *image, *tag, *unit;
} Identity;

static void identity_done(Identity *i)
{
        free(i->id);
        free(i->name);
        free(i->image);
        free(i->tag);
        free(i->unit);
}

static int get_identity(Ctl *c, const char *path, Identity *ret)
{
        int r;

        ret->id = strdup(object_path_id(path, "container"));
        r = ret->id ? get_text(c, path, "Name", &ret->name) : -ENOMEM;
        if (r >= 0)
                r = get_text(c, path, "ImageName", &ret->image);
        if (r >= 0)
                r = get_text(c, path, "LogTag", &ret->tag);
        if (r >= 0)
                r = get_text(c, path, "Unit", &ret->unit);
        return r;
}

int run_attached(Ctl *c, const char *path)
{
        _cleanup_(identity_done) Identity i = {};
        _cleanup_free_ char *driver = NULL;
        Attachment a = {.path = path,
                        .with_stdin = ctl_has(c, FLAG_INTERACTIVE),
                        .pass_signals = !c->turned_off[FLAG_SIG_PROXY]};
        int r;

        r = get_text(c, path, "LogDriver", &driver);
        if (r < 0)
                return r;
        a.tee = streq(driver, "journald") || streq(driver, "pipe");
        if (a.tee)
                r = get_identity(c, path, &i);
        if (r < 0)
                return r;
        a.fields = (TeeFields){i.id, i.name, i.image, isempty(i.tag) ? NULL : i.tag, i.unit};
        return attach_start(c, &a);
}

/* The container was made a moment ago from a spec of ours: most of its identity need not be asked for. */
static int run_in_foreground(Ctl *c, const Created *n)
{
        _cleanup_free_ char *unit = container_unit_name(c->spec->name);
        Attachment a = {
                .path = n->path,
                .fields = {n->id, c->spec->name, NULL, c->spec->log_tag, unit},
                .tee = log_driver_is_journal(c->spec->log_driver),
                .with_stdin = true,
                .pass_signals = !c->turned_off[FLAG_SIG_PROXY],
        };

        return unit ? attach_start(c, &a) : -ENOMEM;
}

static int run_in_background(Ctl *c, const Created *n)
{
        int r = bus_call(c, NULL, n->path, CONTAINER_INTERFACE, "Start", NULL);

        if (r >= 0)
                puts(n->id);
        return r;
}

int verb_run(Ctl *c)
{
        _cleanup_(created_done) Created n = {};
        int r;

        if (ctl_has(c, FLAG_TTY))
                return error_set(&c->error, ERROR_NOT_SUPPORTED,
                                 "containers have no terminals yet: leave out -t");
        r = create(c, &n);
        if (r != 0)
                return r;
        if (ctl_has(c, FLAG_DETACH))
                r = run_in_background(c, &n);
        else
                r = run_in_foreground(c, &n);
        /* When the answer is lost it may run all the same. */
        if (r < 0 && c->spec->auto_remove && c->error.kind != ERROR_FAILED && c->error.kind != ERROR_NONE)
                remove_container(c, n.id);
        return r;
}

/* The process gets our own descriptors: nothing is copied. */
static int send_exec(Ctl *c, const char *path, Call *call)
{
        _cleanup_close_ int opened_in = -EBADF, opened_out = -EBADF, opened_err = -EBADF;
        _cleanup_message_ sd_bus_message *m = NULL;
        int in, out, err, r;

        in = attach_own_fd(c, STDIN_FILENO, c->spec->stdin_open, &opened_in);
        if (in < 0)
                return in;
        out = attach_own_fd(c, STDOUT_FILENO, true, &opened_out);
        if (out < 0)
                return out;
        err = attach_own_fd(c, STDERR_FILENO, true, &opened_err);
        if (err < 0)
                return err;
        r = bus_new_call(c, &m, path, CONTAINER_INTERFACE, "Exec", NULL);
        if (r >= 0)
                r = bus_append_spec(c, m);
        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "hhh", in, out, err);
        return r < 0 ? bus_failed(c, r) : bus_send(c, m, call);
}

int verb_exec(Ctl *c)
{
        _cleanup_free_ char *path = NULL;
        _cleanup_call_ Call call = {};
        sd_bus_message *reply;
        int status, r;

        if (ctl_has(c, FLAG_TTY))
                return error_set(&c->error, ERROR_NOT_SUPPORTED,
                                 "containers have no terminals yet: leave out -t");
        r = assign_words(c, SETTING_COMMAND, c->args + 1);
        if (r >= 0)
                r = read_files(c);
        if (r >= 0)
                r = bus_find(c, "container", c->args[0], &path);
        if (r >= 0)
                r = send_exec(c, path, &call);
        if (r >= 0)
                r = bus_wait(c, &call, &reply);
        if (r < 0)
                return r;
        r = sd_bus_message_read(reply, "i", &status);
        return r < 0 ? bus_failed(c, r) : status & 0xff;
}
