/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Whether an image is signed as a policy wants it. The policy is what policy_for_registry() made; the
 * signatures are bytes of strangers that somebody fetched. Simple signing (containers-signature(5)) is
 * checked by GnuPG in a key ring of its own that holds only the policy's keys, sigstore signatures by
 * libcrypto. No answer but 0 means accepted. */

#include "base/json.h"
#include "spec/error.h"
#include "spec/image-ref.h"

#define SIGNATURE_SIZE_MAX (1U * 1024 * 1024)
#define SIGNATURES_MAX 128U
#define SIGSTORE_PAYLOAD_TYPE "application/vnd.dev.cosign.simplesigning.v1+json"
#define SIGSTORE_ANNOTATION "dev.cosignproject.cosign/signature"

typedef enum SignatureKind {
        SIGNATURE_SIMPLE,   /* LOOKASIDE@sha256=HEX/signature-N, N from 1 until one is missing */
        SIGNATURE_SIGSTORE, /* a layer of SIGSTORE_PAYLOAD_TYPE of the image REPOSITORY:sha256-HEX.sig */
        _SIGNATURE_KIND_MAX,
} SignatureKind;

typedef struct Signature {
        SignatureKind kind;
        const void *data; /* the OpenPGP message, or the payload that was signed */
        size_t size;
        const char *signature; /* sigstore: the layer's SIGSTORE_ANNOTATION, Base64 */
} Signature;

/* Which kinds are worth fetching, as bits 1 << kind; 0: none (policy NULL, or one that no signature can
 * fulfil). */
unsigned signature_kinds(const json_t *policy);

/* Whether the manifest with that digest, which the caller computed from its bytes, may be used as ref: what
 * the user asked for, with tag or digest ("latest" is said). Signatures are made for the manifest of one
 * platform, as the tools of containers/image do, or for an index: both may be tried. ERROR_REJECTED says why
 * not.
 *
 * Starts gpg for simple signing, with files of its own in $TMPDIR or /tmp; SIGPIPE has to be ignored. */
int signature_verify(const json_t *policy, const ImageRef *ref, const char *manifest_digest,
                     const Signature *signatures, size_t n, Error *error);
