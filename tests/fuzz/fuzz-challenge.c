/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WWW-Authenticate and Link: what is taken out of them is a part of them, without control characters. */

#include "base/str.h"
#include "fuzz.h"
#include "spec/challenge.h"

static void check_text(const char *s, const char *from)
{
        MUST(!s || (!str_has_control(s) && strlen(s) < strlen(from)));
}

static void check_challenges(const char *text)
{
        _cleanup_challenges_ Challenges list = {};

        if (challenges_parse(text, &list) < 0)
                return;
        MUST(strlen(text) <= CHALLENGE_LENGTH_MAX && list.n <= CHALLENGES_MAX);
        for (size_t i = 0; i < list.n; i++) {
                check_text(list.list[i].realm, text);
                check_text(list.list[i].service, text);
                check_text(list.list[i].scope, text);
                check_text(list.list[i].error, text);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = strndup((const char *) data, size), *next = NULL;

        MUST(text);
        check_challenges(text);
        if (link_next(text, &next) >= 0)
                check_text(next, text);
        return 0;
}
