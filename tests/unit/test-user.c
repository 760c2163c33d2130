/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who the payload becomes: every spelling of a user against one image, and images whose files are traps. */

#include <fcntl.h>
#include <sys/stat.h>

#include "base/str.h"
#include "exec/user.h"
#include "test.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
                             "# comment:x:1:1::/:\n"
                             "short:x:2\n"
                             "bad:x:-1:0:::\n"
                             "wrap:x:4294967296:0::/:\n"
                             "app:x:1000:1001:App:/home/app:/bin/sh\n"
                             "1234:x:77:77::/:/bin/sh\n"
                             "high:x:4294967294:5::relative:/bin/sh\n"
                             "last:x:9:9::/last:/bin/sh";
static const char group[] = "root:x:0:\n"
                            "wheel:x:10:root,app\n"
                            "staff:x:50:apple,app,root\n"
                            "app:x:1001:app\n"
                            "bad:x:x:app\n"
                            "55:x:99:\n"
                            "none:x:60:";

static int make_root(const char *name)
{
        int dir = test_directory_open(), fd;

        CHECK_OK(mkdirat(dir, name, 0755));
        fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(fd >= 0);
        CHECK_OK(mkdirat(fd, "etc", 0755));
        close_fd(dir);
        return fd;
}

static void put(int root, const char *path, const char *text)
{
        _cleanup_close_ int fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        CHECK(fd >= 0);
        CHECK_OK(fs_write_all(fd, text, strlen(text)));
}

static int usual_root(void)
{
        static int root = -EBADF;

        if (root < 0) {
                root = make_root("usual");
                put(root, "etc/passwd", passwd);
                put(root, "etc/group", group);
        }
        return root;
}

static char *describe(const Identity *i)
{
        _cleanup_free_ char *text = str_printf("%u:%u %s", i->uid, i->gid, i->home);

        for (size_t k = 0; k < i->n_groups; k++) {
                char *longer = str_printf("%s%c%u", text, k == 0 ? ' ' : ',', i->groups[k]);

                free(text);
                text = longer;
        }
        return TAKE_PTR(text);
}

TEST(spellings)
{
        static const struct {
                const char *user;
                const char *expected; /* NULL: refused */
                ErrorKind kind;
        } cases[] = {
                {"root", "0:0 /root 0,10,50"},
                {"0", "0:0 /root 0,10,50"},
                {"app", "1000:1001 /home/app 1001,10,50"},
                {"1000", "1000:1001 /home/app 1001,10,50"},
                {"app:wheel", "1000:10 /home/app 10"},
                {"app:0", "1000:0 /home/app 0"},
                {"1000:5", "1000:5 /home/app 5"},
                {"4000", "4000:0 / 0"},
                {"4000:4000", "4000:4000 / 4000"},
                {"4000:staff", "4000:50 / 50"},
                {":wheel", "0:10 /root 10"},
                {":7", "0:7 /root 7"},
                {"high", "4294967294:5 / 5"},
                {"4294967294", "4294967294:5 / 5"},
                {"2147483648", "2147483648:0 / 0"},
                {"last", "9:9 /last 9"},
                {"app:none", "1000:60 /home/app 60"},
                /* digits are never a name */
                {"1234", "1234:0 / 0"},
                {"app:55", "1000:55 /home/app 55"},
                {"4294967295", NULL, ERROR_INVALID_ARGUMENT},
                {"4294967296", NULL, ERROR_INVALID_ARGUMENT},
                {"18446744073709551616", NULL, ERROR_INVALID_ARGUMENT},
                {"app:4294967295", NULL, ERROR_INVALID_ARGUMENT},
                {"00", NULL, ERROR_INVALID_ARGUMENT},
                {"+0", NULL, ERROR_NO_SUCH_USER},
                {"-1", NULL, ERROR_NO_SUCH_USER},
                {" 0", NULL, ERROR_NO_SUCH_USER},
                {"0 ", NULL, ERROR_NO_SUCH_USER},
                {"0x0", NULL, ERROR_NO_SUCH_USER},
                {"1e3", NULL, ERROR_NO_SUCH_USER},
                {"", NULL, ERROR_INVALID_ARGUMENT},
                {":", NULL, ERROR_INVALID_ARGUMENT},
                {"app:", NULL, ERROR_INVALID_ARGUMENT},
                {"0:", NULL, ERROR_INVALID_ARGUMENT},
                {"app:wheel:x", NULL, ERROR_INVALID_ARGUMENT},
                {"1:1:1", NULL, ERROR_INVALID_ARGUMENT},
                {"app\n", NULL, ERROR_INVALID_ARGUMENT},
                {"nobody", NULL, ERROR_NO_SUCH_USER},
                {"app:nogroup", NULL, ERROR_NO_SUCH_USER},
                {"app:bad", NULL, ERROR_NO_SUCH_USER},
                {"short", NULL, ERROR_NO_SUCH_USER},
                {"bad", NULL, ERROR_NO_SUCH_USER},
                {"wrap", NULL, ERROR_NO_SUCH_USER},
                {"# comment", NULL, ERROR_NO_SUCH_USER},
        };

        FOREACH_ELEMENT(c, cases) {
                LaunchProcess p = {.user = (char *) c->user};
                _cleanup_error_ Error error = ERROR_INIT;
                _cleanup_identity_ Identity who = {};
                _cleanup_free_ char *text = NULL;
                int r = identity_resolve(usual_root(), &p, &who, &error);

                if (!c->expected) {
                        if (r >= 0)
                                test_fail(__FILE__, __LINE__, "was refused", c->user, NULL);
                        if (error.kind != c->kind)
                                test_fail(__FILE__, __LINE__, error_bus_name(error.kind), c->user,
                                          error.message);
                        continue;
                }
                if (r < 0)
                        test_fail(__FILE__, __LINE__, "was accepted", c->user, error.message);
                text = describe(&who);
                CHECK_STREQ(text, c->expected);
        }
}

TEST(groups)
{
        char *names[] = {(char *) "staff", (char *) "77", (char *) "wheel", NULL};
        char *missing[] = {(char *) "nogroup", NULL};
        uint32_t more[] = {5, 10};
        LaunchProcess p = {
                .user = (char *) "app:app",
                .groups = names,
                .additional_gids = {more, ELEMENTSOF(more)},
        };
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_identity_ Identity who = {}, none = {};
        _cleanup_free_ char *text = NULL;

        CHECK_OK(identity_resolve(usual_root(), &p, &who, &error));
        text = describe(&who);
        CHECK_STREQ(text, "1000:1001 /home/app 1001,50,77,10,5");
        p.groups = missing;
        CHECK(identity_resolve(usual_root(), &p, &none, &error) < 0);
        CHECK_EQ(error.kind, ERROR_NO_SUCH_USER);
}

TEST(numbers_of_an_order)
{
        uint32_t more[] = {12};
        LaunchProcess p = {.uid = 1000, .gid = 3, .additional_gids = {more, 1}};
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_identity_ Identity who = {};
        _cleanup_free_ char *text = NULL;

        CHECK_OK(identity_resolve(usual_root(), &p, &who, &error));
        text = describe(&who);
        CHECK_STREQ(text, "1000:3 /home/app 12");
}

static ErrorKind kind_for(int root, const char *user)
{
        LaunchProcess p = {.user = (char *) user};
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_identity_ Identity who = {};

        (void) identity_resolve(root, &p, &who, &error);
        return error.kind;
}

TEST(traps)
{
        static const char *const files[] = {"etc/passwd", "etc/group"};
        _cleanup_close_ int root = make_root("traps");

        /* Nothing there: numbers work, names do not. */
        CHECK_EQ(kind_for(root, "5:6"), ERROR_NONE);
        CHECK_EQ(kind_for(root, "app"), ERROR_NO_SUCH_USER);
        FOREACH_ELEMENT(file, files) {
                /* One that needs the file, and what it gets when the file is fine but does not know it. */
                const char *user = file == files ? "someone" : "5:somegroup";
                _cleanup_close_ int fd = -EBADF;

                CHECK_OK(mkfifoat(root, *file, 0644));
                CHECK_EQ(kind_for(root, user), ERROR_START_FAILED);
                CHECK_OK(unlinkat(root, *file, 0));
                CHECK_OK(symlinkat(file == files ? "passwd" : "group", root, *file));
                CHECK_EQ(kind_for(root, user), ERROR_START_FAILED);
                CHECK_OK(unlinkat(root, *file, 0));
                CHECK_OK(mkdirat(root, *file, 0755));
                CHECK_EQ(kind_for(root, user), ERROR_START_FAILED);
                CHECK_OK(unlinkat(root, *file, AT_REMOVEDIR));
                put(root, *file, "");
                fd = openat(root, *file, O_WRONLY | O_CLOEXEC);
                CHECK_OK(ftruncate(fd, (1 << 20) + 1));
                CHECK_EQ(kind_for(root, user), ERROR_LIMIT);
                CHECK_OK(ftruncate(fd, 1 << 20));
                CHECK_EQ(kind_for(root, user), ERROR_NO_SUCH_USER);
                CHECK_OK(unlinkat(root, *file, 0));
        }
}

TEST(outside_of_the_root)
{
        _cleanup_close_ int root = make_root("inside"), outside = make_root("outside");

        put(outside, "etc/passwd", "evil:x:0:0::/:\n");
        CHECK_OK(unlinkat(root, "etc", AT_REMOVEDIR));
        CHECK_OK(symlinkat("../outside/etc", root, "etc"));
        CHECK_EQ(kind_for(root, "evil"), ERROR_NO_SUCH_USER);
}

TEST(long_lines)
{
        _cleanup_close_ int root = make_root("lines");
        _cleanup_free_ char *text = malloc(8192);

        CHECK(text);
        memset(text, 'a', 5000);
        (void) snprintf(text + 5000, 3192, ":x:1:1::/:\nok:x:2:3::/ok:\n");
        put(root, "etc/passwd", text);
        text[5000] = '\0';
        CHECK_EQ(kind_for(root, text), ERROR_NO_SUCH_USER);
        CHECK_EQ(kind_for(root, "ok"), ERROR_NONE);
}
