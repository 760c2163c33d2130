/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whatever the words (one per line, the first is the verb), a command line is read or refused with a reason.
 */

#include "base/str.h"
#include "fuzz.h"
#include "prog/ctl-option.h"

static void parse(char **words)
{
        Ctl c = {};
        size_t used;
        int r;

        c.verb = verb_find(words, &used);
        if (!c.verb) {
                MUST(verb_unknown(&c, words) < 0 && c.error.message);
                error_done(&c.error);
                return;
        }
        r = options_parse(&c, words + used);
        MUST(r <= 1);
        MUST((r < 0) == (c.error.kind != ERROR_NONE));
        for (size_t i = 0; r == 0 && c.args[i]; i++)
                MUST(i < c.verb->max);
        options_done(&c);
        error_done(&c.error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = strndup((const char *) data, size);
        _cleanup_free_ char **order = NULL;
        _cleanup_strv_ char **words = NULL;
        size_t n;

        MUST(text && strv_split(text, "\n", &words) == 0);
        n = strv_length(words);
        if (n == 0)
                return 0;
        order = calloc(n + 1, sizeof(char *));
        MUST(order);
        memcpy(order, words, n * sizeof(char *));
        parse(order);
        return 0;
}
