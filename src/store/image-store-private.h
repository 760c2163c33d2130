/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the two halves of the image store share: image-store.c has objects and transactions,
 * image-store-layer.c has layers. Only they include this, and with it libostree. */

#include <ostree.h>

#include <openssl/evp.h>

#include "base/hashmap.h"
#include "store/image-store.h"

#define STORE_REF_PREFIX "layer/"
#define STORE_XATTRS_TYPE "a(ayay)"

struct ImageStore {
        int parent; /* holds the lock */
        OstreeRepo *repo;
        EVP_MD_CTX *hash;
        bool in_transaction;
        uint8_t (*recent)[OBJECT_SUM_SIZE]; /* some of the objects that the transaction wrote */
        Map *pending;                       /* layers without a ref yet: diff ID to commit */
        uint8_t mark_sum[OBJECT_SUM_SIZE];  /* the empty file that stands for every mark */
};

static inline void gerror_freep(GError **e)
{
        if (*e)
                g_error_free(*e);
}
#define _cleanup_gerror_ _cleanup_(gerror_freep)

static inline void variant_unrefp(GVariant **v)
{
        if (*v)
                g_variant_unref(*v);
}
#define _cleanup_variant_ _cleanup_(variant_unrefp)

static inline void gfreep(void *p)
{
        g_free(*(void **) p);
}
#define _cleanup_gfree_ _cleanup_(gfreep)

/* The errno that e stands for, after what was tried. libostree's own words are for those who know its
 * insides. */
int image_store_fail(Error *error, const GError *e, const char *what);

/* "layer/<hex>". NULL: out of memory. */
char *image_store_layer_ref(const char *diff_id);

/* NULL for none. */
GVariant *image_store_xattrs(const Attributes *a);
GVariant *image_store_xattrs_or_empty(GVariant *xattrs);
