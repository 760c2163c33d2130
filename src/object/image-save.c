/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a worker reads from images that are here: to write them elsewhere, to compare them. They stay as long
 * as it does. */

#include <fcntl.h>

#include "base/str.h"
#include "object/image.h"
#include "object/work.h"

int image_hold(Image *i, char ***held)
{
        int r = strv_append(held, image_id(i));

        if (r >= 0)
                i->held++;
        return r;
}

void images_release(Manager *m, char **held)
{
        STRV_FOREACH(id, held) {
                Image *i = map_get(m->images, *id);

                if (i)
                        i->held--;
        }
        strv_free(held);
}

typedef struct Reading {
        Manager *manager;
        char **held;
} Reading;

static void reading_free(void *data)
{
        Reading *n = data;

        images_release(n->manager, n->held);
        free(n);
}

static int reading_new(Manager *m, Reading **ret)
{
        Reading *n = calloc(1, sizeof(*n));

        if (!n)
                return -ENOMEM;
        n->manager = m;
        *ret = n;
        return 0;
}

/* Saving */

static void on_saved(Work *w, int r, json_t *result, const Error *error)
{
        const Reading *n = w->data;

        STRV_FOREACH(id, r < 0 ? NULL : n->held) {
                const Image *i = map_get(w->manager->images, *id);
                EventInfo info = {.id = *id, .name = i ? image_name(i) : NULL};

                manager_event(w->manager, EVENT_IMAGE_SAVE, &info);
                (void) strv_append(&w->ids, *id);
        }
        work_end(w, r, error);
}

static const WorkClass save_class = {.stepped = on_saved, .free = reading_free};

/* What stands in the archive for a name: as the image has it, none for an ID. */
static int add_image(Reading *n, char ***arguments, const char *name, Error *error)
{
        _cleanup_free_ char *normal = NULL, *text = NULL;
        Image *i;
        int r;

        r = manager_find_image(n->manager, name, &i, error);
        if (r >= 0)
                r = image_hold(i, &n->held);
        if (r >= 0)
                r = image_known_as(i, name, &normal);
        if (r < 0)
                return r;
        text = normal ? str_printf("%s=%s", image_id(i), normal) : strdup(image_id(i));
        return text ? strv_append(arguments, text) : -ENOMEM;
}

static int save_arguments(Reading *n, const ImageSaveOptions *options, char ***ret, Error *error)
{
        const struct {
                const char *option, *value;
        } given[] = {
                {"--format", options->format},
                {"--compress", options->compress},
        };
        _cleanup_strv_ char **arguments = NULL;
        int r = strv_append(&arguments, "export");

        FOREACH_ELEMENT(g, given) {
                char *text = g->value ? str_printf("%s=%s", g->option, g->value) : NULL;

                if (r >= 0 && g->value)
                        r = text ? strv_consume(&arguments, text) : -ENOMEM;
        }
        STRV_FOREACH(name, (char **) options->names)
                if (r >= 0)
                        r = add_image(n, &arguments, *name, error);
        if (r >= 0)
                *ret = TAKE_PTR(arguments);
        return r;
}

static int check_save(const ImageSaveOptions *options, Error *error)
{
        static const char *const formats[] = {"docker-archive", "oci-archive", "oci-dir", "docker-dir"};
        static const char *const codings[] = {"none", "gzip", "zstd"};
        bool known = !options->format, coding = !options->compress;

        FOREACH_ELEMENT(f, formats)
                known = known || streq(*f, options->format);
        FOREACH_ELEMENT(c, codings)
                coding = coding || streq(*c, options->compress);
        if (!known)
                return error_set(
                        error, ERROR_INVALID_ARGUMENT,
                        "Not a format: \"%.64s\": docker-archive, oci-archive, oci-dir or docker-dir "
                        "is wanted",
                        options->format);
        if (!coding)
                return error_set(error, ERROR_INVALID_ARGUMENT,
                                 "Not a compression: \"%.64s\": none, gzip or zstd is wanted",
                                 options->compress);
        if (!options->names || !options->names[0])
                return error_set(error, ERROR_INVALID_ARGUMENT, "No image is named");
        return 0;
}

int images_save(Manager *m, int output, const ImageSaveOptions *options, const WorkClient *client,
                Error *error)
{
        WorkOptions o = {.type = WORK_SAVE, .class = &save_class};
        WorkStep step = {WORKER_PULL, "Berth: save images", .input = -EBADF};
        _cleanup_strv_ char **arguments = NULL;
        Reading *n;
        Work *w;
        int r;

        r = check_save(options, error);
        if (r >= 0)
                r = reading_new(m, &n);
        if (r < 0)
                return r;
        r = save_arguments(n, options, &arguments, error);
        if (r < 0) {
                reading_free(n);
                return r;
        }
        o.data = n;
        o.subject = options->names[0];
        r = work_new(m, &o, client, &w, error);
        if (r < 0)
                return r;
        step.arguments = arguments;
        step.input = fcntl(output, F_DUPFD_CLOEXEC, 3);
        if (step.input < 0)
                work_fail(w, -errno, NULL, "Cannot use the output");
        else
                work_step(w, &step, "Cannot save the image");
        return 0;
}

/* Comparing */

static void on_compared(Work *w, int r, json_t *result, const Error *error)
{
        if (r >= 0)
                w->value = json_incref(json_get_array(result, "Changes"));
        work_end(w, r, error);
}

static const WorkClass diff_class = {.stepped = on_compared, .free = reading_free};

int images_diff(Manager *m, const char *from, const char *to, const WorkClient *client, Error *error)
{
        WorkOptions o = {.type = WORK_DIFF, .class = &diff_class, .subject = to};
        WorkStep step = {WORKER_PULL, "Berth: compare images", .input = -EBADF};
        char *arguments[4] = {(char *) "diff"};
        Image *a = NULL, *b;
        Reading *n;
        size_t k = 1;
        Work *w;
        int r;

        r = manager_find_image(m, to, &b, error);
        if (r >= 0 && !isempty(from))
                r = manager_find_image(m, from, &a, error);
        if (r >= 0)
                r = reading_new(m, &n);
        if (r < 0)
                return r;
        r = image_hold(b, &n->held);
        if (r >= 0 && a)
                r = image_hold(a, &n->held);
        if (r < 0) {
                reading_free(n);
                return r;
        }
        arguments[k++] = (char *) image_id(b);
        if (a)
                arguments[k] = (char *) image_id(a);
        o.data = n;
        r = work_new(m, &o, client, &w, error);
        if (r < 0)
                return r;
        step.arguments = arguments;
        work_step(w, &step, "Cannot compare images");
        return 0;
}
