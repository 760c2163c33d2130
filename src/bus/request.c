/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Messages into requests, results into replies. */

#include "base/log.h"
#include "base/str.h"
#include "bus/request.h"
#include "bus/value.h"
#include "spec/name.h"
#include "spec/setting.h"

const OptionRow new_container_options[] = {{"Unit", "s"}, {"Replace", "b"}, {}};
const OptionRow exec_options[] = {{"Privileged", "b"}, {}};
const OptionRow remove_options[] = {{"Force", "b"}, {"Timeout", "t"}, {}};
const OptionRow list_options[] = {{"All", "b"}, {"Filters", "a{sas}"}, {"Last", "u"}, {"Sync", "b"}, {}};

#define WORK_OPTIONS                                                                                         \
        {"Background", "b"},                                                                                 \
        {                                                                                                    \
                "Attached", "b"                                                                              \
        }
#define FETCH_OPTIONS                                                                                        \
        {"Credentials", "a{sa{ss}}"}, {"Certificates", "a{ss}"}, {"TLSVerify", "b"}, {"Retry", "u"},         \
        {                                                                                                    \
                "RetryDelay", "t"                                                                            \
        }
const OptionRow load_options[] = {{"Names", "as"}, {"Replace", "b"}, {"Single", "b"}, WORK_OPTIONS, {}};
const OptionRow import_options[] = {{"Names", "as"},   {"Changes", "as"}, {"Message", "s"},
                                    {"Platform", "s"}, WORK_OPTIONS,      {}};
const OptionRow pull_options[] = {{"Policy", "s"}, {"Platform", "s"}, {"AllTags", "b"},
                                  FETCH_OPTIONS,   WORK_OPTIONS,      {}};
const OptionRow push_options[] = {{"Format", "s"}, {"Compression", "s"}, FETCH_OPTIONS, WORK_OPTIONS, {}};
const OptionRow save_options[] = {{"Format", "s"}, {"Compression", "s"}, WORK_OPTIONS, {}};
const OptionRow search_options[] = {{"Limit", "u"}, FETCH_OPTIONS, {}};
const OptionRow check_options[] = {{"Repair", "b"}, WORK_OPTIONS, {}};

int request_error(sd_bus_error *e, int r, const Error *error)
{
        if (error && error->kind != ERROR_NONE)
                return sd_bus_error_set(e, error_bus_name(error->kind), strempty(error->message));
        return sd_bus_error_setf(e, error_bus_name(ERROR_FAILED), "%s", strerror(abs(r)));
}

/* Dictionaries */

typedef struct Signatures {
        SpecKind kind;
        const OptionRow *options;
} Signatures;

static const OptionRow *option_row(const OptionRow *options, const char *name)
{
        for (; options && options->name; options++)
                if (streq(options->name, name))
                        return options;
        return NULL;
}

static const char *signature_of(const char *key, void *userdata)
{
        const Signatures *s = userdata;
        const OptionRow *option = option_row(s->options, key);
        const Setting *row = s->kind ? setting_by_name(s->kind, key) : NULL;

        return option ? option->signature : row ? row->type->signature : NULL;
}

static int dictionary_error(int r, const char *key, const Signatures *s, Error *error)
{
        const char *nearest;

        switch (r) {
        case -ENOMSG:
                nearest = s->kind ? setting_nearest_name(s->kind, key) : NULL;
                return error_set(error, ERROR_INVALID_ARGUMENT, "No such key: \"%.100s\"%s%s%s", key,
                                 nearest ? " (did you mean " : "", strempty(nearest), nearest ? "?)" : "");
        case -EMEDIUMTYPE:
                return error_set(error, ERROR_INVALID_ARGUMENT, "%s is of type \"%s\"", key,
                                 strempty(signature_of(key, (void *) s)));
        case -EEXIST:
                return error_set(error, ERROR_INVALID_ARGUMENT, "The same key twice: %s", strempty(key));
        case -E2BIG:
                return error_set(error, ERROR_LIMIT, "Too much in one call: at most %u bytes in %u values",
                                 VALUES_SIZE_MAX, VALUES_COUNT_MAX);
        case -ENOMEM:
                return r;
        default:
                return error_set(error, ERROR_INVALID_ARGUMENT, "Cannot read the arguments%s%s",
                                 key ? ": " : "", strempty(key));
        }
}

/* Options and settings arrive in one dictionary. */
static int divide(json_t *all, const OptionRow *options, json_t **ret_options)
{
        _cleanup_json_ json_t *o = json_object();

        for (; options && options->name; options++) {
                json_t *v = json_object_get(all, options->name);

                if (v &&
                    (json_object_set(o, options->name, v) < 0 || json_object_del(all, options->name) < 0))
                        return -ENOMEM;
        }
        *ret_options = TAKE_PTR(o);
        return 0;
}

int request_read(sd_bus_message *m, SpecKind kind, const OptionRow *options, json_t **ret_settings,
                 json_t **ret_options, Error *error)
{
        _cleanup_json_ json_t *all = NULL, *own = NULL;
        Signatures signatures = {kind, options};
        _cleanup_free_ char *key = NULL;
        int r;

        r = value_read_dictionary(m, signature_of, &signatures, &all, &key);
        if (r < 0)
                return dictionary_error(r, key, &signatures, error);
        r = divide(all, options, &own);
        if (r < 0)
                return r;
        if (ret_settings)
                *ret_settings = TAKE_PTR(all);
        *ret_options = TAKE_PTR(own);
        return 0;
}

int request_read_spec(sd_bus_message *m, SpecKind kind, const OptionRow *options, Spec **ret,
                      json_t **ret_options, Error *error)
{
        _cleanup_json_ json_t *settings = NULL, *own = NULL;
        _cleanup_(spec_freep) Spec *spec = NULL;
        int r;

        r = request_read(m, kind, options, &settings, &own, error);
        if (r < 0)
                return r;
        spec = spec_new(kind);
        if (!spec)
                return -ENOMEM;
        r = spec_from_json(spec, settings, NULL, error);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(spec);
        *ret_options = TAKE_PTR(own);
        return 0;
}

int request_read_filters(sd_bus_message *m, json_t **ret, Error *error)
{
        ValueBudget budget = VALUE_BUDGET;
        Signatures signatures = {};
        int r;

        r = value_read(m, "a{sas}", &budget, ret);
        return r < 0 ? dictionary_error(r, NULL, &signatures, error) : 0;
}

/* Authorisation */

bool request_reaches_host(sd_bus_message *m)
{
        _cleanup_(spec_freep) Spec *spec = NULL;
        _cleanup_json_ json_t *options = NULL;

        if (request_read_spec(m, SPEC_CONTAINER, new_container_options, &spec, &options, NULL) < 0)
                return false;
        /* A unit of another's: starting and stopping it is more than managing containers. */
        if (json_object_get(options, "Unit"))
                return true;
        SETTING_FOREACH(row, SPEC_CONTAINER)
        if (row->guard && row->guard(spec))
                return true;
        return false;
}

/* Without reading all of it: the options and settings of any method. */
bool request_has_flag(sd_bus_message *m, const char *option)
{
        int flag, r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                const char *key;

                r = sd_bus_message_read(m, "s", &key);
                if (r >= 0 && streq(key, option))
                        return sd_bus_message_read(m, "v", "b", &flag) >= 0 && flag;
                if (r >= 0)
                        r = sd_bus_message_skip(m, "v");
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return false;
}

/* Replies */

typedef struct Reply {
        sd_bus_message *message;
        RequestResult result;
} Reply;

static void reply_free(Reply *p)
{
        sd_bus_message_unref(p->message);
        free(p);
}

static int send_result(const Reply *p, const OperationResult *result)
{
        sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(p->message, &reply);
        if (r >= 0 && p->result)
                r = p->result(reply, result);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r;
}

static void on_done(int r, const Error *error, const OperationResult *result, void *userdata)
{
        sd_bus_error e = SD_BUS_ERROR_NULL;
        Reply *p = userdata;

        /* We are leaving, or the client has left: the bus tells who still listens. */
        if (r == OPERATION_ABANDONED) {
                reply_free(p);
                return;
        }
        if (r < 0) {
                (void) request_error(&e, r, error);
                r = sd_bus_reply_method_error(p->message, &e);
        } else
                r = send_result(p, result);
        if (r < 0)
                (void) log_full(LOG_WARNING, r, "Cannot answer a call: %m");
        sd_bus_error_free(&e);
        reply_free(p);
}

int request_promise(sd_bus_message *m, RequestResult result, Promise *ret)
{
        Reply *p = calloc(1, sizeof(*p));

        if (!p)
                return -ENOMEM;
        p->message = sd_bus_message_ref(m);
        p->result = result;
        *ret = (Promise){sd_bus_message_get_sender(m), on_done, p};
        return 0;
}

/* What long operations answer: names, IDs, warnings, and the operation's path while it goes on. */
static int append_work(sd_bus_message *reply, const OperationResult *result)
{
        _cleanup_free_ char *path = result->id ? object_path("operation", result->id) : strdup("/");
        int r;

        r = path ? sd_bus_message_append_strv(reply, result->names) : -ENOMEM;
        if (r >= 0)
                r = sd_bus_message_append_strv(reply, result->ids);
        if (r >= 0)
                r = sd_bus_message_append_strv(reply, result->warnings);
        return r < 0 ? r : sd_bus_message_append(reply, "o", path);
}

int work_client(sd_bus_message *m, const json_t *options, WorkClient *ret)
{
        *ret = (WorkClient){
                .background = json_get_bool(options, "Background", false),
                .attached = json_get_bool(options, "Attached", false),
        };
        return request_promise(m, append_work, &ret->promise);
}

int request_refused(Promise *p, int r, const Error *error, sd_bus_error *ret_error)
{
        reply_free(p->userdata);
        return request_error(ret_error, r, error);
}

/* Replies that several methods give */

int request_reply_path(sd_bus_message *call, const char *noun, const char *id)
{
        _cleanup_free_ char *path = object_path(noun, id);

        return path ? sd_bus_reply_method_return(call, "o", path) : -ENOMEM;
}

int request_reply_has(sd_bus_message *call, int r, sd_bus_error *e)
{
        const char *none[] = {error_bus_name(ERROR_NO_SUCH_CONTAINER), error_bus_name(ERROR_NO_SUCH_IMAGE)};

        FOREACH_ELEMENT(name, none)
                if (r < 0 && sd_bus_error_has_name(e, *name)) {
                        sd_bus_error_free(e);
                        return sd_bus_reply_method_return(call, "b", false);
                }
        return r < 0 ? r : sd_bus_reply_method_return(call, "b", true);
}

static const char *signature_of_value(const json_t *v)
{
        if (json_is_integer(v))
                return "t";
        if (json_is_boolean(v))
                return "b";
        return json_is_array(v) ? "as" : "s";
}

static int append_entries(sd_bus_message *reply, json_t *object)
{
        const char *key;
        json_t *v;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "{sv}");
        json_object_foreach(object, key, v) if (r >= 0 && !json_is_null(v)) r =
                value_append_entry(reply, key, signature_of_value(v), v);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

int request_append_objects(sd_bus_message *reply, const json_t *list)
{
        json_t *object;
        size_t i;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        json_array_foreach((json_t *) list, i, object) if (r >= 0) r = append_entries(reply, object);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

int request_reply_objects(sd_bus_message *call, const json_t *list)
{
        sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(call, &reply);
        if (r >= 0)
                r = request_append_objects(reply, list);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r;
}
