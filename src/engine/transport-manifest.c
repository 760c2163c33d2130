/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What transports with manifests share: a document is read as a blob, checked against its descriptor, and
 * becomes an image whose layers are blobs again. Where a blob lies, the transport says. */

#include "base/str.h"
#include "engine/transport.h"

int transport_read_blob(Bundle *b, BlobMember blob, const Descriptor *d, char **ret, size_t *ret_size,
                        Error *error)
{
        _cleanup_free_ char *member = blob(d->digest), *text = NULL;
        char digest[DIGEST_TEXT_SIZE];
        size_t size;
        int r = member ? bundle_read_member(b, member, &text, &size, error) : -ENOMEM;

        if (r >= 0)
                r = digest_of(text, size, digest);
        if (r < 0)
                return r;
        if (size != d->size || !streq(digest, d->digest))
                return error_set(error, ERROR_BAD_DIGEST, "Blob %s has %zu bytes and the digest %s",
                                 d->digest, size, digest);
        *ret = TAKE_PTR(text);
        *ret_size = size;
        return 0;
}

/* podman's "docker-dir" calls layers gzip that it leaves plain. A blob that is not there, because its layer
 * is in the store already, is whatever was said. */
static Coding actual_coding(Bundle *b, const char *member, Coding said)
{
        _cleanup_(stream_closep) Stream *in = NULL;
        const void *data = "";
        uint64_t size;
        ssize_t n;

        if (said != CODING_GZIP || bundle_open_member(b, member, &in, &size, NULL) < 0)
                return said;
        n = stream_read(in, &data, NULL);
        return n > 0 && coding_from_magic(data, (size_t) n) == CODING_NONE ? CODING_NONE : said;
}

static int take_layers(Bundle *b, TransportImage *image, const Manifest *m, BlobMember blob,
                       const char *digest, Error *error)
{
        if (m->n != strv_length(image->config->diff_ids))
                return error_set(error, ERROR_BAD_ARCHIVE,
                                 "Manifest %s: its layers are not those of the configuration", digest);
        image->layers = calloc(m->n + 1, sizeof(*image->layers));
        if (!image->layers)
                return -ENOMEM;
        for (size_t i = 0; i < m->n; i++) {
                TransportLayer *l = &image->layers[image->n_layers++];
                int r;

                l->size = m->list[i].size;
                l->coding = m->list[i].coding;
                l->member = blob(m->list[i].digest);
                r = l->member ? str_replace(&l->digest, m->list[i].digest) : -ENOMEM;
                if (r < 0)
                        return r;
                if (m->family == MEDIA_DOCKER)
                        l->coding = actual_coding(b, l->member, l->coding);
        }
        return 0;
}

static int take_config(Bundle *b, TransportImage *image, const Manifest *m, BlobMember blob, Error *error)
{
        size_t size;
        char *text;
        int r = transport_read_blob(b, blob, &m->config, &text, &size, error);

        return r < 0 ? r : transport_take_config(image, text, size, m->config.digest, error);
}

int transport_take_manifest(Bundle *b, BlobMember blob, const Manifest *m, const char *digest, char *text,
                            size_t size, TransportImages *images, Error *error)
{
        TransportImage *image;
        int r = transport_images_add(images, &image, error);

        if (r < 0) {
                free(text);
                return r;
        }
        image->manifest_text = text;
        image->manifest_size = size;
        r = take_config(b, image, m, blob, error);
        if (r >= 0)
                r = take_layers(b, image, m, blob, digest, error);
        return r < 0 ? r : str_replace(&image->config->digest, digest);
}
