/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* io.berth1.Runtime: its methods about images. What takes long answers with names, IDs and warnings when it
 * is done, or with the path of its operation at once. */

#include "base/str.h"
#include "bus/bus.h"
#include "bus/object-bus.h"
#include "bus/request.h"
#include "bus/value.h"
#include "object/filter.h"
#include "spec/image-ref.h"
#include "spec/name.h"

static int find_image(Manager *m, sd_bus_message *call, Image **ret, const char **ret_name, sd_bus_error *e)
{
        _cleanup_error_ Error error = ERROR_INIT;
        int r;

        r = sd_bus_message_read(call, "s", ret_name);
        if (r < 0)
                return r;
        r = manager_find_image(m, *ret_name, ret, &error);
        return r < 0 ? request_error(e, r, &error) : 0;
}

static int append_ids(sd_bus_message *reply, const OperationResult *result)
{
        return sd_bus_message_append_strv(reply, result->ids);
}

static int method_get_image(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        Manager *manager = userdata;
        const char *id;
        int r;

        r = sd_bus_message_read(m, "s", &id);
        if (r < 0)
                return r;
        if (!map_has(manager->images, id))
                return sd_bus_error_setf(e, error_bus_name(ERROR_NO_SUCH_IMAGE),
                                         "No image has the ID \"%.100s\"", id);
        return request_reply_path(m, "image", id);
}

static int method_lookup_image(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        const char *name;
        Image *i;
        int r;

        r = find_image(userdata, m, &i, &name, e);
        return r < 0 ? r : request_reply_path(m, "image", image_id(i));
}

static int method_has_image(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        const char *name;
        Image *i;

        return request_reply_has(m, find_image(userdata, m, &i, &name, e), e);
}

static int append_image(sd_bus_message *m, const Image *i)
{
        _cleanup_json_ json_t *labels = json_object(), *names = json_from_strv(i->names);
        const ImageConfig *c = i->config;
        int r;

        MAP_FOREACH(e, c->labels)
                (void) json_object_set_new(labels, map_key(e), json_string(map_value(e)));
        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = sd_bus_message_append(m, "{sv}{sv}{sv}{sv}{sv}{sv}{sv}", "Id", "s", c->id, "Digest", "s",
                                          strempty(c->digest), "Created", "t", c->created_usec, "Size", "t",
                                          c->size, "Containers", "u", (uint32_t) image_users(i), "Dangling",
                                          "b", !i->names, "ReadOnly", "b", false);
        if (r >= 0)
                r = value_append_entry(m, "Names", "as", names);
        if (r >= 0)
                r = value_append_entry(m, "Labels", "a{ss}", labels);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int reply_images(Manager *manager, sd_bus_message *call, const json_t *filters)
{
        sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(call, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        MAP_FOREACH(i, manager->images) {
                const Image *image = map_value(i);

                if (r >= 0 && image_fits(image, filters))
                        r = append_image(reply, image);
        }
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r;
}

static int method_list_images(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_json_ json_t *options = NULL;
        Manager *manager = userdata;
        const json_t *filters;
        int r;

        r = request_read(m, 0, list_options, NULL, &options, &error);
        filters = json_get_object(options, "Filters");
        if (r >= 0)
                r = image_filters_check(manager, filters, &error);
        return r < 0 ? request_error(e, r, &error) : reply_images(manager, m, filters);
}

static int method_remove_image(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        const char *name;
        Image *i;
        int r;

        r = find_image(userdata, m, &i, &name, e);
        return r < 0 ? r : image_handle_remove(m, i, name, e);
}

static int method_prune_images(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_json_ json_t *filters = NULL;
        Promise p;
        int r;

        r = request_read_filters(m, &filters, &error);
        if (r < 0)
                return request_error(e, r, &error);
        r = request_promise(m, append_ids, &p);
        if (r < 0)
                return r;
        r = images_prune(userdata, filters, &p, &error);
        return r < 0 ? request_refused(&p, r, &error, e) : 1;
}

/* What is in the store under an ID, even if it cannot be read. */
static int method_remove_from_storage(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_json_ json_t *options = NULL;
        Manager *manager = userdata;
        const char *id;
        Promise p;
        int r;

        r = sd_bus_message_read(m, "s", &id);
        if (r < 0)
                return r;
        if (manager_find_image(manager, id, &(Image *){NULL}, NULL) >= 0) {
                r = sd_bus_message_rewind(m, true);
                return r < 0 ? r : method_remove_image(m, userdata, e);
        }
        r = request_read(m, 0, remove_options, NULL, &options, &error);
        if (r < 0)
                return request_error(e, r, &error);
        r = request_promise(m, image_append_removed, &p);
        if (r < 0)
                return r;
        r = image_remove_damaged(manager, id, &p, &error);
        return r < 0 ? request_refused(&p, r, &error, e) : 1;
}

static int normalize(const char *name, char **ret, sd_bus_error *e)
{
        const char *reason = NULL;
        int r = image_ref_normalize(name, ret, &reason);

        return r == -EINVAL ? sd_bus_error_setf(e, error_bus_name(ERROR_INVALID_ARGUMENT),
                                                "Not an image name: %s", strempty(reason))
                            : r;
}

static int method_normalize(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        _cleanup_free_ char *normal = NULL;
        const char *name;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r >= 0)
                r = normalize(name, &normal, e);
        return r < 0 ? r : sd_bus_reply_method_return(m, "s", normal);
}

static int method_refs_equal(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        _cleanup_free_ char *x = NULL, *y = NULL;
        const char *a, *b;
        int r;

        r = sd_bus_message_read(m, "ss", &a, &b);
        if (r >= 0)
                r = normalize(a, &x, e);
        if (r >= 0)
                r = normalize(b, &y, e);
        return r < 0 ? r : sd_bus_reply_method_return(m, "b", streq(x, y));
}

const sd_bus_vtable *manager_image_vtable(void)
{
        static const sd_bus_vtable vtable[] = {
                SD_BUS_VTABLE_START(0),
                SD_BUS_METHOD_WITH_ARGS("GetImage", SD_BUS_ARGS("s", id), SD_BUS_RESULT("o", path),
                                        method_get_image, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("LookupImage", SD_BUS_ARGS("s", name), SD_BUS_RESULT("o", path),
                                        method_lookup_image, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("HasImage", SD_BUS_ARGS("s", name), SD_BUS_RESULT("b", has),
                                        method_has_image, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("ListImages", SD_BUS_ARGS("a{sv}", options),
                                        SD_BUS_RESULT("aa{sv}", images), method_list_images,
                                        SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("RemoveImage", SD_BUS_ARGS("s", name, "a{sv}", options),
                                        SD_BUS_RESULT("as", untagged, "as", deleted), method_remove_image,
                                        SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("RemoveImageFromStorage", SD_BUS_ARGS("s", id, "a{sv}", options),
                                        SD_BUS_RESULT("as", untagged, "as", deleted),
                                        method_remove_from_storage, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("NormalizeImageRef", SD_BUS_ARGS("s", name),
                                        SD_BUS_RESULT("s", normal), method_normalize,
                                        SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("ImageRefsEqual", SD_BUS_ARGS("s", a, "s", b),
                                        SD_BUS_RESULT("b", equal), method_refs_equal,
                                        SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("PruneImages", SD_BUS_ARGS("a{sas}", filters),
                                        SD_BUS_RESULT("as", ids), method_prune_images,
                                        SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_VTABLE_END,
        };

        return vtable;
}
