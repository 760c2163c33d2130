/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Spec and image into the executor's order. */

#include <inttypes.h>

#include "base/parse.h"
#include "base/str.h"
#include "spec/id-map.h"
#include "spec/item.h"
#include "spec/launch-build.h"
#include "spec/setting.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define DEFAULT_PROFILE BERTH_DATA_DIR "/seccomp.json"
#define INIT_PROGRAM BERTH_LIBEXEC_DIR "/berth-init"
#define INIT_TARGET "/run/podman-init"
#define TTY_GROUP 5
#define UUID_LENGTH 32
#define OCI_VERSION "1.0.2"

/* The mounts that every container has, in order. */
static const struct {
        const char *destination, *type, *source, *options;
} base_mounts[] = {
        {"/proc", "proc", "proc", "nosuid,noexec,nodev"},
        {"/dev", "tmpfs", "tmpfs", "nosuid,noexec,strictatime,mode=755,size=65536k"},
        {"/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro"},
        {"/sys/fs/cgroup", "cgroup", "cgroup", "rprivate,nosuid,noexec,nodev,relatime,ro"},
        {"/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"},
        {"/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev"},
};

/* What systemd expects to find empty and writable. */
static const struct {
        const char *destination, *options;
} systemd_mounts[] = {
        {"/run", "nosuid,nodev,mode=755"},
        {"/run/lock", "nosuid,nodev,noexec,mode=1777"},
        {"/tmp", "nosuid,nodev,mode=1777"},
        {"/var/log/journal", "nosuid,nodev,noexec,mode=755"},
};

/* With --read-only these stay writable, as podman keeps them. */
static const char *const scratch_dirs[] = {"/run", "/tmp", "/var/tmp"};

/* What the kernel shows of the host in /proc and /sys: podman's lists, and those of containers-common since.
 */
static const char *const masked_paths[] = {
        "/proc/acpi",
        "/proc/kcore",
        "/proc/keys",
        "/proc/latency_stats",
        "/proc/sched_debug",
        "/proc/scsi",
        "/proc/timer_list",
        "/proc/timer_stats",
        "/proc/interrupts",
        "/sys/dev/block",
        "/sys/devices/virtual/powercap",
        "/sys/firmware",
        "/sys/fs/selinux",
};
static const char *const readonly_paths[] = {
        "/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

static int copy_list(const char *const *from, size_t n, char ***to)
{
        int r = 0;

        for (size_t i = 0; r >= 0 && i < n; i++)
                r = strv_append(to, from[i]);
        return r;
}

static int add_mount(Launch *l, const char *destination, const char *type, const char *source, char **options)
{
        LaunchMount m = {
                .destination = strdup(destination),
                .type = strdup(type),
                .source = strdup(source),
                .options = options,
        };
        LaunchMount *mounts = reallocarray(l->mounts, l->n_mounts + 1, sizeof(*mounts));

        if (mounts)
                l->mounts = mounts;
        if (!mounts || !m.destination || !m.type || !m.source || !m.options) {
                free(m.destination);
                free(m.type);
                free(m.source);
                strv_free(m.options);
                return -ENOMEM;
        }
        l->mounts[l->n_mounts++] = m;
        return 0;
}

static int add_mount_text(Launch *l, const char *destination, const char *type, const char *source,
                          const char *text)
{
        char **options = NULL;

        if (strv_split(text, ",", &options) < 0)
                return -ENOMEM;
        return add_mount(l, destination, type, source, options);
}

static bool has_own_ids(const LaunchContext *c)
{
        return c->maps && c->maps->n_uids > 0;
}

/* In a user namespace of its own a container mounts what belongs to that: not the host's network's part of
 * /sys, and no terminals of a group that it does not have. */
static int add_base_mount(Launch *l, const Spec *s, const LaunchContext *c, const char *destination,
                          const char *type, const char *source, const char *options)
{
        bool own = has_own_ids(c);
        uint32_t tty;

        if (own && streq(type, "sysfs") && strv_contains(s->network, "host"))
                return add_mount_text(l, destination, "bind", "/sys", "bind,rprivate,nosuid,noexec,nodev,ro");
        if (own && streq(type, "devpts") && !id_map_lookup(c->maps->gids, c->maps->n_gids, TTY_GROUP, &tty))
                options = "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620";
        if (streq(type, "cgroup") && s->systemd == SYSTEMD_ALWAYS)
                options = "rprivate,nosuid,noexec,nodev,relatime,rw";
        return add_mount_text(l, destination, type, source, options);
}

static int add_base_mounts(Launch *l, const Spec *s, const LaunchContext *c)
{
        _cleanup_free_ char *shm = str_printf("nosuid,noexec,nodev,mode=1777,size=%" PRIu64, s->shm_size);
        int r = 0;

        FOREACH_ELEMENT(m, base_mounts) {
                r = add_base_mount(l, s, c, m->destination, m->type, m->source, m->options);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; r >= 0 && s->systemd == SYSTEMD_ALWAYS && i < ELEMENTSOF(systemd_mounts); i++)
                r = add_mount_text(l, systemd_mounts[i].destination, "tmpfs", "tmpfs",
                                   systemd_mounts[i].options);
        if (r < 0)
                return r;
        return shm ? add_mount_text(l, "/dev/shm", "tmpfs", "shm", shm) : -ENOMEM;
}

/* Files that the daemon has written into the container's directory. A network of its own without any link has
 * no use for name servers. */
static int add_file_mounts(Launch *l, const Spec *s, const LaunchContext *c)
{
        static const struct {
                const char *name, *destination;
                bool network;
        } files[] = {
                {"hosts", "/etc/hosts"},
                {"hostname", "/etc/hostname"},
                {"resolv.conf", "/etc/resolv.conf", .network = true},
        };
        /* What is root's on disk is the container's root's. */
        const char *options =
                has_own_ids(c) ? "bind,idmap,rprivate,nosuid,nodev" : "bind,rprivate,nosuid,nodev";
        int r;

        FOREACH_ELEMENT(f, files) {
                _cleanup_free_ char *source = str_printf("%s/%s", c->directory, f->name);

                if (f->network && !strv_contains(s->network, "host"))
                        continue;
                r = source ? add_mount_text(l, f->destination, "bind", source, options) : -ENOMEM;
                if (r < 0)
                        return r;
        }
        return 0;
}

static int add_item_mount(Launch *l, const MountItem *m, const LaunchContext *c)
{
        _cleanup_strv_ char **options = NULL;
        bool bind = m->kind == MOUNT_BIND;
        int r;

        r = strv_copy(m->options, &options);
        /* Without IDs of its own they are the host's already. */
        if (r >= 0 && m->idmap && has_own_ids(c))
                r = strv_append(&options, "idmap");
        if (r >= 0 && bind)
                r = strv_append(&options, m->recursive ? "rbind" : "bind");
        if (r >= 0 && bind && !strv_contains(options, "rprivate") && !strv_contains(options, "rslave") &&
            !strv_contains(options, "rshared"))
                r = strv_append(&options, "rprivate");
        if (r >= 0 && !strv_contains(options, "suid"))
                r = strv_append(&options, "nosuid");
        if (r >= 0 && !strv_contains(options, "dev"))
                r = strv_append(&options, "nodev");
        if (r >= 0)
                r = strv_append(&options, m->read_only ? (bind ? "rro" : "ro") : "rw");
        if (r < 0)
                return r;
        return add_mount(l, m->destination, mount_kind_to_string(m->kind), bind ? m->source : "tmpfs",
                         TAKE_PTR(options));
}

static int add_user_mounts(Launch *l, const LaunchContext *c, char **list,
                           int (*parse)(const char *, MountItem *, const char **))
{
        int r;

        STRV_FOREACH(i, list) {
                _cleanup_mount_item_ MountItem m = {};

                r = parse(*i, &m, NULL);
                if (r >= 0)
                        r = add_item_mount(l, &m, c);
                if (r < 0)
                        return r;
        }
        return 0;
}

static bool has_mount(const Launch *l, const char *destination)
{
        for (size_t i = 0; i < l->n_mounts; i++)
                if (streq(l->mounts[i].destination, destination))
                        return true;
        return false;
}

static int add_scratch(Launch *l)
{
        int r;

        FOREACH_ELEMENT(d, scratch_dirs)
                if (!has_mount(l, *d)) {
                        r = add_mount_text(l, *d, "tmpfs", "tmpfs", "nosuid,nodev,mode=1777");
                        if (r < 0)
                                return r;
                }
        return 0;
}

/* A device is the host's own node, bound: numbers may differ after the next boot. "-/dev/x" is there if it
 * is. */
static int add_devices(Launch *l, const Spec *s)
{
        int r;

        STRV_FOREACH(i, s->devices) {
                _cleanup_(device_item_done) DeviceItem d = {};
                bool optional;

                r = device_item_parse(*i, &d, &optional, NULL);
                if (r >= 0 && optional && access(d.source, F_OK) < 0)
                        continue;
                if (r >= 0)
                        r = add_mount_text(l, d.destination, "bind", d.source,
                                           "bind,rprivate,nosuid,noexec,dev");
                if (r < 0)
                        return r;
        }
        return 0;
}

static int build_mounts(Launch *l, const Spec *s, const LaunchContext *c)
{
        int r;

        r = add_base_mounts(l, s, c);
        if (r >= 0)
                r = add_file_mounts(l, s, c);
        if (r >= 0)
                r = add_devices(l, s);
        if (r >= 0)
                r = add_user_mounts(l, c, s->volumes, mount_item_from_volume);
        if (r >= 0)
                r = add_user_mounts(l, c, s->mounts, mount_item_from_mount);
        if (r >= 0)
                r = add_user_mounts(l, c, s->tmpfs, mount_item_from_tmpfs);
        if (r >= 0 && s->read_only)
                r = add_scratch(l);
        if (r >= 0 && s->init)
                r = add_mount_text(l, INIT_TARGET, "bind", INIT_PROGRAM, "bind,rprivate,nosuid,nodev,ro");
        return r;
}

/* An entrypoint of one's own drops the image's command, which was written for the image's entrypoint. */
static int command_of(const Spec *s, const ImageConfig *image, char ***ret)
{
        bool own_entrypoint = spec_has(s, SETTING_ENTRYPOINT);
        bool own_command = spec_has(s, SETTING_COMMAND);
        _cleanup_strv_ char **args = NULL;
        int r;

        r = strv_extend(&args, own_entrypoint ? s->entrypoint : image->entrypoint);
        if (r >= 0 && own_command)
                r = strv_extend(&args, s->command);
        else if (r >= 0 && !own_entrypoint)
                r = strv_extend(&args, image->cmd);
        if (r >= 0)
                *ret = TAKE_PTR(args);
        return r;
}

static int build_args(Launch *l, const Spec *s, const ImageConfig *image, Error *error)
{
        _cleanup_strv_ char **args = NULL;
        int r;

        r = command_of(s, image, &args);
        if (r >= 0 && s->init)
                r = strv_append(&l->process.args, INIT_TARGET);
        if (r >= 0 && s->init)
                r = strv_append(&l->process.args, "--");
        if (r >= 0)
                r = strv_extend(&l->process.args, args);
        if (r < 0)
                return r;
        if (isempty(args ? args[0] : NULL))
                return error_set(error, ERROR_INVALID_ARGUMENT,
                                 "Image %s names no command to run: give one behind the image", l->image);
        return 0;
}

static int put_env(Map *env, const char *assignment)
{
        const char *equals = strchr(assignment, '=');
        _cleanup_free_ char *name = equals ? strndup(assignment, equals - assignment) : NULL;

        return name ? map_put_string(env, name, equals + 1) : equals ? -ENOMEM : 0;
}

static int env_list(const Map *env, char ***ret)
{
        _cleanup_strv_ char **list = NULL;
        int r;

        MAP_FOREACH(e, env) {
                r = strv_consume(&list, str_printf("%s=%s", map_key(e), (char *) map_value(e)));
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(list);
        return 0;
}

static int put_all(Map *env, const Map *more)
{
        int r;

        MAP_FOREACH(e, more) {
                r = map_put_string(env, map_key(e), map_value(e));
                if (r < 0)
                        return r;
        }
        return 0;
}

/* What systemd makes its machine ID of. */
static int put_uuid(Map *env, const char *id)
{
        char uuid[UUID_LENGTH + 1];

        (void) snprintf(uuid, sizeof(uuid), "%s", id);
        return map_put_string(env, "container_uuid", uuid);
}

/* Built from nothing: our three, the image's, the user's, the later ones winning. */
static int build_env(Launch *l, const Spec *s, const ImageConfig *image)
{
        _cleanup_(map_freep) Map *env = map_new_strings();
        int r;

        if (!env)
                return -ENOMEM;
        r = map_put_string(env, "PATH", DEFAULT_PATH);
        if (r >= 0)
                r = map_put_string(env, "container", "berth");
        if (r >= 0)
                r = map_put_string(env, "HOSTNAME", l->hostname);
        if (r >= 0 && s->systemd == SYSTEMD_ALWAYS)
                r = put_uuid(env, l->id);
        STRV_FOREACH(i, image->env)
                if (r >= 0)
                        r = put_env(env, *i);
        if (r >= 0)
                r = put_all(env, s->environment);
        return r < 0 ? r : env_list(env, &l->process.env);
}

static void apply_capabilities(uint64_t *mask, char **list, bool add)
{
        STRV_FOREACH(i, list) {
                int number = -1;
                uint64_t bits;

                if (!capability_parse(*i, &number))
                        continue;
                bits = number < 0 ? capability_all_mask() : UINT64_C(1) << number;
                *mask = add ? *mask | bits : *mask & ~bits;
        }
}

static bool names_all(char **list)
{
        STRV_FOREACH(i, list)
                if (strcasecmp(*i, "all") == 0)
                        return true;
        return false;
}

/* ALL is the starting point, whatever the order it was given in: "drop all, add two" and "add all, drop two".
 */
static void build_capabilities(LaunchProcess *p, const Spec *s)
{
        uint64_t mask = capability_default_mask();

        if (names_all(s->cap_drop)) {
                mask = 0;
                apply_capabilities(&mask, s->cap_add, true);
        } else {
                apply_capabilities(&mask, s->cap_add, true);
                apply_capabilities(&mask, s->cap_drop, false);
        }
        p->capabilities[LAUNCH_CAP_BOUNDING] = p->capabilities[LAUNCH_CAP_EFFECTIVE] =
                p->capabilities[LAUNCH_CAP_PERMITTED] = mask;
}

static int build_rlimits(LaunchProcess *p, const Spec *s)
{
        size_t n = strv_length(s->ulimits);

        p->rlimits = n > 0 ? calloc(n, sizeof(*p->rlimits)) : NULL;
        if (n > 0 && !p->rlimits)
                return -ENOMEM;
        STRV_FOREACH(i, s->ulimits) {
                LaunchRlimit *limit = &p->rlimits[p->n_rlimits];
                UlimitItem u;

                if (ulimit_item_parse(*i, &u, NULL) < 0)
                        continue;
                limit->type = strdup(u.name);
                if (!limit->type)
                        return -ENOMEM;
                limit->soft = u.soft;
                limit->hard = u.hard;
                p->n_rlimits++;
        }
        return 0;
}

static int build_user(LaunchProcess *p, const Spec *s, const ImageConfig *image)
{
        const char *user = s->user ?: image->user;

        if (!s->user && s->userns) {
                _cleanup_userns_ UserNS u = {};
                int r;

                r = userns_parse(s->userns, &u, NULL);
                if (r >= 0 && (u.has_uid || u.has_gid)) {
                        p->user = str_printf("%" PRIu32 ":%" PRIu32, u.uid, u.gid);
                        return p->user ? strv_copy(s->groups, &p->groups) : -ENOMEM;
                }
        }
        /* Nobody named is root, with the groups that the image puts root in. */
        if (s->group)
                p->user = str_printf("%s:%s", strempty(user), s->group);
        else
                p->user = strdup(isempty(user) ? "0" : user);
        if (!p->user)
                return -ENOMEM;
        return strv_copy(s->groups, &p->groups);
}

static int build_process(Launch *l, const Spec *s, const ImageConfig *image, Error *error)
{
        LaunchProcess *p = &l->process;
        const char *cwd = s->working_dir ?: image->working_dir;
        int r;

        p->has_umask = true;
        p->umask = s->umask;
        p->no_new_privileges = s->no_new_privileges;
        build_capabilities(p, s);
        r = build_args(l, s, image, error);
        if (r >= 0)
                r = build_env(l, s, image);
        if (r >= 0)
                r = build_rlimits(p, s);
        if (r >= 0)
                r = build_user(p, s, image);
        if (r >= 0)
                r = str_replace(&p->cwd, isempty(cwd) ? "/" : cwd);
        return r;
}

static int build_root(Launch *l, const Spec *s, const LaunchContext *c)
{
        int r;

        l->root_readonly = s->read_only;
        r = str_replace(&l->root_path, c->image_root);
        if (r >= 0)
                r = strv_append(&l->overlay_lower, c->image_root);
        if (r < 0)
                return r;
        l->overlay_upper = str_printf("%s/upper", c->directory);
        l->overlay_work = str_printf("%s/work", c->directory);
        return l->overlay_upper && l->overlay_work ? 0 : -ENOMEM;
}

static int build_isolation(Launch *l, const Spec *s, const LaunchContext *c)
{
        int r = 0;

        l->namespaces = 1U << LAUNCH_NS_MOUNT | 1U << LAUNCH_NS_PID | 1U << LAUNCH_NS_IPC |
                        1U << LAUNCH_NS_UTS | 1U << LAUNCH_NS_CGROUP;
        if (!strv_contains(s->network, "host"))
                l->namespaces |= 1U << LAUNCH_NS_NETWORK;
        if (has_own_ids(c)) {
                l->namespaces |= 1U << LAUNCH_NS_USER;
                r = launch_id_maps_copy(c->maps, &l->maps);
        }
        if (r >= 0)
                r = copy_list(masked_paths, ELEMENTSOF(masked_paths), &l->masked_paths);
        if (r >= 0)
                r = copy_list(readonly_paths, ELEMENTSOF(readonly_paths), &l->readonly_paths);
        if (r >= 0)
                r = map_copy_strings(s->sysctl, &l->sysctl);
        if (r >= 0)
                r = str_replace(&l->seccomp_profile, s->seccomp_profile ?: DEFAULT_PROFILE);
        return r;
}

static int build_identity(Launch *l, const Spec *s, const LaunchContext *c)
{
        const struct {
                char **field;
                const char *value;
        } texts[] = {
                {&l->oci_version, OCI_VERSION}, {&l->id, c->id},     {&l->name, c->name},
                {&l->image, c->image_name},     {&l->unit, c->unit}, {&l->log_tag, s->log_tag ?: c->name},
                {&l->timezone, s->timezone},
        };
        _cleanup_free_ char *short_id = strndup(c->id, 12), *notify = NULL;
        int r = short_id ? 0 : -ENOMEM;

        FOREACH_ELEMENT(t, texts)
                if (r >= 0)
                        r = str_replace(t->field, t->value);
        if (r >= 0)
                r = str_replace(&l->hostname, s->hostname ?: short_id);
        if (r < 0)
                return r;
        notify = setting_type_enum.to_text(setting_get(SETTING_SDNOTIFY), &s->sdnotify);
        l->sdnotify = TAKE_PTR(notify);
        l->auto_remove = s->auto_remove;
        l->log_none = s->log_driver == LOG_DRIVER_NONE;
        l->log_pipe = s->log_driver == LOG_DRIVER_PIPE;
        return l->sdnotify ? map_copy_strings(s->annotations, &l->annotations) : -ENOMEM;
}

int launch_build(const Spec *s, const ImageConfig *image, const LaunchContext *c, Launch **ret, Error *error)
{
        _cleanup_(launch_freep) Launch *l = launch_new();
        int r;

        if (!l)
                return -ENOMEM;
        r = build_identity(l, s, c);
        if (r >= 0)
                r = build_process(l, s, image, error);
        if (r >= 0)
                r = build_root(l, s, c);
        if (r >= 0)
                r = build_mounts(l, s, c);
        if (r >= 0)
                r = build_isolation(l, s, c);
        if (r < 0)
                return error_set_errno(error, r, "Cannot build the configuration of %s", c->name);
        *ret = TAKE_PTR(l);
        return 0;
}

static bool list_names_stdio(char **list)
{
        STRV_FOREACH(i, list)
                if (image_names_stdio(*i, strlen(*i)))
                        return true;
        return false;
}

static bool environment_names_stdio(const Map *environment)
{
        MAP_FOREACH(e, environment) {
                const char *value = map_value(e);

                if (image_names_stdio(value, strlen(value)))
                        return true;
        }
        return false;
}

/* A false yes costs two pipes, a false no the output. */
static bool needs_pipes(const Spec *s, const ImageConfig *image)
{
        char **const lists[] = {s->entrypoint, s->command, image->entrypoint, image->cmd, image->env};

        if (image->stdio_paths || environment_names_stdio(s->environment))
                return true;
        FOREACH_ELEMENT(list, lists)
                if (list_names_stdio(*list))
                        return true;
        return false;
}

static bool is_systemd(const char *program)
{
        static const char *const names[] = {"/sbin/init", "/usr/sbin/init", "/usr/local/sbin/init",
                                            "systemd"};
        const char *slash = strrchr(program, '/');

        FOREACH_ELEMENT(name, names)
                if (streq(program, *name))
                        return true;
        return slash && streq(slash + 1, "systemd");
}

static int complete_systemd(Spec *s, const ImageConfig *image)
{
        _cleanup_strv_ char **args = NULL;
        int r;

        r = command_of(s, image, &args);
        if (r < 0)
                return r;
        if (s->systemd == SYSTEMD_TRUE && !s->init && args && is_systemd(args[0])) {
                s->systemd = SYSTEMD_ALWAYS;
                spec_mark(s, SETTING_SYSTEMD);
        }
        if (s->systemd == SYSTEMD_ALWAYS && !spec_has(s, SETTING_STOP_SIGNAL) &&
            isempty(image->stop_signal)) {
                s->stop_signal = spec_stop_signal(s);
                spec_mark(s, SETTING_STOP_SIGNAL);
        }
        return 0;
}

int spec_complete(Spec *s, const ImageConfig *image, Error *error)
{
        int r;

        r = complete_systemd(s, image);
        if (r < 0)
                return r;
        if (!spec_has(s, SETTING_LOG_DRIVER) && needs_pipes(s, image)) {
                s->log_driver = LOG_DRIVER_PIPE;
                spec_mark(s, SETTING_LOG_DRIVER);
        }
        if (spec_has(s, SETTING_STOP_SIGNAL) || isempty(image->stop_signal))
                return 0;
        if (parse_signal(image->stop_signal, &s->stop_signal) < 0)
                return error_set(error, ERROR_INVALID_ARGUMENT, "The image's stop signal is none: \"%s\"",
                                 image->stop_signal);
        return 0;
}

int launch_build_exec(const Spec *s, const Launch *l, LaunchProcess *ret, Error *error)
{
        _cleanup_(launch_process_done) LaunchProcess p = {};
        _cleanup_(map_freep) Map *env = map_new_strings();
        int r = env ? 0 : -ENOMEM;

        p = (LaunchProcess){
                .uid = l->process.uid,
                .gid = l->process.gid,
                .has_umask = l->process.has_umask,
                .umask = l->process.umask,
                .no_new_privileges = l->process.no_new_privileges || s->no_new_privileges,
        };
        memcpy(p.capabilities, l->process.capabilities, sizeof(p.capabilities));
        STRV_FOREACH(i, l->process.env)
                if (r >= 0)
                        r = put_env(env, *i);
        if (r >= 0)
                r = put_all(env, s->environment);
        if (r >= 0)
                r = env_list(env, &p.env);
        if (r >= 0)
                r = strv_copy(s->command, &p.args);
        if (r >= 0)
                r = str_replace(&p.user, s->user ?: l->process.user);
        if (r >= 0 && !s->user)
                r = strv_copy(l->process.groups, &p.groups);
        if (r >= 0)
                r = str_replace(&p.cwd, s->working_dir ?: l->process.cwd);
        if (r < 0)
                return error_set_errno(error, r, "Cannot build the process for %s", strempty(l->name));
        *ret = TAKE(p, (LaunchProcess){});
        return 0;
}
