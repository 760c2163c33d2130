/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The files are read line by line into fields between colons; a line that is too long or has too few fields
 * is no entry. */

#include <limits.h>

#include "base/fs.h"
#include "base/parse.h"
#include "base/str.h"
#include "exec/user.h"

#define FILE_SIZE_MAX (1U * 1024 * 1024)
#define LINE_SIZE_MAX (4U * 1024)
#define FIELDS_MAX 7

enum {
        PASSWD_NAME = 0,
        PASSWD_UID = 2,
        PASSWD_GID = 3,
        PASSWD_HOME = 5,
        PASSWD_FIELDS = 7,
        GROUP_NAME = 0,
        GROUP_GID = 2,
        GROUP_MEMBERS = 3,
        GROUP_FIELDS = 4,
};

/* "user:group" taken apart. A part that is no number is a name; NULL: not given. */
typedef struct Wish {
        char *user, *group;
        bool user_is_number, group_is_number;
        uint32_t uid, gid;
} Wish;

void identity_done(Identity *i)
{
        free(i->groups);
        free(i->home);
        *i = (Identity){};
}

static void wish_done(Wish *w)
{
        free(w->user);
        free(w->group);
}

static int no_such(Error *error, const char *what, const char *name)
{
        return error_set(error, ERROR_NO_SUCH_USER, "The image has no %s \"%s\"", what, name);
}

static int parse_id(const char *s, uint32_t *ret)
{
        uint64_t n;
        int r;

        r = parse_u64(s, 0, UINT32_MAX - 1, &n);
        if (r >= 0)
                *ret = (uint32_t) n;
        return r;
}

/* Only digits are a number; but digits that are no valid number do not become a name. */
static int parse_part(const char *s, const char *what, bool *ret_number, uint32_t *ret, Error *error)
{
        *ret_number = strspn(s, "0123456789") == strlen(s);
        if (str_has_control(s) || (*ret_number && parse_id(s, ret) < 0))
                return error_set(error, ERROR_INVALID_ARGUMENT,
                                 "\"%s\" is neither a %s name nor a number up to 4294967294", s, what);
        return 0;
}

static int wish_parse(const char *text, Wish *w, Error *error)
{
        const char *colon = strchr(text, ':');
        int r;

        if (colon && (colon[1] == '\0' || strchr(colon + 1, ':')))
                return error_set(error, ERROR_INVALID_ARGUMENT, "\"%s\" is not USER[:GROUP]", text);
        w->user = strndup(text, colon ? (size_t) (colon - text) : strlen(text));
        w->group = colon ? strdup(colon + 1) : NULL;
        if (!w->user || (colon && !w->group))
                return error_set_errno(error, ENOMEM, "User");
        /* A group alone: the user is the default one. */
        if (isempty(w->user)) {
                free(TAKE_PTR(w->user));
                if (!colon)
                        return error_set(error, ERROR_INVALID_ARGUMENT, "The user is empty");
        }
        r = w->user ? parse_part(w->user, "user", &w->user_is_number, &w->uid, error) : 0;
        if (r >= 0 && w->group)
                r = parse_part(w->group, "group", &w->group_is_number, &w->gid, error);
        return r;
}

/* Absent is empty. Links lead nowhere but to other files of the root. */
static int read_file(int root, const char *path, char **ret, Error *error)
{
        _cleanup_close_ int fd =
                fs_open_in_root(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
        int r;

        if (fd == -ENOENT || fd == -ENOTDIR) {
                *ret = strdup("");
                return *ret ? 0 : error_set_errno(error, ENOMEM, "%s", path);
        }
        r = fd < 0 ? fd : fs_read_fd(fd, FILE_SIZE_MAX, ret, NULL);
        if (r == -EFBIG)
                return error_set(error, ERROR_LIMIT, "The image's %s is larger than %u bytes", path,
                                 FILE_SIZE_MAX);
        if (r == -ELOOP || r == -EINVAL || r == -EISDIR || r == -ENXIO)
                return error_set(error, ERROR_START_FAILED, "The image's %s is not a regular file", path);
        return r < 0 ? error_set(error, ERROR_START_FAILED, "Cannot read the image's %s: %s", path,
                                 strerror(-r))
                     : 0;
}

/* Cuts the next entry off *text (which is changed) into exactly n fields, the last one with the rest of the
 * line. */
static bool next_entry(char **text, char *fields[static FIELDS_MAX], size_t n)
{
        while (**text) {
                char *line = *text, *end = strchrnul(line, '\n');
                size_t i = 0;

                *text = *end ? end + 1 : end;
                *end = '\0';
                if (end - line > (ptrdiff_t) LINE_SIZE_MAX || *line == '#' || *line == '\0')
                        continue;
                for (fields[i++] = line; i < n && (line = strchr(line, ':')); fields[i++] = line)
                        *line++ = '\0';
                if (i == n)
                        return true;
        }
        return false;
}

static int find_user(int root, const Wish *w, Identity *i, char **ret_name, Error *error)
{
        _cleanup_free_ char *text = NULL;
        char *fields[FIELDS_MAX], *p;
        int r;

        r = read_file(root, "/etc/passwd", &text, error);
        if (r < 0)
                return r;
        for (p = text; next_entry(&p, fields, PASSWD_FIELDS);) {
                uint32_t uid, gid;

                if (parse_id(fields[PASSWD_UID], &uid) < 0 || parse_id(fields[PASSWD_GID], &gid) < 0)
                        continue;
                if (w->user && !w->user_is_number ? !streq(fields[PASSWD_NAME], w->user) : uid != i->uid)
                        continue;
                i->uid = uid;
                i->gid = gid;
                *ret_name = strdup(fields[PASSWD_NAME]);
                if (!*ret_name ||
                    (*fields[PASSWD_HOME] == '/' && str_replace(&i->home, fields[PASSWD_HOME]) < 0))
                        return error_set_errno(error, ENOMEM, "User");
                return 0;
        }
        return w->user && !w->user_is_number ? no_such(error, "user", w->user) : 0;
}

static int add_group(Identity *i, gid_t gid, Error *error)
{
        gid_t *groups;

        for (size_t k = 0; k < i->n_groups; k++)
                if (i->groups[k] == gid)
                        return 0;
        if (i->n_groups >= NGROUPS_MAX)
                return error_set(error, ERROR_LIMIT, "More than %d groups", NGROUPS_MAX);
        groups = reallocarray(i->groups, i->n_groups + 1, sizeof(gid_t));
        if (!groups)
                return error_set_errno(error, ENOMEM, "Groups");
        i->groups = groups;
        i->groups[i->n_groups++] = gid;
        return 0;
}

static bool lists_member(char *members, const char *name)
{
        char *state = NULL;

        for (char *m = strtok_r(members, ",", &state); m; m = strtok_r(NULL, ",", &state))
                if (streq(m, name))
                        return true;
        return false;
}

static int find_group(const char *file, const char *name, gid_t *ret, Error *error)
{
        _cleanup_free_ char *text = strdup(file);
        char *fields[FIELDS_MAX], *p = text;

        if (!text)
                return error_set_errno(error, ENOMEM, "Groups");
        while (next_entry(&p, fields, GROUP_FIELDS))
                if (streq(fields[GROUP_NAME], name))
                        return parse_id(fields[GROUP_GID], ret) < 0 ? no_such(error, "group", name) : 0;
        return no_such(error, "group", name);
}

static int add_memberships(Identity *i, const char *file, const char *name, Error *error)
{
        _cleanup_free_ char *text = strdup(file);
        char *fields[FIELDS_MAX], *p = text;
        int r = 0;

        if (!text)
                return error_set_errno(error, ENOMEM, "Groups");
        while (r >= 0 && next_entry(&p, fields, GROUP_FIELDS)) {
                uint32_t gid;

                if (parse_id(fields[GROUP_GID], &gid) >= 0 && lists_member(fields[GROUP_MEMBERS], name))
                        r = add_group(i, gid, error);
        }
        return r;
}

static int add_wished_groups(Identity *i, const char *file, char **groups, Error *error)
{
        STRV_FOREACH(g, groups) {
                bool number;
                uint32_t gid;
                int r;

                r = parse_part(*g, "group", &number, &gid, error);
                if (r >= 0 && !number)
                        r = find_group(file, *g, &gid, error);
                if (r >= 0)
                        r = add_group(i, gid, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int resolve_groups(int root, const LaunchProcess *p, const Wish *w, const char *name, Identity *i,
                          Error *error)
{
        bool lookup = name || p->groups || (w->group && !w->group_is_number);
        _cleanup_free_ char *file = NULL;
        int r;

        r = lookup ? read_file(root, "/etc/group", &file, error) : 0;
        if (r >= 0 && w->group_is_number)
                i->gid = w->gid;
        else if (r >= 0 && w->group)
                r = find_group(file, w->group, &i->gid, error);
        /* An order of numbers alone lists every group that it means. */
        if (r >= 0 && p->user)
                r = add_group(i, i->gid, error);
        if (r >= 0 && name)
                r = add_memberships(i, file, name, error);
        if (r >= 0)
                r = add_wished_groups(i, file, p->groups, error);
        return r;
}

static int resolve(int root, const LaunchProcess *p, Identity *i, Error *error)
{
        _cleanup_(wish_done) Wish w = {};
        _cleanup_free_ char *name = NULL;
        int r = 0;

        i->uid = p->uid;
        i->gid = p->gid;
        if (p->user)
                r = wish_parse(p->user, &w, error);
        if (r >= 0 && w.user_is_number) {
                i->uid = w.uid;
                i->gid = 0;
        }
        /* What an order says in numbers alone is final; only the home directory is looked up then. */
        if (r >= 0)
                r = find_user(root, &w, i, &name, error);
        if (r >= 0 && !p->user)
                i->gid = p->gid;
        if (r >= 0)
                r = resolve_groups(root, p, &w, p->user && !w.group ? name : NULL, i, error);
        for (size_t k = 0; r >= 0 && k < p->additional_gids.n; k++)
                r = add_group(i, p->additional_gids.values[k], error);
        if (r >= 0 && !i->home) {
                i->home = strdup(i->uid == 0 ? "/root" : "/");
                r = i->home ? 0 : error_set_errno(error, ENOMEM, "User");
        }
        return r;
}

int identity_resolve(int root, const LaunchProcess *p, Identity *ret, Error *error)
{
        _cleanup_identity_ Identity i = {};
        int r;

        r = resolve(root, p, &i, error);
        if (r < 0)
                return r;
        *ret = TAKE(i, (Identity){});
        return 0;
}
