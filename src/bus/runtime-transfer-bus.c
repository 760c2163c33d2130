/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* io.berth1.Runtime: what brings images in and out, and what asks registries. These take long: they answer
 * with names, IDs and warnings when it is done, or with the path of an operation at once. */

#include "base/str.h"
#include "bus/bus.h"
#include "bus/request.h"
#include "bus/value.h"
#include "object/image.h"
#include "spec/setting.h"

/* Types have been checked by the rows. */
static FetchOptions fetch_options(const json_t *options)
{
        FetchOptions o = FETCH_OPTIONS_INIT;

        o.credentials = json_get_object(options, "Credentials");
        o.certificates = json_get_object(options, "Certificates");
        if (json_object_get(options, "TLSVerify"))
                o.tls_verify = json_get_bool(options, "TLSVerify", true);
        o.has_retry = json_object_get(options, "Retry") != NULL;
        o.retry = (uint64_t) json_get_i64(options, "Retry", 0);
        o.retry_delay = (uint64_t) MAX(json_get_i64(options, "RetryDelay", 0), (int64_t) 0);
        return o;
}

/* Of one image only, whatever the options say. */
static bool is_single(sd_bus_message *m)
{
        return streq_ptr(sd_bus_message_get_member(m), "LoadImageFromSingleImageArchive");
}

static int method_load_image(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_json_ json_t *options = NULL;
        _cleanup_strv_ char **names = NULL;
        ImageLoadOptions load = {};
        WorkClient client;
        int fd, r;

        r = sd_bus_message_read(m, "h", &fd);
        if (r < 0)
                return r;
        r = request_read(m, 0, load_options, NULL, &options, &error);
        if (r < 0)
                return request_error(e, r, &error);
        r = json_get_strv(options, "Names", &names);
        if (r >= 0)
                r = work_client(m, options, &client);
        if (r < 0)
                return r;
        load = (ImageLoadOptions){
                .names = names,
                .replace = json_get_bool(options, "Replace", false),
                .single = is_single(m) || json_get_bool(options, "Single", false),
        };
        r = image_load_archive(userdata, fd, &load, &client, &error);
        return r < 0 ? request_refused(&client.promise, r, &error, e) : 1;
}

static int method_import(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        _cleanup_strv_ char **names = NULL, **changes = NULL;
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_json_ json_t *options = NULL;
        ImageImportOptions import;
        WorkClient client;
        int fd, r;

        r = sd_bus_message_read(m, "h", &fd);
        if (r < 0)
                return r;
        r = request_read(m, 0, import_options, NULL, &options, &error);
        if (r < 0)
                return request_error(e, r, &error);
        r = json_get_strv(options, "Names", &names);
        if (r >= 0)
                r = json_get_strv(options, "Changes", &changes);
        if (r >= 0)
                r = work_client(m, options, &client);
        if (r < 0)
                return r;
        import = (ImageImportOptions){
                .names = names,
                .changes = changes,
                .message = json_get_string(options, "Message"),
                .platform = json_get_string(options, "Platform"),
        };
        r = image_import(userdata, fd, &import, &client, &error);
        return r < 0 ? request_refused(&client.promise, r, &error, e) : 1;
}

static int method_pull(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_json_ json_t *options = NULL;
        ImagePullOptions pull = {.policy = PULL_ALWAYS};
        const char *reference, *policy;
        WorkClient client;
        int r;

        r = sd_bus_message_read(m, "s", &reference);
        if (r < 0)
                return r;
        r = request_read(m, 0, pull_options, NULL, &options, &error);
        if (r < 0)
                return request_error(e, r, &error);
        policy = json_get_string(options, "Policy");
        if (policy && pull_policy_from_string(policy, &pull.policy) < 0)
                return sd_bus_error_set(e, error_bus_name(ERROR_INVALID_ARGUMENT),
                                        "Policy: always, missing, newer or never is wanted");
        pull.fetch = fetch_options(options);
        pull.platform = json_get_string(options, "Platform");
        pull.all_tags = json_get_bool(options, "AllTags", false);
        r = work_client(m, options, &client);
        if (r < 0)
                return r;
        r = image_pull(userdata, reference, &pull, &client, &error);
        return r < 0 ? request_refused(&client.promise, r, &error, e) : 1;
}

static int method_push(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_json_ json_t *options = NULL;
        ImagePushOptions push = {};
        const char *name, *destination;
        WorkClient client;
        Image *i;
        int r;

        r = sd_bus_message_read(m, "ss", &name, &destination);
        if (r < 0)
                return r;
        r = request_read(m, 0, push_options, NULL, &options, &error);
        if (r >= 0)
                r = manager_find_image(userdata, name, &i, &error);
        if (r < 0)
                return request_error(e, r, &error);
        push.fetch = fetch_options(options);
        push.format = json_get_string(options, "Format");
        push.compress = json_get_string(options, "Compression");
        r = work_client(m, options, &client);
        if (r < 0)
                return r;
        r = image_push(i, isempty(destination) ? name : destination, &push, &client, &error);
        return r < 0 ? request_refused(&client.promise, r, &error, e) : 1;
}

static int method_save(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_json_ json_t *options = NULL;
        _cleanup_strv_ char **names = NULL;
        ImageSaveOptions save;
        WorkClient client;
        int fd, r;

        r = sd_bus_message_read_strv(m, &names);
        if (r >= 0)
                r = sd_bus_message_read(m, "h", &fd);
        if (r < 0)
                return r;
        r = request_read(m, 0, save_options, NULL, &options, &error);
        if (r < 0)
                return request_error(e, r, &error);
        r = work_client(m, options, &client);
        if (r < 0)
                return r;
        save = (ImageSaveOptions){
                .names = names,
                .format = json_get_string(options, "Format"),
                .compress = json_get_string(options, "Compression"),
        };
        r = images_save(userdata, fd, &save, &client, &error);
        return r < 0 ? request_refused(&client.promise, r, &error, e) : 1;
}

static int method_check(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_json_ json_t *options = NULL;
        WorkClient client;
        int r;

        r = request_read(m, 0, check_options, NULL, &options, &error);
        if (r < 0)
                return request_error(e, r, &error);
        r = work_client(m, options, &client);
        if (r < 0)
                return r;
        r = images_check(userdata, json_get_bool(options, "Repair", false), &client, &error);
        return r < 0 ? request_refused(&client.promise, r, &error, e) : 1;
}

/* Questions */

static int append_changes(sd_bus_message *reply, const OperationResult *result)
{
        json_t *change;
        size_t i;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(ss)");
        json_array_foreach((json_t *) result->value, i, change) if (r >= 0) r =
                sd_bus_message_append(reply, "(ss)", strempty(json_get_string(change, "Kind")),
                                      strempty(json_get_string(change, "Path")));
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int method_diff(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        _cleanup_error_ Error error = ERROR_INIT;
        const char *from, *to;
        WorkClient client = {};
        int r;

        r = sd_bus_message_read(m, "ss", &from, &to);
        if (r >= 0)
                r = request_promise(m, append_changes, &client.promise);
        if (r < 0)
                return r;
        r = images_diff(userdata, from, to, &client, &error);
        return r < 0 ? request_refused(&client.promise, r, &error, e) : 1;
}

static int append_tags(sd_bus_message *reply, const OperationResult *result)
{
        return value_append(reply, "as", result->value);
}

static int append_found(sd_bus_message *reply, const OperationResult *result)
{
        int r = request_append_objects(reply, result->value);

        return r < 0 ? r : sd_bus_message_append_strv(reply, result->warnings);
}

typedef int (*Question)(Manager *m, const char *what, const FetchOptions *options, uint64_t limit,
                        const WorkClient *client, Error *error);

static int ask(sd_bus_message *m, Manager *manager, Question question, RequestResult append, sd_bus_error *e)
{
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_json_ json_t *options = NULL;
        WorkClient client = {};
        FetchOptions fetch;
        const char *what;
        int r;

        r = sd_bus_message_read(m, "s", &what);
        if (r < 0)
                return r;
        r = request_read(m, 0, search_options, NULL, &options, &error);
        if (r < 0)
                return request_error(e, r, &error);
        fetch = fetch_options(options);
        r = request_promise(m, append, &client.promise);
        if (r < 0)
                return r;
        r = question(manager, what, &fetch, (uint64_t) json_get_i64(options, "Limit", 0), &client, &error);
        return r < 0 ? request_refused(&client.promise, r, &error, e) : 1;
}

static int method_list_tags(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        return ask(m, userdata, images_tags, append_tags, e);
}

static int method_search(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        return ask(m, userdata, images_search, append_found, e);
}

static int check_credentials(Manager *m, const char *registry, const FetchOptions *options, uint64_t limit,
                             const WorkClient *client, Error *error)
{
        return registry_check(m, registry, options, client, error);
}

static int method_check_credentials(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        return ask(m, userdata, check_credentials, NULL, e);
}

#define RESULT SD_BUS_RESULT("as", names, "as", ids, "as", warnings, "o", operation)
/* Their options may hold a password. */
#define SECRET (SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_SENSITIVE)

const sd_bus_vtable *manager_transfer_vtable(void)
{
        static const sd_bus_vtable vtable[] = {
                SD_BUS_VTABLE_START(0),
                SD_BUS_METHOD_WITH_ARGS("LoadImage", SD_BUS_ARGS("h", archive, "a{sv}", options), RESULT,
                                        method_load_image, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("LoadAllImageFromArchive",
                                        SD_BUS_ARGS("h", archive, "a{sv}", options), RESULT,
                                        method_load_image, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("LoadImageFromSingleImageArchive",
                                        SD_BUS_ARGS("h", archive, "a{sv}", options), RESULT,
                                        method_load_image, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("Import", SD_BUS_ARGS("h", archive, "a{sv}", options), RESULT,
                                        method_import, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("Pull", SD_BUS_ARGS("s", reference, "a{sv}", options), RESULT,
                                        method_pull, SECRET),
                SD_BUS_METHOD_WITH_ARGS("Push", SD_BUS_ARGS("s", image, "s", destination, "a{sv}", options),
                                        RESULT, method_push, SECRET),
                SD_BUS_METHOD_WITH_ARGS("SaveImages",
                                        SD_BUS_ARGS("as", images, "h", output, "a{sv}", options), RESULT,
                                        method_save, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("CheckImages", SD_BUS_ARGS("a{sv}", options), RESULT, method_check,
                                        SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("GetDiff", SD_BUS_ARGS("s", from, "s", to),
                                        SD_BUS_RESULT("a(ss)", changes), method_diff,
                                        SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("CheckCredentials", SD_BUS_ARGS("s", registry, "a{sv}", options),
                                        SD_BUS_NO_RESULT, method_check_credentials, SECRET),
                SD_BUS_METHOD_WITH_ARGS("ListTags", SD_BUS_ARGS("s", repository, "a{sv}", options),
                                        SD_BUS_RESULT("as", tags), method_list_tags, SECRET),
                SD_BUS_METHOD_WITH_ARGS("SearchImages", SD_BUS_ARGS("s", term, "a{sv}", options),
                                        SD_BUS_RESULT("aa{sv}", found, "as", warnings), method_search,
                                        SECRET),
                SD_BUS_VTABLE_END,
        };

        return vtable;
}
