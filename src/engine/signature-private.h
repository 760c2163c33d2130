/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Between the files of signature. Each of the two ways says whether bytes were signed by one of the keys;
 * what the bytes say is for signature.c. */

#include "engine/signature.h"

/* A key ring of its own with these keys (Base64 of exported ones) and nothing else. */
typedef struct KeyRing KeyRing;

KeyRing *key_ring_free(KeyRing *k);
DEFINE_CLEANUP(KeyRing *, key_ring_free)
int key_ring_new(char *const *keys, KeyRing **ret, Error *error);
/* The payload of a message that is signed once, validly, now, by a key of the ring. Anything else is
 * ERROR_REJECTED. */
int key_ring_verify(KeyRing *k, const void *message, size_t size, char **ret_payload, size_t *ret_size,
                    Error *error);

/* Whether the signature (Base64) of the payload is by one of the keys (Base64 of PEM). */
int sigstore_verify(char *const *keys, const void *payload, size_t size, const char *signature, Error *error);
