/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An image as podman's inspect describes it. */

#include "base/parse.h"
#include "base/str.h"
#include "object/image.h"
#include "spec/name.h"

static json_t *set_json(char *const *names)
{
        json_t *o = json_object();

        for (; names && *names; names++)
                (void) json_object_set_new(o, *names, json_object());
        return o;
}

static json_t *labels_json(const ImageConfig *c)
{
        json_t *o = json_object();

        MAP_FOREACH(e, c->labels)
                (void) json_object_set_new(o, map_key(e), json_string(map_value(e)));
        return o;
}

static json_t *config_json(const ImageConfig *c)
{
        return json_pack("{s:s, s:o, s:o, s:o, s:o, s:s, s:o, s:s, s:o}", "User", strempty(c->user),
                         "ExposedPorts", set_json(c->exposed_ports), "Env", json_from_strv(c->env),
                         "Entrypoint", json_from_strv(c->entrypoint), "Cmd", json_from_strv(c->cmd),
                         "WorkingDir", strempty(c->working_dir), "Labels", labels_json(c), "StopSignal",
                         strempty(c->stop_signal), "Volumes", set_json(c->volumes));
}

static json_t *digests_json(const Image *i)
{
        _cleanup_strv_ char **digests = NULL;

        return image_repo_digests(i, &digests) < 0 ? NULL : json_from_strv(digests);
}

static json_t *tags_json(const Image *i)
{
        json_t *a = json_array();

        STRV_FOREACH(name, i->names)
                if (!strchr(*name, '@'))
                        (void) json_array_append_new(a, json_string(*name));
        return a;
}

/* Where docker's and podman's users look for the files. */
static json_t *driver_json(const Image *i)
{
        _cleanup_free_ char *root = str_printf(IMAGES_DIR "/%s/rootfs", image_id(i));

        return root ? json_pack("{s:s, s:{s:s}}", "Name", "overlay", "Data", "UpperDir", root) : NULL;
}

/* By its layers: whoever made those made the manifest. */
static const char *manifest_type(const ImageConfig *c)
{
        const char *layer = strempty(json_get_string(json_array_get(c->layers, 0), "MediaType"));

        return startswith(layer, "application/vnd.docker.")
                       ? "application/vnd.docker.distribution.manifest.v2+json"
                       : "application/vnd.oci.image.manifest.v1+json";
}

static const char *comment(const ImageConfig *c)
{
        size_t n = json_array_size(c->history);

        return n > 0 ? strempty(json_get_string(json_array_get(c->history, n - 1), "comment")) : "";
}

static json_t *inspect_json(const Image *i)
{
        const ImageConfig *c = i->config;
        char loaded[FORMAT_TIME_MAX];
        json_t *o = json_pack("{s:s, s:s, s:o, s:o, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "Id", c->id,
                              "Digest", strempty(c->digest), "RepoTags", tags_json(i), "RepoDigests",
                              digests_json(i), "Created", strempty(c->created), "Author", strempty(c->author),
                              "Architecture", strempty(c->architecture), "Os", strempty(c->os), "Variant",
                              strempty(c->variant), "LoadedAt", format_time(c->loaded_usec, loaded), "Size",
                              (json_int_t) c->size, "VirtualSize", (json_int_t) c->size);
        const struct {
                const char *name;
                json_t *value;
        } members[] = {
                {"Config", config_json(c)},
                {"RootFS", json_pack("{s:s, s:o}", "Type", "layers", "Layers", json_from_strv(c->diff_ids))},
                {"Labels", labels_json(c)},
                {"Annotations", c->annotations ? json_incref(c->annotations) : json_object()},
                {"ManifestType", json_string(manifest_type(c))},
                {"GraphDriver", driver_json(i)},
                {"Parent", json_string("")},
                {"Comment", json_string(comment(c))},
                {"Version", json_string("")},
                {"User", json_string(strempty(c->user))},
                {"History", c->history ? json_incref(c->history) : json_array()},
                {"Healthcheck", c->healthcheck ? json_incref(c->healthcheck) : json_null()},
                {"NamesHistory", json_from_strv(i->history)},
        };

        FOREACH_ELEMENT(m, members)
                if (json_object_set_new(o, m->name, m->value) < 0)
                        return json_decref(o), NULL;
        return o;
}

int image_inspect(Image *i, char **ret, Error *error)
{
        _cleanup_json_ json_t *v = inspect_json(i);

        *ret = v ? json_text(v) : NULL;
        return *ret ? 0 : error_set_errno(error, ENOMEM, "Cannot describe image %s", image_name(i));
}
