/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Rows to bus properties: one appender per type. */

#include "base/parse.h"
#include "base/str.h"
#include "engine/unit-property.h"

#define CPUS_MAX 8192U

static int cpu_range(const char *piece, uint64_t *ret_first, uint64_t *ret_last)
{
        const char *dash = strchr(piece, '-');
        _cleanup_free_ char *first = dash ? strndup(piece, dash - piece) : strdup(piece);
        int r;

        if (!first)
                return -ENOMEM;
        r = parse_u64(first, 0, CPUS_MAX - 1, ret_first);
        if (r < 0)
                return r;
        *ret_last = *ret_first;
        return dash ? parse_u64(dash + 1, *ret_first, CPUS_MAX - 1, ret_last) : 0;
}

int cpuset_parse(const char *s, uint8_t **ret, size_t *ret_size)
{
        _cleanup_free_ uint8_t *mask = calloc(CPUS_MAX / 8, 1);
        _cleanup_strv_ char **pieces = NULL;
        size_t size = 0;
        int r;

        if (!mask)
                return -ENOMEM;
        r = strv_split(s, ",", &pieces);
        if (r < 0)
                return r;
        STRV_FOREACH(piece, pieces) {
                uint64_t first, last;

                r = cpu_range(*piece, &first, &last);
                if (r < 0)
                        return r;
                for (uint64_t cpu = first; cpu <= last; cpu++)
                        mask[cpu / 8] |= (uint8_t) (1U << (cpu % 8));
                size = MAX(size, (size_t) last / 8 + 1);
        }
        if (size == 0)
                return -EINVAL;
        *ret = TAKE_PTR(mask);
        *ret_size = size;
        return 0;
}

static int append_string(sd_bus_message *m, const UnitRow *row)
{
        return sd_bus_message_append(m, "v", "s", strempty(row->text));
}

static int append_bool(sd_bus_message *m, const UnitRow *row)
{
        return sd_bus_message_append(m, "v", "b", row->number != 0);
}

static int append_u64(sd_bus_message *m, const UnitRow *row)
{
        return sd_bus_message_append(m, "v", "t", row->number);
}

static int append_u32(sd_bus_message *m, const UnitRow *row)
{
        return sd_bus_message_append(m, "v", "u", (uint32_t) row->number);
}

static int append_i32(sd_bus_message *m, const UnitRow *row)
{
        return sd_bus_message_append(m, "v", "i", (int32_t) row->number);
}

static int append_strv(sd_bus_message *m, const UnitRow *row)
{
        int r;

        r = sd_bus_message_open_container(m, 'v', "as");
        if (r >= 0)
                r = sd_bus_message_append_strv(m, row->list);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* a(sasb): the program, its arguments with the name it is called by, whether failure counts as success. */
static int append_exec(sd_bus_message *m, const UnitRow *row)
{
        int r;

        if (!row->list || !row->list[0])
                return -EINVAL;
        r = sd_bus_message_open_container(m, 'v', "a(sasb)");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(sasb)");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'r', "sasb");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", row->list[0]);
        if (r >= 0)
                r = sd_bus_message_append_strv(m, row->list);
        if (r >= 0)
                r = sd_bus_message_append(m, "b", false);
        for (unsigned i = 0; r >= 0 && i < 3; i++)
                r = sd_bus_message_close_container(m);
        return r;
}

static int append_devices(sd_bus_message *m, const UnitRow *row)
{
        int r;

        r = sd_bus_message_open_container(m, 'v', "a(ss)");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(ss)");
        for (char **i = row->list; r >= 0 && i && i[0] && i[1]; i += 2)
                r = sd_bus_message_append(m, "(ss)", i[0], i[1]);
        for (unsigned i = 0; r >= 0 && i < 2; i++)
                r = sd_bus_message_close_container(m);
        return r;
}

static int append_rates(sd_bus_message *m, const UnitRow *row)
{
        uint64_t rate;
        int r;

        r = sd_bus_message_open_container(m, 'v', "a(st)");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(st)");
        for (char **i = row->list; r >= 0 && i && i[0] && i[1]; i += 2) {
                r = parse_u64(i[1], 0, UINT64_MAX, &rate);
                if (r >= 0)
                        r = sd_bus_message_append(m, "(st)", i[0], rate);
        }
        for (unsigned i = 0; r >= 0 && i < 2; i++)
                r = sd_bus_message_close_container(m);
        return r;
}

/* Numbers are statuses, the others names of signals. */
static int append_statuses(sd_bus_message *m, char *const *list, bool signals)
{
        int r;

        r = sd_bus_message_open_container(m, 'a', "i");
        STRV_FOREACH(i, (char **) list) {
                uint64_t status;
                int number;
                bool is_status = parse_u64(*i, 0, 255, &status) >= 0;

                if (r < 0)
                        return r;
                if (is_status == signals)
                        continue;
                if (is_status)
                        number = (int) status;
                else if (parse_signal(*i, &number) < 0)
                        return -EINVAL;
                r = sd_bus_message_append(m, "i", (int32_t) number);
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_exit_status(sd_bus_message *m, const UnitRow *row)
{
        int r;

        r = sd_bus_message_open_container(m, 'v', "(aiai)");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'r', "aiai");
        if (r >= 0)
                r = append_statuses(m, row->list, false);
        if (r >= 0)
                r = append_statuses(m, row->list, true);
        for (unsigned i = 0; r >= 0 && i < 2; i++)
                r = sd_bus_message_close_container(m);
        return r;
}

static int append_fields(sd_bus_message *m, const UnitRow *row)
{
        int r;

        r = sd_bus_message_open_container(m, 'v', "aay");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "ay");
        STRV_FOREACH(i, row->list)
                if (r >= 0)
                        r = sd_bus_message_append_array(m, 'y', *i, strlen(*i));
        for (unsigned i = 0; r >= 0 && i < 2; i++)
                r = sd_bus_message_close_container(m);
        return r;
}

static int append_cpuset(sd_bus_message *m, const UnitRow *row)
{
        _cleanup_free_ uint8_t *mask = NULL;
        size_t size;
        int r;

        r = cpuset_parse(strempty(row->text), &mask, &size);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(m, 'v', "ay");
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', mask, size);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int (*const appenders[])(sd_bus_message *m, const UnitRow *row) = {
        [UNIT_VALUE_STRING] = append_string,
        [UNIT_VALUE_BOOL] = append_bool,
        [UNIT_VALUE_U64] = append_u64,
        [UNIT_VALUE_U32] = append_u32,
        [UNIT_VALUE_I32] = append_i32,
        [UNIT_VALUE_SIGNAL] = append_i32,
        [UNIT_VALUE_USEC] = append_u64,
        [UNIT_VALUE_STRV] = append_strv,
        [UNIT_VALUE_EXEC] = append_exec,
        [UNIT_VALUE_DEVICES] = append_devices,
        [UNIT_VALUE_EXIT_STATUS] = append_exit_status,
        [UNIT_VALUE_FIELDS] = append_fields,
        [UNIT_VALUE_CPU_QUOTA] = append_u64,
        [UNIT_VALUE_CPUSET] = append_cpuset,
        [UNIT_VALUE_RATES] = append_rates,
};

/* "TimeoutStopSec" is TimeoutStopUSec on the bus, "CPUQuota" CPUQuotaPerSecUSec. */
static char *property_name(const UnitRow *row)
{
        const char *sec = endswith(row->key, "Sec");

        if (row->type == UNIT_VALUE_USEC && sec)
                return str_printf("%.*sUSec", (int) (sec - row->key), row->key);
        if (row->type == UNIT_VALUE_CPU_QUOTA)
                return str_printf("%sPerSecUSec", row->key);
        return strdup(row->key);
}

int unit_property_append(sd_bus_message *m, const UnitRow *row)
{
        _cleanup_free_ char *name = property_name(row);
        int r;

        if (!name)
                return -ENOMEM;
        if ((size_t) row->type >= ELEMENTSOF(appenders) || !appenders[row->type])
                return -EINVAL;
        r = sd_bus_message_open_container(m, 'r', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", name);
        if (r >= 0)
                r = appenders[row->type](m, row);
        return r < 0 ? r : sd_bus_message_close_container(m);
}
