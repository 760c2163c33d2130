/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Pushing: berth-pull writes the image into a directory, berth-fetch sends what the registry has not. */

#include "base/str.h"
#include "object/fetch.h"
#include "object/image.h"
#include "spec/image-ref.h"

#define MOUNT_FROM_MAX 16U

typedef struct Push {
        Manager *manager;
        char **held;
        char *destination, *directory;
        FetchOrder *order;
        bool sending;
} Push;

static void push_free(void *data)
{
        Push *p = data;

        images_release(p->manager, p->held);
        fetch_order_free(p->order);
        free(p->destination);
        free(p->directory);
        free(p);
}

static void on_sent(Work *w, const json_t *result)
{
        Push *p = w->data;
        Image *i = map_get(w->manager->images, p->held[0]);
        char *digests[] = {(char *) json_get_string(result, "Digest"), NULL};
        EventInfo info = {.id = p->held[0], .name = p->destination};
        _cleanup_free_ char *repository = str_printf("%s/%s", p->order->registry, p->order->path);

        if (i && repository && digest_is_valid(digests[0]))
                (void) image_add_digests(i, repository, digests, NULL);
        manager_event(w->manager, EVENT_IMAGE_PUSH, &info);
        if (strv_append(&w->ids, p->held[0]) < 0 || strv_append(&w->names, p->destination) < 0)
                work_fail(w, -ENOMEM, NULL, "Cannot tell of the push");
        else
                work_end(w, 0, NULL);
}

static void on_push_stepped(Work *w, int r, json_t *result, const Error *error)
{
        Push *p = w->data;

        if (r >= 0 && !p->sending) {
                p->sending = true;
                fetch_step(w, FETCH_PUSH, p->order, p->directory);
                return;
        }
        fetch_directory_remove(w->manager, p->directory);
        if (r < 0)
                work_end(w, r, error);
        else
                on_sent(w, result);
}

static void on_push_cancelled(Work *w)
{
        const Push *p = w->data;

        fetch_directory_remove(w->manager, p->directory);
}

static const WorkClass push_class = {
        .stepped = on_push_stepped,
        .cancelled = on_push_cancelled,
        .free = push_free,
};

static bool shares_layer(const Image *a, const Image *b)
{
        STRV_FOREACH(id, a->config->diff_ids)
                if (strv_contains(b->config->diff_ids, *id))
                        return true;
        return false;
}

/* Repositories of the same registry that may have some of the layers: what came from there with them. */
static int find_mounts(const Image *image, FetchOrder *order)
{
        int r = 0;

        MAP_FOREACH(e, image->manager->images) {
                const Image *i = map_value(e);

                STRV_FOREACH(d, shares_layer(i, image) ? i->digests : NULL) {
                        _cleanup_image_ref_ ImageRef ref = {};

                        if (r < 0 || image_ref_parse(*d, &ref, NULL) < 0 ||
                            !streq_ptr(ref.registry, order->registry) || streq(ref.path, order->path) ||
                            strv_contains(order->mount_from, ref.path) ||
                            strv_length(order->mount_from) >= MOUNT_FROM_MAX)
                                continue;
                        r = strv_append(&order->mount_from, ref.path);
                }
        }
        return r;
}

static int push_new(Image *i, const char *destination, const ImagePushOptions *options, Push **ret,
                    Error *error)
{
        _cleanup_free_ char *what = NULL;
        const char *reason = NULL;
        Push *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        p->manager = i->manager;
        r = image_ref_normalize(destination, &p->destination, &reason);
        if (r == -EINVAL)
                (void) error_set(error, ERROR_INVALID_ARGUMENT, "Not an image name: \"%.512s\": %s",
                                 destination, strempty(reason));
        if (r >= 0)
                r = fetch_order_new(FETCH_PUSH, p->destination, &options->fetch, &p->order, error);
        if (r >= 0)
                r = find_mounts(i, p->order);
        if (r >= 0)
                r = image_hold(i, &p->held);
        what = r < 0 ? NULL : str_printf("push %s %s", image_id(i), p->destination);
        p->directory = what ? fetch_key(what) : NULL;
        if (r >= 0 && !p->directory)
                r = -ENOMEM;
        if (r < 0)
                push_free(p);
        else
                *ret = p;
        return r;
}

static void export(Work *w, const char *image, const ImagePushOptions *options)
{
        bool docker = streq_ptr(options->format, "v2s2");
        const Push *p = w->data;
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_free_ char *compress = str_printf("--compress=%s", options->compress ?: "gzip");
        char *arguments[] = {(char *) "export",
                             docker ? (char *) "--format=push-docker" : (char *) "--format=oci-dir", compress,
                             (char *) image, NULL};
        WorkStep step = {WORKER_PULL, "Berth: write an image for a registry", .arguments = arguments};

        step.input = fetch_directory_open(p->directory, true, &error);
        if (!compress || step.input < 0)
                work_fail(w, compress ? step.input : -ENOMEM, &error, "Cannot write the image");
        else
                work_step(w, &step, "Cannot write the image");
}

static int check_options(const ImagePushOptions *options, Error *error)
{
        static const char *const formats[] = {"oci", "v2s2"}, *const codings[] = {"gzip", "zstd"};
        bool format = !options->format, coding = !options->compress;

        FOREACH_ELEMENT(f, formats)
                format = format || streq(*f, options->format);
        FOREACH_ELEMENT(c, codings)
                coding = coding || streq(*c, options->compress);
        if (!format || !coding)
                return error_set(
                        error, ERROR_INVALID_ARGUMENT,
                        "Images are pushed as oci or v2s2, with layers in gzip or zstd, not as \"%.64s\"",
                        format ? options->compress : options->format);
        return 0;
}

int image_push(Image *i, const char *destination, const ImagePushOptions *options, const WorkClient *client,
               Error *error)
{
        WorkOptions o = {.type = WORK_PUSH, .class = &push_class};
        Push *p;
        Work *w;
        int r;

        r = check_options(options, error);
        if (r >= 0)
                r = push_new(i, destination, options, &p, error);
        if (r < 0)
                return r;
        o.data = p;
        o.subject = p->destination;
        r = work_new(i->manager, &o, client, &w, error);
        if (r >= 0)
                export(w, p->held[0], options);
        return r;
}
