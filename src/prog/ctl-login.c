/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* login and logout, in podman's words. Credentials are tried through berthd before they are kept, and kept
 * where the tools of containers-common look for them. */

#include "base/str.h"
#include "prog/ctl-bus.h"
#include "prog/ctl-credential.h"
#include "prog/ctl-output.h"
#include "spec/name.h"
#include "spec/registries.h"

#define DEFAULT_REGISTRY "docker.io"
#define PASSWORD_MAX 8192

/* "https://host/" is the host. Without argument the first registry that short names are looked up in. */
static int read_key(Ctl *c, char **ret)
{
        const char *s = c->args[0];
        _cleanup_registries_ Registries *registries = NULL;
        size_t n;

        if (!s && registries_load(NULL, &registries, NULL) >= 0 &&
            strv_length((char **) registries_search(registries)) > 0)
                s = registries_search(registries)[0];
        s = s ?: DEFAULT_REGISTRY;
        s = startswith(s, "https://") ?: startswith(s, "http://") ?: startswith(s, "docker://") ?: s;
        n = strlen(s);
        while (n > 0 && s[n - 1] == '/')
                n--;
        *ret = strndup(s, n);
        if (!*ret)
                return -ENOMEM;
        return n > 0 ? 0 : error_set(&c->error, ERROR_INVALID_ARGUMENT, "the name of the registry is empty");
}

static int auth_file(Ctl *c, char **ret)
{
        const char *file = ctl_value(c, FLAG_AUTHFILE);

        return file ? str_replace(ret, file) : auth_path_login(ret);
}

/* What is on file for the key already. 1: something. */
static int find_kept(Ctl *c, const char *key, Credentials *ret)
{
        _cleanup_free_ char *host = strndup(key, strcspn(key, "/"));
        const char *path = strchr(key, '/'), *file = ctl_value(c, FLAG_AUTHFILE);

        if (!host)
                return -ENOMEM;
        if (file && access(file, F_OK) < 0 && errno == ENOENT)
                return 0;
        return credentials_find(c, host, path ? path + 1 : NULL, ret);
}

/* Whether the registry lets them in; what they may do there it does not tell. */
static int check(Ctl *c, const char *key, const Credentials *credentials)
{
        _cleanup_free_ char *host = strndup(key, strcspn(key, "/"));
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_call_ Call call = {};
        int r = host ? bus_new_call(c, &m, BUS_PATH, RUNTIME_INTERFACE, "CheckCredentials", "s", host)
                     : -ENOMEM;

        if (r < 0)
                return r;
        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = credentials_open(m);
        if (r >= 0)
                r = credentials_append_one(m, host, credentials);
        if (r >= 0)
                r = credentials_close(m);
        if (r >= 0 && c->given & F(TLS_VERIFY))
                r = sd_bus_message_append(m, "{sv}", "TLSVerify", "b", ctl_has(c, FLAG_TLS_VERIFY));
        if (r >= 0)
                r = credentials_append_certificates(c, m);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r < 0)
                return c->error.kind != ERROR_NONE ? r : bus_failed(c, r);
        (void) sd_bus_message_sensitive(m);
        r = bus_send(c, m, &call);
        return r < 0 ? r : bus_wait(c, &call, NULL);
}

/* All of the standard input, without the end of its line. */
static int read_stdin(Ctl *c, char **ret)
{
        char buffer[PASSWORD_MAX];
        size_t n = fread(buffer, 1, sizeof(buffer), stdin);
        int r = 0;

        if (ferror(stdin) || n == sizeof(buffer))
                r = error_set(&c->error, ERROR_INVALID_ARGUMENT, "no password on the standard input");
        while (n > 0 && (buffer[n - 1] == '\n' || buffer[n - 1] == '\r'))
                n--;
        if (r >= 0 && memchr(buffer, '\0', n))
                r = error_set(&c->error, ERROR_INVALID_ARGUMENT, "the password has a NUL character in it");
        if (r >= 0) {
                *ret = strndup(buffer, n);
                r = *ret ? 0 : -ENOMEM;
        }
        explicit_bzero(buffer, sizeof(buffer));
        return r;
}

static int ask(Ctl *c, const char *prompt, bool echo, char **ret)
{
        int r = credentials_ask(prompt, echo, ret);

        if (r == -ENOTTY)
                return error_set(&c->error, ERROR_INVALID_ARGUMENT,
                                 "there is no terminal to ask on: give --username and --password-stdin");
        return r < 0 ? error_set_errno(&c->error, r, "%s", prompt) : 0;
}

static int ask_user(Ctl *c, const Credentials *kept, Credentials *ret)
{
        _cleanup_free_ char *prompt =
                kept->username ? str_printf("Username (%s): ", kept->username) : strdup("Username: ");
        int r = prompt ? ask(c, prompt, true, &ret->username) : -ENOMEM;

        if (r >= 0 && isempty(ret->username))
                r = str_replace(&ret->username, strempty(kept->username));
        if (r >= 0 && isempty(ret->username))
                return error_set(&c->error, ERROR_INVALID_ARGUMENT, "the user name is empty");
        return r;
}

static int read_new(Ctl *c, const Credentials *kept, Credentials *ret)
{
        const char *user = ctl_value(c, FLAG_USERNAME), *password = ctl_value(c, FLAG_PASSWORD);
        int r = user ? str_replace(&ret->username, user) : ask_user(c, kept, ret);

        if (r < 0)
                return r;
        if (ctl_has(c, FLAG_PASSWORD_STDIN))
                return read_stdin(c, &ret->password);
        return password ? str_replace(&ret->password, password) : ask(c, "Password: ", false, &ret->password);
}

/* 1: what is kept is still right, and nothing new was given. */
static int try_kept(Ctl *c, const char *key, const Credentials *kept)
{
        int r;

        if (ctl_value(c, FLAG_USERNAME) || ctl_value(c, FLAG_PASSWORD) || ctl_has(c, FLAG_PASSWORD_STDIN))
                return 0;
        (void) printf("Authenticating with existing credentials for %s\n", key);
        r = check(c, key, kept);
        if (r >= 0) {
                (void) printf("Existing credentials are valid. Already logged in to %s\n", key);
                return 1;
        }
        if (c->error.kind != ERROR_AUTHENTICATION)
                return r;
        (void) printf("Existing credentials are invalid, please enter valid username and password\n");
        error_done(&c->error);
        return 0;
}

static int print_login(Ctl *c, const char *key, const Credentials *kept, bool found)
{
        if (!found || isempty(kept->username))
                return error_set(&c->error, ERROR_FAILED, "not logged into %s", key);
        output_line(kept->username);
        return 0;
}

static int check_flags(Ctl *c)
{
        if (ctl_has(c, FLAG_PASSWORD_STDIN) && ctl_value(c, FLAG_PASSWORD))
                return error_set(&c->error, ERROR_INVALID_ARGUMENT,
                                 "--password and --password-stdin exclude each other");
        if (ctl_has(c, FLAG_PASSWORD_STDIN) && !ctl_value(c, FLAG_USERNAME))
                return error_set(&c->error, ERROR_INVALID_ARGUMENT, "--password-stdin wants --username");
        return 0;
}

int verb_login(Ctl *c)
{
        _cleanup_credentials_ Credentials kept = {}, new = {};
        _cleanup_free_ char *key = NULL, *file = NULL;
        int r = check_flags(c), found;

        if (r >= 0)
                r = read_key(c, &key);
        if (r >= 0)
                r = auth_file(c, &file);
        found = r >= 0 ? find_kept(c, key, &kept) : r;
        if (found < 0)
                return found;
        if (ctl_has(c, FLAG_GET_LOGIN))
                return print_login(c, key, &kept, found > 0);
        r = found > 0 ? try_kept(c, key, &kept) : 0;
        if (r != 0)
                return MIN(r, 0);
        r = read_new(c, &kept, &new);
        if (r >= 0)
                r = check(c, key, &new);
        if (r >= 0)
                r = auth_store(file, key, &new, credentials_run_helper, &c->error);
        if (r < 0)
                return r;
        if (ctl_has(c, FLAG_VERBOSE))
                (void) printf("Used: %s\n", file);
        (void) puts("Login Succeeded!");
        return 0;
}

int verb_logout(Ctl *c)
{
        _cleanup_credentials_ Credentials kept = {};
        _cleanup_free_ char *key = NULL, *file = NULL;
        int r = auth_file(c, &file);

        if (r >= 0 && ctl_has(c, FLAG_ALL) && c->args[0])
                return error_set(&c->error, ERROR_INVALID_ARGUMENT, "--all goes without a registry");
        if (r >= 0 && ctl_has(c, FLAG_ALL)) {
                r = auth_erase_all(file, &c->error);
                if (r >= 0)
                        (void) puts("Removed login credentials for all registries");
                return r;
        }
        if (r >= 0)
                r = read_key(c, &key);
        if (r >= 0)
                r = auth_erase(file, key, credentials_run_helper, &c->error);
        if (r < 0)
                return r;
        if (r > 0) {
                (void) printf("Removed login credentials for %s\n", key);
                return 0;
        }
        r = find_kept(c, key, &kept);
        if (r > 0)
                return error_set(&c->error, ERROR_FAILED,
                                 "%s has no credentials for %s, but %s has: they are not ours to "
                                 "remove",
                                 file, key, kept.source);
        return r < 0 ? r : error_set(&c->error, ERROR_FAILED, "not logged into %s", key);
}
