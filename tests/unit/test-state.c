/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Objects on disk appear and disappear whole, leftovers are swept, and what is damaged is set aside. */

#include <sys/stat.h>

#include "base/str.h"
#include "spec/setting.h"
#include "store/container-file.h"
#include "store/state.h"

#include "test.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static State *open_state(const char *name)
{
        _cleanup_free_ char *root = str_printf("%s/%s", test_directory(), name);
        State *s = NULL;

        CHECK(root);
        CHECK_OK(fs_mkdir_p(root, 0700));
        CHECK_OK(state_open(root, &s, NULL));
        return s;
}

static const StateFile one_file[] = {{"a.json", "{\"A\":1}", 0600}};
static const StateDirectory one_directory[] = {{"upper", 01755, 0, 0}};

static void create(const State *s, const char *id)
{
        StateDirectory d[] = {{"upper", 0755, geteuid(), getegid()}};
        StateParts parts = {one_file, 1, d, 1};

        CHECK_OK(state_create(s, STATE_CONTAINERS, id, &parts, FS_SYNC, NULL));
}

static size_t count(const State *s, bool *ret_leftovers)
{
        _cleanup_strv_ char **ids = NULL, **leftovers = NULL;

        CHECK_OK(state_list(s, STATE_CONTAINERS, &ids, &leftovers, NULL));
        *ret_leftovers = leftovers != NULL;
        return strv_length(ids);
}

TEST(appears_whole)
{
        _cleanup_(state_freep) State *s = open_state("whole");
        _cleanup_json_ json_t *v = NULL;
        bool leftovers;
        struct stat st;

        CHECK_EQ(count(s, &leftovers), 0);
        create(s, ID_A);
        CHECK(state_has(s, STATE_CONTAINERS, ID_A));
        CHECK(!state_has(s, STATE_CONTAINERS, ID_B));
        CHECK_EQ(count(s, &leftovers), 1);
        CHECK(!leftovers);
        CHECK_OK(state_load(s, STATE_CONTAINERS, ID_A, "a.json", &v, NULL));
        CHECK_EQ(json_get_i64(v, "A", 0), 1);
        CHECK(fstatat(state_directory(s, STATE_CONTAINERS), ID_A, &st, 0) >= 0);
        CHECK_EQ(st.st_mode & 07777, 0700);
        CHECK(fstatat(state_directory(s, STATE_CONTAINERS), ID_A "/a.json", &st, 0) >= 0);
        CHECK_EQ(st.st_mode & 07777, 0600);
        CHECK(fstatat(state_directory(s, STATE_CONTAINERS), ID_A "/upper", &st, 0) >= 0);
        CHECK_EQ(st.st_mode & 07777, 0755);
}

TEST(or_not_at_all)
{
        _cleanup_(state_freep) State *s = open_state("not");
        const StateFile twice[] = {{"a", "1", 0600}, {"a", "2", 0600}};
        StateParts parts = {twice, 2, one_directory, 0};
        _cleanup_error_ Error error = ERROR_INIT;
        bool leftovers;

        CHECK_EQ(state_create(s, STATE_CONTAINERS, ID_A, &parts, FS_NO_SYNC, &error), -EEXIST);
        CHECK(strstr(error.message, ID_A));
        CHECK_EQ(count(s, &leftovers), 0);
        CHECK(!leftovers);
}

TEST(retires_and_discards)
{
        _cleanup_(state_freep) State *s = open_state("retire");
        bool leftovers;

        create(s, ID_A);
        create(s, ID_B);
        CHECK_OK(state_retire(s, STATE_CONTAINERS, ID_A, NULL));
        CHECK(!state_has(s, STATE_CONTAINERS, ID_A));
        CHECK_EQ(count(s, &leftovers), 1);
        CHECK(leftovers);
        CHECK_OK(state_discard(s, STATE_CONTAINERS, ID_A, NULL));
        (void) count(s, &leftovers);
        CHECK(!leftovers);
        /* What is gone already is no failure: the executor may have been faster. */
        CHECK_OK(state_retire(s, STATE_CONTAINERS, ID_A, NULL));
        CHECK_OK(state_discard(s, STATE_CONTAINERS, ID_A, NULL));
}

TEST(sweeps_leftovers_only)
{
        _cleanup_(state_freep) State *s = open_state("sweep");
        _cleanup_strv_ char **ids = NULL, **names = NULL;
        int dir = state_directory(s, STATE_CONTAINERS);
        bool leftovers;

        create(s, ID_A);
        CHECK(mkdirat(dir, "." ID_B ".tmp", 0700) >= 0);
        CHECK(mkdirat(dir, "." ID_B ".tmp/upper", 0) >= 0);
        CHECK(mkdirat(dir, "." ID_B ".rm", 0700) >= 0);
        CHECK(mkdirat(dir, ".else.tmp", 0700) >= 0);
        CHECK(mkdirat(dir, "else", 0700) >= 0);
        CHECK_EQ(count(s, &leftovers), 1);
        CHECK(leftovers);
        CHECK_OK(state_list(s, STATE_CONTAINERS, &ids, &names, NULL));
        CHECK_EQ(strv_length(names), 2);
        /* What others have begun since is theirs; what is no leftover is not removed, whatever the list says.
         */
        CHECK(mkdirat(dir, "." ID_A ".tmp", 0700) >= 0);
        CHECK_OK(strv_append(&names, ID_A));
        CHECK_OK(strv_append(&names, ".else.tmp"));
        CHECK_OK(state_sweep(s, STATE_CONTAINERS, names, NULL));
        CHECK(faccessat(dir, "." ID_A ".tmp", F_OK, 0) >= 0);
        CHECK_OK(fs_remove_tree_at(dir, "." ID_A ".tmp"));
        CHECK_EQ(count(s, &leftovers), 1);
        CHECK(!leftovers);
        CHECK(faccessat(dir, ".else.tmp", F_OK, 0) >= 0);
        CHECK(faccessat(dir, "else", F_OK, 0) >= 0);
}

TEST(sets_aside_and_keeps)
{
        _cleanup_(state_freep) State *s = open_state("aside");
        _cleanup_free_ char *first = NULL, *second = NULL, *file = NULL;
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_json_ json_t *v = NULL;

        create(s, ID_A);
        CHECK_OK(fs_replace_at(state_directory(s, STATE_CONTAINERS), "tmp", "x", 1, 0600, FS_NO_SYNC));
        CHECK(renameat(state_directory(s, STATE_CONTAINERS), "tmp", state_directory(s, STATE_CONTAINERS),
                       ID_A "/a.json") >= 0);
        CHECK_EQ(state_load(s, STATE_CONTAINERS, ID_A, "a.json", &v, &error), -EBADMSG);
        CHECK_EQ(error.kind, ERROR_STORE_DAMAGED);
        CHECK(strstr(error.message, "a.json"));
        CHECK_OK(state_set_aside(s, STATE_CONTAINERS, ID_A, &first, NULL));
        CHECK(!state_has(s, STATE_CONTAINERS, ID_A));
        file = str_printf("%s/a.json", first);
        CHECK(access(file, F_OK) >= 0);
        create(s, ID_A);
        CHECK_OK(state_set_aside(s, STATE_CONTAINERS, ID_A, &second, NULL));
        CHECK(!streq(first, second));
}

TEST(missing_is_told_apart)
{
        _cleanup_(state_freep) State *s = open_state("missing");
        _cleanup_json_ json_t *v = NULL;

        CHECK_EQ(state_load(s, STATE_CONTAINERS, ID_A, "a.json", &v, NULL), -ENOENT);
        create(s, ID_A);
        CHECK_EQ(state_load(s, STATE_CONTAINERS, ID_A, "b.json", &v, NULL), -ENOENT);
}

static const char document[] =
        "{\"Version\":1,\"Id\":\"" ID_A "\",\"Created\":5,\"ImageId\":\"" ID_B
        "\",\"ImageName\":\"localhost/x:1\","
        "\"Unit\":\"berth-web.service\",\"Settings\":{\"Name\":\"web\",\"Image\":\"x\",\"Memory\":4096,"
        "\"Tomorrow\":[1]},\"NewMember\":{\"a\":null}}";

static int read_document(const char *text, ContainerFile *f, Error *error)
{
        _cleanup_json_ json_t *v = NULL;

        CHECK_OK(json_parse(text, strlen(text), &v, NULL));
        return container_file_from_json(v, f, error);
}

TEST(unknown_members_are_kept)
{
        _cleanup_json_ json_t *before = NULL, *after = NULL;
        _cleanup_(container_file_done) ContainerFile f = {};

        CHECK_OK(read_document(document, &f, NULL));
        CHECK_STREQ(f.spec->name, "web");
        CHECK_EQ(f.spec->memory, 4096);
        CHECK_STREQ(f.unit, "berth-web.service");
        after = container_file_to_json(&f);
        CHECK_OK(json_parse(document, strlen(document), &before, NULL));
        CHECK(json_equal(before, after));
}

TEST(bad_documents)
{
        static const struct {
                const char *from, *to;
                int error;
                const char *says;
        } cases[] = {
                {"\"Version\":1", "\"Version\":2", -EOPNOTSUPP, "newer"},
                {"\"Version\":1,", "", -EBADMSG, "Version"},
                {"\"Id\":\"aaaa", "\"Id\":\"/../", -EBADMSG, "Id"},
                {"\"ImageId\":\"bbbb", "\"ImageId\":\"B", -EBADMSG, "ImageId"},
                {"berth-web.service", "../web.service", -EBADMSG, "Unit"},
                {"berth-web.service", "berth-web.mount", -EBADMSG, "Unit"},
                {"\"Name\":\"web\"", "\"Name\":\"../web\"", -EBADMSG, "Name"},
                {"\"Memory\":4096", "\"Memory\":\"much\"", -EBADMSG, "Memory"},
                {"\"Settings\":{", "\"Settings\":[],\"X\":{", -EBADMSG, "Settings"},
        };

        FOREACH_ELEMENT(c, cases) {
                _cleanup_(container_file_done) ContainerFile f = {};
                _cleanup_error_ Error error = ERROR_INIT;
                _cleanup_free_ char *text = NULL;
                const char *at = strstr(document, c->from);

                CHECK(at);
                text = str_printf("%.*s%s%s", (int) (at - document), document, c->to, at + strlen(c->from));
                CHECK_EQ(read_document(text, &f, &error), c->error);
                CHECK(strstr(error.message, c->says));
        }
}
