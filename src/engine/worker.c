/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The worker's unit: a table of what it may do. */

#include <linux/capability.h>
#include <sys/mman.h>
#include <systemd/sd-bus.h>

#include "base/fs.h"
#include "base/str.h"
#include "engine/worker.h"

#define WORKER BERTH_LIBEXEC_DIR "/berth-pull"
#define MEMORY_MAX (UINT64_C(2) << 30)
#define TASKS_MAX UINT64_C(64)

/* What unpacking and removing a tree of files of many owners takes. */
#define CAPABILITIES                                                                                         \
        (UINT64_C(1) << CAP_CHOWN | UINT64_C(1) << CAP_DAC_OVERRIDE | UINT64_C(1) << CAP_DAC_READ_SEARCH |   \
         UINT64_C(1) << CAP_FOWNER | UINT64_C(1) << CAP_FSETID | UINT64_C(1) << CAP_SETFCAP |                \
         UINT64_C(1) << CAP_MKNOD)

typedef enum Kind {
        KIND_STRING,
        KIND_BOOL,
        KIND_U64,
        KIND_STRV,      /* as */
        KIND_ALLOWED,   /* (bas): a list of what is allowed */
        KIND_FORBIDDEN, /* (bas): a list of what is not */
} Kind;

typedef struct Row {
        const char *name;
        Kind kind;
        const char *text; /* lists: separated by blanks */
        uint64_t number;
} Row;

static const Row rows[] = {
        {"Type", KIND_STRING, "oneshot"},
        {"CollectMode", KIND_STRING, "inactive-or-failed"},
        {"StandardError", KIND_STRING, "journal"},
        {"SyslogIdentifier", KIND_STRING, "berth-pull"},
        {"Slice", KIND_STRING, "system.slice"},
        {"ProtectSystem", KIND_STRING, "strict"},
        {"ReadWritePaths", KIND_STRV, BERTH_STATE_DIR},
        {"ProtectHome", KIND_STRING, "yes"},
        {"ProtectProc", KIND_STRING, "invisible"},
        {"PrivateTmp", KIND_BOOL, .number = true},
        {"PrivateDevices", KIND_BOOL, .number = true},
        {"PrivateNetwork", KIND_BOOL, .number = true},
        {"PrivateIPC", KIND_BOOL, .number = true},
        {"ProtectClock", KIND_BOOL, .number = true},
        {"ProtectControlGroups", KIND_BOOL, .number = true},
        {"ProtectHostname", KIND_BOOL, .number = true},
        {"ProtectKernelLogs", KIND_BOOL, .number = true},
        {"ProtectKernelModules", KIND_BOOL, .number = true},
        {"ProtectKernelTunables", KIND_BOOL, .number = true},
        {"LockPersonality", KIND_BOOL, .number = true},
        {"MemoryDenyWriteExecute", KIND_BOOL, .number = true},
        {"NoNewPrivileges", KIND_BOOL, .number = true},
        {"RestrictRealtime", KIND_BOOL, .number = true},
        {"RestrictNamespaces", KIND_U64, .number = 0},
        {"CapabilityBoundingSet", KIND_U64, .number = CAPABILITIES},
        {"RestrictAddressFamilies", KIND_ALLOWED, "AF_UNIX"},
        {"SystemCallArchitectures", KIND_STRV, "native"},
        {"SystemCallFilter", KIND_ALLOWED, "@system-service @chown mknod mknodat"},
        {"UMask", KIND_U64, .number = 0022},
        {"MemoryMax", KIND_U64, .number = MEMORY_MAX},
        {"TasksMax", KIND_U64, .number = TASKS_MAX},
        {"TimeoutStopUSec", KIND_U64, .number = 5 * 1000 * 1000},
};

static int append_list(sd_bus_message *m, const Row *row)
{
        bool pair = row->kind != KIND_STRV;
        _cleanup_strv_ char **list = NULL;
        int r;

        r = strv_split(row->text, " ", &list);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', pair ? "(bas)" : "as");
        if (r >= 0 && pair)
                r = sd_bus_message_open_container(m, 'r', "bas");
        if (r >= 0 && pair)
                r = sd_bus_message_append(m, "b", row->kind == KIND_ALLOWED);
        if (r >= 0)
                r = sd_bus_message_append_strv(m, list);
        if (r >= 0 && pair)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_value(sd_bus_message *m, const Row *row)
{
        switch (row->kind) {
        case KIND_STRING:
                return sd_bus_message_append(m, "v", "s", row->text);
        case KIND_BOOL:
                return sd_bus_message_append(m, "v", "b", row->number != 0);
        case KIND_U64:
                return streq(row->name, "UMask") ? sd_bus_message_append(m, "v", "u", (uint32_t) row->number)
                                                 : sd_bus_message_append(m, "v", "t", row->number);
        default:
                return append_list(m, row);
        }
}

static int append_row(sd_bus_message *m, const Row *row)
{
        int r;

        r = sd_bus_message_open_container(m, 'r', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", row->name);
        if (r >= 0)
                r = append_value(m, row);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_command(sd_bus_message *m, char *const *arguments)
{
        _cleanup_strv_ char **argv = NULL;
        int r;

        r = strv_append(&argv, WORKER);
        if (r >= 0)
                r = strv_extend(&argv, arguments);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'r', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", "ExecStart");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "a(sasb)");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(sasb)");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'r', "sasb");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", WORKER);
        if (r >= 0)
                r = sd_bus_message_append_strv(m, argv);
        if (r >= 0)
                r = sd_bus_message_append(m, "b", false);
        for (unsigned i = 0; r >= 0 && i < 4; i++)
                r = sd_bus_message_close_container(m);
        return r;
}

static int append_all(sd_bus_message *m, void *userdata)
{
        const WorkerOrder *order = userdata;
        int r;

        r = sd_bus_message_append(m, "(sv)", "Description", "s", order->description);
        FOREACH_ELEMENT(row, rows)
                if (r >= 0)
                        r = append_row(m, row);
        if (r >= 0)
                r = append_command(m, order->arguments);
        if (r >= 0 && order->input >= 0)
                r = sd_bus_message_append(m, "(sv)", "StandardInputFileDescriptor", "h", order->input);
        if (r >= 0)
                r = order->result >= 0 ? sd_bus_message_append(m, "(sv)", "StandardOutputFileDescriptor", "h",
                                                               order->result)
                                       : sd_bus_message_append(m, "(sv)", "StandardOutput", "s", "journal");
        return r;
}

int worker_start(Systemd *s, const WorkerOrder *order, SystemdCall **slot, SystemdReply reply, void *userdata)
{
        return systemd_start_transient_with(s, order->unit, append_all, (void *) order, slot, reply,
                                            userdata);
}

int worker_result_new(int *ret)
{
        _cleanup_close_ int fd = memfd_create("berth-result", MFD_CLOEXEC | MFD_ALLOW_SEALING);

        if (fd < 0 || ftruncate(fd, WORKER_RESULT_MAX) < 0 ||
            fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
                return -errno;
        *ret = TAKE_FD(fd);
        return 0;
}

int worker_result_read(int fd, char **ret)
{
        _cleanup_free_ char *text = malloc(WORKER_RESULT_MAX + 1);
        size_t n = 0;

        if (!text)
                return -ENOMEM;
        while (n < WORKER_RESULT_MAX) {
                ssize_t k = pread(fd, text + n, WORKER_RESULT_MAX - n, (off_t) n);

                if (k < 0)
                        return -errno;
                if (k == 0)
                        break;
                n += (size_t) k;
                if (memchr(text + n - k, 0, (size_t) k))
                        break;
        }
        text[n] = '\0';
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}
