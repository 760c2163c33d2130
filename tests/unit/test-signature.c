/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Signatures made by gpg and by openssl, with keys that are right, wrong, expired and revoked. */

#include <signal.h>

#include "base/base64.h"
#include "base/str.h"
#include "engine/signature.h"
#include "test.h"

#define D1 "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define D2 "sha256:fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

/* Keys "right", "wrong", "expired", "revoked" as NAME.gpg; messages as *.sig. The home of gpg is in /tmp
 * because of the length of its sockets' names. */
static const char make_keys[] =
        "set -e; cd \"$1\"; export GNUPGHOME=$(mktemp -d /tmp/berth-test-gpg-XXXXXX); trap 'gpgconf --kill "
        "all; "
        "rm -rf \"$GNUPGHOME\"' EXIT\n"
        "g() { gpg --batch --quiet --yes --pinentry-mode loopback --passphrase '' \"$@\"; }\n"
        "key() { g \"${@:2}\" --quick-gen-key $1@example ed25519 sign ${never:-never}; g --export $1@example "
        ">$1.gpg; }\n"
        "payload() { printf '{\"critical\": {\"type\": \"%s\", \"image\": {\"docker-manifest-digest\": "
        "\"%s\"}, "
        "\"identity\": {\"docker-reference\": \"%s\"}}%s}' \"$@\"; }\n"
        "S='atomic container signature' D1=" D1 " D2=" D2 "\n"
        "key right; key wrong\n"
        "never=1d key expired --faked-system-time 20200101T000000\n"
        "key revoked\n"
        "key old --faked-system-time 20200101T000000\n"
        "payload \"$S\" $D1 a.example/b:1 ', \"optional\": {\"creator\": \"me\", \"timestamp\": 1}' >good\n"
        "payload \"$S\" $D1 a.example/b:1 ', \"more\": 1' >more\n"
        "payload \"$S\" $D1 a.example/other:1 '' >other\n"
        "payload \"$S\" $D2 a.example/b:1 '' >digest\n"
        "payload 'something else' $D1 a.example/b:1 '' >type\n"
        "printf '{\"critical\": {\"type\": \"%s\"}}' \"$S\" >members\n"
        "printf '{\"critical\": {}, \"critical\": {}}' >twice\n"
        "echo no JSON >text\n"
        "head -c 20000000 /dev/zero >bomb\n"
        "for p in good more other digest type members twice text bomb; do g -u right@example -o $p.sig "
        "--sign $p; done\n"
        "g -u wrong@example -o wrong.sig --sign good\n"
        "g -u revoked@example -o revoked.sig --sign good\n"
        "g -u expired@example --faked-system-time 20200101T000100 -o expired.sig --sign good\n"
        "g -u old@example --faked-system-time 20200101T000100 --default-sig-expire 1d -o late.sig --sign "
        "good\n"
        "g -u old@example -o old.sig --sign good\n"
        "g -u right@example -u wrong@example -o both.sig --sign good\n"
        "g -u right@example --digest-algo SHA1 -o sha1.sig --sign good\n"
        "g -u right@example -o detached.sig --detach-sign good\n"
        "g -u right@example -o armor.sig --armor --sign good\n"
        "g -u right@example -o clear.sig --clear-sign good\n"
        "g -o nobody.sig --store good\n"
        "cat wrong.sig good.sig >joined.sig; cat nobody.sig good.sig >stored.sig\n"
        "head -c 40 good.sig >cut.sig; : >empty.sig\n"
        "f=$(g --list-keys --with-colons revoked@example | sed -n 's/^fpr:*\\([0-9A-F]*\\):$/\\1/p' | head "
        "-n 1)\n"
        "sed 's/^:---/---/' \"$GNUPGHOME/openpgp-revocs.d/$f.rev\" | g --import\n"
        "g --export revoked@example >revoked.gpg\n"
        "openssl ecparam -name prime256v1 -genkey -noout -out ec.key; openssl ec -in ec.key -pubout -out "
        "ec.pub\n"
        "openssl ecparam -name prime256v1 -genkey -noout -out ec2.key; openssl ec -in ec2.key -pubout -out "
        "ec2.pub\n"
        "openssl genrsa -out rsa.key 2048; openssl rsa -in rsa.key -pubout -out rsa.pub\n"
        "openssl genrsa -out weak.key 1024; openssl rsa -in weak.key -pubout -out weak.pub\n"
        "openssl genpkey -algorithm ed25519 -out ed.key; openssl pkey -in ed.key -pubout -out ed.pub\n"
        "payload 'cosign container image signature' $D1 a.example/b ', \"optional\": null' >sigstore\n"
        "payload \"$S\" $D1 a.example/b '' >simple\n"
        "for k in ec ec2 rsa weak; do openssl dgst -sha256 -sign $k.key -out sigstore.$k sigstore; done\n"
        "openssl dgst -sha256 -sign ec.key -out simple.ec simple\n"
        "openssl pkeyutl -sign -rawin -inkey ed.key -in sigstore -out sigstore.ed\n";

static void make_all(void)
{
        static bool made;
        _cleanup_free_ char *command = NULL;

        if (made)
                return;
        CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
        CHECK_EQ(setenv("SCRIPT", make_keys, 1), 0);
        command = str_printf("exec 2>%s/log; bash -c \"$SCRIPT\" bash %s || { cat %s/log; exit 1; }",
                             test_directory(), test_directory(), test_directory());
        CHECK(command);
        CHECK_EQ(system(command), 0);
        CHECK_EQ(unsetenv("SCRIPT"), 0);
        CHECK_EQ(setenv("TMPDIR", test_directory(), 1), 0);
        made = true;
}

static char *load(const char *name, size_t *ret_size)
{
        _cleanup_close_ int dir = test_directory_open();
        char *data;

        CHECK_OK(fs_read_at(dir, name, 1 << 20, &data, ret_size));
        return data;
}

static char *load_base64(const char *name)
{
        size_t size;
        _cleanup_free_ char *data = load(name, &size);

        return base64_encode(data, size);
}

static json_t *requirement(const char *type, const char *identity, const char *key)
{
        _cleanup_free_ char *base64 = load_base64(key);

        return json_pack("{s:s, s:[s], s:{s:s}}", "Type", type, "Keys", base64, "Identity", "type", identity);
}

/* NULL: accepted, otherwise why not. */
static char *verify(const char *type, const char *identity, const char *key, const char *name,
                    const Signature *s, size_t n)
{
        _cleanup_json_ json_t *policy = json_pack("{s:[o], s:b}", "Requirements",
                                                  requirement(type, identity, key), "Attachments", true);
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_image_ref_ ImageRef ref = {};
        int r;

        CHECK(policy);
        CHECK_OK(image_ref_parse(name, &ref, NULL));
        r = signature_verify(policy, &ref, D1, s, n, &error);
        CHECK(r == 0 ? error.kind == ERROR_NONE : error.kind == ERROR_REJECTED && r == -EPERM);
        return r == 0 ? NULL : TAKE_PTR(error.message);
}

static void check(const char *file, int line, const char *what, const char *why, const char *expected)
{
        if (expected ? !why || !strstr(why, expected) : why != NULL)
                test_fail(file, line, what, why ?: "accepted", expected ?: "accepted");
}

TEST(simple)
{
        static const struct {
                const char *key, *message, *why; /* NULL: accepted */
                const char *identity, *name;
        } rows[] = {
                {"right", "good", NULL},
                {"right", "armor", NULL},
                {"right", "good", NULL, "matchRepository", "a.example/b:2"},
                {"right", "good", NULL, NULL, "a.example/b@" D1},
                {"right", "good", "another image", NULL, "a.example/b:2"},
                {"right", "good", "exactly this name", "matchExact", "a.example/b@" D1},
                {"right", "other", "another image: \"a.example/other:1\""},
                {"right", "digest", "for another manifest than " D1},
                {"right", "type", "another type"},
                {"right", "more", "not as containers-signature(5)"},
                {"right", "members", "not as containers-signature(5)"},
                {"right", "twice", "not JSON"},
                {"right", "text", "not JSON"},
                {"right", "bomb", "signature 1: "},
                {"right", "wrong", "signed by another key"},
                {"wrong", "good", "signed by another key"},
                {"wrong", "wrong", NULL},
                {"expired", "expired", "xpired"},
                {"revoked", "revoked", "revoked"},
                {"right", "expired", "signed by another key"},
                {"old", "old", NULL},
                {"old", "late", "xpired"},
                {"right", "both", "signed more than once"},
                {"right", "sha1", "too weak"},
                {"right", "detached", "signature 1: "},
                {"right", "nobody", "signature 1: "},
                {"right", "joined", "signature 1: "},
                {"right", "stored", "signature 1: "},
                {"right", "clear", "signature 1: "},
                {"right", "cut", "signature 1: "},
                {"right", "empty", "signature 1: "},
        };

        make_all();
        FOREACH_ELEMENT(row, rows) {
                _cleanup_free_ char *key = str_printf("%s.gpg", row->key),
                                    *file = str_printf("%s.sig", row->message), *why = NULL;
                Signature s = {.kind = SIGNATURE_SIMPLE};
                _cleanup_free_ char *data = load(file, &s.size);

                s.data = data;
                why = verify("signedBy", row->identity ?: "matchRepoDigestOrExact", key,
                             row->name ?: "a.example/b:1", &s, 1);
                check(__FILE__, __LINE__, row->message, why, row->why);
        }
}

/* Of several signatures one is enough; of none there is none. */
TEST(several)
{
        static const char *const names[] = {"wrong.sig", "text.sig", "good.sig"};
        _cleanup_free_ char *why = NULL, *two = NULL, *none = NULL, *other = NULL;
        Signature s[ELEMENTSOF(names)] = {};
        char *data[ELEMENTSOF(names)];

        make_all();
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                data[i] = load(names[i], &s[i].size);
                s[i].data = data[i];
        }
        why = verify("signedBy", "matchExact", "right.gpg", "a.example/b:1", s, 3);
        check(__FILE__, __LINE__, "three", why, NULL);
        two = verify("signedBy", "matchExact", "right.gpg", "a.example/b:1", s, 2);
        check(__FILE__, __LINE__, "two", two, "signature 2: what is signed is not JSON");
        none = verify("signedBy", "matchExact", "right.gpg", "a.example/b:1", NULL, 0);
        check(__FILE__, __LINE__, "none", none, "it has no such signature");
        s[2].kind = SIGNATURE_SIGSTORE;
        other = verify("signedBy", "matchExact", "right.gpg", "a.example/b:1", s + 2, 1);
        check(__FILE__, __LINE__, "other kind", other, "it has no such signature");
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                free(data[i]);
}

TEST(every_requirement_counts)
{
        _cleanup_json_ json_t *policy = NULL, *unknown = NULL, *empty = NULL;
        _cleanup_error_ Error error = ERROR_INIT, why = ERROR_INIT;
        _cleanup_image_ref_ ImageRef ref = {};
        _cleanup_free_ char *good = NULL, *wrong = NULL;
        Signature s[2] = {};

        make_all();
        good = load("good.sig", &s[0].size);
        s[0].data = good;
        wrong = load("wrong.sig", &s[1].size);
        s[1].data = wrong;
        policy = json_pack("{s:[o, o]}", "Requirements", requirement("signedBy", "matchExact", "right.gpg"),
                           requirement("signedBy", "matchExact", "wrong.gpg"));
        CHECK_OK(image_ref_parse("a.example/b:1", &ref, NULL));
        CHECK_OK(signature_verify(policy, &ref, D1, s, 2, &error));
        CHECK_EQ(signature_verify(policy, &ref, D1, s, 1, &error), -EPERM);
        CHECK_EQ(signature_verify(policy, &ref, D1, s + 1, 1, &error), -EPERM);
        CHECK_EQ(signature_kinds(policy), 1U << SIGNATURE_SIMPLE);
        CHECK_OK(signature_verify(NULL, &ref, D1, NULL, 0, &error));
        unknown = json_pack("{s:[{s:s}]}", "Requirements", "Type", "newThing");
        CHECK_EQ(signature_verify(unknown, &ref, D1, s, 2, &why), -EPERM);
        empty = json_pack("{s:[]}", "Requirements");
        CHECK_EQ(signature_verify(empty, &ref, D1, s, 2, &why), -EPERM);
        CHECK_EQ(signature_kinds(unknown) | signature_kinds(NULL) | signature_kinds(empty), 0);
}

TEST(sigstore)
{
        static const struct {
                const char *key, *payload, *signature, *why, *identity;
        } rows[] = {
                {"ec.pub", "sigstore", "sigstore.ec", NULL},
                {"rsa.pub", "sigstore", "sigstore.rsa", NULL},
                {"ed.pub", "sigstore", "sigstore.ed", NULL},
                {"ec.pub", "sigstore", "sigstore.ec", "another image", "matchRepoDigestOrExact"},
                {"ec2.pub", "sigstore", "sigstore.ec", "not signed by the policy's key"},
                {"ec.pub", "sigstore", "sigstore.ec2", "not signed by the policy's key"},
                {"ec.pub", "sigstore", "sigstore.rsa", "not signed by the policy's key"},
                {"rsa.pub", "sigstore", "sigstore.ec", "not signed by the policy's key"},
                {"weak.pub", "sigstore", "sigstore.weak", "neither ECDSA"},
                {"ec.pub", "simple", "sigstore.ec", "not signed by the policy's key"},
                {"ec.pub", "simple", "simple.ec", "another type"},
                {"ec.key", "sigstore", "sigstore.ec", "not a public key"},
                {"right.gpg", "sigstore", "sigstore.ec", "not a public key"},
        };

        make_all();
        FOREACH_ELEMENT(row, rows) {
                _cleanup_free_ char *base64 = load_base64(row->signature), *why = NULL;
                Signature s = {.kind = SIGNATURE_SIGSTORE, .signature = base64};
                _cleanup_free_ char *data = load(row->payload, &s.size);

                s.data = data;
                why = verify("sigstoreSigned", row->identity ?: "matchRepository", row->key, "a.example/b:1",
                             &s, 1);
                check(__FILE__, __LINE__, row->signature, why, row->why);
        }
}

TEST(sigstore_without_signature)
{
        static const char *const bad[] = {NULL, "", "!", "AAAA"};
        Signature s = {.kind = SIGNATURE_SIGSTORE};
        _cleanup_free_ char *data = NULL;

        make_all();
        data = load("sigstore", &s.size);
        s.data = data;
        FOREACH_ELEMENT(text, bad) {
                _cleanup_free_ char *why = NULL;

                s.signature = *text;
                why = verify("sigstoreSigned", "matchRepository", "ec.pub", "a.example/b:1", &s, 1);
                check(__FILE__, __LINE__, "bad", why, "sign");
        }
}

/* No key ring is left behind. */
TEST(nothing_is_left)
{
        _cleanup_free_ char *why = NULL;

        make_all();
        why = verify("signedBy", "matchExact", "right.gpg", "a.example/b:1", NULL, 0);
        CHECK(why);
        CHECK_EQ(system("! ls -d \"$TMPDIR\"/berth-gpg-* >/dev/null 2>&1"), 0);
}
