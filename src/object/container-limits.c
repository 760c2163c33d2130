/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The limits that hold while a container runs are the kernel's, whoever set them: berthctl, systemctl, or a
 * drop-in of the unit. They are read when somebody asks; and the unit's directory of control files is
 * watched, so that who listens hears of a change. A controller that the unit does not have says nothing: then
 * the settings are all there is. */

#include <inttypes.h>
#include <sys/inotify.h>

#include "base/fs.h"
#include "base/parse.h"
#include "base/str.h"
#include "object/container.h"
#include "spec/setting.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
#define FILE_MAX 4096U
#define WEIGHT_DEFAULT 100U

static uint64_t *number_of(Spec *s, SettingId id)
{
        return (void *) ((char *) s + setting_get(id)->offset);
}

static int parse_limit(const char *text, uint64_t *ret)
{
        if (streq(text, "max")) {
                *ret = SIZE_INFINITY;
                return 0;
        }
        return parse_u64(text, 0, UINT64_MAX, ret);
}

static void set_number(Spec *s, SettingId id, uint64_t value)
{
        *number_of(s, id) = value;
        spec_mark(s, id);
}

/* What was never set and is not limited stays as it is; so does what the kernel only rounded to whole pages.
 */
static void learn_bytes(Spec *s, SettingId id, uint64_t value, uint64_t nothing)
{
        uint64_t page = (uint64_t) sysconf(_SC_PAGESIZE), known = *number_of(s, id);

        if (!spec_has(s, id) && value == nothing)
                return;
        if (!spec_has(s, id) || (known == SIZE_INFINITY ? value != known : known / page != value / page))
                set_number(s, id, value);
}

static void read_memory(Spec *s, const char *text)
{
        uint64_t value;

        if (parse_limit(text, &value) >= 0)
                learn_bytes(s, SETTING_MEMORY, value, SIZE_INFINITY);
}

static void read_reservation(Spec *s, const char *text)
{
        uint64_t value;

        if (parse_limit(text, &value) >= 0)
                learn_bytes(s, SETTING_MEMORY_RESERVATION, value, 0);
}

/* The kernel counts swap alone. */
static void read_swap(Spec *s, const char *text)
{
        uint64_t value;

        if (parse_limit(text, &value) < 0)
                return;
        if (value != SIZE_INFINITY)
                value = s->memory == SIZE_INFINITY || !spec_has(s, SETTING_MEMORY) ? SIZE_INFINITY
                                                                                   : value + s->memory;
        learn_bytes(s, SETTING_MEMORY_SWAP, value, SIZE_INFINITY);
}

static void read_pids(Spec *s, const char *text)
{
        uint64_t value;

        if (parse_limit(text, &value) >= 0 && value != s->pids_limit)
                set_number(s, SETTING_PIDS_LIMIT, value);
}

/* "50000 100000": of so many microseconds. */
static void read_cpu(Spec *s, const char *text)
{
        _cleanup_strv_ char **words = NULL;
        uint64_t quota, period, per_second;
        uint64_t known =
                spec_has(s, SETTING_CPU_TIME) ? s->cpu_time * USEC_PER_SEC / s->cpu_period : s->cpu_quota;
        bool set = spec_has(s, SETTING_CPU_TIME) || spec_has(s, SETTING_CPU_QUOTA);

        if (strv_split(text, " ", &words) < 0 || strv_length(words) != 2 ||
            parse_limit(words[0], &quota) < 0 || parse_u64(words[1], 1, UINT32_MAX, &period) < 0)
                return;
        per_second = quota == SIZE_INFINITY ? SIZE_INFINITY : quota * USEC_PER_SEC / period;
        if (set ? known / 1000 == per_second / 1000 : per_second == SIZE_INFINITY)
                return;
        if (spec_has(s, SETTING_CPU_TIME)) {
                set_number(s, SETTING_CPU_TIME, quota);
                set_number(s, SETTING_CPU_PERIOD, period);
        } else
                set_number(s, SETTING_CPU_QUOTA, per_second);
}

static void read_weight(Spec *s, const char *text)
{
        uint64_t weight, known = spec_has(s, SETTING_CPU_SHARES) ? cpu_weight_of_shares(s->cpu_shares)
                                                                 : WEIGHT_DEFAULT;

        if (parse_u64(text, 1, 10000, &weight) >= 0 && weight != known)
                set_number(s, SETTING_CPU_SHARES, cpu_shares_of_weight(weight));
}

/* "default 200", then lines of single devices. */
static void read_io_weight(Spec *s, const char *text)
{
        const char *number = startswith(text, "default ");
        uint64_t weight, known = spec_has(s, SETTING_IO_WEIGHT) ? s->io_weight : WEIGHT_DEFAULT;

        if (number && parse_u64(number, 1, 10000, &weight) >= 0 && weight != known)
                set_number(s, SETTING_IO_WEIGHT, weight);
}

static void read_list(Spec *s, SettingId id, const char *text)
{
        char **field = (void *) ((char *) s + setting_get(id)->offset);

        if (isempty(text) && !spec_has(s, id))
                return;
        if (!streq_ptr(*field, text) && str_replace(field, text) >= 0)
                spec_mark(s, id);
}

static void read_cpus(Spec *s, const char *text)
{
        read_list(s, SETTING_CPUSET_CPUS, text);
}

static void read_mems(Spec *s, const char *text)
{
        read_list(s, SETTING_CPUSET_MEMS, text);
}

/* In this order: swap is counted with memory. */
static const struct {
        const char *file;
        SettingId ids[2];
        size_t n_ids;
        void (*read)(Spec *s, const char *text);
} files[] = {
        {"memory.max", {SETTING_MEMORY}, 1, read_memory},
        {"memory.low", {SETTING_MEMORY_RESERVATION}, 1, read_reservation},
        {"memory.swap.max", {SETTING_MEMORY_SWAP}, 1, read_swap},
        {"pids.max", {SETTING_PIDS_LIMIT}, 1, read_pids},
        {"cpu.max", {SETTING_CPU_QUOTA, SETTING_CPU_TIME}, 2, read_cpu},
        {"cpu.weight", {SETTING_CPU_SHARES}, 1, read_weight},
        {"cpuset.cpus", {SETTING_CPUSET_CPUS}, 1, read_cpus},
        {"cpuset.mems", {SETTING_CPUSET_MEMS}, 1, read_mems},
        {"io.weight", {SETTING_IO_WEIGHT}, 1, read_io_weight},
};

/* A payload that makes groups of its own is in one below the unit's. */
static char *unit_directory(const Container *c)
{
        _cleanup_free_ char *path = container_cgroup(c), *unit = str_printf("/%s", c->file.unit);
        char *at = path && unit ? strstr(path, unit) : NULL;

        if (!at || (at[strlen(unit)] != '\0' && at[strlen(unit)] != '/'))
                return NULL;
        at[strlen(unit)] = '\0';
        return str_printf(CGROUP_ROOT "%s", path);
}

int container_limits(const Container *c, Spec **ret)
{
        _cleanup_(spec_freep) Spec *s = NULL;
        _cleanup_close_ int dir = -EBADF;
        _cleanup_free_ char *path = NULL;
        int r;

        r = spec_copy(c->file.spec, &s);
        if (r < 0)
                return r;
        path = container_is_running(c) ? unit_directory(c) : NULL;
        dir = path ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -EBADF;
        FOREACH_ELEMENT(f, files) {
                _cleanup_free_ char *text = NULL;

                if (dir < 0 || fs_read_at(dir, f->file, FILE_MAX, &text, NULL) < 0)
                        continue;
                text[strcspn(text, "\n")] = '\0';
                f->read(s, text);
        }
        *ret = TAKE_PTR(s);
        return 0;
}

static int on_control_file(sd_event_source *source, const struct inotify_event *event, void *userdata)
{
        const Container *c = userdata;

        FOREACH_ELEMENT(f, files) {
                const char *names[ELEMENTSOF(f->ids) + 1] = {};

                if (event->len == 0 || !streq(event->name, f->file))
                        continue;
                for (size_t i = 0; i < f->n_ids; i++)
                        names[i] = setting_get(f->ids[i])->name;
                manager_changed(c->manager, OBJECT_CONTAINER, container_id(c), names);
        }
        return 0;
}

void container_watch_limits(Container *c)
{
        _cleanup_free_ char *path = NULL;

        c->limits_watch = sd_event_source_disable_unref(c->limits_watch);
        path = container_is_running(c) ? unit_directory(c) : NULL;
        if (path)
                (void) sd_event_add_inotify(c->manager->event, &c->limits_watch, path, IN_MODIFY | IN_ONLYDIR,
                                            on_control_file, c);
}
