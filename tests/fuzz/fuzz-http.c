/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The head of an answer, line by line, and where its Location leads: to an http or https URL without a user,
 * or nowhere. */

#include "base/str.h"
#include "engine/http.h"
#include "fuzz.h"

#define BASE "https://registry.example/v2/a/b/manifests/1"

static void check_location(const char *location)
{
        _cleanup_free_ char *url = NULL, *origin = NULL, *again = NULL, *host = NULL;

        if (http_resolve(BASE, location, &url) < 0)
                return;
        MUST(http_origin(url, &origin) >= 0);
        MUST(startswith(origin, "https://") || startswith(origin, "http://"));
        MUST(!strchr(origin, '@') && !str_has_control(url));
        MUST(http_origin(origin, &again) >= 0 && streq(origin, again));
        MUST(http_host(url, &host) >= 0 && strstr(origin, host));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_http_response_ HttpResponse response = {};
        const char *text = (const char *) data, *end = text + size;
        int r = 0;

        while (r >= 0 && text < end) {
                const char *line = memchr(text, '\n', (size_t) (end - text));
                size_t length = line ? (size_t) (line - text) + 1 : (size_t) (end - text);

                r = http_response_line(&response, text, length);
                MUST(r >= 0 || response.headers_size > HTTP_HEADERS_MAX);
                text += length;
        }
        MUST(response.status < 1000);
        if (response.headers[HTTP_LOCATION])
                check_location(response.headers[HTTP_LOCATION]);
        return 0;
}
