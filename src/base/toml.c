/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A reader that walks the text once. The values go straight into the JSON document; beside it stands a tree
 * of Tables, which knows what JSON does not: how a table came to be, and so who may still add to it. A key
 * whose value was written in one piece (an inline table, an array) has no Table and is closed. */

#include "base/hashmap.h"
#include "base/str.h"
#include "base/toml.h"

typedef struct Table {
        json_t *object;   /* of an array of tables: its last */
        json_t *array;    /* an array of tables */
        Map *tables;      /* those directly below, of the last element of an array */
        unsigned section; /* of the header or the dotted keys that made it */
        bool is_explicit; /* named by a header or made by dotted keys, not just passed through */
} Table;

typedef struct Toml {
        const char *p, *end;
        size_t line, depth, keys;
        unsigned section;
        char *error;
} Toml;

/* The names of a dotted key. */
typedef struct Key {
        char *names[TOML_DEPTH_MAX];
        size_t n;
} Key;

static Table *table_free(Table *t)
{
        if (!t)
                return NULL;
        map_free(t->tables);
        json_decref(t->array);
        json_decref(t->object);
        free(t);
        return NULL;
}
DEFINE_CLEANUP(Table *, table_free)

static void table_destroy(void *t)
{
        table_free(t);
}

static void key_done(Key *k)
{
        while (k->n > 0)
                free(k->names[--k->n]);
}

/* The buffer of a string that grows. */
typedef struct Text {
        char *s;
        size_t n, size;
} Text;

static void text_done(Text *t)
{
        free(t->s);
}

static int text_add(Text *t, const char *s, size_t n)
{
        if (t->n + n + 1 > t->size) {
                size_t size = MAX(2 * t->size, t->n + n + 32);
                char *larger = realloc(t->s, size);

                if (!larger)
                        return -ENOMEM;
                t->s = larger;
                t->size = size;
        }
        if (n > 0)
                memcpy(t->s + t->n, s, n);
        t->n += n;
        t->s[t->n] = '\0';
        return 0;
}

static int fail(Toml *t, const char *what)
{
        if (!t->error)
                t->error = str_printf("line %zu: %s", t->line, what);
        return t->error ? -EBADMSG : -ENOMEM;
}

static int fail_key(Toml *t, const char *key, const char *what)
{
        _cleanup_free_ char *name = str_escape(key);

        if (!t->error && name)
                t->error = str_printf("line %zu: \"%.100s\" %s", t->line, name, what);
        return t->error ? -EBADMSG : -ENOMEM;
}

static int fail_char(Toml *t, const char *wanted)
{
        if (t->p < t->end && *t->p > ' ' && *t->p < 0x7f && !t->error)
                t->error = str_printf("line %zu: %s is wanted, not '%c'", t->line, wanted, *t->p);
        else if (!t->error)
                t->error = str_printf("line %zu: %s is wanted", t->line, wanted);
        return t->error ? -EBADMSG : -ENOMEM;
}

/* The character so far ahead; 0 behind the end (there is none in the text). */
static char peek(const Toml *t, size_t ahead)
{
        return ahead < (size_t) (t->end - t->p) ? t->p[ahead] : '\0';
}

static bool at_newline(const Toml *t)
{
        return peek(t, 0) == '\n' || (peek(t, 0) == '\r' && peek(t, 1) == '\n');
}

static void skip_newline(Toml *t)
{
        t->p += *t->p == '\r' ? 2 : 1;
        t->line++;
}

static void skip_blanks(Toml *t)
{
        while (peek(t, 0) == ' ' || peek(t, 0) == '\t')
                t->p++;
}

static bool is_control(char c)
{
        return ((unsigned char) c < 0x20 && c != '\t') || c == 0x7f;
}

static int skip_comment(Toml *t)
{
        if (peek(t, 0) != '#')
                return 0;
        while (t->p < t->end && !at_newline(t)) {
                if (is_control(*t->p))
                        return fail(t, "a control character in a comment");
                t->p++;
        }
        return 0;
}

/* Blanks, comments and ends of lines: what may stand between the elements of an array. */
static int skip_lines(Toml *t)
{
        for (;;) {
                int r;

                skip_blanks(t);
                r = skip_comment(t);
                if (r < 0)
                        return r;
                if (!at_newline(t))
                        return 0;
                skip_newline(t);
        }
}

static int end_line(Toml *t)
{
        int r;

        skip_blanks(t);
        r = skip_comment(t);
        if (r < 0)
                return r;
        if (t->p < t->end && !at_newline(t))
                return fail_char(t, "the end of the line");
        return 0;
}

/* Strings */

static int hex_value(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
                return (c | 0x20) - 'a' + 10;
        return -1;
}

static int add_code_point(Text *text, uint32_t c)
{
        char s[4];
        size_t n;

        if (c < 0x80) {
                s[0] = (char) c;
                n = 1;
        } else {
                n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
                for (size_t i = n - 1; i > 0; i--, c >>= 6)
                        s[i] = (char) (0x80 | (c & 0x3f));
                s[0] = (char) ((n == 2 ? 0xc0 : n == 3 ? 0xe0 : 0xf0) | c);
        }
        return text_add(text, s, n);
}

static int read_code_point(Toml *t, size_t digits, Text *text)
{
        uint32_t c = 0;

        for (size_t i = 0; i < digits; i++, t->p++) {
                int v = hex_value(peek(t, 0));

                if (v < 0)
                        return fail(t, "\\u wants 4 hexadecimal digits, \\U 8");
                c = c << 4 | (uint32_t) v;
        }
        if (c == 0)
                return fail(t, "a NUL character in a string");
        if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                return fail(t, "an escape that is no Unicode character");
        return add_code_point(text, c);
}

/* A backslash at the end of a line takes away the blanks and empty lines behind it; 0: it is no such. */
static int skip_continuation(Toml *t)
{
        const char *begin = t->p;

        skip_blanks(t);
        if (!at_newline(t)) {
                t->p = begin;
                return 0;
        }
        while (at_newline(t)) {
                skip_newline(t);
                skip_blanks(t);
        }
        return 1;
}

static int read_escape(Toml *t, bool multi_line, Text *text)
{
        static const char names[] = "btnfr\"\\", values[] = "\b\t\n\f\r\"\\";
        const char *at;
        char c;

        t->p++;
        if (multi_line && skip_continuation(t) > 0)
                return text_add(text, "", 0);
        c = peek(t, 0);
        at = c ? strchr(names, c) : NULL;
        if (at) {
                t->p++;
                return text_add(text, &values[at - names], 1);
        }
        if (c != 'u' && c != 'U')
                return fail(t, "an unknown escape");
        t->p++;
        return read_code_point(t, c == 'u' ? 4 : 8, text);
}

static size_t count_quotes(const Toml *t, char quote)
{
        size_t n = 0;

        while (n < 5 && peek(t, n) == quote)
                n++;
        return n;
}

/* One line end of a text of many lines; it stands as LF. */
static int read_line_end(Toml *t, Text *text)
{
        skip_newline(t);
        return text_add(text, "\n", 1);
}

/* What stands between the quotes; up to two quotes may stand inside a text of many lines, also at its end. */
static int read_string_body(Toml *t, char quote, bool multi_line, Text *text)
{
        for (;;) {
                size_t quotes = count_quotes(t, quote);
                int r;

                if (t->p >= t->end || (at_newline(t) && !multi_line))
                        return fail(t, "a string that does not end");
                if (quotes > 0 && !multi_line) {
                        t->p++;
                        return 0;
                }
                if (quotes >= 3) {
                        r = text_add(text, t->p, quotes - 3);
                        t->p += quotes;
                        return r;
                }
                if (at_newline(t)) {
                        r = read_line_end(t, text);
                } else if (*t->p == '\\' && quote == '"') {
                        r = read_escape(t, multi_line, text);
                } else if (is_control(*t->p)) {
                        r = fail(t, "a control character in a string");
                } else {
                        r = text_add(text, t->p, 1);
                        t->p++;
                }
                if (r < 0)
                        return r;
        }
}

static int read_string(Toml *t, bool may_have_lines, char **ret)
{
        _cleanup_(text_done) Text text = {};
        char quote = *t->p;
        bool multi_line = may_have_lines && count_quotes(t, quote) >= 3;
        int r;

        t->p += multi_line ? 3 : 1;
        if (multi_line && at_newline(t))
                skip_newline(t);
        r = text_add(&text, "", 0);
        if (r >= 0)
                r = read_string_body(t, quote, multi_line, &text);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(text.s);
        return 0;
}

/* Keys */

static bool is_bare(char c)
{
        return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' || c == '-';
}

static int read_name(Toml *t, char **ret)
{
        size_t n = 0;

        if (peek(t, 0) == '"' || peek(t, 0) == '\'')
                return read_string(t, false, ret);
        while (is_bare(peek(t, n)))
                n++;
        if (n == 0)
                return fail_char(t, "a key");
        *ret = strndup(t->p, n);
        t->p += n;
        return *ret ? 0 : -ENOMEM;
}

static int read_key(Toml *t, Key *key)
{
        if (++t->keys > TOML_KEYS_MAX)
                return fail(t, "too many keys");
        for (;;) {
                int r;

                if (key->n >= TOML_DEPTH_MAX)
                        return fail(t, "a key of too many names");
                skip_blanks(t);
                r = read_name(t, &key->names[key->n]);
                if (r < 0)
                        return r;
                key->n++;
                skip_blanks(t);
                if (peek(t, 0) != '.')
                        return 0;
                t->p++;
        }
}

/* Tables */

static int table_new_below(Table *parent, const char *name, Table **ret)
{
        _cleanup_(table_freep) Table *child = calloc(1, sizeof(Table));
        int r;

        if (!child)
                return -ENOMEM;
        child->object = json_object();
        if (!parent->tables)
                parent->tables = map_new(table_destroy);
        if (!child->object || !parent->tables || json_object_set(parent->object, name, child->object) < 0)
                return -ENOMEM;
        r = map_put(parent->tables, name, child);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(child);
        return 0;
}

/* The table of that name below parent, made when there is none. */
static int table_below(Toml *t, Table *parent, const char *name, Table **ret)
{
        Table *child = map_get(parent->tables, name);

        if (child) {
                *ret = child;
                return 0;
        }
        if (json_object_get(parent->object, name))
                return fail_key(t, name, "has a value and cannot become a table");
        return table_new_below(parent, name, ret);
}

/* "a.b.c = value" inside of a table: opens a and b, which belong to this section from now on. */
static int open_dotted(Toml *t, Table *table, const Key *key, Table **ret)
{
        for (size_t i = 0; i + 1 < key->n; i++) {
                int r = table_below(t, table, key->names[i], &table);

                if (r < 0)
                        return r;
                if (table->array || (table->is_explicit && table->section != t->section))
                        return fail_key(t, key->names[i], "was defined before, in a table of its own");
                table->is_explicit = true;
                table->section = t->section;
        }
        *ret = table;
        return 0;
}

/* One more element of an array of tables; the tables below belong to the one before. */
static int array_next(Toml *t, Table *parent, const char *name, Table *table)
{
        _cleanup_json_ json_t *element = json_object();

        if (!element)
                return -ENOMEM;
        if (!table->array) {
                if (table->is_explicit || json_object_size(table->object) > 0)
                        return fail_key(t, name, "is a table, not an array of tables");
                table->array = json_array();
                if (!table->array || json_object_set(parent->object, name, table->array) < 0)
                        return -ENOMEM;
        }
        if (json_array_append(table->array, element) < 0)
                return -ENOMEM;
        json_decref(table->object);
        table->object = TAKE_PTR(element);
        table->tables = map_free(table->tables);
        return 0;
}

/* [a.b] or [[a.b]] */
static int open_header(Toml *t, Table *root, const Key *key, bool is_array, Table **ret)
{
        const char *name = key->names[key->n - 1];
        Table *table = root, *parent = root;
        int r;

        for (size_t i = 0; i < key->n; i++) {
                parent = table;
                r = table_below(t, parent, key->names[i], &table);
                if (r < 0)
                        return r;
        }
        if (is_array) {
                r = array_next(t, parent, name, table);
                if (r < 0)
                        return r;
        } else if (table->is_explicit) {
                return fail_key(t, name, "was defined before");
        }
        table->is_explicit = true;
        table->section = t->section;
        *ret = table;
        return 0;
}

static int read_header(Toml *t, Table *root, Table **ret)
{
        _cleanup_(key_done) Key key = {};
        bool is_array = peek(t, 1) == '[';
        int r;

        t->p += is_array ? 2 : 1;
        t->section++;
        r = read_key(t, &key);
        if (r < 0)
                return r;
        if (peek(t, 0) != ']' || (is_array && peek(t, 1) != ']'))
                return fail_char(t, is_array ? "\"]]\"" : "\"]\"");
        t->p += is_array ? 2 : 1;
        return open_header(t, root, &key, is_array, ret);
}

/* Numbers and other words */

/* Digits with single underscores between them, without the underscores. */
static bool add_digits(const char **s, const char *end, const char *set, Text *number, int *r)
{
        const char *p = *s;

        while (p < end && strchr(set, *p)) {
                *r = text_add(number, p, 1);
                if (*r < 0)
                        return false;
                p++;
                if (p + 1 < end && *p == '_' && strchr(set, p[1]))
                        p++;
        }
        if (p == *s)
                return false;
        *s = p;
        return true;
}

static int read_integer(Toml *t, const char *digits, int base, json_t **ret)
{
        char *end;
        long long n;

        errno = 0;
        n = strtoll(digits, &end, base);
        if (errno != 0 || *end)
                return fail(t, "a number that is too large");
        *ret = json_integer(n);
        return *ret ? 0 : -ENOMEM;
}

static int read_based(Toml *t, const char *word, const char *end, json_t **ret)
{
        static const struct {
                char letter;
                int base;
                const char *digits;
        } bases[] = {
                {'x', 16, "0123456789abcdefABCDEF"},
                {'o', 8, "01234567"},
                {'b', 2, "01"},
        };
        _cleanup_(text_done) Text number = {};
        int r = 0;

        FOREACH_ELEMENT(b, bases) {
                const char *s = word + 2;

                if (word[1] != b->letter)
                        continue;
                if (!add_digits(&s, end, b->digits, &number, &r) || s != end)
                        return r < 0 ? r : fail(t, "a bad number");
                return read_integer(t, number.s, b->base, ret);
        }
        return fail(t, "a bad number");
}

/* What follows the whole part: ".5", "e-3", "". */
static bool add_fraction(const char **s, const char *end, Text *number, int *r)
{
        static const char digits[] = "0123456789";

        if (*s < end && **s == '.') {
                *r = text_add(number, (*s)++, 1);
                if (*r < 0 || !add_digits(s, end, digits, number, r))
                        return false;
        }
        if (*s < end && (**s | 0x20) == 'e') {
                *r = text_add(number, (*s)++, 1);
                if (*r >= 0 && *s < end && (**s == '+' || **s == '-'))
                        *r = text_add(number, (*s)++, 1);
                if (*r < 0 || !add_digits(s, end, digits, number, r))
                        return false;
        }
        return *s == end;
}

static int read_number(Toml *t, const char *word, const char *end, json_t **ret)
{
        _cleanup_(text_done) Text number = {};
        const char *s = word + (*word == '+' || *word == '-');
        bool is_real;
        int r = 0;

        if (end - word >= 2 && *word == '0' && strchr("xob", word[1]))
                return read_based(t, word, end, ret);
        if (end - s > 1 && *s == '0' && (s[1] == '_' || (s[1] >= '0' && s[1] <= '9')))
                return fail(t, "a number with a leading zero");
        if (*word == '-')
                r = text_add(&number, word, 1);
        if (r < 0 || !add_digits(&s, end, "0123456789", &number, &r))
                return r < 0 ? r : fail(t, "a bad value");
        is_real = s != end;
        if (!add_fraction(&s, end, &number, &r))
                return r < 0 ? r : fail(t, "a bad number");
        if (!is_real)
                return read_integer(t, number.s, 10, ret);
        /* What is left is a number of JSON, whose reader does not ask for the locale's decimal point. */
        *ret = json_loadb(number.s, number.n, JSON_DECODE_ANY, NULL);
        return *ret ? 0 : fail(t, "a number that is too large");
}

static bool is_date(const char *word, size_t n)
{
        size_t digits = 0;

        while (digits < n && word[digits] >= '0' && word[digits] <= '9')
                digits++;

        return digits < n && ((digits == 4 && word[4] == '-') || (digits == 2 && word[2] == ':'));
}

static int read_word(Toml *t, json_t **ret)
{
        const char *word = t->p;
        size_t n = 0;

        while (is_bare(peek(t, n)) || peek(t, n) == '+' || peek(t, n) == '.' || peek(t, n) == ':')
                n++;
        if (n == 0)
                return fail_char(t, "a value");
        t->p += n;
        if ((n == 4 && memcmp(word, "true", 4) == 0) || (n == 5 && memcmp(word, "false", 5) == 0)) {
                *ret = json_boolean(n == 4);
                return 0;
        }
        if (is_date(word, n))
                return fail(t, "dates and times are not supported");
        if (n >= 3 && (memcmp(word + n - 3, "inf", 3) == 0 || memcmp(word + n - 3, "nan", 3) == 0))
                return fail(t, "infinity and nan are not supported");
        return read_number(t, word, word + n, ret);
}

/* Values */

static int read_value(Toml *t, json_t **ret);

static int read_array(Toml *t, json_t **ret)
{
        _cleanup_json_ json_t *array = json_array();

        t->p++;
        for (;;) {
                json_t *element = NULL;
                int r = array ? skip_lines(t) : -ENOMEM;

                if (r < 0)
                        return r;
                if (peek(t, 0) == ']')
                        break;
                r = read_value(t, &element);
                if (r >= 0 && json_array_append_new(array, element) < 0)
                        r = -ENOMEM;
                if (r >= 0)
                        r = skip_lines(t);
                if (r < 0)
                        return r;
                if (peek(t, 0) == ',')
                        t->p++;
                else if (peek(t, 0) != ']')
                        return fail_char(t, "',' or ']'");
        }
        t->p++;
        *ret = TAKE_PTR(array);
        return 0;
}

static int read_pair(Toml *t, Table *table)
{
        _cleanup_(key_done) Key key = {};
        _cleanup_json_ json_t *value = NULL;
        const char *name;
        int r;

        r = read_key(t, &key);
        if (r < 0)
                return r;
        if (peek(t, 0) != '=')
                return fail_char(t, "'='");
        t->p++;
        skip_blanks(t);
        r = open_dotted(t, table, &key, &table);
        if (r >= 0)
                r = read_value(t, &value);
        if (r < 0)
                return r;
        name = key.names[key.n - 1];
        if (json_object_get(table->object, name))
                return fail_key(t, name, "is there twice");
        return json_object_set(table->object, name, value) < 0 ? -ENOMEM : 0;
}

static int read_inline_pairs(Toml *t, Table *table)
{
        skip_blanks(t);
        if (peek(t, 0) == '}')
                return 0;
        for (;;) {
                int r;

                skip_blanks(t);
                r = read_pair(t, table);
                if (r < 0)
                        return r;
                skip_blanks(t);
                if (peek(t, 0) == '}')
                        return 0;
                if (peek(t, 0) != ',')
                        return fail_char(t, "',' or '}'");
                t->p++;
        }
}

static int read_inline_table(Toml *t, json_t **ret)
{
        _cleanup_(table_freep) Table *table = calloc(1, sizeof(Table));
        int r;

        if (!table)
                return -ENOMEM;
        table->object = json_object();
        if (!table->object)
                return -ENOMEM;
        t->p++;
        r = read_inline_pairs(t, table);
        if (r < 0)
                return r;
        t->p++;
        *ret = TAKE_PTR(table->object);
        return 0;
}

static int read_text(Toml *t, json_t **ret)
{
        _cleanup_free_ char *s = NULL;
        int r = read_string(t, true, &s);

        if (r < 0)
                return r;
        *ret = json_string(s);
        return *ret ? 0 : -ENOMEM;
}

static int read_value(Toml *t, json_t **ret)
{
        int r;

        if (++t->depth > TOML_DEPTH_MAX)
                return fail(t, "nested too deeply");
        switch (peek(t, 0)) {
        case '"':
        case '\'':
                r = read_text(t, ret);
                break;
        case '[':
                r = read_array(t, ret);
                break;
        case '{':
                r = read_inline_table(t, ret);
                break;
        default:
                r = read_word(t, ret);
        }
        t->depth--;
        return r;
}

static int read_document(Toml *t, Table *root)
{
        Table *table = root;

        for (;;) {
                int r = skip_lines(t);

                if (r < 0 || t->p >= t->end)
                        return r;
                r = *t->p == '[' ? read_header(t, root, &table) : read_pair(t, table);
                if (r >= 0)
                        r = end_line(t);
                if (r < 0)
                        return r;
        }
}

int toml_parse(const char *text, size_t size, json_t **ret, char **ret_error)
{
        _cleanup_(table_freep) Table *root = calloc(1, sizeof(Table));
        Toml t = {.p = text, .end = text + size, .line = 1};
        int r;

        if (size > TOML_SIZE_MAX)
                return -EFBIG;
        if (!root)
                return -ENOMEM;
        root->object = json_object();
        if (!root->object)
                return -ENOMEM;
        if (memchr(text, 0, size) || !str_is_utf8(text, size))
                r = fail(&t, "a file that is not UTF-8 text");
        else
                r = read_document(&t, root);
        if (r >= 0)
                *ret = TAKE_PTR(root->object);
        if (r < 0 && ret_error)
                *ret_error = TAKE_PTR(t.error);
        free(t.error);
        return r;
}
