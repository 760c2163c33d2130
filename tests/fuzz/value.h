/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Structure-aware changes: each value of a document, however deep, is taken away and replaced by values of
 * every other kind, one at a time, and the whole document tried. */

#include "base/json.h"
#include "fuzz.h"

#define LONG_TEXT 70000U

typedef void (*ValueTry)(const json_t *document);

static inline json_t *value_long_text(void)
{
        _cleanup_free_ char *text = malloc(LONG_TEXT + 1);

        MUST(text);
        memset(text, 'x', LONG_TEXT);
        text[0] = '/';
        text[LONG_TEXT] = '\0';
        return json_string(text);
}

/* NULL after the last. old is what was there. */
static inline json_t *value_change(unsigned i, json_t *old)
{
        switch (i) {
        case 0:
                return json_null();
        case 1:
                return json_true();
        case 2:
                return json_integer(0);
        case 3:
                return json_integer(-1);
        case 4:
                return json_integer(1);
        case 5:
                return json_integer(UINT32_MAX);
        case 6:
                return json_integer(INT64_C(1) << 32);
        case 7:
                return json_integer(INT64_MAX);
        case 8:
                return json_integer(INT64_MIN);
        case 9:
                return json_real(1.5);
        case 10:
                return json_string("");
        case 11:
                return json_string("x");
        case 12:
                return json_string("../..");
        case 13:
                return json_string("/a//../b/");
        case 14:
                return json_string("18446744073709551615");
        case 15:
                return value_long_text();
        case 16:
                return json_array();
        case 17:
                return json_object();
        case 18:
                return json_pack("[n]");
        case 19:
                return json_pack("[O, O]", old, old);
        case 20:
                return json_pack("{s:O}", "", old);
        case 21:
                return json_pack("{s:n, s:n}", "a/b", "a\nb");
        default:
                return NULL;
        }
}

static inline unsigned value_sweep(json_t *document, json_t *node, ValueTry try);

static inline unsigned value_sweep_object(json_t *document, json_t *node, ValueTry try)
{
        _cleanup_json_ json_t *copy = json_copy(node);
        unsigned n = 0;
        const char *key;
        json_t *old, *new;

        json_object_foreach(copy, key, old)
        {
                for (unsigned i = 0; (new = value_change(i, old)); i++, n++) {
                        MUST(json_object_set_new(node, key, new) == 0);
                        try(document);
                }
                MUST(json_object_del(node, key) == 0);
                try(document);
                MUST(json_object_set(node, key, old) == 0);
                n += value_sweep(document, old, try);
        }
        return n;
}

static inline unsigned value_sweep_array(json_t *document, json_t *node, ValueTry try)
{
        unsigned n = 0;

        for (size_t at = 0; at < json_array_size(node); at++) {
                _cleanup_json_ json_t *old = json_incref(json_array_get(node, at));
                json_t *new;

                for (unsigned i = 0; (new = value_change(i, old)); i++, n++) {
                        MUST(json_array_set_new(node, at, new) == 0);
                        try(document);
                }
                MUST(json_array_set(node, at, old) == 0);
                n += value_sweep(document, old, try);
        }
        return n;
}

/* Returns how many changes were tried. The document is as before. */
static inline unsigned value_sweep(json_t *document, json_t *node, ValueTry try)
{
        if (json_is_object(node))
                return value_sweep_object(document, node, try);
        return json_is_array(node) ? value_sweep_array(document, node, try) : 0;
}
