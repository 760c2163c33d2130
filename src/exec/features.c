/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* berth-exec features: the OCI specification's features document, from the tables that the executor works by.
 */

#include "base/json.h"
#include "exec/cred.h"
#include "exec/mount-option.h"
#include "exec/namespace.h"
#include "exec/seccomp.h"
#include "exec/oci.h"
#include "spec/item.h"

#define OCI_VERSION_MIN "1.0.0"
#define OCI_VERSION_MAX "1.3.0"

/* From a table that answers NULL after its last row. */
static json_t *list_of(const char *(*name)(size_t))
{
        json_t *list = json_array();

        for (size_t i = 0; list && name(i); i++)
                if (json_array_append_new(list, json_string(name(i))) < 0)
                        json_decref(TAKE_PTR(list));
        return list;
}

static const char *namespace_at(size_t i)
{
        return i < _LAUNCH_NS_MAX ? namespace_name((LaunchNamespace) i) : NULL;
}

static const char *capability_at(size_t i)
{
        return i < cred_capabilities() ? capability_name((unsigned) i) : NULL;
}

static const char *hook_at(size_t i)
{
        return i < _LAUNCH_HOOK_MAX ? launch_hook_point_name((LaunchHookPoint) i) : NULL;
}

static json_t *seccomp_features(void)
{
        return json_pack("{s:b, s:o, s:o}", "enabled", 1, "actions", list_of(filter_action_name), "operators",
                         list_of(filter_operator_name));
}

static json_t *linux_features(void)
{
        return json_pack("{s:o, s:o, s:{s:b, s:b, s:b, s:b, s:b}, s:o, s:{s:b}, s:{s:b}, s:{s:b}, "
                         "s:{s:{s:b}}, s:{s:b}}",
                         "namespaces", list_of(namespace_at), "capabilities", list_of(capability_at),
                         "cgroup", "v1", 0, "v2", 1, "systemd", 1, "systemdUser", 0, "rdma", 1, "seccomp",
                         seccomp_features(), "apparmor", "enabled", 1, "selinux", "enabled", 1, "intelRdt",
                         "enabled", 0, "mountExtensions", "idmap", "enabled", 1, "netDevices", "enabled", 1);
}

int oci_features(const Oci *o, Error *error)
{
        _cleanup_json_ json_t *v = json_pack(
                "{s:s, s:s, s:o, s:o, s:o, s:{s:s}}", "ociVersionMin", OCI_VERSION_MIN, "ociVersionMax",
                OCI_VERSION_MAX, "hooks", list_of(hook_at), "mountOptions", list_of(mount_option_name),
                "linux", linux_features(), "annotations", "io.berth1.version", BERTH_VERSION);
        _cleanup_free_ char *text = v ? json_text_pretty(v) : NULL;

        return text && fputs(text, stdout) >= 0 && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
