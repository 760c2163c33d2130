/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* First a list, then one loop of writes. A file that is not there means that the host's kernel or the groups
 * above do not hand the controller down: that is an error, as somebody asked for the limit. */

#include <math.h>

#include "base/array.h"
#include "base/str.h"
#include "exec/cgroup-resource.h"
#include "exec/cgroup.h"

#define SHARES_MIN 2U
#define SHARES_MAX 262144U
#define WEIGHT_MAX 10000U
#define BLKIO_WEIGHT_MIN 10U
#define BLKIO_WEIGHT_MAX 1000U
#define PERIOD_DEFAULT 100000U
#define UNIFIED_NAME_MAX 255U

static const char *const throttle_names[_LAUNCH_THROTTLE_MAX] = {
        [LAUNCH_THROTTLE_READ_BPS] = "rbps",
        [LAUNCH_THROTTLE_WRITE_BPS] = "wbps",
        [LAUNCH_THROTTLE_READ_IOPS] = "riops",
        [LAUNCH_THROTTLE_WRITE_IOPS] = "wiops",
};

void cgroup_settings_done(CgroupSettings *s)
{
        for (size_t i = 0; i < s->n; i++) {
                free(s->settings[i].file);
                free(s->settings[i].value);
        }
        free(s->settings);
        *s = (CgroupSettings){};
}

/* Takes value. */
static int add(CgroupSettings *s, const char *what, const char *file, char *value)
{
        _cleanup_free_ char *owned = value, *name = strdup(file);

        if (!owned || !name || !GROW(s->settings, s->n))
                return -ENOMEM;
        s->settings[s->n++] = (CgroupSetting){.file = TAKE_PTR(name), .value = TAKE_PTR(owned), .what = what};
        return 0;
}

static char *number_or_max(int64_t n)
{
        return n < 0 ? strdup("max") : str_printf("%jd", (intmax_t) n);
}

/* The kernel's scales meet at their least, their default (1024 is 100) and their greatest value; between them
 * the curve is the one that runc and crun have agreed on. */
uint64_t cgroup_cpu_weight(uint64_t shares)
{
        double l, exponent;

        if (shares == 0)
                return 0;
        if (shares <= SHARES_MIN)
                return 1;
        if (shares >= SHARES_MAX)
                return WEIGHT_MAX;
        l = log2((double) shares);
        exponent = (l * l + 125.0 * l) / 612.0 - 7.0 / 34.0;
        return (uint64_t) ceil(pow(10, exponent));
}

uint64_t cgroup_io_weight(uint64_t weight)
{
        uint64_t w = MIN(MAX(weight, (uint64_t) BLKIO_WEIGHT_MIN), (uint64_t) BLKIO_WEIGHT_MAX);

        return 1 + (w - BLKIO_WEIGHT_MIN) * (WEIGHT_MAX - 1) / (BLKIO_WEIGHT_MAX - BLKIO_WEIGHT_MIN);
}

static int unsupported(Error *error, const char *what)
{
        return error_set(error, ERROR_NOT_SUPPORTED, "linux.resources.%s: cgroup v2 has no such limit", what);
}

static int build_swap(const LaunchResources *r, CgroupSettings *s, Error *error)
{
        int64_t limit = r->memory.limit.set ? r->memory.limit.value : 0, swap = r->memory.swap.value;

        if (!r->memory.swap.set || swap == 0)
                return 0;
        if (swap > 0 && limit <= 0)
                return error_set(error, ERROR_INVALID_ARGUMENT,
                                 "linux.resources.memory.swap needs a limit of memory");
        if (swap > 0 && swap < limit)
                return error_set(
                        error, ERROR_INVALID_ARGUMENT,
                        "linux.resources.memory.swap is less than the limit of memory, which it includes");
        return add(s, "memory.swap", "memory.swap.max", number_or_max(swap < 0 ? swap : swap - limit));
}

static int build_memory(const LaunchResources *r, CgroupSettings *s, Error *error)
{
        int n = 0;

        if (r->memory.disable_oom_killer)
                return unsupported(error, "memory.disableOOMKiller");
        /* 0 is how engines say that nothing is said. */
        if (r->memory.limit.value != 0)
                n = add(s, "memory.limit", "memory.max", number_or_max(r->memory.limit.value));
        if (n >= 0 && r->memory.reservation.value != 0)
                n = add(s, "memory.reservation", "memory.low", number_or_max(r->memory.reservation.value));
        return n < 0 ? n : build_swap(r, s, error);
}

static int build_cpu(const LaunchResources *r, CgroupSettings *s, Error *error)
{
        uint64_t period = r->cpu.period.set && r->cpu.period.value > 0 ? r->cpu.period.value : PERIOD_DEFAULT;
        bool quota = r->cpu.quota.set && r->cpu.quota.value != 0;
        int n = 0;

        if (r->cpu.realtime_period.value != 0 || r->cpu.realtime_runtime.value != 0)
                return unsupported(error, "cpu.realtimePeriod and realtimeRuntime");
        if (r->cpu.idle.set)
                n = add(s, "cpu.idle", "cpu.idle", str_printf("%jd", (intmax_t) r->cpu.idle.value));
        if (n >= 0 && r->cpu.shares.set && r->cpu.shares.value != 0)
                n = add(s, "cpu.shares", "cpu.weight",
                        str_printf("%ju", (uintmax_t) cgroup_cpu_weight(r->cpu.shares.value)));
        if (n >= 0 && (quota || (r->cpu.period.set && r->cpu.period.value > 0)))
                n = add(s, "cpu.quota", "cpu.max",
                        quota && r->cpu.quota.value > 0
                                ? str_printf("%jd %ju", (intmax_t) r->cpu.quota.value, (uintmax_t) period)
                                : str_printf("max %ju", (uintmax_t) period));
        if (n >= 0 && r->cpu.burst.set)
                n = add(s, "cpu.burst", "cpu.max.burst", str_printf("%ju", (uintmax_t) r->cpu.burst.value));
        if (n >= 0 && !isempty(r->cpu.cpus))
                n = add(s, "cpu.cpus", "cpuset.cpus", strdup(r->cpu.cpus));
        if (n >= 0 && !isempty(r->cpu.mems))
                n = add(s, "cpu.mems", "cpuset.mems", strdup(r->cpu.mems));
        return n;
}

static int build_block_weights(const LaunchResources *r, CgroupSettings *s)
{
        int n = 0;

        if (r->block.weight.set && r->block.weight.value != 0)
                n = add(s, "blockIO.weight", "io.weight",
                        str_printf("default %ju", (uintmax_t) cgroup_io_weight(r->block.weight.value)));
        for (size_t i = 0; n >= 0 && i < r->block.n_devices; i++) {
                const LaunchBlockWeight *d = &r->block.devices[i];

                if (d->weight.set && d->weight.value != 0)
                        n = add(s, "blockIO.weightDevice", "io.weight",
                                str_printf("%jd:%jd %ju", (intmax_t) d->major, (intmax_t) d->minor,
                                           (uintmax_t) cgroup_io_weight(d->weight.value)));
        }
        return n;
}

static int build_block(const LaunchResources *r, CgroupSettings *s, Error *error)
{
        int n;

        if (r->block.leaf_weight.value != 0)
                return unsupported(error, "blockIO.leafWeight");
        n = build_block_weights(r, s);
        for (int t = 0; t < _LAUNCH_THROTTLE_MAX; t++)
                for (size_t i = 0; n >= 0 && i < r->block.throttle[t].n; i++) {
                        const LaunchBlockRate *rate = &r->block.throttle[t].rates[i];

                        n = add(s, "blockIO.throttle", "io.max",
                                str_printf("%jd:%jd %s=%ju", (intmax_t) rate->major, (intmax_t) rate->minor,
                                           throttle_names[t], (uintmax_t) rate->rate));
                }
        return n;
}

static bool is_word(const char *s)
{
        return !isempty(s) &&
               s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")] == '\0';
}

static int build_hugepages(const LaunchResources *r, CgroupSettings *s, Error *error)
{
        int n = 0;

        for (size_t i = 0; n >= 0 && i < r->n_hugepages; i++) {
                const LaunchHugepageLimit *h = &r->hugepages[i];
                _cleanup_free_ char *file = NULL;

                if (!is_word(h->page_size))
                        return error_set(error, ERROR_INVALID_ARGUMENT,
                                         "linux.resources.hugepageLimits: \"%s\" is no page size",
                                         strempty(h->page_size));
                file = str_printf("hugetlb.%s.max", h->page_size);
                n = file ? add(s, "hugepageLimits", file, str_printf("%ju", (uintmax_t) h->limit)) : -ENOMEM;
        }
        return n;
}

static int build_rdma(const LaunchResources *r, CgroupSettings *s, Error *error)
{
        int n = 0;

        for (size_t i = 0; n >= 0 && i < r->n_rdma; i++) {
                const LaunchRdma *d = &r->rdma[i];
                _cleanup_free_ char *handles = NULL, *objects = NULL;

                if (!is_word(d->device))
                        return error_set(error, ERROR_INVALID_ARGUMENT,
                                         "linux.resources.rdma: \"%s\" is no device", strempty(d->device));
                handles = d->handles.set ? str_printf(" hca_handle=%ju", (uintmax_t) d->handles.value)
                                         : strdup("");
                objects = d->objects.set ? str_printf(" hca_object=%ju", (uintmax_t) d->objects.value)
                                         : strdup("");
                n = handles && objects
                            ? add(s, "rdma", "rdma.max", str_printf("%s%s%s", d->device, handles, objects))
                            : -ENOMEM;
        }
        return n;
}

/* Files of controllers, not the group's own: those move processes. */
static int check_unified(const char *name, const char *value, Error *error)
{
        const char *dot = strchr(name, '.');

        if (!dot || dot == name)
                return error_set(
                        error, ERROR_INVALID_ARGUMENT,
                        "linux.resources.unified: the specified key has not the form CONTROLLER.VALUE `%s`",
                        name);
        if (strchr(name, '/') || strlen(name) > UNIFIED_NAME_MAX || startswith(name, "cgroup."))
                return error_set(error, ERROR_INVALID_ARGUMENT,
                                 "linux.resources.unified: \"%s\" is not the file of a controller", name);
        return 0;
}

static int build_unified(const LaunchResources *r, CgroupSettings *s, Error *error)
{
        int n = 0;

        MAP_FOREACH(e, r->unified) {
                _cleanup_strv_ char **lines = NULL;

                n = check_unified(map_key(e), map_value(e), error);
                if (n >= 0)
                        n = strv_split(map_value(e), "\n", &lines);
                STRV_FOREACH(line, lines)
                        if (n >= 0)
                                n = add(s, "unified", map_key(e), strdup(*line));
                if (n < 0)
                        return n;
        }
        return 0;
}

int cgroup_settings_build(const LaunchResources *r, CgroupSettings *ret, Error *error)
{
        _cleanup_cgroup_settings_ CgroupSettings s = {};
        int n;

        if (r->network.class_id.value != 0 || r->network.n_priorities > 0)
                return unsupported(error, "network");
        n = build_memory(r, &s, error);
        if (n >= 0)
                n = build_cpu(r, &s, error);
        if (n >= 0 && r->pids_limit.set && r->pids_limit.value != 0)
                n = add(&s, "pids.limit", "pids.max", number_or_max(r->pids_limit.value));
        if (n >= 0)
                n = build_block(r, &s, error);
        if (n >= 0)
                n = build_hugepages(r, &s, error);
        if (n >= 0)
                n = build_rdma(r, &s, error);
        if (n >= 0)
                n = build_unified(r, &s, error);
        if (n < 0)
                return error_set_errno(error, n, "Cannot make the limits");
        *ret = TAKE(s, (CgroupSettings){});
        return 0;
}

/* The kernel's weight may be another scheduler's. */
static int write_one(const char *path, const CgroupSetting *s)
{
        int r = cgroup_write(path, s->file, s->value);

        if (r == -ENOENT && streq(s->file, "io.weight"))
                r = cgroup_write(path, "io.bfq.weight", s->value);
        return r;
}

static int not_available(const CgroupSetting *s, const char *path, int r, Error *error)
{
        int n = (int) strcspn(s->file, ".");

        if (!cgroup_has_controller(path, s->file, (size_t) n))
                return error_set(error, ERROR_NOT_SUPPORTED,
                                 "Cannot set linux.resources.%s: the requested cgroup controller `%.*s` is "
                                 "not available",
                                 s->what, n, s->file);
        return error_set(error, ERROR_NOT_SUPPORTED,
                         "Cannot set linux.resources.%s: the control group %s has no %s on this host: %s",
                         s->what, path, s->file, strerror(-r));
}

int cgroup_settings_apply(const CgroupSettings *s, const char *path, Error *error)
{
        for (size_t i = 0; i < s->n; i++) {
                const CgroupSetting *one = &s->settings[i];
                int r = write_one(path, one);

                /* Where nobody can limit, nothing is limited. */
                if (r == -ENOENT && startswith(one->value, "max"))
                        continue;
                if (r == -ENOENT || r == -EACCES)
                        return not_available(one, path, r, error);
                if (r < 0)
                        return error_set_errno(error, r, "Cannot set linux.resources.%s: writing %s to %s",
                                               one->what, one->value, one->file);
        }
        return 0;
}
