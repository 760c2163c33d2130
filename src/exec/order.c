/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Orders are the daemon's files in directories that only root can enter. */

#include <fcntl.h>
#include <limits.h>

#include "base/json.h"
#include "base/str.h"
#include "exec/order.h"
#include "spec/name.h"

#define UNIT_DIR BERTH_RUNTIME_DIR "/unit"

static const JsonRow exec_rows[] = {
        {"container", JSON_ROW_STRING, offsetof(ExecOrder, container), true},
        {"pid", JSON_ROW_U64, offsetof(ExecOrder, pid), true},
        {"pidStart", JSON_ROW_U64, offsetof(ExecOrder, pid_start), true},
};

void exec_order_done(ExecOrder *o)
{
        launch_free(o->launch);
        json_rows_done(exec_rows, ELEMENTSOF(exec_rows), o);
        *o = (ExecOrder){};
}

static int find_by_unit(const char *unit, char **ret, Error *error)
{
        _cleanup_free_ char *path = NULL;
        char target[PATH_MAX];
        const char *name;
        ssize_t n;

        if (isempty(unit) || strchr(unit, '/') || *unit == '.')
                return error_set(error, ERROR_INVALID_ARGUMENT, "\"%s\" is not a unit's name",
                                 strempty(unit));
        path = str_printf(UNIT_DIR "/%s", unit);
        if (!path)
                return error_set_errno(error, ENOMEM, "Unit %s", unit);
        n = readlink(path, target, sizeof(target) - 1);
        if (n < 0)
                return error_set(error, ERROR_NO_SUCH_CONTAINER, "No container belongs to the unit %s", unit);
        target[n] = '\0';
        name = strrchr(target, '/');
        *ret = strdup(name ? name + 1 : target);
        return *ret ? 0 : error_set_errno(error, ENOMEM, "Unit %s", unit);
}

int order_find(char *const *args, char **ret_id, Error *error)
{
        _cleanup_free_ char *id = NULL;
        int r = 0;

        if (args[0] && streq(args[0], "--unit") && args[1] && !args[2])
                r = find_by_unit(args[1], &id, error);
        else if (args[0] && !args[1])
                r = (id = strdup(args[0])) ? 0 : error_set_errno(error, ENOMEM, "ID");
        else
                return error_set(error, ERROR_INVALID_ARGUMENT,
                                 "Expected one ID, or --unit and a unit's name");
        if (r < 0)
                return r;
        if (!id_is_valid(id))
                return error_set(error, ERROR_INVALID_ARGUMENT, "\"%s\" is not an ID", id);
        *ret_id = TAKE_PTR(id);
        return 0;
}

static int load(const char *path, json_t **ret, ErrorKind absent, Error *error)
{
        _cleanup_free_ char *what = NULL;
        int r;

        r = json_load_at(AT_FDCWD, path, ret, &what);
        if (r == -ENOENT)
                return error_set(error, absent, "There is no %s", path);
        return r < 0 ? error_set(error, ERROR_STORE_DAMAGED, "Cannot read %s: %s", path, what ?: strerror(-r))
                     : 0;
}

int order_load_container(const char *id, Launch **ret, Error *error)
{
        _cleanup_free_ char *path = str_printf(CONTAINERS_DIR "/%s/" LAUNCH_FILE, id);
        _cleanup_json_ json_t *v = NULL;
        int r;

        if (!path)
                return error_set_errno(error, ENOMEM, "Order");
        r = load(path, &v, ERROR_NO_SUCH_CONTAINER, error);
        return r < 0 ? r : launch_from_json(v, ret, error);
}

/* The container's own filter and names, unless the order has others. */
static int inherit(ExecOrder *o, Error *error)
{
        _cleanup_(launch_freep) Launch *container = NULL;
        int r;

        if (o->launch->id && o->launch->unit && (o->launch->seccomp_profile || o->launch->seccomp))
                return 0;
        r = order_load_container(o->container, &container, error);
        if (r < 0)
                return r;
        if (!o->launch->seccomp_profile && !o->launch->seccomp) {
                o->launch->seccomp_profile = TAKE_PTR(container->seccomp_profile);
                o->launch->seccomp = TAKE_PTR(container->seccomp);
        }
        if (!o->launch->id)
                o->launch->id = TAKE_PTR(container->id);
        if (!o->launch->name)
                o->launch->name = TAKE_PTR(container->name);
        if (!o->launch->image)
                o->launch->image = TAKE_PTR(container->image);
        if (!o->launch->unit)
                o->launch->unit = TAKE_PTR(container->unit);
        return 0;
}

int order_load_exec(const char *id, ExecOrder *ret, Error *error)
{
        _cleanup_free_ char *path = str_printf(EXEC_ORDER_DIR "/%s", id), *what = NULL;
        _cleanup_exec_order_ ExecOrder o = {};
        _cleanup_json_ json_t *v = NULL;
        int r;

        if (!path)
                return error_set_errno(error, ENOMEM, "Order");
        r = load(path, &v, ERROR_NO_SUCH_EXEC, error);
        if (r < 0)
                return r;
        if (json_read(v, exec_rows, ELEMENTSOF(exec_rows), &o, NULL, &what) < 0)
                return error_set(error, ERROR_STORE_DAMAGED, "Cannot read %s: %s", path, strempty(what));
        if (!id_is_valid(o.container) || o.pid < 2 || o.pid > INT32_MAX)
                return error_set(error, ERROR_INVALID_ARGUMENT, "%s names no running container", path);
        r = launch_from_json(v, &o.launch, error);
        if (r >= 0 && !o.launch->process.args)
                r = error_set(error, ERROR_INVALID_ARGUMENT, "%s has no process", path);
        if (r >= 0)
                r = inherit(&o, error);
        if (r < 0)
                return r;
        *ret = TAKE(o, (ExecOrder){});
        return 0;
}
