/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The workers' units: a table of what each may do. */

#include <linux/capability.h>
#include <systemd/sd-bus.h>

#include "base/str.h"
#include "engine/worker.h"

#define MEMORY_MAX (UINT64_C(2) << 30)
#define TASKS_MAX UINT64_C(64)

/* What unpacking and removing a tree of files of many owners takes. CAP_SYS_ADMIN goes to berth-pull's
 * keeper, which can set one attribute and nothing else, before anything is read (prog/pull-keeper.c). */
#define CAPABILITIES                                                                                         \
        (UINT64_C(1) << CAP_CHOWN | UINT64_C(1) << CAP_DAC_OVERRIDE | UINT64_C(1) << CAP_DAC_READ_SEARCH |   \
         UINT64_C(1) << CAP_FOWNER | UINT64_C(1) << CAP_FSETID | UINT64_C(1) << CAP_SETFCAP |                \
         UINT64_C(1) << CAP_MKNOD | UINT64_C(1) << CAP_SYS_ADMIN)

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

/* Of both. */
static const Row common_rows[] = {
        {"Type", KIND_STRING, "oneshot"},
        {"CollectMode", KIND_STRING, "inactive-or-failed"},
        {"StandardError", KIND_STRING, "journal"},
        {"Slice", KIND_STRING, "system.slice"},
        {"ProtectSystem", KIND_STRING, "strict"},
        {"ProtectHome", KIND_STRING, "yes"},
        {"ProtectProc", KIND_STRING, "invisible"},
        {"PrivateTmp", KIND_BOOL, .number = true},
        {"PrivateDevices", KIND_BOOL, .number = true},
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
        {"SystemCallArchitectures", KIND_STRV, "native"},
        {"MemoryMax", KIND_U64, .number = MEMORY_MAX},
        {"TasksMax", KIND_U64, .number = TASKS_MAX},
        {"TimeoutStopUSec", KIND_U64, .number = 5 * 1000 * 1000},
};

static const Row pull_rows[] = {
        {"ReadWritePaths", KIND_STRV, BERTH_STATE_DIR},
        {"PrivateNetwork", KIND_BOOL, .number = true},
        {"CapabilityBoundingSet", KIND_U64, .number = CAPABILITIES},
        {"RestrictAddressFamilies", KIND_ALLOWED, "AF_UNIX"},
        {"SystemCallFilter", KIND_ALLOWED, "@system-service @chown mknod mknodat"},
        {"UMask", KIND_U64, .number = 0022},
};

/* Its user is made for the time that it runs. What it listens to are strangers: they get no capability, no
 * device, no file of ours. */
static const Row fetch_rows[] = {
        {"DynamicUser", KIND_BOOL, .number = true},
        {"User", KIND_STRING, FETCH_NAME},
        {"CacheDirectoryMode", KIND_U64, .number = 0700},
        {"InaccessiblePaths", KIND_STRV, "-" BERTH_STATE_DIR " -" BERTH_RUNTIME_DIR},
        {"CapabilityBoundingSet", KIND_U64, .number = 0},
        /* Netlink: how the resolver learns which kinds of addresses there are. */
        {"RestrictAddressFamilies", KIND_ALLOWED, "AF_UNIX AF_INET AF_INET6 AF_NETLINK"},
        {"SystemCallFilter", KIND_ALLOWED,
         "@system-service seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self"},
        {"UMask", KIND_U64, .number = 0077},
};

static const struct {
        const char *name;
        const char *path;
        const Row *rows;
        size_t n_rows;
} programs[_WORKER_PROGRAM_MAX] = {
        [WORKER_PULL] = {"berth-pull", BERTH_LIBEXEC_DIR "/berth-pull", pull_rows, ELEMENTSOF(pull_rows)},
        [WORKER_FETCH] = {FETCH_NAME, BERTH_LIBEXEC_DIR "/berth-fetch", fetch_rows, ELEMENTSOF(fetch_rows)},
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

static bool is_mode(const Row *row)
{
        return streq(row->name, "UMask") || streq(row->name, "CacheDirectoryMode");
}

static int append_value(sd_bus_message *m, const Row *row)
{
        switch (row->kind) {
        case KIND_STRING:
                return sd_bus_message_append(m, "v", "s", row->text);
        case KIND_BOOL:
                return sd_bus_message_append(m, "v", "b", row->number != 0);
        case KIND_U64:
                return is_mode(row) ? sd_bus_message_append(m, "v", "u", (uint32_t) row->number)
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

static int append_command(sd_bus_message *m, const char *path, char *const *arguments)
{
        _cleanup_strv_ char **argv = NULL;
        int r;

        r = strv_append(&argv, path);
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
                r = sd_bus_message_append(m, "s", path);
        if (r >= 0)
                r = sd_bus_message_append_strv(m, argv);
        if (r >= 0)
                r = sd_bus_message_append(m, "b", false);
        for (unsigned i = 0; r >= 0 && i < 4; i++)
                r = sd_bus_message_close_container(m);
        return r;
}

static int append_directory(sd_bus_message *m, const char *directory)
{
        _cleanup_free_ char *name = str_printf(FETCH_NAME "/%s", directory);
        _cleanup_free_ char *path = name ? str_printf(FETCH_DIR "/%s", directory) : NULL;

        return path ? sd_bus_message_append(m, "(sv)(sv)", "CacheDirectory", "as", 1, name,
                                            "WorkingDirectory", "s", path)
                    : -ENOMEM;
}

static int append_streams(sd_bus_message *m, const WorkerOrder *order)
{
        int r = 0;

        if (order->input >= 0)
                r = sd_bus_message_append(m, "(sv)", "StandardInputFileDescriptor", "h", order->input);
        if (r < 0)
                return r;
        return order->output >= 0
                       ? sd_bus_message_append(m, "(sv)", "StandardOutputFileDescriptor", "h", order->output)
                       : sd_bus_message_append(m, "(sv)", "StandardOutput", "s", "journal");
}

static int append_rows(sd_bus_message *m, const Row *rows, size_t n)
{
        int r = 0;

        for (size_t i = 0; r >= 0 && i < n; i++)
                r = append_row(m, &rows[i]);
        return r;
}

static int append_all(sd_bus_message *m, void *userdata)
{
        const WorkerOrder *order = userdata;
        WorkerProgram p = order->program;
        int r;

        r = sd_bus_message_append(m, "(sv)(sv)", "Description", "s", order->description, "SyslogIdentifier",
                                  "s", programs[p].name);
        if (r >= 0)
                r = append_rows(m, common_rows, ELEMENTSOF(common_rows));
        if (r >= 0)
                r = append_rows(m, programs[p].rows, programs[p].n_rows);
        if (r >= 0 && order->directory)
                r = append_directory(m, order->directory);
        if (r >= 0)
                r = append_command(m, programs[p].path, order->arguments);
        return r < 0 ? r : append_streams(m, order);
}

int worker_start(Systemd *s, const WorkerOrder *order, SystemdCall **slot, SystemdReply reply, void *userdata)
{
        return systemd_start_transient_with(s, order->unit, append_all, (void *) order, slot, reply,
                                            userdata);
}
