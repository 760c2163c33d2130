/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The client of registries by the distribution specification of OCI, which Docker's API is the first version
 * of: what each verb of berth-fetch does. Nothing in here reads configuration; the order has it all. */

#include "engine/progress.h"
#include "spec/fetch-order.h"

#define REGISTRY_LIST_MAX 100000U /* tags or repositories */

/* Fetches the image into dir, an OCI layout that may hold parts of it from an earlier attempt.
 * {"Digest","ListDigest","Unchanged"} */
int registry_pull(const FetchOrder *order, int dir, Progress *progress, json_t **ret, Error *error);
/* Brings the one image of the layout to the registry. {"Digest"} */
int registry_push(const FetchOrder *order, int dir, Progress *progress, json_t **ret, Error *error);
/* {"Tags":[]} */
int registry_tags(const FetchOrder *order, json_t **ret, Error *error);
/* {"Repositories":[]} */
int registry_catalog(const FetchOrder *order, json_t **ret, Error *error);
/* {"Results":[{"Name","Description","Stars","Official"}]} */
int registry_search(const FetchOrder *order, json_t **ret, Error *error);
/* Do the credentials open the door? {} */
int registry_check(const FetchOrder *order, json_t **ret, Error *error);
