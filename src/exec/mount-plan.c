/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The plan, and what the launcher adds to it. */

#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <limits.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/str.h"
#include "exec/device.h"
#include "exec/label.h"
#include "exec/mount-chroot.h"
#include "exec/mount-fs.h"
#include "exec/mount-idmap.h"
#include "exec/mount-plan.h"
#include "exec/user-namespace.h"
#include "spec/name.h"

#define ZONEINFO_DIR "/usr/share/zoneinfo"
#define LOCALTIME "/etc/localtime"
#define NULL_DEVICE "/dev/null"
#define EMPTY_LOWER ROOT_MOUNT_POINT
#define PATTERN_MATCHES_MAX 8192U
/* mount(2) takes one page. */
#define OVERLAY_OPTIONS_MAX 4095U
#define OVERLAY_SAFE "redirect_dir=nofollow,metacopy=off,index=off"

static const char *const action_names[_MOUNT_ACTION_MAX] = {
        [MOUNT_FILESYSTEM] = "mount", [MOUNT_PROC] = "proc",   [MOUNT_DEV] = "dev",
        [MOUNT_CGROUP] = "cgroup",    [MOUNT_COPY] = "bind",   [MOUNT_SYMLINK] = "symlink",
        [MOUNT_NODE] = "node",        [MOUNT_LINKS] = "links", [MOUNT_MASK] = "mask",
        [MOUNT_PROTECT] = "protect",
};

void mount_plan_done(MountPlan *p)
{
        for (size_t i = 0; i < p->n_steps; i++) {
                mount_options_done(&p->steps[i].options);
                close_fd(p->steps[i].fd);
                free(p->steps[i].owned);
        }
        free(p->steps);
        free(p->overlay);
        free(p->zoneinfo);
        close_fd(p->root);
        close_fd(p->null);
        *p = MOUNT_PLAN_INIT;
}

static MountStep *add_step(MountPlan *p, MountAction action, const char *target)
{
        MountStep *steps = reallocarray(p->steps, p->n_steps + 1, sizeof(MountStep));

        if (!steps)
                return NULL;
        p->steps = steps;
        steps[p->n_steps] = (MountStep){.action = action, .target = target, .fd = -EBADF};
        return &steps[p->n_steps++];
}

int mount_plan_add_copy(MountPlan *p, const char *source, const char *target)
{
        MountStep *s = add_step(p, MOUNT_COPY, target);

        if (!s)
                return -ENOMEM;
        s->source = source;
        s->options.bind = true;
        return 0;
}

static bool is_cgroup(const char *type)
{
        return streq(type, "cgroup") || streq(type, "cgroup2");
}

static int copy_from_mount(MountStep *s, const LaunchMount *m, Error *error)
{
        s->action = MOUNT_COPY;
        s->maps = &m->maps;
        if (!m->source || *m->source != '/')
                return error_set(error, ERROR_INVALID_ARGUMENT,
                                 "Mount on %s: the source \"%s\" is not an absolute path", m->destination,
                                 strempty(m->source));
        STRV_FOREACH(o, s->options.rest) {
                /* Of the file system, which is there already. */
                if (streq(*o, "sync") || streq(*o, "dirsync") || strchr(*o, '='))
                        continue;
                return error_set(error, ERROR_INVALID_ARGUMENT, "Mount on %s: unknown option \"%s\"",
                                 m->destination, *o);
        }
        if (s->options.copy_up)
                return error_set(error, ERROR_INVALID_ARGUMENT, "Mount on %s: tmpcopyup is for a tmpfs",
                                 m->destination);
        return 0;
}

static bool is_root(const char *path)
{
        return path[strspn(path, "/")] == '\0';
}

/* File systems that have no labels of their own get the order's, where the kernel knows any. */
static int add_label(const Launch *l, MountStep *s)
{
        static const char *const without[] = {"proc", "sysfs", "cgroup2", "mqueue"};
        static const char *const kinds[] = {"context", "fscontext", "defcontext", "rootcontext"};
        const char *kind = map_get(l->annotations, "run.oci.mount_context_type"), *option = kinds[0];

        FOREACH_ELEMENT(w, without)
                if (streq(*w, s->type))
                        return 0;
        if (isempty(l->mount_label) || !label_has_selinux())
                return 0;
        FOREACH_ELEMENT(k, kinds)
                if (streq_ptr(*k, kind))
                        option = *k;
        return strv_consume(&s->options.rest, str_printf("%s=%s", option, l->mount_label));
}

static int step_from_mount(const Launch *l, MountStep *s, const LaunchMount *m, Error *error)
{
        int r;

        r = mount_options_parse(m->options, &s->options);
        if (r < 0)
                return error_set_errno(error, r, "Cannot plan the mount on %s", m->destination);
        s->source = m->source;
        if (s->options.bind || streq_ptr(m->type, "bind"))
                return copy_from_mount(s, m, error);
        if (isempty(m->type) || strchr(m->type, '/'))
                return error_set(error, ERROR_INVALID_ARGUMENT, "Mount on %s: no type", m->destination);
        if (mount_is_idmapped(&s->options, &m->maps))
                return error_set(error, ERROR_INVALID_ARGUMENT, "Mount on %s: only binds can map IDs",
                                 m->destination);
        if (s->options.copy_up && (!streq(m->type, "tmpfs") || is_root(m->destination)))
                return error_set(error, ERROR_INVALID_ARGUMENT,
                                 "Mount on %s: tmpcopyup is for a tmpfs below the root", m->destination);
        s->type = is_cgroup(m->type) ? "cgroup2" : m->type;
        if (is_cgroup(m->type))
                s->action = MOUNT_CGROUP;
        else if (streq(m->type, "proc"))
                s->action = MOUNT_PROC;
        else if (streq(m->destination, "/dev") && streq(m->type, "tmpfs"))
                s->action = MOUNT_DEV;
        r = add_label(l, s);
        return r < 0 ? error_set_errno(error, r, "Mounts") : 0;
}

static int plan_mounts(MountPlan *p, const Launch *l, Error *error)
{
        bool proc = false;
        int r;

        for (size_t i = 0; i < l->n_mounts; i++) {
                MountStep *s = add_step(p, MOUNT_FILESYSTEM, l->mounts[i].destination);

                r = s ? step_from_mount(l, s, &l->mounts[i], error)
                      : error_set_errno(error, ENOMEM, "Mounts");
                if (r < 0)
                        return r;
                proc = proc || s->action == MOUNT_PROC;
        }
        if (map_size(l->sysctl) > 0 && !proc)
                return error_set(error, ERROR_INVALID_ARGUMENT, "Sysctls need a mount of type proc");
        return 0;
}

static int add_node(MountPlan *p, const LaunchDevice *d, Error *error)
{
        /* In a user namespace nobody makes devices, but the host's own can be there. */
        bool bind = p->launch->namespaces & 1U << LAUNCH_NS_USER && d->type != S_IFIFO;
        MountStep *s = add_step(p, bind ? MOUNT_COPY : MOUNT_NODE, d->path);

        if (!s)
                return error_set_errno(error, ENOMEM, "Devices");
        s->device = d;
        if (bind) {
                s->source = d->path;
                s->options.set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
        }
        return 0;
}

/* What else is mounted on /dev brings its own nodes. */
static int plan_devices(MountPlan *p, Error *error)
{
        bool tmpfs = false, covered = false;
        const LaunchDevice *d;
        int r = 0;

        for (size_t i = 0; i < p->n_steps; i++) {
                tmpfs = tmpfs || p->steps[i].action == MOUNT_DEV;
                covered = covered || streq(p->steps[i].target, "/dev");
        }
        for (size_t i = 0; !covered && r >= 0 && (d = device_default(i)); i++)
                r = add_node(p, d, error);
        for (size_t i = 0; r >= 0 && i < p->launch->n_devices; i++) {
                d = &p->launch->devices[i];
                if (!device_is_below_dev(d) || (!tmpfs && !covered))
                        r = add_node(p, d, error);
        }
        if (r >= 0 && !covered && !add_step(p, MOUNT_LINKS, "/dev"))
                r = error_set_errno(error, ENOMEM, "Devices");
        return r;
}

static int plan_paths(MountPlan *p, MountAction action, char **paths, Error *error)
{
        STRV_FOREACH(path, paths) {
                if (**path != '/')
                        return error_set(error, ERROR_INVALID_ARGUMENT, "\"%s\" is not an absolute path",
                                         *path);
                if (!add_step(p, action, *path))
                        return error_set_errno(error, ENOMEM, "Mounts");
        }
        return 0;
}

/* An area and city of the host, never a path out of its directory. */
static int plan_timezone(MountPlan *p, const char *timezone, Error *error)
{
        if (isempty(timezone))
                return 0;
        if (streq(timezone, "local"))
                p->zoneinfo = strdup(LOCALTIME);
        else if (*timezone == '/' || strstr(timezone, ".."))
                return error_set(error, ERROR_INVALID_ARGUMENT, "\"%s\" is not a time zone", timezone);
        else
                p->zoneinfo = str_printf(ZONEINFO_DIR "/%s", timezone);
        if (!p->zoneinfo || mount_plan_add_copy(p, p->zoneinfo, LOCALTIME) < 0)
                return error_set_errno(error, ENOMEM, "Mounts");
        p->steps[p->n_steps - 1].options.set = MOUNT_ATTR_RDONLY;
        return 0;
}

/* overlayfs ends an option at ',' and a lower directory at ':'; a backslash takes both literally. */
static char *escape_overlay(const char *path)
{
        char *escaped = malloc(2 * strlen(path) + 1), *out = escaped;

        if (!escaped)
                return NULL;
        for (; *path; path++) {
                if (strchr(",:\\", *path))
                        *out++ = '\\';
                *out++ = *path;
        }
        *out = '\0';
        return escaped;
}

static char *lower_option(const Launch *l)
{
        _cleanup_strv_ char **lower = NULL;
        _cleanup_free_ char *joined = NULL;

        STRV_FOREACH(path, l->overlay_lower)
                if (strv_consume(&lower, escape_overlay(*path)) < 0)
                        return NULL;
        /* Without a writable layer the kernel wants two lower ones. */
        if (!l->overlay_upper && strv_append(&lower, EMPTY_LOWER) < 0)
                return NULL;
        joined = strv_join(lower, ":");
        return joined ? str_printf("lowerdir=%s", joined) : NULL;
}

/* Layers come from strangers: what overlayfs would take for its own marks in them is not followed. A
 * container that goes away with its end need not survive a power cut; without "volatile" its end would wait
 * for the whole disk. */
static int plan_root(MountPlan *p, const Launch *l, Error *error)
{
        _cleanup_free_ char *lower = NULL, *upper = NULL, *work = NULL;

        if (!l->overlay_lower)
                return l->root_path ? 0
                                    : error_set(error, ERROR_INVALID_ARGUMENT,
                                                "The order names no root directory");
        lower = lower_option(l);
        if (lower && l->overlay_upper) {
                upper = escape_overlay(l->overlay_upper);
                work = escape_overlay(l->overlay_work);
                p->overlay_volatile = l->auto_remove;
                if (upper && work)
                        p->overlay = str_printf("%s,upperdir=%s,workdir=%s," OVERLAY_SAFE "%s", lower, upper,
                                                work, p->overlay_volatile ? ",volatile" : "");
        } else if (lower) {
                p->overlay = str_printf("%s," OVERLAY_SAFE, lower);
        }
        if (!p->overlay)
                return error_set_errno(error, ENOMEM, "Mounts");
        if (strlen(p->overlay) > OVERLAY_OPTIONS_MAX)
                return error_set(error, ERROR_LIMIT,
                                 "The root directory has too many or too long lower directories");
        return 0;
}

int mount_plan_build(const Launch *l, MountPlan *ret, Error *error)
{
        _cleanup_mount_plan_ MountPlan p = MOUNT_PLAN_INIT;
        int r;

        p.launch = l;
        r = plan_root(&p, l, error);
        if (r >= 0)
                r = plan_mounts(&p, l, error);
        if (r >= 0)
                r = plan_devices(&p, error);
        if (r >= 0)
                r = plan_timezone(&p, l->timezone, error);
        if (r >= 0)
                r = plan_paths(&p, MOUNT_MASK, l->masked_paths, error);
        if (r >= 0)
                r = plan_paths(&p, MOUNT_PROTECT, l->readonly_paths, error);
        if (r < 0)
                return r;
        *ret = TAKE(p, MOUNT_PLAN_INIT);
        return 0;
}

char *mount_plan_text(const MountPlan *p)
{
        _cleanup_strv_ char **lines = NULL;
        int r;

        r = strv_consume(&lines, p->overlay ? str_printf("root overlay %s", p->overlay)
                                            : str_printf("root %s", p->launch->root_path));
        for (size_t i = 0; r >= 0 && i < p->n_steps; i++) {
                const MountStep *s = &p->steps[i];

                r = strv_consume(&lines, str_printf("%s %s%s%s", action_names[s->action], s->target,
                                                    s->source ? " " : "", strempty(s->source)));
        }
        return r < 0 ? NULL : strv_join(lines, "\n");
}

/* The copy is of the host's mounts: unless another propagation is asked for, nothing travels between them. */
static int dress_copy(int fd, const MountOptions *o)
{
        unsigned long all = o->propagation_all || o->propagation == 0 ? o->propagation ?: MS_PRIVATE : 0;
        int r;

        r = mount_set(fd, true, o->set_all, o->clear_all, all);
        return r < 0 ? r : mount_set(fd, false, o->set, o->clear, all ? 0 : o->propagation);
}

/* 1: it was a symlink, and the step is to make it again. */
static int read_symlink(MountStep *s, Error *error)
{
        char target[PATH_MAX];
        ssize_t n = readlink(s->source, target, sizeof(target) - 1);

        if (n < 0)
                return errno == EINVAL ? 0
                                       : error_set_errno(error, errno, "Mount on %s: cannot read %s",
                                                         s->target, s->source);
        target[n] = '\0';
        s->action = MOUNT_SYMLINK;
        return str_replace(&s->owned, target) < 0 ? error_set_errno(error, ENOMEM, "Mounts") : 1;
}

static int open_step(const MountPlan *p, MountStep *s, Error *error)
{
        struct stat st;
        int r;

        r = s->options.copy_symlink ? read_symlink(s, error) : 0;
        if (r != 0)
                return r;
        s->fd = mount_copy_path(s->source, (s->options.recursive ? AT_RECURSIVE : 0) |
                                                   (s->options.source_nofollow ? AT_SYMLINK_NOFOLLOW : 0));
        if (s->fd == -ENOENT)
                return error_set(error, ERROR_START_FAILED, "Mount on %s: the host has no %s", s->target,
                                 s->source);
        if (s->fd < 0)
                return error_set_errno(error, s->fd, "Mount on %s: cannot open %s", s->target, s->source);
        if (fstat(s->fd, &st) < 0)
                return error_set_errno(error, errno, "Mount on %s: cannot read %s", s->target, s->source);
        s->directory = S_ISDIR(st.st_mode);
        if (s->device && ((st.st_mode & S_IFMT) != s->device->type ||
                          st.st_rdev != makedev(s->device->major, s->device->minor)))
                return error_set(error, ERROR_START_FAILED, "The host's %s is another device", s->source);
        r = dress_copy(s->fd, &s->options);
        if (r < 0)
                return error_set_errno(error, r, "Mount on %s: the options do not fit %s", s->target,
                                       s->source);
        return s->maps && mount_is_idmapped(&s->options, s->maps)
                       ? mount_idmap(s->fd, &s->options, s->maps, p->namespaces, error)
                       : 0;
}

/* What is not the kernel's own has its contents somewhere on the host (overlay, a disk), where nobody in the
 * container can look for them. */
static bool is_of_host(const MountStep *s)
{
        static const char *const of_kernel[] = {"tmpfs", "sysfs", "mqueue", "devpts", "ramfs", "binfmt_misc"};

        if (s->action != MOUNT_FILESYSTEM)
                return false;
        FOREACH_ELEMENT(type, of_kernel)
                if (streq(*type, s->type))
                        return false;
        return true;
}

static int open_filesystem(MountStep *s, Error *error)
{
        s->fd = mount_make(s->type, s->source, s->options.rest, s->options.set | s->options.set_all);
        return s->fd < 0
                       ? error_set_errno(error, s->fd, "Mount on %s: cannot make the %s", s->target, s->type)
                       : 0;
}

/* Nobody in a user namespace makes nodes: there /dev is made here, and belongs to the container's root. */
static int open_dev(const MountPlan *p, MountStep *s, Error *error)
{
        const LaunchIdMaps *maps = &p->namespaces->maps;
        _cleanup_strv_ char **options = NULL;
        uint32_t uid = 0, gid = 0;
        int r;

        if (!namespace_has_user(p->namespaces))
                return 0;
        (void) id_map_lookup(maps->uids, maps->n_uids, 0, &uid);
        (void) id_map_lookup(maps->gids, maps->n_gids, 0, &gid);
        r = strv_copy(s->options.rest, &options);
        if (r >= 0)
                r = strv_consume(&options, str_printf("uid=%" PRIu32, uid));
        if (r >= 0)
                r = strv_consume(&options, str_printf("gid=%" PRIu32, gid));
        if (r < 0)
                return error_set_errno(error, r, "Mounts");
        s->fd = mount_make("tmpfs", s->source, options, s->options.set);
        if (s->fd < 0)
                return error_set_errno(error, s->fd, "Cannot make the file system for %s", s->target);
        return device_fill(s->fd, p->launch, maps, error);
}

/* A pattern stands for what the host has: masked paths lie in /proc and /sys. */
static int expand_pattern(MountPlan *p, size_t at, Error *error)
{
        MountAction action = p->steps[at].action;
        const char *pattern = p->steps[at].target;
        glob_t found = {};
        int r = 0;

        r = glob(pattern, GLOB_NOSORT, NULL, &found);
        if (r == GLOB_NOMATCH)
                return 0;
        /* A path that is not found for want of memory would stay open to the container. */
        if (r != 0)
                r = error_set_errno(error, r == GLOB_NOSPACE ? ENOMEM : EIO, "Cannot look for %s", pattern);
        for (size_t i = 0; r >= 0 && i < found.gl_pathc; i++) {
                char *path = i < PATTERN_MATCHES_MAX ? strdup(found.gl_pathv[i]) : NULL;
                MountStep *s = path ? add_step(p, action, path) : NULL;

                if (s)
                        s->owned = path;
                else
                        free(path);
                r = s ? 0 : error_set_errno(error, ENOMEM, "Mounts on %s", pattern);
        }
        globfree(&found);
        return r;
}

static bool is_pattern(const MountStep *s)
{
        return !s->owned && (s->action == MOUNT_MASK || s->action == MOUNT_PROTECT) && strchr(s->target, '*');
}

static int open_null(Error *error)
{
        _cleanup_close_ int fd = mount_copy_path(NULL_DEVICE, 0);
        struct stat st;
        int r;

        if (fd < 0 || fstat(fd, &st) < 0)
                return error_set_errno(error, fd < 0 ? fd : errno, "Cannot open " NULL_DEVICE);
        if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
                return error_set(error, ERROR_START_FAILED,
                                 "The host's " NULL_DEVICE " is not the null device");
        r = mount_set(fd, false, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, 0, MS_PRIVATE);
        if (r < 0)
                return error_set_errno(error, r, "Cannot copy " NULL_DEVICE);
        return TAKE_FD(fd);
}

/* A slave of the host's hears of mounts there; other kinds of propagation begin in the container. */
static int open_root(MountPlan *p, Error *error)
{
        int64_t propagation = p->launch->rootfs_propagation;
        int r;

        p->root = mount_copy_path(p->launch->root_path, AT_RECURSIVE);
        r = p->root < 0 ? p->root
                        : mount_set(p->root, true, 0, 0, propagation & MS_SLAVE ? MS_SLAVE : MS_PRIVATE);
        return r < 0 ? error_set_errno(error, r, "Cannot open the root directory %s", p->launch->root_path)
                     : 0;
}

static int open_steps(MountPlan *p, bool *ret_masks, Error *error)
{
        size_t n = p->n_steps;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < n; i++) {
                MountStep *s = &p->steps[i];

                if (s->action == MOUNT_COPY)
                        r = open_step(p, s, error);
                else if (s->action == MOUNT_DEV)
                        r = open_dev(p, s, error);
                else if (is_of_host(s))
                        r = open_filesystem(s, error);
                else if (is_pattern(s))
                        r = expand_pattern(p, i, error);
                *ret_masks = *ret_masks || p->steps[i].action == MOUNT_MASK;
        }
        return r;
}

int mount_plan_open(MountPlan *p, const NamespaceSet *namespaces, Error *error)
{
        bool masks = false;
        int r;

        p->namespaces = namespaces;
        if (mount_is_chroot(p->launch))
                return mount_chroot_open(p, error);
        r = p->overlay ? 0 : open_root(p, error);
        if (r >= 0)
                r = open_steps(p, &masks, error);
        if (r < 0 || !masks)
                return r;
        p->null = open_null(error);
        return p->null < 0 ? p->null : 0;
}
