/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A label is written to a file of the process's own in procfs. That it is procfs, and nothing that somebody
 * has put there, is checked on the descriptor. */

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "base/fs.h"
#include "base/str.h"
#include "exec/label.h"

#define APPARMOR_ENABLED "/sys/module/apparmor/parameters/enabled"
/* sysfs says that each of its files is a page. */
#define PARAMETER_MAX 65536U
#define SELINUX_FS "/sys/fs/selinux/enforce"

static bool has_apparmor(void)
{
        _cleanup_free_ char *text = NULL;

        return fs_read_at(AT_FDCWD, APPARMOR_ENABLED, PARAMETER_MAX, &text, NULL) >= 0 && *text == 'Y';
}

bool label_has_selinux(void)
{
        return access(SELINUX_FS, F_OK) >= 0;
}

int label_check(const LaunchProcess *p, Error *error)
{
        if (!isempty(p->apparmor_profile) && !has_apparmor())
                return error_set(error, ERROR_NOT_SUPPORTED,
                                 "AppArmor profile \"%s\": this kernel runs without AppArmor",
                                 p->apparmor_profile);
        if (!isempty(p->selinux_label) && !label_has_selinux())
                return error_set(error, ERROR_NOT_SUPPORTED,
                                 "SELinux label \"%s\": this kernel runs without SELinux", p->selinux_label);
        return 0;
}

/* No mount of anybody's in between, and no link. */
static int open_attribute(int root, const char *name)
{
        struct open_how how = {.flags = O_WRONLY | O_CLOEXEC,
                               .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV};
        _cleanup_close_ int proc = fs_open_beneath(root, "proc", O_PATH | O_DIRECTORY, 0);
        struct statfs fs;
        char path[64];
        long fd;

        if (proc < 0 || fstatfs(proc, &fs) < 0)
                return proc < 0 ? proc : -errno;
        if (fs.f_type != PROC_SUPER_MAGIC)
                return -EXDEV;
        (void) snprintf(path, sizeof(path), "%d/attr/%s", getpid(), name);
        fd = syscall(SYS_openat2, proc, path, &how, sizeof(how));
        return fd < 0 ? -errno : (int) fd;
}

static int write_label(int root, const char *file, const char *text)
{
        _cleanup_close_ int fd = open_attribute(root, file);

        return fd < 0 ? fd : write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static int set_apparmor(int root, const char *profile)
{
        _cleanup_free_ char *text = str_printf("exec %s", profile);
        int r;

        if (!text)
                return -ENOMEM;
        r = write_label(root, "apparmor/exec", text);
        /* Where it is the only module the files are its. */
        return r == -ENOENT ? write_label(root, "exec", text) : r;
}

int label_set(int root, const LaunchProcess *p, Error *error)
{
        int r = 0;

        if (!isempty(p->apparmor_profile))
                r = set_apparmor(root, p->apparmor_profile);
        if (r < 0)
                return error_set(error, ERROR_START_FAILED, "Cannot set the AppArmor profile \"%s\": %s",
                                 p->apparmor_profile, strerror(-r));
        if (!isempty(p->selinux_label))
                r = write_label(root, "exec", p->selinux_label);
        return r < 0 ? error_set(error, ERROR_START_FAILED, "Cannot set the SELinux label \"%s\": %s",
                                 p->selinux_label, strerror(-r))
                     : 0;
}
