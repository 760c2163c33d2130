/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reading is spec/launch's; here is what only the place decides. */

#include <fcntl.h>
#include <limits.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/str.h"
#include "exec/oci-bundle.h"

void bundle_done(Bundle *b)
{
        free(b->path);
        free(b->text);
        launch_free(b->launch);
        *b = (Bundle){};
}

static int parse(const char *name, const char *text, size_t size, Launch **ret, Error *error)
{
        _cleanup_json_ json_t *v = NULL;
        _cleanup_free_ char *what = NULL;
        int r = json_parse(text, size, &v, &what);

        if (r < 0)
                return error_set(error, ERROR_INVALID_ARGUMENT, "Cannot parse %s: %s", name,
                                 what ?: strerror(-r));
        return launch_from_json(v, ret, error);
}

static int read_file(int dir, const char *name, char **ret, size_t *ret_size, Error *error)
{
        int r = fs_read_at(dir, name, JSON_SIZE_MAX, ret, ret_size);

        return r < 0 ? error_set_errno(error, r, "Cannot read %s", name) : 0;
}

int bundle_read(int dir, const char *name, Launch **ret, Error *error)
{
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        int r;

        r = read_file(dir, name, &text, &size, error);
        return r < 0 ? r : parse(name, text, size, ret, error);
}

static int make_absolute(const char *bundle, char **path, Error *error)
{
        char *full;

        if (!*path || **path == '/')
                return 0;
        full = str_printf("%s/%s", bundle, *path);
        if (!full)
                return error_set_errno(error, ENOMEM, "Paths of the bundle");
        free(TAKE(*path, full));
        return 0;
}

static bool is_bind(const LaunchMount *m)
{
        return streq_ptr(m->type, "bind") || strv_contains(m->options, "bind") ||
               strv_contains(m->options, "rbind");
}

static int place(Bundle *b, Error *error)
{
        char resolved[PATH_MAX];
        Launch *l = b->launch;
        int r;

        if (!l->root_path)
                return error_set(error, ERROR_INVALID_ARGUMENT, "The configuration has no root");
        r = make_absolute(b->path, &l->root_path, error);
        if (r < 0)
                return r;
        if (!realpath(l->root_path, resolved))
                return error_set_errno(error, errno, "Cannot find the root directory %s", l->root_path);
        if (str_replace(&l->root_path, resolved) < 0)
                return error_set_errno(error, ENOMEM, "Paths of the bundle");
        for (size_t i = 0; r >= 0 && i < l->n_mounts; i++)
                if (is_bind(&l->mounts[i]))
                        r = make_absolute(b->path, &l->mounts[i].source, error);
        return r;
}

int bundle_open(const Oci *o, Bundle *ret, Error *error)
{
        const char *dir = o->value[OCI_BUNDLE] ?: ".", *name = o->value[OCI_CONFIG] ?: LAUNCH_FILE;
        _cleanup_bundle_ Bundle b = {};
        int r;

        if (chdir(dir) < 0)
                return error_set_errno(error, errno, "Cannot enter the bundle %s", dir);
        b.path = realpath(".", NULL);
        if (!b.path)
                return error_set_errno(error, errno, "Cannot find the bundle %s", dir);
        r = read_file(AT_FDCWD, name, &b.text, &b.size, error);
        if (r >= 0)
                r = parse(name, b.text, b.size, &b.launch, error);
        if (r >= 0)
                r = place(&b, error);
        if (r < 0)
                return r;
        *ret = TAKE(b, (Bundle){});
        return 0;
}
