/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The walk over a table. The path of the member at hand is a chain of frames on the stack; it becomes text
 * only for a refusal. */

#include <limits.h>
#include <stdarg.h>

#include "base/hashmap.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/str.h"
#include "spec/item.h"
#include "spec/launch-member.h"

#define PATH_TEXT_MAX 512U

static void append_path(char *text, const MemberWhere *w)
{
        size_t n;

        if (!w)
                return;
        append_path(text, w->up);
        n = strlen(text);
        if (w->name)
                (void) snprintf(text + n, PATH_TEXT_MAX - n, "%s%s", n > 0 && *w->name ? "." : "", w->name);
        else
                (void) snprintf(text + n, PATH_TEXT_MAX - n, "[%zu]", w->index);
}

static int refuse(ErrorKind kind, const MemberWhere *where, Error *error, const char *format, va_list args)
{
        _cleanup_free_ char *message = NULL;
        char path[PATH_TEXT_MAX] = "";

        append_path(path, where);
        if (vasprintf(&message, format, args) < 0) {
                message = NULL;
                return error_set_errno(error, ENOMEM, "%s", path);
        }
        return error_set(error, kind, "%s%s%s", path, *path ? ": " : "", message);
}

int member_invalid(const MemberWhere *where, const char *name, Error *error, const char *format, ...)
{
        const MemberWhere here = {.up = where, .name = name};
        va_list args;
        int r;

        va_start(args, format);
        r = refuse(ERROR_INVALID_ARGUMENT, name ? &here : where, error, format, args);
        va_end(args);
        return r;
}

static int member_limit(const MemberWhere *where, const char *name, Error *error, const char *format, ...)
{
        const MemberWhere here = {.up = where, .name = name};
        va_list args;
        int r;

        va_start(args, format);
        r = refuse(ERROR_LIMIT, name ? &here : where, error, format, args);
        va_end(args);
        return r;
}

static int wrong_type(const MemberWhere *where, Error *error, const char *expected)
{
        return member_invalid(where, NULL, error, "is not %s", expected);
}

static int out_of_memory(const MemberWhere *where, Error *error)
{
        char path[PATH_TEXT_MAX] = "";

        append_path(path, where);
        return error_set_errno(error, ENOMEM, "%s", path);
}

static void *at(void *object, size_t offset)
{
        return (char *) object + offset;
}

static const void *const_at(const void *object, size_t offset)
{
        return (const char *) object + offset;
}

const MemberName *member_name_find(const MemberName *names, const char *name)
{
        for (; name && names->name; names++)
                if (streq(names->name, name))
                        return names;
        return NULL;
}

/* Strings. */

static int read_string(const Member *m, const json_t *v, void *object, const MemberWhere *where, Error *error)
{
        const char *s = json_string_value(v);

        if (!s)
                return wrong_type(where, error, "a string");
        if (m->type == MEMBER_PATH && *s != '/')
                return member_invalid(where, NULL, error, "\"%.200s\" is not an absolute path", s);
        if (m->type == MEMBER_PATH && strlen(s) >= PATH_MAX)
                return member_invalid(where, NULL, error, "the path is longer than %d bytes", PATH_MAX - 1);
        if (m->max > 0 && strlen(s) > (size_t) m->max)
                return member_limit(where, NULL, error, "longer than %jd bytes", (intmax_t) m->max);
        return str_replace(at(object, m->offset), s) < 0 ? out_of_memory(where, error) : 0;
}

static json_t *write_string(const Member *m, const void *object)
{
        const char *s = *(char *const *) const_at(object, m->offset);

        return s ? json_string(s) : json_null();
}

static void done_string(const Member *m, void *object)
{
        free(TAKE_PTR(*(char **) at(object, m->offset)));
}

/* Numbers. */

static int read_integer(const Member *m, const json_t *v, int64_t low, int64_t high, int64_t *ret,
                        const MemberWhere *where, Error *error)
{
        json_int_t n = json_integer_value(v);

        if (m->min != 0 || m->max != 0) {
                low = m->min;
                high = m->max;
        }
        if (!json_is_integer(v) && high == INT64_MAX)
                return wrong_type(where, error, low == 0 ? "a whole number, 0 or more" : "a whole number");
        if (!json_is_integer(v) || n < low || n > high)
                return member_invalid(where, NULL, error, "is not a number from %jd to %jd", (intmax_t) low,
                                      (intmax_t) high);
        *ret = n;
        return 0;
}

static int read_bool(const Member *m, const json_t *v, void *object, const MemberWhere *where, Error *error)
{
        if (!json_is_boolean(v))
                return wrong_type(where, error, "true or false");
        *(bool *) at(object, m->offset) = json_is_true(v);
        return 0;
}

static json_t *write_bool(const Member *m, const void *object)
{
        return json_boolean(*(const bool *) const_at(object, m->offset));
}

static int read_u32(const Member *m, const json_t *v, void *object, const MemberWhere *where, Error *error)
{
        int64_t n;
        int r;

        r = read_integer(m, v, 0, UINT32_MAX, &n, where, error);
        if (r >= 0)
                *(uint32_t *) at(object, m->offset) = (uint32_t) n;
        return r;
}

static json_t *write_u32(const Member *m, const void *object)
{
        return json_integer(*(const uint32_t *) const_at(object, m->offset));
}

static int read_i64(const Member *m, const json_t *v, void *object, const MemberWhere *where, Error *error)
{
        return read_integer(m, v, INT64_MIN, INT64_MAX, at(object, m->offset), where, error);
}

static json_t *write_i64(const Member *m, const void *object)
{
        return json_integer(*(const int64_t *) const_at(object, m->offset));
}

static int to_u64(const Member *m, const json_t *v, uint64_t *ret, const MemberWhere *where, Error *error)
{
        int64_t n;
        int r;

        /* What does not fit the parser's signed integers stands as a string of digits. */
        if (m->max == 0 && json_is_string(v) &&
            parse_u64(json_string_value(v), (uint64_t) INT64_MAX + 1, UINT64_MAX, ret) >= 0)
                return 0;
        r = read_integer(m, v, 0, INT64_MAX, &n, where, error);
        if (r >= 0)
                *ret = (uint64_t) n;
        return r;
}

static json_t *from_u64(uint64_t n)
{
        return n > INT64_MAX ? json_sprintf("%ju", (uintmax_t) n) : json_integer((json_int_t) n);
}

static int read_u64(const Member *m, const json_t *v, void *object, const MemberWhere *where, Error *error)
{
        return to_u64(m, v, at(object, m->offset), where, error);
}

static json_t *write_u64(const Member *m, const void *object)
{
        return from_u64(*(const uint64_t *) const_at(object, m->offset));
}

static int read_optional_i64(const Member *m, const json_t *v, void *object, const MemberWhere *where,
                             Error *error)
{
        OptionalI64 *o = at(object, m->offset);
        int r;

        r = read_integer(m, v, INT64_MIN, INT64_MAX, &o->value, where, error);
        o->set = r >= 0;
        return r;
}

static json_t *write_optional_i64(const Member *m, const void *object)
{
        const OptionalI64 *o = const_at(object, m->offset);

        return o->set ? json_integer(o->value) : json_null();
}

static int read_optional_u64(const Member *m, const json_t *v, void *object, const MemberWhere *where,
                             Error *error)
{
        OptionalU64 *o = at(object, m->offset);
        int r;

        r = to_u64(m, v, &o->value, where, error);
        o->set = r >= 0;
        return r;
}

static json_t *write_optional_u64(const Member *m, const void *object)
{
        const OptionalU64 *o = const_at(object, m->offset);

        return o->set ? from_u64(o->value) : json_null();
}

static int read_limit(const Member *m, const json_t *v, void *object, const MemberWhere *where, Error *error)
{
        uint64_t *limit = at(object, m->offset);

        if (json_is_integer(v) && json_integer_value(v) == -1) {
                *limit = UINT64_MAX;
                return 0;
        }
        return to_u64(m, v, limit, where, error);
}

static json_t *write_limit(const Member *m, const void *object)
{
        uint64_t limit = *(const uint64_t *) const_at(object, m->offset);

        return limit > INT64_MAX ? json_integer(-1) : json_integer((json_int_t) limit);
}

/* Names. */

static int unknown_name(const Member *m, const json_t *v, const MemberWhere *where, Error *error)
{
        if (!json_is_string(v))
                return wrong_type(where, error, "a string");
        return member_invalid(where, NULL, error, "unknown %s \"%.200s\"", m->unknown, json_string_value(v));
}

static int read_name(const Member *m, const json_t *v, void *object, const MemberWhere *where, Error *error)
{
        const MemberName *n = member_name_find(m->names, json_string_value(v));

        if (!n)
                return unknown_name(m, v, where, error);
        *(int64_t *) at(object, m->offset) = n->value;
        return 0;
}

static json_t *write_name(const Member *m, const void *object)
{
        int64_t value = *(const int64_t *) const_at(object, m->offset);

        for (const MemberName *n = m->names; n->name; n++)
                if (n->value == value)
                        return json_string(n->name);
        return json_null();
}

static int check_list(const Member *m, const json_t *v, const MemberWhere *where, Error *error)
{
        size_t max = m->max > 0 ? (size_t) m->max : MEMBER_LIST_MAX;

        if (!json_is_array(v))
                return wrong_type(where, error, "an array");
        return json_array_size(v) > max ? member_limit(where, NULL, error, "more than %zu elements", max) : 0;
}

static int read_flags(const Member *m, const json_t *v, void *object, const MemberWhere *where, Error *error)
{
        uint64_t *flags = at(object, m->offset);
        int r;

        r = check_list(m, v, where, error);
        for (size_t i = 0; r >= 0 && i < json_array_size(v); i++) {
                const MemberWhere here = {.up = where, .index = i};
                const json_t *e = json_array_get(v, i);
                const MemberName *n = member_name_find(m->names, json_string_value(e));

                if (!n)
                        return unknown_name(m, e, &here, error);
                *flags |= (uint64_t) n->value;
        }
        return r;
}

static json_t *write_flags(const Member *m, const void *object)
{
        uint64_t flags = *(const uint64_t *) const_at(object, m->offset);
        _cleanup_json_ json_t *list = json_array();

        for (const MemberName *n = m->names; list && n->name; n++) {
                if (!(flags & (uint64_t) n->value))
                        continue;
                /* A second name of the same value. */
                flags &= ~(uint64_t) n->value;
                if (json_array_append_new(list, json_string(n->name)) < 0)
                        return NULL;
        }
        return TAKE_PTR(list);
}

static int read_capabilities(const Member *m, const json_t *v, void *object, const MemberWhere *where,
                             Error *error)
{
        uint64_t *set = at(object, m->offset);
        int r;

        r = check_list(m, v, where, error);
        for (size_t i = 0; r >= 0 && i < json_array_size(v); i++) {
                const MemberWhere here = {.up = where, .index = i};
                const char *name = json_string_value(json_array_get(v, i));
                int number = -1;

                if (!name)
                        return member_invalid(&here, NULL, error, "is not a string");
                /* The specification wants what no kernel has to be left out. */
                if (!startswith(name, "CAP_") || !capability_parse(name, &number) || number < 0)
                        log_debug("There is no capability \"%s\"; it is left out", name);
                else
                        *set |= UINT64_C(1) << number;
        }
        return r;
}

static json_t *write_capabilities(const Member *m, const void *object)
{
        uint64_t set = *(const uint64_t *) const_at(object, m->offset);
        _cleanup_json_ json_t *list = json_array();

        for (unsigned k = 0; list && capability_name(k); k++)
                if ((set & UINT64_C(1) << k) &&
                    json_array_append_new(list, json_string(capability_name(k))) < 0)
                        return NULL;
        return TAKE_PTR(list);
}

/* Lists and maps of plain values. */

static int read_strv(const Member *m, const json_t *v, void *object, const MemberWhere *where, Error *error)
{
        _cleanup_strv_ char **list = NULL;
        int r;

        r = check_list(m, v, where, error);
        if (r < 0)
                return r;
        list = calloc(json_array_size(v) + 1, sizeof(char *));
        if (!list)
                return out_of_memory(where, error);
        for (size_t i = 0; i < json_array_size(v); i++) {
                const MemberWhere here = {.up = where, .index = i};
                const char *s = json_string_value(json_array_get(v, i));

                if (!s)
                        return wrong_type(&here, error, "a string");
                list[i] = strdup(s);
                if (!list[i])
                        return out_of_memory(&here, error);
        }
        strv_free(*(char ***) at(object, m->offset));
        *(char ***) at(object, m->offset) = TAKE_PTR(list);
        return 0;
}

static json_t *write_strv(const Member *m, const void *object)
{
        return json_from_strv(*(char **const *) const_at(object, m->offset));
}

static void done_strv(const Member *m, void *object)
{
        strv_free(TAKE_PTR(*(char ***) at(object, m->offset)));
}

static int read_map(const Member *m, const json_t *v, void *object, const MemberWhere *where, Error *error)
{
        _cleanup_(map_freep) Map *map = map_new_strings();
        const char *key;
        json_t *value;

        if (!json_is_object(v))
                return wrong_type(where, error, "an object");
        if (!map)
                return out_of_memory(where, error);
        json_object_foreach((json_t *) v, key, value)
        {
                const MemberWhere here = {.up = where, .name = key};

                if (json_is_null(value))
                        continue;
                if (!json_is_string(value))
                        return wrong_type(&here, error, "a string");
                if (map_put_string(map, key, json_string_value(value)) < 0)
                        return out_of_memory(where, error);
        }
        map_free(*(Map **) at(object, m->offset));
        *(Map **) at(object, m->offset) = TAKE_PTR(map);
        return 0;
}

static json_t *write_map(const Member *m, const void *object)
{
        _cleanup_json_ json_t *v = json_object();

        MAP_FOREACH(e, *(Map *const *) const_at(object, m->offset))
                if (json_object_set_new(v, map_key(e), json_string(map_value(e))) < 0)
                        return NULL;
        return TAKE_PTR(v);
}

static void done_map(const Member *m, void *object)
{
        map_free(TAKE_PTR(*(Map **) at(object, m->offset)));
}

static int read_json(const Member *m, const json_t *v, void *object, const MemberWhere *where, Error *error)
{
        if (!json_is_object(v))
                return wrong_type(where, error, "an object");
        json_decref(TAKE(*(json_t **) at(object, m->offset), json_incref((json_t *) v)));
        return 0;
}

static json_t *write_json(const Member *m, const void *object)
{
        return json_incref(*(json_t *const *) const_at(object, m->offset));
}

static void done_json(const Member *m, void *object)
{
        json_decref(TAKE_PTR(*(json_t **) at(object, m->offset)));
}

static int read_u32_list(const Member *m, const json_t *v, void *object, const MemberWhere *where,
                         Error *error)
{
        U32List *l = at(object, m->offset);
        int r;

        r = check_list(m, v, where, error);
        if (r < 0 || json_array_size(v) == 0)
                return r;
        l->values = calloc(json_array_size(v), sizeof(uint32_t));
        if (!l->values)
                return out_of_memory(where, error);
        for (size_t i = 0; i < json_array_size(v); i++) {
                const MemberWhere here = {.up = where, .index = i};
                const json_t *e = json_array_get(v, i);
                json_int_t n = json_integer_value(e);

                if (!json_is_integer(e) || n < 0 || n >= UINT32_MAX)
                        return wrong_type(&here, error, "a number from 0 to 4294967294");
                l->values[l->n++] = (uint32_t) n;
        }
        return 0;
}

static json_t *write_u32_list(const Member *m, const void *object)
{
        const U32List *l = const_at(object, m->offset);
        _cleanup_json_ json_t *v = json_array();

        for (size_t i = 0; v && i < l->n; i++)
                if (json_array_append_new(v, json_integer(l->values[i])) < 0)
                        return NULL;
        return TAKE_PTR(v);
}

static void done_u32_list(const Member *m, void *object)
{
        U32List *l = at(object, m->offset);

        free(l->values);
        *l = (U32List){};
}

/* What nests. */

static int read_table(const json_t *v, const MemberTable *table, void *object, const MemberWhere *where,
                      Error *error);

static int read_object(const Member *m, const json_t *v, void *object, const MemberWhere *where, Error *error)
{
        return read_table(v, m->table, at(object, m->offset), where, error);
}

static json_t *write_object(const Member *m, const void *object)
{
        return members_write(m->table, const_at(object, m->offset));
}

static void done_object(const Member *m, void *object)
{
        members_done(m->table, at(object, m->offset));
}

static size_t *count_of(const Member *m, void *object)
{
        return at(object, m->count);
}

static int make_room(const Member *m, size_t n, void *object, const MemberWhere *where, Error *error)
{
        void **elements = at(object, m->offset);

        if (n == 0)
                return 0;
        *elements = calloc(n, m->table->size);
        return *elements ? 0 : out_of_memory(where, error);
}

/* The element counts before it is read: what a failure leaves half read is freed with the rest. */
static void *next_element(const Member *m, void *object)
{
        void *element = at(*(void **) at(object, m->offset), (*count_of(m, object))++ * m->table->size);

        if (m->table->initial)
                memcpy(element, m->table->initial, m->table->size);
        return element;
}

static int read_array(const Member *m, const json_t *v, void *object, const MemberWhere *where, Error *error)
{
        int r;

        r = check_list(m, v, where, error);
        if (r >= 0)
                r = make_room(m, json_array_size(v), object, where, error);
        for (size_t i = 0; r >= 0 && i < json_array_size(v); i++) {
                const MemberWhere here = {.up = where, .index = i};

                r = read_table(json_array_get(v, i), m->table, next_element(m, object), &here, error);
        }
        return r;
}

static int read_keyed(const Member *m, const json_t *v, void *object, const MemberWhere *where, Error *error)
{
        const char *key;
        json_t *value;
        int r;

        if (!json_is_object(v))
                return wrong_type(where, error, "an object");
        r = make_room(m, json_object_size(v), object, where, error);
        if (r < 0)
                return r;
        json_object_foreach((json_t *) v, key, value)
        {
                const MemberWhere here = {.up = where, .name = key};
                void *element = next_element(m, object);

                if (str_replace(at(element, m->table->key), key) < 0)
                        return out_of_memory(where, error);
                r = read_table(value, m->table, element, &here, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

static json_t *write_array(const Member *m, const void *object)
{
        const void *elements = *(const void *const *) const_at(object, m->offset);
        size_t n = *(const size_t *) const_at(object, m->count);
        bool keyed = m->type == MEMBER_KEYED;
        _cleanup_json_ json_t *v = keyed ? json_object() : json_array();

        for (size_t i = 0; v && i < n; i++) {
                const void *element = const_at(elements, i * m->table->size);
                json_t *e = members_write(m->table, element);

                if (keyed ? json_object_set_new(v, *(char *const *) const_at(element, m->table->key), e) < 0
                          : json_array_append_new(v, e) < 0)
                        return NULL;
        }
        return TAKE_PTR(v);
}

static void done_array(const Member *m, void *object)
{
        void *elements = TAKE_PTR(*(void **) at(object, m->offset));
        size_t *n = count_of(m, object);

        for (size_t i = 0; i < *n; i++) {
                void *element = at(elements, i * m->table->size);

                members_done(m->table, element);
                if (m->type == MEMBER_KEYED)
                        free(*(char **) at(element, m->table->key));
        }
        free(elements);
        *n = 0;
}

static int read_own(const Member *m, const json_t *v, void *object, const MemberWhere *where, Error *error)
{
        return m->own->read(m, v, object, where, error);
}

static json_t *write_own(const Member *m, const void *object)
{
        return m->own->write(m, object);
}

static void done_own(const Member *m, void *object)
{
        if (m->own->done)
                m->own->done(m, object);
}

static const MemberOwn types[_MEMBER_TYPE_MAX] = {
        [MEMBER_STRING] = {read_string, write_string, done_string},
        [MEMBER_PATH] = {read_string, write_string, done_string},
        [MEMBER_BOOL] = {read_bool, write_bool, NULL},
        [MEMBER_U32] = {read_u32, write_u32, NULL},
        [MEMBER_I64] = {read_i64, write_i64, NULL},
        [MEMBER_U64] = {read_u64, write_u64, NULL},
        [MEMBER_OPTIONAL_I64] = {read_optional_i64, write_optional_i64, NULL},
        [MEMBER_OPTIONAL_U64] = {read_optional_u64, write_optional_u64, NULL},
        [MEMBER_LIMIT] = {read_limit, write_limit, NULL},
        [MEMBER_STRV] = {read_strv, write_strv, done_strv},
        [MEMBER_MAP] = {read_map, write_map, done_map},
        [MEMBER_JSON] = {read_json, write_json, done_json},
        [MEMBER_NAME] = {read_name, write_name, NULL},
        [MEMBER_FLAGS] = {read_flags, write_flags, NULL},
        [MEMBER_U32_LIST] = {read_u32_list, write_u32_list, done_u32_list},
        [MEMBER_CAPABILITIES] = {read_capabilities, write_capabilities, NULL},
        [MEMBER_OBJECT] = {read_object, write_object, done_object},
        [MEMBER_ARRAY] = {read_array, write_array, done_array},
        [MEMBER_KEYED] = {read_keyed, write_array, done_array},
        [MEMBER_OWN] = {read_own, write_own, done_own},
};

static int read_table(const json_t *v, const MemberTable *table, void *object, const MemberWhere *where,
                      Error *error)
{
        if (!json_is_object(v))
                return wrong_type(where, error, "an object");
        for (const Member *m = table->members; m < table->members + table->n; m++) {
                const json_t *value = json_object_get(v, m->name);
                const MemberWhere here = {.up = where, .name = m->name};
                int r;

                if (!value || json_is_null(value)) {
                        if (m->required)
                                return member_invalid(&here, NULL, error, "is missing");
                        continue;
                }
                r = types[m->type].read(m, value, object, &here, error);
                if (r < 0)
                        return r;
                if (m->has > 0)
                        *(bool *) at(object, m->has) = true;
        }
        return table->check ? table->check(object, where, error) : 0;
}

int members_read(const json_t *v, const char *name, const MemberTable *table, void *object, Error *error)
{
        const MemberWhere where = {.name = strempty(name)};

        return read_table(v, table, object, &where, error);
}

/* Nothing, zero and the empty list need not be said. */
static bool is_idle(const json_t *v)
{
        return json_is_null(v) || json_is_false(v) || (json_is_integer(v) && json_integer_value(v) == 0) ||
               (json_is_array(v) && json_array_size(v) == 0) ||
               (json_is_object(v) && json_object_size(v) == 0);
}

static bool is_left_out(const Member *m, const void *object, const json_t *v)
{
        const void *field = const_at(object, m->offset);

        if (m->has > 0)
                return !*(const bool *) const_at(object, m->has);
        if (m->always)
                return json_is_null(v);
        switch (m->type) {
        case MEMBER_OPTIONAL_I64:
        case MEMBER_OPTIONAL_U64:
                return json_is_null(v);
        case MEMBER_MAP:
        case MEMBER_JSON:
        case MEMBER_STRV:
                return !*(void *const *) field;
        case MEMBER_NAME:
                return *(const int64_t *) field == 0;
        default:
                return is_idle(v);
        }
}

json_t *members_write(const MemberTable *table, const void *object)
{
        _cleanup_json_ json_t *v = json_object();

        for (const Member *m = table->members; v && m < table->members + table->n; m++) {
                bool none = m->type == MEMBER_JSON && !*(json_t *const *) const_at(object, m->offset);
                _cleanup_json_ json_t *value = none ? NULL : types[m->type].write(m, object);

                if (none)
                        continue;
                if (!value)
                        return NULL;
                if (!is_left_out(m, object, value) && json_object_set(v, m->name, value) < 0)
                        return NULL;
        }
        return TAKE_PTR(v);
}

void members_done(const MemberTable *table, void *object)
{
        for (const Member *m = table->members; m < table->members + table->n; m++)
                if (types[m->type].done)
                        types[m->type].done(m, object);
}
