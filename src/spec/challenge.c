/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* RFC 9110 §11: challenges are separated by commas, and so are the parameters of one; what follows a comma is
 * a parameter when it is a name and "=", and the next challenge otherwise. A scheme may also be followed by
 * one token68 instead of parameters. */

#include <ctype.h>

#include "base/array.h"
#include "base/str.h"
#include "spec/challenge.h"

static const char *const schemes[_CHALLENGE_SCHEME_MAX] = {
        [CHALLENGE_BASIC] = "basic",
        [CHALLENGE_BEARER] = "bearer",
};

static const struct {
        const char *name;
        size_t offset;
} parameters[] = {
        {"realm", offsetof(Challenge, realm)},
        {"service", offsetof(Challenge, service)},
        {"scope", offsetof(Challenge, scope)},
        {"error", offsetof(Challenge, error)},
};

void challenges_done(Challenges *c)
{
        for (size_t i = 0; i < c->n; i++) {
                free(c->list[i].realm);
                free(c->list[i].service);
                free(c->list[i].scope);
                free(c->list[i].error);
        }
        free(c->list);
        *c = (Challenges){};
}

const Challenge *challenges_find(const Challenges *c, ChallengeScheme scheme)
{
        for (size_t i = 0; i < c->n; i++)
                if (c->list[i].scheme == scheme)
                        return &c->list[i];
        return NULL;
}

static const char *skip_blanks(const char *s)
{
        return s + strspn(s, " \t");
}

static size_t token_length(const char *s)
{
        return strspn(s, "!#$%&'*+-.^_`|~0123456789"
                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

static bool same_word(const char *s, size_t n, const char *word)
{
        return word && strlen(word) == n && strncasecmp(s, word, n) == 0;
}

static ChallengeScheme scheme_from_word(const char *s, size_t n)
{
        for (ChallengeScheme i = 0; i < CHALLENGE_OTHER; i++)
                if (same_word(s, n, schemes[i]))
                        return i;
        return CHALLENGE_OTHER;
}

/* Inside of a quoted string; *s is behind the opening quote, and behind the closing one in the end. */
static int read_quoted(const char **s, char **ret)
{
        const char *p = *s;
        char *text = malloc(strlen(p) + 1), *q = text;

        if (!text)
                return -ENOMEM;
        for (; *p && *p != '"'; p++) {
                if (*p == '\\' && !*++p)
                        break;
                *q++ = *p;
        }
        *q = '\0';
        if (*p != '"') {
                free(text);
                return -EINVAL;
        }
        *ret = text;
        *s = p + 1;
        return 0;
}

static int read_value(const char **s, char **ret)
{
        size_t n;

        if (**s == '"') {
                (*s)++;
                return read_quoted(s, ret);
        }
        n = token_length(*s);
        if (n == 0)
                return -EINVAL;
        *ret = strndup(*s, n);
        *s += n;
        return *ret ? 0 : -ENOMEM;
}

static int keep_parameter(Challenge *c, const char *name, size_t n, char *value)
{
        _cleanup_free_ char *v = value;

        FOREACH_ELEMENT(row, parameters) {
                char **field = (void *) ((char *) c + row->offset);

                if (!same_word(name, n, row->name))
                        continue;
                if (*field)
                        return -EINVAL;
                *field = TAKE_PTR(v);
        }
        return 0;
}

/* Reads name "=" value at *s. 0: there is no parameter, and *s is where it was. */
static int read_parameter(const char **s, Challenge *c)
{
        size_t n = token_length(*s);
        const char *name = *s, *p = skip_blanks(name + n);
        char *value = NULL;
        int r;

        if (n == 0 || *p != '=')
                return 0;
        p = skip_blanks(p + 1);
        r = read_value(&p, &value);
        if (r >= 0)
                r = keep_parameter(c, name, n, value);
        if (r < 0)
                return r;
        *s = skip_blanks(p);
        return 1;
}

/* token68: base64 and its kin, for schemes that have no parameters. */
static const char *skip_token68(const char *s)
{
        size_t n = strspn(s, "-._~+/0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
        const char *end = n > 0 ? s + n + strspn(s + n, "=") : s;

        end = skip_blanks(end);
        return *end == ',' || !*end ? end : s;
}

static int read_parameters(const char **s, Challenge *c)
{
        const char *p = skip_token68(*s);
        int r;

        if (p != *s) {
                *s = p;
                return 0;
        }
        for (r = read_parameter(&p, c); r > 0; r = read_parameter(&p, c)) {
                *s = p;
                if (*p && *p != ',')
                        return -EINVAL;
                p = skip_blanks(p + strspn(p, ", \t"));
        }
        return r;
}

static int read_challenge(const char **s, Challenges *list)
{
        size_t n = token_length(*s);
        Challenge *c;
        int r;

        if (n == 0 || list->n >= CHALLENGES_MAX)
                return -EINVAL;
        if (!GROW(list->list, list->n))
                return -ENOMEM;
        c = &list->list[list->n++];
        *c = (Challenge){.scheme = scheme_from_word(*s, n)};
        *s += n;
        if (**s && **s != ' ' && **s != '\t' && **s != ',')
                return -EINVAL;
        *s = skip_blanks(*s);
        r = **s && **s != ',' ? read_parameters(s, c) : 0;
        if (r < 0)
                return r;
        return **s && **s != ',' ? -EINVAL : 0;
}

int challenges_parse(const char *s, Challenges *ret)
{
        _cleanup_challenges_ Challenges list = {};
        int r;

        if (strlen(s) > CHALLENGE_LENGTH_MAX || str_has_control(s))
                return -EINVAL;
        for (s += strspn(s, ", \t"); *s; s += strspn(s, ", \t")) {
                r = read_challenge(&s, &list);
                if (r < 0)
                        return r;
        }
        *ret = TAKE(list, (Challenges){});
        return 0;
}

/* Whether one of the words of a rel parameter is "next". */
static bool says_next(const char *rel)
{
        _cleanup_strv_ char **words = NULL;

        if (strv_split(rel, " \t", &words) < 0)
                return false;
        STRV_FOREACH(word, words)
                if (strcasecmp(*word, "next") == 0)
                        return true;
        return false;
}

/* ";" name [= value], as often as there are; *s ends at the comma or the end. */
static int read_link_parameters(const char **s, bool *ret_next)
{
        const char *p = skip_blanks(*s);
        bool next = false;
        int r;

        while (*p == ';') {
                _cleanup_free_ char *value = NULL;
                const char *name = skip_blanks(p + 1);
                size_t n = token_length(name);

                p = skip_blanks(name + n);
                if (n > 0 && *p == '=') {
                        p = skip_blanks(p + 1);
                        r = read_value(&p, &value);
                        if (r < 0)
                                return r;
                        next = next || (same_word(name, n, "rel") && says_next(value));
                }
                p = skip_blanks(p);
        }
        if (*p && *p != ',')
                return -EINVAL;
        *s = p;
        *ret_next = next;
        return 0;
}

int link_next(const char *s, char **ret)
{
        if (strlen(s) > CHALLENGE_LENGTH_MAX || str_has_control(s))
                return -EINVAL;
        for (s += strspn(s, ", \t"); *s; s += strspn(s, ", \t")) {
                const char *end = *s == '<' ? strchr(s, '>') : NULL, *target = s + 1;
                bool next = false;
                int r;

                if (!end)
                        return -EINVAL;
                s = end + 1;
                r = read_link_parameters(&s, &next);
                if (r < 0)
                        return r;
                if (next) {
                        *ret = strndup(target, (size_t) (end - target));
                        return *ret ? 0 : -ENOMEM;
                }
        }
        *ret = NULL;
        return 0;
}
