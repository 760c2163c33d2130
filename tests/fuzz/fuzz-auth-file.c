/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A file of credentials: none is found for a host that it does not name. */

#include <sys/mman.h>

#include "base/str.h"
#include "fuzz.h"
#include "spec/auth-file.h"

static int no_helper(const char *name, const char *verb, const char *input, char **ret_output, Error *error)
{
        MUST(*name && !strchr(name, '/') && *name != '.');
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const hosts[] = {"a.example", "docker.io", "unlikely.example:1234"};
        char path[64], *paths[] = {path, NULL};
        static int fd = -1;

        if (fd < 0)
                fd = memfd_create("auth", MFD_CLOEXEC);
        MUST(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t) size);
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        FOREACH_ELEMENT(host, hosts) {
                _cleanup_credentials_ Credentials c = {};
                _cleanup_error_ Error error = ERROR_INIT;
                int r = auth_find(paths, *host, "ns/repo", no_helper, &c, &error);

                MUST(r >= 0 || (error.message && !str_has_control(error.message)));
                MUST((r > 0) == !!c.source);
                MUST(r <= 0 || !streq(*host, "unlikely.example:1234") || memmem(data, size, "1234", 4) ||
                     memchr(data, '\\', size));
        }
        return 0;
}
