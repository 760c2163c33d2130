/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A sigstore signature by a key: over the bytes of the payload with SHA-256 (Ed25519 has its own digest). */

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/base64.h"
#include "engine/signature-private.h"

#define EC_BITS_MIN 256
#define RSA_BITS_MIN 2048

static void key_freep(EVP_PKEY **k)
{
        EVP_PKEY_free(*k);
}

static void context_freep(EVP_MD_CTX **c)
{
        EVP_MD_CTX_free(*c);
}

static bool is_strong(EVP_PKEY *key)
{
        switch (EVP_PKEY_get_base_id(key)) {
        case EVP_PKEY_EC:
                return EVP_PKEY_get_bits(key) >= EC_BITS_MIN;
        case EVP_PKEY_RSA:
                return EVP_PKEY_get_bits(key) >= RSA_BITS_MIN;
        default:
                return EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519;
        }
}

static int read_key(const char *text, EVP_PKEY **ret, Error *error)
{
        _cleanup_free_ void *pem = NULL;
        EVP_PKEY *key;
        size_t size;
        BIO *bio;

        if (base64_decode(text, &pem, &size) < 0 || size > INT32_MAX)
                return error_set(error, ERROR_REJECTED, "the policy's key is not Base64");
        bio = BIO_new_mem_buf(pem, (int) size);
        if (!bio)
                return -ENOMEM;
        key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
        BIO_free(bio);
        ERR_clear_error();
        if (!key)
                return error_set(error, ERROR_REJECTED, "the policy's key is not a public key in PEM form");
        *ret = key;
        return 0;
}

/* 1: by this key, 0: not. */
static int verify_one(const char *text, const void *payload, size_t size, const void *signature,
                      size_t signature_size, Error *error)
{
        _cleanup_(key_freep) EVP_PKEY *key = NULL;
        _cleanup_(context_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
        int r = context ? read_key(text, &key, error) : -ENOMEM, ok;

        if (r < 0)
                return r;
        if (!is_strong(key))
                return error_set(
                        error, ERROR_REJECTED,
                        "the policy's key is neither ECDSA of 256 bits, RSA of 2048 bits, nor Ed25519");
        ok = EVP_DigestVerifyInit(context, NULL,
                                  EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256(), NULL,
                                  key);
        if (ok == 1)
                ok = EVP_DigestVerify(context, signature, signature_size, payload, size);
        ERR_clear_error();
        return ok == 1;
}

int sigstore_verify(char *const *keys, const void *payload, size_t size, const char *signature, Error *error)
{
        _cleanup_free_ void *bytes = NULL;
        size_t n;

        if (!signature || base64_decode(signature, &bytes, &n) < 0 || n == 0)
                return error_set(error, ERROR_REJECTED, "the signature is not Base64");
        for (; *keys; keys++) {
                int r = verify_one(*keys, payload, size, bytes, n, error);

                if (r != 0)
                        return r < 0 ? r : 0;
        }
        return error_set(error, ERROR_REJECTED, "it is not signed by the policy's key");
}
