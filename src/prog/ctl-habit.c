/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table of habits. */

#include "base/str.h"
#include "prog/ctl-habit.h"

static int assign(Ctl *c, SettingId id, const char *value)
{
        return setting_assign(c->spec, setting_get(id), value, &c->error);
}

static int assign_network(Ctl *c, const char *value)
{
        return assign(c, SETTING_NETWORK, value);
}

/* "seccomp=PROFILE", "no-new-privileges[:true]", with ":" in place of "=" as docker has it. */
static int assign_security(Ctl *c, const char *value)
{
        const char *separator = strpbrk(value, "=:"), *argument = separator ? separator + 1 : "";
        size_t n = separator ? (size_t) (separator - value) : strlen(value);

        if (n == strlen("seccomp") && startswith(value, "seccomp"))
                return assign(c, SETTING_SECCOMP_PROFILE, argument);
        if (n == strlen("no-new-privileges") && startswith(value, "no-new-privileges"))
                return assign(c, SETTING_NO_NEW_PRIVILEGES, *argument ? argument : "true");
        return error_set(&c->error, ERROR_NOT_SUPPORTED,
                         "--security-opt %s: only seccomp=PROFILE and no-new-privileges are available",
                         value);
}

static int assign_log_option(Ctl *c, const char *value)
{
        const char *tag = startswith(value, "tag=");

        if (tag)
                return assign(c, SETTING_LOG_TAG, tag);
        return error_set(&c->error, ERROR_NOT_SUPPORTED, "--log-opt %s: only tag=NAME is available", value);
}

static const Habit habits[] = {
        {"log-opt", "tag=NAME", "As --log-tag NAME", assign_log_option},
        {"net", "host|none", "As --network", assign_network},
        {"security-opt", "OPTION", "seccomp=PROFILE or no-new-privileges", assign_security},
};

const Habit *habit_get(size_t i)
{
        return i < ELEMENTSOF(habits) ? &habits[i] : NULL;
}

const Habit *habit_by_flag(const char *name)
{
        FOREACH_ELEMENT(h, habits)
                if (streq(h->name, name))
                        return h;
        return NULL;
}

/* "-e NAME" takes the value from our own environment, "-e NAME*" all that begin so. */
static int assign_environment(Ctl *c, const char *text)
{
        size_t n = strlen(text);
        bool all = n > 0 && text[n - 1] == '*';
        int r = 0;

        if (strchr(text, '=') || n == 0)
                return assign(c, SETTING_ENVIRONMENT, text);
        for (char **e = environ; *e && r >= 0; e++)
                if (all ? strncmp(*e, text, n - 1) == 0 : strncmp(*e, text, n) == 0 && (*e)[n] == '=')
                        r = assign(c, SETTING_ENVIRONMENT, *e);
        return r;
}

/* "on-failure:3" is two settings. */
static int assign_restart(Ctl *c, const char *text)
{
        _cleanup_free_ char *policy = strdup(text);
        char *retries = policy ? strchr(policy, ':') : NULL;
        int r;

        if (!policy)
                return -ENOMEM;
        if (retries)
                *retries++ = '\0';
        r = assign(c, SETTING_RESTART_POLICY, policy);
        return r >= 0 && retries ? assign(c, SETTING_RESTART_RETRIES, retries) : r;
}

int habit_assign_setting(Ctl *c, const Setting *row, const char *value)
{
        static const struct {
                SettingId id;
                int (*assign)(Ctl *c, const char *value);
        } own[] = {
                {SETTING_ENVIRONMENT, assign_environment},
                {SETTING_RESTART_POLICY, assign_restart},
        };

        FOREACH_ELEMENT(o, own)
                if (o->id == setting_id(row))
                        return o->assign(c, value);
        return setting_assign(c->spec, row, value, &c->error);
}
