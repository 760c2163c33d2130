/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* update: limits of a container that runs, from a document or from single options. */

#include <fcntl.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/str.h"
#include "exec/oci-cgroup.h"

typedef enum NumberKind {
        NUMBER_I64,  /* OptionalI64 */
        NUMBER_U64,  /* OptionalU64 */
        NUMBER_SIZE, /* OptionalI64, "512m" too */
        NUMBER_TEXT, /* char * */
} NumberKind;

static const struct {
        OciOptionKey key;
        NumberKind kind;
        size_t offset;
} rows[] = {
        {OCI_BLKIO_WEIGHT, NUMBER_U64, offsetof(LaunchResources, block.weight)},
        {OCI_CPU_PERIOD, NUMBER_U64, offsetof(LaunchResources, cpu.period)},
        {OCI_CPU_QUOTA, NUMBER_I64, offsetof(LaunchResources, cpu.quota)},
        {OCI_CPU_BURST, NUMBER_U64, offsetof(LaunchResources, cpu.burst)},
        {OCI_CPU_IDLE, NUMBER_I64, offsetof(LaunchResources, cpu.idle)},
        {OCI_CPU_RT_PERIOD, NUMBER_U64, offsetof(LaunchResources, cpu.realtime_period)},
        {OCI_CPU_RT_RUNTIME, NUMBER_I64, offsetof(LaunchResources, cpu.realtime_runtime)},
        {OCI_CPU_SHARE, NUMBER_U64, offsetof(LaunchResources, cpu.shares)},
        {OCI_CPUSET_CPUS, NUMBER_TEXT, offsetof(LaunchResources, cpu.cpus)},
        {OCI_CPUSET_MEMS, NUMBER_TEXT, offsetof(LaunchResources, cpu.mems)},
        {OCI_KERNEL_MEMORY, NUMBER_SIZE, offsetof(LaunchResources, memory.kernel)},
        {OCI_KERNEL_MEMORY_TCP, NUMBER_SIZE, offsetof(LaunchResources, memory.kernel_tcp)},
        {OCI_MEMORY, NUMBER_SIZE, offsetof(LaunchResources, memory.limit)},
        {OCI_MEMORY_RESERVATION, NUMBER_SIZE, offsetof(LaunchResources, memory.reservation)},
        {OCI_MEMORY_SWAP, NUMBER_SIZE, offsetof(LaunchResources, memory.swap)},
        {OCI_PIDS_LIMIT, NUMBER_I64, offsetof(LaunchResources, pids_limit)},
};

static int parse_signed_size(const char *text, int64_t *ret)
{
        uint64_t size;
        int r;

        if (parse_i64(text, INT64_MIN, INT64_MAX, ret) >= 0)
                return 0;
        r = parse_size(text, &size);
        if (r >= 0)
                *ret = size == SIZE_INFINITY || size > INT64_MAX ? -1 : (int64_t) size;
        return r;
}

static int set_row(typeof(&rows[0]) row, const char *text, LaunchResources *r)
{
        void *field = (char *) r + row->offset;
        OptionalI64 i = {.set = true};
        OptionalU64 u = {.set = true};
        int n = 0;

        switch (row->kind) {
        case NUMBER_TEXT:
                return str_replace(field, text);
        case NUMBER_U64:
                n = parse_u64(text, 0, UINT64_MAX, &u.value);
                if (n >= 0)
                        *(OptionalU64 *) field = u;
                return n;
        case NUMBER_I64:
                n = parse_i64(text, INT64_MIN, INT64_MAX, &i.value);
                break;
        case NUMBER_SIZE:
                n = parse_signed_size(text, &i.value);
                break;
        }
        if (n >= 0)
                *(OptionalI64 *) field = i;
        return n;
}

static int from_options(const Oci *o, LaunchResources *r, Error *error)
{
        FOREACH_ELEMENT(row, rows) {
                const char *text = o->value[row->key];

                if (text && set_row(row, text, r) < 0)
                        return error_set(error, ERROR_INVALID_ARGUMENT, "--%s: \"%s\" is not such a value",
                                         oci_option_name(row->key), text);
        }
        return 0;
}

static int from_file(const char *path, LaunchResources *r, Error *error)
{
        _cleanup_close_ int fd = streq(path, "-") ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
        _cleanup_free_ char *text = malloc(JSON_SIZE_MAX + 1), *what = NULL;
        _cleanup_json_ json_t *v = NULL;
        size_t size = 0;
        ssize_t n = 0;
        int e;

        if (fd < 0 || !text)
                return error_set_errno(error, fd < 0 ? errno : ENOMEM, "Cannot read %s", path);
        while (size <= JSON_SIZE_MAX && (n = read(fd, text + size, JSON_SIZE_MAX + 1 - size)) > 0)
                size += (size_t) n;
        if (n < 0 || size > JSON_SIZE_MAX)
                return error_set_errno(error, n < 0 ? errno : EFBIG, "Cannot read %s", path);
        e = json_parse(text, size, &v, &what);
        if (e < 0)
                return error_set(error, ERROR_INVALID_ARGUMENT, "Cannot parse %s: %s", path,
                                 what ?: strerror(-e));
        return launch_resources_from_json(v, r, error);
}

int oci_update(const Oci *o, Error *error)
{
        _cleanup_(launch_resources_done) LaunchResources resources = {};
        _cleanup_oci_dir_ OciDir d = OCI_DIR_INIT;
        _cleanup_oci_state_ OciState s = {};
        OciStatus status;
        int r = 0;

        if (oci_has(o, OCI_L3_CACHE_SCHEMA) || oci_has(o, OCI_MEM_BW_SCHEMA))
                return error_set(error, ERROR_NOT_SUPPORTED, "Intel RDT is not supported");
        if (oci_has(o, OCI_RESOURCES))
                r = from_file(o->value[OCI_RESOURCES], &resources, error);
        if (r >= 0)
                r = from_options(o, &resources, error);
        if (r >= 0)
                r = oci_find(o, &d, &s, error);
        if (r < 0)
                return r;
        r = oci_state_status(&d, &s, &status);
        if (r < 0)
                return error_set_errno(error, r, "Cannot find the status of container %s", s.id);
        if (status == OCI_STOPPED)
                return error_set(error, ERROR_NOT_RUNNING, "Container %s is not running", s.id);
        r = oci_cgroup_update(&s, &resources, error);
        return r < 0 ? r : EXIT_SUCCESS;
}
