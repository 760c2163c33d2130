/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The vectors of RFC 4648, and what is none. */

#include "base/base64.h"
#include "test.h"

TEST(vectors)
{
        static const struct {
                const char *data, *text;
        } rows[] = {
                {"", ""},
                {"f", "Zg=="},
                {"fo", "Zm8="},
                {"foo", "Zm9v"},
                {"foob", "Zm9vYg=="},
                {"fooba", "Zm9vYmE="},
                {"foobar", "Zm9vYmFy"},
                {"\xff\xfe\xfd", "//79"},
                {"user:p\xc3\xa4ss", "dXNlcjpww6Rzcw=="},
        };

        FOREACH_ELEMENT(row, rows) {
                _cleanup_free_ char *text = base64_encode(row->data, strlen(row->data));
                _cleanup_free_ void *data = NULL;
                size_t size;

                CHECK_STREQ(text, row->text);
                CHECK_OK(base64_decode(text, &data, &size));
                CHECK_EQ(size, strlen(row->data));
                CHECK_STREQ((char *) data, row->data);
        }
}

TEST(blanks_and_mistakes)
{
        static const char *const bad[] = {"Z", "Zg",    "Zg=",   "Zg===",   "Zh==",     "Zm9=",
                                          "=", "Zm9v=", "Zm9v!", "Zm9v Zg", "Zg==Zg==", "Zm-_"};
        _cleanup_free_ void *data = NULL;
        size_t size;

        CHECK_OK(base64_decode(" Zm\n9v\r\nYg = =\n", &data, &size));
        CHECK_STREQ((char *) data, "foob");
        FOREACH_ELEMENT(text, bad) {
                void *none = NULL;

                CHECK_EQ(base64_decode(*text, &none, &size), -EINVAL);
                CHECK(!none);
        }
}
