/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The OCI image layout, as a directory (oci:) or in a tar archive (oci-archive:). index.json lists manifests,
 * or indexes that list manifests; a blob is found by its digest and nothing else. */

#include "base/str.h"
#include "engine/transport.h"

#define INDEX_FILE "index.json"

typedef struct Layout {
        Bundle *bundle;
        const Platform *platform;
        TransportImages *images;
        Error *error;
} Layout;

static bool oci_probe(Bundle *b)
{
        return bundle_has(b, INDEX_FILE);
}

static char *blob_member(const char *digest)
{
        return str_printf("blobs/sha256/%s", digest + strlen("sha256:"));
}

/* The document that d describes. */
static int read_document(const Layout *l, const Descriptor *d, Manifest *ret, char **ret_text,
                         size_t *ret_size)
{
        _cleanup_free_ char *text = NULL;
        int r = transport_read_blob(l->bundle, blob_member, d, &text, ret_size, l->error);

        if (r >= 0)
                r = manifest_parse(text, *ret_size, d->digest, d->media_type, ret, l->error);
        if (r < 0)
                return r;
        *ret_text = TAKE_PTR(text);
        return 0;
}

/* Follows an entry to the manifest of an image; in an index its entries are one image's platforms. */
static int read_entry(const Layout *l, const Descriptor *entry, const char *name)
{
        _cleanup_manifest_ Manifest m = {};
        _cleanup_free_ char *text = NULL;
        char digest[DIGEST_TEXT_SIZE];
        const Descriptor *d = entry;
        size_t size, i;
        int r;

        for (unsigned depth = 0;; depth++) {
                _cleanup_manifest_ Manifest next = {};

                free(TAKE_PTR(text));
                r = read_document(l, d, &next, &text, &size);
                if (r < 0)
                        return r;
                (void) strcpy(digest, d->digest);
                manifest_done(&m); /* which d was part of */
                m = TAKE(next, (Manifest){});
                if (m.type == MEDIA_MANIFEST)
                        break;
                if (depth >= INDEX_DEPTH_MAX)
                        return error_set(l->error, ERROR_LIMIT, "The archive's indexes nest deeper than %u",
                                         INDEX_DEPTH_MAX);
                r = manifest_choose(&m, digest, l->platform, &i, l->error);
                if (r < 0)
                        return r;
                d = &m.list[i];
        }
        r = transport_take_manifest(l->bundle, blob_member, &m, digest, TAKE_PTR(text), size, l->images,
                                    l->error);
        if (r >= 0 && name)
                r = transport_add_name(&l->images->list[l->images->n - 1], name, l->error);
        return r;
}

/* Where several entries are one name's, or nobody's, they are its platforms: what fits best is taken. An
 * image alone is taken whatever it is for, unless a platform was asked for. */
static bool is_chosen(const Layout *l, const Manifest *index, size_t i, bool strict)
{
        const Descriptor *d = &index->list[i], *other;
        int rank = platform_rank(l->platform, d->os, d->architecture, d->variant);

        if (rank < 0 && strict)
                return false;
        for (other = index->list; other < index->list + index->n; other++) {
                int theirs = platform_rank(l->platform, other->os, other->architecture, other->variant);

                if (other == d || !streq_ptr(other->name, d->name))
                        continue;
                if (rank < 0 ||
                    (theirs >= 0 && other->architecture && (theirs < rank || (theirs == rank && other < d))))
                        return false;
        }
        return true;
}

static int read_images(const Layout *l, const Manifest *index, bool strict)
{
        _cleanup_free_ char *text = NULL;
        size_t before = l->images->n;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < index->n; i++)
                if (is_chosen(l, index, i, strict))
                        r = read_entry(l, &index->list[i], index->list[i].name);
        if (r < 0 || l->images->n > before)
                return r;
        text = platform_text(l->platform);
        return error_set(l->error, ERROR_BAD_ARCHIVE, "The archive holds no image for %s", strempty(text));
}

static int oci_read(Bundle *b, const Platform *platform, bool strict, TransportImages *images, Error *error)
{
        const Layout l = {b, platform, images, error};
        _cleanup_manifest_ Manifest index = {};
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r = bundle_read_member(b, INDEX_FILE, &text, &size, error);

        if (r >= 0)
                r = manifest_parse(text, size, INDEX_FILE,
                                   media_type_to_string(MEDIA_INDEX, MEDIA_OCI, CODING_NONE), &index, error);
        return r < 0 ? r : read_images(&l, &index, strict);
}

const Transport transport_oci = {
        .name = "oci-archive",
        .probe = oci_probe,
        .read = oci_read,
};
