/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The generator for systemd: each .container file in Podman's search paths becomes a service. It runs in
 * early boot and on every reload, so it reads the unit directories and nothing else: no bus, no network, no
 * /var. A file with an error still becomes a unit, one that fails with the reason when it is started: what
 * silently is not there, nobody finds. */

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/hashmap.h"
#include "base/journal.h"
#include "base/log.h"
#include "base/str.h"
#include "spec/quadlet-unit.h"

#define IDENTIFIER "berth-generator"
#define ADMIN_DIR "/etc/containers/systemd"
#define DIRS_MAX 4096
#define FILES_MAX 65536
#define DEPTH_MAX 32

static const char *const default_dirs[] = {"/run/containers/systemd", ADMIN_DIR,
                                           "/usr/share/containers/systemd"};

/* Where a unit that is not ours may have the same name; what the administrator puts into /etc or /run wins
 * over a generated unit anyway. */
static const char *const vendor_dirs[] = {"/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
                                          "/lib/systemd/system"};

/* In systemd's order: the first that has the name decides. */
static const char *const generator_dirs[] = {
        "/run/systemd/system-generators", "/etc/systemd/system-generators",
        "/usr/local/lib/systemd/system-generators", "/usr/lib/systemd/system-generators",
        "/lib/systemd/system-generators"};

/* Files of Podman that have no counterpart yet. */
static const char *const foreign_suffixes[] = {".pod",   ".volume", ".network", ".image",
                                               ".build", ".kube",   ".artifact"};

typedef struct Generator {
        Map *visited; /* directories, by real path */
        Map *files;   /* "web.container": its path, the first found; "" when that one is a mask */
        Map *dropins; /* "web.container.d": Map of "10-x.conf" to the path, the first found */
        Map *units;   /* made so far: which file it was */
        int output;   /* -EBADF: nothing is written */
        bool print;
        bool quiet; /* errors go to the standard error, not to the journal */
        bool only_dropins;
        unsigned n_errors;
} Generator;

static void map_freev(void *m)
{
        map_free(m);
}

static void generator_done(Generator *g)
{
        map_free(g->visited);
        map_free(g->files);
        map_free(g->dropins);
        map_free(g->units);
        close_fd(g->output);
}

static int generator_init(Generator *g)
{
        *g = (Generator){
                .visited = map_new_strings(),
                .files = map_new_strings(),
                .dropins = map_new(map_freev),
                .units = map_new_strings(),
                .output = -EBADF,
        };
        return g->visited && g->files && g->dropins && g->units ? 0 : -ENOMEM;
}

static int send_journal(int level, const char *unit, const char *message)
{
        _cleanup_(journal_entry_done) JournalEntry entry = {};

        journal_entry_add(&entry, "MESSAGE", message);
        journal_entry_addf(&entry, "PRIORITY", "%d", level);
        journal_entry_add(&entry, "SYSLOG_IDENTIFIER", IDENTIFIER);
        /* So that "systemctl status" of the unit shows it. */
        journal_entry_add(&entry, "OBJECT_SYSTEMD_UNIT", unit);
        return journal_entry_send(&entry);
}

static int send_kmsg(int level, const char *message)
{
        _cleanup_close_ int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
        _cleanup_free_ char *line = str_printf("<%d>%s[%d]: %s\n", level, IDENTIFIER, getpid(), message);

        if (fd < 0)
                return -errno;
        return line ? fs_write_all(fd, line, strlen(line)) : -ENOMEM;
}

/* systemd shows nobody the standard error of a generator; before journald runs there is only the kernel's
 * log. */
static void report(Generator *g, int level, const char *unit, const char *message)
{
        _cleanup_free_ char *clean = str_escape(strempty(message));

        if (level <= LOG_ERR)
                g->n_errors++;
        if (!g->quiet &&
            (send_journal(level, unit, strempty(clean)) >= 0 || send_kmsg(level, strempty(clean)) >= 0))
                return;
        (void) log_full(level, 0, "%s", strempty(clean));
}

/* Directories. */

static int compare_names(const struct dirent **a, const struct dirent **b)
{
        return strcmp((*a)->d_name, (*b)->d_name);
}

static void names_free(struct dirent **names, int n)
{
        for (int i = 0; i < n; i++)
                free(names[i]);
        free(names);
}

static bool is_container_d(const char *name)
{
        return endswith(name, QUADLET_SUFFIX ".d") || streq(name, "container.d");
}

static int add_dropin(Map *m, const char *dir, const char *name)
{
        _cleanup_free_ char *path = NULL;

        if (!endswith(name, ".conf") || map_has(m, name))
                return 0;
        path = str_printf("%s/%s", dir, name);
        return path ? map_put_string(m, name, path) : -ENOMEM;
}

/* Remembers the files of a drop-in directory; of two with the same name the first found counts. */
static int add_dropin_dir(Generator *g, const char *path, const char *name)
{
        Map *m = map_get(g->dropins, name);
        struct dirent **names;
        int n, r = 0;

        if (!m) {
                m = map_new_strings();
                if (!m || map_put(g->dropins, name, m) < 0) {
                        map_free(m);
                        return -ENOMEM;
                }
        }
        n = scandir(path, &names, NULL, compare_names);
        if (n < 0)
                return errno == ENOMEM ? -ENOMEM : 0;
        for (int i = 0; i < n && r >= 0; i++)
                r = add_dropin(m, path, names[i]->d_name);
        names_free(names, n);
        return r;
}

static bool is_mask(const char *path)
{
        char target[sizeof("/dev/null")];

        return readlink(path, target, sizeof(target)) == (ssize_t) strlen("/dev/null") &&
               strncmp(target, "/dev/null", strlen("/dev/null")) == 0;
}

static int add_file(Generator *g, const char *path, const char *name)
{
        FOREACH_ELEMENT(suffix, foreign_suffixes)
                if (endswith(name, *suffix)) {
                        _cleanup_free_ char *text =
                                str_printf("%s: Berth does not read %s files yet", path, *suffix);

                        report(g, LOG_WARNING, NULL, text);
                        return 0;
                }
        if (!endswith(name, QUADLET_SUFFIX) || map_has(g->files, name))
                return 0;
        if (map_size(g->files) >= FILES_MAX)
                return -E2BIG;
        return map_put_string(g->files, name, is_mask(path) ? "" : path);
}

static int add_dir(Generator *g, const char *path, unsigned depth);

static int add_dir_entry(Generator *g, const char *dir, const struct dirent *entry, unsigned depth)
{
        _cleanup_free_ char *path = str_printf("%s/%s", dir, entry->d_name);
        struct stat st;

        if (!path)
                return -ENOMEM;
        if (entry->d_type == DT_DIR ||
            (entry->d_type != DT_REG && stat(path, &st) >= 0 && S_ISDIR(st.st_mode))) {
                if (is_container_d(entry->d_name))
                        return add_dropin_dir(g, path, entry->d_name);
                return endswith(entry->d_name, ".d") ? 0 : add_dir(g, path, depth + 1);
        }
        return g->only_dropins ? 0 : add_file(g, path, entry->d_name);
}

/* A directory and those below it, each once. Absent is fine; below "users" are the files of user managers. */
static int add_dir(Generator *g, const char *path, unsigned depth)
{
        _cleanup_free_ char *real = realpath(path, NULL);
        struct dirent **names;
        int n, r;

        if (!real || streq(real, ADMIN_DIR "/users") || map_has(g->visited, real))
                return 0;
        if (map_size(g->visited) >= DIRS_MAX || depth > DEPTH_MAX)
                return -E2BIG;
        r = map_put_string(g->visited, real, "");
        if (r < 0)
                return r;
        n = scandir(real, &names, NULL, compare_names);
        if (n < 0)
                return errno == ENOMEM ? -ENOMEM : 0;
        for (int i = 0; i < n && r >= 0; i++)
                if (names[i]->d_name[0] != '.')
                        r = add_dir_entry(g, real, names[i], depth);
        names_free(names, n);
        return r;
}

static int add_search_path(Generator *g)
{
        const char *env = secure_getenv("QUADLET_UNIT_DIRS");
        _cleanup_strv_ char **dirs = NULL;
        int r = 0;

        if (isempty(env)) {
                FOREACH_ELEMENT(d, default_dirs)
                        if (r >= 0)
                                r = add_dir(g, *d, 0);
                return r;
        }
        r = strv_split(env, ":", &dirs);
        STRV_FOREACH(d, dirs)
                if (r >= 0)
                        r = **d == '/' ? add_dir(g, *d, 0) : -EINVAL;
        return r;
}

/* Files. */

static int read_into(Quadlet *q, const char *path, Error *error)
{
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = fs_read_at(AT_FDCWD, path, INI_SIZE_MAX, &text, &size);
        if (r < 0)
                return error_set_errno(error, r, "%s: cannot be read", path);
        return quadlet_add(q, path, text, size, error);
}

static int collect_dropins(const Generator *g, const char *dir, Map *found)
{
        const Map *m = map_get(g->dropins, dir);

        MAP_FOREACH(e, m) {
                if (!map_has(found, map_key(e)) && map_put_string(found, map_key(e), map_value(e)) < 0)
                        return -ENOMEM;
        }
        return 0;
}

/* The directories whose drop-ins apply to a file, the nearest first: "a-b@1.container.d", "a-b@.container.d",
 * "a-.container.d", "container.d". */
static int dropins_of(const Generator *g, const char *name, Map *found)
{
        _cleanup_free_ char *dir = str_printf("%s.d", name), *stem = strndup(name, strcspn(name, "@.")),
                            *of = NULL;
        int r;

        if (!dir || !stem)
                return -ENOMEM;
        r = collect_dropins(g, dir, found);
        if (r >= 0 && strchr(name, '@')) {
                of = str_printf("%s@" QUADLET_SUFFIX ".d", stem);
                r = of ? collect_dropins(g, of, found) : -ENOMEM;
        }
        for (char *dash = strrchr(stem, '-'); r >= 0 && dash; dash = strrchr(stem, '-')) {
                _cleanup_free_ char *prefix = NULL;

                dash[1] = '\0';
                prefix = str_printf("%s" QUADLET_SUFFIX ".d", stem);
                r = prefix ? collect_dropins(g, prefix, found) : -ENOMEM;
                *dash = '\0';
        }
        return r < 0 ? r : collect_dropins(g, "container.d", found);
}

static int compare_strings(const void *a, const void *b)
{
        return strcmp(*(char *const *) a, *(char *const *) b);
}

static void sort_names(char **names)
{
        if (names)
                qsort(names, strv_length(names), sizeof(char *), compare_strings);
}

/* They apply in the order of their own names, wherever they lie. */
static int read_dropins(const Generator *g, Quadlet *q, const char *name, Error *error)
{
        _cleanup_(map_freep) Map *found = map_new_strings();
        _cleanup_strv_ char **names = NULL;
        int r;

        if (!found)
                return -ENOMEM;
        r = dropins_of(g, name, found);
        MAP_FOREACH(e, found)
                if (r >= 0)
                        r = strv_append(&names, map_key(e));
        if (r < 0)
                return r;
        sort_names(names);
        STRV_FOREACH(n, names) {
                r = read_into(q, map_get(found, *n), error);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_quadlet(Generator *g, Quadlet *q, const char *name, char **ret_text, Error *error)
{
        int r;

        r = read_into(q, q->path, error);
        if (r >= 0)
                r = read_dropins(g, q, name, error);
        if (r >= 0)
                r = quadlet_finish(q, error);
        if (r >= 0)
                r = quadlet_unit_text(q, ret_text, error);
        STRV_FOREACH(w, q->warnings)
                report(g, LOG_WARNING, q->unit, *w);
        return r;
}

/* Output. */

static const char *vendor_unit(const char *unit, char path[static PATH_MAX])
{
        FOREACH_ELEMENT(d, vendor_dirs) {
                (void) snprintf(path, PATH_MAX, "%s/%s", *d, unit);
                if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) >= 0)
                        return path;
        }
        return NULL;
}

/* A unit of this name that came with the system would be hidden by ours. */
static int claim_unit(Generator *g, const char *unit, const char *path, Error *error)
{
        char vendor[PATH_MAX];
        const char *other = map_get(g->units, unit);

        if (!other && g->output >= 0)
                other = vendor_unit(unit, vendor);
        if (other)
                return error_set(error, ERROR_NAME_IN_USE,
                                 "%s: makes no unit, because %s is there already: %s", path, unit, other);
        return map_put_string(g->units, unit, path);
}

/* Two generators may write the same link at once: each makes its own and renames it. */
static int make_link(const Generator *g, const char *name, const char *target)
{
        _cleanup_free_ char *dir = strndup(name, strcspn(name, "/"));
        _cleanup_free_ char *temporary = str_printf("%s.%d.tmp", name, getpid());

        if (!dir || !temporary)
                return -ENOMEM;
        if (strchr(name, '/') && mkdirat(g->output, dir, 0755) < 0 && errno != EEXIST)
                return -errno;
        (void) unlinkat(g->output, temporary, 0);
        if (symlinkat(target, g->output, temporary) < 0)
                return -errno;
        if (renameat(g->output, temporary, g->output, name) < 0) {
                int r = -errno;

                (void) unlinkat(g->output, temporary, 0);
                return r;
        }
        return 0;
}

static int make_links(Generator *g, const Quadlet *q)
{
        _cleanup_strv_ char **links = NULL;
        int r;

        r = quadlet_links(q, &links);
        for (char **l = links; r >= 0 && l && *l; l += 2) {
                _cleanup_error_ Error e = ERROR_INIT;

                if (!strchr(*l, '/') && claim_unit(g, *l, q->path, &e) < 0)
                        report(g, LOG_ERR, q->unit, e.message);
                else
                        r = make_link(g, l[0], l[1]);
        }
        return r;
}

static int emit(Generator *g, const Quadlet *q, const char *text)
{
        int r = 0;

        if (g->print)
                (void) printf("---%s---\n%s\n", q->unit, text);
        if (g->output >= 0) {
                r = fs_replace_at(g->output, q->unit, text, strlen(text), 0644, FS_NO_SYNC);
                if (r >= 0)
                        r = make_links(g, q);
        }
        return r;
}

/* One file to one unit. Negative: we failed, not the file. */
static int generate(Generator *g, const char *name, const char *path)
{
        _cleanup_(quadlet_freep) Quadlet *q = NULL;
        _cleanup_error_ Error e = ERROR_INIT, name_error = ERROR_INIT;
        _cleanup_free_ char *text = NULL;
        int r;

        r = quadlet_new(path, &q, &e);
        if (r >= 0)
                r = read_quadlet(g, q, name, &text, &e);
        if (r < 0 && e.kind == ERROR_NONE)
                return r;
        if (q && claim_unit(g, q->unit, path, &name_error) < 0)
                report(g, LOG_ERR, NULL, name_error.message);
        if (r < 0)
                report(g, LOG_ERR, q ? q->unit : NULL, e.message);
        if (!q || name_error.kind != ERROR_NONE || (r < 0 && g->output < 0))
                return 0;
        if (!text) {
                r = quadlet_broken_text(path, &text);
                if (r < 0)
                        return r == -EINVAL ? 0 : r;
        }
        return emit(g, q, text);
}

static int generate_all(Generator *g)
{
        _cleanup_strv_ char **names = NULL;
        int r = 0;

        MAP_FOREACH(e, g->files)
                if (r >= 0)
                        r = strv_append(&names, map_key(e));
        if (r < 0)
                return r;
        sort_names(names);
        STRV_FOREACH(n, names) {
                const char *path = map_get(g->files, *n);

                r = *path ? generate(g, *n, path) : 0;
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Where Podman has its own generator, both would write the same units. A link to /dev/null masks one, as for
 * every generator. */
static bool podman_generates(void)
{
        FOREACH_ELEMENT(d, generator_dirs) {
                char path[PATH_MAX];

                (void) snprintf(path, sizeof(path), "%s/podman-system-generator", *d);
                if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) >= 0)
                        return !is_mask(path);
        }
        return false;
}

static int run_as_generator(Generator *g, const char *directory)
{
        int r;

        if (!secure_getenv("QUADLET_UNIT_DIRS") && podman_generates()) {
                report(g, LOG_NOTICE, NULL,
                       "Podman's generator is installed, so the .container files are left to it; mask it by "
                       "a link "
                       "/etc/systemd/system-generators/podman-system-generator to /dev/null to give them to "
                       "Berth");
                return 0;
        }
        r = add_search_path(g);
        if (r < 0 || map_size(g->files) == 0)
                return r;
        g->output = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (g->output < 0)
                return -errno;
        return generate_all(g);
}

static int run_dry(Generator *g)
{
        int r;

        g->print = g->quiet = true;
        r = add_search_path(g);
        return r < 0 ? r : generate_all(g);
}

/* The drop-in directories that lie beside a file. */
static int add_dropins_beside(Generator *g, const char *dir)
{
        struct dirent **names;
        int n, r = 0;

        n = scandir(dir, &names, NULL, compare_names);
        if (n < 0)
                return -errno;
        for (int i = 0; i < n && r >= 0; i++) {
                _cleanup_free_ char *path = str_printf("%s/%s", dir, names[i]->d_name);

                if (!path)
                        r = -ENOMEM;
                else if (is_container_d(names[i]->d_name))
                        r = add_dropin_dir(g, path, names[i]->d_name);
        }
        names_free(names, n);
        return r;
}

/* Checks one file as it lies there, with the drop-ins that it would get. */
static int verify(Generator *g, const char *path)
{
        _cleanup_free_ char *real = realpath(path, NULL), *dir = NULL;
        int r;

        if (!real)
                return -errno;
        dir = strndup(real, (size_t) (strrchr(real, '/') - real));
        if (!dir)
                return -ENOMEM;
        g->only_dropins = true;
        r = add_dropins_beside(g, *dir ? dir : "/");
        if (r >= 0)
                r = add_search_path(g);
        return r < 0 ? r : generate(g, strrchr(real, '/') + 1, real);
}

static int verify_all(char **paths)
{
        unsigned n_errors = 0;

        for (char **p = paths; *p; p++) {
                _cleanup_(generator_done) Generator g;
                int r;

                r = generator_init(&g);
                g.quiet = true;
                if (r >= 0)
                        r = verify(&g, *p);
                if (r < 0)
                        (void) log_error_errno(r, "%s: %m", *p);
                n_errors += g.n_errors + (r < 0);
        }
        return n_errors > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* What the unit of a wrong file runs. The answer is always a failure: there is no container here. */
static int explain(char **paths)
{
        if (verify_all(paths) == EXIT_SUCCESS)
                log_error("%s is right now, but the unit was made when it was not: systemctl daemon-reload",
                          *paths);
        return EXIT_FAILURE;
}

static int usage(FILE *f, int status)
{
        (void) fprintf(
                f,
                "Usage: berth-generator DIRECTORY [DIRECTORY DIRECTORY]\n"
                "       berth-generator --dryrun\n"
                "       berth-generator --verify FILE...\n"
                "Makes services of the .container files in /etc/containers/systemd, /run/containers/systemd\n"
                "and /usr/share/containers/systemd ($QUADLET_UNIT_DIRS); systemd calls it.\n\n"
                "  --dryrun    print the services and write nothing; status 1 when a file is wrong\n"
                "  --verify    check these files; status 1 when one is wrong\n"
                "  --version   print the version\n");
        return status;
}

static int run(int argc, char **argv)
{
        _cleanup_(generator_done) Generator g;
        bool dry = argc > 1 && (streq(argv[1], "--dryrun") || streq(argv[1], "-dryrun"));
        int r;

        r = generator_init(&g);
        if (r >= 0)
                r = dry ? run_dry(&g) : run_as_generator(&g, argv[1]);
        if (r < 0) {
                _cleanup_free_ char *text = str_printf("Cannot make units: %s", strerror(-r));

                report(&g, LOG_ERR, NULL, text);
                return EXIT_FAILURE;
        }
        return dry && g.n_errors > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
        const char *word = argc > 1 ? argv[1] : "";

        log_setup(IDENTIFIER);
        (void) umask(0022);
        if (streq(word, "--help") || streq(word, "-h"))
                return usage(stdout, EXIT_SUCCESS);
        if (streq(word, "--version") || streq(word, "-version"))
                return printf("%s\n", BERTH_VERSION) < 0;
        if (streq(word, "--verify") && argc > 2)
                return verify_all(argv + 2);
        if (streq(word, "--explain") && argc == 3)
                return explain(argv + 2);
        if (argc < 2 || (*word == '-' && !streq(word, "--dryrun") && !streq(word, "-dryrun")))
                return usage(stderr, EXIT_FAILURE);
        return run(argc, argv);
}
