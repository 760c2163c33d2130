/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the policy for images says of files. Of which kind a file is shows when the worker opens it: it is
 * told which kinds are not wanted. */

#include <limits.h>
#include <sys/stat.h>

#include "base/str.h"
#include "object/image.h"
#include "spec/conf.h"
#include "spec/policy.h"

static int load_policy(Policy **ret, Error *error)
{
        _cleanup_conf_ Conf conf = {};
        int r = conf_load(NULL, &conf, error);

        return r < 0 ? r : policy_load(conf.signature_policy, ret, error);
}

/* The kernel's name of what is open: absolute and without symlinks. NULL: it has none. */
static char *path_of(int fd)
{
        _cleanup_free_ char *link = str_printf("/proc/self/fd/%d", fd);
        char path[PATH_MAX];
        ssize_t n = link ? readlink(link, path, sizeof(path)) : -1;

        return n > 0 && (size_t) n < sizeof(path) && *path == '/' ? strndup(path, (size_t) n) : NULL;
}

int image_policy_for_archive(int fd, char ***arguments, Error *error)
{
        /* What the policy calls it, and what the worker does. */
        static const struct {
                bool directory;
                const char *transport, *format;
        } rows[] = {
                {false, "oci-archive", "oci-archive"},
                {false, "docker-archive", "docker-archive"},
                {false, "dir", "dir"},
                {true, "oci", "oci-archive"},
                {true, "dir", "dir"},
                {true, "docker-archive", "docker-archive"},
        };
        _cleanup_policy_ Policy *policy = NULL;
        _cleanup_error_ Error first = ERROR_INIT;
        _cleanup_free_ char *path = NULL;
        struct stat st;
        bool accepted = false;
        int r = load_policy(&policy, error);

        if (r < 0)
                return r;
        if (fstat(fd, &st) < 0)
                return error_set_errno(error, errno, "Cannot use the archive");
        path = S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) ? path_of(fd) : NULL;
        FOREACH_ELEMENT(row, rows) {
                char *refused;

                if (row->directory != S_ISDIR(st.st_mode))
                        continue;
                if (policy_for_file(policy, row->transport, path, &first) >= 0) {
                        accepted = true;
                        continue;
                }
                refused = str_printf("--refuse=%s", row->format);
                r = refused ? strv_consume(arguments, refused) : -ENOMEM;
                if (r < 0)
                        return r;
        }
        return accepted ? 0 : error_set(error, ERROR_REJECTED, "%s", strempty(first.message));
}

int image_policy_for_import(Error *error)
{
        _cleanup_policy_ Policy *policy = NULL;
        int r = load_policy(&policy, error);

        return r < 0 ? r : policy_for_file(policy, "tarball", NULL, error);
}
