/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* remove and sweep: the same work, for the daemon takes an image away by renaming it to a hidden name. */

#include "base/str.h"
#include "prog/pull.h"
#include "spec/name.h"

int pull_collect(Pull *p, StoreLock mode)
{
        _cleanup_strv_ char **leftovers = NULL, **needed = NULL;
        _cleanup_(image_store_closep) ImageStore *store = NULL;
        int r = image_dir_leftovers(p->images, &leftovers, &p->error);

        if (r < 0 || strv_length(leftovers) == 0)
                return r;
        r = image_store_open(p->state, mode, &store, &p->error);
        if (r < 0)
                return r;
        /* Others may have come and gone while we waited. */
        leftovers = strv_free(leftovers);
        r = image_dir_leftovers(p->images, &leftovers, &p->error);
        if (r >= 0)
                r = image_dir_layers(p->images, &needed, &p->error);
        if (r >= 0)
                r = image_store_collect(store, needed, &p->error);
        STRV_FOREACH(name, leftovers)
                if (r >= 0)
                        r = image_dir_remove(p->images, *name, &p->error);
        return r;
}

int pull_remove(Pull *p, char **arguments)
{
        STRV_FOREACH(id, arguments)
                if (!id_is_valid(*id))
                        return error_set(&p->error, ERROR_INVALID_ARGUMENT, "\"%s\" is not an image ID", *id);
        return pull_collect(p, STORE_COLLECT);
}

int pull_sweep(Pull *p, char **arguments)
{
        return pull_collect(p, STORE_COLLECT);
}
