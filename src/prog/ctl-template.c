/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <ctype.h>

#include "base/str.h"
#include "prog/ctl-option.h"
#include "prog/ctl-template.h"

#define WORD_MAX 64

typedef enum Keyword {
        KEYWORD_EOF,
        KEYWORD_END,
        KEYWORD_ELSE,
} Keyword;

/* The interpreter: where it reads, and whether what it reads is carried out or only skipped. */
typedef struct Run {
        const char *text;
        const char *p;
        const json_t *root;
        bool live;
        bool trim; /* the action before ended in "-}}" */
        unsigned depth;
        TemplateEscape escape;
        FILE *out;
        Error *error;
        struct {
                char name[WORD_MAX];
                json_t *value;
        } variables[TEMPLATE_VARIABLES_MAX];
        size_t n_variables;
} Run;

static int wrong(Run *t, const char *what)
{
        return error_set(t->error, ERROR_INVALID_ARGUMENT, "--format, at character %zu: %s",
                         (size_t) (t->p - t->text) + 1, what);
}

static void skip_blanks(Run *t)
{
        while (isspace((unsigned char) *t->p))
                t->p++;
}

static bool take(Run *t, const char *token)
{
        const char *rest;

        skip_blanks(t);
        rest = startswith(t->p, token);
        if (rest)
                t->p = rest;
        return rest;
}

static bool is_word(char c)
{
        return isalnum((unsigned char) c) || c == '_';
}

/* A name; "" when there is none. */
static void take_word(Run *t, char word[static WORD_MAX])
{
        size_t n = 0;

        while (is_word(*t->p)) {
                if (n + 1 < WORD_MAX)
                        word[n++] = *t->p;
                t->p++;
        }
        word[n] = '\0';
}

static bool take_keyword(Run *t, const char *keyword)
{
        const char *rest;

        skip_blanks(t);
        rest = startswith(t->p, keyword);
        if (!rest || is_word(*rest))
                return false;
        t->p = rest;
        return true;
}

static bool at_close(Run *t)
{
        skip_blanks(t);
        return startswith(t->p, "}}") || startswith(t->p, "-}}");
}

static int close_action(Run *t)
{
        if (take(t, "-}}")) {
                t->trim = true;
                return 0;
        }
        return take(t, "}}") ? 0 : wrong(t, "\"}}\" is missing");
}

/* Whether the members look like the fields of an object of ours rather than like a user's keys. */
static bool has_fixed_fields(const json_t *object)
{
        const char *key;
        json_t *v;

        json_object_foreach((json_t *) object, key, v) if (!isupper((unsigned char) key[0])) return false;
        return json_object_size(object) > 0;
}

static int no_field(Run *t, const json_t *object, const char *name)
{
        _cleanup_strv_ char **names = NULL;
        const char *key, *near;
        json_t *v;

        json_object_foreach((json_t *) object, key, v)(void) strv_append(&names, key);
        near = nearest_of(name, names);
        return error_set(t->error, ERROR_INVALID_ARGUMENT, "--format: no field .%s%s%s%s", name,
                         near ? "; did you mean ." : "", strempty(near), near ? "?" : "");
}

/* Field by name, and in any case of letters when there is none (".Id" and ".ID"). */
static int get_field(Run *t, const json_t *object, const char *name, const json_t **ret)
{
        const char *key;
        json_t *v;

        *ret = json_object_get(object, name);
        if (*ret || !t->live)
                return 0;
        json_object_foreach((json_t *) object, key, v) if (strcasecmp(key, name) == 0)
        {
                *ret = v;
                return 0;
        }
        if (json_is_object(object) && isupper((unsigned char) name[0]) && has_fixed_fields(object))
                return no_field(t, object, name);
        if (object && !json_is_object(object) && !json_is_null(object))
                return error_set(t->error, ERROR_INVALID_ARGUMENT,
                                 "--format: .%s is asked of what has no fields", name);
        return 0;
}

/* ".A.B" behind a value. */
static int take_fields(Run *t, const json_t *v, json_t **ret)
{
        while (*t->p == '.' && is_word(t->p[1])) {
                char name[WORD_MAX];
                int r;

                t->p++;
                take_word(t, name);
                r = get_field(t, v, name, &v);
                if (r < 0)
                        return r;
        }
        *ret = json_incref((json_t *) v);
        return 0;
}

static int take_string(Run *t, json_t **ret)
{
        static const char letters[] = "n\nt\tr\r\\\\\"\"";
        char quote = *t->p++;
        _cleanup_free_ char *text = malloc(strlen(t->p) + 1);
        size_t n = 0;

        if (!text)
                return -ENOMEM;
        for (; *t->p && *t->p != quote; t->p++) {
                const char *letter = NULL;

                if (*t->p == '\\' && quote == '"' && t->p[1]) {
                        t->p++;
                        for (const char *l = letters; *l && !letter; l += 2)
                                letter = *l == *t->p ? l + 1 : NULL;
                }
                text[n++] = letter ? *letter : *t->p;
        }
        if (*t->p != quote)
                return wrong(t, "the text is not ended");
        t->p++;
        *ret = json_stringn(text, n);
        return *ret ? 0 : wrong(t, "the text is no UTF-8");
}

static int take_number(Run *t, json_t **ret)
{
        char *end;
        long long n;

        errno = 0;
        n = strtoll(t->p, &end, 10);
        if (end == t->p || errno != 0)
                return wrong(t, "a number is wanted");
        t->p = end;
        *ret = json_integer(n);
        return *ret ? 0 : -ENOMEM;
}

static int take_variable(Run *t, json_t **ret)
{
        char name[WORD_MAX];

        t->p++;
        take_word(t, name);
        if (isempty(name))
                return take_fields(t, t->root, ret);
        for (size_t i = t->n_variables; i > 0; i--)
                if (streq(t->variables[i - 1].name, name))
                        return take_fields(t, t->variables[i - 1].value, ret);
        return wrong(t, "no such variable");
}

static int take_pipe(Run *t, const json_t *dot, json_t **ret);

/* One operand; *ret_function instead when it is a function's name. */
static int take_operand(Run *t, const json_t *dot, json_t **ret, TemplateFunction *ret_function)
{
        char word[WORD_MAX];
        _cleanup_json_ json_t *v = NULL;
        int r;

        skip_blanks(t);
        if (*t->p == '.' && !is_word(t->p[1])) {
                t->p++;
                *ret = json_incref((json_t *) dot);
                return 0;
        }
        if (*t->p == '.')
                return take_fields(t, dot, ret);
        if (*t->p == '"' || *t->p == '`')
                return take_string(t, ret);
        if (*t->p == '$')
                return take_variable(t, ret);
        if (isdigit((unsigned char) *t->p) || (*t->p == '-' && isdigit((unsigned char) t->p[1])))
                return take_number(t, ret);
        if (take(t, "(")) {
                r = take_pipe(t, dot, &v);
                if (r < 0)
                        return r;
                return take(t, ")") ? take_fields(t, v, ret) : wrong(t, "\")\" is missing");
        }
        take_word(t, word);
        if (streq(word, "true") || streq(word, "false")) {
                *ret = json_boolean(streq(word, "true"));
                return 0;
        }
        *ret_function = template_function(word);
        return *ret_function ? 0
                             : error_set(t->error, ERROR_INVALID_ARGUMENT,
                                         "--format, at character %zu: %s%s%s", (size_t) (t->p - t->text) + 1,
                                         isempty(word) ? "a value is missing" : "no function \"", word,
                                         isempty(word) ? "" : "\"");
}

static void drop_args(json_t **args, size_t n)
{
        for (size_t i = 0; i < n; i++)
                json_decref(args[i]);
}

/* "f a b", with the result of the command before (piped) as last argument; or a single value. */
static int take_command(Run *t, const json_t *dot, json_t *piped, bool is_piped, json_t **ret)
{
        TemplateFunction function = NULL, inner = NULL;
        json_t *args[TEMPLATE_ARGS_MAX + 1] = {};
        size_t n = 0;
        int r;

        r = take_operand(t, dot, ret, &function);
        if (r < 0)
                return r;
        if (!function)
                return is_piped ? wrong(t, "what stands behind \"|\" must be a function") : 0;
        while (!at_close(t) && *t->p != '|' && *t->p != ')' && r >= 0) {
                if (n >= TEMPLATE_ARGS_MAX)
                        r = wrong(t, "too many arguments");
                else
                        r = take_operand(t, dot, &args[n], &inner);
                if (r >= 0 && inner)
                        r = wrong(t, "a function as argument wants \"(\" and \")\" around it");
                n += r >= 0;
        }
        if (is_piped)
                args[n++] = json_incref(piped);
        if (r >= 0 && t->live)
                r = function((const json_t *const *) args, n, ret, t->error);
        drop_args(args, n);
        return r;
}

static int take_pipe(Run *t, const json_t *dot, json_t **ret)
{
        _cleanup_json_ json_t *v = NULL;
        int r;

        if (t->depth >= TEMPLATE_DEPTH_MAX)
                return wrong(t, "nested too deeply");
        t->depth++;
        r = take_command(t, dot, NULL, false, &v);
        while (r >= 0 && take(t, "|")) {
                json_t *result = NULL;

                r = take_command(t, dot, v, true, &result);
                json_decref(v);
                v = result;
        }
        t->depth--;
        if (r >= 0)
                *ret = TAKE_PTR(v);
        return r;
}

static void write_escaped(Run *t, const char *text)
{
        const char *keep = t->escape == TEMPLATE_LINES ? "\n\t" : "";

        if (t->escape == TEMPLATE_RAW) {
                fputs(text, t->out);
                return;
        }
        while (*text) {
                size_t n = strcspn(text, keep), kept = strspn(text + n, keep);
                _cleanup_free_ char *part = strndup(text, n), *escaped = part ? str_escape(part) : NULL;

                fputs(strempty(escaped), t->out);
                (void) fwrite(text + n, 1, kept, t->out);
                text += n + kept;
        }
}

static int define_variable(Run *t, const char *name, const json_t *value)
{
        if (t->n_variables >= TEMPLATE_VARIABLES_MAX)
                return wrong(t, "too many variables");
        (void) snprintf(t->variables[t->n_variables].name, WORD_MAX, "%s", name);
        t->variables[t->n_variables++].value = json_incref((json_t *) value);
        return 0;
}

static void forget_variables(Run *t, size_t n)
{
        while (t->n_variables > n)
                json_decref(t->variables[--t->n_variables].value);
}

/* "$a :=" or "$a, $b :="; *ret is how many. The text is left where it was when there are none. */
static size_t take_names(Run *t, char names[static 2][WORD_MAX])
{
        const char *start = t->p;
        size_t n = 0;

        while (n < 2 && take(t, "$")) {
                take_word(t, names[n++]);
                if (!take(t, ","))
                        break;
        }
        if (n > 0 && take(t, ":="))
                return n;
        t->p = start;
        return 0;
}

static int run_list(Run *t, const json_t *dot, Keyword *ret);

/* The branches behind the first condition; is_with: dot becomes the value. */
static int run_branches(Run *t, const json_t *dot, bool is_with)
{
        bool outer = t->live, done = false;
        Keyword keyword = KEYWORD_ELSE;
        bool conditional = true;
        int r = 0;

        while (r >= 0 && keyword == KEYWORD_ELSE) {
                _cleanup_json_ json_t *v = NULL;

                t->live = outer && !done;
                if (conditional)
                        r = take_pipe(t, dot, &v);
                if (r >= 0)
                        r = close_action(t);
                if (r < 0)
                        break;
                t->live = outer && !done && (!conditional || template_truth(v));
                done = done || t->live;
                r = run_list(t, is_with && conditional && v ? v : dot, &keyword);
                if (r >= 0 && keyword == KEYWORD_EOF)
                        r = wrong(t, "{{end}} is missing");
                if (r >= 0 && keyword == KEYWORD_ELSE)
                        conditional = take_keyword(t, "if") || take_keyword(t, "with");
        }
        t->live = outer;
        return r < 0 ? r : close_action(t);
}

static int run_element(Run *t, const char *body, char names[static 2][WORD_MAX], size_t n_names, json_t *key,
                       json_t *element, Keyword *ret)
{
        size_t n = t->n_variables;
        int r = 0;

        t->p = body;
        if (n_names == 2)
                r = define_variable(t, names[0], key);
        if (r >= 0 && n_names > 0)
                r = define_variable(t, names[n_names - 1], element);
        if (r >= 0)
                r = run_list(t, element, ret);
        forget_variables(t, n);
        return r;
}

static int run_elements(Run *t, const json_t *list, char names[static 2][WORD_MAX], size_t n_names,
                        Keyword *ret)
{
        const char *body = t->p, *name;
        json_t *element;
        size_t i;
        int r = 0;

        if (json_is_object(list)) {
                json_object_foreach((json_t *) list, name, element)
                {
                        _cleanup_json_ json_t *key = json_string(name);

                        if (r >= 0)
                                r = run_element(t, body, names, n_names, key, element, ret);
                }
                return r;
        }
        json_array_foreach(list, i, element)
        {
                _cleanup_json_ json_t *key = json_integer((json_int_t) i);

                if (r >= 0)
                        r = run_element(t, body, names, n_names, key, element, ret);
        }
        return r;
}

static int run_range(Run *t, const json_t *dot)
{
        _cleanup_json_ json_t *list = NULL;
        char names[2][WORD_MAX] = {};
        size_t n_names = take_names(t, names);
        bool outer = t->live, empty;
        Keyword keyword = KEYWORD_EOF;
        int r;

        r = take_pipe(t, dot, &list);
        if (r >= 0)
                r = close_action(t);
        if (r < 0)
                return r;
        empty = json_array_size(list) == 0 && json_object_size(list) == 0;
        t->live = outer && !empty;
        if (t->live)
                r = run_elements(t, list, names, n_names, &keyword);
        else
                r = run_element(t, t->p, names, n_names, NULL, NULL, &keyword);
        if (r >= 0 && keyword == KEYWORD_ELSE) {
                t->live = outer && empty;
                r = close_action(t);
                if (r >= 0)
                        r = run_list(t, dot, &keyword);
        }
        t->live = outer;
        if (r >= 0 && keyword != KEYWORD_END)
                r = wrong(t, "{{end}} is missing");
        return r < 0 ? r : close_action(t);
}

static int run_value(Run *t, const json_t *dot)
{
        _cleanup_json_ json_t *v = NULL;
        _cleanup_free_ char *text = NULL;
        char names[2][WORD_MAX] = {};
        size_t n_names = take_names(t, names);
        int r;

        r = take_pipe(t, dot, &v);
        if (r >= 0)
                r = close_action(t);
        if (r < 0)
                return r;
        if (n_names > 0)
                return define_variable(t, names[0], v);
        if (!t->live)
                return 0;
        text = template_value_text(v);
        if (!text)
                return -ENOMEM;
        write_escaped(t, text);
        return 0;
}

/* Text up to the next action; "\n" and "\t" are resolved as podman does. */
static void run_text(Run *t)
{
        const char *end = strstr(t->p, "{{"), *start = t->p;

        if (!end)
                end = t->p + strlen(t->p);
        t->p = end;
        while (t->trim && start < end && isspace((unsigned char) *start))
                start++;
        t->trim = false;
        if (startswith(end, "{{- "))
                while (end > start && isspace((unsigned char) end[-1]))
                        end--;
        for (; t->live && start < end; start++) {
                bool special = *start == '\\' && start + 1 < end && strchr("nt\\", start[1]);

                fputc(!special ? *start : start[1] == 'n' ? '\n' : start[1] == 't' ? '\t' : '\\', t->out);
                start += special;
        }
}

static int run_action(Run *t, const json_t *dot, Keyword *ret, bool *ret_ended)
{
        bool is_else;

        if (startswith(t->p, "/*")) {
                const char *end = strstr(t->p, "*/");

                t->p = end ? end + 2 : t->p;
                return close_action(t);
        }
        if (take_keyword(t, "if"))
                return run_branches(t, dot, false);
        if (take_keyword(t, "with"))
                return run_branches(t, dot, true);
        if (take_keyword(t, "range"))
                return run_range(t, dot);
        is_else = take_keyword(t, "else");
        if (is_else || take_keyword(t, "end")) {
                *ret = is_else ? KEYWORD_ELSE : KEYWORD_END;
                *ret_ended = true;
                return 0;
        }
        return run_value(t, dot);
}

/* Runs up to {{else}} or {{end}}, whose "}}" is left to the caller, or to the end of the text. */
static int run_list(Run *t, const json_t *dot, Keyword *ret)
{
        bool ended = false;
        int r = 0;

        if (++t->depth > TEMPLATE_DEPTH_MAX)
                return wrong(t, "nested too deeply");
        *ret = KEYWORD_EOF;
        for (;;) {
                run_text(t);
                if (!take(t, "{{"))
                        break;
                if (startswith(t->p, "- "))
                        t->p += 2;
                skip_blanks(t);
                r = run_action(t, dot, ret, &ended);
                if (r < 0 || ended)
                        break;
        }
        t->depth--;
        return r;
}

int template_write(const char *text, const json_t *value, TemplateEscape escape, FILE *out, Error *error)
{
        Run t = {.text = text,
                 .p = text,
                 .root = value,
                 .live = value,
                 .escape = escape,
                 .out = out,
                 .error = error};
        Keyword keyword;
        int r;

        r = run_list(&t, value, &keyword);
        if (r >= 0 && keyword != KEYWORD_EOF)
                r = wrong(&t, "{{end}} or {{else}} without a beginning");
        forget_variables(&t, 0);
        return r;
}
