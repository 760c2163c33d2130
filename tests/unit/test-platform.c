/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Platforms: their texts, and which of several offers is taken. */

#include "base/str.h"
#include "spec/platform.h"
#include "test.h"

TEST(platform_texts)
{
        static const struct {
                const char *text;
                const char *canonical; /* NULL: refused */
        } rows[] = {
                {"linux/arm64/v8", "linux/arm64/v8"},
                {"linux/aarch64", "linux/arm64"},
                {"arm64", "linux/arm64"},
                {"arm64/v8", "linux/arm64/v8"},
                {"linux", NULL},
                {"arm/v7/x", "arm/v7/x"},
                {"armhf", "linux/arm/v7"},
                {"linux/armv7l", "linux/arm/v7"},
                {"linux/armhf/v6", "linux/arm/v6"},
                {"x86_64", "linux/amd64"},
                {"windows/amd64", "windows/amd64"},
                {"", NULL},
                {"/", NULL},
                {"linux/", NULL},
                {"linux//v7", NULL},
                {"linux/arm/v7/x", NULL},
                {"linux/ar m", NULL},
                {"linux/ar\nm", NULL},
        };

        FOREACH_ELEMENT(row, rows) {
                _cleanup_platform_ Platform p = {};
                _cleanup_free_ char *text = NULL;

                if (!row->canonical) {
                        CHECK(platform_parse(row->text, &p) == -EINVAL);
                        continue;
                }
                CHECK_OK(platform_parse(row->text, &p));
                text = platform_text(&p);
                CHECK_STREQ(text, row->canonical);
        }
}

TEST(platform_rank_orders_offers)
{
        static const struct {
                const char *want;
                const char *os;
                const char *architecture;
                const char *variant;
                int rank;
        } rows[] = {
                {"linux/amd64", "linux", "amd64", NULL, 0},
                {"linux/amd64", "linux", "amd64", "v1", 0},
                {"linux/amd64", "linux", "amd64", "v3", -ENOENT},
                {"linux/amd64/v3", "linux", "amd64", "v2", 1},
                {"linux/amd64", "linux", "arm64", NULL, -ENOENT},
                {"linux/amd64", "windows", "amd64", NULL, -ENOENT},
                {"linux/amd64", NULL, NULL, NULL, 100},
                {"linux/arm/v7", "linux", "arm", "v7", 0},
                {"linux/arm/v7", "linux", "arm", "v6", 1},
                {"linux/arm/v7", "linux", "arm", "v5", 2},
                {"linux/arm/v6", "linux", "arm", "v7", -ENOENT},
                {"linux/arm/v7", "linux", "arm", NULL, 0},
                {"linux/arm64", "linux", "arm64", "v8", 0},
                {"linux/arm64/v8", "linux", "arm64", NULL, 0},
                {"linux/s390x", "linux", "s390x", NULL, 0},
                {"linux/s390x", "linux", "s390x", "z15", 1},
                {"linux/s390x/z15", "linux", "s390x", "z14", -ENOENT},
        };

        FOREACH_ELEMENT(row, rows) {
                _cleanup_platform_ Platform want = {};

                CHECK_OK(platform_parse(row->want, &want));
                CHECK(platform_rank(&want, row->os, row->architecture, row->variant) == row->rank);
        }
}

TEST(platform_of_this_machine)
{
        _cleanup_platform_ Platform p = {};

        CHECK_OK(platform_host(&p));
        CHECK_STREQ(p.os, "linux");
        CHECK(platform_rank(&p, p.os, p.architecture, NULL) >= 0);
}
