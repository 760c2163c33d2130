/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Names and where they lead. */

#include <ctype.h>
#include <sys/random.h>

#include "base/parse.h"
#include "base/str.h"
#include "spec/name.h"

#define UNIT_NAME_LENGTH_MAX 255U

bool id_is_valid(const char *s)
{
        return s && is_hex(s, ID_LENGTH);
}

bool name_is_valid(const char *s)
{
        size_t n;

        if (!s || !isalnum((unsigned char) *s))
                return false;
        for (n = 0; s[n]; n++)
                if (n >= NAME_LENGTH_MAX || (!isalnum((unsigned char) s[n]) && !strchr("_.-", s[n])))
                        return false;
        return !id_is_valid(s);
}

int id_new(char ret[static ID_LENGTH + 1])
{
        return random_hex(ID_LENGTH / 2, ret);
}

char *name_random(void)
{
        static const char *const manners[] = {
                "able",   "brave", "brisk", "calm",  "clear",  "deft",   "eager", "fair",
                "firm",   "fleet", "glad",  "hale",  "keen",   "kind",   "merry", "neat",
                "nimble", "quick", "quiet", "ready", "spry",   "steady", "sound", "staunch",
                "swift",  "tidy",  "trim",  "true",  "trusty", "warm",   "wise",  "yare",
        };
        static const char *const vessels[] = {
                "barge",  "bark",     "brig",   "canoe", "caravel", "clipper", "cog",    "coracle",
                "cutter", "dhow",     "dinghy", "dory",  "ferry",   "frigate", "galley", "gig",
                "hoy",    "junk",     "kayak",  "ketch", "launch",  "lugger",  "packet", "pinnace",
                "punt",   "schooner", "skiff",  "sloop", "smack",   "tender",  "wherry", "yawl",
        };
        uint16_t r[3];

        if (getrandom(r, sizeof(r), 0) != sizeof(r))
                return NULL;
        return str_printf("%s_%s%u", manners[r[0] % ELEMENTSOF(manners)], vessels[r[1] % ELEMENTSOF(vessels)],
                          r[2] % 1000U);
}

char *container_unit_name(const char *name)
{
        return str_printf("berth-%s.service", name);
}

char *exec_unit_name(const char *exec_id)
{
        return str_printf("berth_exec-%.*s.service", ID_SHORT_LENGTH, exec_id);
}

bool unit_name_is_valid(const char *s)
{
        const char *suffix = s ? endswith(s, ".service") : NULL;

        if (!suffix || suffix == s || strlen(s) > UNIT_NAME_LENGTH_MAX)
                return false;
        for (const char *p = s; p < suffix; p++)
                if (!isalnum((unsigned char) *p) && !strchr(":-_.\\@", *p))
                        return false;
        return true;
}

char *object_path(const char *noun, const char *id)
{
        return str_printf(BUS_PATH "/%s/%s", noun, id);
}

const char *object_path_id(const char *path, const char *noun)
{
        const char *p = startswith(path, BUS_PATH "/");

        p = p ? startswith(p, noun) : NULL;
        p = p ? startswith(p, "/") : NULL;
        return p && id_is_valid(p) ? p : NULL;
}
