/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* URLs, addresses and heads of answers; what needs a server is tested in tests/integration/registry-*.sh. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/str.h"
#include "engine/http.h"
#include "test.h"

static AddressClass class_of(const char *text)
{
        struct sockaddr_in v4 = {.sin_family = AF_INET};
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

        if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
                return address_class((struct sockaddr *) &v4);
        CHECK_EQ(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
        return address_class((struct sockaddr *) &v6);
}

TEST(addresses)
{
        static const struct {
                const char *text;
                AddressClass class;
        } rows[] = {
                {"1.1.1.1", ADDRESS_PUBLIC},
                {"203.0.113.1", ADDRESS_PUBLIC},
                {"126.255.255.255", ADDRESS_PUBLIC},
                {"128.0.0.1", ADDRESS_PUBLIC},
                {"172.15.0.1", ADDRESS_PUBLIC},
                {"172.32.0.1", ADDRESS_PUBLIC},
                {"2001:db8::1", ADDRESS_PUBLIC},
                {"127.0.0.1", ADDRESS_LOOPBACK},
                {"127.255.255.254", ADDRESS_LOOPBACK},
                {"0.0.0.0", ADDRESS_LOOPBACK},
                {"::1", ADDRESS_LOOPBACK},
                {"::", ADDRESS_LOOPBACK},
                {"::ffff:127.0.0.1", ADDRESS_LOOPBACK},
                {"64:ff9b::7f00:1", ADDRESS_LOOPBACK},
                {"10.0.0.1", ADDRESS_PRIVATE},
                {"172.16.0.1", ADDRESS_PRIVATE},
                {"172.31.255.255", ADDRESS_PRIVATE},
                {"192.168.1.1", ADDRESS_PRIVATE},
                {"100.64.0.1", ADDRESS_PRIVATE},
                {"fc00::1", ADDRESS_PRIVATE},
                {"fdff::1", ADDRESS_PRIVATE},
                {"::ffff:10.1.2.3", ADDRESS_PRIVATE},
                {"169.254.169.254", ADDRESS_LINK_LOCAL},
                {"fe80::1", ADDRESS_LINK_LOCAL},
                {"224.0.0.1", ADDRESS_LINK_LOCAL},
                {"255.255.255.255", ADDRESS_LINK_LOCAL},
                {"ff02::1", ADDRESS_LINK_LOCAL},
                {"::ffff:169.254.169.254", ADDRESS_LINK_LOCAL},
        };

        FOREACH_ELEMENT(row, rows)
                if (class_of(row->text) != row->class)
                        test_fail(row->text, 0, "class", NULL, NULL);
}

TEST(origins)
{
        static const struct {
                const char *url, *origin; /* NULL: refused */
        } rows[] = {
                {"https://A.example/v2/", "https://a.example:443"},
                {"http://a.example", "http://a.example:80"},
                {"https://a.example:5000/x?y", "https://a.example:5000"},
                {"https://[::1]:5000/", "https://[::1]:5000"},
                {"http://0251.0376.0251.0376/", "http://169.254.169.254:80"},
                {"http://2130706433/", "http://127.0.0.1:80"},
                {"https://a.example@b.example/", NULL},
                {"https://u:p@b.example/", NULL},
                {"ftp://a.example/", NULL},
                {"file:///etc/passwd", NULL},
                {"/v2/", NULL},
                {"", NULL},
                {"https://a example/", NULL},
                {"https://a.example/\303\251", NULL},
                {"https://a.example/\n", NULL},
                {"https://", NULL},
                {"https://a.example:99999/", NULL},
                {"https://a%2566.example/", NULL},
                {"https://a%25.example/", NULL},
        };

        FOREACH_ELEMENT(row, rows) {
                _cleanup_free_ char *origin = NULL;
                int r = http_origin(row->url, &origin);

                if (!streq_ptr(origin, row->origin) || r != (row->origin ? 0 : -EINVAL))
                        test_fail(row->url, 0, row->origin, strempty(origin), NULL);
        }
}

TEST(resolve)
{
        static const struct {
                const char *target, *url; /* NULL: refused */
        } rows[] = {
                {"/x", "https://a.example/x"},
                {"y", "https://a.example/v2/y"},
                {"?n=1", "https://a.example/v2/list?n=1"},
                {"//b.example/z", "https://b.example/z"},
                {"http://b.example/z", "http://b.example/z"},
                {"https://b.example/z#fragment", "https://b.example/z"},
                {"https://u@b.example/", NULL},
                {"file:///x", NULL},
                {"gopher://b.example/", NULL},
                {"/a b\001", NULL},
        };

        FOREACH_ELEMENT(row, rows) {
                _cleanup_free_ char *url = NULL;
                int r = http_resolve("https://a.example/v2/list", row->target, &url);

                if (!streq_ptr(url, row->url) || r != (row->url ? 0 : -EINVAL))
                        test_fail(row->target, 0, row->url, strempty(url), NULL);
        }
}

static int feed(HttpResponse *r, const char *line)
{
        return http_response_line(r, line, strlen(line));
}

TEST(head)
{
        _cleanup_http_response_ HttpResponse r = {};

        CHECK_OK(feed(&r, "HTTP/1.1 100 Continue\r\n"));
        CHECK_OK(feed(&r, "Location: /old\r\n"));
        CHECK_OK(feed(&r, "HTTP/1.1 401 Unauthorized\r\n"));
        CHECK_EQ(r.status, 401U);
        CHECK(!r.headers[HTTP_LOCATION]);
        CHECK_OK(feed(&r, "www-authenticate: Basic realm=\"a\"\r\n"));
        CHECK_OK(feed(&r, "WWW-Authenticate:Bearer realm=\"b\" \r\n"));
        CHECK_STREQ(r.headers[HTTP_WWW_AUTHENTICATE], "Basic realm=\"a\", Bearer realm=\"b\"");
        CHECK_OK(feed(&r, "Docker-Content-Digest: x\r\n"));
        CHECK_OK(feed(&r, "Docker-Content-Digest: x\r\n"));
        CHECK(!r.conflict);
        CHECK_OK(feed(&r, "Docker-Content-Digest: y\r\n"));
        CHECK(r.conflict);
        CHECK_OK(feed(&r, "no colon\r\n"));
        CHECK_OK(feed(&r, ": nothing\r\n"));
}

TEST(head_is_limited)
{
        _cleanup_http_response_ HttpResponse r = {};
        char line[1024];
        int n = 0;

        memset(line, 'x', sizeof(line));
        while (http_response_line(&r, line, sizeof(line)) >= 0)
                n++;
        CHECK_EQ(n, (int) (HTTP_HEADERS_MAX / sizeof(line)));
}

TEST(site)
{
        HttpSite site = {};

        CHECK_OK(http_site_init(&site, "R.example:5000"));
        CHECK(http_site_is_own(&site, "https://r.example:5000/v2/", false));
        CHECK(!http_site_is_own(&site, "http://r.example:5000/v2/", false));
        CHECK(http_site_is_own(&site, "http://r.example:5000/v2/", true));
        CHECK(!http_site_is_own(&site, "https://r.example/v2/", true));
        CHECK(!http_site_is_own(&site, "https://r.example.evil.example:5000/", true));
        http_site_done(&site);
}
