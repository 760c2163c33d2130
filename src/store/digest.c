/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* libcrypto behind a small door. Its failures are those of memory. */

#include <openssl/evp.h>
#include <pthread.h>

#include "store/digest.h"

struct Digest {
        EVP_MD_CTX *context;
};

static EVP_MD *algorithm;

static void find_algorithm(void)
{
        algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
}

/* Looked up once: libcrypto would do it for each of a layer's files. NULL: out of memory. */
static const EVP_MD *sha256(void)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;

        (void) pthread_once(&once, find_algorithm);
        return algorithm;
}

Digest *digest_free(Digest *d)
{
        if (d)
                EVP_MD_CTX_free(d->context);
        free(d);
        return NULL;
}

Digest *digest_new(void)
{
        _cleanup_(digest_freep) Digest *d = calloc(1, sizeof(*d));

        if (!d)
                return NULL;
        d->context = EVP_MD_CTX_new();
        return d->context && digest_reset(d) >= 0 ? TAKE_PTR(d) : NULL;
}

int digest_reset(Digest *d)
{
        const EVP_MD *md = sha256();

        return md && EVP_DigestInit_ex2(d->context, md, NULL) == 1 ? 0 : -ENOMEM;
}

int digest_update(Digest *d, const void *data, size_t size)
{
        return EVP_DigestUpdate(d->context, data, size) == 1 ? 0 : -ENOMEM;
}

static void sum_text(const unsigned char sum[static 32], char ret[static DIGEST_TEXT_SIZE])
{
        char *p = stpcpy(ret, "sha256:");

        for (size_t i = 0; i < 32; i++, p += 2)
                (void) snprintf(p, 3, "%02x", sum[i]);
}

int digest_text(const Digest *d, char ret[static DIGEST_TEXT_SIZE])
{
        EVP_MD_CTX *copy = EVP_MD_CTX_new();
        unsigned char sum[EVP_MAX_MD_SIZE];
        bool done =
                copy && EVP_MD_CTX_copy_ex(copy, d->context) == 1 && EVP_DigestFinal_ex(copy, sum, NULL) == 1;

        EVP_MD_CTX_free(copy);
        if (!done)
                return -ENOMEM;
        sum_text(sum, ret);
        return 0;
}

int digest_finish(Digest *d, uint8_t ret[static DIGEST_SIZE])
{
        return EVP_DigestFinal_ex(d->context, ret, NULL) == 1 ? 0 : -ENOMEM;
}

int digest_of(const void *data, size_t size, char ret[static DIGEST_TEXT_SIZE])
{
        unsigned char sum[EVP_MAX_MD_SIZE];

        if (EVP_Digest(data, size, sum, NULL, EVP_sha256(), NULL) != 1)
                return -ENOMEM;
        sum_text(sum, ret);
        return 0;
}
