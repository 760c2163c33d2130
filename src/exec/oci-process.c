/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Small things of the OCI verbs. */

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/str.h"
#include "exec/hook.h"
#include "exec/oci-cgroup.h"
#include "exec/oci-process.h"

int oci_process_environment(const Oci *o, LaunchProcess *p, Error *error)
{
        static const char *const names[] = {"LISTEN_FDS", "LISTEN_FDNAMES"};
        int r = 0;

        if (!getenv("LISTEN_FDS") || o->preserve_fds == 0)
                return 0;
        FOREACH_ELEMENT(name, names)
                if (r >= 0 && getenv(*name))
                        r = strv_consume(&p->env, str_printf("%s=%s", *name, getenv(*name)));
        if (r >= 0)
                r = strv_append(&p->env, "LISTEN_PID=1");
        return r < 0 ? error_set_errno(error, r, "Environment") : 0;
}

int oci_write_pid_file(const Oci *o, pid_t pid, Error *error)
{
        const char *path = o->value[OCI_PID_FILE], *slash = path ? strrchr(path, '/') : NULL;
        _cleanup_free_ char *parent = NULL;
        _cleanup_close_ int dir = -EBADF;
        char text[16];
        int r;

        if (!path)
                return 0;
        parent = slash ? strndup(path, (size_t) MAX(slash - path, 1)) : strdup(".");
        if (!parent)
                return error_set_errno(error, ENOMEM, "PID file");
        dir = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
        (void) snprintf(text, sizeof(text), "%d", (int) pid);
        r = dir < 0 ? -errno
                    : fs_replace_at(dir, slash ? slash + 1 : path, text, strlen(text), 0644, FS_NO_SYNC);
        return r < 0 ? error_set_errno(error, r, "Cannot write the PID file %s", path) : 0;
}

static bool is_null_device(const struct stat *st)
{
        return S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3);
}

void oci_give_streams(uid_t uid, gid_t gid)
{
        struct stat st;

        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                if (fstat(fd, &st) >= 0 && st.st_uid != uid && !is_null_device(&st))
                        /* One that cannot be given away stays whose it is. */
                        (void) !fchown(fd, uid, gid);
}

void oci_poststop(const Oci *o, const Launch *l, const OciState *s)
{
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_json_ json_t *v = NULL;
        _cleanup_free_ char *text = NULL;

        if (!l || l->hooks[LAUNCH_HOOK_POSTSTOP].n == 0)
                return;
        v = oci_state_document(s, OCI_STOPPED);
        text = v ? json_text(v) : NULL;
        if (text && hooks_run_all(l, LAUNCH_HOOK_POSTSTOP, text, &error) < 0)
                oci_warn(o, "%s", strempty(error.message));
}

int oci_destroy(const Oci *o, const Launch *l, const OciState *s, Error *error)
{
        int r;

        r = oci_cgroup_kill(s, SIGKILL, error);
        if (r >= 0)
                r = oci_cgroup_remove(s, error);
        if (r >= 0)
                r = oci_dir_remove(o, s->id, error);
        if (r >= 0)
                oci_poststop(o, l, s);
        return r;
}
