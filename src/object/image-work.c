/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What changes the image store: a sandboxed worker does it, we give and take the names. */

#include "base/fs.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/str.h"
#include "engine/worker.h"
#include "object/container.h"
#include "object/filter.h"
#include "spec/name.h"

typedef struct Work {
        char *unit;
        char **arguments;
        int input, result;
        char **names; /* further names for what is loaded; names that were taken away */
        char **ids;   /* what is removed */
        const char *description;
        bool started;
        bool removes;
        bool force;
        char *image; /* while containers of it are removed */
        size_t pending;
} Work;

static void operation_free_work(Operation *o)
{
        Work *w = o->data;

        if (!w)
                return;
        free(w->unit);
        strv_free(w->arguments);
        close_fd(w->input);
        close_fd(w->result);
        strv_free(w->names);
        strv_free(w->ids);
        free(w->image);
        free(w);
        o->data = NULL;
}

static int work_new(Work **ret)
{
        char id[ID_SHORT_LENGTH + 1];
        Work *w = calloc(1, sizeof(*w));
        int r;

        if (!w)
                return -ENOMEM;
        w->input = w->result = -EBADF;
        r = random_hex(ID_SHORT_LENGTH / 2, id);
        w->unit = r < 0 ? NULL : str_printf("berth_pull-%s.service", id);
        if (!w->unit) {
                free(w);
                return r < 0 ? r : -ENOMEM;
        }
        *ret = w;
        return 0;
}

/* Results */

static int tag_loaded(Manager *m, const char *id, char *const *names, char ***ret, Error *error)
{
        EventInfo info = {.id = id};
        Image *i;
        int r;

        image_look_again(m, id);
        i = map_get(m->images, id);
        if (!i)
                return error_set(error, ERROR_FAILED, "The worker named an image that is not there: %s", id);
        STRV_FOREACH(name, (char **) names) {
                r = image_tag(i, *name, error);
                if (r < 0)
                        return r;
        }
        info.name = image_name(i);
        manager_event(m, EVENT_IMAGE_LOAD, &info);
        /* What people know it by. */
        return strv_append(ret, names && *names ? *names : id);
}

static int read_loaded(Operation *o, const json_t *result, char ***ret, Error *error)
{
        json_t *images = json_get_array(result, "Images"), *image;
        Work *w = o->data;
        size_t n;
        int r;

        json_array_foreach(images, n, image)
        {
                const char *id = json_get_string(image, "Id");
                _cleanup_strv_ char **names = NULL;

                if (!id_is_valid(id))
                        return error_set(error, ERROR_FAILED, "The worker named an image without an ID");
                r = json_get_strv(image, "Names", &names);
                if (r >= 0 && n == 0)
                        r = strv_extend(&names, w->names);
                if (r >= 0)
                        r = tag_loaded(o->manager, id, names, ret, error);
                if (r < 0)
                        return r;
        }
        return *ret ? 0 : error_set(error, ERROR_BAD_ARCHIVE, "The archive holds no image");
}

/* {"Result":{...}} or {"Error":{"Name":...,"Message":...}}; nothing when the worker was killed. */
static int parse_result(int fd, json_t **ret, Error *error)
{
        _cleanup_free_ char *text = NULL;
        _cleanup_json_ json_t *v = NULL;
        const json_t *e;
        int r;

        r = worker_result_read(fd, &text);
        if (r >= 0 && *text)
                r = json_parse(text, strlen(text), &v, NULL);
        if (r < 0)
                return error_set_errno(error, r, "Cannot read the worker's answer");
        if (!v)
                return error_set(error, ERROR_FAILED, "The worker ended without an answer: see its log");
        e = json_get_object(v, "Error");
        if (e)
                return error_set(error, error_from_bus_name(json_get_string(e, "Name")), "%s",
                                 strempty(json_get_string(e, "Message")));
        *ret = json_get_object(v, "Result");
        if (!*ret)
                return error_set(error, ERROR_FAILED, "The worker ended without a result: see its log");
        (void) json_incref(*ret);
        return 0;
}

static void finish_load(Operation *o, const char *result)
{
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_strv_ char **loaded = NULL;
        _cleanup_json_ json_t *v = NULL;
        Work *w = o->data;
        int r;

        r = parse_result(w->result, &v, &error);
        if (r >= 0)
                r = read_loaded(o, v, &loaded, &error);
        operation_complete(o, r, &error, &(OperationResult){.names = loaded});
}

static void finish_removal(Operation *o, const char *result)
{
        Work *w = o->data;

        /* They are out of sight already; what is left of them the next sweep takes. */
        if (!streq(result, "done"))
                log_warning("The files of removed images are not gone yet: unit %s: %s", w->unit, result);
        operation_complete(o, 0, NULL, &(OperationResult){.names = w->names, .ids = w->ids});
}

static void on_work_job(Operation *o, const char *result)
{
        const Work *w = o->data;

        if (w->removes)
                finish_removal(o, result);
        else
                finish_load(o, result);
}

static void resume_work(Operation *o);

static void on_work_reply(int r, const char *job, const Error *error, void *userdata)
{
        Operation *o = userdata;
        Work *w = o->data;

        /* It is gone, but was there: it has done what it could. */
        if (r == -ENOENT) {
                on_work_job(o, "done");
                return;
        }
        if (r == -ECONNRESET)
                return;
        if (r >= 0)
                r = operation_await_job(o, job);
        if (r < 0)
                operation_fail_errno(o, r, error,
                                     w->removes ? "Cannot remove the image" : "Cannot load the archive");
}

static int work_start(Operation *o)
{
        const Work *w = o->data;
        WorkerOrder order = {w->unit, w->description, w->arguments, w->input, w->result};
        int r;

        r = worker_start(o->manager->systemd, &order, &o->call, on_work_reply, o);
        return r == -ECONNRESET ? 0 : r;
}

/* The connection to systemd broke: the job may have ended unseen, or the worker was not started at all. */
static void resume_work(Operation *o)
{
        Work *w = o->data;
        int r;

        if (o->call || !w->arguments)
                return;
        (void) operation_await_job(o, NULL);
        r = w->started ? systemd_job(o->manager->systemd, SYSTEMD_START, w->unit, &o->call, on_work_reply, o)
                       : work_start(o);
        if (r < 0 && r != -ECONNRESET)
                operation_fail(o, ERROR_FAILED, "Lost the worker %s", w->unit);
}

static const OperationClass work_class = {
        .job = on_work_job,
        .resume = resume_work,
        .free = operation_free_work,
};

static int operation_new_work(Manager *m, const char *description, const Promise *p, Operation **ret,
                              Work **ret_work, Error *error)
{
        Work *w;
        int r;

        r = work_new(&w);
        if (r < 0)
                return r;
        r = operation_new(m, OPERATION_IMAGE, &work_class, NULL, p, ret, error);
        if (r < 0) {
                free(w->unit);
                free(w);
                return r;
        }
        w->description = description;
        (*ret)->data = w;
        *ret_work = w;
        return 0;
}

/* Load */

int image_load_archive(Manager *m, int archive, char *const *names, const Promise *p, Error *error)
{
        Operation *o;
        Work *w;
        int r;

        r = operation_new_work(m, "Berth: load an image archive", p, &o, &w, error);
        if (r < 0)
                return r;
        r = strv_append(&w->arguments, "load");
        if (r >= 0)
                r = strv_extend(&w->names, names);
        if (r >= 0)
                r = worker_result_new(&w->result);
        if (r >= 0) {
                w->input = fcntl(archive, F_DUPFD_CLOEXEC, 3);
                r = w->input < 0 ? -errno : 0;
        }
        if (r >= 0)
                r = work_start(o);
        if (r < 0)
                operation_fail_errno(o, r, NULL, "Cannot load the archive");
        return 0;
}

/* Remove */

static void start_removal(Operation *o)
{
        Work *w = o->data;
        int r;

        r = strv_append(&w->arguments, "remove");
        if (r >= 0)
                r = strv_extend(&w->arguments, w->ids);
        if (r >= 0)
                r = work_start(o);
        if (r < 0)
                operation_fail_errno(o, r, NULL, "Cannot remove the image");
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

static void remove_unused(Operation *o)
{
        _cleanup_error_ Error error = ERROR_INIT;
        Work *w = o->data;
        Image *i = map_get(o->manager->images, w->image);
        int r = 0;

        if (i && image_users(i) > 0)
                r = error_set(&error, ERROR_IN_USE, "Image %s is used by a container", image_name(i));
        else if (i)
                r = retire_image(i, w, &error);
        else
                r = error_set(&error, ERROR_NO_SUCH_IMAGE, "Image %s is gone already", w->image);
        if (r < 0) {
                if (i)
                        i->removing = false;
                operation_complete(o, r, &error, NULL);
                return;
        }
        start_removal(o);
}

static void on_user_removed(int r, const Error *error, const OperationResult *result, void *userdata)
{
        Operation *o = userdata;
        Work *w = o->data;

        if (--w->pending == 0)
                remove_unused(o);
}

static void remove_users(Operation *o, Image *i)
{
        _cleanup_strv_ char **ids = NULL;
        Manager *m = o->manager;
        Work *w = o->data;

        MAP_FOREACH(e, m->containers) {
                const Container *c = map_value(e);

                if (streq(c->file.image_id, image_id(i)))
                        (void) strv_append(&ids, map_key(e));
        }
        w->pending = 1;
        STRV_FOREACH(id, ids) {
                Promise removed = {NULL, on_user_removed, o};
                Container *c = map_get(m->containers, *id);

                w->pending++;
                if (!c || container_remove(c, true, 0, &removed, NULL) < 0)
                        w->pending--;
        }
        on_user_removed(0, NULL, NULL, o);
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
        Operation *o;
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
        if (!force) {
                r = refuse_used(i, error);
                if (r < 0)
                        return r;
        }
        r = operation_new_work(i->manager, "Berth: remove an image", p, &o, &w, error);
        if (r < 0)
                return r;
        w->removes = true;
        if (str_replace(&w->image, image_id(i)) < 0) {
                operation_fail_errno(o, -ENOMEM, NULL, "Cannot remove the image");
                return 0;
        }
        i->removing = true;
        remove_users(o, i);
        return 0;
}

int images_prune(Manager *m, const json_t *filters, const Promise *p, Error *error)
{
        _cleanup_strv_ char **ids = NULL;
        Operation *o;
        Work *w;
        int r;

        r = image_filters_check(m, filters, error);
        if (r >= 0)
                r = operation_new_work(m, "Berth: remove images", p, &o, &w, error);
        if (r < 0)
                return r;
        w->removes = true;
        MAP_FOREACH(e, m->images) {
                const Image *i = map_value(e);

                if ((json_object_size(filters) > 0 ? image_fits(i, filters) : !i->names) && !i->removing &&
                    image_users(i) == 0)
                        (void) strv_append(&ids, map_key(e));
        }
        STRV_FOREACH(id, ids) {
                _cleanup_error_ Error e = ERROR_INIT;

                if (retire_image(map_get(m->images, *id), w, &e) < 0)
                        log_warning("Image %s: %s", *id, strempty(e.message));
        }
        if (!w->ids)
                operation_complete(o, 0, NULL, NULL);
        else
                start_removal(o);
        return 0;
}

static void on_swept(int r, const Error *error, const OperationResult *result, void *userdata)
{
        if (r < 0)
                log_warning("Cannot sweep the image store: %s", strempty(error->message));
}

void images_sweep(Manager *m)
{
        _cleanup_error_ Error error = ERROR_INIT;
        Promise p = {NULL, on_swept, NULL};
        Operation *o;
        Work *w;

        if (operation_new_work(m, "Berth: sweep the image store", &p, &o, &w, &error) < 0)
                return;
        w->removes = true;
        if (strv_append(&w->arguments, "sweep") < 0 || work_start(o) < 0)
                operation_fail(o, ERROR_FAILED, "Cannot start the sweep");
}
