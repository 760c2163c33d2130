/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One row per word. "r" in front of a word of the first table means the whole tree, as in "rro". */

#include <sys/mount.h>

#include "base/str.h"
#include "exec/mount-option.h"

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

static const struct {
        const char *name;
        uint64_t set, clear;
} attributes[] = {
        {"ro", MOUNT_ATTR_RDONLY, 0},
        {"rw", 0, MOUNT_ATTR_RDONLY},
        {"nosuid", MOUNT_ATTR_NOSUID, 0},
        {"suid", 0, MOUNT_ATTR_NOSUID},
        {"nodev", MOUNT_ATTR_NODEV, 0},
        {"dev", 0, MOUNT_ATTR_NODEV},
        {"noexec", MOUNT_ATTR_NOEXEC, 0},
        {"exec", 0, MOUNT_ATTR_NOEXEC},
        {"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0},
        {"symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW},
        {"nodiratime", MOUNT_ATTR_NODIRATIME, 0},
        {"diratime", 0, MOUNT_ATTR_NODIRATIME},
        /* How access times are kept is one field, not a bit: naming a way clears the others. */
        {"relatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
        {"norelatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
        {"noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
        {"atime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
        {"strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
        {"nostrictatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
};

static const struct {
        const char *name;
        unsigned long flag;
} propagations[] = {
        {"private", MS_PRIVATE},
        {"shared", MS_SHARED},
        {"slave", MS_SLAVE},
        {"unbindable", MS_UNBINDABLE},
};

/* What a mount does besides being one. */
static const struct {
        const char *name;
        size_t offset;
} habits[] = {
        {"tmpcopyup", offsetof(MountOptions, copy_up)},
        {"copy-symlink", offsetof(MountOptions, copy_symlink)},
        {"src-nofollow", offsetof(MountOptions, source_nofollow)},
        {"dest-nofollow", offsetof(MountOptions, target_nofollow)},
        {"idmap", offsetof(MountOptions, idmap)},
        {"ridmap", offsetof(MountOptions, idmap_all)},
};

/* Every mount has these anyway, or no kernel has them any more. */
static const char *const idle[] = {
        "defaults", "async", "silent",  "z",     "Z",      "mand",
        "nomand",   "rmand", "rnomand", "rsync", "rasync", "rdirsync",
};

void mount_options_done(MountOptions *o)
{
        strv_free(o->rest);
        free(o->idmap_text);
        *o = (MountOptions){};
}

static bool parse_attribute(const char *word, bool all, MountOptions *o)
{
        FOREACH_ELEMENT(a, attributes) {
                uint64_t *set = all ? &o->set_all : &o->set, *clear = all ? &o->clear_all : &o->clear;

                if (!streq(a->name, word))
                        continue;
                *set = (*set & ~a->clear) | a->set;
                *clear = (*clear & ~a->set) | a->clear;
                return true;
        }
        return false;
}

static bool parse_propagation(const char *word, bool all, MountOptions *o)
{
        FOREACH_ELEMENT(p, propagations)
                if (streq(p->name, word)) {
                        o->propagation = p->flag;
                        o->propagation_all = all;
                        return true;
                }
        return false;
}

static bool parse_habit(const char *word, MountOptions *o)
{
        FOREACH_ELEMENT(h, habits)
                if (streq(h->name, word)) {
                        *(bool *) ((char *) o + h->offset) = true;
                        return true;
                }
        return false;
}

static int parse_idmap(const char *word, MountOptions *o)
{
        const char *text = startswith(word, "idmap="), *all = startswith(word, "ridmap=");

        if (!text && !all)
                return 0;
        o->idmap = text;
        o->idmap_all = all;
        return str_replace(&o->idmap_text, text ?: all) < 0 ? -ENOMEM : 1;
}

static bool parse_word(const char *word, MountOptions *o)
{
        FOREACH_ELEMENT(i, idle)
                if (streq(*i, word))
                        return true;
        if (streq(word, "bind") || streq(word, "rbind")) {
                o->bind = true;
                o->recursive = o->recursive || *word == 'r';
                return true;
        }
        if (parse_attribute(word, false, o) || parse_propagation(word, false, o) || parse_habit(word, o))
                return true;
        return *word == 'r' && (parse_attribute(word + 1, true, o) || parse_propagation(word + 1, true, o));
}

int mount_options_parse(char *const *words, MountOptions *ret)
{
        MountOptions o = {};
        int r;

        for (; words && *words; words++) {
                if (parse_word(*words, &o))
                        continue;
                r = parse_idmap(*words, &o);
                if (r == 0)
                        r = strv_append(&o.rest, *words);
                if (r < 0) {
                        mount_options_done(&o);
                        return r;
                }
        }
        *ret = o;
        return 0;
}

const char *mount_option_name(size_t i)
{
        static const char *const binds[] = {"bind", "rbind"};

        if (i < ELEMENTSOF(binds))
                return binds[i];
        i -= ELEMENTSOF(binds);
        if (i < ELEMENTSOF(attributes))
                return attributes[i].name;
        i -= ELEMENTSOF(attributes);
        if (i < ELEMENTSOF(propagations))
                return propagations[i].name;
        i -= ELEMENTSOF(propagations);
        return i < ELEMENTSOF(habits) ? habits[i].name : NULL;
}
