/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Removing images: they go out of sight at once, and a worker removes their files. */

#include "base/log.h"
#include "base/parse.h"
#include "base/str.h"
#include "object/container.h"
#include "object/filter.h"
#include "object/image.h"
#include "spec/name.h"

typedef struct Removal {
        char *image; /* while containers of it are removed */
        size_t pending;
} Removal;

static void removal_free(void *data)
{
        Removal *n = data;

        free(n->image);
        free(n);
}

static void on_removed(Work *w, int r, json_t *result, const Error *error)
{
        /* They are out of sight already; what is left of them the next sweep takes. */
        if (r < 0)
                log_warning("The files of removed images are not gone yet: unit %s: %s", w->unit,
                            strempty(error->message));
        work_end(w, 0, NULL);
}

static const WorkClass remove_class = {.stepped = on_removed, .free = removal_free};

static int removal_new(Manager *m, const char *subject, const Promise *p, Work **ret, Error *error)
{
        WorkOptions options = {.type = WORK_REMOVE, .class = &remove_class, .subject = subject};
        WorkClient client = {.promise = *p};
        int r;

        options.data = calloc(1, sizeof(Removal));
        r = options.data ? work_new(m, &options, &client, ret, error) : -ENOMEM;
        if (r >= 0)
                (*ret)->bound = true;
        return r;
}

static void start_removal(Work *w)
{
        _cleanup_strv_ char **arguments = NULL;
        WorkStep step = {WORKER_PULL, "Berth: remove images", .input = -EBADF};

        if (strv_append(&arguments, "remove") < 0 || strv_extend(&arguments, w->ids) < 0) {
                work_fail(w, -ENOMEM, NULL, "Cannot remove images");
                return;
        }
        step.arguments = arguments;
        work_step(w, &step, "Cannot remove images");
}

static int retire_image(Image *i, Work *w, Error *error)
{
        _cleanup_free_ char *id = strdup(image_id(i));
        Manager *m = i->manager;
        EventInfo info = {.id = id, .name = image_name(i)};
        int r;

        if (!id)
                return -ENOMEM;
        r = state_retire(m->state, STATE_IMAGES, id, error);
        if (r >= 0)
                r = strv_append(&w->ids, id);
        if (r >= 0)
                r = strv_extend(&w->names, i->names);
        if (r < 0)
                return r;
        manager_event(m, EVENT_IMAGE_REMOVE, &info);
        (void) map_remove(m->images, id);
        manager_removed(m, OBJECT_IMAGE, id);
        return 0;
}

static void remove_unused(Work *w)
{
        _cleanup_error_ Error error = ERROR_INIT;
        const Removal *n = w->data;
        Image *i = map_get(w->manager->images, n->image);
        int r = 0;

        if (i && image_users(i) > 0)
                r = error_set(&error, ERROR_IN_USE, "Image %s is used by a container", image_name(i));
        else if (i)
                r = retire_image(i, w, &error);
        else
                r = error_set(&error, ERROR_NO_SUCH_IMAGE, "Image %s is gone already", n->image);
        if (r < 0) {
                if (i)
                        i->removing = false;
                work_end(w, r, &error);
                return;
        }
        start_removal(w);
}

static void on_user_removed(int r, const Error *error, const OperationResult *result, void *userdata)
{
        Work *w = userdata;
        Removal *n = w->data;

        if (r == OPERATION_ABANDONED)
                return;
        if (--n->pending == 0)
                remove_unused(w);
}

static void remove_users(Work *w, Image *i)
{
        _cleanup_strv_ char **ids = NULL;
        Manager *m = w->manager;
        Removal *n = w->data;

        MAP_FOREACH(e, m->containers) {
                const Container *c = map_value(e);

                if (streq(c->file.image_id, image_id(i)))
                        (void) strv_append(&ids, map_key(e));
        }
        n->pending = 1;
        STRV_FOREACH(id, ids) {
                Promise removed = {NULL, on_user_removed, w};
                Container *c = map_get(m->containers, *id);

                n->pending++;
                if (!c || container_remove(c, true, 0, &removed, NULL) < 0)
                        n->pending--;
        }
        on_user_removed(0, NULL, NULL, w);
}

static int refuse_used(const Image *i, Error *error)
{
        MAP_FOREACH(e, i->manager->container_names) {
                const Container *c = map_value(e);

                if (streq(c->file.image_id, image_id(i)))
                        return error_set(error, ERROR_IN_USE, "Image %s is used by container %s (%s)",
                                         image_name(i), container_name(c), container_id(c));
        }
        return 0;
}

/* podman's reading: a name of an image that has others is only taken away; an ID of an image with several
 * names needs force. */
int image_remove(Image *i, const char *name, bool force, const Promise *p, Error *error)
{
        bool by_id = !image_has_name(i, name);
        size_t n_names = strv_length(i->names);
        Removal *n;
        Work *w;
        int r;

        if (!by_id && n_names > 1) {
                _cleanup_free_ char *normal = NULL;

                r = image_untag(i, name, &normal, error);
                return r < 0 ? r : promise_complete(p, &(OperationResult){.names = (char *[]){normal, NULL}});
        }
        if (by_id && n_names > 1 && !force)
                return error_set(error, ERROR_IN_USE,
                                 "Image %s has %zu names: remove them one by one, or use force", image_id(i),
                                 n_names);
        r = image_refuse_busy(i, error);
        if (r >= 0 && !force)
                r = refuse_used(i, error);
        if (r < 0)
                return r;
        r = removal_new(i->manager, image_name(i), p, &w, error);
        if (r < 0)
                return r;
        n = w->data;
        if (str_replace(&n->image, image_id(i)) < 0) {
                work_fail(w, -ENOMEM, NULL, "Cannot remove the image");
                return 0;
        }
        i->removing = true;
        remove_users(w, i);
        return 0;
}

int image_remove_damaged(Manager *m, const char *id, const Promise *p, Error *error)
{
        Work *w;
        int r;

        if (!id_is_valid(id) || !state_has(m->state, STATE_IMAGES, id))
                return error_set(error, ERROR_NO_SUCH_IMAGE, "Nothing is stored under \"%.100s\"", id);
        r = state_retire(m->state, STATE_IMAGES, id, error);
        if (r >= 0)
                r = removal_new(m, id, p, &w, error);
        if (r < 0)
                return r;
        if (strv_append(&w->ids, id) < 0)
                work_fail(w, -ENOMEM, NULL, "Cannot remove the image");
        else
                start_removal(w);
        return 0;
}

static void prune_event(Manager *m, size_t n)
{
        _cleanup_(map_freep) Map *attributes = map_new_strings();
        _cleanup_free_ char *count = str_printf("%zu", n);
        EventInfo info = {.attributes = attributes};

        if (n == 0 || !count || !attributes || map_put_string(attributes, "count", count) < 0)
                return;
        manager_event(m, EVENT_IMAGE_PRUNE, &info);
}

/* podman's reading: those without a name, unless all or a filter of that name says otherwise. */
static bool is_prunable(const Image *i, const json_t *filters)
{
        const char *all = json_string_value(json_array_get(json_get_array(filters, "all"), 0));
        bool every = false;

        if (all)
                (void) parse_bool(all, &every);
        if (i->names && !every && !json_object_get(filters, "dangling"))
                return false;
        return image_fits(i, filters) && !i->removing && image_users(i) == 0 &&
               image_refuse_busy(i, NULL) >= 0;
}

int images_prune(Manager *m, const json_t *filters, const Promise *p, Error *error)
{
        _cleanup_strv_ char **ids = NULL;
        Work *w;
        int r;

        r = image_filters_check(m, filters, error);
        if (r >= 0)
                r = removal_new(m, NULL, p, &w, error);
        if (r < 0)
                return r;
        MAP_FOREACH(e, m->images) {
                const Image *i = map_value(e);

                if (is_prunable(i, filters))
                        (void) strv_append(&ids, map_key(e));
        }
        STRV_FOREACH(id, ids) {
                _cleanup_error_ Error e = ERROR_INIT;

                if (retire_image(map_get(m->images, *id), w, &e) < 0)
                        log_warning("Image %s: %s", *id, strempty(e.message));
        }
        prune_event(m, strv_length(w->ids));
        if (!w->ids)
                work_end(w, 0, NULL);
        else
                start_removal(w);
        return 0;
}

static void on_swept(Work *w, int r, json_t *result, const Error *error)
{
        if (r < 0)
                log_warning("Cannot sweep the image store: %s", strempty(error->message));
        work_end(w, 0, NULL);
}

static const WorkClass sweep_class = {.stepped = on_swept};

void images_sweep(Manager *m)
{
        WorkOptions options = {.type = WORK_SWEEP, .class = &sweep_class, .key = "sweep"};
        WorkStep step = {WORKER_PULL, "Berth: sweep the image store", .input = -EBADF,
                         .arguments = (char *[]){(char *) "sweep", NULL}};
        Work *w;

        if (work_new(m, &options, NULL, &w, NULL) < 0) {
                log_warning("Cannot sweep the image store now");
                return;
        }
        w->bound = true;
        work_step(w, &step, "Cannot sweep the image store");
}
