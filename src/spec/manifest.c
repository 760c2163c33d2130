/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Strict where a stranger could mean two things, tolerant where the specifications are: members that we do
 * not know are left alone, a document need not name its own media type, an index may list what is no image.
 */

#include <limits.h>
#include <strings.h>

#include "spec/image-config.h"
#include "spec/image-ref.h"
#include "spec/manifest.h"

#define OCI "application/vnd.oci.image."
#define DOCKER "application/vnd.docker."

static const struct {
        const char *name;
        MediaType type;
        MediaFamily family;
        Coding coding;
} media_types[] = {
        {OCI "index.v1+json", MEDIA_INDEX, MEDIA_OCI, CODING_NONE},
        {DOCKER "distribution.manifest.list.v2+json", MEDIA_INDEX, MEDIA_DOCKER, CODING_NONE},
        {OCI "manifest.v1+json", MEDIA_MANIFEST, MEDIA_OCI, CODING_NONE},
        {DOCKER "distribution.manifest.v2+json", MEDIA_MANIFEST, MEDIA_DOCKER, CODING_NONE},
        {OCI "config.v1+json", MEDIA_CONFIG, MEDIA_OCI, CODING_NONE},
        {DOCKER "container.image.v1+json", MEDIA_CONFIG, MEDIA_DOCKER, CODING_NONE},
        {OCI "layer.v1.tar", MEDIA_LAYER, MEDIA_OCI, CODING_NONE},
        {OCI "layer.v1.tar+gzip", MEDIA_LAYER, MEDIA_OCI, CODING_GZIP},
        {OCI "layer.v1.tar+zstd", MEDIA_LAYER, MEDIA_OCI, CODING_ZSTD},
        {DOCKER "image.rootfs.diff.tar", MEDIA_LAYER, MEDIA_DOCKER, CODING_NONE},
        {DOCKER "image.rootfs.diff.tar.gzip", MEDIA_LAYER, MEDIA_DOCKER, CODING_GZIP},
        {DOCKER "image.rootfs.diff.tar.zstd", MEDIA_LAYER, MEDIA_DOCKER, CODING_ZSTD},
        {OCI "layer.nondistributable.v1.tar", MEDIA_FOREIGN_LAYER, MEDIA_OCI, CODING_NONE},
        {OCI "layer.nondistributable.v1.tar+gzip", MEDIA_FOREIGN_LAYER, MEDIA_OCI, CODING_GZIP},
        {OCI "layer.nondistributable.v1.tar+zstd", MEDIA_FOREIGN_LAYER, MEDIA_OCI, CODING_ZSTD},
        {DOCKER "image.rootfs.foreign.diff.tar", MEDIA_FOREIGN_LAYER, MEDIA_DOCKER, CODING_NONE},
        {DOCKER "image.rootfs.foreign.diff.tar.gzip", MEDIA_FOREIGN_LAYER, MEDIA_DOCKER, CODING_GZIP},
        {DOCKER "distribution.manifest.v1+json", MEDIA_SCHEMA1, MEDIA_DOCKER, CODING_NONE},
        {DOCKER "distribution.manifest.v1+prettyjws", MEDIA_SCHEMA1, MEDIA_DOCKER, CODING_NONE},
};

static const char *const document_members[] = {
        "schemaVersion", "mediaType", "manifests", "layers", "config", "fsLayers", "annotations",
};
static const char *const descriptor_members[] = {
        "mediaType", "digest", "size", "urls", "platform", "annotations",
};
static const char *const platform_members[] = {"os", "architecture", "variant"};

void manifest_done(Manifest *m)
{
        free(m->list);
        json_decref(m->document);
        *m = (Manifest){};
}

MediaType media_type_from_string(const char *s, MediaFamily *ret_family, Coding *ret_coding)
{
        FOREACH_ELEMENT(row, media_types)
                if (streq_ptr(row->name, s)) {
                        if (ret_family)
                                *ret_family = row->family;
                        if (ret_coding)
                                *ret_coding = row->coding;
                        return row->type;
                }
        return _MEDIA_TYPE_INVALID;
}

const char *media_type_to_string(MediaType type, MediaFamily family, Coding coding)
{
        FOREACH_ELEMENT(row, media_types)
                if (row->type == type && row->family == family && row->coding == coding)
                        return row->name;
        return NULL;
}

static int bad(Error *error, const char *name, const char *what)
{
        return error_set(error, ERROR_BAD_ARCHIVE, "Manifest %s: %s", name, what);
}

static int check_case(const json_t *v, const char *name, const char *const *members, size_t n, Error *error)
{
        const json_t *value;
        const char *key;

        json_object_foreach((json_t *) v, key, value)
        {
                for (size_t i = 0; i < n; i++)
                        if (strcasecmp(key, members[i]) == 0 && !streq(key, members[i]))
                                return error_set(error, ERROR_BAD_ARCHIVE,
                                                 "Manifest %s: a member \"%s\", which some read as \"%s\"",
                                                 name, key, members[i]);
        }
        return 0;
}

/* containerd's annotation has the whole name, the image-spec's often the tag alone. */
static const char *suggested_name(const json_t *annotations)
{
        const char *name = json_get_string(annotations, "io.containerd.image.name");

        return !isempty(name) ? name : json_get_string(annotations, "org.opencontainers.image.ref.name");
}

static int check_annotations(const json_t *v, const char *name, Error *error)
{
        const json_t *annotations = json_object_get(v, "annotations"), *value;
        const char *key;

        if (!annotations || json_is_null(annotations))
                return 0;
        if (!json_is_object(annotations))
                return bad(error, name, "its annotations are not an object");
        json_object_foreach((json_t *) annotations, key, value)
        {
                if (!json_is_string(value))
                        return bad(error, name, "an annotation that is not a string");
        }
        return 0;
}

static int check_platform(const json_t *v, const char *name, Error *error)
{
        const json_t *platform = json_object_get(v, "platform");

        if (!platform || json_is_null(platform))
                return 0;
        if (!json_is_object(platform))
                return bad(error, name, "a platform that is not an object");
        FOREACH_ELEMENT(member, platform_members) {
                const json_t *s = json_object_get(platform, *member);

                if (s && !json_is_string(s))
                        return bad(error, name, "a platform that is not made of strings");
        }
        return check_case(platform, name, platform_members, ELEMENTSOF(platform_members), error);
}

static int check_descriptor(const json_t *v, const char *name, Error *error)
{
        const json_t *size = json_object_get(v, "size");
        int r;

        if (!json_get_string(v, "mediaType"))
                return bad(error, name, "a descriptor without a media type");
        if (!digest_is_valid(json_get_string(v, "digest")))
                return bad(error, name,
                           "a descriptor whose digest is not \"sha256:\" and 64 hexadecimal digits");
        if (!json_is_integer(size) || json_integer_value(size) < 0)
                return bad(error, name, "a descriptor without a size");
        if (json_array_size(json_object_get(v, "urls")) > 0)
                return bad(error, name, "a blob that is to be fetched from elsewhere");
        r = check_case(v, name, descriptor_members, ELEMENTSOF(descriptor_members), error);
        if (r >= 0)
                r = check_annotations(v, name, error);
        return r < 0 ? r : check_platform(v, name, error);
}

static int read_descriptor(const json_t *v, const char *name, Descriptor *ret, Error *error)
{
        const json_t *platform = json_get_object(v, "platform");
        int r = check_descriptor(v, name, error);

        if (r < 0)
                return r;
        *ret = (Descriptor){
                .media_type = json_get_string(v, "mediaType"),
                .digest = json_get_string(v, "digest"),
                .size = (uint64_t) json_integer_value(json_object_get(v, "size")),
                .architecture = json_get_string(platform, "architecture"),
                .os = json_get_string(platform, "os"),
                .variant = json_get_string(platform, "variant"),
                .annotations = json_get_object(v, "annotations"),
        };
        ret->name = suggested_name(ret->annotations);
        ret->type = media_type_from_string(ret->media_type, NULL, &ret->coding);
        if (ret->type <= MEDIA_CONFIG && ret->type >= 0 && ret->size > MANIFEST_SIZE_MAX)
                return error_set(error, ERROR_LIMIT,
                                 "Manifest %s: a document of %ju bytes; at most 4 MiB are allowed", name,
                                 (uintmax_t) ret->size);
        return 0;
}

static int read_layer(const json_t *v, const char *name, Descriptor *ret, Error *error)
{
        int r = read_descriptor(v, name, ret, error);

        if (r < 0)
                return r;
        if (ret->type == MEDIA_FOREIGN_LAYER)
                return bad(error, name, "a layer that is not to be distributed is not supported");
        if (ret->type != MEDIA_LAYER)
                return error_set(error, ERROR_BAD_ARCHIVE, "Manifest %s: a layer of the media type \"%s\"",
                                 name, ret->media_type);
        return 0;
}

static int read_manifest(Manifest *m, const char *name, Error *error)
{
        const json_t *layers = json_get_array(m->document, "layers"), *v;
        size_t i;
        int r = read_descriptor(json_object_get(m->document, "config"), name, &m->config, error);

        if (r < 0)
                return r;
        if (m->config.type != MEDIA_CONFIG)
                return error_set(error, ERROR_BAD_ARCHIVE,
                                 "Manifest %s is no image: its configuration is of the media type \"%s\"",
                                 name, m->config.media_type);
        if (!layers)
                return bad(error, name, "has no list of layers");
        if (json_array_size(layers) > IMAGE_LAYERS_MAX)
                return error_set(error, ERROR_LIMIT, "Manifest %s has more than %u layers", name,
                                 IMAGE_LAYERS_MAX);
        m->list = calloc(json_array_size(layers) + 1, sizeof(*m->list));
        if (!m->list)
                return -ENOMEM;
        json_array_foreach((json_t *) layers, i, v)
        {
                r = read_layer(v, name, &m->list[m->n++], error);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Attestations and other artefacts beside an image say that they are for no platform. */
static bool is_image(const Descriptor *d)
{
        return (d->type == MEDIA_INDEX || d->type == MEDIA_MANIFEST || d->type == MEDIA_SCHEMA1) &&
               !streq_ptr(d->architecture, "unknown");
}

static int read_index(Manifest *m, const char *name, Error *error)
{
        const json_t *manifests = json_get_array(m->document, "manifests"), *v;
        size_t i;

        if (!manifests)
                return bad(error, name, "has no list of manifests");
        if (json_array_size(manifests) > INDEX_ENTRIES_MAX)
                return error_set(error, ERROR_LIMIT, "Manifest %s has more than %u entries", name,
                                 INDEX_ENTRIES_MAX);
        m->list = calloc(json_array_size(manifests) + 1, sizeof(*m->list));
        if (!m->list)
                return -ENOMEM;
        json_array_foreach((json_t *) manifests, i, v)
        {
                int r = read_descriptor(v, name, &m->list[m->n], error);

                if (r < 0)
                        return r;
                m->n += is_image(&m->list[m->n]);
        }
        return 0;
}

static int refuse_schema1(const char *name, Error *error)
{
        return error_set(error, ERROR_NOT_SUPPORTED,
                         "Manifest %s is of Docker's schema 1, which is not supported: the image must be "
                         "pushed again by a tool of this decade",
                         name);
}

static int check_kind(const Manifest *m, const char *name, Error *error)
{
        bool lists = json_object_get(m->document, "manifests"),
             describes = json_object_get(m->document, "layers") || json_object_get(m->document, "config"),
             old = json_object_get(m->document, "fsLayers");

        if (json_integer_value(json_object_get(m->document, "schemaVersion")) != 2)
                return bad(error, name, "its schema version is not 2");
        if ((lists && describes) || (m->type == MEDIA_INDEX && describes) ||
            (m->type == MEDIA_MANIFEST && lists))
                return bad(error, name, "has the members of an index and of a manifest");
        return old ? bad(error, name, "has members of two schemas") : 0;
}

/* What a document says that it is; where it says nothing, what its members are. */
static const char *own_media_type(const json_t *v, const char *own)
{
        if (own)
                return own;
        return json_object_get(v, "manifests") ? OCI "index.v1+json" : OCI "manifest.v1+json";
}

static int read_kind(Manifest *m, const char *name, const char *said, Error *error)
{
        const json_t *own = json_object_get(m->document, "mediaType");
        const char *text = json_string_value(own);

        if (own && !text && !json_is_null(own))
                return bad(error, name, "its media type is not a string");
        if (said && text && !streq(said, text))
                return bad(error, name, "its media type is not the one of its descriptor");
        text = said ? said : own_media_type(m->document, text);
        m->type = media_type_from_string(text, &m->family, NULL);
        if (m->type == MEDIA_SCHEMA1 ||
            (json_integer_value(json_object_get(m->document, "schemaVersion")) == 1 &&
             json_object_get(m->document, "fsLayers")))
                return refuse_schema1(name, error);
        if (m->type != MEDIA_INDEX && m->type != MEDIA_MANIFEST)
                return error_set(error, ERROR_BAD_ARCHIVE,
                                 "Manifest %s is of the media type \"%s\", which is not an image's", name,
                                 text);
        return 0;
}

int manifest_parse(const char *text, size_t size, const char *name, const char *media_type, Manifest *ret,
                   Error *error)
{
        _cleanup_manifest_ Manifest m = {};
        _cleanup_free_ char *reason = NULL;
        int r;

        if (size > MANIFEST_SIZE_MAX)
                return error_set(error, ERROR_LIMIT, "Manifest %s is larger than 4 MiB", name);
        r = json_parse(text, size, &m.document, &reason);
        if (r == -EBADMSG)
                return error_set(error, ERROR_BAD_ARCHIVE, "Manifest %s is not valid JSON: %s", name,
                                 strempty(reason));
        if (r < 0)
                return r;
        if (!json_is_object(m.document))
                return bad(error, name, "is not an object");
        r = check_case(m.document, name, document_members, ELEMENTSOF(document_members), error);
        if (r >= 0)
                r = read_kind(&m, name, media_type, error);
        if (r >= 0)
                r = check_kind(&m, name, error);
        if (r >= 0)
                r = check_annotations(m.document, name, error);
        if (r >= 0)
                r = m.type == MEDIA_INDEX ? read_index(&m, name, error) : read_manifest(&m, name, error);
        if (r < 0)
                return r;
        *ret = TAKE(m, (Manifest){});
        return 0;
}

int manifest_choose(const Manifest *index, const char *name, const Platform *want, size_t *ret, Error *error)
{
        _cleanup_free_ char *text = NULL;
        int best = INT_MAX;

        for (size_t i = 0; i < index->n; i++) {
                const Descriptor *d = &index->list[i];
                int rank = platform_rank(want, d->os, d->architecture, d->variant);

                if (rank >= 0 && rank < best) {
                        best = rank;
                        *ret = i;
                }
        }
        if (best < INT_MAX)
                return 0;
        text = platform_text(want);
        return error_set(error, ERROR_BAD_ARCHIVE, "Manifest %s: there is no image for %s", name,
                         strempty(text));
}
