/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which hosts a name leads to is looked up as the daemon will do it, and for each the credentials. A name or
 * file that is wrong is no error here when the daemon will say the same; credentials that cannot be read are
 * one, because it would go on without them. */

#include <fcntl.h>
#include <termios.h>

#include "base/str.h"
#include "prog/ctl-bus.h"
#include "prog/ctl-credential.h"
#include "spec/certificates.h"
#include "spec/conf.h"
#include "spec/registries.h"

#define ANSWER_MAX 4096U
#define CTRL_C 3
#define CTRL_D 4

/* On the terminal */

/* A line, without what ends it. Signals are off, so that the terminal is always put back. */
static int read_line(int fd, char *buffer, size_t size)
{
        size_t n = 0;

        for (;;) {
                char ch;
                ssize_t k = read(fd, &ch, 1);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return -errno;
                if (k == 0 || ch == '\n' || ch == '\r')
                        break;
                if (ch == CTRL_C || ch == CTRL_D)
                        return -ECANCELED;
                if (n + 1 >= size)
                        return -E2BIG;
                buffer[n++] = ch;
        }
        buffer[n] = '\0';
        return 0;
}

int credentials_ask(const char *prompt, bool echo, char **ret)
{
        _cleanup_close_ int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
        struct termios kept, quiet;
        char buffer[ANSWER_MAX];
        int r;

        if (fd < 0 || tcgetattr(fd, &kept) < 0)
                return -ENOTTY;
        quiet = kept;
        quiet.c_lflag &= ~(tcflag_t) ISIG;
        if (!echo)
                quiet.c_lflag &= ~(tcflag_t) ECHO;
        if (tcsetattr(fd, TCSAFLUSH, &quiet) < 0)
                return -errno;
        (void) dprintf(fd, "%s", prompt);
        r = read_line(fd, buffer, sizeof(buffer));
        (void) tcsetattr(fd, TCSAFLUSH, &kept);
        if (!echo || r < 0)
                (void) dprintf(fd, "\n");
        if (r >= 0) {
                *ret = strdup(buffer);
                r = *ret ? 0 : -ENOMEM;
        }
        explicit_bzero(buffer, sizeof(buffer));
        return r;
}

/* On file */

static int credentials_paths(Ctl *c, char ***ret)
{
        const char *file = ctl_value(c, FLAG_AUTHFILE);

        if (!file)
                return auth_paths_user(ret, &c->error);
        if (access(file, R_OK) < 0)
                return error_set_errno(&c->error, errno, "--authfile: %s", file);
        return strv_append(ret, file);
}

static int load_registries(Registries **ret)
{
        _cleanup_conf_ Conf conf = {};
        int r = conf_load(NULL, &conf, NULL);

        return r < 0 ? r : registries_load(conf.registries_conf, ret, NULL);
}

static int find_with_helpers(Ctl *c, const Registries *registries, char *const *paths, const char *registry,
                             const char *path, Credentials *ret)
{
        static char *const files_alone[] = {(char *) "containers-auth.json", NULL};
        char *const *helpers = registries ? registries_credential_helpers(registries) : NULL;

        for (char *const *h = helpers ?: files_alone; *h; h++) {
                int r = streq(*h, files_alone[0])
                                ? auth_find(paths, registry, path, credentials_run_helper, ret, &c->error)
                                : auth_ask_helper(credentials_run_helper, *h, registry, ret, &c->error);

                if (r != 0)
                        return r;
        }
        return 0;
}

int credentials_find(Ctl *c, const char *registry, const char *path, Credentials *ret)
{
        _cleanup_registries_ Registries *registries = NULL;
        _cleanup_strv_ char **paths = NULL;
        int r = credentials_paths(c, &paths);

        if (r < 0)
                return r;
        (void) load_registries(&registries);
        return find_with_helpers(c, registries, paths, registry, path, ret);
}

/* What a name leads to */

/* The host alone when it has no path. */
static int add_place(const Registries *registries, const char *name, FetchVerb verb, FetchOrder *o)
{
        _cleanup_free_ char *full = strchr(name, '/') ? strdup(name) : str_printf("%s/x", name);
        _cleanup_image_ref_ ImageRef ref = {};

        if (!full)
                return -ENOMEM;
        if (image_ref_parse(full, &ref, NULL) < 0 || !ref.registry)
                return 0;
        if (!strchr(name, '/') || verb == FETCH_CATALOG || verb == FETCH_SEARCH || verb == FETCH_CHECK)
                free(TAKE_PTR(ref.path));
        return registries_endpoints(registries, &ref, verb, o, NULL) == -ENOMEM ? -ENOMEM : 0;
}

static int find_places(const Registries *registries, const char *reference, FetchVerb verb, FetchOrder *o)
{
        _cleanup_strv_ char **names = NULL;
        bool choose;
        int r = 0;

        if (verb == FETCH_SEARCH && !strchr(reference, '/'))
                r = strv_extend(&names, registries_search(registries));
        else if (registries_resolve(registries, reference, &names, &choose, NULL) < 0)
                r = strv_append(&names, reference);
        STRV_FOREACH(name, names)
                if (r >= 0)
                        r = add_place(registries, *name, verb, o);
        return r;
}

/* To the bus */

int credentials_append_one(sd_bus_message *m, const char *key, const Credentials *c)
{
        const struct {
                const char *name, *value;
        } members[] = {
                {"Username", c->username},
                {"Password", c->password},
                {"IdentityToken", c->identity_token},
        };
        int r = sd_bus_message_open_container(m, 'e', "sa{ss}");

        if (r >= 0)
                r = sd_bus_message_append(m, "s", key);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{ss}");
        FOREACH_ELEMENT(member, members)
                if (r >= 0 && member->value)
                        r = sd_bus_message_append(m, "{ss}", member->name, member->value);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static bool is_repeated(const FetchOrder *o, size_t i)
{
        for (size_t j = 0; j < i; j++)
                if (streq(o->endpoints[j].host, o->endpoints[i].host) &&
                    streq_ptr(o->endpoints[j].path, o->endpoints[i].path))
                        return true;
        return false;
}

static int append_places(Ctl *c, sd_bus_message *m, const Registries *registries, const FetchOrder *o,
                         const Credentials *given)
{
        _cleanup_strv_ char **paths = NULL;
        int r = given ? 0 : credentials_paths(c, &paths);

        for (size_t i = 0; r >= 0 && i < o->n_endpoints; i++) {
                const FetchEndpoint *e = &o->endpoints[i];
                _cleanup_free_ char *key =
                        str_printf("%s%s%s", e->host, e->path ? "/" : "", strempty(e->path));
                _cleanup_credentials_ Credentials found = {};

                if (is_repeated(o, i))
                        continue;
                r = !key    ? -ENOMEM
                    : given ? 1
                            : find_with_helpers(c, registries, paths, e->host, e->path, &found);
                if (r > 0)
                        r = credentials_append_one(m, key, given ?: &found);
        }
        return r;
}

/* --creds USER[:PASSWORD] */
static int read_given(Ctl *c, const char *text, Credentials *ret)
{
        const char *colon = strchr(text, ':');
        int r;

        ret->username = strndup(text, strcspn(text, ":"));
        if (!ret->username)
                return -ENOMEM;
        if (colon)
                return str_replace(&ret->password, colon + 1);
        r = credentials_ask("Password: ", false, &ret->password);
        return r < 0 ? error_set_errno(&c->error, r, "--creds: reading the password") : 0;
}

int credentials_append_certificates(Ctl *c, sd_bus_message *m)
{
        const char *directory = ctl_value(c, FLAG_CERT_DIR);
        _cleanup_fetch_order_ FetchOrder *o = NULL;
        _cleanup_free_ char *authorities = NULL;
        const FetchEndpoint *e;
        int r;

        if (!directory)
                return 0;
        o = calloc(1, sizeof(FetchOrder));
        if (!o || !(o->endpoints = calloc(1, sizeof(FetchEndpoint))))
                return -ENOMEM;
        o->n_endpoints = 1;
        e = &o->endpoints[0];
        r = certificates_load(directory, &o->endpoints[0], &c->error);
        if (r < 0)
                return r;
        authorities = strv_join(e->ca, "\n");
        if (!authorities)
                return -ENOMEM;
        return sd_bus_message_append(m, "{sv}", "Certificates", "a{ss}", 3, "CA", authorities,
                                     "ClientCertificate", strempty(e->client_certificate), "ClientKey",
                                     strempty(e->client_key));
}

int credentials_open(sd_bus_message *m)
{
        int r = sd_bus_message_open_container(m, 'e', "sv");

        if (r >= 0)
                r = sd_bus_message_append(m, "s", "Credentials");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "a{sa{ss}}");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sa{ss}}");
        return r;
}

int credentials_close(sd_bus_message *m)
{
        int r = 0;

        for (size_t i = 0; i < 3; i++)
                if (r >= 0)
                        r = sd_bus_message_close_container(m);
        return r;
}

static int append_credentials(Ctl *c, sd_bus_message *m, const Registries *registries, const FetchOrder *o,
                              const Credentials *given)
{
        int r = credentials_open(m);

        if (r >= 0)
                r = append_places(c, m, registries, o, given);
        return r < 0 ? r : credentials_close(m);
}

int credentials_append(Ctl *c, sd_bus_message *m, const char *reference, FetchVerb verb)
{
        _cleanup_fetch_order_ FetchOrder *o = calloc(1, sizeof(FetchOrder));
        _cleanup_registries_ Registries *registries = NULL;
        _cleanup_credentials_ Credentials given = {};
        const char *text = ctl_value(c, FLAG_CREDS);
        int r = o ? 0 : -ENOMEM;

        if (r >= 0 && load_registries(&registries) >= 0)
                r = find_places(registries, reference, verb, o);
        if (r >= 0 && text)
                r = read_given(c, text, &given);
        (void) sd_bus_message_sensitive(m);
        if (r >= 0 && o->n_endpoints > 0)
                r = append_credentials(c, m, registries, o, text ? &given : NULL);
        return r < 0 ? r : credentials_append_certificates(c, m);
}
