/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Verbs that look into images: history, layers, files. */

#include "base/parse.h"
#include "base/str.h"
#include "prog/ctl-bus.h"
#include "prog/ctl-output.h"
#include "spec/name.h"

#define CREATED_BY_MAX 45U

static int ask_image(Ctl *c, const char *name, const char *member, json_t **ret)
{
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_free_ char *path = NULL;
        int r = bus_find(c, "image", name, &path);

        if (r >= 0)
                r = bus_call(c, &reply, path, IMAGE_INTERFACE, member, NULL);
        return r < 0 ? r : bus_read_json(c, reply, ret);
}

/* History */

static const char history_format[] = "table {{.ID}}\t{{.Created}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}";
static const Heading history_headings[] = {
        {"CreatedBy", "CREATED BY"}, {"ID", "ID"}, {"CreatedAt", "CREATED AT"}, {"CreatedSince", "CREATED"}};

static char *cut(const Ctl *c, const char *s, size_t max)
{
        if (ctl_has(c, FLAG_NO_TRUNC) || strlen(s) <= max)
                return strdup(s);
        while (max > 0 && ((unsigned char) s[max] & 0xc0) == 0x80)
                max--;
        return str_printf("%.*s...", (int) max, s);
}

static json_t *history_row(const Ctl *c, const json_t *entry)
{
        uint64_t created = (uint64_t) MAX(json_get_i64(entry, "Created", 0), (int64_t) 0);
        uint64_t size = (uint64_t) MAX(json_get_i64(entry, "Size", 0), (int64_t) 0);
        bool human = !c->turned_off[FLAG_HUMAN];
        _cleanup_free_ char *ago = output_ago(created), *time = output_time(created);
        _cleanup_free_ char *by = cut(c, strempty(json_get_string(entry, "CreatedBy")), CREATED_BY_MAX);
        const char *id = strempty(json_get_string(entry, "Id"));
        int n = ctl_has(c, FLAG_NO_TRUNC) || *id == '<' ? (int) strlen(id) : ID_SHORT_LENGTH;
        char buf[FORMAT_SIZE_MAX];

        if (human)
                (void) format_size_human(size, buf);
        else
                (void) snprintf(buf, sizeof(buf), "%llu", (unsigned long long) size);
        return json_pack("{s:o, s:s, s:s, s:s, s:s, s:s, s:s}", "ID", json_sprintf("%.*s", n, id), "Created",
                         strempty(human ? ago : time), "CreatedSince", strempty(ago), "CreatedAt",
                         strempty(time), "CreatedBy", strempty(by), "Size", buf, "Comment",
                         strempty(json_get_string(entry, "Comment")));
}

/* podman's JSON of an entry. */
static json_t *history_document(const json_t *entry)
{
        int64_t created = json_get_i64(entry, "Created", 0);
        char time[FORMAT_TIME_MAX];
        json_t *v = json_pack("{s:O, s:s, s:O, s:O, s:O, s:b}", "id", json_object_get(entry, "Id"), "created",
                              format_time((uint64_t) MAX(created, (int64_t) 0), time), "CreatedBy",
                              json_object_get(entry, "CreatedBy"), "size", json_object_get(entry, "Size"),
                              "comment", json_object_get(entry, "Comment"), "emptyLayer",
                              json_get_bool(entry, "Empty", false));
        json_t *tags = json_get_array(entry, "Tags");

        if (tags)
                (void) json_object_set(v, "tags", tags);
        return v;
}

int verb_history(Ctl *c)
{
        _cleanup_json_ json_t *history = NULL, *rows = json_array(), *documents = json_array();
        Listing l = {.usual = history_format,
                     .headings = history_headings,
                     .n_headings = ELEMENTSOF(history_headings),
                     .rows = rows,
                     .documents = documents};
        const json_t *entry;
        size_t i;
        int r = ask_image(c, c->args[0], "History", &history);

        if (r < 0)
                return r;
        json_array_foreach(history, i, entry)
        {
                (void) json_array_append_new(rows, history_row(c, entry));
                (void) json_array_append_new(documents, history_document(entry));
        }
        return output_list(c, &l);
}

/* Tree */

static char *list_text(const json_t *list)
{
        _cleanup_strv_ char **names = NULL;
        const json_t *name;
        size_t i;

        json_array_foreach(list, i,
                           name) if (strv_append(&names, strempty(json_string_value(name))) < 0) return NULL;
        return strv_join(names, ", ");
}

static void print_layer(const json_t *layer, bool last)
{
        const char *id = strempty(json_get_string(layer, "Id"));
        _cleanup_free_ char *top = list_text(json_get_array(layer, "TopLayerOf"));
        _cleanup_free_ char *shared = list_text(json_get_array(layer, "SharedWith"));
        _cleanup_free_ char *line = NULL;
        char size[FORMAT_SIZE_MAX];

        id = startswith(id, "sha256:") ?: id;
        line = str_printf(
                "%s ID: %.*s Size: %s%s%s%s%s%s%s", last ? "\u2514\u2500\u2500" : "\u251c\u2500\u2500",
                ID_SHORT_LENGTH, id, format_size_human((uint64_t) json_get_i64(layer, "Size", 0), size),
                isempty(top) ? "" : " Top Layer of: [", strempty(top), isempty(top) ? "" : "]",
                isempty(shared) ? "" : " Shared with: [", strempty(shared), isempty(shared) ? "" : "]");
        output_line(strempty(line));
}

static int print_image(Ctl *c)
{
        _cleanup_json_ json_t *names = NULL, *size = NULL, *id = NULL;
        _cleanup_free_ char *path = NULL, *tags = NULL, *line = NULL;
        char buf[FORMAT_SIZE_MAX];
        int r = bus_find(c, "image", c->args[0], &path);

        if (r >= 0)
                r = bus_get(c, path, IMAGE_INTERFACE, "ID", &id);
        if (r >= 0)
                r = bus_get(c, path, IMAGE_INTERFACE, "Names", &names);
        if (r >= 0)
                r = bus_get(c, path, IMAGE_INTERFACE, "Size", &size);
        if (r < 0)
                return r;
        tags = list_text(names);
        line = str_printf("Image ID: %.*s", ID_SHORT_LENGTH, strempty(json_string_value(id)));
        output_line(strempty(line));
        free(line);
        line = str_printf("Tags:     [%s]", strempty(tags));
        output_line(strempty(line));
        printf("Size:     %s\n", format_size_human((uint64_t) json_integer_value(size), buf));
        return 0;
}

int verb_image_tree(Ctl *c)
{
        _cleanup_json_ json_t *layers = NULL;
        const json_t *layer;
        size_t i;
        int r;

        r = print_image(c);
        if (r >= 0)
                r = ask_image(c, c->args[0], "Tree", &layers);
        if (r < 0)
                return r;
        puts("Image Layers");
        json_array_foreach(layers, i, layer) print_layer(layer, i + 1 == json_array_size(layers));
        return 0;
}

/* Mounting */

static json_t *mount_row(const json_t *image, const json_t *point)
{
        const json_t *names = json_get_array(image, "Names");
        const char *id = strempty(json_get_string(image, "Id"));

        return json_pack("{s:s, s:s, s:s, s:O, s:O}", "ID", id, "id", id, "Name",
                         json_array_size(names) > 0 ? strempty(json_string_value(json_array_get(names, 0)))
                                                    : id,
                         "mountpoint", point, "Path", point);
}

static int list_mounts(Ctl *c, json_t **ret)
{
        _cleanup_json_ json_t *images = NULL, *rows = json_array();
        const json_t *image;
        size_t i;
        int r = bus_list_images(c, &images);

        json_array_foreach(images, i, image)
        {
                _cleanup_free_ char *path = object_path("image", strempty(json_get_string(image, "Id")));
                _cleanup_json_ json_t *point = NULL;

                if (r < 0 || !path)
                        break;
                r = bus_get(c, path, IMAGE_INTERFACE, "MountPoint", &point);
                if (r >= 0 && !isempty(json_string_value(point)))
                        (void) json_array_append_new(rows, mount_row(image, point));
        }
        if (r >= 0)
                *ret = TAKE_PTR(rows);
        return r;
}

static int print_mounts(Ctl *c)
{
        _cleanup_json_ json_t *rows = NULL;
        Listing l = {.usual = "{{.Name}} {{.Path}}"};
        int r = list_mounts(c, &rows);

        l.rows = rows;
        return r < 0 ? r : output_list(c, &l);
}

static int names_of(Ctl *c, bool mounted, char ***ret)
{
        _cleanup_json_ json_t *list = NULL;
        const json_t *image;
        size_t i;
        int r = mounted ? list_mounts(c, &list) : bus_list_images(c, &list);

        json_array_foreach(list, i, image) if (r >= 0) r =
                strv_append(ret, strempty(json_get_string(image, mounted ? "ID" : "Id")));
        return r;
}

/* The method of each image; a path that comes back is printed, else the name. */
static int with_each(Ctl *c, const char *member, char **names)
{
        int status = 0;

        STRV_FOREACH(name, names) {
                _cleanup_message_ sd_bus_message *reply = NULL;
                _cleanup_free_ char *path = NULL;
                const char *text = *name;
                int r = bus_find(c, "image", *name, &path);

                if (r >= 0)
                        r = bus_call(c, &reply, path, IMAGE_INTERFACE, member, NULL);
                if (r >= 0 && sd_bus_message_has_signature(reply, "s"))
                        (void) sd_bus_message_read(reply, "s", &text);
                if (r >= 0) {
                        output_line(text);
                        continue;
                }
                output_error(c, &c->error);
                status = error_exit_status(c->error.kind);
                error_done(&c->error);
        }
        return status;
}

int verb_image_mount(Ctl *c)
{
        _cleanup_strv_ char **all = NULL;
        int r = 0;

        if (ctl_has(c, FLAG_ALL))
                r = names_of(c, false, &all);
        else if (!c->args[0])
                return print_mounts(c);
        return r < 0 ? r : with_each(c, "Mount", all ?: c->args);
}

int verb_image_unmount(Ctl *c)
{
        _cleanup_strv_ char **all = NULL;
        int r = 0;

        if (ctl_has(c, FLAG_ALL)) {
                r = names_of(c, true, &all);
                if (r < 0 || !all)
                        return r;
        } else if (!c->args[0])
                return error_set(&c->error, ERROR_INVALID_ARGUMENT, "name an image, or use --all");
        return r < 0 ? r : with_each(c, "Unmount", all ?: c->args);
}

/* Diff */

/* podman's JSON: {"changed":[...],"added":[...],"deleted":[...]} */
static json_t *diff_document(const json_t *changes)
{
        static const struct {
                const char *kind, *name;
        } kinds[] = {{"A", "added"}, {"C", "changed"}, {"D", "deleted"}};
        json_t *v = json_object(), *change;
        size_t i;

        json_array_foreach((json_t *) changes, i, change)
        {
                const char *kind = strempty(json_string_value(json_array_get(change, 0)));

                FOREACH_ELEMENT(k, kinds) {
                        json_t *list = json_object_get(v, k->name);

                        if (!streq(k->kind, kind))
                                continue;
                        if (!list) {
                                list = json_array();
                                (void) json_object_set_new(v, k->name, list);
                        }
                        (void) json_array_append(list, json_array_get(change, 1));
                }
        }
        return v;
}

int verb_diff(Ctl *c)
{
        const char *from = c->args[1] ?: "", *to = c->args[0];
        _cleanup_json_ json_t *changes = NULL, *document = NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        const json_t *change;
        bool json;
        size_t i;
        int r;

        r = bus_call(c, &reply, BUS_PATH, RUNTIME_INTERFACE, "GetDiff", "ss", from, to);
        if (r >= 0)
                r = bus_read_json(c, reply, &changes);
        if (r < 0)
                return r;
        if (output_format(c, &json) || json) {
                document = diff_document(changes);
                return output_value(c, document);
        }
        json_array_foreach(changes, i, change)
        {
                _cleanup_free_ char *line =
                        str_printf("%s %s", strempty(json_string_value(json_array_get(change, 0))),
                                   strempty(json_string_value(json_array_get(change, 1))));

                output_line(strempty(line));
        }
        return 0;
}
