/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The OCI image layout, as a directory (oci:) or in a tar archive (oci-archive:). index.json lists manifests,
 * or indexes that list manifests; a blob is found by its digest and nothing else. What a document is, its
 * descriptor says; the document must agree, in its media type and in its members: one that reads both as an
 * index and as a manifest would be two images with one digest. */

#include "base/parse.h"
#include "base/str.h"
#include "engine/transport.h"
#include "spec/image-ref.h"

#define INDEX_FILE "index.json"
#define INDEX_DEPTH_MAX 2
#define INDEX_ENTRIES_MAX 4096U

typedef enum MediaType {
        MEDIA_INDEX,
        MEDIA_MANIFEST,
        MEDIA_CONFIG,
        MEDIA_LAYER,
        MEDIA_FOREIGN_LAYER,
        _MEDIA_TYPE_MAX,
        _MEDIA_TYPE_INVALID = -EINVAL,
} MediaType;

#define OCI "application/vnd.oci.image."
#define DOCKER "application/vnd.docker."

static const struct {
        const char *name;
        MediaType type;
        Coding coding;
} media_types[] = {
        {OCI "index.v1+json", MEDIA_INDEX, CODING_NONE},
        {DOCKER "distribution.manifest.list.v2+json", MEDIA_INDEX, CODING_NONE},
        {OCI "manifest.v1+json", MEDIA_MANIFEST, CODING_NONE},
        {DOCKER "distribution.manifest.v2+json", MEDIA_MANIFEST, CODING_NONE},
        {OCI "config.v1+json", MEDIA_CONFIG, CODING_NONE},
        {DOCKER "container.image.v1+json", MEDIA_CONFIG, CODING_NONE},
        {OCI "layer.v1.tar", MEDIA_LAYER, CODING_NONE},
        {OCI "layer.v1.tar+gzip", MEDIA_LAYER, CODING_GZIP},
        {OCI "layer.v1.tar+zstd", MEDIA_LAYER, CODING_ZSTD},
        {DOCKER "image.rootfs.diff.tar", MEDIA_LAYER, CODING_NONE},
        {DOCKER "image.rootfs.diff.tar.gzip", MEDIA_LAYER, CODING_GZIP},
        {DOCKER "image.rootfs.diff.tar.zstd", MEDIA_LAYER, CODING_ZSTD},
        {OCI "layer.nondistributable.v1.tar", MEDIA_FOREIGN_LAYER, CODING_NONE},
        {OCI "layer.nondistributable.v1.tar+gzip", MEDIA_FOREIGN_LAYER, CODING_GZIP},
        {OCI "layer.nondistributable.v1.tar+zstd", MEDIA_FOREIGN_LAYER, CODING_ZSTD},
        {DOCKER "image.rootfs.foreign.diff.tar.gzip", MEDIA_FOREIGN_LAYER, CODING_GZIP},
};

typedef struct Descriptor {
        const char *media_type;
        const char *digest;
        uint64_t size;
        MediaType type;
        Coding coding;
        const char *architecture; /* NULL: not said */
        const char *os;
        const char *variant;
        const char *name; /* suggested by an annotation */
        const json_t *json;
} Descriptor;

/* document is a digest, or the name of the index. */
static int bad(Error *error, const char *document, const char *what)
{
        return error_set(error, ERROR_BAD_ARCHIVE, "Manifest %s: %s", document, what);
}

static bool oci_probe(Bundle *b)
{
        return bundle_has(b, INDEX_FILE);
}

static MediaType media_type_from_string(const char *s, Coding *ret_coding)
{
        FOREACH_ELEMENT(row, media_types)
                if (streq_ptr(row->name, s)) {
                        *ret_coding = row->coding;
                        return row->type;
                }
        return _MEDIA_TYPE_INVALID;
}

/* containerd's annotation has the whole name, the image-spec's often the tag alone. */
static const char *suggested_name(const json_t *descriptor)
{
        const json_t *annotations = json_get_object(descriptor, "annotations");
        const char *name = json_get_string(annotations, "io.containerd.image.name");

        return !isempty(name) ? name : json_get_string(annotations, "org.opencontainers.image.ref.name");
}

static int read_descriptor(const json_t *v, const char *document, Descriptor *ret, Error *error)
{
        const json_t *platform = json_get_object(v, "platform"), *size = json_object_get(v, "size");
        Descriptor d = {
                .media_type = json_get_string(v, "mediaType"),
                .digest = json_get_string(v, "digest"),
                .architecture = json_get_string(platform, "architecture"),
                .os = json_get_string(platform, "os"),
                .variant = json_get_string(platform, "variant"),
                .name = suggested_name(v),
                .json = v,
        };

        if (!json_is_object(v) || !d.media_type)
                return bad(error, document, "a descriptor without a media type");
        if (!digest_is_valid(d.digest))
                return bad(error, document,
                           "a descriptor whose digest is not \"sha256:\" and 64 hexadecimal digits");
        if (!json_is_integer(size) || json_integer_value(size) < 0)
                return bad(error, document, "a descriptor without a size");
        if (json_object_get(v, "urls") && json_array_size(json_object_get(v, "urls")) > 0)
                return bad(error, document, "a blob that is to be fetched from elsewhere");
        d.size = (uint64_t) json_integer_value(size);
        d.type = media_type_from_string(d.media_type, &d.coding);
        *ret = d;
        return 0;
}

static char *blob_member(const char *digest)
{
        return str_printf("blobs/sha256/%s", digest + strlen("sha256:"));
}

/* Reads the blob and checks size and digest. */
static int read_blob(Bundle *b, const Descriptor *d, char **ret, size_t *ret_size, Error *error)
{
        _cleanup_free_ char *member = blob_member(d->digest), *text = NULL;
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

static int parse_document(const char *text, size_t size, const char *document, json_t **ret, Error *error)
{
        _cleanup_free_ char *reason = NULL;
        int r = json_parse(text, size, ret, &reason);

        if (r == -EBADMSG)
                return error_set(error, ERROR_BAD_ARCHIVE, "Manifest %s is not valid JSON: %s", document,
                                 strempty(reason));
        if (r >= 0 && !json_is_object(*ret))
                return bad(error, document, "is not an object");
        return r;
}

/* The document's own words about what it is, against what its descriptor said. */
static int check_kind(const json_t *v, const char *document, const char *media_type, MediaType type,
                      Error *error)
{
        const json_t *own = json_object_get(v, "mediaType");
        bool lists = json_object_get(v, "manifests"),
             describes = json_object_get(v, "layers") || json_object_get(v, "config");

        if (json_integer_value(json_object_get(v, "schemaVersion")) != 2)
                return bad(error, document, "its schema version is not 2");
        if (own && !json_is_null(own) && !streq_ptr(json_string_value(own), media_type))
                return bad(error, document, "its media type is not the one of its descriptor");
        if ((type == MEDIA_INDEX && describes) || (type == MEDIA_MANIFEST && lists))
                return bad(error, document, "has the members of an index and of a manifest");
        return 0;
}

static int take_layer(TransportImage *image, const json_t *v, const char *document, Error *error)
{
        TransportLayer *l = &image->layers[image->n_layers];
        Descriptor d;
        int r = read_descriptor(v, document, &d, error);

        if (r < 0)
                return r;
        if (d.type == MEDIA_FOREIGN_LAYER)
                return bad(error, document, "a layer that is not to be distributed is not supported");
        if (d.type != MEDIA_LAYER)
                return error_set(error, ERROR_BAD_ARCHIVE, "Manifest %s: a layer of the media type \"%s\"",
                                 document, d.media_type);
        image->n_layers++;
        l->size = d.size;
        l->coding = d.coding;
        l->member = blob_member(d.digest);
        return l->member ? str_replace(&l->digest, d.digest) : -ENOMEM;
}

static int take_layers(TransportImage *image, const json_t *manifest, const char *document, Error *error)
{
        const json_t *layers = json_get_array(manifest, "layers"), *v;
        size_t i;
        int r;

        if (!layers || json_array_size(layers) != strv_length(image->config->diff_ids))
                return bad(error, document, "its layers are not those of the configuration");
        image->layers = calloc(json_array_size(layers) + 1, sizeof(*image->layers));
        if (!image->layers)
                return -ENOMEM;
        json_array_foreach((json_t *) layers, i, v)
        {
                r = take_layer(image, v, document, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int take_config(Bundle *b, TransportImage *image, const json_t *manifest, const char *document,
                       Error *error)
{
        Descriptor d;
        size_t size;
        char *text;
        int r = read_descriptor(json_object_get(manifest, "config"), document, &d, error);

        if (r < 0)
                return r;
        if (d.type != MEDIA_CONFIG)
                return error_set(error, ERROR_BAD_ARCHIVE,
                                 "Manifest %s is no image: its configuration is of the media type \"%s\"",
                                 document, d.media_type);
        r = read_blob(b, &d, &text, &size, error);
        return r < 0 ? r : transport_take_config(image, text, size, d.digest, error);
}

static int read_manifest(Bundle *b, const Descriptor *d, const char *name, TransportImages *images,
                         Error *error)
{
        _cleanup_json_ json_t *manifest = NULL;
        TransportImage *image;
        int r = transport_images_add(images, &image, error);

        if (r >= 0)
                r = read_blob(b, d, &image->manifest_text, &image->manifest_size, error);
        if (r >= 0)
                r = parse_document(image->manifest_text, image->manifest_size, d->digest, &manifest, error);
        if (r >= 0)
                r = check_kind(manifest, d->digest, d->media_type, MEDIA_MANIFEST, error);
        if (r >= 0)
                r = take_config(b, image, manifest, d->digest, error);
        if (r >= 0)
                r = take_layers(image, manifest, d->digest, error);
        if (r >= 0)
                r = str_replace(&image->config->digest, d->digest);
        return r < 0 || !name ? r : transport_add_name(image, name, error);
}

static bool is_ours(const Descriptor *d)
{
        return (!d->os || streq(d->os, "linux")) &&
               (!d->architecture || streq(d->architecture, transport_architecture()));
}

/* Attestations and other artefacts beside an image say that they are for no platform. */
static bool is_artefact(const Descriptor *d)
{
        return streq_ptr(d->architecture, "unknown");
}

/* The list of descriptors of an index. */
static int read_entries(const json_t *index, const char *document, Descriptor **ret, size_t *ret_n,
                        Error *error)
{
        const json_t *manifests = json_get_array(index, "manifests"), *v;
        _cleanup_free_ Descriptor *list = NULL;
        size_t i, n = 0;
        int r;

        if (!manifests)
                return bad(error, document, "has no list of manifests");
        if (json_array_size(manifests) > INDEX_ENTRIES_MAX)
                return error_set(error, ERROR_LIMIT, "Manifest %s has more than %u entries", document,
                                 INDEX_ENTRIES_MAX);
        list = calloc(json_array_size(manifests) + 1, sizeof(*list));
        if (!list)
                return -ENOMEM;
        json_array_foreach((json_t *) manifests, i, v)
        {
                r = read_descriptor(v, document, &list[n], error);
                if (r < 0)
                        return r;
                if ((list[n].type == MEDIA_INDEX || list[n].type == MEDIA_MANIFEST) && !is_artefact(&list[n]))
                        n++;
        }
        *ret = TAKE_PTR(list);
        *ret_n = n;
        return 0;
}

/* Where several entries are one name's, or nobody's, they are its platforms: ours is taken, else none. */
static bool is_chosen(const Descriptor *list, size_t n, size_t i)
{
        size_t rivals = 0;

        if (is_ours(&list[i])) {
                for (size_t j = 0; j < i; j++)
                        if (streq_ptr(list[j].name, list[i].name) && list[j].architecture &&
                            is_ours(&list[j]))
                                return false;
                return true;
        }
        for (size_t j = 0; j < n; j++)
                rivals += j != i && streq_ptr(list[j].name, list[i].name);
        return rivals == 0;
}

static int read_index(Bundle *b, const json_t *index, const char *document, const char *name, unsigned depth,
                      TransportImages *images, Error *error);

static int read_nested(Bundle *b, const Descriptor *d, const char *name, unsigned depth,
                       TransportImages *images, Error *error)
{
        _cleanup_json_ json_t *index = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        if (depth >= INDEX_DEPTH_MAX)
                return error_set(error, ERROR_LIMIT, "The archive's indexes nest deeper than %d",
                                 INDEX_DEPTH_MAX);
        r = read_blob(b, d, &text, &size, error);
        if (r >= 0)
                r = parse_document(text, size, d->digest, &index, error);
        if (r >= 0)
                r = check_kind(index, d->digest, d->media_type, MEDIA_INDEX, error);
        return r < 0 ? r : read_index(b, index, d->digest, name, depth + 1, images, error);
}

static int read_index(Bundle *b, const json_t *index, const char *document, const char *name, unsigned depth,
                      TransportImages *images, Error *error)
{
        _cleanup_free_ Descriptor *list = NULL;
        size_t n = 0, before = images->n;
        int r = read_entries(index, document, &list, &n, error);

        for (size_t i = 0; r >= 0 && i < n; i++) {
                const char *suggested = name ? name : list[i].name;

                /* Inside of an index the entries are one image's platforms. */
                if (depth > 0 && (images->n > before || !is_ours(&list[i])))
                        continue;
                if (depth == 0 && !is_chosen(list, n, i))
                        continue;
                r = list[i].type == MEDIA_INDEX ? read_nested(b, &list[i], suggested, depth, images, error)
                                                : read_manifest(b, &list[i], suggested, images, error);
        }
        if (r >= 0 && images->n == before)
                return error_set(error, ERROR_BAD_ARCHIVE, "The archive holds no image for linux/%s",
                                 transport_architecture());
        return r;
}

static int oci_read(Bundle *b, TransportImages *images, Error *error)
{
        _cleanup_json_ json_t *index = NULL;
        int r = transport_read_document(b, INDEX_FILE, &index, NULL, NULL, error);

        if (r < 0)
                return r;
        if (!json_is_object(index))
                return bad(error, INDEX_FILE, "is not an object");
        r = check_kind(index, INDEX_FILE, OCI "index.v1+json", MEDIA_INDEX, error);
        return r < 0 ? r : read_index(b, index, INDEX_FILE, NULL, 0, images, error);
}

const Transport transport_oci = {
        .name = "oci-archive",
        .probe = oci_probe,
        .read = oci_read,
};
