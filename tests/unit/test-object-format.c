/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The bytes of objects against those that GLib makes of the same values. */

#include <sys/stat.h>

#include <glib.h>
#undef MIN
#undef MAX

#include "store/object-format.h"
#include "test.h"

static GVariant *xattrs_variant(const Attributes *a, bool mtime)
{
        uint8_t value[OBJECT_MTIME_SIZE];
        GVariantBuilder b;

        g_variant_builder_init(&b, G_VARIANT_TYPE("a(ayay)"));
        object_mtime_encode(&a->mtime, value);
        for (size_t i = 0; i <= a->n_xattrs; i++) {
                /* It comes after security.* and before user.* */
                if (mtime && (i == a->n_xattrs || strcmp(a->xattrs[i].name, OBJECT_MTIME_XATTR) > 0)) {
                        g_variant_builder_add(
                                &b, "(@ay@ay)", g_variant_new_bytestring(OBJECT_MTIME_XATTR),
                                g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, value, sizeof(value), 1));
                        mtime = false;
                }
                if (i < a->n_xattrs)
                        g_variant_builder_add(&b, "(@ay@ay)", g_variant_new_bytestring(a->xattrs[i].name),
                                              g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE,
                                                                        a->xattrs[i].value, a->xattrs[i].size,
                                                                        1));
        }
        return g_variant_builder_end(&b);
}

static void check_same(GVariant *v, const void *data, size_t size)
{
        g_variant_ref_sink(v);
        CHECK_EQ(size, g_variant_get_size(v));
        CHECK_EQ(memcmp(data, g_variant_get_data(v), size), 0);
        g_variant_unref(v);
}

static void check_header(const Attributes *a, mode_t type, const char *target, bool mtime)
{
        _cleanup_bytes_ Bytes b = {};
        uint32_t size;

        CHECK_OK(object_format_header(a, type, target, mtime, &b));
        memcpy(&size, b.data, sizeof(size));
        CHECK_EQ(GUINT32_FROM_BE(size), b.size - 8);
        check_same(g_variant_new("(uuuus@a(ayay))", GUINT32_TO_BE(a->uid), GUINT32_TO_BE(a->gid),
                                 GUINT32_TO_BE(a->mode | type), 0, target, xattrs_variant(a, mtime)),
                   b.data + 8, b.size - 8);
}

TEST(headers)
{
        static char large[60000], target[4096];
        const Xattr xattrs[] = {
                {"security.capability", "12345678901234567890", 20},
                {"trusted.a", "", 0},
                {"user.large", large, sizeof(large)},
                {"user.x", "y", 1},
        };
        Attributes a = {.uid = 1, .gid = UINT32_MAX - 1, .mode = 06755, .mtime = {1600000000, 999999999}};

        memset(target, 'x', sizeof(target) - 1);
        for (a.n_xattrs = 0; a.n_xattrs <= 4; a.n_xattrs++)
                for (size_t first = 0; first + a.n_xattrs <= 4; first++)
                        for (int mtime = 0; mtime < 2; mtime++) {
                                a.xattrs = xattrs + first;
                                check_header(&a, S_IFREG, "", mtime);
                                check_header(&a, S_IFLNK, "t", mtime);
                                check_header(&a, S_IFLNK, target, mtime);
                        }
        /* Where the ends become wider. */
        a.xattrs = xattrs;
        a.n_xattrs = 1;
        for (size_t n = 150; n < 260; n++)
                check_header(&a, S_IFLNK, target + sizeof(target) - 1 - n, true);
}

TEST(directory_descriptions)
{
        const Xattr xattr = {"user.x", "value", 5};
        Attributes a = {.uid = 7, .gid = 8, .mode = 01777, .xattrs = &xattr};
        _cleanup_bytes_ Bytes b = {};

        for (; a.n_xattrs < 2; a.n_xattrs++) {
                CHECK_OK(object_format_dirmeta(&a, &b));
                check_same(g_variant_new("(uuu@a(ayay))", GUINT32_TO_BE(a.uid), GUINT32_TO_BE(a.gid),
                                         GUINT32_TO_BE(a.mode | S_IFDIR), xattrs_variant(&a, false)),
                           b.data, b.size);
        }
}

static GVariant *sum_variant(const uint8_t *sum)
{
        return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, sum, OBJECT_SUM_SIZE, 1);
}

static void check_directory(size_t n_files, size_t n_dirs, size_t length)
{
        _cleanup_object_list_ ObjectList files = {}, dirs = {};
        _cleanup_bytes_ Bytes b = {};
        GVariantBuilder f, d;
        uint8_t sum[OBJECT_SUM_SIZE] = {1, 2, 3}, meta[OBJECT_SUM_SIZE] = {9, 8, 7};
        char name[300];

        g_variant_builder_init(&f, G_VARIANT_TYPE("a(say)"));
        g_variant_builder_init(&d, G_VARIANT_TYPE("a(sayay)"));
        for (size_t i = 0; i < n_files + n_dirs; i++) {
                (void) snprintf(name, sizeof(name), "%0*zu", (int) length, i);
                sum[4] = (uint8_t) i;
                CHECK_OK(object_list_add(i < n_files ? &files : &dirs, name, sum, i < n_files ? NULL : meta));
                if (i < n_files)
                        g_variant_builder_add(&f, "(s@ay)", name, sum_variant(sum));
                else
                        g_variant_builder_add(&d, "(s@ay@ay)", name, sum_variant(sum), sum_variant(meta));
        }
        CHECK_OK(object_format_dirtree(&files, &dirs, &b));
        check_same(g_variant_new("(@a(say)@a(sayay))", g_variant_builder_end(&f), g_variant_builder_end(&d)),
                   b.data, b.size);
}

TEST(directories)
{
        static const size_t counts[] = {0, 1, 2, 3, 5, 6, 7, 100, 1500, 1700, 2000};

        FOREACH_ELEMENT(files, counts)
                FOREACH_ELEMENT(dirs, counts)
                        check_directory(*files, *dirs, 4);
        for (size_t length = 180; length < 256; length++)
                check_directory(2, 2, length);
}
