/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* io.berth1.Runtime */

#include <sys/utsname.h>

#include "base/parse.h"
#include "base/str.h"
#include "bus/bus.h"
#include "bus/object-bus.h"
#include "bus/request.h"
#include "bus/value.h"
#include "object/filter.h"
#include "spec/name.h"
#include "spec/setting.h"

static int find_container(Manager *m, sd_bus_message *call, Container **ret, sd_bus_error *e)
{
        _cleanup_error_ Error error = ERROR_INIT;
        const char *name;
        int r;

        r = sd_bus_message_read(call, "s", &name);
        if (r < 0)
                return r;
        r = manager_find_container(m, name, ret, &error);
        return r < 0 ? request_error(e, r, &error) : 0;
}

/* Containers */

static int append_new(sd_bus_message *reply, const OperationResult *result)
{
        _cleanup_free_ char *path = object_path("container", result->id);

        return path ? sd_bus_message_append(reply, "so", result->id, path) : -ENOMEM;
}

static int method_new_container(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        _cleanup_(spec_freep) Spec *spec = NULL;
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_json_ json_t *options = NULL;
        CreateOptions create = {};
        Promise p;
        int r;

        r = request_read_spec(m, SPEC_CONTAINER, new_container_options, &spec, &options, &error);
        if (r < 0)
                return request_error(e, r, &error);
        create.unit = json_get_string(options, "Unit");
        create.replace = json_get_bool(options, "Replace", false);
        if (create.unit && !unit_name_is_valid(create.unit))
                return sd_bus_error_set(e, error_bus_name(ERROR_INVALID_ARGUMENT),
                                        "Unit: the name of a service is wanted");
        r = request_promise(m, append_new, &p);
        if (r < 0)
                return r;
        r = container_create(userdata, &spec, &create, &p, &error);
        return r < 0 ? request_refused(&p, r, &error, e) : 1;
}

static int method_get_container(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        Manager *manager = userdata;
        const char *id;
        int r;

        r = sd_bus_message_read(m, "s", &id);
        if (r < 0)
                return r;
        if (!map_has(manager->containers, id))
                return sd_bus_error_setf(e, error_bus_name(ERROR_NO_SUCH_CONTAINER),
                                         "No container has the ID \"%.100s\"", id);
        return request_reply_path(m, "container", id);
}

static int method_lookup_container(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        Container *c;
        int r;

        r = find_container(userdata, m, &c, e);
        return r < 0 ? r : request_reply_path(m, "container", container_id(c));
}

static int method_has_container(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        Container *c;

        return request_reply_has(m, find_container(userdata, m, &c, e), e);
}

static int reply_paths(Manager *manager, sd_bus_message *call, bool (*wanted)(const Container *))
{
        sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(call, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "o");
        MAP_FOREACH(i, manager->containers) {
                _cleanup_free_ char *path = NULL;

                if (r < 0 || (wanted && !wanted(map_value(i))))
                        continue;
                path = object_path("container", map_key(i));
                r = path ? sd_bus_message_append(reply, "o", path) : -ENOMEM;
        }
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r;
}

static int method_get_all_containers(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        return reply_paths(userdata, m, NULL);
}

static int method_get_running_containers(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        return reply_paths(userdata, m, container_is_running);
}

static int append_command(sd_bus_message *m, const Container *c)
{
        const Image *image = map_get(c->manager->images, c->file.image_id);
        const Spec *s = c->file.spec;
        _cleanup_strv_ char **words = NULL;
        bool own = spec_has(s, SETTING_ENTRYPOINT);
        int r;

        r = strv_extend(&words, own ? s->entrypoint : image ? image->config->entrypoint : NULL);
        if (r >= 0 && spec_has(s, SETTING_COMMAND))
                r = strv_extend(&words, s->command);
        else if (r >= 0 && !own && image)
                r = strv_extend(&words, image->config->cmd);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", "Command");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "as");
        if (r >= 0)
                r = sd_bus_message_append_strv(m, words);
        for (unsigned i = 0; r >= 0 && i < 2; i++)
                r = sd_bus_message_close_container(m);
        return r;
}

static int append_container(sd_bus_message *m, const Container *c)
{
        const Setting *labels_row = setting_get(SETTING_LABELS);
        _cleanup_json_ json_t *labels = setting_json(c->file.spec, labels_row);
        int r;

        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = sd_bus_message_append(m, "{sv}{sv}{sv}{sv}{sv}{sv}", "Id", "s", container_id(c), "Name",
                                          "s", container_name(c), "Image", "s", strempty(c->file.image_name),
                                          "ImageID", "s", c->file.image_id, "Created", "t", c->file.created,
                                          "State", "s", container_state_word(c->state));
        if (r >= 0)
                r = append_command(m, c);
        if (r >= 0)
                r = sd_bus_message_append(m, "{sv}{sv}{sv}{sv}{sv}{sv}{sv}", "ExitCode", "i",
                                          container_exit_code(c), "StartedAt", "t", container_started(c),
                                          "FinishedAt", "t", container_finished(c), "Pid", "u",
                                          (uint32_t) container_pid(c), "Unit", "s", c->file.unit,
                                          "RestartCount", "u", c->restarts, "Ports", "as", 0);
        if (r >= 0)
                r = value_append_entry(m, "Labels", labels_row->type->signature, labels);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* The last so many that were created. The map is in the order of creation or, after a start, of the
 * directory. */
static uint64_t oldest_of_last(const Manager *m, json_int_t last, const json_t *filters)
{
        uint64_t limit = 0;

        /* Each turn finds the next younger bound: last is a small number of a person's. */
        for (json_int_t i = 0; last > 0 && i < last; i++) {
                uint64_t best = 0;

                MAP_FOREACH(e, m->containers) {
                        const Container *c = map_value(e);

                        if (container_fits(c, filters) && c->file.created > best &&
                            (limit == 0 || c->file.created < limit))
                                best = c->file.created;
                }
                if (best == 0)
                        break;
                limit = best;
        }
        return limit;
}

static int reply_containers(Manager *manager, sd_bus_message *call, const json_t *options)
{
        const json_t *filters = json_get_object(options, "Filters");
        json_int_t last = json_get_i64(options, "Last", 0);
        bool all = json_get_bool(options, "All", false) || last > 0 ||
                   json_object_get(filters, "status") != NULL;
        uint64_t oldest = oldest_of_last(manager, last, filters);
        sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(call, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        MAP_FOREACH(i, manager->containers) {
                const Container *c = map_value(i);

                if (r >= 0 && (all || container_is_running(c)) && c->file.created >= oldest &&
                    container_fits(c, filters))
                        r = append_container(reply, c);
        }
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r;
}

static int method_list_containers(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_json_ json_t *options = NULL;
        Manager *manager = userdata;
        int r;

        r = request_read(m, 0, list_options, NULL, &options, &error);
        if (r >= 0)
                r = container_filters_check(manager, json_get_object(options, "Filters"), &error);
        return r < 0 ? request_error(e, r, &error) : reply_containers(manager, m, options);
}

static int method_remove_container(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        Container *c;
        int r;

        r = find_container(userdata, m, &c, e);
        return r < 0 ? r : container_handle_remove(m, c, e);
}

static int append_ids(sd_bus_message *reply, const OperationResult *result)
{
        return sd_bus_message_append_strv(reply, result->ids);
}

static int method_prune_containers(sd_bus_message *m, void *userdata, sd_bus_error *e)
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
        r = containers_prune(userdata, filters, &p, &error);
        return r < 0 ? request_refused(&p, r, &error, e) : 1;
}

/* Info and properties */

static size_t count_running(const Manager *m)
{
        size_t n = 0;

        MAP_FOREACH(e, m->containers)
                n += container_is_running(map_value(e));
        return n;
}

static int method_info(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        const Manager *manager = userdata;
        struct utsname host = {};

        (void) uname(&host);
        return sd_bus_reply_method_return(
                m, "a{sv}", 15, "Version", "s", BERTH_VERSION, "Kernel", "s", host.release, "Architecture",
                "s", host.machine, "Hostname", "s", host.nodename, "StateDirectory", "s", BERTH_STATE_DIR,
                "RuntimeDirectory", "s", BERTH_RUNTIME_DIR, "OCIRuntime", "s",
                BERTH_LIBEXEC_DIR "/berth-exec", "CgroupManager", "s", "systemd", "CgroupVersion", "s", "v2",
                "StorageDriver", "s", "ostree, overlay", "LogDriver", "s", "journald", "Containers", "u",
                (uint32_t) map_size(manager->containers), "ContainersRunning", "u",
                (uint32_t) count_running(manager), "Images", "u", (uint32_t) map_size(manager->images),
                "CPUs", "u", (uint32_t) sysconf(_SC_NPROCESSORS_ONLN));
}

static int get_constant(sd_bus *bus, const char *path, const char *interface, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        static const struct {
                const char *property, *value;
        } constants[] = {
                {"Version", BERTH_VERSION},
                {"OCIRuntimePath", BERTH_LIBEXEC_DIR "/berth-exec"},
                {"DefaultSeccompPath", BERTH_DATA_DIR "/seccomp.json"},
                {"TmpDir", BERTH_RUNTIME_DIR},
                {"Root", BERTH_STATE_DIR},
        };

        FOREACH_ELEMENT(c, constants)
                if (streq(c->property, property))
                        return sd_bus_message_append(reply, "s", c->value);
        return -ENOENT;
}

static int get_count(sd_bus *bus, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const Manager *m = userdata;
        size_t n = streq(property, "NContainers") ? map_size(m->containers)
                   : streq(property, "NImages")   ? map_size(m->images)
                                                  : count_running(m);

        return sd_bus_message_append(reply, "u", (uint32_t) n);
}

static int get_damaged(sd_bus *bus, const char *path, const char *interface, const char *property,
                       sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return sd_bus_message_append_strv(reply, ((const Manager *) userdata)->damaged);
}

const sd_bus_vtable *manager_vtable(void)
{
        static const sd_bus_vtable vtable[] = {
                SD_BUS_VTABLE_START(0),
                SD_BUS_METHOD_WITH_ARGS("NewContainer", SD_BUS_ARGS("a{sv}", settings),
                                        SD_BUS_RESULT("s", id, "o", path), method_new_container,
                                        SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("GetContainer", SD_BUS_ARGS("s", id), SD_BUS_RESULT("o", path),
                                        method_get_container, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("LookupContainer", SD_BUS_ARGS("s", name), SD_BUS_RESULT("o", path),
                                        method_lookup_container, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("HasContainer", SD_BUS_ARGS("s", name), SD_BUS_RESULT("b", has),
                                        method_has_container, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("GetAllContainers", SD_BUS_NO_ARGS, SD_BUS_RESULT("ao", paths),
                                        method_get_all_containers, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("GetRunningContainers", SD_BUS_NO_ARGS, SD_BUS_RESULT("ao", paths),
                                        method_get_running_containers, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("ListContainers", SD_BUS_ARGS("a{sv}", options),
                                        SD_BUS_RESULT("aa{sv}", containers), method_list_containers,
                                        SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("RemoveContainer", SD_BUS_ARGS("s", name, "a{sv}", options),
                                        SD_BUS_RESULT("s", id), method_remove_container,
                                        SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("PruneContainers", SD_BUS_ARGS("a{sas}", filters),
                                        SD_BUS_RESULT("as", ids), method_prune_containers,
                                        SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("Info", SD_BUS_NO_ARGS, SD_BUS_RESULT("a{sv}", info), method_info,
                                        SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_SIGNAL_WITH_ARGS("Event",
                                        SD_BUS_ARGS("s", type, "s", status, "s", id, "s", name, "t",
                                                    realtime_usec, "a{ss}", attributes),
                                        0),
                SD_BUS_PROPERTY("Version", "s", get_constant, 0, SD_BUS_VTABLE_PROPERTY_CONST),
                SD_BUS_PROPERTY("OCIRuntimePath", "s", get_constant, 0, SD_BUS_VTABLE_PROPERTY_CONST),
                SD_BUS_PROPERTY("DefaultSeccompPath", "s", get_constant, 0, SD_BUS_VTABLE_PROPERTY_CONST),
                SD_BUS_PROPERTY("TmpDir", "s", get_constant, 0, SD_BUS_VTABLE_PROPERTY_CONST),
                SD_BUS_PROPERTY("Root", "s", get_constant, 0, SD_BUS_VTABLE_PROPERTY_CONST),
                SD_BUS_PROPERTY("NContainers", "u", get_count, 0, 0),
                SD_BUS_PROPERTY("NRunning", "u", get_count, 0, 0),
                SD_BUS_PROPERTY("NImages", "u", get_count, 0, 0),
                SD_BUS_PROPERTY("Damaged", "as", get_damaged, 0, 0),
                SD_BUS_VTABLE_END,
        };

        return vtable;
}
