/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* readdir() and a sort. What an entry is shows when it is read. */

#include <dirent.h>

#include "base/conf-dir.h"
#include "base/str.h"

static void closedirp(DIR **d)
{
        if (*d)
                (void) closedir(*d);
}

static int compare(const void *a, const void *b)
{
        return strcmp(*(char *const *) a, *(char *const *) b);
}

int conf_dir_list(const char *path, const char *suffix, char ***ret)
{
        _cleanup_(closedirp) DIR *d = opendir(path);
        _cleanup_strv_ char **names = NULL;
        struct dirent *e;
        size_t n = 0;

        if (!d && errno != ENOENT && errno != ENOTDIR)
                return -errno;
        while (d && (errno = 0, e = readdir(d))) {
                if (!endswith(e->d_name, suffix) || streq(e->d_name, ".") || streq(e->d_name, ".."))
                        continue;
                if (n++ >= CONF_DIR_FILES_MAX)
                        return -E2BIG;
                if (strv_append(&names, e->d_name) < 0)
                        return -ENOMEM;
        }
        if (errno != 0 && d)
                return -errno;
        if (n > 0)
                qsort(names, n, sizeof(char *), compare);
        *ret = TAKE_PTR(names);
        return 0;
}
