/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What containers-registries.conf(5) says about names and hosts: which full names a
 * short one may mean, and where an image of a full name is asked for. Nothing here talks to anybody: a
 * blocked registry ends here. */

#include "spec/fetch-order.h"
#include "spec/image-ref.h"

#define REGISTRIES_CONF "/etc/containers/registries.conf"

typedef struct Registries Registries;

Registries *registries_free(Registries *r);
DEFINE_CLEANUP(Registries *, registries_free)
#define _cleanup_registries_ _cleanup_(registries_freep)

/* Reads the file and PATH.d/ *.conf in the order of their names, each over what came before. path NULL:
 * that of berth.conf, else REGISTRIES_CONF, which may be missing; a path that somebody gave may not.
 * ERROR_INVALID_ARGUMENT names file and place of a mistake. */
int registries_load(const char *path, Registries **ret, Error *error);

typedef enum ShortNameMode {
        SHORT_NAME_PERMISSIVE, /* ask on a terminal, try all without one */
        SHORT_NAME_ENFORCING,  /* ask on a terminal, fail without one */
        SHORT_NAME_DISABLED,   /* never ask, try all */
        _SHORT_NAME_MODE_MAX,
        _SHORT_NAME_MODE_INVALID = -EINVAL,
} ShortNameMode;

ShortNameMode registries_short_name_mode(const Registries *r);
/* Host names, in the order in which they are tried: also those that "search" asks. Borrowed. */
char *const *registries_search(const Registries *r);

/* The full names (normalised) to pull, in the order in which to try them: one for a name with a registry or
 * an alias, one per search registry else. ret_choose not NULL: there is a terminal, and true means that the
 * user shall choose one of several. NULL: no terminal; several in enforcing mode are ERROR_AMBIGUOUS. No
 * registry to search: ERROR_INVALID_ARGUMENT. */
int registries_resolve(const Registries *r, const char *name, char ***ret_names, bool *ret_choose,
                       Error *error);

/* Adds to o->endpoints where to ask for ref (its registry, and its path if it has one), without credentials
 * and certificates: for a pull the mirrors that are meant for it and the rewritten location, for everything
 * else the registry itself, as containers-registries.conf says of pushes. The host "docker.io" stays as it
 * is. ERROR_REJECTED: the registry is blocked. */
int registries_endpoints(const Registries *r, const ImageRef *ref, FetchVerb verb, FetchOrder *o,
                         Error *error);

/* "containers-auth.json" for the files, otherwise NAME of docker-credential-NAME; in the order in which they
 * are asked. Borrowed, empty when nothing is said. */
char *const *registries_credential_helpers(const Registries *r);
