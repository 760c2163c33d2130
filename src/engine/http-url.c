/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* URLs as libcurl reads them, so that what is compared and what is connected to are the same; and kinds of
 * addresses. */

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/str.h"
#include "engine/http.h"

static int url_open(const char *text, CURLU **ret)
{
        CURLU *u;

        if (strlen(text) > HTTP_URL_MAX)
                return -EINVAL;
        for (const char *s = text; *s; s++)
                if (*s <= ' ' || *s >= 0x7f)
                        return -EINVAL;
        u = curl_url();
        if (!u)
                return -ENOMEM;
        if (curl_url_set(u, CURLUPART_URL, text, CURLU_DISALLOW_USER) != CURLUE_OK) {
                curl_url_cleanup(u);
                return -EINVAL;
        }
        *ret = u;
        return 0;
}

static void url_closep(CURLU **u)
{
        curl_url_cleanup(*u);
}
#define _cleanup_url_ _cleanup_(url_closep)

static int url_part(CURLU *u, CURLUPart part, char **ret)
{
        char *text = NULL;

        if (curl_url_get(u, part, &text, CURLU_DEFAULT_PORT) != CURLUE_OK)
                return -EINVAL;
        *ret = strdup(text);
        curl_free(text);
        return *ret ? 0 : -ENOMEM;
}

static bool scheme_is_ours(const char *scheme)
{
        return streq(scheme, "https") || streq(scheme, "http");
}

static void lower(char *s)
{
        for (; *s; s++)
                if (*s >= 'A' && *s <= 'Z')
                        *s = (char) (*s - 'A' + 'a');
}

/* Lower-case, and nothing in it that could be read in two ways: libcurl takes "%66" for "f". */
static int url_host(CURLU *u, char **ret)
{
        _cleanup_free_ char *host = NULL;
        int r = url_part(u, CURLUPART_HOST, &host);

        if (r < 0)
                return r;
        lower(host);
        if (host[strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789-._:[]")])
                return -EINVAL;
        *ret = TAKE_PTR(host);
        return 0;
}

static int url_origin(CURLU *u, char **ret)
{
        _cleanup_free_ char *scheme = NULL, *host = NULL, *port = NULL;
        int r = url_part(u, CURLUPART_SCHEME, &scheme);

        if (r >= 0)
                r = url_host(u, &host);
        if (r >= 0)
                r = url_part(u, CURLUPART_PORT, &port);
        if (r < 0)
                return r;
        if (!scheme_is_ours(scheme))
                return -EINVAL;
        *ret = str_printf("%s://%s:%s", scheme, host, port);
        return *ret ? 0 : -ENOMEM;
}

int http_origin(const char *url, char **ret)
{
        _cleanup_url_ CURLU *u = NULL;
        int r = url_open(url, &u);

        return r < 0 ? r : url_origin(u, ret);
}

int http_host(const char *url, char **ret)
{
        _cleanup_url_ CURLU *u = NULL;
        int r = url_open(url, &u);

        return r < 0 ? r : url_host(u, ret);
}

int http_resolve(const char *base, const char *target, char **ret)
{
        _cleanup_free_ char *origin = NULL, *full = NULL;
        _cleanup_url_ CURLU *u = NULL;
        char *text = NULL;
        int r = url_open(base, &u);

        if (r < 0)
                return r;
        if (strlen(target) > HTTP_URL_MAX ||
            curl_url_set(u, CURLUPART_URL, target, CURLU_DISALLOW_USER) != CURLUE_OK ||
            curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK ||
            curl_url_get(u, CURLUPART_URL, &text, 0) != CURLUE_OK)
                return -EINVAL;
        full = strdup(text);
        curl_free(text);
        if (!full)
                return -ENOMEM;
        r = http_origin(full, &origin);
        if (r >= 0)
                *ret = TAKE_PTR(full);
        return r;
}

time_t http_date(const char *text)
{
        return curl_getdate(text, NULL);
}

char *http_escape(const char *s)
{
        char *escaped = curl_easy_escape(NULL, s, 0), *copy = escaped ? strdup(escaped) : NULL;

        curl_free(escaped);
        return copy;
}

int http_site_init(HttpSite *site, const char *host)
{
        _cleanup_free_ char *secure = str_printf("https://%s", host), *plain = str_printf("http://%s", host);
        int r = secure && plain ? http_origin(secure, &site->secure) : -ENOMEM;

        if (r >= 0)
                r = http_origin(plain, &site->plain);
        return r < 0 ? r : http_host(secure, &site->name);
}

void http_site_done(HttpSite *site)
{
        free(TAKE_PTR(site->secure));
        free(TAKE_PTR(site->plain));
        free(TAKE_PTR(site->name));
}

bool http_site_is_own(const HttpSite *site, const char *url, bool or_plain)
{
        _cleanup_free_ char *origin = NULL;

        return http_origin(url, &origin) >= 0 &&
               (streq(origin, site->secure) || (or_plain && streq(origin, site->plain)));
}

static AddressClass class_of_v4(uint32_t a)
{
        static const struct {
                uint32_t network;
                unsigned bits;
                AddressClass class;
        } networks[] = {
                {0x00000000, 8, ADDRESS_LOOPBACK}, /* "this host" */
                {0x7f000000, 8, ADDRESS_LOOPBACK},   {0xa9fe0000, 16, ADDRESS_LINK_LOCAL},
                {0x0a000000, 8, ADDRESS_PRIVATE},    {0xac100000, 12, ADDRESS_PRIVATE},
                {0xc0a80000, 16, ADDRESS_PRIVATE},   {0x64400000, 10, ADDRESS_PRIVATE},
                {0xe0000000, 3, ADDRESS_LINK_LOCAL}, /* multicast and what is reserved */
        };

        FOREACH_ELEMENT(row, networks)
                if ((a ^ row->network) >> (32 - row->bits) == 0)
                        return row->class;
        return ADDRESS_PUBLIC;
}

static uint32_t last_word(const struct in6_addr *a)
{
        uint32_t word;

        memcpy(&word, a->s6_addr + 12, sizeof(word));
        return ntohl(word);
}

static AddressClass class_of_v6(const struct in6_addr *a)
{
        static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};

        if (IN6_IS_ADDR_LOOPBACK(a) || IN6_IS_ADDR_UNSPECIFIED(a))
                return ADDRESS_LOOPBACK;
        if (IN6_IS_ADDR_V4MAPPED(a) || IN6_IS_ADDR_V4COMPAT(a) || memcmp(a, nat64, sizeof(nat64)) == 0)
                return class_of_v4(last_word(a));
        if (IN6_IS_ADDR_LINKLOCAL(a) || IN6_IS_ADDR_MULTICAST(a))
                return ADDRESS_LINK_LOCAL;
        if ((a->s6_addr[0] & 0xfe) == 0xfc || IN6_IS_ADDR_SITELOCAL(a))
                return ADDRESS_PRIVATE;
        return ADDRESS_PUBLIC;
}

AddressClass address_class(const struct sockaddr *address)
{
        if (address->sa_family == AF_INET)
                return class_of_v4(
                        ntohl(((const struct sockaddr_in *) (const void *) address)->sin_addr.s_addr));
        if (address->sa_family == AF_INET6)
                return class_of_v6(&((const struct sockaddr_in6 *) (const void *) address)->sin6_addr);
        return ADDRESS_LINK_LOCAL;
}
