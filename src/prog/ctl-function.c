/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The functions of templates, and how a value is printed and compared. */

#include <ctype.h>

#include "base/str.h"
#include "prog/ctl-template.h"

static void write_value(FILE *f, const json_t *v);

static int compare_keys(const void *a, const void *b)
{
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static void write_map(FILE *f, const json_t *v)
{
        size_t n = 0, size = json_object_size(v);
        _cleanup_free_ const char **keys = calloc(size + 1, sizeof(char *));
        const char *key;
        json_t *member;

        if (!keys)
                return;
        json_object_foreach((json_t *) v, key, member) keys[n++] = key;
        qsort(keys, n, sizeof(char *), compare_keys);
        fputs("map[", f);
        for (size_t i = 0; i < n; i++) {
                fprintf(f, "%s%s:", i > 0 ? " " : "", keys[i]);
                write_value(f, json_object_get(v, keys[i]));
        }
        fputc(']', f);
}

static void write_array(FILE *f, const json_t *v)
{
        const json_t *element;
        size_t i;

        fputc('[', f);
        json_array_foreach(v, i, element)
        {
                if (i > 0)
                        fputc(' ', f);
                write_value(f, element);
        }
        fputc(']', f);
}

static void write_value(FILE *f, const json_t *v)
{
        if (!v) {
                fputs("<no value>", f);
                return;
        }
        switch (json_typeof(v)) {
        case JSON_STRING:
                fputs(json_string_value(v), f);
                break;
        case JSON_INTEGER:
                fprintf(f, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
                break;
        case JSON_REAL:
                fprintf(f, "%g", json_real_value(v));
                break;
        case JSON_TRUE:
        case JSON_FALSE:
                fputs(json_is_true(v) ? "true" : "false", f);
                break;
        case JSON_NULL:
                fputs("<nil>", f);
                break;
        case JSON_ARRAY:
                write_array(f, v);
                break;
        case JSON_OBJECT:
                write_map(f, v);
                break;
        }
}

char *template_value_text(const json_t *v)
{
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return NULL;
        write_value(f, v);
        if (fclose(f) == 0)
                return text;
        free(text);
        return NULL;
}

bool template_truth(const json_t *v)
{
        if (!v)
                return false;
        switch (json_typeof(v)) {
        case JSON_STRING:
                return json_string_length(v) > 0;
        case JSON_INTEGER:
                return json_integer_value(v) != 0;
        case JSON_REAL:
                return json_real_value(v) != 0;
        case JSON_ARRAY:
                return json_array_size(v) > 0;
        case JSON_OBJECT:
                return json_object_size(v) > 0;
        default:
                return json_is_true(v);
        }
}

static int give_text(char *text, json_t **ret)
{
        _cleanup_free_ char *owned = text;

        if (!owned)
                return -ENOMEM;
        *ret = json_string(owned);
        return *ret ? 0 : -ENOMEM;
}

static int do_json(const json_t *const *args, size_t n, json_t **ret, Error *error)
{
        if (n != 1)
                return error_set(error, ERROR_INVALID_ARGUMENT, "json takes one value");
        return give_text(args[0] ? json_dumps(args[0], JSON_COMPACT | JSON_ENCODE_ANY) : strdup("null"), ret);
}

static int do_len(const json_t *const *args, size_t n, json_t **ret, Error *error)
{
        size_t length;

        if (n != 1)
                return error_set(error, ERROR_INVALID_ARGUMENT, "len takes one value");
        length = json_is_string(args[0])  ? json_string_length(args[0])
                 : json_is_array(args[0]) ? json_array_size(args[0])
                                          : json_object_size(args[0]);
        *ret = json_integer((json_int_t) length);
        return *ret ? 0 : -ENOMEM;
}

static int do_index(const json_t *const *args, size_t n, json_t **ret, Error *error)
{
        const json_t *v = n > 0 ? args[0] : NULL;

        if (n < 1)
                return error_set(error, ERROR_INVALID_ARGUMENT, "index takes a value and keys");
        for (size_t i = 1; i < n && v; i++) {
                if (json_is_array(v) && json_is_integer(args[i])) {
                        json_int_t at = json_integer_value(args[i]);

                        if (at < 0 || (size_t) at >= json_array_size(v))
                                return error_set(error, ERROR_INVALID_ARGUMENT, "index %lld is out of range",
                                                 (long long) at);
                        v = json_array_get(v, (size_t) at);
                } else if (json_is_object(v) && json_is_string(args[i]))
                        v = json_object_get(v, json_string_value(args[i]));
                else
                        return error_set(error, ERROR_INVALID_ARGUMENT,
                                         "index: an array wants a number, a map wants a string");
        }
        *ret = json_incref((json_t *) v);
        return 0;
}

static int do_join(const json_t *const *args, size_t n, json_t **ret, Error *error)
{
        _cleanup_strv_ char **words = NULL;
        const json_t *element;
        size_t i;

        if (n != 2 || (args[0] && !json_is_array(args[0])) || !json_is_string(args[1]))
                return error_set(error, ERROR_INVALID_ARGUMENT, "join takes an array and a separator");
        json_array_foreach(args[0], i, element)
        {
                char *word = template_value_text(element);

                if (!word || strv_consume(&words, word) < 0)
                        return -ENOMEM;
        }
        return give_text(strv_join(words, json_string_value(args[1])), ret);
}

static int do_split(const json_t *const *args, size_t n, json_t **ret, Error *error)
{
        const char *s, *sep, *end;

        if (n != 2 || !json_is_string(args[0]) || !json_is_string(args[1]) ||
            json_string_length(args[1]) == 0)
                return error_set(error, ERROR_INVALID_ARGUMENT, "split takes a text and a separator");
        s = json_string_value(args[0]);
        sep = json_string_value(args[1]);
        *ret = json_array();
        for (; (end = strstr(s, sep)); s = end + strlen(sep))
                (void) json_array_append_new(*ret, json_stringn(s, (size_t) (end - s)));
        (void) json_array_append_new(*ret, json_string(s));
        return 0;
}

static int change_case(const json_t *const *args, size_t n, int (*change)(int), json_t **ret, Error *error)
{
        char *text = n == 1 ? template_value_text(args[0]) : NULL;

        if (n != 1)
                return error_set(error, ERROR_INVALID_ARGUMENT, "upper and lower take one value");
        for (char *p = text; p && *p; p++)
                *p = (char) change((unsigned char) *p);
        return give_text(text, ret);
}

static int do_upper(const json_t *const *args, size_t n, json_t **ret, Error *error)
{
        return change_case(args, n, toupper, ret, error);
}

static int do_lower(const json_t *const *args, size_t n, json_t **ret, Error *error)
{
        return change_case(args, n, tolower, ret, error);
}

static int print_all(const json_t *const *args, size_t n, const char *between, const char *end, json_t **ret)
{
        _cleanup_strv_ char **words = NULL;
        _cleanup_free_ char *joined = NULL;

        for (size_t i = 0; i < n; i++) {
                char *word = template_value_text(args[i]);

                if (!word || strv_consume(&words, word) < 0)
                        return -ENOMEM;
        }
        joined = strv_join(words, between);
        return give_text(joined ? str_printf("%s%s", joined, end) : NULL, ret);
}

static int do_print(const json_t *const *args, size_t n, json_t **ret, Error *error)
{
        return print_all(args, n, "", "", ret);
}

static int do_println(const json_t *const *args, size_t n, json_t **ret, Error *error)
{
        return print_all(args, n, " ", "\n", ret);
}

/* %s %v %d %q and %%; each takes the next argument. */
static int do_printf(const json_t *const *args, size_t n, json_t **ret, Error *error)
{
        _cleanup_free_ char *text = NULL;
        const char *format = n > 0 ? json_string_value(args[0]) : NULL;
        size_t size, used = 1;
        FILE *f;

        if (!format)
                return error_set(error, ERROR_INVALID_ARGUMENT, "printf takes a format and values");
        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        for (const char *p = format; *p; p++) {
                if (*p != '%' || !p[1]) {
                        fputc(*p, f);
                        continue;
                }
                p++;
                if (strchr("svdq", *p) && used < n) {
                        const char *quote = *p == 'q' ? "\"" : "";

                        fputs(quote, f);
                        write_value(f, args[used++]);
                        fputs(quote, f);
                } else
                        fputc(*p, f);
        }
        if (fclose(f) != 0)
                return -ENOMEM;
        return give_text(TAKE_PTR(text), ret);
}

/* Numbers by value, texts by byte; everything else only for equality. */
static int compare(const json_t *a, const json_t *b)
{
        if (json_is_number(a) && json_is_number(b)) {
                double x = json_number_value(a), y = json_number_value(b);

                return x < y ? -1 : x > y;
        }
        if (json_is_string(a) && json_is_string(b))
                return strcmp(json_string_value(a), json_string_value(b));
        return json_equal((json_t *) a, (json_t *) b) ? 0 : 1;
}

static int do_eq(const json_t *const *args, size_t n, json_t **ret, Error *error)
{
        bool equal = false;

        if (n < 2)
                return error_set(error, ERROR_INVALID_ARGUMENT, "eq takes two values or more");
        for (size_t i = 1; i < n; i++)
                equal = equal || (args[0] && args[i] && compare(args[0], args[i]) == 0);
        *ret = json_boolean(equal);
        return 0;
}

static int do_ne(const json_t *const *args, size_t n, json_t **ret, Error *error)
{
        int r = do_eq(args, n, ret, error);

        if (r >= 0)
                *ret = json_boolean(!json_is_true(*ret));
        return r;
}

static int order(const json_t *const *args, size_t n, int *ret, Error *error)
{
        bool numbers = n == 2 && json_is_number(args[0]) && json_is_number(args[1]);
        bool texts = n == 2 && json_is_string(args[0]) && json_is_string(args[1]);

        if (!numbers && !texts)
                return error_set(error, ERROR_INVALID_ARGUMENT,
                                 "lt, le, gt, ge take two numbers or two texts");
        *ret = compare(args[0], args[1]);
        return 0;
}

static int do_lt(const json_t *const *args, size_t n, json_t **ret, Error *error)
{
        int o = 0, r = order(args, n, &o, error);

        *ret = json_boolean(o < 0);
        return r;
}

static int do_le(const json_t *const *args, size_t n, json_t **ret, Error *error)
{
        int o = 0, r = order(args, n, &o, error);

        *ret = json_boolean(o <= 0);
        return r;
}

static int do_gt(const json_t *const *args, size_t n, json_t **ret, Error *error)
{
        int o = 0, r = order(args, n, &o, error);

        *ret = json_boolean(o > 0);
        return r;
}

static int do_ge(const json_t *const *args, size_t n, json_t **ret, Error *error)
{
        int o = 0, r = order(args, n, &o, error);

        *ret = json_boolean(o >= 0);
        return r;
}

/* The first value that decides, as Go has it; the last when none does. */
static int decide(const json_t *const *args, size_t n, bool by, json_t **ret, Error *error)
{
        size_t i = 0;

        if (n < 1)
                return error_set(error, ERROR_INVALID_ARGUMENT, "and, or take values");
        while (i + 1 < n && template_truth(args[i]) != by)
                i++;
        *ret = json_incref((json_t *) args[i]);
        return 0;
}

static int do_and(const json_t *const *args, size_t n, json_t **ret, Error *error)
{
        return decide(args, n, false, ret, error);
}

static int do_or(const json_t *const *args, size_t n, json_t **ret, Error *error)
{
        return decide(args, n, true, ret, error);
}

static int do_not(const json_t *const *args, size_t n, json_t **ret, Error *error)
{
        if (n != 1)
                return error_set(error, ERROR_INVALID_ARGUMENT, "not takes one value");
        *ret = json_boolean(!template_truth(args[0]));
        return 0;
}

static const struct {
        const char *name;
        TemplateFunction function;
} functions[] = {
        {"and", do_and},         {"eq", do_eq},       {"ge", do_ge},       {"gt", do_gt},
        {"index", do_index},     {"join", do_join},   {"json", do_json},   {"le", do_le},
        {"len", do_len},         {"lower", do_lower}, {"lt", do_lt},       {"ne", do_ne},
        {"not", do_not},         {"or", do_or},       {"print", do_print}, {"printf", do_printf},
        {"println", do_println}, {"split", do_split}, {"upper", do_upper},
};

TemplateFunction template_function(const char *name)
{
        FOREACH_ELEMENT(f, functions)
                if (streq(f->name, name))
                        return f->function;
        return NULL;
}
