/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* From a name to an order for berth-fetch, by all the files that have a say: berth.conf, registries.conf,
 * policy.json, registries.d, certs.d and those with credentials. They are read anew each time, so that a
 * second try sees new credentials. What is forbidden ends here, before anybody is asked anything. */

#include "spec/fetch-order.h"

typedef struct FetchPlanRequest {
        FetchVerb verb;
        const char *reference;      /* normalised, with its registry; for catalog, search and check:
                                       "host[:port][/...]" */
        const json_t *credentials;  /* for auth_find_passed(), which come before those on file; may be NULL */
        const json_t *certificates; /* {"CA":, "ClientCertificate":, "ClientKey":}, for the registry itself;
                                       may be NULL */
        int tls_verify;             /* < 0: as registries.conf has it */
} FetchPlanRequest;

/* Fills in what is asked of whom: registry, path, tag or digest, endpoints, policy, lookaside, parallel,
 * retry. */
int fetch_plan(const FetchPlanRequest *request, FetchOrder **ret, Error *error);
