/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Images that come from a descriptor: an archive of images, or the files of a root. A name inside an archive
 * is a suggestion of a stranger: it does not move from an image that has it, unless the caller says so. */

#include <fcntl.h>

#include "base/str.h"
#include "object/image.h"
#include "object/work.h"
#include "spec/conf.h"
#include "spec/image-ref.h"
#include "spec/name.h"

typedef struct Load {
        char **names; /* further names, of the caller */
        bool replace;
        Event event;
} Load;

static void load_free(void *data)
{
        Load *l = data;

        strv_free(l->names);
        free(l);
}

static void sweep_after(Work *w)
{
        images_sweep(w->manager);
}

/* Names of the archive. */
static int suggest_name(Work *w, Image *i, const char *name, char ***given, Error *error)
{
        const Load *l = w->data;
        const Image *other = map_get(w->manager->image_names, name);
        _cleanup_free_ char *warning = NULL;
        int r;

        if (!other || other == i || l->replace) {
                r = image_tag(i, name, error);
                return r < 0 ? r : strv_append(given, name);
        }
        warning = str_printf("The name %s stays with the image %.*s: it is not moved to %.*s without being "
                             "asked for",
                             name, ID_SHORT_LENGTH, image_id(other), ID_SHORT_LENGTH, image_id(i));
        return warning ? strv_append(&w->warnings, warning) : -ENOMEM;
}

static int take_image(Work *w, const json_t *image, bool first, Error *error)
{
        _cleanup_strv_ char **suggested = NULL, **given = NULL;
        const char *id = json_get_string(image, "Id");
        const Load *l = w->data;
        EventInfo info = {};
        Image *i;
        int r;

        r = image_of_worker(w->manager, id, &i, error);
        if (r >= 0 && json_get_strv(image, "Names", &suggested) < 0)
                r = -EBADMSG;
        STRV_FOREACH(name, suggested)
                if (r >= 0)
                        r = suggest_name(w, i, *name, &given, error);
        STRV_FOREACH(name, first ? l->names : NULL) {
                if (r >= 0)
                        r = image_tag(i, *name, error);
                if (r >= 0)
                        r = strv_append(&given, *name);
        }
        if (r < 0)
                return r;
        info = (EventInfo){.id = id, .name = image_name(i)};
        manager_event(w->manager, l->event, &info);
        r = strv_append(&w->ids, id);
        /* What people know it by. */
        return r < 0 ? r : strv_append(&w->names, given ? given[0] : id);
}

static void on_loaded(Work *w, int r, json_t *result, const Error *error)
{
        _cleanup_error_ Error own = ERROR_INIT;
        json_t *images = json_get_array(result, "Images"), *image;
        size_t i;

        if (r < 0) {
                if (error->kind == ERROR_FAILED) /* it may have been killed */
                        images_sweep(w->manager);
                work_end(w, r, error);
                return;
        }
        if (json_array_size(images) == 0)
                r = error_set(&own, ERROR_BAD_ARCHIVE, "The archive holds no image");
        json_array_foreach(images, i, image) if (r >= 0) r = take_image(w, image, i == 0, &own);
        if (r < 0)
                work_fail(w, r, &own, "Cannot name the image");
        else
                work_end(w, 0, NULL);
}

static const WorkClass load_class = {.stepped = on_loaded, .cancelled = sweep_after, .free = load_free};

static int load_new(Manager *m, WorkType type, Event event, const ImageLoadOptions *options,
                    const WorkClient *client, Work **ret, Error *error)
{
        WorkOptions o = {.type = type, .class = &load_class};
        Load *l = calloc(1, sizeof(Load));

        if (!l || strv_copy(options->names, &l->names) < 0) {
                free(l);
                return -ENOMEM;
        }
        l->replace = options->replace;
        l->event = event;
        o.data = l;
        o.subject = options->names ? options->names[0] : NULL;
        return work_new(m, &o, client, ret, error);
}

static void start_load(Work *w, int archive, char *const *arguments)
{
        WorkStep step = {WORKER_PULL, "Berth: load images", .arguments = arguments};

        step.input = fcntl(archive, F_DUPFD_CLOEXEC, 3);
        if (step.input < 0)
                work_fail(w, -errno, NULL, "Cannot use the archive");
        else
                work_step(w, &step, "Cannot load images");
}

static int check_names(char *const *names, Error *error)
{
        const char *reason = NULL;

        STRV_FOREACH(name, (char **) names) {
                _cleanup_free_ char *normal = NULL;

                if (image_ref_normalize(*name, &normal, &reason) < 0 || strchr(normal, '@'))
                        return error_set(error, ERROR_INVALID_ARGUMENT,
                                         "Not a name for an image: \"%.512s\": %s", *name,
                                         reason ? reason : "a digest is no name");
        }
        return 0;
}

int image_limits(char ***arguments, Error *error)
{
        _cleanup_conf_ Conf conf = {};
        const struct {
                const char *option;
                const uint64_t *value;
        } limits[] = {
                {"--bytes-max", &conf.unpacked_max},
                {"--entries-max", &conf.entries_max},
        };
        int r = conf_load(NULL, &conf, error);

        FOREACH_ELEMENT(l, limits) {
                char *text = *l->value > 0 ? str_printf("%s=%llu", l->option, (unsigned long long) *l->value)
                                           : NULL;

                if (r >= 0 && *l->value > 0)
                        r = text ? strv_consume(arguments, text) : -ENOMEM;
        }
        return r;
}

int image_load_archive(Manager *m, int archive, const ImageLoadOptions *options, const WorkClient *client,
                       Error *error)
{
        _cleanup_strv_ char **arguments = NULL;
        Work *w;
        int r;

        r = check_names(options->names, error);
        if (r >= 0)
                r = strv_append(&arguments, "load");
        if (r >= 0 && options->single)
                r = strv_append(&arguments, "--single");
        if (r >= 0)
                r = image_limits(&arguments, error);
        if (r >= 0)
                r = image_policy_for_archive(archive, &arguments, error);
        if (r >= 0)
                r = load_new(m, WORK_LOAD, EVENT_IMAGE_LOAD, options, client, &w, error);
        if (r >= 0)
                start_load(w, archive, arguments);
        return r;
}

/* Options of the worker as "--option=value". */
static int add_option(char ***arguments, const char *option, const char *value)
{
        char *text;

        if (isempty(value))
                return 0;
        text = str_printf("--%s=%s", option, value);
        return text ? strv_consume(arguments, text) : -ENOMEM;
}

int image_import(Manager *m, int archive, const ImageImportOptions *options, const WorkClient *client,
                 Error *error)
{
        ImageLoadOptions load = {.names = options->names, .replace = true};
        _cleanup_strv_ char **arguments = NULL;
        Work *w;
        int r;

        r = check_names(options->names, error);
        if (r >= 0)
                r = image_policy_for_import(error);
        if (r >= 0)
                r = strv_append(&arguments, "import");
        STRV_FOREACH(change, (char **) options->changes)
                if (r >= 0)
                        r = add_option(&arguments, "change", *change);
        if (r >= 0)
                r = add_option(&arguments, "message", options->message);
        if (r >= 0)
                r = add_option(&arguments, "platform", options->platform);
        if (r >= 0)
                r = load_new(m, WORK_IMPORT, EVENT_IMAGE_IMPORT, &load, client, &w, error);
        if (r >= 0)
                start_load(w, archive, arguments);
        return r;
}
