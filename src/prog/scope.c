/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* berth-scope: systemd's part of an OCI container, asked for by "berth-exec --systemd-cgroup". The executor
 * is static and does not link libsystemd, which would cost every start of every container; this program is
 * run only for those whose engine wants units of systemd's. It reads one JSON document, makes one call, waits
 * for its job, and answers with its exit status and a line on standard error.
 *
 *     berth-scope start UNIT    {"Slice", "Description", "PID", "Limits": [[file, value]...], "Properties":
 * {name: text}} berth-scope set UNIT      {"Limits"} berth-scope stop UNIT
 *
 * Limits are files of a cgroup v2 with their values; Properties are the annotations
 * "org.systemd.property.NAME", whose values are in GVariant's text format. */

#include <systemd/sd-bus.h>

#include "base/json.h"
#include "base/parse.h"
#include "base/str.h"

#define PRIVATE_SOCKET "unix:path=/run/systemd/private"
#define DESTINATION "org.freedesktop.systemd1"
#define PATH "/org/freedesktop/systemd1"
#define MANAGER "org.freedesktop.systemd1.Manager"
#define JOB_TIMEOUT_USEC (60 * USEC_PER_SEC)
#define CPUS_MAX 8192U
#define INPUT_MAX JSON_SIZE_MAX
#define WORD_MAX 64U

typedef struct Job {
        const char *path;
        bool done;
        char *result;
} Job;

static int say(const char *what, int r, const sd_bus_error *error)
{
        (void) fprintf(stderr, "%s: %s\n", what, error && error->message ? error->message : strerror(abs(r)));
        return r < 0 ? r : -EIO;
}

/* Root speaks to PID 1 itself; others to their own manager. */
static int open_bus(sd_bus **ret)
{
        sd_bus *bus = NULL;
        int r;

        if (geteuid() != 0)
                return sd_bus_open_user(ret);
        r = sd_bus_new(&bus);
        if (r >= 0)
                r = sd_bus_set_address(bus, PRIVATE_SOCKET);
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r >= 0) {
                *ret = bus;
                return 0;
        }
        (void) sd_bus_unref(bus);
        return sd_bus_open_system(ret);
}

static int read_input(json_t **ret)
{
        _cleanup_free_ char *text = malloc(INPUT_MAX + 1);
        size_t size = 0;
        ssize_t n = 0;

        if (!text)
                return -ENOMEM;
        while (size < INPUT_MAX && (n = read(STDIN_FILENO, text + size, INPUT_MAX - size)) > 0)
                size += (size_t) n;
        return n < 0 ? -errno : json_parse(text, size, ret, NULL);
}

static int append_u64(sd_bus_message *m, const char *name, uint64_t value)
{
        return sd_bus_message_append(m, "(sv)", name, "t", value);
}

static int append_number(sd_bus_message *m, const char *name, const char *text)
{
        uint64_t value;

        if (streq(text, "max"))
                return append_u64(m, name, UINT64_MAX);
        return parse_u64(text, 0, UINT64_MAX, &value) < 0 ? -EINVAL : append_u64(m, name, value);
}

static int append_default_number(sd_bus_message *m, const char *name, const char *text)
{
        const char *number = startswith(text, "default ");

        /* A single device's has a name that systemd wants as a path; the file alone has it. */
        if (!number && strchr(text, ':'))
                return 0;
        return append_number(m, name, number ?: text);
}

/* "100000 50000" or "max 50000". */
static int append_quota(sd_bus_message *m, const char *name, const char *text)
{
        uint64_t quota = UINT64_MAX, period = 100000;
        char word[WORD_MAX];
        const char *space = strchr(text, ' ');
        int r;

        (void) snprintf(word, sizeof(word), "%.*s", (int) strcspn(text, " "), text);
        if (!streq(word, "max") && parse_u64(word, 1, UINT32_MAX, &quota) < 0)
                return -EINVAL;
        if (space && parse_u64(space + 1, 1, UINT32_MAX, &period) < 0)
                return -EINVAL;
        r = append_u64(m, "CPUQuotaPeriodUSec", period);
        return r < 0 ? r
                     : append_u64(m, name,
                                  quota == UINT64_MAX ? quota : (quota * USEC_PER_SEC + period - 1) / period);
}

static int set_range(uint8_t *mask, const char *piece, size_t *size)
{
        _cleanup_strv_ char **ends = NULL;
        uint64_t first, last;

        if (strv_split(piece, "-", &ends) < 0 || strv_length(ends) < 1 || strv_length(ends) > 2 ||
            parse_u64(ends[0], 0, CPUS_MAX - 1, &first) < 0 ||
            parse_u64(ends[strv_length(ends) - 1], first, CPUS_MAX - 1, &last) < 0)
                return -EINVAL;
        for (uint64_t i = first; i <= last; i++)
                mask[i / 8] |= (uint8_t) (1U << i % 8);
        *size = MAX(*size, (size_t) last / 8 + 1);
        return 0;
}

static int append_set(sd_bus_message *m, const char *name, const char *text)
{
        _cleanup_free_ uint8_t *mask = calloc(CPUS_MAX / 8, 1);
        _cleanup_strv_ char **pieces = NULL;
        size_t size = 0;
        int r;

        r = mask ? strv_split(text, ",\n", &pieces) : -ENOMEM;
        STRV_FOREACH(piece, pieces)
                if (r >= 0)
                        r = set_range(mask, *piece, &size);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'r', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", name);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "ay");
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', mask, size);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* What systemd has a property for; it would write its own value over ours one day. The rest is the file's
 * alone. */
static const struct {
        const char *file;
        const char *property;
        int (*append)(sd_bus_message *m, const char *name, const char *text);
} limits[] = {
        {"memory.max", "MemoryMax", append_number},
        {"memory.high", "MemoryHigh", append_number},
        {"memory.low", "MemoryLow", append_number},
        {"memory.min", "MemoryMin", append_number},
        {"memory.swap.max", "MemorySwapMax", append_number},
        {"pids.max", "TasksMax", append_number},
        {"cpu.weight", "CPUWeight", append_number},
        {"cpu.max", "CPUQuotaPerSecUSec", append_quota},
        {"cpuset.cpus", "AllowedCPUs", append_set},
        {"cpuset.mems", "AllowedMemoryNodes", append_set},
        {"io.weight", "IOWeight", append_default_number},
        {"io.bfq.weight", "IOWeight", append_default_number},
};

static int append_limits(sd_bus_message *m, const json_t *input)
{
        const json_t *list = json_get_array(input, "Limits");
        int r = 0;

        for (size_t i = 0; r >= 0 && i < json_array_size(list); i++) {
                const char *file = json_string_value(json_array_get(json_array_get(list, i), 0));
                const char *value = json_string_value(json_array_get(json_array_get(list, i), 1));

                FOREACH_ELEMENT(limit, limits)
                        if (r >= 0 && file && value && streq(limit->file, file))
                                r = limit->append(m, limit->property, value);
        }
        return r;
}

/* Unquotes one string of the text format; *p is behind it afterwards. */
static int take_string(const char **p, char **ret)
{
        char quote = **p, *out = malloc(strlen(*p) + 1), *end = out;
        const char *s = *p + 1;

        if (!out)
                return -ENOMEM;
        for (; *s && *s != quote; s++) {
                if (*s == '\\' && s[1])
                        s++;
                *end++ = *s;
        }
        *end = '\0';
        if (*s != quote) {
                free(out);
                return -EINVAL;
        }
        *p = s + 1;
        *ret = out;
        return 0;
}

static bool is_quote(char c)
{
        return c == '\'' || c == '"';
}

static int append_strings(sd_bus_message *m, const char *name, const char *text)
{
        _cleanup_strv_ char **list = NULL;
        const char *p = text + 1;
        int r = 0;

        while (r >= 0 && *(p += strspn(p, " ,")) && *p != ']') {
                char *one = NULL;

                r = is_quote(*p) ? take_string(&p, &one) : -EINVAL;
                if (r >= 0)
                        r = strv_consume(&list, one);
        }
        if (r >= 0 && *p != ']')
                r = -EINVAL;
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'r', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", name);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "as");
        if (r >= 0)
                r = sd_bus_message_append_strv(m, list);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_typed(sd_bus_message *m, const char *name, const char *text)
{
        char type[WORD_MAX];
        const char *number = text + strcspn(text, " ");
        int64_t value;
        uint64_t positive;

        (void) snprintf(type, sizeof(type), "%.*s", (int) (number - text), text);
        number += strspn(number, " ");
        if (!*number) {
                if (parse_i64(text, INT32_MIN, INT32_MAX, &value) < 0)
                        return -EINVAL;
                return sd_bus_message_append(m, "(sv)", name, "i", (int32_t) value);
        }
        if (streq(type, "uint64") && parse_u64(number, 0, UINT64_MAX, &positive) >= 0)
                return append_u64(m, name, positive);
        if (streq(type, "uint32") && parse_u64(number, 0, UINT32_MAX, &positive) >= 0)
                return sd_bus_message_append(m, "(sv)", name, "u", (uint32_t) positive);
        if (streq(type, "int64") && parse_i64(number, INT64_MIN, INT64_MAX, &value) >= 0)
                return sd_bus_message_append(m, "(sv)", name, "x", value);
        if (streq(type, "int32") && parse_i64(number, INT32_MIN, INT32_MAX, &value) >= 0)
                return sd_bus_message_append(m, "(sv)", name, "i", (int32_t) value);
        return -EINVAL;
}

/* "TimeoutStopSec" of a unit file is "TimeoutStopUSec" on the bus. */
static int append_seconds(sd_bus_message *m, const char *stem, size_t size, const char *text)
{
        _cleanup_free_ char *name = str_printf("%.*sUSec", (int) size, stem);
        const char *digits = text + strcspn(text, "0123456789");
        uint64_t seconds;

        if (!name)
                return -ENOMEM;
        if (parse_u64(digits, 0, UINT64_MAX / USEC_PER_SEC, &seconds) < 0)
                return -EINVAL;
        return append_u64(m, name, seconds * USEC_PER_SEC);
}

static int append_property(sd_bus_message *m, const char *name, const char *text)
{
        _cleanup_free_ char *string = NULL;
        const char *suffix = endswith(name, "Sec"), *p = text;
        int r;

        if (suffix && !endswith(name, "USec") && !endswith(name, "NSec"))
                return append_seconds(m, name, (size_t) (suffix - name), text);
        if (streq(text, "true") || streq(text, "false"))
                return sd_bus_message_append(m, "(sv)", name, "b", streq(text, "true"));
        if (*text == '[')
                return append_strings(m, name, text);
        if (!is_quote(*text))
                return append_typed(m, name, text);
        r = take_string(&p, &string);
        return r < 0 ? r : *p ? -EINVAL : sd_bus_message_append(m, "(sv)", name, "s", string);
}

static int append_properties(sd_bus_message *m, const json_t *input)
{
        const char *name;
        json_t *value;

        json_object_foreach(json_get_object(input, "Properties"), name, value)
        {
                const char *text = strempty(json_string_value(value));
                int r = append_property(m, name, text + strspn(text, " "));

                if (r < 0) {
                        (void) fprintf(stderr,
                                       "The annotation org.systemd.property.%s: \"%s\" is no such value\n",
                                       name, text);
                        return r;
                }
        }
        return 0;
}

static int append_scope(sd_bus_message *m, const json_t *input)
{
        const char *slice = json_get_string(input, "Slice");
        int r;

        r = sd_bus_message_append(m, "(sv)(sv)(sv)(sv)", "PIDs", "au", 1,
                                  (uint32_t) json_get_i64(input, "PID", 0), "Delegate", "b", 1,
                                  "DefaultDependencies", "b", 0, "CollectMode", "s", "inactive-or-failed");
        if (r >= 0 && !isempty(slice))
                r = sd_bus_message_append(m, "(sv)", "Slice", "s", slice);
        if (r >= 0)
                r = sd_bus_message_append(m, "(sv)", "Description", "s",
                                          strempty(json_get_string(input, "Description")));
        return r;
}

static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *path, *unit, *result;
        Job *job = userdata;
        uint32_t id;

        if (sd_bus_message_read(m, "uoss", &id, &path, &unit, &result) >= 0 && job->path &&
            streq(path, job->path)) {
                job->done = true;
                job->result = strdup(result);
        }
        return 0;
}

/* Signals are queued while a call waits for its answer, so the job's end is not missed. */
static int call_and_wait(sd_bus *bus, sd_bus_message *m, const char *unit)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        uint64_t end = now_monotonic() + JOB_TIMEOUT_USEC;
        Job job = {};
        int r;

        r = sd_bus_match_signal(bus, NULL, NULL, PATH, MANAGER, "JobRemoved", on_job_removed, &job);
        if (r >= 0)
                r = sd_bus_call(bus, m, JOB_TIMEOUT_USEC, &error, &reply);
        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &job.path);
        if (r < 0)
                return sd_bus_error_has_name(&error, "org.freedesktop.systemd1.NoSuchUnit")
                               ? 0
                               : say(unit, r, &error);
        while (r >= 0 && !job.done && now_monotonic() < end) {
                r = sd_bus_process(bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(bus, USEC_PER_SEC);
        }
        if (r >= 0 && !job.done)
                r = -ETIMEDOUT;
        if (r >= 0 && !streq_ptr(job.result, "done")) {
                (void) fprintf(stderr, "%s: the job ended with \"%s\"\n", unit, strempty(job.result));
                r = -EIO;
        }
        (void) sd_bus_message_unref(reply);
        free(job.result);
        return r < 0 ? r : 0;
}

static int new_call(sd_bus *bus, const char *method, sd_bus_message **ret)
{
        return sd_bus_message_new_method_call(bus, ret, DESTINATION, PATH, MANAGER, method);
}

static int start(sd_bus *bus, const char *unit)
{
        _cleanup_json_ json_t *input = NULL;
        sd_bus_message *m = NULL;
        int r;

        r = read_input(&input);
        if (r >= 0)
                r = new_call(bus, "StartTransientUnit", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "ss", unit, "fail");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(sv)");
        if (r >= 0)
                r = append_scope(m, input);
        if (r >= 0)
                r = append_limits(m, input);
        if (r >= 0)
                r = append_properties(m, input);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                r = sd_bus_message_append(m, "a(sa(sv))", 0);
        return r < 0 ? say(unit, r, NULL) : call_and_wait(bus, m, unit);
}

static int set(sd_bus *bus, const char *unit)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_json_ json_t *input = NULL;
        sd_bus_message *m = NULL;
        int r;

        r = read_input(&input);
        if (r >= 0)
                r = new_call(bus, "SetUnitProperties", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "sb", unit, 1);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(sv)");
        if (r >= 0)
                r = append_limits(m, input);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                r = sd_bus_call(bus, m, JOB_TIMEOUT_USEC, &error, NULL);
        return r < 0 ? say(unit, r, &error) : 0;
}

static int stop(sd_bus *bus, const char *unit)
{
        sd_bus_message *m = NULL;
        int r;

        r = new_call(bus, "StopUnit", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "ss", unit, "replace");
        if (r >= 0)
                r = call_and_wait(bus, m, unit);
        /* One that failed is forgotten too; one that is gone needs no more. */
        (void) sd_bus_call_method(bus, DESTINATION, PATH, MANAGER, "ResetFailedUnit", NULL, NULL, "s", unit);
        return r;
}

static const struct {
        const char *name;
        int (*run)(sd_bus *bus, const char *unit);
} verbs[] = {{"start", start}, {"set", set}, {"stop", stop}};

int main(int argc, char **argv)
{
        sd_bus *bus = NULL;
        int r = -EINVAL;

        if (argc != 3) {
                (void) fprintf(stderr, "berth-scope start|set|stop UNIT\n");
                return EXIT_FAILURE;
        }
        FOREACH_ELEMENT(verb, verbs) {
                if (!streq(verb->name, argv[1]))
                        continue;
                r = open_bus(&bus);
                r = r < 0 ? say("Cannot reach systemd", r, NULL) : verb->run(bus, argv[2]);
        }
        (void) sd_bus_flush_close_unref(bus);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
