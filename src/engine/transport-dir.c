/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* dir: one image as skopeo lays it out for people to look at. "version" says so, manifest.json is the
 * manifest, a blob's file is the digits of its digest. With a list of manifests, which "skopeo copy --all"
 * leaves, each has the file "<digits>.manifest.json". The image has no name. */

#include "base/str.h"
#include "engine/transport.h"

#define VERSION_FILE "version"
#define VERSION "Directory Transport Version: "
#define MANIFEST_FILE "manifest.json"

static bool dir_probe(Bundle *b)
{
        _cleanup_free_ char *version = NULL;
        size_t size;

        return bundle_has(b, MANIFEST_FILE) && bundle_has(b, VERSION_FILE) &&
               bundle_read_member(b, VERSION_FILE, &version, &size, NULL) >= 0 &&
               startswith(version, VERSION);
}

static char *blob_member(const char *digest)
{
        return strdup(digest + strlen("sha256:"));
}

static char *manifest_member(const char *digest)
{
        return str_printf("%s." MANIFEST_FILE, digest + strlen("sha256:"));
}

static int dir_read(Bundle *b, const Platform *platform, bool strict, TransportImages *images, Error *error)
{
        _cleanup_manifest_ Manifest m = {}, list = {};
        _cleanup_free_ char *text = NULL;
        char digest[DIGEST_TEXT_SIZE];
        size_t size, i;
        int r = bundle_read_member(b, MANIFEST_FILE, &text, &size, error);

        if (r >= 0)
                r = manifest_parse(text, size, MANIFEST_FILE, NULL, &m, error);
        if (r >= 0 && m.type == MEDIA_INDEX) {
                list = TAKE(m, (Manifest){});
                r = manifest_choose(&list, MANIFEST_FILE, platform, &i, error);
                if (r >= 0) {
                        free(TAKE_PTR(text));
                        r = transport_read_blob(b, manifest_member, &list.list[i], &text, &size, error);
                }
                if (r >= 0)
                        r = manifest_parse(text, size, list.list[i].digest, list.list[i].media_type, &m,
                                           error);
        }
        if (r >= 0 && m.type != MEDIA_MANIFEST)
                r = error_set(error, ERROR_LIMIT, "Manifest " MANIFEST_FILE ": a list of lists");
        if (r >= 0)
                r = digest_of(text, size, digest);
        return r < 0 ? r
                     : transport_take_manifest(b, blob_member, &m, digest, TAKE_PTR(text), size, images,
                                               error);
}

const Transport transport_dir = {
        .name = "dir",
        .probe = dir_probe,
        .read = dir_read,
};
