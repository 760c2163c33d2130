/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* From a wish to a container on disk: name, image, the executor's order, the files that it mounts, one
 * rename. */

#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/parse.h"
#include "base/str.h"
#include "object/container.h"
#include "object/image.h"
#include "spec/id-map.h"
#include "spec/image-ref.h"
#include "spec/launch-build.h"
#include "spec/name.h"
#include "spec/setting.h"

#define NAME_TRIES_MAX 256U
#define HOST_FILE_MAX (256U * 1024)
#define UNIT_ID_DIR BERTH_RUNTIME_DIR "/unit"

/* Everything that the child process, which may wait for the disk, needs. */
typedef struct Creation {
        Container *container; /* ours until it is there */
        Spec *spec;           /* while the image is pulled, or an earlier container removed */
        char *image;          /* ID of the one that was pulled */
        char *unit;
        bool replace;
        char *file, *config, *hosts, *hostname;
        char *resolv, *unit_file; /* NULL: it has none */
        StateDirectory directories[2];
        FsSync sync;
} Creation;

static void operation_free_creation(Operation *o)
{
        Creation *n = o->data;

        if (!n)
                return;
        container_free(n->container);
        spec_free(n->spec);
        free(n->image);
        free(n->unit);
        free(n->file);
        free(n->config);
        free(n->hosts);
        free(n->hostname);
        free(n->resolv);
        free(n->unit_file);
        free(n);
        o->data = NULL;
}

static int choose_name(Manager *m, Spec *spec, Error *error)
{
        for (unsigned i = 0; !spec->name && i < NAME_TRIES_MAX; i++) {
                _cleanup_free_ char *name = name_random();

                if (!name)
                        return -ENOMEM;
                if (map_has(m->container_names, name))
                        continue;
                return setting_assign(spec, setting_get(SETTING_NAME), name, error);
        }
        return spec->name ? 0 : error_set(error, ERROR_LIMIT, "No random name is free: give one");
}

/* The name that the container shows for its image: what the user said, made whole, unless that was an ID. */
static int choose_image_name(const Image *image, const char *given, char **ret)
{
        _cleanup_free_ char *normal = NULL;

        if (image_ref_normalize(given, &normal, NULL) >= 0 && strv_contains(image->names, normal)) {
                *ret = TAKE_PTR(normal);
                return 0;
        }
        STRV_FOREACH(name, image->names) {
                size_t n = strlen(*name), k = strlen(given);

                if (n > k && streq(*name + n - k, given) && (*name)[n - k - 1] == '/')
                        return str_replace(ret, *name);
        }
        return str_replace(ret, image_name(image));
}

/* Files of the host that the container sees a copy of. */
static char *host_file(const char *path)
{
        char *text = NULL;

        return fs_read_at(AT_FDCWD, path, HOST_FILE_MAX, &text, NULL) < 0 ? strdup("") : text;
}

static int write_network_files(Creation *n, const Launch *launch)
{
        const Spec *s = n->container->file.spec;
        bool host = strv_contains(s->network, "host");
        _cleanup_free_ char *base = host ? host_file("/etc/hosts")
                                         : strdup("127.0.0.1 localhost localhost.localdomain\n"
                                                  "::1 localhost localhost.localdomain\n");

        if (!base)
                return -ENOMEM;
        n->hosts = str_printf("%s%s%s %s %s\n", base, endswith(base, "\n") || !*base ? "" : "\n",
                              host ? "127.0.1.1" : "127.0.0.1", launch->hostname, s->name);
        n->hostname = str_printf("%s\n", launch->hostname);
        n->resolv = host ? host_file("/etc/resolv.conf") : NULL;
        return n->hosts && n->hostname && (n->resolv || !host) ? 0 : -ENOMEM;
}

static int write_documents(Creation *n, const Launch *launch)
{
        _cleanup_json_ json_t *config = launch_to_json(launch);
        _cleanup_json_ json_t *file = container_file_to_json(&n->container->file);

        if (!config || !file)
                return -ENOMEM;
        n->config = json_text(config);
        n->file = json_text_pretty(file);
        return n->config && n->file ? 0 : -ENOMEM;
}

/* The top of the writable layer is the container's "/": it has the owner and mode that the image gives it. */
static int plan_directories(Creation *n, const char *image_root, Error *error)
{
        const LaunchIdMaps *m = &n->container->file.maps;
        struct stat st;
        uint32_t id;

        if (lstat(image_root, &st) < 0)
                return error_set_errno(error, errno, "Cannot look at %s", image_root);
        if (m->n_uids > 0 && (!id_map_lookup(m->uids, m->n_uids, st.st_uid, &id) ||
                              !id_map_lookup(m->gids, m->n_gids, st.st_gid, &id)))
                return error_set(error, ERROR_INVALID_ARGUMENT,
                                 "The owner of the image's \"/\", %u:%u, is not among the container's IDs",
                                 st.st_uid, st.st_gid);
        n->directories[0] = (StateDirectory){"upper", st.st_mode & 07777, st.st_uid, st.st_gid};
        n->directories[1] = (StateDirectory){"work", 0700, geteuid(), getegid()};
        return 0;
}

static int plan(Creation *n, const Image *image, Error *error)
{
        Container *c = n->container;
        _cleanup_free_ char *directory = str_printf(CONTAINERS_DIR "/%s", container_id(c));
        _cleanup_free_ char *root = str_printf(IMAGES_DIR "/%s/rootfs", image_id(image));
        LaunchContext context = {
                .id = container_id(c),
                .name = container_name(c),
                .unit = c->file.unit,
                .image_name = c->file.image_name,
                .directory = directory,
                .image_root = root,
                .maps = &c->file.maps,
        };
        _cleanup_(launch_freep) Launch *launch = NULL;
        int r;

        if (!directory || !root)
                return -ENOMEM;
        n->sync = c->file.spec->auto_remove ? FS_NO_SYNC : FS_SYNC;
        r = container_choose_ids(c, image->config, root, error);
        if (r >= 0)
                r = launch_build(c->file.spec, image->config, &context, &launch, error);
        if (r >= 0)
                r = plan_directories(n, root, error);
        if (r >= 0)
                r = write_network_files(n, launch);
        if (r >= 0)
                r = write_documents(n, launch);
        return r < 0 ? r : container_unit_text(c, c->file.spec, &n->unit_file, error);
}

static int write_container(void *userdata, Error *error)
{
        const Operation *o = userdata;
        const Creation *n = o->data;
        const Container *c = n->container;
        StateFile files[6] = {
                {CONTAINER_FILE, n->file, 0600},
                {LAUNCH_FILE, n->config, 0600},
                {"hosts", n->hosts, 0644},
                {"hostname", n->hostname, 0644},
        };
        StateParts parts = {files, 4, n->directories, ELEMENTSOF(n->directories)};

        if (n->resolv)
                files[parts.n_files++] = (StateFile){"resolv.conf", n->resolv, 0644};
        if (n->unit_file)
                files[parts.n_files++] = (StateFile){c->file.unit, n->unit_file, 0600};
        return state_create(c->manager->state, STATE_CONTAINERS, container_id(c), &parts, n->sync, error);
}

/* How the executor finds the container when a unit file that knows no ID starts it. */
int container_link_unit(const Container *c)
{
        _cleanup_free_ char *path = NULL, *temporary = NULL;
        int r;

        if (c->own_unit)
                return 0;
        r = fs_mkdir_p(UNIT_ID_DIR, 0700);
        if (r < 0)
                return r;
        path = str_printf(UNIT_ID_DIR "/%s", c->file.unit);
        temporary = str_printf(UNIT_ID_DIR "/.%s.tmp", container_id(c));
        if (!path || !temporary)
                return -ENOMEM;
        (void) unlink(temporary);
        if (symlink(container_id(c), temporary) < 0 || rename(temporary, path) < 0)
                return -errno;
        return 0;
}

static void on_written(int r, const Error *error, void *userdata)
{
        _cleanup_free_ char *id = NULL;
        Operation *o = userdata;
        Creation *n = o->data;
        Container *c = n->container;
        Manager *m = o->manager;

        id = strdup(container_id(c));
        if (!id)
                r = -ENOMEM;
        if (r >= 0)
                r = container_link_unit(c);
        if (r >= 0)
                r = map_put(m->containers, container_id(c), c);
        if (r < 0) {
                /* A child that was killed may have come to its last step. */
                (void) state_retire(m->state, STATE_CONTAINERS, container_id(c), NULL);
                manager_sweep_later(m, container_id(c));
                operation_fail_errno(o, r, error, "Cannot create the container");
                return;
        }
        n->container = NULL;
        container_set_state(c, CONTAINER_CREATED);
        manager_added(m, OBJECT_CONTAINER, id);
        container_event(c, EVENT_CONTAINER_CREATE, NULL, NULL);
        operation_complete(o, 0, NULL, &(OperationResult){.id = id});
}

static int fill_file(Container *c, const Image *image, Creation *n, Error *error)
{
        char id[ID_LENGTH + 1];
        int r;

        c->file.spec = TAKE_PTR(n->spec);
        r = id_new(id);
        if (r >= 0)
                r = str_replace(&c->file.id, id);
        if (r >= 0)
                r = str_replace(&c->file.image_id, image_id(image));
        if (r >= 0)
                r = choose_image_name(image, c->file.spec->image, &c->file.image_name);
        if (r < 0)
                return r;
        c->own_unit = !n->unit;
        c->file.unit = n->unit ? TAKE_PTR(n->unit) : container_unit_name(container_name(c));
        if (!c->file.unit)
                return -ENOMEM;
        c->file.created = now_realtime();
        return container_reserve(c, error);
}

static int begin(Operation *o, Error *error)
{
        Creation *n = o->data;
        Manager *m = o->manager;
        Image *image;
        int r;

        r = choose_name(m, n->spec, error);
        if (r >= 0)
                r = spec_verify(n->spec, error);
        if (r >= 0)
                r = manager_find_image(m, n->image ?: n->spec->image, &image, error);
        if (r >= 0)
                r = spec_complete(n->spec, image->config, error);
        if (r < 0)
                return r;
        /* The image may go before the container starts again: what it decides is kept. */
        if (!isempty(image->config->stop_signal))
                spec_mark(n->spec, SETTING_STOP_SIGNAL);
        n->container = container_new(m);
        if (!n->container)
                return -ENOMEM;
        r = fill_file(n->container, image, n, error);
        if (r >= 0)
                r = plan(n, image, error);
        if (r < 0)
                return r;
        if (n->sync == FS_SYNC)
                return task_start(m->event, &o->task, write_container, on_written, o);
        r = write_container(o, error);
        if (r >= 0)
                on_written(0, NULL, o);
        return r;
}

static void on_replaced(int r, const Error *error, const OperationResult *result, void *userdata)
{
        _cleanup_error_ Error own = ERROR_INIT;
        Operation *o = userdata;

        if (r >= 0) {
                error = &own;
                r = begin(o, &own);
        }
        if (r < 0)
                operation_fail_errno(o, r, error, "Cannot replace the container");
}

/* The image is here: what has the name gives way now. */
static int proceed(Operation *o, Error *error)
{
        Promise replaced = {NULL, on_replaced, o};
        const Creation *n = o->data;
        Container *other = NULL;

        if (n->replace && n->spec->name)
                other = map_get(o->manager->container_names, n->spec->name);
        if (!other || other->state == CONTAINER_CREATING)
                return begin(o, error);
        if (streq_ptr(n->unit, other->file.unit))
                return container_give_way(other, &replaced, error);
        return container_remove(other, true, 0, &replaced, error);
}

static void on_pulled(int r, const Error *error, const OperationResult *result, void *userdata)
{
        _cleanup_error_ Error own = ERROR_INIT;
        Operation *o = userdata;
        Creation *n = o->data;

        if (r == OPERATION_ABANDONED) {
                operation_complete(o, r, NULL, NULL);
                return;
        }
        if (r >= 0) {
                error = &own;
                r = result->ids ? str_replace(&n->image, result->ids[0]) : -ENOENT;
        }
        if (r >= 0)
                r = proceed(o, &own);
        if (r < 0)
                operation_fail_errno(o, r, error, "Cannot create the container");
}

/* Names of localhost are given here and nowhere else. */
static bool has_registry(const char *name)
{
        _cleanup_image_ref_ ImageRef ref = {};

        return image_ref_parse(name, &ref, NULL) >= 0 && !streq_ptr(ref.registry, "localhost");
}

/* 1: it is being pulled. A pull for a client that goes away ends, as the creation does. */
static int pull(Operation *o, Error *error)
{
        const Creation *n = o->data;
        const Spec *s = n->spec;
        ImagePullOptions options = {.policy = s->pull, .platform = s->platform, .fetch = FETCH_OPTIONS_INIT};
        WorkClient client = {.promise = {o->owner, on_pulled, o}};
        Image *image;
        int r;

        r = manager_find_image(o->manager, s->image, &image, s->pull == PULL_NEVER ? error : NULL);
        if (s->pull == PULL_NEVER || (s->pull == PULL_MISSING && (r >= 0 || r == -ENOTUNIQ)))
                return MIN(r, 0);
        if (!has_registry(s->image))
                return r >= 0 ? 0 : manager_find_image(o->manager, s->image, &image, error);
        options.fetch.has_retry = spec_has(s, SETTING_RETRY);
        options.fetch.retry = s->retry;
        options.fetch.retry_delay = s->retry_delay;
        r = image_pull(o->manager, s->image, &options, &client, error);
        return r < 0 ? r : 1;
}

static const OperationClass create_class = {.free = operation_free_creation};

static int creation_new(Spec **spec, const CreateOptions *options, Creation **ret)
{
        Creation *n = calloc(1, sizeof(*n));

        if (!n || str_replace(&n->unit, options->unit) < 0) {
                free(n);
                return -ENOMEM;
        }
        n->spec = TAKE_PTR(*spec);
        n->replace = options->replace;
        *ret = n;
        return 0;
}

int container_create(Manager *m, Spec **spec, const CreateOptions *options, const Promise *p, Error *error)
{
        _cleanup_error_ Error inner = ERROR_INIT;
        Operation *o;
        Creation *n;
        int r;

        if (map_size(m->containers) >= CONTAINERS_MAX)
                return error_set(error, ERROR_LIMIT, "There are %u containers already", CONTAINERS_MAX);
        r = operation_new(m, OPERATION_CREATE, &create_class, NULL, p, &o, error);
        if (r < 0)
                return r;
        r = creation_new(spec, options, &n);
        if (r < 0) {
                operation_fail_errno(o, r, NULL, "Cannot create the container");
                return 0;
        }
        o->data = n;
        r = pull(o, &inner);
        if (r == 0)
                r = proceed(o, &inner);
        if (r < 0)
                operation_fail_errno(o, r, &inner, "Cannot create the container");
        return 0;
}
