/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a policy wants to be signed is refused while nobody here can check signatures. */

#include "engine/registry-private.h"

int registry_check_signatures(Registry *g, Http *h, const char *digest, Error *error)
{
        if (!g->order->policy)
                return 0;
        return error_set(error, ERROR_NOT_SUPPORTED,
                         "The policy wants the image to be signed, and signatures cannot be checked yet");
}
