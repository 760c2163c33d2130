/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* containers-policy.json(5): which images are wanted at all, and by whom they have to be signed. Whatever is
 * not understood rejects. */

#include "base/json.h"
#include "spec/error.h"
#include "spec/image-ref.h"

#define POLICY_FILE "/etc/containers/policy.json"
#define POLICY_FILE_DEFAULT BERTH_DATA_DIR "/policy.json" /* ours, when that is missing */

typedef struct Policy Policy;

Policy *policy_free(Policy *p);
DEFINE_CLEANUP(Policy *, policy_free)
#define _cleanup_policy_ _cleanup_(policy_freep)

/* path NULL: POLICY_FILE, else POLICY_FILE_DEFAULT. A file that is missing or wrong is ERROR_REJECTED:
 * nothing is accepted by accident. */
int policy_load(const char *path, Policy **ret, Error *error);

/* What images of a registry have to fulfil. *ret NULL: nothing; otherwise an object for FetchOrder.policy
 * with the keys themselves in it instead of their paths, which engine/signature reads. ERROR_REJECTED: the
 * policy does not want it, whatever its signatures are. */
int policy_for_registry(const Policy *p, const ImageRef *ref, json_t **ret, Error *error);
/* The same of files: transport is "oci", "oci-archive", "docker-archive", "dir", ...; path is absolute
 * without symlinks, or NULL when it is not known (then only the transport's default and the policy's default
 * count). These images have no signatures: all that is not accepted without one is rejected. */
int policy_for_file(const Policy *p, const char *transport, const char *path, Error *error);

/* The scopes that an image of a registry belongs to, the closest first: itself, its repository, the parents
 * of that, the host, wild cards of domains. */
int policy_scopes(const ImageRef *ref, char ***ret);

/* The requirements of an object that policy_for_registry() made, for who checks them. */
typedef enum RequirementType {
        REQUIREMENT_SIGNED_BY,
        REQUIREMENT_SIGSTORE_SIGNED,
        _REQUIREMENT_TYPE_MAX,
        _REQUIREMENT_TYPE_INVALID = -EINVAL,
} RequirementType;

typedef struct Requirement {
        RequirementType type;
        char **keys;      /* Base64: key rings, or PEM public keys; any of them will do */
        json_t *identity; /* for requirement_identity_matches() */
} Requirement;

void requirement_done(Requirement *r);
#define _cleanup_requirement_ _cleanup_(requirement_done)
/* -EBADMSG: not such an object. */
int requirement_read(const json_t *v, Requirement *ret);

/* Whether signed, the reference that a signature names, is what is wanted of the image that the user calls
 * ref. *ret_why is static. */
bool requirement_identity_matches(const json_t *identity, const ImageRef *ref, const char *is_signed,
                                  const char **ret_why);
