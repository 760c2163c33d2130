/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* spec: a configuration to begin with, the same that crun and runc write, with our name in it. */

#include <fcntl.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/str.h"
#include "exec/oci.h"
#include "spec/launch.h"

static const char text[] = "{\n\
    \"ociVersion\": \"1.0.2\",\n\
    \"process\": {\n\
        \"terminal\": true,\n\
        \"user\": {\"uid\": 0, \"gid\": 0},\n\
        \"args\": [\"sh\"],\n\
        \"env\": [\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\", \"TERM=xterm\"],\n\
        \"cwd\": \"/\",\n\
        \"capabilities\": {\n\
            \"bounding\": [\"CAP_AUDIT_WRITE\", \"CAP_KILL\", \"CAP_NET_BIND_SERVICE\"],\n\
            \"effective\": [\"CAP_AUDIT_WRITE\", \"CAP_KILL\", \"CAP_NET_BIND_SERVICE\"],\n\
            \"permitted\": [\"CAP_AUDIT_WRITE\", \"CAP_KILL\", \"CAP_NET_BIND_SERVICE\"]\n\
        },\n\
        \"rlimits\": [{\"type\": \"RLIMIT_NOFILE\", \"hard\": 1024, \"soft\": 1024}],\n\
        \"noNewPrivileges\": true\n\
    },\n\
    \"root\": {\"path\": \"rootfs\", \"readonly\": true},\n\
    \"hostname\": \"berth\",\n\
    \"mounts\": [\n\
        {\"destination\": \"/proc\", \"type\": \"proc\", \"source\": \"proc\"},\n\
        {\"destination\": \"/dev\", \"type\": \"tmpfs\", \"source\": \"tmpfs\",\n\
         \"options\": [\"nosuid\", \"strictatime\", \"mode=755\", \"size=65536k\"]},\n\
        {\"destination\": \"/dev/pts\", \"type\": \"devpts\", \"source\": \"devpts\",\n\
         \"options\": [\"nosuid\", \"noexec\", \"newinstance\", \"ptmxmode=0666\", \"mode=0620\", \"gid=5\"]},\n\
        {\"destination\": \"/dev/shm\", \"type\": \"tmpfs\", \"source\": \"shm\",\n\
         \"options\": [\"nosuid\", \"noexec\", \"nodev\", \"mode=1777\", \"size=65536k\"]},\n\
        {\"destination\": \"/dev/mqueue\", \"type\": \"mqueue\", \"source\": \"mqueue\",\n\
         \"options\": [\"nosuid\", \"noexec\", \"nodev\"]},\n\
        {\"destination\": \"/sys\", \"type\": \"sysfs\", \"source\": \"sysfs\",\n\
         \"options\": [\"nosuid\", \"noexec\", \"nodev\", \"ro\"]},\n\
        {\"destination\": \"/sys/fs/cgroup\", \"type\": \"cgroup\", \"source\": \"cgroup\",\n\
         \"options\": [\"nosuid\", \"noexec\", \"nodev\", \"relatime\", \"ro\"]}\n\
    ],\n\
    \"linux\": {\n\
        \"resources\": {\"devices\": [{\"allow\": false, \"access\": \"rwm\"}]},\n\
        \"namespaces\": [{\"type\": \"pid\"}, {\"type\": \"network\"}, {\"type\": \"ipc\"}, {\"type\": \"uts\"},\n\
                       {\"type\": \"mount\"}, {\"type\": \"cgroup\"}],\n\
        \"maskedPaths\": [\"/proc/acpi\", \"/proc/asound\", \"/proc/kcore\", \"/proc/keys\", \"/proc/latency_stats\",\n\
                        \"/proc/timer_list\", \"/proc/timer_stats\", \"/proc/sched_debug\", \"/sys/firmware\",\n\
                        \"/proc/scsi\"],\n\
        \"readonlyPaths\": [\"/proc/bus\", \"/proc/fs\", \"/proc/irq\", \"/proc/sys\", \"/proc/sysrq-trigger\"]\n\
    }\n\
}\n";

/* The caller is root in there, and nobody else is anybody; what that root may not mount is left out. */
static int make_rootless(json_t *v)
{
        json_t *linux_part = json_get_object(v, "linux"), *mounts = json_get_array(v, "mounts");
        json_t *namespaces = json_get_array(linux_part, "namespaces");
        int r;

        r = json_array_append_new(namespaces, json_pack("{s:s}", "type", "user"));
        r |= json_object_set_new(
                linux_part, "uidMappings",
                json_pack("[{s:i, s:i, s:i}]", "containerID", 0, "hostID", (int) geteuid(), "size", 1));
        r |= json_object_set_new(
                linux_part, "gidMappings",
                json_pack("[{s:i, s:i, s:i}]", "containerID", 0, "hostID", (int) getegid(), "size", 1));
        r |= json_object_del(linux_part, "resources");
        for (size_t i = 0; i < json_array_size(mounts); i++) {
                json_t *m = json_array_get(mounts, i), *options = json_get_array(m, "options");

                for (size_t k = 0; k < json_array_size(options); k++)
                        if (streq(json_string_value(json_array_get(options, k)), "gid=5"))
                                r |= json_array_remove(options, k);
        }
        return r;
}

static char *rootless_text(void)
{
        _cleanup_json_ json_t *v = NULL;

        if (json_parse(text, strlen(text), &v, NULL) < 0 || make_rootless(v) != 0)
                return NULL;
        return json_text_pretty(v);
}

int oci_spec(const Oci *o, Error *error)
{
        _cleanup_free_ char *rootless = oci_has(o, OCI_ROOTLESS_SPEC) ? rootless_text() : NULL;
        const char *dir = o->value[OCI_BUNDLE] ?: ".", *content = rootless ?: text;
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (oci_has(o, OCI_ROOTLESS_SPEC) && !rootless)
                return error_set_errno(error, ENOMEM, "Configuration");
        if (chdir(dir) < 0)
                return error_set_errno(error, errno, "Cannot enter %s", dir);
        fd = open(LAUNCH_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (fd < 0)
                return error_set_errno(error, errno, "Cannot make " LAUNCH_FILE);
        r = fs_write_all(fd, content, strlen(content));
        return r < 0 ? error_set_errno(error, r, "Cannot write " LAUNCH_FILE) : EXIT_SUCCESS;
}
