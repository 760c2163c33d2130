/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What passes the filter of a payload's notifications is a list of known words, and passing it again changes
 * nothing. */

#include "base/str.h"
#include "exec/relay.h"
#include "fuzz.h"

static const char *const words[] = {"READY=1", "STATUS=", "ERRNO=", "STOPPING=1", "WATCHDOG=1"};

static void check_line(const char *line)
{
        bool known = false;

        FOREACH_ELEMENT(w, words)
                known = known || startswith(line, *w);
        MUST(known && !str_has_control(line));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = NULL, *again = NULL;
        _cleanup_strv_ char **lines = NULL;
        int r = relay_filter((const char *) data, size, &text);

        MUST(r >= 0);
        if (!text)
                return 0;
        MUST(strv_split(text, "\n", &lines) >= 0);
        STRV_FOREACH(line, lines)
                check_line(*line);
        MUST(relay_filter(text, strlen(text), &again) == r);
        MUST(streq_ptr(text, again));
        return 0;
}
