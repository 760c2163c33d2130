/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Names as sysctl(8) reads them: "net.ipv4.ip_forward", or with slashes, where a dot is a dot. */

#include "base/fs.h"
#include "base/str.h"
#include "exec/namespace.h"
#include "exec/sysctl.h"

#define DOMAINNAME "sys/kernel/domainname"

static const struct {
        const char *prefix;
        LaunchNamespace namespace;
} owners[] = {
        {"sys/net/", LAUNCH_NS_NETWORK},   {"sys/fs/mqueue/", LAUNCH_NS_IPC},
        {"sys/kernel/msg", LAUNCH_NS_IPC}, {"sys/kernel/sem", LAUNCH_NS_IPC},
        {"sys/kernel/shm", LAUNCH_NS_IPC}, {DOMAINNAME, LAUNCH_NS_UTS},
};

static char *path_of(const char *name)
{
        bool dots = name[strcspn(name, "./")] == '.';
        char *path = str_printf("sys/%s", name);

        for (char *p = path ? path + strlen("sys/") : NULL; dots && p && *p; p++)
                *p = *p == '.' ? '/' : *p == '/' ? '.' : *p;
        return path;
}

int sysctl_check(const Launch *l, Error *error)
{
        MAP_FOREACH(e, l->sysctl) {
                _cleanup_free_ char *path = path_of(map_key(e));
                bool own = false;

                if (!path)
                        return error_set_errno(error, ENOMEM, "Sysctl");
                FOREACH_ELEMENT(o, owners)
                        own = own || (startswith(path, o->prefix) && namespace_is_own(l, o->namespace));
                if (!own || strstr(path, ".."))
                        return error_set(error, ERROR_INVALID_ARGUMENT,
                                         "Sysctl %s is not in a namespace of the container's own",
                                         map_key(e));
                if (l->domainname && streq(path, DOMAINNAME) && !streq(l->domainname, map_value(e)))
                        return error_set(error, ERROR_INVALID_ARGUMENT,
                                         "domainname and the sysctl %s say different things", map_key(e));
        }
        return 0;
}

int sysctl_write(int proc, const Map *sysctl, Error *error)
{
        int r;

        MAP_FOREACH(e, sysctl) {
                _cleanup_free_ char *path = path_of(map_key(e));
                _cleanup_close_ int fd = path ? fs_open_beneath(proc, path, O_WRONLY, 0) : -ENOMEM;
                const char *value = map_value(e);

                r = fd < 0 ? fd : fs_write_all(fd, value, strlen(value));
                if (r < 0)
                        return error_set(error, ERROR_START_FAILED, "Cannot set the sysctl %s to \"%s\": %s",
                                         map_key(e), value, strerror(-r));
        }
        return 0;
}
