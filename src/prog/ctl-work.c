/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The bar is drawn on the standard error, a line for each item, over the lines of before. */

#include <signal.h>
#include <sys/ioctl.h>

#include "base/parse.h"
#include "base/str.h"
#include "prog/ctl-output.h"
#include "prog/ctl-work.h"
#include "spec/name.h"

#define LINES_MAX 40U
#define BAR_WIDTH 30U
#define EXIT_INTERRUPTED 130
#define SHORT_DIGEST 12

typedef struct Watch {
        Ctl *c;
        const char *path;
        bool terminal;
        unsigned drawn;   /* lines on the terminal */
        json_t *reported; /* plain: items whose end has been told */
} Watch;

static volatile sig_atomic_t interrupted;

static void on_interrupt(int sig)
{
        interrupted++;
}

void work_result_done(WorkResult *r)
{
        json_decref(r->names);
        json_decref(r->ids);
        json_decref(r->warnings);
        *r = (WorkResult){};
}

int work_append_options(sd_bus_message *m)
{
        return sd_bus_message_append(m, "{sv}{sv}", "Background", "b", true, "Attached", "b", true);
}

/* "sha256:0123..." cut as podman does; other names as they are, fit for a terminal. */
static char *short_name(const char *name)
{
        const char *hex = startswith(name, "sha256:");

        return hex ? strndup(hex, SHORT_DIGEST) : str_escape(name);
}

static unsigned terminal_width(void)
{
        struct winsize size = {};

        return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) >= 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static void draw_item(const char *name, const char *state, uint64_t done, uint64_t total)
{
        char a[FORMAT_SIZE_MAX], b[FORMAT_SIZE_MAX], bar[BAR_WIDTH + 1];
        _cleanup_free_ char *text = short_name(name), *word = str_escape(state), *line = NULL;
        unsigned filled = total > 0 ? (unsigned) (MIN(done, total) * BAR_WIDTH / total) : 0;

        memset(bar, '-', BAR_WIDTH);
        memset(bar, '=', filled);
        bar[BAR_WIDTH] = '\0';
        if (streq(state, "working") && total > 0)
                line = str_printf("%-14s [%s] %s / %s", strempty(text), bar, format_size_human(done, a),
                                  format_size_human(total, b));
        else if (streq(state, "working"))
                line = str_printf("%-14s %s", strempty(text), format_size_human(done, a));
        else
                line = str_printf("%-14s %s", strempty(text), strempty(word));
        fprintf(stderr, "\033[2K%.*s\n", (int) terminal_width() - 1, strempty(line));
}

static void erase(Watch *w)
{
        if (w->drawn > 0)
                fprintf(stderr, "\033[%uA\033[0J", w->drawn);
        w->drawn = 0;
}

static void draw(Watch *w, const json_t *items)
{
        const json_t *item;
        size_t i;

        erase(w);
        json_array_foreach(items, i, item)
        {
                if (i >= LINES_MAX)
                        break;
                draw_item(strempty(json_string_value(json_array_get(item, 0))),
                          strempty(json_string_value(json_array_get(item, 1))),
                          (uint64_t) json_integer_value(json_array_get(item, 2)),
                          (uint64_t) json_integer_value(json_array_get(item, 3)));
                w->drawn++;
        }
        fflush(stderr);
}

/* Each item once, when it is done. */
static void tell(Watch *w, const char *phase, const json_t *items)
{
        const json_t *item;
        size_t i;

        json_array_foreach(items, i, item)
        {
                const char *name = strempty(json_string_value(json_array_get(item, 0)));
                const char *state = strempty(json_string_value(json_array_get(item, 1)));
                _cleanup_free_ char *key = str_printf("%s %s", phase, name), *text = short_name(name);

                if ((!streq(state, "done") && !streq(state, "exists")) || !key ||
                    json_object_get(w->reported, key))
                        continue;
                (void) json_object_set_new(w->reported, key, json_true());
                fprintf(stderr, "%s %s: %s\n", phase, strempty(text), state);
        }
}

static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_json_ json_t *properties = NULL;
        _cleanup_free_ char *phase = NULL;
        const json_t *items;
        Watch *w = userdata;
        Ctl quiet = {};

        if (sd_bus_message_skip(m, "s") < 0 || bus_read_json(&quiet, m, &properties) < 0) {
                error_done(&quiet.error);
                return 0;
        }
        items = json_get_array(properties, "Items");
        phase = str_escape(strempty(json_get_string(properties, "Phase")));
        if (items && w->terminal)
                draw(w, items);
        else if (items)
                tell(w, strempty(phase), items);
        return 0;
}

static int watch(Watch *w, sd_bus_slot **ret)
{
        if (ctl_has(w->c, FLAG_NO_PROGRESS) || ctl_has(w->c, FLAG_QUIET))
                return 0;
        w->terminal = isatty(STDERR_FILENO);
        w->reported = json_object();
        return sd_bus_match_signal(w->c->bus, ret, BUS_NAME, w->path, "org.freedesktop.DBus.Properties",
                                   "PropertiesChanged", on_changed, w);
}

/* Until the reply, or until the user has had enough. */
static int wait_for(Ctl *c, Call *call, const char *path)
{
        bool cancelled = false;

        while (!call->reply) {
                int r = sd_bus_process(c->bus, NULL);

                if (r == 0)
                        r = sd_bus_wait(c->bus, UINT64_MAX);
                if (interrupted > 0 && !cancelled) {
                        cancelled = true;
                        r = sd_bus_call_method_async(c->bus, NULL, BUS_NAME, path, OPERATION_INTERFACE,
                                                     "Cancel", NULL, NULL, NULL);
                }
                if (interrupted > 1)
                        return EXIT_INTERRUPTED;
                if (r < 0 && r != -EINTR)
                        return bus_failed(c, r);
        }
        return 0;
}

void work_print_warnings(const json_t *warnings)
{
        const json_t *warning;
        size_t i;

        json_array_foreach(warnings, i, warning)
        {
                _cleanup_free_ char *text = str_escape(strempty(json_string_value(warning)));

                fprintf(stderr, "Warning: %s\n", strempty(text));
        }
}

static int read_result(Ctl *c, sd_bus_message *reply, WorkResult *ret)
{
        int r = bus_read_json(c, reply, &ret->names);

        if (r >= 0)
                r = bus_read_json(c, reply, &ret->ids);
        if (r >= 0)
                r = bus_read_json(c, reply, &ret->warnings);
        if (r >= 0)
                work_print_warnings(ret->warnings);
        return r;
}

static int follow(Ctl *c, const char *path, WorkResult *ret)
{
        struct sigaction action = {.sa_handler = on_interrupt}, before;
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_call_ Call call = {};
        Watch w = {.c = c, .path = path};
        sd_bus_message *reply = NULL;
        sd_bus_slot *slot = NULL;
        int r;

        (void) sigaction(SIGINT, &action, &before);
        r = watch(&w, &slot);
        if (r >= 0)
                r = bus_new_call(c, &m, path, OPERATION_INTERFACE, "Wait", NULL);
        if (r >= 0)
                r = bus_send(c, m, &call);
        if (r >= 0)
                r = wait_for(c, &call, path);
        if (w.terminal)
                erase(&w);
        (void) sigaction(SIGINT, &before, NULL);
        sd_bus_slot_unref(slot);
        json_decref(w.reported);
        if (r != 0)
                return r;
        r = bus_reply(c, &call, &reply);
        return r < 0 ? r : read_result(c, reply, ret);
}

int work_run(Ctl *c, sd_bus_message *m, WorkResult *ret)
{
        _cleanup_call_ Call call = {};
        _cleanup_free_ char *path = NULL;
        sd_bus_message *reply;
        const char *given;
        int r;

        r = bus_send(c, m, &call);
        if (r >= 0)
                r = bus_wait(c, &call, &reply);
        if (r < 0)
                return r;
        r = sd_bus_message_skip(reply, "asasas");
        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &given);
        if (r < 0)
                return bus_failed(c, r);
        path = strdup(given);
        r = path ? follow(c, path, ret) : -ENOMEM;
        if (r < 0 && c->error.kind == ERROR_CANCELLED && interrupted > 0) {
                error_done(&c->error);
                return EXIT_INTERRUPTED;
        }
        return r;
}
