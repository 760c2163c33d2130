/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What an image is made of: its history, and the layers that it shares with others. */

#include "base/parse.h"
#include "base/str.h"
#include "object/image.h"

static uint64_t layer_size(const Image *i, size_t n)
{
        return (uint64_t) MAX(json_get_i64(json_array_get(i->config->layers, n), "Size", 0), (int64_t) 0);
}

static uint64_t time_of(const json_t *entry)
{
        uint64_t usec = 0;

        (void) parse_time(strempty(json_get_string(entry, "created")), &usec);
        return usec;
}

static json_t *history_entry(const json_t *entry, uint64_t size)
{
        return json_pack("{s:s, s:I, s:s, s:I, s:s, s:b}", "Id", "<missing>", "Created",
                         (json_int_t) time_of(entry), "CreatedBy",
                         strempty(json_get_string(entry, "created_by")), "Size", (json_int_t) size, "Comment",
                         strempty(json_get_string(entry, "comment")), "Empty",
                         json_get_bool(entry, "empty_layer", false));
}

/* The top layer is the image. */
static int mark_top(const Image *i, json_t *history)
{
        json_t *top = json_array_get(history, 0), *tags = json_from_strv(i->names);

        if (!top) {
                json_decref(tags);
                return 0;
        }
        return !tags || json_object_set_new(top, "Tags", tags) < 0 ||
                               json_object_set_new(top, "Id", json_string(image_id(i))) < 0
                       ? -ENOMEM
                       : 0;
}

json_t *image_history(const Image *i)
{
        _cleanup_json_ json_t *history = json_array();
        const json_t *entry;
        size_t n, layer = 0;

        json_array_foreach(i->config->history, n, entry)
        {
                bool empty = json_get_bool(entry, "empty_layer", false);
                json_t *v = history_entry(entry, empty ? 0 : layer_size(i, layer));

                layer += !empty;
                if (!v || json_array_insert_new(history, 0, v) < 0)
                        return NULL;
        }
        return mark_top(i, history) < 0 ? NULL : TAKE_PTR(history);
}

/* Whether a's layers up to n are those of b. */
static bool shares_chain(const Image *a, const Image *b, size_t n)
{
        for (size_t k = 0; k <= n; k++)
                if (!b->config->diff_ids || k >= strv_length(b->config->diff_ids) ||
                    !streq(a->config->diff_ids[k], b->config->diff_ids[k]))
                        return false;
        return true;
}

static int add_names(json_t *list, const Image *i)
{
        STRV_FOREACH(name, i->names)
                if (json_array_append_new(list, json_string(*name)) < 0)
                        return -ENOMEM;
        return i->names || json_array_append_new(list, json_string(image_id(i))) >= 0 ? 0 : -ENOMEM;
}

static json_t *layer_entry(const Image *image, size_t n)
{
        json_t *top = json_array(), *shared = json_array();
        json_t *v = json_pack("{s:s, s:I, s:o, s:o}", "Id", image->config->diff_ids[n], "Size",
                              (json_int_t) layer_size(image, n), "TopLayerOf", top, "SharedWith", shared);

        MAP_FOREACH(e, image->manager->images) {
                const Image *i = map_value(e);

                if (!v || !shares_chain(image, i, n))
                        continue;
                if ((strv_length(i->config->diff_ids) == n + 1 && add_names(top, i) < 0) ||
                    (i != image && add_names(shared, i) < 0))
                        return json_decref(v), NULL;
        }
        return v;
}

json_t *image_tree(const Image *i)
{
        _cleanup_json_ json_t *layers = json_array();

        for (size_t n = 0; n < strv_length(i->config->diff_ids); n++)
                if (json_array_append_new(layers, layer_entry(i, n)) < 0)
                        return NULL;
        return TAKE_PTR(layers);
}
