/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Three bytes are four letters. */

#include "base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const void *data, size_t size)
{
        const uint8_t *d = data;
        char *text = malloc(size / 3 * 4 + 5), *p = text;

        if (!text)
                return NULL;
        for (size_t i = 0; i < size; i += 3) {
                size_t n = MIN(size - i, (size_t) 3);
                uint32_t v = (uint32_t) d[i] << 16 | (n > 1 ? (uint32_t) d[i + 1] << 8 : 0) |
                             (n > 2 ? d[i + 2] : 0U);

                *p++ = alphabet[v >> 18];
                *p++ = alphabet[v >> 12 & 63];
                *p++ = n > 1 ? alphabet[v >> 6 & 63] : '=';
                *p++ = n > 2 ? alphabet[v & 63] : '=';
        }
        *p = '\0';
        return text;
}

static size_t skip_blanks(const char *s)
{
        return strspn(s, " \t\r\n");
}

/* Up to four letters; their number, or -EINVAL. */
static int read_group(const char **text, uint32_t *ret)
{
        uint32_t v = 0;
        int n = 0;

        for (; n < 4; n++) {
                const char *at;

                *text += skip_blanks(*text);
                if (!**text || **text == '=')
                        break;
                at = strchr(alphabet, **text);
                if (!at)
                        return -EINVAL;
                v = v << 6 | (uint32_t) (at - alphabet);
                (*text)++;
        }
        *ret = n > 0 ? v << (6 * (4 - n)) : 0;
        return n;
}

/* What follows the last group of n letters: as much padding as completes it. */
static bool is_end(const char *text, int n)
{
        if (n == 1)
                return false;
        for (; n > 0 && n < 4; n++) {
                text += skip_blanks(text);
                if (*text++ != '=')
                        return false;
        }
        return !text[skip_blanks(text)];
}

int base64_decode(const char *text, void **ret, size_t *ret_size)
{
        uint8_t *data = malloc(strlen(text) / 4 * 3 + 4), *p = data;
        int n;

        if (!data)
                return -ENOMEM;
        do {
                uint32_t v;

                n = read_group(&text, &v);
                for (int i = 1; i < n; i++, v <<= 8)
                        *p++ = (uint8_t) (v >> 16);
                /* Bits that belong to no byte are none. */
                if (n < 0 || (n < 4 && (v & 0xff0000))) {
                        free(data);
                        return -EINVAL;
                }
        } while (n == 4);
        if (!is_end(text, n)) {
                free(data);
                return -EINVAL;
        }
        *p = '\0';
        *ret = data;
        *ret_size = (size_t) (p - data);
        return 0;
}
