/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The list of containers: from what the daemon says of each to the fields that podman's users know from
 * tables, templates and JSON. */

#include "base/parse.h"
#include "base/str.h"
#include "prog/ctl-bus.h"
#include "prog/ctl-output.h"
#include "spec/name.h"

#define COMMAND_WIDTH 17

static uint64_t get_time(const json_t *row, const char *name)
{
        return (uint64_t) MAX(json_get_i64(row, name, 0), (int64_t) 0);
}

/* "Up 3 minutes", "Exited (0) 2 hours ago" */
static char *status_text(const json_t *row)
{
        const char *state = strempty(json_get_string(row, "State"));
        uint64_t now = now_realtime(), started = get_time(row, "StartedAt"),
                 finished = get_time(row, "FinishedAt");
        char buf[FORMAT_USEC_MAX];

        if (streq(state, "running"))
                return str_printf("Up %s", format_usec_human(now > started ? now - started : 0, buf));
        if (streq(state, "exited"))
                return str_printf("Exited (%d) %s ago", (int) json_get_i64(row, "ExitCode", 0),
                                  format_usec_human(now > finished ? now - finished : 0, buf));
        buf[0] = '\0';
        if (state[0])
                return str_printf("%c%s", state[0] & ~0x20, state + 1);
        return strdup("Unknown");
}

static char *command_text(const json_t *row, bool full)
{
        _cleanup_strv_ char **words = NULL;
        char *text;

        (void) json_get_strv(row, "Command", &words);
        text = strv_join(words, " ");
        if (!full && text && strlen(text) > COMMAND_WIDTH) {
                _cleanup_free_ char *whole = text;
                size_t n = COMMAND_WIDTH;

                while (n > 0 && ((unsigned char) whole[n] & 0xc0) == 0x80)
                        n--;
                text = str_printf("%.*s...", (int) n, whole);
        }
        return text;
}

static void set_text(json_t *object, const char *name, char *text)
{
        _cleanup_free_ char *owned = text;

        (void) json_object_set_new(object, name, json_string(strempty(owned)));
}

static void set_copy(json_t *object, const char *name, const json_t *row, const char *from)
{
        json_t *v = json_object_get(row, from);

        (void) json_object_set_new(object, name, v ? json_incref(v) : json_string(""));
}

static void set_joined(json_t *object, const char *name, const json_t *row, const char *from)
{
        _cleanup_strv_ char **words = NULL;

        (void) json_get_strv(row, from, &words);
        set_text(object, name, strv_join(words, ", "));
}

/* The fields of a table or template. */
static json_t *view_row(const Ctl *c, const json_t *row)
{
        bool full = ctl_has(c, FLAG_NO_TRUNC);
        const char *id = strempty(json_get_string(row, "Id"));
        json_t *v = json_object();

        set_text(v, "ID", strndup(id, full ? ID_LENGTH : ID_SHORT_LENGTH));
        set_copy(v, "Image", row, "Image");
        set_text(v, "Command", command_text(row, full));
        set_text(v, "CreatedHuman", output_ago(get_time(row, "Created")));
        set_text(v, "RunningFor", output_ago(get_time(row, "Created")));
        set_text(v, "Created", output_time(get_time(row, "Created")));
        set_text(v, "CreatedAt", output_time(get_time(row, "Created")));
        set_text(v, "StartedAt", output_time(get_time(row, "StartedAt")));
        set_text(v, "ExitedAt", output_time(get_time(row, "FinishedAt")));
        set_text(v, "Status", status_text(row));
        set_joined(v, "Ports", row, "Ports");
        set_copy(v, "Names", row, "Name");
        set_copy(v, "Labels", row, "Labels");
        set_copy(v, "State", row, "State");
        set_copy(v, "ImageID", row, "ImageID");
        set_copy(v, "ExitCode", row, "ExitCode");
        set_copy(v, "Pid", row, "Pid");
        set_copy(v, "Unit", row, "Unit");
        set_copy(v, "Restarts", row, "RestartCount");
        return v;
}

/* podman's JSON of a container in a list. */
static json_t *document_row(const json_t *row)
{
        json_t *v = json_object(), *names = json_array();
        uint64_t created = get_time(row, "Created"), finished = get_time(row, "FinishedAt");

        (void) json_array_append(names, json_object_get(row, "Name"));
        set_copy(v, "Id", row, "Id");
        (void) json_object_set_new(v, "Names", names);
        set_copy(v, "Image", row, "Image");
        set_copy(v, "ImageID", row, "ImageID");
        set_copy(v, "Command", row, "Command");
        (void) json_object_set_new(v, "Created", json_integer((json_int_t) (created / USEC_PER_SEC)));
        set_text(v, "CreatedAt", output_ago(created));
        set_copy(v, "State", row, "State");
        set_text(v, "Status", status_text(row));
        (void) json_object_set_new(v, "Exited",
                                   json_boolean(streq_ptr(json_get_string(row, "State"), "exited")));
        (void) json_object_set_new(v, "ExitedAt", json_integer((json_int_t) (finished / USEC_PER_SEC)));
        set_copy(v, "ExitCode", row, "ExitCode");
        (void) json_object_set_new(v, "StartedAt",
                                   json_integer((json_int_t) (get_time(row, "StartedAt") / USEC_PER_SEC)));
        set_copy(v, "Pid", row, "Pid");
        set_copy(v, "Labels", row, "Labels");
        set_copy(v, "Ports", row, "Ports");
        set_copy(v, "Restarts", row, "RestartCount");
        set_copy(v, "Unit", row, "Unit");
        return v;
}

static const SortKey sort_keys[] = {
        {"created", "Created"}, {"runningfor", "StartedAt"}, {"id", "Id"},           {"image", "Image"},
        {"names", "Name"},      {"status", "State"},         {"command", "Command"},
};

static const char ps_format[] = "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.CreatedHuman}}\t{{.Status}}\t"
                                "{{.Ports}}\t{{.Names}}";
static const Heading ps_headings[] = {
        {"ID", "CONTAINER ID"},
        {"CreatedHuman", "CREATED"},
        {"RunningFor", "CREATED"},
        {"CreatedAt", "CREATED AT"},
        {"ImageID", "IMAGE ID"},
        {"ExitCode", "EXIT CODE"},
        {"Image", "IMAGE"},
        {"Command", "COMMAND"},
        {"Status", "STATUS"},
        {"Ports", "PORTS"},
        {"Names", "NAMES"},
        {"Labels", "LABELS"},
        {"State", "STATE"},
        {"Pid", "PID"},
        {"Unit", "UNIT"},
        {"Restarts", "RESTARTS"},
        {"StartedAt", "STARTED AT"},
        {"ExitedAt", "EXITED AT"},
};

static int print_list(Ctl *c, const json_t *list)
{
        _cleanup_json_ json_t *rows = json_array(), *documents = json_array();
        Listing l = {.usual = ps_format,
                     .headings = ps_headings,
                     .n_headings = ELEMENTSOF(ps_headings),
                     .rows = rows,
                     .documents = documents};
        const json_t *row;
        size_t i;
        bool json;

        (void) output_format(c, &json);
        json_array_foreach(list, i, row)
        {
                if (json)
                        (void) json_array_append_new(documents, document_row(row));
                else
                        (void) json_array_append_new(rows, view_row(c, row));
        }
        return output_list(c, &l);
}

/* Who asks for a state means the containers that are in it, running or not. */
static bool wants_all(const Ctl *c, uint64_t last)
{
        STRV_FOREACH(f, c->values[FLAG_FILTER])
                if (startswith(*f, "status=") || startswith(*f, "exited="))
                        return true;
        return ctl_has(c, FLAG_ALL_STATES) || last > 0;
}

int verb_ps(Ctl *c)
{
        _cleanup_json_ json_t *list = NULL;
        uint64_t last = ctl_has(c, FLAG_LATEST) ? 1 : 0;
        const char *number = ctl_value(c, FLAG_LAST);
        int r;

        if (number && parse_u64(number, 1, UINT32_MAX, &last) < 0)
                return error_set(&c->error, ERROR_INVALID_ARGUMENT, "--last: \"%s\" is no number", number);
        r = bus_list_containers(c, wants_all(c, last), last, &list);
        if (r >= 0)
                r = output_sort(c, list, sort_keys, ELEMENTSOF(sort_keys));
        return r < 0 ? r : print_list(c, list);
}
