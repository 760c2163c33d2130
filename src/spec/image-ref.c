/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The grammar, from left to right: what stands before the first '/' is a registry when it looks like a host
 * (holds a
 * '.' or ':' or is "localhost"), a ':' after the last '/' begins the tag, a '@' the digest. The parts are cut
 * first and checked each by its own rule then. */

#include "base/parse.h"
#include "base/str.h"
#include "spec/image-ref.h"

#define TAG_LENGTH_MAX 128
#define NAME_PART_MAX 255 /* registry and path together */
#define DEFAULT_REGISTRY "localhost"
#define DEFAULT_TAG "latest"
#define DOCKER_REGISTRY "docker.io"
#define DOCKER_LIBRARY "library/"

static bool is_lower_alnum(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum(char c)
{
        return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

bool digest_is_valid(const char *s)
{
        const char *hex = s ? startswith(s, "sha256:") : NULL;

        return hex && is_hex(hex, 64);
}

/* [a-zA-Z0-9] at both ends of each label, '-' inside, '.' between. */
static bool host_is_valid(const char *s, size_t n)
{
        bool begun = false;

        for (size_t i = 0; i < n; i++) {
                bool edge = !begun || i + 1 == n || s[i + 1] == '.';

                if (s[i] == '.' && begun)
                        begun = false;
                else if (is_alnum(s[i]) || (s[i] == '-' && !edge))
                        begun = true;
                else
                        return false;
        }
        return begun;
}

static bool registry_is_valid(const char *s)
{
        const char *colon = strchr(s, ':');
        uint64_t port;

        if (!colon)
                return host_is_valid(s, strlen(s));
        return host_is_valid(s, (size_t) (colon - s)) && parse_u64(colon + 1, 1, 65535, &port) >= 0;
}

/* A separator inside a path component: one '.', one or two '_', any number of '-'. Its length, 0 for none. */
static size_t separator_length(const char *s)
{
        if (*s == '.')
                return 1;
        if (*s == '_')
                return s[1] == '_' ? 2 : 1;
        return strspn(s, "-");
}

static bool path_is_valid(const char *s)
{
        for (;;) {
                if (!is_lower_alnum(*s))
                        return false;
                while (is_lower_alnum(*s))
                        s++;
                if (*s == '\0')
                        return true;
                if (*s == '/')
                        s++;
                else if (separator_length(s) > 0)
                        s += separator_length(s);
                else
                        return false;
        }
}

static bool tag_is_valid(const char *s)
{
        size_t n = strlen(s);

        if (n == 0 || n > TAG_LENGTH_MAX || !(is_alnum(*s) || *s == '_'))
                return false;
        for (; *s; s++)
                if (!is_alnum(*s) && !strchr("_.-", *s))
                        return false;
        return true;
}

static bool looks_like_registry(const char *s, size_t n)
{
        return memchr(s, '.', n) || memchr(s, ':', n) ||
               (n == strlen("localhost") && strncmp(s, "localhost", n) == 0);
}

/* Cuts what follows the last such character off s and hands out a copy of it. */
static int cut_off(char *at, char **ret)
{
        *ret = strdup(at + 1);
        if (!*ret)
                return -ENOMEM;
        *at = '\0';
        return 0;
}

static int cut(char *s, ImageRef *ref)
{
        char *at = strchr(s, '@'), *slash, *colon;
        int r;

        if (at) {
                r = cut_off(at, &ref->digest);
                if (r < 0)
                        return r;
        }
        slash = strrchr(s, '/');
        colon = strrchr(slash ? slash : s, ':');
        if (colon) {
                r = cut_off(colon, &ref->tag);
                if (r < 0)
                        return r;
        }
        slash = strchr(s, '/');
        if (slash && looks_like_registry(s, (size_t) (slash - s))) {
                r = cut_off(slash, &ref->path);
                if (r < 0)
                        return r;
                return str_replace(&ref->registry, s);
        }
        return str_replace(&ref->path, s);
}

static const char *broken_rule(const char *s, const ImageRef *ref)
{
        if (is_hex(s, 64))
                return "64 hexadecimal digits are an ID, not a name";
        if (ref->digest && !digest_is_valid(ref->digest))
                return "the digest is not \"sha256:\" and 64 lower-case hexadecimal digits";
        if (ref->tag && !tag_is_valid(ref->tag))
                return "the tag is not 1 to 128 letters, digits, '_', '.', '-', beginning with neither '.' "
                       "nor '-'";
        if (ref->registry && !registry_is_valid(ref->registry))
                return "the registry is not a host name with an optional port";
        if (!path_is_valid(ref->path))
                return "the name is not lower-case letters and digits, with single '.', '_', '__' or '-' "
                       "between, in "
                       "parts separated by '/'";
        return NULL;
}

/* Docker's registry has a second name, and a directory that may be left out. */
static int canonical_docker(ImageRef *ref)
{
        char *path;

        if (streq_ptr(ref->registry, "index.docker.io")) {
                int r = str_replace(&ref->registry, DOCKER_REGISTRY);

                if (r < 0)
                        return r;
        }
        if (!streq_ptr(ref->registry, DOCKER_REGISTRY) || strchr(ref->path, '/'))
                return 0;
        path = str_printf(DOCKER_LIBRARY "%s", ref->path);
        if (!path)
                return -ENOMEM;
        free(ref->path);
        ref->path = path;
        return 0;
}

static int reject(const char **ret_error, const char *text)
{
        if (ret_error)
                *ret_error = text;
        return -EINVAL;
}

int image_ref_parse(const char *s, ImageRef *ret, const char **ret_error)
{
        _cleanup_image_ref_ ImageRef ref = {};
        _cleanup_free_ char *copy = NULL;
        const char *rule;
        int r;

        if (isempty(s))
                return reject(ret_error, "the name is empty");
        if (strlen(s) > IMAGE_REF_LENGTH_MAX)
                return reject(ret_error, "the name is too long");
        copy = strdup(s);
        if (!copy)
                return -ENOMEM;
        r = cut(copy, &ref);
        if (r < 0)
                return r;
        rule = broken_rule(s, &ref);
        if (rule)
                return reject(ret_error, rule);
        r = canonical_docker(&ref);
        if (r < 0)
                return r;
        /* Of the canonical name, so that it can be read again. */
        if (strlen(ref.registry ? ref.registry : DEFAULT_REGISTRY) + 1 + strlen(ref.path) > NAME_PART_MAX)
                return reject(ret_error, "the name is longer than 255 characters");
        *ret = TAKE(ref, (ImageRef){});
        return 0;
}

char *image_ref_text(const ImageRef *r)
{
        const char *tag = r->tag ? r->tag : r->digest ? NULL : DEFAULT_TAG;

        return str_printf("%s/%s%s%s%s%s", r->registry ? r->registry : DEFAULT_REGISTRY, r->path,
                          tag ? ":" : "", strempty(tag), r->digest ? "@" : "", strempty(r->digest));
}

int image_ref_normalize(const char *s, char **ret, const char **ret_error)
{
        _cleanup_image_ref_ ImageRef ref = {};
        char *text;
        int r = image_ref_parse(s, &ref, ret_error);

        if (r < 0)
                return r;
        text = image_ref_text(&ref);
        if (!text)
                return -ENOMEM;
        *ret = text;
        return 0;
}

void image_ref_done(ImageRef *r)
{
        free(r->registry);
        free(r->path);
        free(r->tag);
        free(r->digest);
        *r = (ImageRef){};
}
