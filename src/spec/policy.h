/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* containers-policy.json(5): which images are wanted at all, and by whom they have to be signed; and
 * containers-registries.d(5), which says where signatures lie. Whatever is not understood rejects. */

#include "spec/image-ref.h"
#include "spec/error.h"
#include "base/json.h"

#define POLICY_FILE "/etc/containers/policy.json"
#define POLICY_REGISTRIES_DIR "/etc/containers/registries.d"

typedef struct Policy Policy;

Policy *policy_free(Policy *p);
DEFINE_CLEANUP(Policy *, policy_free)
#define _cleanup_policy_ _cleanup_(policy_freep)

/* path NULL: POLICY_FILE. A file that is missing or wrong is an error: whoever wants everything accepted says
 * so in a file, as Debian's containers-common does. */
int policy_load(const char *path, Policy **ret, Error *error);

/* What images of a registry have to fulfil. *ret NULL: nothing; otherwise an object for FetchOrder.policy
 * with the keys themselves in it instead of their paths, which signature_verify() reads. ERROR_REJECTED: the
 * policy does not want it, whatever its signatures are. */
int policy_for_registry(const Policy *p, const ImageRef *ref, json_t **ret, Error *error);
/* The same of files: transport is "oci", "oci-archive", "docker-archive", "dir", ...; path is absolute
 * without symlinks, or NULL when it is not known (then only the transport's default and the policy's default
 * count). These images have no signatures: all that is not accepted without one is rejected. */
int policy_for_file(const Policy *p, const char *transport, const char *path, Error *error);

/* The lookaside URL for ref by *.yaml of the directory (NULL: POLICY_REGISTRIES_DIR), with the repository's
 * path appended as containers-signature says; NULL when there is none. ret_attachments:
 * use-sigstore-attachments. */
int policy_lookaside(const char *directory, const ImageRef *ref, char **ret, bool *ret_attachments,
                     Error *error);
