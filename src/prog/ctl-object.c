/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Verbs about the images that are here: listing, naming, removing. */

#include "base/parse.h"
#include "base/str.h"
#include "prog/ctl-bus.h"
#include "prog/ctl-output.h"
#include "spec/image-ref.h"
#include "spec/name.h"

/* "localhost/web:1.0" into its repository and its tag, "<none>" for what is missing. */
static void set_name(json_t *v, const char *name)
{
        _cleanup_image_ref_ ImageRef ref = {};
        _cleanup_free_ char *repository = NULL;

        if (name && image_ref_parse(name, &ref, NULL) >= 0)
                repository = ref.registry ? str_printf("%s/%s", ref.registry, ref.path) : strdup(ref.path);
        (void) json_object_set_new(v, "Repository", json_string(repository ?: "<none>"));
        (void) json_object_set_new(v, "Tag", json_string(ref.tag ?: "<none>"));
}

static json_t *view_row(const Ctl *c, const json_t *image, const char *name)
{
        const char *id = strempty(json_get_string(image, "Id")), *digest = json_get_string(image, "Digest");
        uint64_t created = (uint64_t) MAX(json_get_i64(image, "Created", 0), (int64_t) 0);
        _cleanup_free_ char *full = str_printf("sha256:%s", id), *ago = output_ago(created);
        _cleanup_free_ char *time = output_time(created);
        char size[FORMAT_SIZE_MAX], cut[ID_SHORT_LENGTH + 1];
        json_t *v = json_object();

        (void) snprintf(cut, sizeof(cut), "%s", id);
        set_name(v, name);
        (void) json_object_set_new(v, "ID", json_string(ctl_has(c, FLAG_NO_TRUNC) ? strempty(full) : cut));
        (void) json_object_set_new(v, "Digest", json_string(isempty(digest) ? "<none>" : digest));
        (void) json_object_set_new(v, "Created", json_string(strempty(ago)));
        (void) json_object_set_new(v, "CreatedSince", json_string(strempty(ago)));
        (void) json_object_set_new(v, "CreatedAt", json_string(strempty(time)));
        (void) json_object_set_new(
                v, "Size", json_string(format_size_human((uint64_t) json_get_i64(image, "Size", 0), size)));
        (void) json_object_set_new(v, "Containers", json_integer(json_get_i64(image, "Containers", 0)));
        (void) json_object_set_new(v, "Dangling", json_boolean(!name));
        (void) json_object_set(v, "Labels", json_object_get(image, "Labels"));
        return v;
}

/* podman's JSON of an image in a list. */
static json_t *document_row(const json_t *image)
{
        json_t *v = json_object();
        int64_t created = json_get_i64(image, "Created", 0);
        char time[FORMAT_TIME_MAX];

        (void) json_object_set(v, "Id", json_object_get(image, "Id"));
        (void) json_object_set(v, "Names", json_object_get(image, "Names"));
        (void) json_object_set(v, "RepoTags", json_object_get(image, "Names"));
        (void) json_object_set(v, "Digest", json_object_get(image, "Digest"));
        (void) json_object_set(v, "Size", json_object_get(image, "Size"));
        (void) json_object_set(v, "Labels", json_object_get(image, "Labels"));
        (void) json_object_set(v, "Containers", json_object_get(image, "Containers"));
        (void) json_object_set(v, "Dangling", json_object_get(image, "Dangling"));
        (void) json_object_set_new(v, "Created", json_integer(created / (int64_t) USEC_PER_SEC));
        (void) json_object_set_new(v, "CreatedAt",
                                   json_string(format_time((uint64_t) MAX(created, (int64_t) 0), time)));
        return v;
}

/* One row for each name of each image. */
static void add_rows(const Ctl *c, json_t *rows, const json_t *image)
{
        _cleanup_strv_ char **names = NULL;

        (void) json_get_strv(image, "Names", &names);
        if (!names)
                (void) json_array_append_new(rows, view_row(c, image, NULL));
        STRV_FOREACH(n, names)
                (void) json_array_append_new(rows, view_row(c, image, *n));
}

static const char images_format[] = "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.Created}}\t{{.Size}}";
static const char digests_format[] =
        "table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.Created}}\t{{.Size}}";
static const Heading image_headings[] = {
        {"Repository", "REPOSITORY"}, {"Tag", "TAG"},
        {"ID", "IMAGE ID"},           {"CreatedSince", "CREATED"},
        {"CreatedAt", "CREATED AT"},  {"Size", "SIZE"},
        {"Digest", "DIGEST"},         {"Created", "CREATED"},
        {"Containers", "CONTAINERS"}, {"Labels", "LABELS"},
        {"Dangling", "DANGLING"},
};

static int print_images(Ctl *c, const json_t *images, const SortKey *row_key)
{
        _cleanup_json_ json_t *rows = json_array(), *documents = json_array();
        Listing l = {.usual = ctl_has(c, FLAG_DIGESTS) ? digests_format : images_format,
                     .headings = image_headings,
                     .n_headings = ELEMENTSOF(image_headings),
                     .rows = rows,
                     .documents = documents};
        const json_t *image;
        size_t i;
        int r = 0;

        json_array_foreach(images, i, image)
        {
                add_rows(c, rows, image);
                (void) json_array_append_new(documents, document_row(image));
        }
        if (row_key)
                r = output_sort(c, rows, row_key, 1);
        return r < 0 ? r : output_list(c, &l);
}

int verb_images(Ctl *c)
{
        static const SortKey keys[] = {{"created", "Created", true}, {"id", "Id"}, {"size", "Size"}};
        static const SortKey row_keys[] = {{"repository", "Repository"}, {"tag", "Tag"}};
        const char *sort = ctl_value(c, FLAG_SORT);
        const SortKey *row_key = NULL;
        _cleanup_json_ json_t *images = NULL;
        int r;

        if (c->args[0]) {
                _cleanup_free_ char *filter = str_printf("reference=%s", c->args[0]);

                if (!filter || strv_append(&c->values[FLAG_FILTER], filter) < 0)
                        return -ENOMEM;
        }
        FOREACH_ELEMENT(k, row_keys)
                if (streq_ptr(k->name, sort))
                        row_key = k;
        r = bus_list_images(c, &images);
        if (r >= 0 && !row_key)
                r = output_sort(c, images, keys, ELEMENTSOF(keys));
        return r < 0 ? r : print_images(c, images, row_key);
}

int verb_image_exists(Ctl *c)
{
        int r = bus_call(c, NULL, BUS_PATH, RUNTIME_INTERFACE, "LookupImage", "s", c->args[0]);

        if (r < 0 && c->error.kind == ERROR_NO_SUCH_IMAGE) {
                error_done(&c->error);
                return 1;
        }
        return r < 0 ? r : 0;
}

static int remove_image(Ctl *c, const char *name)
{
        _cleanup_json_ json_t *untagged = NULL, *deleted = NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        int r;

        if (ctl_has(c, FLAG_FORCE))
                r = bus_call(c, &reply, BUS_PATH, RUNTIME_INTERFACE, "RemoveImage", "sa{sv}", name, 1,
                             "Force", "b", true);
        else
                r = bus_call(c, &reply, BUS_PATH, RUNTIME_INTERFACE, "RemoveImage", "sa{sv}", name, 0);
        if (r >= 0)
                r = bus_read_json(c, reply, &untagged);
        if (r >= 0)
                r = bus_read_json(c, reply, &deleted);
        if (r < 0)
                return r;
        output_each("Untagged: %s", untagged);
        output_each("Deleted: %s", deleted);
        return 0;
}

static int names_of_all(Ctl *c, char ***ret)
{
        _cleanup_json_ json_t *images = NULL;
        const json_t *image;
        size_t i;
        int r = bus_list_images(c, &images);

        json_array_foreach(images, i, image) if (r >= 0) r =
                strv_append(ret, strempty(json_get_string(image, "Id")));
        return r;
}

int verb_rmi(Ctl *c)
{
        _cleanup_strv_ char **all = NULL;
        int status = 0, r = 0;

        if (ctl_has(c, FLAG_ALL))
                r = names_of_all(c, &all);
        else if (!c->args[0])
                r = error_set(&c->error, ERROR_INVALID_ARGUMENT, "name an image, or use --all");
        if (r < 0)
                return r;
        STRV_FOREACH(name, ctl_has(c, FLAG_ALL) ? all : c->args) {
                if (remove_image(c, *name) >= 0)
                        continue;
                if (c->error.kind != ERROR_NO_SUCH_IMAGE || !ctl_has(c, FLAG_IGNORE)) {
                        output_error(c, &c->error);
                        status = error_exit_status(c->error.kind);
                }
                error_done(&c->error);
        }
        return status;
}

/* Calls a method of the first argument's image with each of names. */
static int with_names(Ctl *c, const char *member, char **names)
{
        _cleanup_free_ char *path = NULL;
        int r = bus_find(c, "image", c->args[0], &path);

        STRV_FOREACH(n, names)
                if (r >= 0)
                        r = bus_call(c, NULL, path, IMAGE_INTERFACE, member, "s", *n);
        return r < 0 ? r : 0;
}

int verb_tag(Ctl *c)
{
        return with_names(c, "Tag", c->args + 1);
}

int verb_untag(Ctl *c)
{
        return with_names(c, "Untag", c->args[1] ? c->args + 1 : c->args);
}

int verb_image_prune(Ctl *c)
{
        bool all = ctl_has(c, FLAG_ALL);

        if (!output_confirm(c, all ? "This removes all images that no container uses. Go on?"
                                   : "This removes all images without a name. Go on?"))
                return 0;
        if (all && strv_append(&c->values[FLAG_FILTER], "all=true") < 0)
                return -ENOMEM;
        return bus_prune(c, "PruneImages");
}
