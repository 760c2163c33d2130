/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A row names a member, its type and where it lives in the struct; the three columns of the table of types at
 * the end of this file say how each type is read, written and freed. jansson checks UTF-8, NUL, numbers and
 * duplicates (after unescaping); its own limit of depth is far above what our stack should be asked for, so
 * brackets are counted before. */

#include "base/fs.h"
#include "base/hashmap.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/str.h"

static int error_text(char **ret_error, char *text)
{
        if (!text)
                return -ENOMEM;
        if (ret_error)
                *ret_error = text;
        else
                free(text);
        return -EBADMSG;
}

/* How deep the brackets outside of strings nest. Of text that is no JSON the answer means nothing. */
static size_t nesting(const char *text, size_t size, size_t *ret_line)
{
        size_t depth = 0, line = 1;
        bool in_string = false;

        for (size_t i = 0; i < size && depth <= JSON_DEPTH_MAX; i++) {
                char c = text[i];

                line += c == '\n';
                if (in_string && c == '\\')
                        i++;
                else if (c == '"')
                        in_string = !in_string;
                else if (!in_string && (c == '{' || c == '['))
                        depth++;
                else if (!in_string && (c == '}' || c == ']') && depth > 0)
                        depth--;
        }
        *ret_line = line;
        return depth;
}

static bool is_one_of(char c, const char *set)
{
        return c && strchr(set, c);
}

/* The length of the number at s when it is a value above INT64_MAX that fits 64 bits, else 0. */
static size_t large_number(const char *s, const char *end)
{
        char digits[sizeof("18446744073709551615")] = "";
        size_t length = 0;
        uint64_t n;

        while (s + length < end && s[length] >= '0' && s[length] <= '9')
                length++;
        if (length >= sizeof(digits))
                return 0;
        memcpy(digits, s, length);
        if (parse_u64(digits, (uint64_t) INT64_MAX + 1, UINT64_MAX, &n) < 0)
                return 0;
        for (s += length; s < end && is_one_of(*s, " \t\r\n");)
                s++;
        return s < end && is_one_of(*s, ",]}") ? length : 0;
}

/* jansson's integers are signed. Numbers that need the 64th bit (2^64-1 is "unlimited" in other tools'
 * bundles) are put into quotes, which is how rows write and read them. What was no JSON stays none: only
 * whole values are quoted, never the name of a member. */
static char *quote_large_numbers(const char *text, size_t size, size_t *ret_size)
{
        const char *end = text + size;
        char *quoted = malloc(size + size / 8 + 1), *p = quoted, before = '\0';
        bool in_string = false;

        if (!quoted)
                return NULL;
        while (text < end) {
                size_t n = !in_string && is_one_of(before, " \t\r\n:,[") ? large_number(text, end) : 0;

                if (n > 0) {
                        *p++ = '"';
                        p = mempcpy(p, text, n);
                        *p++ = '"';
                        text += n;
                        before = '"';
                        continue;
                }
                if (*text == '"' && !(in_string && before == '\\'))
                        in_string = !in_string;
                /* A backslash behind a backslash escapes nothing. */
                before = *text == '\\' && before == '\\' ? '\0' : *text;
                *p++ = *text++;
        }
        *ret_size = (size_t) (p - quoted);
        return quoted;
}

int json_parse(const char *text, size_t size, json_t **ret, char **ret_error)
{
        _cleanup_free_ char *quoted = NULL;
        json_error_t error;
        size_t line;
        json_t *v;

        if (size > JSON_SIZE_MAX)
                return -EFBIG;
        if (nesting(text, size, &line) > JSON_DEPTH_MAX)
                return error_text(ret_error, str_printf("line %zu: nested too deeply", line));
        quoted = quote_large_numbers(text, size, &size);
        if (!quoted)
                return -ENOMEM;
        v = json_loadb(quoted, size, JSON_REJECT_DUPLICATES, &error);
        if (!v && json_error_code(&error) == json_error_out_of_memory)
                return -ENOMEM;
        if (!v)
                return error_text(ret_error, str_printf("line %d: %s", error.line, error.text));
        *ret = v;
        return 0;
}

int json_load_at(int dir, const char *name, json_t **ret, char **ret_error)
{
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = fs_read_at(dir, name, JSON_SIZE_MAX, &text, &size);
        if (r < 0)
                return r;
        return json_parse(text, size, ret, ret_error);
}

char *json_text(const json_t *v)
{
        return json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
}

char *json_text_pretty(const json_t *v)
{
        _cleanup_free_ char *text = json_dumps(v, JSON_INDENT(2) | JSON_ENCODE_ANY);

        return text ? str_printf("%s\n", text) : NULL;
}

static int strv_from_json(const json_t *v, char ***ret)
{
        _cleanup_strv_ char **l = NULL;
        size_t n = json_array_size(v);

        if (!json_is_array(v))
                return -EBADMSG;
        l = calloc(n + 1, sizeof(char *));
        if (!l)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                const char *s = json_string_value(json_array_get(v, i));

                if (!s)
                        return -EBADMSG;
                l[i] = strdup(s);
                if (!l[i])
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(l);
        return 0;
}

json_t *json_from_strv(char *const *l)
{
        _cleanup_json_ json_t *array = json_array();

        for (; array && l && *l; l++)
                if (json_array_append_new(array, json_string(*l)) < 0)
                        return NULL;
        return TAKE_PTR(array);
}

static int map_from_json(const json_t *v, Map **ret)
{
        _cleanup_(map_freep) Map *m = NULL;
        const char *key;
        json_t *value;
        int r;

        if (!json_is_object(v))
                return -EBADMSG;
        m = map_new_strings();
        if (!m)
                return -ENOMEM;
        json_object_foreach((json_t *) v, key, value)
        {
                if (!json_is_string(value))
                        return -EBADMSG;
                r = map_put_string(m, key, json_string_value(value));
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(m);
        return 0;
}

static json_t *json_from_map(const Map *m)
{
        _cleanup_json_ json_t *object = json_object();

        if (!object)
                return NULL;
        MAP_FOREACH(e, m)
                if (json_object_set_new(object, map_key(e), json_string(map_value(e))) < 0)
                        return NULL;
        return TAKE_PTR(object);
}

static int read_string(const json_t *v, void *field)
{
        return json_is_string(v) ? str_replace(field, json_string_value(v)) : -EBADMSG;
}

static json_t *write_string(const void *field)
{
        return json_string(*(char *const *) field);
}

static void done_string(void *field)
{
        free(TAKE_PTR(*(char **) field));
}

static int read_bool(const json_t *v, void *field)
{
        if (!json_is_boolean(v))
                return -EBADMSG;
        *(bool *) field = json_is_true(v);
        return 0;
}

static json_t *write_bool(const void *field)
{
        return json_boolean(*(const bool *) field);
}

/* What does not fit the signed integers of the parser stands as a string of digits. */
static int read_u64(const json_t *v, void *field)
{
        if (json_is_string(v))
                return parse_u64(json_string_value(v), (uint64_t) INT64_MAX + 1, UINT64_MAX, field) < 0
                               ? -EBADMSG
                               : 0;
        if (!json_is_integer(v) || json_integer_value(v) < 0)
                return -EBADMSG;
        *(uint64_t *) field = (uint64_t) json_integer_value(v);
        return 0;
}

static json_t *write_u64(const void *field)
{
        uint64_t n = *(const uint64_t *) field;

        return n > INT64_MAX ? json_sprintf("%ju", (uintmax_t) n) : json_integer((json_int_t) n);
}

static int read_i64(const json_t *v, void *field)
{
        if (!json_is_integer(v))
                return -EBADMSG;
        *(int64_t *) field = json_integer_value(v);
        return 0;
}

static json_t *write_i64(const void *field)
{
        return json_integer(*(const int64_t *) field);
}

static int read_strv(const json_t *v, void *field)
{
        char **l;
        int r;

        r = strv_from_json(v, &l);
        if (r < 0)
                return r;
        strv_free(TAKE(*(char ***) field, l));
        return 0;
}

static json_t *write_strv(const void *field)
{
        return json_from_strv(*(char **const *) field);
}

static void done_strv(void *field)
{
        strv_free(TAKE_PTR(*(char ***) field));
}

static int read_map(const json_t *v, void *field)
{
        Map *m;
        int r;

        r = map_from_json(v, &m);
        if (r < 0)
                return r;
        map_free(TAKE(*(Map **) field, m));
        return 0;
}

static json_t *write_map(const void *field)
{
        return json_from_map(*(Map *const *) field);
}

static void done_map(void *field)
{
        map_free(TAKE_PTR(*(Map **) field));
}

static int read_json(const json_t *v, void *field)
{
        json_decref(TAKE(*(json_t **) field, json_incref((json_t *) v)));
        return 0;
}

static json_t *write_json(const void *field)
{
        return json_incref(*(json_t *const *) field);
}

static void done_json(void *field)
{
        json_decref(TAKE_PTR(*(json_t **) field));
}

static const struct {
        const char *description;
        size_t size; /* a field of so many zero bytes is empty */
        int (*read)(const json_t *v, void *field);
        json_t *(*write)(const void *field);
        void (*done)(void *field);
} types[] = {
        [JSON_ROW_STRING] = {"a string", sizeof(char *), read_string, write_string, done_string},
        [JSON_ROW_BOOL] = {"true or false", sizeof(bool), read_bool, write_bool, NULL},
        [JSON_ROW_U64] = {"a whole number, 0 or more", sizeof(uint64_t), read_u64, write_u64, NULL},
        [JSON_ROW_I64] = {"a whole number", sizeof(int64_t), read_i64, write_i64, NULL},
        [JSON_ROW_STRV] = {"an array of strings", sizeof(char **), read_strv, write_strv, done_strv},
        [JSON_ROW_MAP] = {"an object of strings", sizeof(Map *), read_map, write_map, done_map},
        [JSON_ROW_JSON] = {"a value", sizeof(json_t *), read_json, write_json, done_json},
};

static bool field_is_empty(const JsonRow *row, const void *field)
{
        static const char zeros[sizeof(uint64_t)];

        return memcmp(field, zeros, types[row->type].size) == 0;
}

static int collect_rest(const json_t *object, const JsonRow *rows, size_t n, json_t **ret)
{
        _cleanup_json_ json_t *rest = json_copy((json_t *) object);

        if (!rest)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                (void) json_object_del(rest, rows[i].name);
        *ret = TAKE_PTR(rest);
        return 0;
}

int json_read(const json_t *object, const JsonRow *rows, size_t n, void *userdata, json_t **rest,
              char **ret_error)
{
        int r;

        if (!json_is_object(object))
                return error_text(ret_error, strdup("not an object"));
        for (size_t i = 0; i < n; i++) {
                const json_t *v = json_object_get(object, rows[i].name);

                if (!v || json_is_null(v)) {
                        if (rows[i].required)
                                return error_text(ret_error, str_printf("%s is missing", rows[i].name));
                        continue;
                }
                r = types[rows[i].type].read(v, (char *) userdata + rows[i].offset);
                if (r == -EBADMSG)
                        return error_text(ret_error, str_printf("%s is not %s", rows[i].name,
                                                                types[rows[i].type].description));
                if (r < 0)
                        return r;
        }
        return rest ? collect_rest(object, rows, n, rest) : 0;
}

json_t *json_write(const JsonRow *rows, size_t n, const void *userdata, const json_t *rest)
{
        _cleanup_json_ json_t *object = json_object();

        if (!object)
                return NULL;
        for (size_t i = 0; i < n; i++) {
                const void *field = (const char *) userdata + rows[i].offset;

                if (field_is_empty(&rows[i], field))
                        continue;
                if (json_object_set_new(object, rows[i].name, types[rows[i].type].write(field)) < 0)
                        return NULL;
        }
        if (rest && json_object_update_missing(object, (json_t *) rest) < 0)
                return NULL;
        return TAKE_PTR(object);
}

void json_rows_done(const JsonRow *rows, size_t n, void *userdata)
{
        for (size_t i = 0; i < n; i++)
                if (types[rows[i].type].done)
                        types[rows[i].type].done((char *) userdata + rows[i].offset);
}

const char *json_get_string(const json_t *object, const char *name)
{
        return json_string_value(json_object_get(object, name));
}

json_t *json_get_object(const json_t *object, const char *name)
{
        json_t *v = json_object_get(object, name);

        return json_is_object(v) ? v : NULL;
}

json_t *json_get_array(const json_t *object, const char *name)
{
        json_t *v = json_object_get(object, name);

        return json_is_array(v) ? v : NULL;
}

bool json_get_bool(const json_t *object, const char *name, bool otherwise)
{
        const json_t *v = json_object_get(object, name);

        return json_is_boolean(v) ? json_is_true(v) : otherwise;
}

int64_t json_get_i64(const json_t *object, const char *name, int64_t otherwise)
{
        const json_t *v = json_object_get(object, name);

        return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

int json_get_strv(const json_t *object, const char *name, char ***ret)
{
        const json_t *v = json_object_get(object, name);

        if (!v || json_is_null(v)) {
                *ret = NULL;
                return 0;
        }
        return strv_from_json(v, ret);
}
