/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* First specifiers, then variables, as systemd does when it loads a unit and when it runs a command. */

#include "base/str.h"
#include "spec/quadlet-expand.h"

/* systemd.unit(5), "Specifiers". */
static const char known_specifiers[] = "aAbBCdEfgGhHiIjJlLmMnNopPqsStTuUvVwW";

static bool is_specifier(char c)
{
        return c && strchr(known_specifiers, c);
}

void quadlet_specifiers(const Quadlet *q, char ret[static QUADLET_SPECIFIERS_MAX])
{
        size_t n = 0;

        static_assert(sizeof(known_specifiers) <= QUADLET_SPECIFIERS_MAX, "room for all of them");
        ret[0] = '\0';
        for (size_t i = 0; i < q->n_items; i++)
                for (const char *p = strchr(q->items[i].text, '%'); p && p[1]; p = strchr(p + 2, '%'))
                        if (is_specifier(p[1]) && !strchr(ret, p[1])) {
                                ret[n++] = p[1];
                                ret[n] = '\0';
                        }
}

/* A text that grows; failed: out of memory on the way. */
typedef struct Text {
        FILE *f;
        char *buffer;
        size_t size;
} Text;

static int text_begin(Text *t)
{
        t->f = open_memstream(&t->buffer, &t->size);
        return t->f ? 0 : -ENOMEM;
}

static int text_end(Text *t, char **ret)
{
        bool failed = ferror(t->f);

        if (fclose(t->f) != 0 || failed) {
                free(t->buffer);
                return -ENOMEM;
        }
        *ret = t->buffer;
        return 0;
}

static int expand_specifiers(const char *s, const Map *specifiers, char **ret)
{
        Text t;
        int r;

        r = text_begin(&t);
        if (r < 0)
                return r;
        while (*s) {
                const char key[] = {s[1], '\0'};
                const char *value = *s == '%' && s[1] ? map_get(specifiers, key) : NULL;

                if (*s == '%' && s[1] == '%')
                        (void) fputc('%', t.f);
                else if (value)
                        (void) fputs(value, t.f);
                else
                        (void) fputc(*s, t.f);
                s += value || (*s == '%' && s[1] == '%') ? 2 : 1;
        }
        return text_end(&t, ret);
}

/* NULL: not set. */
static const char *variable(char *const *environment, const char *name, size_t n)
{
        for (char *const *e = environment; e && *e; e++)
                if (strncmp(*e, name, n) == 0 && (*e)[n] == '=')
                        return *e + n + 1;
        return NULL;
}

static size_t name_length(const char *s)
{
        static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
        static const char others[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";

        return *s && strchr(first, *s) ? strspn(s, others) : 0;
}

/* The name of a text that is nothing but a variable, "$NAME"; 0: it is not. */
static size_t whole_variable(const char *s)
{
        size_t n = *s == '$' ? name_length(s + 1) : 0;

        return n > 0 && s[1 + n] == '\0' ? n : 0;
}

static int expand_variables(const char *s, char *const *environment, char **ret)
{
        size_t n = whole_variable(s);
        Text t;
        int r;

        if (n > 0) {
                *ret = strdup(strempty(variable(environment, s + 1, n)));
                return *ret ? 0 : -ENOMEM;
        }
        r = text_begin(&t);
        if (r < 0)
                return r;
        while (*s) {
                n = s[0] == '$' && s[1] == '{' ? name_length(s + 2) : 0;
                if (s[0] == '$' && s[1] == '$') {
                        (void) fputc('$', t.f);
                        s += 2;
                } else if (n > 0 && s[2 + n] == '}') {
                        (void) fputs(strempty(variable(environment, s + 2, n)), t.f);
                        s += n + 3;
                } else
                        (void) fputc(*s++, t.f);
        }
        return text_end(&t, ret);
}

int quadlet_expand_text(const char *text, const Map *specifiers, char *const *environment, char **ret)
{
        _cleanup_free_ char *s = NULL;
        int r;

        r = expand_specifiers(text, specifiers, &s);
        return r < 0 ? r : expand_variables(s, environment, ret);
}

/* A word "$NAME" of a command line becomes as many words as the variable has. */
static int expand_word(const char *word, const Map *specifiers, char *const *environment, char ***words)
{
        _cleanup_strv_ char **split = NULL;
        char *s;
        int r;

        r = quadlet_expand_text(word, specifiers, environment, &s);
        if (r < 0)
                return r;
        if (!whole_variable(word))
                return strv_consume(words, s);
        r = words_split(s, &split);
        free(s);
        return r < 0 ? r : strv_extend(words, split);
}

static int expand_command(const char *text, const Map *specifiers, char *const *environment, char **ret)
{
        _cleanup_strv_ char **words = NULL, **expanded = NULL;
        int r;

        r = words_split(text, &words);
        STRV_FOREACH(w, words)
                if (r >= 0)
                        r = expand_word(*w, specifiers, environment, &expanded);
        if (r < 0)
                return r;
        *ret = words_join(expanded);
        return *ret ? 0 : -ENOMEM;
}

static int assign_expanded(const QuadletItem *i, const Map *specifiers, char *const *environment, Spec *s,
                           Error *error)
{
        _cleanup_free_ char *text = NULL;
        bool command = i->row->type == &setting_type_argv;
        int r;

        r = command ? expand_command(i->text, specifiers, environment, &text)
                    : quadlet_expand_text(i->text, specifiers, environment, &text);
        if (r == -EINVAL)
                return quadlet_item_error(error, ERROR_INVALID_ARGUMENT, i,
                                          "a variable holds unbalanced quotes");
        return r < 0 ? r : quadlet_assign(s, i, text, error);
}

int quadlet_expand(const Quadlet *q, const Map *specifiers, char *const *environment, Spec **ret,
                   Error *error)
{
        _cleanup_(spec_freep) Spec *s = spec_new(SPEC_CONTAINER);
        int r = 0;

        if (!s)
                return -ENOMEM;
        for (size_t i = 0; i < q->n_items && r >= 0; i++)
                r = assign_expanded(&q->items[i], specifiers, environment, s, error);
        if (r >= 0)
                r = spec_verify(s, error);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}
