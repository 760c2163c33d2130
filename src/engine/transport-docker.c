/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* docker-archive: what "docker save", "podman save" and skopeo write. manifest.json lists images with the
 * members that hold configuration and layers; nothing gives a layer's digest, but the configuration has its
 * diff ID. Layers may be compressed, which only their first bytes say. */

#include "base/parse.h"
#include "base/str.h"
#include "engine/transport.h"
#include "spec/image-ref.h"

#define MANIFEST "manifest.json"

static bool docker_probe(Bundle *b)
{
        return bundle_has(b, MANIFEST);
}

/* Docker leaves out its own registry. */
static int add_name(TransportImage *image, const char *name, Error *error)
{
        _cleanup_image_ref_ ImageRef ref = {};
        _cleanup_free_ char *full = NULL;
        const char *reason = NULL;
        int r = image_ref_parse(name, &ref, &reason);

        if (r < 0 || ref.registry)
                return transport_add_name(image, name, error);
        full = str_printf("docker.io/%s", name);
        return full ? transport_add_name(image, full, error) : -ENOMEM;
}

static int add_names(TransportImage *image, const json_t *entry, Error *error)
{
        _cleanup_strv_ char **tags = NULL;
        int r = json_get_strv(entry, "RepoTags", &tags);

        if (r == -EBADMSG)
                return error_set(error, ERROR_BAD_ARCHIVE, MANIFEST ": RepoTags is not a list of strings");
        STRV_FOREACH(tag, tags)
                if (r >= 0)
                        r = add_name(image, *tag, error);
        return r;
}

/* The file is named by the digest: "<hex>.json", or "blobs/sha256/<hex>". */
static int config_digest(const char *member, char **ret)
{
        const char *base = strrchr(member, '/');
        _cleanup_free_ char *hex = strdup(base ? base + 1 : member);
        const char *suffix;

        if (!hex)
                return -ENOMEM;
        suffix = endswith(hex, ".json");
        if (suffix)
                hex[suffix - hex] = '\0';
        *ret = is_hex(hex, 64) ? str_printf("sha256:%s", hex) : NULL;
        return 0;
}

static int read_config(Bundle *b, TransportImage *image, const json_t *entry, Error *error)
{
        const char *member = json_get_string(entry, "Config");
        _cleanup_free_ char *digest = NULL;
        char *text;
        size_t size;
        int r;

        if (!member)
                return error_set(error, ERROR_BAD_ARCHIVE, MANIFEST ": Config is missing");
        r = config_digest(member, &digest);
        if (r >= 0)
                r = bundle_read_member(b, member, &text, &size, error);
        return r < 0 ? r : transport_take_config(image, text, size, digest, error);
}

static int detect_coding(Bundle *b, TransportLayer *l, Error *error)
{
        _cleanup_(stream_closep) Stream *in = NULL;
        const void *data = "";
        ssize_t n;
        int r = bundle_open_member(b, l->member, &in, &l->size, error);

        if (r < 0)
                return r;
        n = stream_read(in, &data, error);
        if (n < 0)
                return (int) n;
        l->coding = coding_from_magic(data, (size_t) n);
        return 0;
}

static int read_layers(Bundle *b, TransportImage *image, const json_t *entry, Error *error)
{
        _cleanup_strv_ char **members = NULL;
        size_t n = strv_length(image->config->diff_ids);
        int r = json_get_strv(entry, "Layers", &members);

        if (r == -ENOMEM)
                return r;
        if (r < 0 || strv_length(members) != n)
                return error_set(error, ERROR_BAD_ARCHIVE,
                                 MANIFEST ": Layers are not those of the configuration");
        image->layers = calloc(n + 1, sizeof(*image->layers));
        if (!image->layers)
                return -ENOMEM;
        STRV_FOREACH(member, members) {
                TransportLayer *l = &image->layers[image->n_layers++];

                r = str_replace(&l->member, *member);
                if (r >= 0)
                        r = detect_coding(b, l, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_list(Bundle *b, json_t **ret, Error *error)
{
        _cleanup_free_ char *text = NULL, *reason = NULL;
        size_t size;
        int r = bundle_read_member(b, MANIFEST, &text, &size, error);

        if (r >= 0)
                r = json_parse(text, size, ret, &reason);
        if (r == -EBADMSG)
                return error_set(error, ERROR_BAD_ARCHIVE, "Manifest " MANIFEST " is not valid JSON: %s",
                                 strempty(reason));
        if (r >= 0 && !json_is_array(*ret))
                return error_set(error, ERROR_BAD_ARCHIVE, MANIFEST " is not a list");
        return r;
}

/* The platform is the configuration's alone, and nobody can choose. */
static int docker_read(Bundle *b, const Platform *platform, bool strict, TransportImages *images,
                       Error *error)
{
        _cleanup_json_ json_t *manifest = NULL;
        TransportImage *image;
        const json_t *entry;
        size_t i;
        int r = read_list(b, &manifest, error);

        if (r < 0)
                return r;
        json_array_foreach(manifest, i, entry)
        {
                r = transport_images_add(images, &image, error);
                if (r >= 0)
                        r = read_config(b, image, entry, error);
                if (r >= 0)
                        r = read_layers(b, image, entry, error);
                if (r >= 0)
                        r = add_names(image, entry, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

const Transport transport_docker_archive = {
        .name = "docker-archive",
        .probe = docker_probe,
        .read = docker_read,
};
