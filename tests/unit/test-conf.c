/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* berth.conf and its drop-ins. */

#include "base/str.h"
#include "spec/conf.h"
#include "test.h"

static char *write_conf(const char *text, const char *drop_in)
{
        char *path = str_printf("%s/berth.conf", test_directory());
        _cleanup_free_ char *directory = str_printf("%s/berth.conf.d", test_directory());
        _cleanup_close_ int dir = test_directory_open(), below = -EBADF;

        CHECK_OK(fs_mkdir_p(directory, 0755));
        below = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(path && below >= 0);
        CHECK_OK(fs_replace_at(dir, "berth.conf", text, strlen(text), 0644, FS_NO_SYNC));
        CHECK_OK(fs_replace_at(below, "x.conf", drop_in, strlen(drop_in), 0644, FS_NO_SYNC));
        return path;
}

TEST(read)
{
        _cleanup_free_ char *path = write_conf(
                                    "[Images]\nRegistriesConf=/etc/r.conf\nSignaturePolicy=/etc/p.json\n"
                                    "TokenHosts=a.example=b.example c.example:5000=d.example\n"
                                    "ParallelDownloads=5\nRetry=0\n",
                                    "[Images]\nSignaturePolicy=\nTokenHosts=e.example=f.example\n"
                                    "RetryDelay=500ms\nRegistriesDirectory=/etc/d\n"),
                            *hosts = NULL;
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_conf_ Conf c = {};

        CHECK_OK(conf_load(path, &c, &error));
        CHECK_STREQ(c.registries_conf, "/etc/r.conf");
        CHECK_STREQ(c.signature_policy, NULL);
        CHECK_STREQ(c.registries_directory, "/etc/d");
        hosts = strv_join(c.token_hosts, " ");
        CHECK_STREQ(hosts, "a.example=b.example c.example:5000=d.example e.example=f.example");
        CHECK_EQ(c.parallel, 5);
        CHECK(c.no_retry && c.retry == 0 && c.retry_delay == 500000);
}

TEST(mistakes)
{
        static const struct {
                const char *text, *error;
        } rows[] = {
                {"[Images]\nSignaturPolicy=/x\n", "berth.conf:2: [Images] SignaturPolicy= is not known"},
                {"[images]\nSignaturePolicy=/x\n", "is not known"},
                {"[Images]\nSignaturePolicy=x\n", "SignaturePolicy= is an absolute path, not \"x\""},
                {"[Images]\nTokenHosts=a.example\n", "REGISTRY=HOST"},
                {"[Images]\nTokenHosts=a.example=https://b\n", "REGISTRY=HOST"},
                {"[Images]\nParallelDownloads=0\n", "a number from 1 to 32"},
                {"[Images]\nParallelDownloads=33\n", "a number from 1 to 32"},
                {"[Images]\nRetry=-1\n", "a number from 0 to 100"},
                {"[Images]\nRetryDelay=infinity\n", "a time"},
                {"Images\n", "berth.conf:1: "},
        };

        FOREACH_ELEMENT(row, rows) {
                _cleanup_free_ char *path = write_conf(row->text, "");
                _cleanup_error_ Error error = ERROR_INIT;
                Conf c;

                CHECK(conf_load(path, &c, &error) < 0);
                CHECK_EQ(error.kind, ERROR_INVALID_ARGUMENT);
                if (!strstr(error.message, row->error))
                        test_fail(__FILE__, __LINE__, row->error, error.message, NULL);
        }
}

TEST(missing)
{
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_conf_ Conf c = {};

        CHECK_OK(conf_load("/nonexistent/berth.conf", &c, &error));
        CHECK(!c.registries_conf && !c.parallel);
}
