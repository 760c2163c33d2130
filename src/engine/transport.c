/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table of transports, and what they share. */

#include "base/str.h"
#include "engine/transport.h"
#include "spec/image-ref.h"

/* Docker writes archives that are both; the layout names a digest for every blob. */
static const Transport *const transports[] = {
        &transport_oci,
        &transport_dir,
        &transport_docker_archive,
};

static void image_done(TransportImage *i)
{
        for (size_t n = 0; n < i->n_layers; n++) {
                free(i->layers[n].member);
                free(i->layers[n].digest);
        }
        free(i->layers);
        image_config_free(i->config);
        free(i->config_text);
        free(i->manifest_text);
        strv_free(i->names);
}

void transport_images_done(TransportImages *images)
{
        for (size_t i = 0; i < images->n; i++)
                image_done(&images->list[i]);
        free(images->list);
        *images = (TransportImages){};
}

int transport_images_add(TransportImages *images, TransportImage **ret, Error *error)
{
        TransportImage *list;

        if (images->n >= TRANSPORT_IMAGES_MAX)
                return error_set(error, ERROR_LIMIT, "The archive has more than %u images",
                                 TRANSPORT_IMAGES_MAX);
        list = reallocarray(images->list, images->n + 1, sizeof(*list));
        if (!list)
                return -ENOMEM;
        images->list = list;
        list[images->n] = (TransportImage){};
        *ret = &list[images->n++];
        return 0;
}

int transport_take_config(TransportImage *image, char *text, size_t size, const char *digest, Error *error)
{
        _cleanup_json_ json_t *document = NULL;
        _cleanup_free_ char *reason = NULL;
        char actual[DIGEST_TEXT_SIZE];
        int r;

        image->config_text = text;
        image->config_size = size;
        r = digest_of(text, size, actual);
        if (r < 0)
                return r;
        if (digest && !streq(digest, actual))
                return error_set(
                        error, ERROR_BAD_DIGEST,
                        "The image configuration has the digest %s, not the one that was promised (%s)",
                        actual, digest);
        r = json_parse(text, size, &document, &reason);
        if (r == -EBADMSG)
                return error_set(error, ERROR_BAD_ARCHIVE, "The image configuration is not valid JSON: %s",
                                 strempty(reason));
        if (r >= 0)
                r = image_config_from_oci(document, &image->config, error);
        return r < 0 ? r : str_replace(&image->config->id, actual + strlen("sha256:"));
}

int transport_add_name(TransportImage *image, const char *name, Error *error)
{
        _cleanup_free_ char *canonical = NULL;
        const char *reason = NULL;
        int r = image_ref_normalize(name, &canonical, &reason);

        if (r == -EINVAL)
                return error_set(error, ERROR_BAD_ARCHIVE, "The archive names its image \"%s\": %s", name,
                                 strempty(reason));
        if (r < 0 || strv_contains(image->names, canonical))
                return r;
        return strv_consume(&image->names, TAKE_PTR(canonical));
}

/* Decoders look for their own magic; data that should be plain has nobody who looks. */
static int check_coding(Bundle *b, const TransportLayer *l, Error *error)
{
        _cleanup_(stream_closep) Stream *in = NULL;
        const void *data = "";
        uint64_t size;
        Coding coding;
        ssize_t n;
        int r = bundle_open_member(b, l->member, &in, &size, error);

        if (r < 0)
                return r;
        n = stream_read(in, &data, error);
        if (n < 0)
                return (int) n;
        coding = coding_from_magic(data, (size_t) n);
        if (coding == l->coding || n == 0)
                return 0;
        return error_set(error, ERROR_BAD_ARCHIVE,
                         "Layer \"%s\" is compressed with %s, though its media type says %s", l->member,
                         coding_to_string(coding), coding_to_string(l->coding));
}

int transport_open_layer(Bundle *b, const TransportLayer *l, Stream **ret, Error *error)
{
        uint64_t size;
        int r = check_coding(b, l, error);

        return r < 0 ? r : bundle_open_member(b, l->member, ret, &size, error);
}

/* One image under two names is listed twice in a layout. */
static int merge_same(TransportImages *images)
{
        for (size_t i = 0; i < images->n; i++)
                for (size_t j = i + 1; j < images->n;) {
                        TransportImage *first = &images->list[i], *same = &images->list[j];
                        int r = 0;

                        if (!streq(first->config->id, same->config->id)) {
                                j++;
                                continue;
                        }
                        STRV_FOREACH(name, same->names)
                                if (r >= 0 && !strv_contains(first->names, *name))
                                        r = strv_append(&first->names, *name);
                        if (r < 0)
                                return r;
                        image_done(same);
                        memmove(same, same + 1, (images->n - j - 1) * sizeof(*same));
                        images->n--;
                }
        return 0;
}

static int read_all(Bundle *b, const Platform *want, bool strict, TransportImages *images, Error *error)
{
        FOREACH_ELEMENT(t, transports) {
                int r;

                if (!(*t)->probe(b))
                        continue;
                r = (*t)->read(b, want, strict, images, error);
                if (r >= 0)
                        r = merge_same(images);
                if (r >= 0 && images->n == 0)
                        r = error_set(error, ERROR_BAD_ARCHIVE, "The archive holds no image");
                return r;
        }
        return error_set(
                error, ERROR_BAD_ARCHIVE,
                "This is not an image archive: it has neither an \"index.json\" nor a \"manifest.json\"");
}

const char *transport_name(Bundle *b)
{
        FOREACH_ELEMENT(t, transports)
                if ((*t)->probe(b))
                        return (*t)->name;
        return NULL;
}

int transport_read(Bundle *b, const Platform *want, TransportImages *ret, Error *error)
{
        _cleanup_transport_images_ TransportImages images = {};
        _cleanup_platform_ Platform host = {};
        int r = platform_host(&host);

        if (r >= 0)
                r = read_all(b, want ? want : &host, want, &images, error);
        if (r < 0)
                return r;
        *ret = TAKE(images, (TransportImages){});
        return 0;
}
