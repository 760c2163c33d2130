/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A container as podman's inspect describes it, so that what people have written for that reads ours too. */

#include <inttypes.h>

#include "base/parse.h"
#include "base/str.h"
#include "object/container.h"
#include "object/image.h"
#include "spec/id-map.h"
#include "spec/item.h"
#include "spec/name.h"
#include "spec/setting.h"

#define TIME_NEVER "0001-01-01T00:00:00Z"

static json_t *time_json(uint64_t usec)
{
        char buf[FORMAT_TIME_MAX];

        return json_string(usec == 0 ? TIME_NEVER : format_time(usec, buf));
}

static json_t *strings(char *const *l)
{
        return json_from_strv(l);
}

static json_t *map_json(const Map *m)
{
        json_t *o = json_object();

        MAP_FOREACH(e, m)
                (void) json_object_set_new(o, map_key(e), json_string(map_value(e)));
        return o;
}

static json_t *size_json(uint64_t size)
{
        return json_integer(size == SIZE_INFINITY ? 0 : (json_int_t) size);
}

static json_t *capabilities_json(uint64_t mask)
{
        json_t *a = json_array();

        for (unsigned i = 0; i < 64; i++)
                if ((mask >> i & 1) && capability_name(i))
                        (void) json_array_append_new(a, json_string(capability_name(i)));
        return a;
}

static json_t *state_json(const Container *c)
{
        _cleanup_free_ char *cgroup = container_cgroup(c);
        bool running = container_is_running(c), ended = container_has_ended(c);

        return json_pack("{s:s, s:s, s:b, s:b, s:b, s:b, s:b, s:I, s:i, s:s, s:o, s:o, s:s, s:s}",
                         "OciVersion", "1.0.2", "Status", container_state_word(c->state), "Running",
                         (int) running, "Paused", 0, "Restarting", (int) (c->state == CONTAINER_WAITING),
                         "OOMKilled", (int) c->exit.oom_killed, "Dead", 0, "Pid",
                         (json_int_t) container_pid(c), "ExitCode", ended ? container_exit_code(c) : 0,
                         "Error", container_error(c), "StartedAt",
                         time_json(c->start.started_usec ?: c->exit.started_usec), "FinishedAt",
                         time_json(running ? 0 : c->exit.finished_usec), "CgroupPath", strempty(cgroup),
                         "Unit", c->file.unit);
}

static json_t *mounts_json(const Launch *l)
{
        json_t *a = json_array();

        for (size_t i = 0; i < l->n_mounts; i++) {
                const LaunchMount *m = &l->mounts[i];
                bool bind = streq_ptr(m->type, "bind");
                bool ro = strv_contains(m->options, "ro") || strv_contains(m->options, "rro");

                /* Those that every container has are no news. */
                if (startswith(strempty(m->source), CONTAINERS_DIR) ||
                    (!bind && !streq_ptr(m->type, "tmpfs")) || startswith(m->destination, "/dev"))
                        continue;
                (void) json_array_append_new(a, json_pack("{s:s, s:s, s:s, s:s, s:o, s:b, s:s}", "Type",
                                                          m->type, "Source", bind ? m->source : "",
                                                          "Destination", m->destination, "Driver", "",
                                                          "Options", strings(m->options), "RW", (int) !ro,
                                                          "Propagation", bind ? "rprivate" : ""));
        }
        return a;
}

static json_t *config_json(const Container *c, const Launch *l)
{
        const Spec *s = c->file.spec;
        char signal[FORMAT_SIGNAL_MAX];

        return json_pack(
                "{s:s, s:s, s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:s, s:I, s:b, s:b, s:b, s:s, s:s, s:b}",
                "Hostname", strempty(l->hostname), "User", strempty(l->process.user), "Env",
                strings(l->process.env), "Cmd", strings(s->command ?: l->process.args), "Image",
                strempty(c->file.image_name), "WorkingDir", strempty(l->process.cwd), "Entrypoint",
                strings(s->entrypoint), "Labels", map_json(s->labels), "Annotations",
                map_json(s->annotations), "StopSignal", strempty(format_signal(s->stop_signal, signal)),
                "StopTimeout", (json_int_t) (s->stop_timeout / USEC_PER_SEC), "Tty", 0, "OpenStdin",
                (int) s->stdin_open, "StdinOnce", 0, "Timezone", strempty(s->timezone), "SdNotifyMode",
                strempty(l->sdnotify), "SystemdMode", (int) (s->systemd == SYSTEMD_ALWAYS));
}

static json_t *enum_json(const Spec *s, SettingId id)
{
        return setting_json(s, setting_get(id));
}

static json_t *id_maps_json(const LaunchIdMaps *m)
{
        _cleanup_strv_ char **uids = NULL, **gids = NULL;

        if (id_map_list_text(m->uids, m->n_uids, &uids) < 0 ||
            id_map_list_text(m->gids, m->n_gids, &gids) < 0)
                return NULL;
        return json_pack("{s:o, s:o}", "UidMap", strings(uids), "GidMap", strings(gids));
}

static json_t *rates_json(char *const *texts, bool bytes, const char *word)
{
        json_t *a = json_array();

        STRV_FOREACH(i, (char **) texts) {
                _cleanup_free_ char *path = NULL;
                uint64_t rate;

                if (device_rate_parse(*i, bytes, &path, &rate, NULL) >= 0)
                        (void) json_array_append_new(
                                a, json_pack("{s:s, s:I}", "Path", path, word, (json_int_t) rate));
        }
        return a;
}

/* With the limits that hold now. */
static json_t *host_config_json(const Container *c, const Spec *s)
{
        json_t *o = json_pack("{s:o, s:s, s:b, s:o, s:o, s:b, s:b, s:i}", "Binds", strings(s->volumes),
                              "NetworkMode", s->network ? s->network[0] : "none", "AutoRemove",
                              (int) s->auto_remove, "CapAdd", strings(s->cap_add), "CapDrop",
                              strings(s->cap_drop), "ReadonlyRootfs", (int) s->read_only, "Privileged", 0,
                              "OomScoreAdj", (int) s->oom_score_adj);
        const struct {
                const char *name;
                json_t *value;
        } members[] = {
                {"RestartPolicy", json_pack("{s:o, s:I}", "Name", enum_json(s, SETTING_RESTART_POLICY),
                                            "MaximumRetryCount", (json_int_t) s->restart_retries)},
                {"LogConfig", json_pack("{s:o, s:s, s:s}", "Type", enum_json(s, SETTING_LOG_DRIVER), "Tag",
                                        strempty(s->log_tag), "Path", "")},
                {"Memory", size_json(s->memory)},
                {"MemoryReservation", size_json(s->memory_reservation)},
                {"MemorySwap", size_json(s->memory_swap)},
                {"NanoCpus", json_integer((json_int_t) s->cpu_quota * 1000)},
                {"CpuShares", size_json(s->cpu_shares)},
                {"CpusetCpus", json_string(strempty(s->cpuset_cpus))},
                {"CpusetMems", json_string(strempty(s->cpuset_mems))},
                {"CpuQuota", size_json(s->cpu_time)},
                {"CpuPeriod", size_json(spec_has(s, SETTING_CPU_TIME) ? s->cpu_period : 0)},
                {"PidsLimit", size_json(s->pids_limit)},
                {"BlkioWeight", size_json(s->io_weight)},
                {"BlkioWeightDevice", rates_json(s->device_weights, false, "Weight")},
                {"BlkioDeviceReadBps", rates_json(s->device_read_bps, true, "Rate")},
                {"BlkioDeviceWriteBps", rates_json(s->device_write_bps, true, "Rate")},
                {"BlkioDeviceReadIOps", rates_json(s->device_read_iops, false, "Rate")},
                {"BlkioDeviceWriteIOps", rates_json(s->device_write_iops, false, "Rate")},
                {"ShmSize", size_json(s->shm_size)},
                {"Ulimits", strings(s->ulimits)},
                {"Devices", strings(s->devices)},
                {"GroupAdd", strings(s->groups)},
                {"Sysctls", map_json(s->sysctl)},
                {"Tmpfs", strings(s->tmpfs)},
                {"CgroupManager", json_string("systemd")},
                {"Init", json_boolean(s->init)},
                {"UsernsMode", json_string(c->file.maps.n_uids > 0 ? "private" : "")},
                {"IDMappings", id_maps_json(&c->file.maps)},
        };

        FOREACH_ELEMENT(m, members)
                if (json_object_set_new(o, m->name, m->value) < 0)
                        return json_decref(o), NULL;
        if (s->seccomp_profile || s->no_new_privileges) {
                json_t *options = json_array();

                if (s->seccomp_profile)
                        (void) json_array_append_new(options, json_sprintf("seccomp=%s", s->seccomp_profile));
                if (s->no_new_privileges)
                        (void) json_array_append_new(options, json_string("no-new-privileges"));
                (void) json_object_set_new(o, "SecurityOpt", options);
        }
        return o;
}

static json_t *path_json(const Container *c, const char *name)
{
        return json_sprintf(CONTAINERS_DIR "/%s/%s", container_id(c), name);
}

static json_t *inspect_json(const Container *c, const Launch *l, const Spec *limits)
{
        char *const *args = l->process.args;
        const Image *image = map_get(c->manager->images, c->file.image_id);
        json_t *o =
                json_pack("{s:s, s:o, s:s, s:o, s:o, s:s, s:s, s:s, s:s, s:s}", "Id", container_id(c),
                          "Created", time_json(c->file.created), "Path", args ? args[0] : "", "Args",
                          strings(args ? args + 1 : NULL), "State", state_json(c), "Image", c->file.image_id,
                          "ImageDigest", image ? strempty(image->config->digest) : "", "ImageName",
                          strempty(c->file.image_name), "Name", container_name(c), "OCIRuntime", "berth");
        const struct {
                const char *name;
                json_t *value;
        } members[] = {
                {"RestartCount", json_integer(c->restarts)},
                {"Unit", json_string(c->file.unit)},
                {"StoppedByUser", json_boolean(c->file.stopped_by_user)},
                {"StaticDir", json_sprintf(CONTAINERS_DIR "/%s", container_id(c))},
                {"OCIConfigPath", path_json(c, LAUNCH_FILE)},
                {"HostsPath", path_json(c, "hosts")},
                {"HostnamePath", path_json(c, "hostname")},
                {"ResolvConfPath", strv_contains(c->file.spec->network, "host") ? path_json(c, "resolv.conf")
                                                                                : json_string("")},
                {"Driver", json_string("overlay")},
                {"EffectiveCaps", capabilities_json(l->process.capabilities[1])},
                {"BoundingCaps", capabilities_json(l->process.capabilities[0])},
                {"Mounts", mounts_json(l)},
                {"Config", config_json(c, l)},
                {"HostConfig", host_config_json(c, limits)},
                {"NetworkSettings", json_pack("{s:s, s:{}, s:{}}", "SandboxKey", "", "Ports", "Networks")},
        };

        FOREACH_ELEMENT(m, members)
                if (json_object_set_new(o, m->name, m->value) < 0)
                        return json_decref(o), NULL;
        return o;
}

int container_inspect(Container *c, char **ret, Error *error)
{
        _cleanup_json_ json_t *v = NULL, *config = NULL;
        _cleanup_(launch_freep) Launch *launch = NULL;
        _cleanup_(spec_freep) Spec *limits = NULL;
        int r;

        r = state_load(c->manager->state, STATE_CONTAINERS, container_id(c), LAUNCH_FILE, &config, error);
        if (r >= 0)
                r = launch_from_json(config, &launch, error);
        if (r >= 0)
                r = container_limits(c, &limits);
        if (r < 0)
                return r;
        v = inspect_json(c, launch, limits);
        *ret = v ? json_text(v) : NULL;
        return *ret ? 0 : error_set_errno(error, ENOMEM, "Cannot describe container %s", container_name(c));
}
