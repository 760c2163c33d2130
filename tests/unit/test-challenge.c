/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What registries say about how to get in and where a list goes on. */

#include "base/str.h"
#include "spec/challenge.h"
#include "test.h"

TEST(bearer)
{
        static const struct {
                const char *text, *realm, *service, *scope;
        } rows[] = {
                {"Bearer realm=\"https://a/token\",service=\"s\",scope=\"repository:a/b:pull,push\"",
                 "https://a/token", "s", "repository:a/b:pull,push"},
                {"bearer  Realm = \"x\" , SERVICE=y", "x", "y", NULL},
                {"BEARER realm=\"a\\\"b\\\\c\"", "a\"b\\c", NULL, NULL},
                {"Basic realm=\"r\", Bearer realm=\"https://t\", scope=\"\"", "https://t", NULL, ""},
                {"Negotiate, Bearer realm=t", "t", NULL, NULL},
                {"Negotiate a68tok==, Bearer realm=t,unknown=\"x, y=z\",service=s", "t", "s", NULL},
                {"Bearer", NULL, NULL, NULL},
                {", ,Bearer realm=t,,service=s,", "t", "s", NULL},
        };

        FOREACH_ELEMENT(row, rows) {
                _cleanup_challenges_ Challenges list = {};
                const Challenge *c;

                CHECK_OK(challenges_parse(row->text, &list));
                c = challenges_find(&list, CHALLENGE_BEARER);
                CHECK(c);
                CHECK(streq_ptr(c->realm, row->realm));
                CHECK(streq_ptr(c->service, row->service));
                CHECK(streq_ptr(c->scope, row->scope));
        }
}

TEST(basic)
{
        _cleanup_challenges_ Challenges list = {};

        CHECK_OK(challenges_parse("Basic realm=\"Registry Realm\"", &list));
        CHECK_EQ(list.n, (size_t) 1);
        CHECK(!challenges_find(&list, CHALLENGE_BEARER));
        CHECK_STREQ(challenges_find(&list, CHALLENGE_BASIC)->realm, "Registry Realm");
}

TEST(refused)
{
        static const char *const rows[] = {
                "Bearer realm=\"open",
                "Bearer realm=\"a\" junk",
                "Bearer realm=\"a\",realm=\"b\"",
                "Bearer realm=\"a\nb\"",
                "Bearer realm=\"a\\",
                "=x",
                "Bearer; realm=x",
                "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r",
        };

        FOREACH_ELEMENT(row, rows) {
                Challenges list = {};

                CHECK_EQ(challenges_parse(*row, &list), -EINVAL);
                CHECK(!list.list);
        }
}

TEST(length)
{
        _cleanup_free_ char *text = malloc(CHALLENGE_LENGTH_MAX + 2);
        Challenges list = {};

        CHECK(text);
        memset(text, 'a', CHALLENGE_LENGTH_MAX + 1);
        text[CHALLENGE_LENGTH_MAX + 1] = '\0';
        CHECK_EQ(challenges_parse(text, &list), -EINVAL);
        CHECK_EQ(link_next(text, &(char *){NULL}), -EINVAL);
}

TEST(link)
{
        static const struct {
                const char *text, *next; /* NULL: none */
        } rows[] = {
                {"</v2/a/tags/list?n=2&last=b>; rel=\"next\"", "/v2/a/tags/list?n=2&last=b"},
                {"<u>;rel=next", "u"},
                {"<u> ; title=\"a, b; c\" ; REL=\"prev Next\"", "u"},
                {"<a>; rel=\"prev\", <b>; rel=\"next\", <c>; rel=\"next\"", "b"},
                {"<a>; rel=\"nextish\"", NULL},
                {"<a>", NULL},
                {"", NULL},
                {"<>; rel=next", ""},
        };

        FOREACH_ELEMENT(row, rows) {
                _cleanup_free_ char *next = NULL;

                CHECK_OK(link_next(row->text, &next));
                CHECK(streq_ptr(next, row->next));
        }
}

TEST(link_refused)
{
        static const char *const rows[] = {"a; rel=next", "<a; rel=next", "<a> rel=next", "<a>; rel=\"next",
                                           "<a\tb\001>; rel=next"};

        FOREACH_ELEMENT(row, rows)
                CHECK_EQ(link_next(*row, &(char *){NULL}), -EINVAL);
}
