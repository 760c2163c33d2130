/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Variants count up: a machine runs what was made for an earlier one of its architecture. Where an image
 * names none, it means the first that was common: v7 of arm, v8 of arm64, v1 of amd64. */

#include <ctype.h>
#include <sys/utsname.h>

#include "base/str.h"
#include "spec/platform.h"

#define PLATFORM_LENGTH_MAX 128U
#define RANK_UNSAID 100

static const struct {
        const char *name;
        const char *architecture;
        const char *variant;
} aliases[] = {{"x86_64", "amd64", NULL},    {"x86-64", "amd64", NULL},
               {"aarch64", "arm64", NULL},   {"armv8l", "arm", "v7"},
               {"armv7l", "arm", "v7"},      {"armhf", "arm", "v7"},
               {"armv6l", "arm", "v6"},      {"armel", "arm", "v6"},
               {"armv5tel", "arm", "v5"},    {"i386", "386", NULL},
               {"i586", "386", NULL},        {"i686", "386", NULL},
               {"ppc64el", "ppc64le", NULL}, {"loongarch64", "loong64", NULL},
               {"mips64", "mips64le", NULL}, {"mips64el", "mips64le", NULL}};

static const struct {
        const char *architecture;
        int variant;
} common[] = {{"arm", 7}, {"arm64", 8}, {"amd64", 1}};

/* Of those that images are made for. */
static const char *const systems[] = {"linux",   "windows", "darwin",  "freebsd", "netbsd", "openbsd",
                                      "solaris", "illumos", "android", "wasip1",  "js",     "plan9"};

void platform_done(Platform *p)
{
        free(p->os);
        free(p->architecture);
        free(p->variant);
        *p = (Platform){};
}

/* In Go's words. */
static int set_architecture(Platform *p, const char *name)
{
        FOREACH_ELEMENT(row, aliases)
                if (streq(row->name, name)) {
                        int r = p->variant || !row->variant ? 0 : str_replace(&p->variant, row->variant);

                        return r < 0 ? r : str_replace(&p->architecture, row->architecture);
                }
        return str_replace(&p->architecture, name);
}

int platform_host(Platform *ret)
{
        _cleanup_platform_ Platform p = {};
        struct utsname u;
        int r;

        if (uname(&u) < 0)
                return -errno;
        r = str_replace(&p.os, "linux");
        if (r >= 0)
                r = set_architecture(&p, u.machine);
        if (r < 0)
                return r;
        *ret = TAKE(p, (Platform){});
        return 0;
}

static bool part_is_valid(const char *s)
{
        for (const char *c = s; *c; c++)
                if (!isalnum((unsigned char) *c) && !strchr("._-", *c))
                        return false;
        return *s;
}

static bool is_system(const char *s)
{
        FOREACH_ELEMENT(system, systems)
                if (streq(*system, s))
                        return true;
        return false;
}

int platform_parse(const char *s, Platform *ret)
{
        _cleanup_platform_ Platform p = {};
        _cleanup_strv_ char **parts = NULL;
        bool has_os;
        size_t n;
        int r;

        if (isempty(s) || strlen(s) > PLATFORM_LENGTH_MAX || *s == '/' || endswith(s, "/") || strstr(s, "//"))
                return -EINVAL;
        r = strv_split(s, "/", &parts);
        if (r < 0)
                return r;
        STRV_FOREACH(part, parts)
                if (!part_is_valid(*part))
                        return -EINVAL;
        n = strv_length(parts);
        has_os = n == 3 || (n == 2 && is_system(parts[0]));
        if (n > 3 || (n == 1 && is_system(parts[0])))
                return -EINVAL;
        r = str_replace(&p.os, has_os ? parts[0] : "linux");
        if (r >= 0 && parts[has_os] && parts[has_os + 1])
                r = str_replace(&p.variant, parts[has_os + 1]);
        if (r >= 0)
                r = set_architecture(&p, parts[has_os]);
        if (r < 0)
                return r;
        *ret = TAKE(p, (Platform){});
        return 0;
}

char *platform_text(const Platform *p)
{
        return str_printf("%s/%s%s%s", strempty(p->os), strempty(p->architecture), p->variant ? "/" : "",
                          strempty(p->variant));
}

/* "v7" is 7, nothing is what the architecture commonly means; -EINVAL: neither. */
static int variant_number(const char *architecture, const char *variant)
{
        const char *digits = isempty(variant) ? NULL : variant + (*variant == 'v');

        if (digits)
                return isdigit((unsigned char) *digits) && !digits[1] ? *digits - '0' : -EINVAL;
        FOREACH_ELEMENT(row, common)
                if (streq(row->architecture, architecture))
                        return row->variant;
        return -EINVAL;
}

static int variant_rank(const Platform *want, const char *variant)
{
        int wanted = variant_number(want->architecture, want->variant),
            offered = variant_number(want->architecture, variant);

        if (wanted < 0 || offered < 0)
                return isempty(want->variant)              ? !isempty(variant)
                       : streq_ptr(want->variant, variant) ? 0
                                                           : -ENOENT;
        return offered <= wanted ? wanted - offered : -ENOENT;
}

int platform_rank(const Platform *want, const char *os, const char *architecture, const char *variant)
{
        if (os && !streq(os, want->os))
                return -ENOENT;
        if (!architecture)
                return RANK_UNSAID;
        return streq(architecture, want->architecture) ? variant_rank(want, variant) : -ENOENT;
}
