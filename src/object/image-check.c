/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Checking the store: a worker says what is wrong; images whose registry is known come again from there. */

#include "base/str.h"
#include "object/image.h"
#include "spec/image-ref.h"

typedef struct Check {
        bool repair;
        char **damaged; /* images that are still to be repaired */
        size_t at;
} Check;

static void check_free(void *data)
{
        Check *c = data;

        strv_free(c->damaged);
        free(c);
}

/* Where it can come from: a name or a digest that is not of this machine. */
static const char *origin_of(const Image *i)
{
        char **lists[] = {i->digests, i->names};

        FOREACH_ELEMENT(list, lists)
                STRV_FOREACH(name, *list)
                        if (!startswith(*name, "localhost/"))
                                return *name;
        return NULL;
}

static void repair_next(Work *w);

static void on_pulled(int r, const Error *error, const OperationResult *result, void *userdata)
{
        Work *w = userdata;
        Check *c = w->data;
        _cleanup_free_ char *text = NULL;

        if (r == OPERATION_ABANDONED)
                return;
        if (r >= 0)
                (void) strv_append(&w->names, c->damaged[c->at]);
        else
                text = str_printf("Image %s cannot be repaired: %s", c->damaged[c->at],
                                  strempty(error->message));
        if (text)
                (void) strv_append(&w->warnings, text);
        c->at++;
        repair_next(w);
}

static void cannot_repair(Work *w, const char *reason)
{
        Check *c = w->data;
        _cleanup_free_ char *text = str_printf("Image %s cannot be repaired: %s", c->damaged[c->at], reason);

        if (text)
                (void) strv_append(&w->warnings, text);
        c->at++;
}

static void repair_next(Work *w)
{
        ImagePullOptions options = {.policy = PULL_ALWAYS, .fetch = FETCH_OPTIONS_INIT, .distrust = true};
        WorkClient client = {.promise = {NULL, on_pulled, w}};
        Check *c = w->data;

        while (c->damaged && c->damaged[c->at]) {
                _cleanup_error_ Error error = ERROR_INIT;
                const Image *i = map_get(w->manager->images, c->damaged[c->at]);
                const char *origin = i ? origin_of(i) : NULL;

                if (!origin)
                        cannot_repair(w, "no registry is known that has it; load its archive again");
                else if (image_pull(w->manager, origin, &options, &client, &error) >= 0)
                        return;
                else
                        cannot_repair(w, strempty(error.message));
        }
        work_end(w, 0, NULL);
}

static int add_problems(Work *w, const json_t *object, const char *whose)
{
        json_t *list = json_get_array(object, "Problems"), *problem;
        size_t i;
        int r = 0;

        json_array_foreach(list, i, problem)
        {
                _cleanup_free_ char *clean = str_escape(strempty(json_string_value(problem)));
                _cleanup_free_ char *text =
                        clean ? str_printf("%s%s%s", strempty(whose), whose ? ": " : "", clean) : NULL;

                if (r >= 0)
                        r = text ? strv_append(&w->warnings, text) : -ENOMEM;
        }
        return r;
}

/* One that the worker could mend is damaged and repaired at once. */
static int take_image(Work *w, const json_t *image)
{
        const char *id = json_get_string(image, "Id");
        Check *c = w->data;
        int r;

        if (!map_has(w->manager->images, strempty(id)))
                return 0;
        r = add_problems(w, image, id);
        if (r >= 0)
                r = strv_append(&w->ids, id);
        if (r < 0)
                return r;
        return json_array_size(json_get_array(image, "Problems")) > 0 ? strv_append(&c->damaged, id)
                                                                      : strv_append(&w->names, id);
}

static int take_result(Work *w, const json_t *result)
{
        json_t *images = json_get_array(result, "Images"), *image;
        size_t i;
        int r;

        r = add_problems(w, result, NULL);
        json_array_foreach(images, i, image) if (r >= 0) r = take_image(w, image);
        return r;
}

static void on_checked(Work *w, int r, json_t *result, const Error *error)
{
        const Check *c = w->data;

        if (r >= 0)
                r = take_result(w, result);
        if (r < 0) {
                work_fail(w, r, error, "Cannot check the store");
                return;
        }
        /* The pulls count on us to be there. */
        w->bound = true;
        if (c->repair)
                repair_next(w);
        else
                work_end(w, 0, NULL);
}

static const WorkClass check_class = {.stepped = on_checked, .free = check_free};

int images_check(Manager *m, bool repair, const WorkClient *client, Error *error)
{
        char *arguments[] = {(char *) "check", repair ? (char *) "--repair" : NULL, NULL};
        WorkOptions o = {.type = WORK_CHECK, .class = &check_class};
        WorkStep step = {WORKER_PULL, "Berth: check the image store", .input = -EBADF,
                         .arguments = arguments};
        Check *c = calloc(1, sizeof(*c));
        Work *w;
        int r;

        if (!c)
                return -ENOMEM;
        c->repair = repair;
        o.data = c;
        r = work_new(m, &o, client, &w, error);
        if (r >= 0)
                work_step(w, &step, "Cannot check the store");
        return r;
}
