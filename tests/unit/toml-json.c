/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* For compare-toml.py: reads documents, each ended by a NUL, and writes a line of JSON, or '!', for each. */

#include "base/toml.h"

int main(void)
{
        _cleanup_free_ char *document = NULL;
        size_t size = 0;
        ssize_t n;

        while ((n = getdelim(&document, &size, '\0', stdin)) > 0) {
                _cleanup_json_ json_t *v = NULL;
                _cleanup_free_ char *text = NULL;

                if (toml_parse(document, (size_t) n - 1, &v, NULL) >= 0)
                        text = json_text(v);
                (void) puts(text ? text : "!");
        }
        return EXIT_SUCCESS;
}
