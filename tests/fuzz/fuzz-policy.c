/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A policy: what cannot be read accepts nothing, and what can be read gives requirements that can be read
 * again. */

#include <sys/mman.h>

#include "base/str.h"
#include "fuzz.h"
#include "spec/policy.h"

static void check_image(const Policy *p, const char *name)
{
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_image_ref_ ImageRef ref = {};
        _cleanup_json_ json_t *v = NULL;
        const json_t *one;
        size_t i;

        MUST(image_ref_parse(name, &ref, NULL) == 0);
        if (policy_for_registry(p, &ref, &v, &error) < 0) {
                MUST(!v && error.message && !str_has_control(error.message));
                return;
        }
        json_array_foreach(json_object_get(v, "Requirements"), i, one)
        {
                _cleanup_requirement_ Requirement requirement = {};
                const char *why;

                MUST(requirement_read(one, &requirement) == 0);
                MUST(requirement.type >= 0 && requirement.keys && *requirement.keys);
                (void) requirement_identity_matches(requirement.identity, &ref, "a.example/ns/repo:1", &why);
                MUST(why);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_policy_ Policy *p = NULL;
        _cleanup_error_ Error error = ERROR_INIT;
        char path[64];
        static int fd = -1;

        if (fd < 0)
                fd = memfd_create("policy", MFD_CLOEXEC);
        MUST(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t) size);
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        if (policy_load(path, &p, &error) < 0) {
                MUST(!p && error.kind == ERROR_REJECTED && !str_has_control(error.message));
                return 0;
        }
        check_image(p, "a.example/ns/repo:1");
        check_image(p, "docker.io/library/x:1");
        (void) policy_for_file(p, "dir", "/srv/x", NULL);
        return 0;
}
