/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A file of registries: what is accepted leads names to registries, or says why not. */

#include <sys/mman.h>

#include "base/fs.h"
#include "base/str.h"
#include "fuzz.h"
#include "spec/registries.h"

static void check_endpoints(const Registries *r, const char *name)
{
        _cleanup_fetch_order_ FetchOrder *o = calloc(1, sizeof(FetchOrder));
        _cleanup_image_ref_ ImageRef ref = {};
        _cleanup_error_ Error error = ERROR_INIT;
        int k;

        MUST(o && image_ref_parse(name, &ref, NULL) == 0 && ref.registry);
        k = registries_endpoints(r, &ref, FETCH_PULL, o, &error);
        MUST(k == 0 ? o->n_endpoints > 0 && o->n_endpoints <= FETCH_ENDPOINTS_MAX : error.kind != ERROR_NONE);
        for (size_t i = 0; i < o->n_endpoints && k == 0; i++)
                MUST(!strpbrk(o->endpoints[i].host, "/@ \n") && !strpbrk(o->endpoints[i].path, ":@ \n"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const names[] = {"web", "a/b", "a.example/foo/x:1", "example.com/foo/x",
                                            "x.b.example:5000/y"};
        _cleanup_registries_ Registries *r = NULL;
        _cleanup_error_ Error error = ERROR_INIT;
        char path[64];
        static int fd = -1;

        if (fd < 0)
                fd = memfd_create("registries", MFD_CLOEXEC);
        MUST(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t) size);
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        if (registries_load(path, &r, &error) < 0) {
                MUST(!r && error.message && !str_has_control(error.message));
                return 0;
        }
        FOREACH_ELEMENT(name, names) {
                _cleanup_strv_ char **list = NULL;
                _cleanup_error_ Error why = ERROR_INIT;
                bool choose;

                if (registries_resolve(r, *name, &list, &choose, &why) < 0) {
                        MUST(why.message);
                        continue;
                }
                MUST(strv_length(list) > 0);
                STRV_FOREACH(full, list)
                        check_endpoints(r, *full);
        }
        return 0;
}
