/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Strings come in as bytes that a stranger chose and leave as text that is safe where it goes: as words of a
 * unit file, as a line on a terminal. Buffers are sized for the worst case before the first byte is written
 * (an escape makes at most four bytes of one), so that no loop below has to grow anything. */

#include <ctype.h>
#include <stdarg.h>

#include "base/array.h"
#include "base/str.h"

#define BLANKS " \t\n\r"
#define ESCAPED_MAX 4

char **strv_free(char **l)
{
        STRV_FOREACH(s, l)
                free(*s);
        free(l);
        return NULL;
}

size_t strv_length(char *const *l)
{
        size_t n = 0;

        while (l && l[n])
                n++;
        return n;
}

/* Appends s itself to a list that only this function made, so that a long one is neither walked nor copied
 * for each of its elements. */
static int append_counted(char ***l, size_t *n, char *s)
{
        if (!s || !GROW(*l, *n + 1)) {
                free(s);
                return -ENOMEM;
        }
        (*l)[(*n)++] = s;
        (*l)[*n] = NULL;
        return 0;
}

int strv_copy(char *const *l, char ***ret)
{
        _cleanup_strv_ char **copy = NULL;

        if (l) {
                copy = calloc(strv_length(l) + 1, sizeof(char *));
                if (!copy)
                        return -ENOMEM;
        }
        for (size_t i = 0; l && l[i]; i++) {
                copy[i] = strdup(l[i]);
                if (!copy[i])
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(copy);
        return 0;
}

bool strv_equal(char *const *a, char *const *b)
{
        size_t n = strv_length(a);

        if (n != strv_length(b))
                return false;
        for (size_t i = 0; i < n; i++)
                if (!streq(a[i], b[i]))
                        return false;
        return true;
}

bool strv_contains(char *const *l, const char *s)
{
        for (; l && *l; l++)
                if (streq(*l, s))
                        return true;
        return false;
}

int strv_consume(char ***l, char *s)
{
        size_t n = strv_length(*l);
        char **larger = s ? reallocarray(*l, n + 2, sizeof(char *)) : NULL;

        if (!larger) {
                free(s);
                return -ENOMEM;
        }
        larger[n] = s;
        larger[n + 1] = NULL;
        *l = larger;
        return 0;
}

int strv_append(char ***l, const char *s)
{
        return strv_consume(l, strdup(s));
}

int strv_extend(char ***l, char *const *b)
{
        size_t n = strv_length(*l), m = strv_length(b);
        char **larger, **copy;
        int r;

        if (m == 0)
                return 0;
        r = strv_copy(b, &copy);
        if (r < 0)
                return r;
        larger = reallocarray(*l, n + m + 1, sizeof(char *));
        if (!larger) {
                strv_free(copy);
                return -ENOMEM;
        }
        memcpy(larger + n, copy, (m + 1) * sizeof(char *));
        free(copy);
        *l = larger;
        return 0;
}

char *strv_join(char *const *l, const char *sep)
{
        size_t size = 1;
        char *joined, *p;

        for (char *const *s = l; s && *s; s++)
                size += strlen(*s) + strlen(sep);
        p = joined = malloc(size);
        if (!joined)
                return NULL;
        for (char *const *s = l; s && *s; s++)
                p = stpcpy(stpcpy(p, s == l ? "" : sep), *s);
        *p = '\0';
        return joined;
}

int strv_split(const char *s, const char *seps, char ***ret)
{
        _cleanup_strv_ char **l = NULL;
        size_t n = 0;
        int r;

        for (s += strspn(s, seps); *s; s += strspn(s, seps)) {
                size_t length = strcspn(s, seps);

                r = append_counted(&l, &n, strndup(s, length));
                if (r < 0)
                        return r;
                s += length;
        }
        *ret = TAKE_PTR(l);
        return 0;
}

/* The length of the one character that begins s, 0 when it is no UTF-8: too short, overlong, a surrogate or
 * beyond U+10FFFF. */
static size_t utf8_length(const char *s, size_t size, uint32_t *ret)
{
        static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
        const unsigned char *p = (const unsigned char *) s;
        size_t n = *p < 0x80 ? 1 : *p < 0xc0 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : *p < 0xf8 ? 4 : 0;
        uint32_t c = n <= 1 ? *p : *p & (0x7f >> n);

        if (n == 0 || n > size)
                return 0;
        for (size_t i = 1; i < n; i++) {
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (p[i] & 0x3f);
        }
        if (c < smallest[n] || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
                return 0;
        *ret = c;
        return n;
}

static char *utf8_put(char *p, uint32_t c)
{
        if (c < 0x80) {
                *p++ = (char) c;
        } else if (c < 0x800) {
                *p++ = (char) (0xc0 | c >> 6);
                *p++ = (char) (0x80 | (c & 0x3f));
        } else if (c < 0x10000) {
                *p++ = (char) (0xe0 | c >> 12);
                *p++ = (char) (0x80 | (c >> 6 & 0x3f));
                *p++ = (char) (0x80 | (c & 0x3f));
        } else {
                *p++ = (char) (0xf0 | c >> 18);
                *p++ = (char) (0x80 | (c >> 12 & 0x3f));
                *p++ = (char) (0x80 | (c >> 6 & 0x3f));
                *p++ = (char) (0x80 | (c & 0x3f));
        }
        return p;
}

/* The length of the printable character that begins s; 0: its first byte must not be shown raw. */
static size_t printable_length(const char *s, size_t size)
{
        uint32_t c;
        size_t n = utf8_length(s, size, &c);

        return n == 0 || c < 0x20 || (c >= 0x7f && c < 0xa0) ? 0 : n;
}

bool str_is_utf8(const char *s, size_t size)
{
        uint32_t c;

        for (size_t n; size > 0; s += n, size -= n) {
                n = utf8_length(s, size, &c);
                if (n == 0)
                        return false;
        }
        return true;
}

bool str_has_control(const char *s)
{
        for (size_t n, size = strlen(s); size > 0; s += n, size -= n) {
                n = printable_length(s, size);
                if (n == 0)
                        return true;
        }
        return false;
}

static char *put_hex_escape(char *p, unsigned char byte)
{
        static const char digits[] = "0123456789abcdef";

        *p++ = '\\';
        *p++ = 'x';
        *p++ = digits[byte >> 4];
        *p++ = digits[byte & 15];
        return p;
}

/* Writes s to p with everything unprintable as \xHH and the characters of special behind a backslash. */
static char *put_escaped(char *p, const char *s, const char *special)
{
        for (size_t n, size = strlen(s); size > 0; s += n, size -= n) {
                n = printable_length(s, size);
                if (n == 0) {
                        p = put_hex_escape(p, (unsigned char) *s);
                        n = 1;
                        continue;
                }
                if (strchr(special, *s))
                        *p++ = '\\';
                p = mempcpy(p, s, n);
        }
        return p;
}

char *str_escape(const char *s)
{
        char *escaped = malloc(ESCAPED_MAX * strlen(s) + 1);

        if (escaped)
                *put_escaped(escaped, s, "") = '\0';
        return escaped;
}

/* Reads digits of a number that stands for a character; *s moves behind them. */
static int read_code(const char **s, size_t digits, unsigned base, uint32_t *ret)
{
        uint32_t c = 0;

        for (size_t i = 0; i < digits; i++, (*s)++) {
                unsigned digit = isdigit((unsigned char) **s)    ? (unsigned) (**s - '0')
                                 : isxdigit((unsigned char) **s) ? (unsigned) ((**s | 0x20) - 'a' + 10)
                                                                 : base;

                if (digit >= base)
                        return -EINVAL;
                c = c * base + digit;
        }
        *ret = c;
        return 0;
}

/* Resolves the escape behind a backslash at *s. The codes are those of systemd; a NUL cannot be part of a
 * string. */
static int unescape(const char **s, char **p)
{
        static const char letters[] = "a\ab\bf\fn\nr\rt\tv\vs \\\\\"\"''";
        uint32_t c;
        int r;

        for (const char *l = letters; *l; l += 2)
                if (**s == *l) {
                        *(*p)++ = l[1];
                        (*s)++;
                        return 0;
                }

        if (**s == 'x' || **s == 'u' || **s == 'U') {
                char kind = *(*s)++;

                r = read_code(s, kind == 'x' ? 2 : kind == 'u' ? 4 : 8, 16, &c);
                if (r < 0 || c == 0)
                        return -EINVAL;
                if (kind != 'x') {
                        if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                                return -EINVAL;
                        *p = utf8_put(*p, c);
                        return 0;
                }
        } else {
                r = read_code(s, 3, 8, &c);
                if (r < 0 || c == 0 || c > 0xff)
                        return -EINVAL;
        }
        *(*p)++ = (char) c;
        return 0;
}

/* Copies one word from *s to p without its quotes and escapes and terminates it. An escape is never shorter
 * than the text it stands for, so p needs no more room than the rest of s. */
static int read_word(const char **s, char *p)
{
        char quote = '\0';
        int r;

        while (**s && (quote || !strchr(BLANKS, **s))) {
                char c = *(*s)++;

                if (c == '\\') {
                        r = unescape(s, &p);
                        if (r < 0)
                                return r;
                } else if (quote ? c == quote : c == '"' || c == '\'') {
                        quote = quote ? '\0' : c;
                } else {
                        *p++ = c;
                }
        }
        *p = '\0';
        return quote ? -EINVAL : 0;
}

int words_split(const char *s, char ***ret)
{
        _cleanup_strv_ char **l = NULL;
        _cleanup_free_ char *word = malloc(strlen(s) + 1);
        size_t n = 0;
        int r;

        if (!word)
                return -ENOMEM;
        for (s += strspn(s, BLANKS); *s; s += strspn(s, BLANKS)) {
                r = read_word(&s, word);
                if (r < 0)
                        return r;
                r = append_counted(&l, &n, strdup(word));
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(l);
        return 0;
}

char *words_join(char *const *l)
{
        size_t size = 1;
        char *joined, *p;

        for (char *const *s = l; s && *s; s++)
                size += ESCAPED_MAX * strlen(*s) + strlen(" \"\"");
        p = joined = malloc(size);
        if (!joined)
                return NULL;
        for (char *const *s = l; s && *s; s++) {
                bool plain = **s && !strpbrk(*s, BLANKS "\"'\\") && !str_has_control(*s);

                p = stpcpy(p, s == l ? "" : " ");
                p = stpcpy(p, plain ? "" : "\"");
                p = put_escaped(p, *s, "\"\\");
                p = stpcpy(p, plain ? "" : "\"");
        }
        *p = '\0';
        return joined;
}

char *str_printf(const char *format, ...)
{
        va_list ap;
        char *s;
        int r;

        va_start(ap, format);
        r = vasprintf(&s, format, ap);
        va_end(ap);
        return r < 0 ? NULL : s;
}

int str_replace(char **s, const char *value)
{
        char *copy = NULL;

        if (value) {
                copy = strdup(value);
                if (!copy)
                        return -ENOMEM;
        }
        free(*s);
        *s = copy;
        return 0;
}

#define NEAREST_LENGTH_MAX 64U

/* Edits (insert, remove, replace, swap two neighbours) that make b of a; case costs nothing. Of the usual
 * matrix three rows are kept. */
static unsigned edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
        unsigned rows[3][NEAREST_LENGTH_MAX + 1];

        for (size_t j = 0; j <= b_length; j++)
                rows[0][j] = (unsigned) j;
        for (size_t i = 1; i <= a_length; i++) {
                unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];

                row[0] = (unsigned) i;
                for (size_t j = 1; j <= b_length; j++) {
                        bool same = tolower((unsigned char) a[i - 1]) == tolower((unsigned char) b[j - 1]);

                        row[j] = MIN(above[j], row[j - 1]) + 1;
                        row[j] = MIN(row[j], above[j - 1] + !same);
                        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                                row[j] = MIN(row[j], before[j - 2] + 1);
                }
        }
        return rows[a_length % 3][b_length];
}

const char *str_nearest(const char *s, const char *(*next)(size_t i))
{
        size_t length = strlen(s);
        unsigned least = (unsigned) MIN(length / 3 + 1, 4U) + 1;
        const char *nearest = NULL, *candidate;

        if (length == 0 || length > NEAREST_LENGTH_MAX)
                return NULL;
        for (size_t i = 0; (candidate = next(i)); i++) {
                size_t n = strlen(candidate);
                unsigned distance;

                if (n > NEAREST_LENGTH_MAX)
                        continue;
                distance = edit_distance(s, length, candidate, n);
                if (distance < least && distance < MAX(length, n)) {
                        least = distance;
                        nearest = candidate;
                }
        }
        return nearest;
}
