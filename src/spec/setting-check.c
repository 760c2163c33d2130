/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The checks that the table's arg column names. */

#include <ctype.h>

#include "base/parse.h"
#include "base/str.h"
#include "spec/id-map.h"
#include "spec/image-ref.h"
#include "spec/item.h"
#include "spec/name.h"
#include "spec/platform.h"
#include "spec/setting-check.h"

static int fail(const char **ret_error, const char *reason)
{
        *ret_error = reason;
        return -EINVAL;
}

int check_name(const char *s, const char **ret_error)
{
        return name_is_valid(s) ? 0
                                : fail(ret_error, "letters, digits, \"_\", \".\" and \"-\", 128 at most, and "
                                                  "a letter or digit first");
}

int check_image(const char *s, const char **ret_error)
{
        _cleanup_image_ref_ ImageRef ref = {};

        if (id_is_valid(s) || image_ref_parse(s, &ref, ret_error) >= 0)
                return 0;
        return *ret_error ? -EINVAL : fail(ret_error, "an image name or ID is wanted");
}

int check_plain(const char *s, const char **ret_error)
{
        return str_has_control(s) ? fail(ret_error, "control characters are not allowed") : 0;
}

int check_env_name(const char *s, const char **ret_error)
{
        return isempty(s) || strchr(s, '=') || str_has_control(s)
                       ? fail(ret_error, "a variable is NAME=VALUE")
                       : 0;
}

int check_hostname(const char *s, const char **ret_error)
{
        size_t n = strlen(s);

        if (n < 1 || n > 63 || *s == '-' || *s == '.')
                return fail(ret_error, "a host name of 1 to 63 letters, digits, \"-\" and \".\" is wanted");
        for (; *s; s++)
                if (!isalnum((unsigned char) *s) && *s != '-' && *s != '.' && *s != '_')
                        return fail(ret_error,
                                    "a host name of 1 to 63 letters, digits, \"-\" and \".\" is wanted");
        return 0;
}

/* "user", "1000", "user:group"; the names are looked up in the image when the container starts. */
int check_user(const char *s, const char **ret_error)
{
        size_t colons = 0;

        for (const char *p = s; *p; p++)
                colons += *p == ':';
        if (*s == ':' || *s == '-' || *s == '+' || colons > 1 || str_has_control(s) || strchr(s, ' ') ||
            strlen(s) > 256)
                return fail(ret_error, "USER[:GROUP] is wanted, each a name or a number");
        return 0;
}

int check_group(const char *s, const char **ret_error)
{
        return strchr(s, ':') ? fail(ret_error, "a group name or number is wanted")
                              : check_user(s, ret_error);
}

int check_network(const char *s, const char **ret_error)
{
        return streq(s, "host") || streq(s, "none") ? 0 : fail(ret_error, "\"host\" or \"none\" is wanted");
}

int check_userns(const char *s, const char **ret_error)
{
        _cleanup_userns_ UserNS u = {};

        return userns_parse(s, &u, ret_error);
}

int check_id_map(const char *s, const char **ret_error)
{
        LaunchIdMap m;

        return id_map_parse(s, &m, ret_error);
}

int check_owner(const char *s, const char **ret_error)
{
        return strlen(s) > 256 || strpbrk(s, ": ") || str_has_control(s)
                       ? fail(ret_error, "a name of /etc/subuid or /etc/subgid is wanted")
                       : 0;
}

int check_volume(const char *s, const char **ret_error)
{
        _cleanup_mount_item_ MountItem m = {};

        return mount_item_from_volume(s, &m, ret_error);
}

int check_mount(const char *s, const char **ret_error)
{
        _cleanup_mount_item_ MountItem m = {};

        return mount_item_from_mount(s, &m, ret_error);
}

int check_tmpfs(const char *s, const char **ret_error)
{
        _cleanup_mount_item_ MountItem m = {};

        return mount_item_from_tmpfs(s, &m, ret_error);
}

int check_device(const char *s, const char **ret_error)
{
        _cleanup_device_item_ DeviceItem d = {};
        bool optional;

        return device_item_parse(s, &d, &optional, ret_error);
}

int check_rate(const char *s, const char **ret_error)
{
        _cleanup_free_ char *path = NULL;
        uint64_t rate;

        return device_rate_parse(s, true, &path, &rate, ret_error);
}

int check_number(const char *s, const char **ret_error)
{
        _cleanup_free_ char *path = NULL;
        uint64_t rate;

        return device_rate_parse(s, false, &path, &rate, ret_error);
}

int check_ulimit(const char *s, const char **ret_error)
{
        UlimitItem u;

        return ulimit_item_parse(s, &u, ret_error);
}

int check_capability(const char *s, const char **ret_error)
{
        int number;

        return capability_parse(s, &number)
                       ? 0
                       : fail(ret_error, "a capability is wanted, as CAP_NET_ADMIN, net_admin or ALL");
}

int check_seccomp(const char *s, const char **ret_error)
{
        if (streq(s, "unconfined") || (*s == '/' && !str_has_control(s) && !strstr(s, "..")))
                return 0;
        return fail(ret_error, "\"unconfined\" or the absolute path of a profile is wanted");
}

/* Sysctls of namespaces only: the others are the host's. */
int check_sysctl(const char *s, const char **ret_error)
{
        static const char *const namespaced[] = {"net.", "kernel.msg", "kernel.sem", "kernel.shm",
                                                 "fs.mqueue."};

        if (str_has_control(s) || strchr(s, '/') || strstr(s, ".."))
                return fail(ret_error, "a sysctl is a dotted name, as net.ipv4.ip_forward=1");
        FOREACH_ELEMENT(p, namespaced)
                if (startswith(s, *p))
                        return 0;
        return fail(ret_error, "only sysctls of a namespace can be set: net.*, kernel.msg*, kernel.sem, "
                               "kernel.shm*, fs.mqueue.*");
}

int check_timezone(const char *s, const char **ret_error)
{
        if (*s == '/' || strstr(s, "..") || str_has_control(s) || strlen(s) > 128)
                return fail(ret_error, "a time zone is wanted, as Europe/Berlin or local");
        return 0;
}

int check_cpuset(const char *s, const char **ret_error)
{
        if (!*s || strspn(s, "0123456789,-") != strlen(s))
                return fail(ret_error, "a list of CPUs is wanted, as 0-3,5");
        return 0;
}

int check_platform(const char *s, const char **ret_error)
{
        _cleanup_platform_ Platform p = {};

        if (platform_parse(s, &p) < 0)
                return fail(ret_error, "a platform is wanted, as linux/arm64/v8");
        return 0;
}
