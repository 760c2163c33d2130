/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The map, its order, and who frees what. */

#include "base/hashmap.h"
#include "test.h"

static size_t destroyed;

static void count_destroyed(void *value)
{
        destroyed++;
        free(value);
}

TEST(null_is_empty)
{
        CHECK_EQ(map_size(NULL), 0);
        CHECK(!map_get(NULL, "a"));
        CHECK(!map_has(NULL, "a"));
        CHECK(!map_first(NULL));
        CHECK(!map_free(NULL));
        MAP_FOREACH(e, NULL)
                CHECK(false);
        CHECK(map_equal_strings(NULL, NULL));
}

TEST(put_add_remove_steal)
{
        _cleanup_(map_freep) Map *m = map_new(count_destroyed);
        _cleanup_free_ char *stolen = NULL, *refused = strdup("x");

        destroyed = 0;
        CHECK_OK(map_put(m, "a", strdup("1")));
        CHECK_OK(map_put(m, "b", strdup("2")));
        CHECK_OK(map_put(m, "c", strdup("3")));
        CHECK_EQ(map_add(m, "a", refused), -EEXIST);
        CHECK_EQ(destroyed, 0);

        CHECK_OK(map_put(m, "a", strdup("4")));
        CHECK_EQ(destroyed, 1);
        CHECK_STREQ(map_get(m, "a"), "4");
        CHECK_STREQ(map_key(map_first(m)), "a");
        CHECK_OK(map_put(m, "a", map_get(m, "a")));
        CHECK_EQ(destroyed, 1);

        CHECK(map_remove(m, "b"));
        CHECK(!map_remove(m, "b"));
        CHECK_EQ(destroyed, 2);
        stolen = map_steal(m, "c");
        CHECK_STREQ(stolen, "3");
        CHECK(!map_steal(m, "c"));
        CHECK_EQ(map_size(m), 1);

        m = map_free(m);
        CHECK_EQ(destroyed, 3);
}

TEST(null_values_are_there)
{
        _cleanup_(map_freep) Map *m = map_new(NULL);

        CHECK_OK(map_add(m, "", NULL));
        CHECK(map_has(m, ""));
        CHECK(!map_get(m, ""));
        CHECK_EQ(map_add(m, "", NULL), -EEXIST);
}

TEST(many_in_order)
{
        const size_t n = 20000;
        _cleanup_(map_freep) Map *m = map_new(NULL);
        char key[32];
        size_t i = 0;

        for (i = 0; i < n; i++) {
                (void) snprintf(key, sizeof(key), "key-%zu", i);
                CHECK_OK(map_add(m, key, (void *) (i + 1)));
        }
        /* The entry at hand may go: every second one does. */
        i = 0;
        MAP_FOREACH(e, m) {
                CHECK_EQ((size_t) map_value(e), ++i);
                if (i % 2 == 0)
                        CHECK(map_remove(m, map_key(e)));
        }
        CHECK_EQ(i, n);
        CHECK_EQ(map_size(m), n / 2);
        i = 1;
        MAP_FOREACH(e, m) {
                CHECK_EQ((size_t) map_value(e), i);
                CHECK(map_get(m, map_key(e)) == map_value(e));
                i += 2;
        }
        for (i = 0; i < n; i += 2) {
                (void) snprintf(key, sizeof(key), "key-%zu", i);
                CHECK_EQ((size_t) map_steal(m, key), i + 1);
        }
        CHECK(!map_first(m));
        CHECK_OK(map_put(m, "again", m));
        CHECK(map_get(m, "again") == m);
}

/* Lengths around the eight bytes of a word of the hash. */
TEST(keys_of_all_lengths)
{
        _cleanup_(map_freep) Map *m = map_new(NULL);
        char key[41] = "";

        for (size_t i = 0; i < sizeof(key) - 1; i++) {
                key[i] = 'a';
                CHECK_OK(map_add(m, key, (void *) (i + 1)));
        }
        for (size_t i = sizeof(key) - 1; i > 0; i--) {
                CHECK_EQ((size_t) map_get(m, key), i);
                key[i - 1] = '\0';
        }
}

TEST(strings)
{
        _cleanup_(map_freep) Map *a = map_new_strings(), *b = map_new_strings(), *c = NULL, *none = a;

        CHECK_OK(map_put_string(a, "x", "1"));
        CHECK_OK(map_put_string(a, "y", "2"));
        CHECK_OK(map_put_string(b, "y", "2"));
        CHECK(!map_equal_strings(a, b));
        CHECK_OK(map_put_string(b, "x", "0"));
        CHECK(!map_equal_strings(a, b));
        CHECK_OK(map_put_string(b, "x", "1"));
        CHECK(map_equal_strings(a, b));
        CHECK_OK(map_copy_strings(a, &c));
        CHECK(map_equal_strings(a, c));
        CHECK(map_get(a, "x") != map_get(c, "x"));
        CHECK_STREQ(map_key(map_first(c)), "x");
        CHECK_OK(map_copy_strings(NULL, &none));
        CHECK(!none);
}
