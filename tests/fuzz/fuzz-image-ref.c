/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is accepted fits the grammar as a regular expression has it, and its canonical form is its own. */

#include <regex.h>

#include "base/str.h"
#include "fuzz.h"
#include "spec/image-ref.h"

#define HOST "[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
#define REGISTRY HOST "(\\." HOST ")*(:[1-9][0-9]{0,4})?"
#define PART "[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*"
#define GRAMMAR                                                                                              \
        "^(" REGISTRY "/)?" PART "(/" PART ")*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$"

static bool fits_grammar(const char *s)
{
        static regex_t grammar;
        static bool compiled;

        if (!compiled)
                MUST(regcomp(&grammar, GRAMMAR, REG_EXTENDED | REG_NOSUB) == 0);
        compiled = true;
        return regexec(&grammar, s, 0, NULL, 0) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = strndup((const char *) data, size), *canonical = NULL, *again = NULL;
        const char *error = NULL;
        int r;

        MUST(text);
        r = image_ref_normalize(text, &canonical, &error);
        if (r < 0) {
                MUST(r == -EINVAL);
                MUST(!isempty(error));
                return 0;
        }
        MUST(fits_grammar(text));
        MUST(fits_grammar(canonical));
        MUST(!str_has_control(canonical));
        MUST(image_ref_normalize(canonical, &again, NULL) == 0);
        MUST(streq(canonical, again));
        return 0;
}
