/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Composite values: short syntaxes to their parts. */

#include <limits.h>
#include <linux/capability.h>
#include <strings.h>

#include "base/parse.h"
#include "base/str.h"
#include "spec/item.h"
#include "spec/name.h"

static int fail(const char **ret_error, const char *reason)
{
        if (ret_error)
                *ret_error = reason;
        return -EINVAL;
}

const char *mount_kind_to_string(MountKind k)
{
        static const char *const names[_MOUNT_KIND_MAX] = {
                [MOUNT_BIND] = "bind",
                [MOUNT_TMPFS] = "tmpfs",
                [MOUNT_VOLUME] = "volume",
        };

        return k >= 0 && k < _MOUNT_KIND_MAX ? names[k] : NULL;
}

void mount_item_done(MountItem *m)
{
        free(m->source);
        free(m->destination);
        strv_free(m->options);
        *m = (MountItem){};
}

/* An absolute path without "." and ".." components, doubled and trailing slashes removed. -EINVAL otherwise.
 */
static int path_normalize(const char *s, char **ret)
{
        _cleanup_strv_ char **parts = NULL;
        _cleanup_free_ char *joined = NULL;
        char *path;
        int r;

        if (*s != '/' || strlen(s) >= PATH_MAX || str_has_control(s))
                return -EINVAL;
        r = strv_split(s, "/", &parts);
        if (r < 0)
                return r;
        STRV_FOREACH(p, parts)
                if (streq(*p, ".") || streq(*p, ".."))
                        return -EINVAL;
        joined = strv_join(parts, "/");
        path = joined ? str_printf("/%s", joined) : NULL;
        if (!path)
                return -ENOMEM;
        *ret = path;
        return 0;
}

static int set_destination(MountItem *m, const char *s, const char **ret_error)
{
        _cleanup_free_ char *path = NULL;
        int r;

        r = path_normalize(s, &path);
        if (r == -EINVAL || (r >= 0 && streq(path, "/")))
                return fail(ret_error, "the destination must be an absolute path below / without \"..\"");
        if (r < 0)
                return r;
        free(m->destination);
        m->destination = TAKE_PTR(path);
        return 0;
}

/* A path is a bind, anything else the name of a volume. */
static int set_source(MountItem *m, const char *s, const char **ret_error)
{
        _cleanup_free_ char *source = NULL;
        int r;

        if (*s == '/') {
                m->kind = MOUNT_BIND;
                r = path_normalize(s, &source);
                if (r == -EINVAL)
                        return fail(ret_error, "the source must be an absolute path without \"..\"");
        } else {
                if (!name_is_valid(s))
                        return fail(ret_error, "the source must be an absolute path or the name of a volume");
                m->kind = MOUNT_VOLUME;
                source = strdup(s);
                r = source ? 0 : -ENOMEM;
        }
        if (r < 0)
                return r;
        free(m->source);
        m->source = TAKE_PTR(source);
        return 0;
}

/* Options that the kernel or the OCI specification knows; what is not listed is refused. */
static const char *const mount_options[] = {
        "nosuid",  "suid",  "nodev",  "dev",      "noexec", "exec",    "noatime",     "relatime",
        "private", "slave", "shared", "rprivate", "rslave", "rshared", "nosymfollow", "sync",
};

/* Accepted because people write them for podman; without SELinux labels they mean nothing here. */
static const char *const ignored_options[] = {"z", "Z", "copy", "nocopy"};

static bool is_in(const char *const *list, size_t n, const char *s)
{
        for (size_t i = 0; i < n; i++)
                if (streq(list[i], s))
                        return true;
        return false;
}

static int add_option(MountItem *m, const char *option, const char **ret_error)
{
        if (streq(option, "ro") || streq(option, "readonly")) {
                m->read_only = true;
                return 0;
        }
        if (streq(option, "rw")) {
                m->read_only = false;
                return 0;
        }
        if (streq(option, "bind") || streq(option, "rbind")) {
                m->recursive = *option == 'r';
                return 0;
        }
        if (streq(option, "idmap") && m->kind != MOUNT_TMPFS) {
                m->idmap = true;
                return 0;
        }
        if (startswith(option, "idmap=") && m->kind != MOUNT_TMPFS)
                return strv_append(&m->options, option);
        if (is_in(ignored_options, ELEMENTSOF(ignored_options), option))
                return 0;
        if (streq(option, "U"))
                return fail(ret_error, "U would change the owners of the source for good: take idmap");
        if (is_in(mount_options, ELEMENTSOF(mount_options), option))
                return strv_append(&m->options, option);
        if (m->kind == MOUNT_TMPFS && startswith(option, "size=")) {
                uint64_t size;

                if (parse_size(option + strlen("size="), &size) < 0)
                        return fail(ret_error, "size= takes a number of bytes, as 64m");
                return strv_append(&m->options, option);
        }
        if (m->kind == MOUNT_TMPFS && startswith(option, "mode=")) {
                mode_t mode;

                if (parse_mode(option + strlen("mode="), &mode) < 0)
                        return fail(ret_error, "mode= takes an octal file mode");
                return strv_append(&m->options, option);
        }
        return fail(ret_error, "unknown mount option");
}

static int add_options(MountItem *m, const char *text, const char **ret_error)
{
        _cleanup_strv_ char **options = NULL;
        int r;

        r = strv_split(text, ",", &options);
        if (r < 0)
                return r;
        STRV_FOREACH(o, options) {
                r = add_option(m, *o, ret_error);
                if (r < 0)
                        return r;
        }
        return 0;
}

int mount_item_from_volume(const char *s, MountItem *ret, const char **ret_error)
{
        _cleanup_mount_item_ MountItem m = {.kind = MOUNT_VOLUME, .recursive = true};
        _cleanup_strv_ char **parts = NULL;
        size_t n;
        int r;

        if (str_has_control(s) || strstr(s, "::") || *s == ':')
                return fail(ret_error, "a volume is SOURCE:DESTINATION[:OPTIONS] or DESTINATION");
        r = strv_split(s, ":", &parts);
        if (r < 0)
                return r;
        n = strv_length(parts);
        if (n < 1 || n > 3)
                return fail(ret_error, "a volume is SOURCE:DESTINATION[:OPTIONS] or DESTINATION");
        if (n > 1) {
                r = set_source(&m, parts[0], ret_error);
                if (r < 0)
                        return r;
        }
        r = set_destination(&m, parts[n > 1 ? 1 : 0], ret_error);
        if (r >= 0 && n > 2)
                r = add_options(&m, parts[2], ret_error);
        if (r < 0)
                return r;

        *ret = TAKE(m, (MountItem){});
        return 0;
}

int mount_item_from_tmpfs(const char *s, MountItem *ret, const char **ret_error)
{
        _cleanup_mount_item_ MountItem m = {.kind = MOUNT_TMPFS};
        _cleanup_free_ char *destination = NULL;
        const char *colon = strchrnul(s, ':');
        int r;

        destination = strndup(s, colon - s);
        if (!destination)
                return -ENOMEM;
        r = set_destination(&m, destination, ret_error);
        if (r >= 0 && *colon)
                r = add_options(&m, colon + 1, ret_error);
        if (r < 0)
                return r;

        *ret = TAKE(m, (MountItem){});
        return 0;
}

static int mount_kind_from_string(const char *s, MountKind *ret)
{
        for (MountKind k = 0; k < _MOUNT_KIND_MAX; k++)
                if (streq(mount_kind_to_string(k), s)) {
                        *ret = k;
                        return 0;
                }
        return -EINVAL;
}

/* One "key=value" of --mount. */
static int mount_assign(MountItem *m, const char *key, const char *value, const char **ret_error)
{
        bool b;

        if (streq(key, "src") || streq(key, "source"))
                return set_source(m, value, ret_error);
        if (streq(key, "dst") || streq(key, "destination") || streq(key, "target"))
                return set_destination(m, value, ret_error);
        if (streq(key, "ro") || streq(key, "readonly")) {
                if (parse_bool(isempty(value) ? "true" : value, &b) < 0)
                        return fail(ret_error, "ro= takes true or false");
                m->read_only = b;
                return 0;
        }
        if (streq(key, "bind-propagation"))
                return add_option(m, value, ret_error);
        if (streq(key, "tmpfs-size") || streq(key, "tmpfs-mode")) {
                _cleanup_free_ char *option = str_printf("%s=%s", key + strlen("tmpfs-"), value);

                return option ? add_option(m, option, ret_error) : -ENOMEM;
        }
        return fail(ret_error,
                    "unknown key: type, source, destination, ro, bind-propagation, tmpfs-size, tmpfs-mode");
}

int mount_item_from_mount(const char *s, MountItem *ret, const char **ret_error)
{
        _cleanup_mount_item_ MountItem m = {.kind = MOUNT_VOLUME, .recursive = true};
        _cleanup_strv_ char **parts = NULL;
        MountKind kind = MOUNT_VOLUME;
        int r;

        r = strv_split(s, ",", &parts);
        if (r < 0)
                return r;
        STRV_FOREACH(p, parts)
                if (startswith(*p, "type=") && mount_kind_from_string(*p + strlen("type="), &kind) < 0)
                        return fail(ret_error, "type= is bind, tmpfs or volume");
        m.kind = kind;
        STRV_FOREACH(p, parts) {
                char *value = strchr(*p, '=');

                if (startswith(*p, "type="))
                        continue;
                if (value)
                        *value++ = '\0';
                r = value || streq(*p, "ro") || streq(*p, "readonly")
                            ? mount_assign(&m, *p, strempty(value), ret_error)
                            : add_option(&m, *p, ret_error);
                if (r < 0)
                        return r;
        }
        if (!m.destination)
                return fail(ret_error, "destination= is missing");
        if (m.kind != kind || (kind == MOUNT_BIND && !m.source) || (kind == MOUNT_TMPFS && m.source))
                return fail(ret_error,
                            "source= does not fit type=: bind takes a path, volume a name, tmpfs none");

        *ret = TAKE(m, (MountItem){});
        return 0;
}

void device_item_done(DeviceItem *d)
{
        free(d->source);
        free(d->destination);
        *d = (DeviceItem){};
}

static bool access_is_valid(const char *s)
{
        return *s && strlen(s) <= 3 && strspn(s, "rwm") == strlen(s);
}

int device_item_parse(const char *s, DeviceItem *ret, bool *ret_optional, const char **ret_error)
{
        static const char usage[] = "a device is /dev/NAME[:/dev/NAME][:rwm]";
        _cleanup_(device_item_done) DeviceItem d = {.access = "rwm"};
        _cleanup_strv_ char **parts = NULL;
        bool optional = *s == '-';
        size_t n;
        int r;

        r = strv_split(s + optional, ":", &parts);
        if (r < 0)
                return r;
        n = strv_length(parts);
        if (n > 1 && access_is_valid(parts[n - 1])) {
                n--;
                memcpy(d.access, parts[n], strlen(parts[n]) + 1);
        }
        if (n < 1 || n > 2)
                return fail(ret_error, usage);
        r = path_normalize(parts[0], &d.source);
        if (r >= 0)
                r = path_normalize(parts[n - 1], &d.destination);
        if (r == -EINVAL ||
            (r >= 0 && (!startswith(d.source, "/dev/") || !startswith(d.destination, "/dev/"))))
                return fail(ret_error, usage);
        if (r < 0)
                return r;

        *ret = TAKE(d, (DeviceItem){});
        *ret_optional = optional;
        return 0;
}

int device_rate_parse(const char *s, bool bytes, char **ret_path, uint64_t *ret_rate, const char **ret_error)
{
        const char *colon = strrchr(s, ':');
        _cleanup_free_ char *text = colon ? strndup(s, colon - s) : NULL, *path = NULL;
        uint64_t rate;
        int r;

        if (colon && !text)
                return -ENOMEM;
        r = text ? path_normalize(text, &path) : -EINVAL;
        if (r == -EINVAL || (r >= 0 && !startswith(path, "/dev/")))
                return fail(ret_error, bytes ? "DEVICE:BYTES is wanted, as /dev/sda:1m"
                                             : "DEVICE:NUMBER is wanted, as /dev/sda:100");
        if (r < 0)
                return r;
        r = bytes ? parse_size(colon + 1, &rate) : parse_u64(colon + 1, 1, INT64_MAX, &rate);
        if (r < 0 || rate == 0)
                return fail(ret_error, bytes ? "a number of bytes is wanted behind the device, as 1m"
                                             : "a number is wanted behind the device");
        *ret_path = TAKE_PTR(path);
        *ret_rate = rate;
        return 0;
}

static const struct {
        const char *word;
        int resource;
        const char *name;
} ulimits[] = {
        {"as", RLIMIT_AS, "RLIMIT_AS"},
        {"core", RLIMIT_CORE, "RLIMIT_CORE"},
        {"cpu", RLIMIT_CPU, "RLIMIT_CPU"},
        {"data", RLIMIT_DATA, "RLIMIT_DATA"},
        {"fsize", RLIMIT_FSIZE, "RLIMIT_FSIZE"},
        {"locks", RLIMIT_LOCKS, "RLIMIT_LOCKS"},
        {"memlock", RLIMIT_MEMLOCK, "RLIMIT_MEMLOCK"},
        {"msgqueue", RLIMIT_MSGQUEUE, "RLIMIT_MSGQUEUE"},
        {"nice", RLIMIT_NICE, "RLIMIT_NICE"},
        {"nofile", RLIMIT_NOFILE, "RLIMIT_NOFILE"},
        {"nproc", RLIMIT_NPROC, "RLIMIT_NPROC"},
        {"rss", RLIMIT_RSS, "RLIMIT_RSS"},
        {"rtprio", RLIMIT_RTPRIO, "RLIMIT_RTPRIO"},
        {"rttime", RLIMIT_RTTIME, "RLIMIT_RTTIME"},
        {"sigpending", RLIMIT_SIGPENDING, "RLIMIT_SIGPENDING"},
        {"stack", RLIMIT_STACK, "RLIMIT_STACK"},
};

static int limit_parse(const char *s, rlim_t *ret)
{
        uint64_t v;

        if (streq(s, "unlimited") || streq(s, "-1")) {
                *ret = RLIM_INFINITY;
                return 0;
        }
        if (parse_u64(s, 0, UINT64_MAX - 1, &v) < 0)
                return -EINVAL;
        *ret = v;
        return 0;
}

int ulimit_item_parse(const char *s, UlimitItem *ret, const char **ret_error)
{
        static const char usage[] = "a limit is NAME=SOFT[:HARD], as nofile=1024:2048";
        _cleanup_strv_ char **values = NULL;
        const char *equals = strchr(s, '=');
        UlimitItem u;
        size_t n;
        int r;

        if (!equals)
                return fail(ret_error, usage);
        r = strv_split(equals + 1, ":", &values);
        if (r < 0)
                return r;
        n = strv_length(values);
        if (n < 1 || n > 2 || limit_parse(values[0], &u.soft) < 0 || limit_parse(values[n - 1], &u.hard) < 0)
                return fail(ret_error, usage);
        if (u.soft > u.hard)
                return fail(ret_error, "the soft limit is above the hard one");

        FOREACH_ELEMENT(row, ulimits)
                if (strlen(row->word) == (size_t) (equals - s) && strncmp(row->word, s, equals - s) == 0) {
                        u.resource = row->resource;
                        u.name = row->name;
                        *ret = u;
                        return 0;
                }
        return fail(ret_error, "no such limit: see getrlimit(2), names as nofile, nproc, core");
}

static const char *const capabilities[] = {
        [CAP_CHOWN] = "CAP_CHOWN",
        [CAP_DAC_OVERRIDE] = "CAP_DAC_OVERRIDE",
        [CAP_DAC_READ_SEARCH] = "CAP_DAC_READ_SEARCH",
        [CAP_FOWNER] = "CAP_FOWNER",
        [CAP_FSETID] = "CAP_FSETID",
        [CAP_KILL] = "CAP_KILL",
        [CAP_SETGID] = "CAP_SETGID",
        [CAP_SETUID] = "CAP_SETUID",
        [CAP_SETPCAP] = "CAP_SETPCAP",
        [CAP_LINUX_IMMUTABLE] = "CAP_LINUX_IMMUTABLE",
        [CAP_NET_BIND_SERVICE] = "CAP_NET_BIND_SERVICE",
        [CAP_NET_BROADCAST] = "CAP_NET_BROADCAST",
        [CAP_NET_ADMIN] = "CAP_NET_ADMIN",
        [CAP_NET_RAW] = "CAP_NET_RAW",
        [CAP_IPC_LOCK] = "CAP_IPC_LOCK",
        [CAP_IPC_OWNER] = "CAP_IPC_OWNER",
        [CAP_SYS_MODULE] = "CAP_SYS_MODULE",
        [CAP_SYS_RAWIO] = "CAP_SYS_RAWIO",
        [CAP_SYS_CHROOT] = "CAP_SYS_CHROOT",
        [CAP_SYS_PTRACE] = "CAP_SYS_PTRACE",
        [CAP_SYS_PACCT] = "CAP_SYS_PACCT",
        [CAP_SYS_ADMIN] = "CAP_SYS_ADMIN",
        [CAP_SYS_BOOT] = "CAP_SYS_BOOT",
        [CAP_SYS_NICE] = "CAP_SYS_NICE",
        [CAP_SYS_RESOURCE] = "CAP_SYS_RESOURCE",
        [CAP_SYS_TIME] = "CAP_SYS_TIME",
        [CAP_SYS_TTY_CONFIG] = "CAP_SYS_TTY_CONFIG",
        [CAP_MKNOD] = "CAP_MKNOD",
        [CAP_LEASE] = "CAP_LEASE",
        [CAP_AUDIT_WRITE] = "CAP_AUDIT_WRITE",
        [CAP_AUDIT_CONTROL] = "CAP_AUDIT_CONTROL",
        [CAP_SETFCAP] = "CAP_SETFCAP",
        [CAP_MAC_OVERRIDE] = "CAP_MAC_OVERRIDE",
        [CAP_MAC_ADMIN] = "CAP_MAC_ADMIN",
        [CAP_SYSLOG] = "CAP_SYSLOG",
        [CAP_WAKE_ALARM] = "CAP_WAKE_ALARM",
        [CAP_BLOCK_SUSPEND] = "CAP_BLOCK_SUSPEND",
        [CAP_AUDIT_READ] = "CAP_AUDIT_READ",
        [CAP_PERFMON] = "CAP_PERFMON",
        [CAP_BPF] = "CAP_BPF",
        [CAP_CHECKPOINT_RESTORE] = "CAP_CHECKPOINT_RESTORE",
};

const char *capability_parse(const char *s, int *ret_number)
{
        if (strcasecmp(s, "all") == 0) {
                *ret_number = -1;
                return "ALL";
        }
        for (size_t i = 0; i < ELEMENTSOF(capabilities); i++)
                if (strcasecmp(capabilities[i], s) == 0 ||
                    strcasecmp(capabilities[i] + strlen("CAP_"), s) == 0) {
                        *ret_number = (int) i;
                        return capabilities[i];
                }
        return NULL;
}

const char *capability_name(unsigned number)
{
        return number < ELEMENTSOF(capabilities) ? capabilities[number] : NULL;
}

uint64_t capability_default_mask(void)
{
        static const unsigned defaults[] = {
                CAP_CHOWN,   CAP_DAC_OVERRIDE, CAP_FOWNER,  CAP_FSETID, CAP_KILL,       CAP_NET_BIND_SERVICE,
                CAP_SETFCAP, CAP_SETGID,       CAP_SETPCAP, CAP_SETUID, CAP_SYS_CHROOT,
        };
        uint64_t mask = 0;

        FOREACH_ELEMENT(c, defaults)
                mask |= UINT64_C(1) << *c;
        return mask;
}

uint64_t capability_all_mask(void)
{
        return (UINT64_C(1) << ELEMENTSOF(capabilities)) - 1;
}
