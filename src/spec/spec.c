/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Rules between settings: what no single row can know. */

#include <signal.h>

#include "base/str.h"
#include "spec/id-map.h"
#include "spec/item.h"
#include "spec/setting.h"

/* systemd's "power off", systemd(1). */
#define SYSTEMD_STOP_SIGNAL (SIGRTMIN + 3)

int spec_stop_signal(const Spec *s)
{
        return s->systemd == SYSTEMD_ALWAYS && !spec_has(s, SETTING_STOP_SIGNAL) ? SYSTEMD_STOP_SIGNAL
                                                                                 : s->stop_signal;
}

static int invalid(Error *error, const char *text)
{
        return error_set(error, ERROR_INVALID_ARGUMENT, "%s", text);
}

static int verify_restart(const Spec *s, Error *error)
{
        if (s->auto_remove && s->restart_policy != RESTART_NO)
                return invalid(error,
                               "AutoRemove and RestartPolicy exclude each other: a container that is removed "
                               "when it ends cannot start again");
        if (spec_has(s, SETTING_RESTART_RETRIES) && s->restart_policy != RESTART_ON_FAILURE)
                return invalid(error, "RestartRetries needs RestartPolicy=on-failure");
        return 0;
}

static int verify_network(const Spec *s, Error *error)
{
        if (strv_length(s->network) > 1)
                return invalid(error, "Network: host and none stand alone");
        if (strv_contains(s->network, "host") && map_size(s->sysctl) > 0)
                MAP_FOREACH(e, s->sysctl)
                        if (startswith(map_key(e), "net."))
                                return invalid(error, "Sysctl: net.* belongs to the host with Network=host");
        return 0;
}

static int verify_memory(const Spec *s, Error *error)
{
        if (!spec_has(s, SETTING_MEMORY_SWAP))
                return 0;
        if (!spec_has(s, SETTING_MEMORY))
                return invalid(error, "MemorySwap needs Memory: it counts memory and swap together");
        if (s->memory_swap < s->memory)
                return invalid(error, "MemorySwap is less than Memory: it counts memory and swap together");
        return 0;
}

static int verify_cpu(const Spec *s, Error *error)
{
        bool own = spec_has(s, SETTING_CPU_TIME) || spec_has(s, SETTING_CPU_PERIOD);

        return own && spec_has(s, SETTING_CPU_QUOTA)
                       ? invalid(error,
                                 "Cpus stands without CpuQuota and CpuPeriod: it is both in one number")
                       : 0;
}

static int add_destination(Map *seen, const char *text,
                           int (*parse)(const char *, MountItem *, const char **), Error *error)
{
        _cleanup_mount_item_ MountItem m = {};
        const char *reason = NULL;
        int r;

        r = parse(text, &m, &reason);
        if (r == -EINVAL)
                return error_set(error, ERROR_INVALID_ARGUMENT, "\"%s\": %s", text, strempty(reason));
        if (r < 0)
                return r;
        if (m.kind == MOUNT_VOLUME)
                return error_set(
                        error, ERROR_NOT_SUPPORTED,
                        "\"%s\": named and anonymous volumes are not available yet: give a host directory",
                        text);
        r = map_add(seen, m.destination, (void *) "");
        if (r == -EEXIST)
                return error_set(error, ERROR_INVALID_ARGUMENT, "%s is the destination of two mounts",
                                 m.destination);
        return r;
}

static int verify_mounts(const Spec *s, Error *error)
{
        const struct {
                char **list;
                int (*parse)(const char *, MountItem *, const char **);
        } kinds[] = {
                {s->volumes, mount_item_from_volume},
                {s->mounts, mount_item_from_mount},
                {s->tmpfs, mount_item_from_tmpfs},
        };
        _cleanup_(map_freep) Map *seen = map_new(NULL);
        int r;

        if (!seen)
                return -ENOMEM;
        FOREACH_ELEMENT(k, kinds)
                STRV_FOREACH(i, k->list) {
                        r = add_destination(seen, *i, k->parse, error);
                        if (r < 0)
                                return r;
                }
        return 0;
}

static int verify_group(const Spec *s, Error *error)
{
        if (s->group && s->user && strchr(s->user, ':'))
                return invalid(error, "User names a group already: drop Group or the part behind \":\"");
        if (s->group && !s->user)
                return invalid(error, "Group needs User");
        return 0;
}

static int verify_init(const Spec *s, Error *error)
{
        if (s->init && s->systemd == SYSTEMD_ALWAYS)
                return invalid(error,
                               "RunInit and Systemd=always exclude each other: there is one first process");
        return 0;
}

static int verify_ids(const Spec *s, Error *error)
{
        bool names = s->sub_uid_map || s->sub_gid_map, lists = s->uid_map || s->gid_map;
        LaunchIdMap *maps = NULL;
        const char *reason = NULL;
        size_t n;
        int r = 0;

        if (s->userns && (names || lists))
                return invalid(error, "UserNS stands alone: without UIDMap, GIDMap, SubUIDMap, SubGIDMap");
        if (names && lists)
                return invalid(error, "UIDMap and GIDMap stand without SubUIDMap and SubGIDMap");
        for (size_t i = 0; r >= 0 && i < 2; i++) {
                r = id_map_list_parse(i == 0 ? s->uid_map : s->gid_map, &maps, &n, &reason);
                free(TAKE_PTR(maps));
        }
        return r == -EINVAL ? error_set(error, ERROR_INVALID_ARGUMENT, "UIDMap, GIDMap: %s", strempty(reason))
                            : r;
}

int spec_verify(const Spec *s, Error *error)
{
        static int (*const rules[])(const Spec *, Error *) = {
                verify_restart, verify_network, verify_memory, verify_cpu,
                verify_mounts,  verify_group,   verify_ids,    verify_init,
        };
        int r;

        if (s->kind == SPEC_EXEC)
                return s->command ? 0 : invalid(error, "Command is missing");
        if (isempty(s->image))
                return invalid(error, "Image is missing");
        FOREACH_ELEMENT(rule, rules) {
                r = (*rule)(s, error);
                if (r < 0)
                        return r;
        }
        return 0;
}
