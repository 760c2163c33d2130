/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reading goes in two steps: physical lines are joined to logical ones, and each of those is a section, an
 * assignment or nothing. What systemd would skip with a warning is an error here: a typing mistake in a
 * container's file should not start a container without the setting. */

#include "base/array.h"
#include "base/hashmap.h"
#include "base/ini.h"
#include "base/str.h"

#define BLANKS " \t"
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

IniFile *ini_free(IniFile *f)
{
        if (!f)
                return NULL;
        for (size_t i = 0; i < f->n_entries; i++) {
                free(f->entries[i].key);
                free(f->entries[i].value);
        }
        free(f->entries);
        map_free(f->names);
        free(f);
        return NULL;
}

static IniFile *ini_new(void)
{
        _cleanup_(ini_freep) IniFile *f = calloc(1, sizeof(IniFile));

        if (!f)
                return NULL;
        f->names = map_new_strings();
        return f->names ? TAKE_PTR(f) : NULL;
}

/* The file's own copy of a name. */
static int intern(IniFile *f, const char *name, const char **ret)
{
        int r;

        if (!map_has(f->names, name)) {
                r = map_put_string(f->names, name, name);
                if (r < 0)
                        return r;
        }
        *ret = map_get(f->names, name);
        return 0;
}

static int add_entry(IniFile *f, const IniEntry *template, const char *key, const char *value)
{
        _cleanup_free_ char *key_copy = strdup(key), *value_copy = strdup(value);
        IniEntry *e;

        if (!key_copy || !value_copy || !GROW(f->entries, f->n_entries))
                return -ENOMEM;
        e = &f->entries[f->n_entries++];
        *e = *template;
        e->key = TAKE_PTR(key_copy);
        e->value = TAKE_PTR(value_copy);
        return 0;
}

static void forget_entries(IniFile *f, size_t keep)
{
        while (f->n_entries > keep) {
                f->n_entries--;
                free(f->entries[f->n_entries].key);
                free(f->entries[f->n_entries].value);
        }
}

typedef struct Parser {
        IniFile *f;
        const char *at, *end;
        unsigned line;       /* the physical one at hand, from 1 */
        char *joined;        /* the logical line, room for INI_LINE_MAX and a NUL */
        size_t length;       /* of it */
        IniEntry entry;      /* file, section and first line of what comes next */
        const char *problem; /* set with -EBADMSG */
} Parser;

static int fail(Parser *p, const char *problem)
{
        p->problem = problem;
        return -EBADMSG;
}

/* Finds the next physical line. Returns 0 at the end of the text. */
static int next_line(Parser *p, const char **ret, size_t *ret_length)
{
        size_t left = (size_t) (p->end - p->at);
        const char *line = p->at, *feed;

        if (left == 0)
                return 0;
        feed = memchr(line, '\n', left);
        p->at = feed ? feed + 1 : p->end;
        p->line++;
        *ret = line;
        *ret_length = (size_t) ((feed ? feed : p->end) - line);
        if (memchr(line, '\0', *ret_length) || memchr(line, '\r', *ret_length))
                return fail(p, "NUL or carriage return in a line");
        if (!str_is_utf8(line, *ret_length))
                return fail(p, "not UTF-8");
        return 1;
}

static bool is_comment(const char *line, size_t length)
{
        while (length > 0 && strchr(BLANKS, *line))
                line++, length--;
        return length > 0 && (*line == '#' || *line == ';');
}

/* A backslash at the end that is not itself escaped. */
static bool continues(const char *line, size_t length)
{
        size_t n = 0;

        while (n < length && line[length - 1 - n] == '\\')
                n++;
        return n % 2 == 1;
}

/* Reads physical lines until a logical one is complete. Returns 0 when there is none left. */
static int next_logical_line(Parser *p)
{
        const char *line;
        bool begun = false;
        size_t n;
        int r;

        p->length = 0;
        while ((r = next_line(p, &line, &n)) > 0) {
                if (is_comment(line, n))
                        continue;
                if (n > INI_LINE_MAX - p->length)
                        return fail(p, "line too long");
                memcpy(p->joined + p->length, line, n);
                p->length += n;
                if (!begun)
                        p->entry.line = p->line;
                begun = true;
                if (!continues(p->joined, p->length))
                        break;
                p->joined[p->length - 1] = ' ';
        }
        if (r < 0)
                return r;
        p->joined[p->length] = '\0';
        return begun;
}

/* Removes blanks at both ends, in place. */
static char *strip(char *s)
{
        size_t n;

        s += strspn(s, BLANKS);
        n = strlen(s);
        while (n > 0 && strchr(BLANKS, s[n - 1]))
                n--;
        s[n] = '\0';
        return s;
}

static bool name_is_valid(const char *name)
{
        return *name && strlen(name) <= INI_NAME_MAX && !strpbrk(name, "[]=") && !str_has_control(name);
}

static int parse_section(Parser *p, char *line)
{
        char *end = line + strlen(line) - 1;

        if (*end != ']')
                return fail(p, "section without ']' at the end");
        *end = '\0';
        if (!name_is_valid(line + 1))
                return fail(p, "invalid name of a section");
        return intern(p->f, line + 1, &p->entry.section);
}

static int parse_assignment(Parser *p, char *line)
{
        char *equals = strchr(line, '='), *key;

        if (!equals)
                return fail(p, "neither a section nor Key=value");
        *equals = '\0';
        key = strip(line);
        if (!name_is_valid(key))
                return fail(p, "invalid name before '='");
        if (!p->entry.section)
                return fail(p, "assignment before the first section");
        return add_entry(p->f, &p->entry, key, strip(equals + 1));
}

static int parse_all(Parser *p)
{
        int r;

        while ((r = next_logical_line(p)) > 0) {
                char *line = strip(p->joined);

                if (*line)
                        r = *line == '[' ? parse_section(p, line) : parse_assignment(p, line);
                if (r < 0)
                        break;
        }
        return r;
}

static int report(const Parser *p, const char *file, char **ret_error)
{
        char *text;

        if (!ret_error)
                return -EBADMSG;
        text = str_printf("%s:%u: %s", file, p->line, p->problem);
        if (!text)
                return -ENOMEM;
        *ret_error = text;
        return -EBADMSG;
}

int ini_parse(IniFile **f, const char *file, const char *text, size_t size, char **ret_error)
{
        _cleanup_(ini_freep) IniFile *made = *f ? NULL : ini_new();
        _cleanup_free_ char *joined = malloc(INI_LINE_MAX + 1);
        Parser p = {.f = *f ? *f : made, .at = text, .end = text + size, .joined = joined};
        size_t before;
        int r;

        if (!p.f || !joined)
                return -ENOMEM;
        if (size >= strlen(BYTE_ORDER_MARK) && startswith(text, BYTE_ORDER_MARK))
                p.at += strlen(BYTE_ORDER_MARK);
        before = p.f->n_entries;
        r = intern(p.f, file, &p.entry.file);
        if (r >= 0)
                r = size > INI_SIZE_MAX ? fail(&p, "file too large") : parse_all(&p);
        if (r < 0) {
                forget_entries(p.f, before);
                return r == -EBADMSG ? report(&p, file, ret_error) : r;
        }
        if (made)
                *f = TAKE_PTR(made);
        return 0;
}

struct IniWriter {
        Map *sections; /* name: Lines */
};

typedef struct Lines {
        char *text;
        size_t size;
} Lines;

static void lines_free(void *value)
{
        Lines *l = value;

        free(l->text);
        free(l);
}

IniWriter *ini_writer_free(IniWriter *w)
{
        if (!w)
                return NULL;
        map_free(w->sections);
        free(w);
        return NULL;
}

IniWriter *ini_writer_new(void)
{
        _cleanup_(ini_writer_freep) IniWriter *w = calloc(1, sizeof(IniWriter));

        if (!w)
                return NULL;
        w->sections = map_new(lines_free);
        return w->sections ? TAKE_PTR(w) : NULL;
}

static bool value_is_valid(const char *value)
{
        size_t n = strlen(value);

        return !str_has_control(value) && !continues(value, n) &&
               (n == 0 || (value[0] != ' ' && value[n - 1] != ' '));
}

static bool key_is_valid(const char *key)
{
        return name_is_valid(key) && !strchr("#; ", key[0]) && !endswith(key, " ");
}

static int lines_of(IniWriter *w, const char *section, Lines **ret)
{
        Lines *l = map_get(w->sections, section);
        int r;

        if (!l) {
                l = calloc(1, sizeof(Lines));
                if (!l)
                        return -ENOMEM;
                r = map_put(w->sections, section, l);
                if (r < 0) {
                        lines_free(l);
                        return r;
                }
        }
        *ret = l;
        return 0;
}

int ini_writer_add(IniWriter *w, const char *section, const char *key, const char *value)
{
        size_t size = strlen(key) + strlen("=") + strlen(value) + strlen("\n");
        Lines *l;
        char *larger;
        int r;

        if (!name_is_valid(section) || !key_is_valid(key) || !value_is_valid(value))
                return -EINVAL;
        r = lines_of(w, section, &l);
        if (r < 0)
                return r;
        larger = realloc(l->text, l->size + size + 1);
        if (!larger)
                return -ENOMEM;
        l->text = larger;
        (void) stpcpy(stpcpy(stpcpy(stpcpy(l->text + l->size, key), "="), value), "\n");
        l->size += size;
        return 0;
}

int ini_writer_text(IniWriter *w, char **ret)
{
        size_t size = 1;
        char *text, *p;

        MAP_FOREACH(e, w->sections)
                size += strlen("\n[]\n") + strlen(map_key(e)) + ((Lines *) map_value(e))->size;
        p = text = malloc(size);
        if (!text)
                return -ENOMEM;
        *p = '\0';
        MAP_FOREACH(e, w->sections) {
                const Lines *l = map_value(e);

                p = stpcpy(p, p == text ? "[" : "\n[");
                p = stpcpy(stpcpy(p, map_key(e)), "]\n");
                p = stpcpy(p, strempty(l->text));
        }
        *ret = text;
        return 0;
}
