/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Words for user namespaces, and the search for a range that nobody has. */

#include "base/str.h"
#include "spec/id-map.h"
#include "store/id-range.h"

#include "test.h"

TEST(maps)
{
        static const struct {
                const char *text;
                LaunchIdMap map;
        } good[] = {
                {"0:100000:65536", {0, 100000, 65536}},
                {"5:6", {5, 6, 1}},
                {"0:@1000:1", {0, 1000, 1}},
                {"0:0:4294967295", {0, 0, 4294967295}},
                {"4294967294:1:1", {4294967294, 1, 1}},
        };
        static const char *const bad[] = {
                "",
                ":",
                "0",
                "0:",
                ":0",
                "0:1:",
                "0::1",
                "0:1:0",
                "0:1:2:3",
                "-1:0:1",
                "0:-1:1",
                "0:0:4294967296",
                "4294967295:0:1",
                "0:4294967295:1",
                "4294967294:0:2",
                "0:4294967294:2",
                "a:0:1",
                "0x1:0:1",
                " 0:0:1",
        };

        FOREACH_ELEMENT(g, good) {
                LaunchIdMap m;

                CHECK_OK(id_map_parse(g->text, &m, NULL));
                CHECK_EQ(m.container_id, g->map.container_id);
                CHECK_EQ(m.host_id, g->map.host_id);
                CHECK_EQ(m.size, g->map.size);
        }
        FOREACH_ELEMENT(b, bad) {
                const char *reason = NULL;
                LaunchIdMap m;

                CHECK_EQ(id_map_parse(*b, &m, &reason), -EINVAL);
                CHECK(reason);
        }
}

TEST(lists)
{
        static char *good[] = {(char *) "0:1000:1", (char *) "1:100000:10", NULL};
        static char *inside[] = {(char *) "0:1000:2", (char *) "1:100000:10", NULL};
        static char *outside[] = {(char *) "0:100009:1", (char *) "1:100000:10", NULL};
        _cleanup_free_ LaunchIdMap *maps = NULL;
        _cleanup_strv_ char **texts = NULL;
        LaunchIdMap *none;
        uint32_t host;
        size_t n;

        CHECK_OK(id_map_list_parse(good, &maps, &n, NULL));
        CHECK_EQ(n, 2);
        CHECK_OK(id_map_list_text(maps, n, &texts));
        CHECK_STREQ(texts[1], "1:100000:10");
        CHECK(id_map_lookup(maps, n, 0, &host) && host == 1000);
        CHECK(id_map_lookup(maps, n, 10, &host) && host == 100009);
        CHECK(!id_map_lookup(maps, n, 11, &host));
        CHECK_EQ(id_map_list_parse(inside, &none, &n, NULL), -EINVAL);
        CHECK_EQ(id_map_list_parse(outside, &none, &n, NULL), -EINVAL);
}

TEST(words)
{
        static const char *const bad[] = {
                "",
                "private",
                "ns:/proc/1/ns/user",
                "autos",
                "auto:size=0",
                "auto:size=x",
                "auto:speed=1",
                "auto:uidmapping=1",
                "host:x",
                "nomap:size=1",
                "keep-id:uid=-1",
                "keep-id:size=1",
        };
        _cleanup_userns_ UserNS u = {};

        CHECK_OK(userns_parse("auto:size=8192,uidmapping=0:1000:1,gidmapping=5:6:2", &u, NULL));
        CHECK_EQ(u.mode, USERNS_AUTO);
        CHECK_EQ(u.size, 8192);
        CHECK_EQ(u.given.n_uids, 1);
        CHECK_EQ(u.given.gids[0].size, 2);
        userns_done(&u);
        CHECK_OK(userns_parse("keep-id:uid=200,gid=210", &u, NULL));
        CHECK(u.mode == USERNS_KEEP_ID && u.has_uid && u.uid == 200 && u.has_gid && u.gid == 210);
        userns_done(&u);
        CHECK_OK(userns_parse("host", &u, NULL));
        CHECK_EQ(u.mode, USERNS_HOST);
        CHECK_OK(userns_parse("nomap", &u, NULL));
        CHECK_EQ(u.mode, USERNS_NOMAP);
        FOREACH_ELEMENT(b, bad)
                CHECK_EQ(userns_parse(*b, &u, NULL), -EINVAL);
}

TEST(ranges_of_a_file)
{
        static const char text[] = "# comment\n"
                                   "alice:100000:65536\n"
                                   "berth:200000:1000\n"
                                   "berth:x:1000\n"
                                   "berth:300000:0\n"
                                   "berth:4294967290:100\n"
                                   "berth:300000\n"
                                   "berth:400000:10:5\n"
                                   "berths:1:1\n"
                                   "berth:500000:2000";
        _cleanup_id_ranges_ IdRanges mine = {}, others = {};

        CHECK_OK(id_ranges_parse(text, "berth", &mine, &others));
        CHECK_EQ(mine.n, 2);
        CHECK_EQ(mine.ranges[1].start, 500000);
        CHECK_EQ(mine.ranges[1].size, 2000);
        CHECK_EQ(others.n, 2);
        CHECK_EQ(others.ranges[0].start, 100000);
}

TEST(free_ranges)
{
        _cleanup_id_ranges_ IdRanges ranges = {}, taken = {};
        uint32_t start = 0;

        CHECK_OK(id_ranges_add(&ranges, 5000, 100));
        CHECK_OK(id_ranges_add(&ranges, 1000, 1000));
        CHECK_OK(id_ranges_find(&ranges, &taken, 10, &start));
        CHECK_EQ(start, 1000);
        CHECK_OK(id_ranges_add(&taken, 1100, 100));
        CHECK_OK(id_ranges_add(&taken, 900, 150));
        CHECK_OK(id_ranges_find(&ranges, &taken, 50, &start));
        CHECK_EQ(start, 1050);
        CHECK_OK(id_ranges_find(&ranges, &taken, 51, &start));
        CHECK_EQ(start, 1200);
        CHECK_OK(id_ranges_find(&ranges, &taken, 800, &start));
        CHECK_EQ(start, 1200);
        CHECK_EQ(id_ranges_find(&ranges, &taken, 801, &start), -ENOENT);
        CHECK_OK(id_ranges_add(&taken, 0, 4000000000));
        CHECK_EQ(id_ranges_find(&ranges, &taken, 1, &start), -ENOENT);
}

/* As many containers as there may be: none has what another has, and what one gives back is found again. */
TEST(many)
{
        _cleanup_id_ranges_ IdRanges ranges = {}, taken = {};
        uint32_t start = 0, expected = 1U << 20;

        CHECK_OK(id_ranges_add(&ranges, 1U << 20, 2000U * 1024));
        for (unsigned i = 0; i < 2000; i++, expected += 1024) {
                CHECK_OK(id_ranges_find(&ranges, &taken, 1024, &start));
                CHECK_EQ(start, expected);
                CHECK_OK(id_ranges_add(&taken, start, 1024));
        }
        CHECK_EQ(id_ranges_find(&ranges, &taken, 1, &start), -ENOENT);
        expected = taken.ranges[700].start;
        taken.ranges[700] = taken.ranges[--taken.n];
        CHECK_OK(id_ranges_find(&ranges, &taken, 1024, &start));
        CHECK_EQ(start, expected);
}
