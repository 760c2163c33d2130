/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The types of settings: about a dozen, each with its two outside forms. */

#include <inttypes.h>
#include <strings.h>

#include "base/parse.h"
#include "base/str.h"
#include "spec/setting.h"

/* A list or map in one setting holds at most this many elements, a text at most that many bytes. */
#define ELEMENTS_MAX 4096
#define TEXT_MAX (128 * 1024)

static int fail(const char **ret_error, const char *reason)
{
        *ret_error = reason;
        return -EINVAL;
}

static int text_check(const char *s, const char **ret_error)
{
        if (strlen(s) > TEXT_MAX)
                return fail(ret_error, "too long: at most 128 KiB");
        if (!str_is_utf8(s, strlen(s)))
                return fail(ret_error, "not UTF-8");
        return 0;
}

static int row_check(const Setting *row, const char *s, const char **ret_error)
{
        StringCheck check = (StringCheck) row->arg;
        int r;

        r = text_check(s, ret_error);
        if (r < 0)
                return r;
        return check ? check(s, ret_error) : 0;
}

static void pointer_done(void *field)
{
        free(*(char **) field);
        *(char **) field = NULL;
}

/* Types whose JSON form is their text: one definition. */
static int text_from_json(const Setting *row, void *field, const json_t *value, const char **ret_error)
{
        if (!json_is_string(value))
                return fail(ret_error, "a string is wanted");
        return row->type->from_text(row, field, json_string_value(value), ret_error);
}

static json_t *text_to_json(const Setting *row, const void *field)
{
        _cleanup_free_ char *text = row->type->to_text(row, field);

        return text ? json_string(text) : NULL;
}

#define DEFINE_PLAIN(name)                                                                                   \
        static int name##_copy(const void *from, void *to)                                                   \
        {                                                                                                    \
                *(setting_ctype_##name *) to = *(const setting_ctype_##name *) from;                         \
                return 0;                                                                                    \
        }                                                                                                    \
        static bool name##_equal(const void *a, const void *b)                                               \
        {                                                                                                    \
                return *(const setting_ctype_##name *) a == *(const setting_ctype_##name *) b;               \
        }

DEFINE_PLAIN(bool)
DEFINE_PLAIN(count)
DEFINE_PLAIN(integer)
DEFINE_PLAIN(signal)
DEFINE_PLAIN(mode)

static int bool_from_text(const Setting *row, void *field, const char *text, const char **ret_error)
{
        return parse_bool(text, field) < 0 ? fail(ret_error, "true or false is wanted") : 0;
}

static char *bool_to_text(const Setting *row, const void *field)
{
        return strdup(*(const bool *) field ? "true" : "false");
}

static int bool_from_json(const Setting *row, void *field, const json_t *value, const char **ret_error)
{
        if (!json_is_boolean(value))
                return fail(ret_error, "true or false is wanted");
        *(bool *) field = json_is_true(value);
        return 0;
}

static json_t *bool_to_json(const Setting *row, const void *field)
{
        return json_boolean(*(const bool *) field);
}

const SettingType setting_type_bool = {
        "bool",
        "b",
        sizeof(setting_ctype_bool),
        NULL,
        bool_from_text,
        bool_to_text,
        bool_from_json,
        bool_to_json,
        bool_copy,
        bool_equal,
        NULL,
};

static int string_from_text(const Setting *row, void *field, const char *text, const char **ret_error)
{
        int r;

        r = row_check(row, text, ret_error);
        return r < 0 ? r : str_replace(field, text);
}

static char *string_to_text(const Setting *row, const void *field)
{
        return strdup(strempty(*(char *const *) field));
}

static int string_copy(const void *from, void *to)
{
        return str_replace(to, *(char *const *) from);
}

static bool string_equal(const void *a, const void *b)
{
        return streq_ptr(*(char *const *) a, *(char *const *) b);
}

const SettingType setting_type_string = {
        "string",
        "s",
        sizeof(setting_ctype_string),
        "TEXT",
        string_from_text,
        string_to_text,
        text_from_json,
        text_to_json,
        string_copy,
        string_equal,
        pointer_done,
};

static int path_from_text(const Setting *row, void *field, const char *text, const char **ret_error)
{
        if (*text != '/' || str_has_control(text) || strstr(text, "/../") || endswith(text, "/.."))
                return fail(ret_error, "an absolute path without \"..\" is wanted");
        return string_from_text(row, field, text, ret_error);
}

const SettingType setting_type_path = {
        "path",
        "s",
        sizeof(setting_ctype_path),
        "PATH",
        path_from_text,
        string_to_text,
        text_from_json,
        text_to_json,
        string_copy,
        string_equal,
        pointer_done,
};

static void strv_done(void *field)
{
        *(char ***) field = strv_free(*(char ***) field);
}

static int list_copy(const void *from, void *to)
{
        char **copy;
        int r;

        r = strv_copy(*(char **const *) from, &copy);
        if (r < 0)
                return r;
        strv_done(to);
        *(char ***) to = copy;
        return 0;
}

static bool list_equal(const void *a, const void *b)
{
        return strv_equal(*(char **const *) a, *(char **const *) b);
}

static int list_from_json(const Setting *row, void *field, const json_t *value, StringCheck check,
                          const char **ret_error)
{
        _cleanup_strv_ char **list = NULL;
        json_t *element;
        size_t i;
        int r;

        if (!json_is_array(value))
                return fail(ret_error, "a list of strings is wanted");
        if (json_array_size(value) > ELEMENTS_MAX)
                return fail(ret_error, "too many elements: at most 4096");
        json_array_foreach(value, i, element)
        {
                const char *s = json_string_value(element);

                if (!s)
                        return fail(ret_error, "a list of strings is wanted");
                r = text_check(s, ret_error);
                if (r >= 0 && check)
                        r = check(s, ret_error);
                if (r >= 0)
                        r = strv_append(&list, s);
                if (r < 0)
                        return r;
        }
        strv_done(field);
        *(char ***) field = TAKE_PTR(list);
        return 0;
}

static json_t *list_to_json(const Setting *row, const void *field)
{
        return json_from_strv(*(char **const *) field);
}

/* One element at a time: the text form of a list repeats the setting. */
static int strv_from_text(const Setting *row, void *field, const char *text, const char **ret_error)
{
        int r;

        r = row_check(row, text, ret_error);
        if (r < 0)
                return r;
        if (strv_length(*(char ***) field) >= ELEMENTS_MAX)
                return fail(ret_error, "too many elements: at most 4096");
        return strv_append(field, text);
}

static char *strv_to_text(const Setting *row, const void *field)
{
        return strv_join(*(char **const *) field, " ");
}

static int strv_from_json(const Setting *row, void *field, const json_t *value, const char **ret_error)
{
        return list_from_json(row, field, value, (StringCheck) row->arg, ret_error);
}

const SettingType setting_type_strv = {
        "strv",         "as",           sizeof(setting_ctype_strv),
        "TEXT",         strv_from_text, strv_to_text,
        strv_from_json, list_to_json,   list_copy,
        list_equal,     strv_done,
};

static int argv_from_text(const Setting *row, void *field, const char *text, const char **ret_error)
{
        _cleanup_strv_ char **words = NULL;
        int r;

        r = text_check(text, ret_error);
        if (r >= 0)
                r = words_split(text, &words);
        if (r == -EINVAL)
                return *ret_error ? r : fail(ret_error, "unbalanced quotes or a bad escape");
        /* An escape can make bytes that the text did not have. */
        STRV_FOREACH(w, words)
                if (r >= 0)
                        r = text_check(*w, ret_error);
        if (r < 0)
                return r;
        strv_done(field);
        *(char ***) field = TAKE_PTR(words);
        return 0;
}

static char *argv_to_text(const Setting *row, const void *field)
{
        return words_join(*(char **const *) field);
}

static int argv_from_json(const Setting *row, void *field, const json_t *value, const char **ret_error)
{
        return list_from_json(row, field, value, NULL, ret_error);
}

const SettingType setting_type_argv = {
        "argv",         "as",           sizeof(setting_ctype_argv),
        "COMMAND",      argv_from_text, argv_to_text,
        argv_from_json, list_to_json,   list_copy,
        list_equal,     strv_done,
};

static void map_done(void *field)
{
        *(Map **) field = map_free(*(Map **) field);
}

static int map_assign(const Setting *row, Map **m, const char *name, const char *value,
                      const char **ret_error)
{
        int r;

        r = row_check(row, name, ret_error);
        if (r >= 0)
                r = text_check(value, ret_error);
        if (r < 0)
                return r;
        if (isempty(name))
                return fail(ret_error, "a name is wanted before \"=\"");
        if (!*m)
                *m = map_new_strings();
        if (!*m)
                return -ENOMEM;
        if (map_size(*m) >= ELEMENTS_MAX)
                return fail(ret_error, "too many elements: at most 4096");
        return map_put_string(*m, name, value);
}

/* "NAME=VALUE"; in Quadlet several, quoted as words are. A name alone has the empty value (as labels may). */
static int map_from_text(const Setting *row, void *field, const char *text, const char **ret_error)
{
        _cleanup_free_ char *name = NULL;
        const char *equals = strchrnul(text, '=');

        name = strndup(text, equals - text);
        if (!name)
                return -ENOMEM;
        return map_assign(row, field, name, *equals ? equals + 1 : "", ret_error);
}

static char *map_to_text(const Setting *row, const void *field)
{
        _cleanup_strv_ char **list = NULL;

        MAP_FOREACH(e, *(Map *const *) field) {
                char *s = str_printf("%s=%s", map_key(e), (char *) map_value(e));

                if (!s || strv_consume(&list, s) < 0)
                        return NULL;
        }
        return words_join(list);
}

static int map_from_json(const Setting *row, void *field, const json_t *value, const char **ret_error)
{
        _cleanup_(map_freep) Map *m = NULL;
        const char *name;
        json_t *element;
        int r;

        if (!json_is_object(value))
                return fail(ret_error, "an object of strings is wanted");
        json_object_foreach((json_t *) value, name, element)
        {
                if (!json_is_string(element))
                        return fail(ret_error, "an object of strings is wanted");
                r = map_assign(row, &m, name, json_string_value(element), ret_error);
                if (r < 0)
                        return r;
        }
        map_done(field);
        *(Map **) field = TAKE_PTR(m);
        return 0;
}

static json_t *map_to_json(const Setting *row, const void *field)
{
        _cleanup_json_ json_t *o = json_object();

        MAP_FOREACH(e, *(Map *const *) field)
                if (json_object_set_new(o, map_key(e), json_string(map_value(e))) < 0)
                        return NULL;
        return TAKE_PTR(o);
}

static int map_copy(const void *from, void *to)
{
        Map *copy = NULL;
        int r;

        r = map_copy_strings(*(Map *const *) from, &copy);
        if (r < 0)
                return r;
        map_done(to);
        *(Map **) to = copy;
        return 0;
}

static bool map_equal(const void *a, const void *b)
{
        return map_equal_strings(*(Map *const *) a, *(Map *const *) b);
}

const SettingType setting_type_map = {
        "map",         "a{ss}",       sizeof(setting_ctype_map),
        "NAME=VALUE",  map_from_text, map_to_text,
        map_from_json, map_to_json,   map_copy,
        map_equal,     map_done,
};

static int range_check(const Setting *row, int64_t v, const char **ret_error)
{
        const Range *range = row->arg;

        if (range && (v < range->min || v > range->max))
                return fail(ret_error, "out of range");
        return 0;
}

static int count_from_text(const Setting *row, void *field, const char *text, const char **ret_error)
{
        uint64_t v;
        int r;

        /* Podman's -1 and 0 for "no limit" are systemd's infinity. */
        if (streq(text, "-1") || streq(text, "infinity") || streq(text, "max")) {
                *(uint64_t *) field = SIZE_INFINITY;
                return 0;
        }
        if (parse_u64(text, 0, INT64_MAX, &v) < 0)
                return fail(ret_error, "a number is wanted");
        r = range_check(row, (int64_t) v, ret_error);
        if (r >= 0)
                *(uint64_t *) field = v;
        return r;
}

static char *count_to_text(const Setting *row, const void *field)
{
        uint64_t v = *(const uint64_t *) field;

        return v == SIZE_INFINITY ? strdup("infinity") : str_printf("%" PRIu64, v);
}

/* Numbers travel as JSON integers; infinity, which does not fit one, is -1 there and UINT64_MAX on the bus.
 */
static int u64_from_json(const Setting *row, void *field, const json_t *value, const char **ret_error)
{
        json_int_t v = json_integer_value(value);

        if (!json_is_integer(value) || v < -1)
                return fail(ret_error, "a number is wanted");
        if (v >= 0 && row->type == &setting_type_count && range_check(row, v, ret_error) < 0)
                return -EINVAL;
        *(uint64_t *) field = v < 0 ? UINT64_MAX : (uint64_t) v;
        return 0;
}

static json_t *u64_to_json(const Setting *row, const void *field)
{
        uint64_t v = *(const uint64_t *) field;

        return json_integer(v > INT64_MAX ? -1 : (json_int_t) v);
}

const SettingType setting_type_count = {
        "count",
        "t",
        sizeof(setting_ctype_count),
        "N",
        count_from_text,
        count_to_text,
        u64_from_json,
        u64_to_json,
        count_copy,
        count_equal,
        NULL,
};

/* JSON integers have 63 bits: beyond them there is only infinity. */
static int set_u64(void *field, uint64_t v, const char **ret_error)
{
        if (v > INT64_MAX && v != UINT64_MAX)
                return fail(ret_error, "out of range");
        *(uint64_t *) field = v;
        return 0;
}

static int size_from_text(const Setting *row, void *field, const char *text, const char **ret_error)
{
        uint64_t v;

        if (parse_size(text, &v) < 0)
                return fail(ret_error, "a size is wanted, as 512m or 1.5G");
        return set_u64(field, v, ret_error);
}

static char *size_to_text(const Setting *row, const void *field)
{
        char buf[FORMAT_SIZE_MAX];

        return strdup(format_size(*(const uint64_t *) field, buf));
}

const SettingType setting_type_size = {
        "size",
        "t",
        sizeof(setting_ctype_size),
        "BYTES",
        size_from_text,
        size_to_text,
        u64_from_json,
        u64_to_json,
        count_copy,
        count_equal,
        NULL,
};

static int usec_from_text(const Setting *row, void *field, const char *text, const char **ret_error)
{
        uint64_t v;

        if (parse_usec(streq(text, "-1") ? "infinity" : text, &v) < 0)
                return fail(ret_error, "a time span is wanted, as 10, 90s or 1min 30s");
        return set_u64(field, v, ret_error);
}

static char *usec_to_text(const Setting *row, const void *field)
{
        char buf[FORMAT_USEC_MAX];

        return strdup(format_usec(*(const uint64_t *) field, buf));
}

const SettingType setting_type_usec = {
        "usec",
        "t",
        sizeof(setting_ctype_usec),
        "TIME",
        usec_from_text,
        usec_to_text,
        u64_from_json,
        u64_to_json,
        count_copy,
        count_equal,
        NULL,
};

/* "1.5" CPUs are 1,500,000 microseconds of CPU time a second; six decimals are exact. */
static int cpus_from_text(const Setting *row, void *field, const char *text, const char **ret_error)
{
        static const char reason[] = "a number of CPUs is wanted, as 2 or 0.5";
        _cleanup_free_ char *whole = NULL;
        const char *point = strchrnul(text, '.');
        uint64_t n = 0, fraction = 0, unit = USEC_PER_SEC;

        whole = strndup(text, point - text);
        if (!whole)
                return -ENOMEM;
        if (parse_u64(whole, 0, 65536, &n) < 0 || (*point && !point[1]) || strlen(point) > 7)
                return fail(ret_error, reason);
        for (const char *p = *point ? point + 1 : point; *p; p++) {
                if (*p < '0' || *p > '9')
                        return fail(ret_error, reason);
                unit /= 10;
                fraction += (uint64_t) (*p - '0') * unit;
        }
        if (n * USEC_PER_SEC + fraction == 0)
                return fail(ret_error, reason);
        *(uint64_t *) field = n * USEC_PER_SEC + fraction;
        return 0;
}

static char *cpus_to_text(const Setting *row, const void *field)
{
        uint64_t v = *(const uint64_t *) field;
        char buf[32];
        size_t n;

        n = (size_t) snprintf(buf, sizeof(buf), "%" PRIu64 ".%06" PRIu64, v / USEC_PER_SEC, v % USEC_PER_SEC);
        while (buf[n - 1] == '0')
                buf[--n] = '\0';
        if (buf[n - 1] == '.')
                buf[--n] = '\0';
        return strdup(buf);
}

const SettingType setting_type_cpus = {
        "cpus",
        "t",
        sizeof(setting_ctype_cpus),
        "CPUS",
        cpus_from_text,
        cpus_to_text,
        u64_from_json,
        u64_to_json,
        count_copy,
        count_equal,
        NULL,
};

static int integer_from_text(const Setting *row, void *field, const char *text, const char **ret_error)
{
        const Range *range = row->arg;

        if (parse_i64(text, range ? range->min : INT64_MIN, range ? range->max : INT64_MAX, field) < 0)
                return fail(ret_error, "a number in its range is wanted");
        return 0;
}

static char *integer_to_text(const Setting *row, const void *field)
{
        return str_printf("%" PRId64, *(const int64_t *) field);
}

static int integer_from_json(const Setting *row, void *field, const json_t *value, const char **ret_error)
{
        json_int_t v = json_integer_value(value);
        int r;

        if (!json_is_integer(value))
                return fail(ret_error, "a number is wanted");
        r = range_check(row, v, ret_error);
        if (r >= 0)
                *(int64_t *) field = v;
        return r;
}

static json_t *integer_to_json(const Setting *row, const void *field)
{
        return json_integer(*(const int64_t *) field);
}

const SettingType setting_type_integer = {
        "integer",
        "x",
        sizeof(setting_ctype_integer),
        "N",
        integer_from_text,
        integer_to_text,
        integer_from_json,
        integer_to_json,
        integer_copy,
        integer_equal,
        NULL,
};

static int signal_from_text(const Setting *row, void *field, const char *text, const char **ret_error)
{
        return parse_signal(text, field) < 0 ? fail(ret_error, "a signal is wanted, as SIGTERM or 15") : 0;
}

static char *signal_to_text(const Setting *row, const void *field)
{
        char buf[FORMAT_SIGNAL_MAX];

        return strdup(strempty(format_signal(*(const int *) field, buf)));
}

const SettingType setting_type_signal = {
        "signal",
        "s",
        sizeof(setting_ctype_signal),
        "SIGNAL",
        signal_from_text,
        signal_to_text,
        text_from_json,
        text_to_json,
        signal_copy,
        signal_equal,
        NULL,
};

static int mode_from_text(const Setting *row, void *field, const char *text, const char **ret_error)
{
        return parse_mode(text, field) < 0 ? fail(ret_error, "an octal mode is wanted, as 0022") : 0;
}

static char *mode_to_text(const Setting *row, const void *field)
{
        return str_printf("%04o", (unsigned) *(const mode_t *) field);
}

const SettingType setting_type_mode = {
        "mode",
        "s",
        sizeof(setting_ctype_mode),
        "MODE",
        mode_from_text,
        mode_to_text,
        text_from_json,
        text_to_json,
        mode_copy,
        mode_equal,
        NULL,
};

static int enum_from_text(const Setting *row, void *field, const char *text, const char **ret_error)
{
        const EnumTable *table = row->arg;

        for (size_t i = 0; i < table->n; i++)
                if (strcasecmp(table->names[i], text) == 0) {
                        *(int *) field = (int) i;
                        return 0;
                }
        return fail(ret_error, table->reason);
}

static char *enum_to_text(const Setting *row, const void *field)
{
        const EnumTable *table = row->arg;
        int v = *(const int *) field;

        return v >= 0 && (size_t) v < table->n ? strdup(table->names[v]) : NULL;
}

const SettingType setting_type_enum = {
        "enum",
        "s",
        sizeof(setting_ctype_enum),
        "WORD",
        enum_from_text,
        enum_to_text,
        text_from_json,
        text_to_json,
        signal_copy,
        signal_equal,
        NULL,
};
