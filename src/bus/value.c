/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reading and writing by signature. The depth is that of the signature, which is ours. */

#include "base/str.h"
#include "bus/value.h"

static int spend(ValueBudget *budget, size_t size)
{
        if (budget->count == 0 || budget->size < size)
                return -E2BIG;
        budget->count--;
        budget->size -= size;
        return 0;
}

static int read_basic(sd_bus_message *m, char type, ValueBudget *budget, json_t **ret)
{
        union {
                const char *s;
                int b;
                int32_t i;
                uint32_t u;
                int64_t x;
                uint64_t t;
        } v = {};
        int r;

        if (!strchr("bsoiuxt", type))
                return -EINVAL;
        r = sd_bus_message_read_basic(m, type, &v);
        if (r >= 0)
                r = spend(budget, type == 's' || type == 'o' ? strlen(v.s) : sizeof(uint64_t));
        if (r < 0)
                return r;
        switch (type) {
        case 's':
        case 'o':
                *ret = json_string(v.s);
                break;
        case 'b':
                *ret = json_boolean(v.b);
                break;
        case 'i':
                *ret = json_integer(v.i);
                break;
        case 'u':
                *ret = json_integer(v.u);
                break;
        case 'x':
                *ret = json_integer(v.x);
                break;
        default:
                *ret = json_integer(v.t > INT64_MAX ? -1 : (json_int_t) v.t);
        }
        return *ret ? 0 : -EINVAL;
}

/* "{ss}" of "a{ss}", the "s" behind the key. Ours are short. */
#define SIGNATURE_MAX 16

static int read_entry(sd_bus_message *m, const char *entry, ValueBudget *budget, json_t *object)
{
        _cleanup_json_ json_t *value = NULL;
        const char *key;
        int r;

        r = sd_bus_message_read_basic(m, 's', &key);
        if (r >= 0)
                r = spend(budget, strlen(key));
        if (r >= 0)
                r = value_read(m, entry + 1, budget, &value);
        if (r < 0)
                return r;
        if (json_object_get(object, key))
                return -EEXIST;
        return json_object_set(object, key, value) < 0 ? -EINVAL : 0;
}

static int read_object(sd_bus_message *m, const char *signature, ValueBudget *budget, json_t **ret)
{
        _cleanup_json_ json_t *object = json_object();
        char contents[SIGNATURE_MAX];
        int r;

        (void) snprintf(contents, sizeof(contents), "%s", signature + 1);
        r = sd_bus_message_enter_container(m, 'a', contents);
        /* Without the braces. */
        contents[strlen(contents) - 1] = '\0';
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', contents + 1)) > 0) {
                r = read_entry(m, contents + 1, budget, object);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r >= 0)
                *ret = TAKE_PTR(object);
        return r;
}

static int read_array(sd_bus_message *m, const char *signature, ValueBudget *budget, json_t **ret)
{
        _cleanup_json_ json_t *array = json_array();
        int r;

        r = sd_bus_message_enter_container(m, 'a', signature + 1);
        while (r >= 0 && (r = sd_bus_message_at_end(m, false)) == 0) {
                json_t *element = NULL;

                r = value_read(m, signature + 1, budget, &element);
                if (r >= 0 && json_array_append_new(array, element) < 0)
                        r = -ENOMEM;
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r >= 0)
                *ret = TAKE_PTR(array);
        return r;
}

int value_read(sd_bus_message *m, const char *signature, ValueBudget *budget, json_t **ret)
{
        if (startswith(signature, "a{"))
                return read_object(m, signature, budget, ret);
        if (*signature == 'a')
                return read_array(m, signature, budget, ret);
        return read_basic(m, *signature, budget, ret);
}

static int read_variant(sd_bus_message *m, const char *signature, ValueBudget *budget, json_t **ret)
{
        const char *contents;
        char type;
        int r;

        r = sd_bus_message_peek_type(m, &type, &contents);
        if (r >= 0 && (type != 'v' || !streq(contents, signature)))
                r = -EMEDIUMTYPE;
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'v', signature);
        if (r >= 0)
                r = value_read(m, signature, budget, ret);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_pair(sd_bus_message *m, ValueSignature signature, void *userdata, ValueBudget *budget,
                     json_t *object, char **ret_key)
{
        _cleanup_json_ json_t *value = NULL;
        const char *key, *wanted;
        int r;

        r = sd_bus_message_read_basic(m, 's', &key);
        if (r >= 0)
                r = spend(budget, strlen(key));
        if (r < 0)
                return r;
        wanted = signature(key, userdata);
        r = wanted ? read_variant(m, wanted, budget, &value) : -ENOMSG;
        if (r >= 0 && json_object_get(object, key))
                r = -EEXIST;
        if (r < 0) {
                (void) str_replace(ret_key, key);
                return r;
        }
        return json_object_set(object, key, value) < 0 ? -EINVAL : 0;
}

int value_read_dictionary(sd_bus_message *m, ValueSignature signature, void *userdata, json_t **ret,
                          char **ret_key)
{
        _cleanup_json_ json_t *object = json_object();
        ValueBudget budget = VALUE_BUDGET;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = read_pair(m, signature, userdata, &budget, object, ret_key);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r >= 0)
                *ret = TAKE_PTR(object);
        return r;
}

static int append_basic(sd_bus_message *m, char type, const json_t *value)
{
        json_int_t n = json_integer_value(value);

        switch (type) {
        case 's':
        case 'o':
                return sd_bus_message_append_basic(m, type, strempty(json_string_value(value)));
        case 'b':
                return sd_bus_message_append(m, "b", json_is_true(value));
        case 'i':
                return sd_bus_message_append(m, "i", (int32_t) n);
        case 'u':
                return sd_bus_message_append(m, "u", (uint32_t) n);
        case 'x':
                return sd_bus_message_append(m, "x", (int64_t) n);
        case 't':
                return sd_bus_message_append(m, "t", n < 0 ? UINT64_MAX : (uint64_t) n);
        default:
                return -EINVAL;
        }
}

static int append_object(sd_bus_message *m, const char *signature, const json_t *value)
{
        char contents[SIGNATURE_MAX], inner[SIGNATURE_MAX];
        json_t *element;
        const char *key;
        int r;

        (void) snprintf(contents, sizeof(contents), "%s", signature + 1);
        (void) snprintf(inner, sizeof(inner), "%.*s", (int) strlen(contents) - 2, contents + 1);
        r = sd_bus_message_open_container(m, 'a', contents);
        json_object_foreach((json_t *) value, key, element)
        {
                if (r >= 0)
                        r = sd_bus_message_open_container(m, 'e', inner);
                if (r >= 0)
                        r = sd_bus_message_append_basic(m, 's', key);
                if (r >= 0)
                        r = value_append(m, inner + 1, element);
                if (r >= 0)
                        r = sd_bus_message_close_container(m);
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_array(sd_bus_message *m, const char *signature, const json_t *value)
{
        json_t *element;
        size_t i;
        int r;

        r = sd_bus_message_open_container(m, 'a', signature + 1);
        json_array_foreach((json_t *) value, i, element) if (r >= 0) r =
                value_append(m, signature + 1, element);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int value_append(sd_bus_message *m, const char *signature, const json_t *value)
{
        if (startswith(signature, "a{"))
                return append_object(m, signature, value);
        if (*signature == 'a')
                return append_array(m, signature, value);
        return append_basic(m, *signature, value);
}

int value_append_entry(sd_bus_message *m, const char *key, const char *signature, const json_t *value)
{
        int r;

        r = sd_bus_message_open_container(m, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append_basic(m, 's', key);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', signature);
        if (r >= 0)
                r = value_append(m, signature, value);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int value_append_map(sd_bus_message *m, const Map *map)
{
        int r;

        r = sd_bus_message_open_container(m, 'a', "{ss}");
        MAP_FOREACH(e, map)
                if (r >= 0)
                        r = sd_bus_message_append(m, "{ss}", map_key(e), (const char *) map_value(e));
        return r < 0 ? r : sd_bus_message_close_container(m);
}
