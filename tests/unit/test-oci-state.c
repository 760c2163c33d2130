/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the OCI runtime keeps of a container, and what it makes of a file that somebody else has written. */

#include "base/json.h"
#include "exec/oci-state.h"
#include "test.h"

TEST(ids)
{
        static const char *const good[] = {"a", "A-b_c.d+e", "0", "a..b", "-x"};
        static const char *const bad[] = {"", ".", "..", ".a", "a/b", "a b", "a\nb", "\303\244", "a:b", "/"};
        char longest[1026] = {};

        FOREACH_ELEMENT(id, good)
                CHECK(oci_id_is_valid(*id));
        FOREACH_ELEMENT(id, bad)
                CHECK(!oci_id_is_valid(*id));
        CHECK(!oci_id_is_valid(NULL));
        memset(longest, 'a', sizeof(longest) - 1);
        CHECK(!oci_id_is_valid(longest));
        longest[sizeof(longest) - 2] = '\0';
        CHECK(oci_id_is_valid(longest));
}

TEST(round_trip)
{
        static const char text[] =
                "{\"id\":\"c\",\"ociVersion\":\"1.0.2\",\"bundle\":\"/b\",\"rootfs\":\"/b/r\","
                "\"cgroup\":\"/a/b\",\"scope\":\"x.scope\",\"external_descriptors\":\"[]\","
                "\"owner\":\"root\",\"annotations\":{\"k\":\"v\"},\"pid\":77,"
                "\"pidStart\":18446744073709551615,\"created\":5}";
        _cleanup_json_ json_t *v = NULL, *again = NULL;
        _cleanup_oci_state_ OciState s = {};

        CHECK_OK(json_parse(text, strlen(text), &v, NULL));
        CHECK_OK(oci_state_from_json(v, &s));
        CHECK_EQ(s.pid, 77);
        CHECK_EQ(s.pid_start, UINT64_MAX);
        CHECK_STREQ(map_get(s.annotations, "k"), "v");
        again = oci_state_to_json(&s);
        CHECK(json_equal(v, again));
}

TEST(junk)
{
        static const char *const junk[] = {
                "{}",
                "[]",
                "{\"id\":\"c\"}",
                "{\"id\":5,\"bundle\":\"/\"}",
                "{\"id\":\"../c\",\"bundle\":\"/\"}",
                "{\"id\":\"c\",\"bundle\":\"/\",\"pid\":1}",
                "{\"id\":\"c\",\"bundle\":\"/\",\"pid\":-1}",
                "{\"id\":\"c\",\"bundle\":\"/\",\"pid\":2147483648}",
                "{\"id\":\"c\",\"bundle\":\"/\",\"pid\":\"77\"}",
                "{\"id\":\"c\",\"bundle\":\"/\",\"cgroup\":\"a\"}",
                "{\"id\":\"c\",\"bundle\":\"/\",\"cgroup\":\"/a/../..\"}",
                "{\"id\":\"c\",\"bundle\":\"/\",\"annotations\":[]}",
                "{\"id\":\"c\",\"bundle\":\"/\",\"annotations\":{\"a\":5}}",
        };

        FOREACH_ELEMENT(text, junk) {
                _cleanup_json_ json_t *v = NULL;
                _cleanup_oci_state_ OciState s = {};

                CHECK_OK(json_parse(*text, strlen(*text), &v, NULL));
                if (oci_state_from_json(v, &s) != -EBADMSG)
                        test_fail(__FILE__, __LINE__, "refused", *text, "accepted");
                CHECK(!s.id);
        }
}

TEST(document)
{
        OciState s = {.id = (char *) "c", .bundle = (char *) "/b", .pid = 77, .created_usec = 1};

        for (int status = 0; status < _OCI_STATUS_MAX; status++) {
                _cleanup_json_ json_t *v = oci_state_document(&s, (OciStatus) status);
                bool alive = status == OCI_CREATED || status == OCI_RUNNING || status == OCI_PAUSED;

                CHECK(v);
                CHECK_STREQ(json_get_string(v, "status"), oci_status_name((OciStatus) status));
                CHECK_EQ(json_get_i64(v, "pid", -1), alive ? 77 : 0);
                CHECK(json_get_object(v, "annotations"));
                CHECK(!json_get_string(v, "rootfs"));
        }
}

/* This very process is one; the same number with another start is not. */
TEST(processes)
{
        OciState s = {.pid = (uint64_t) getpid(), .pid_start = 1};

        CHECK_EQ(oci_state_open_process(&s), -ESRCH);
        s.pid = 0;
        CHECK_EQ(oci_state_open_process(&s), -ESRCH);
        s.pid = INT32_MAX;
        CHECK_EQ(oci_state_open_process(&s), -ESRCH);
}
