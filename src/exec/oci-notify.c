/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The socket is made only when somebody will listen; the container sees its directory. */

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/str.h"
#include "exec/oci-notify.h"
#include "exec/relay.h"

#define DIRECTORY "notify"
#define SOCKET "notify"

void oci_notify_done(OciNotify *n)
{
        free(n->source);
        free(n->target);
        free(n->address);
        *n = (OciNotify){};
}

static const char *manager_socket(void)
{
        const char *path = getenv("NOTIFY_SOCKET");

        return path && *path == '/' && !strstr(path, "/..") && strlen(path) < PATH_MAX ? path : NULL;
}

int oci_notify_plan(OciNotify *n, const OciDir *d, MountPlan *plan, Error *error)
{
        const char *path = manager_socket();

        if (!path)
                return 0;
        n->source = str_printf("%s/" DIRECTORY, d->path);
        n->target = strdup(path);
        n->address = str_printf("%s/" SOCKET, path);
        if (!n->source || !n->target || !n->address || mount_plan_add_copy(plan, n->source, n->target) < 0)
                return error_set_errno(error, ENOMEM, "Notification socket");
        if (mkdirat(d->fd, DIRECTORY, 0755) < 0 || fchmodat(d->fd, DIRECTORY, 0755, 0) < 0)
                return error_set_errno(error, errno, "Cannot make %s", n->source);
        return 0;
}

void oci_listener_done(OciListener *l)
{
        close_fd(l->socket);
        close_fd(l->pidfd);
        *l = OCI_LISTENER_INIT;
}

int oci_listener_open(OciListener *l, const OciDir *d, const OciState *s, Error *error)
{
        _cleanup_close_ int dir = -EBADF;
        char path[64];

        if (!manager_socket())
                return 0;
        dir = openat(d->fd, DIRECTORY, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (dir < 0 && errno == ENOENT)
                return 0;
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d/" SOCKET, dir);
        l->socket = dir < 0 ? -errno : relay_open(path);
        if (l->socket < 0)
                return error_set_errno(error, l->socket, "Cannot make the payload's notification socket");
        l->pidfd = oci_state_open_process(s);
        return l->pidfd < 0 ? error_set_errno(error, l->pidfd, "Cannot watch the payload") : 0;
}

int oci_listener_relay(const OciListener *l, Error *error)
{
        int r = l->socket < 0 ? 0 : relay_run(l->socket, l->pidfd);

        return r < 0 ? error_set_errno(error, r, "Cannot pass on the payload's notifications") : 0;
}

int oci_listener_relay_apart(const OciListener *l, Error *error)
{
        _cleanup_error_ Error unheard = ERROR_INIT;
        pid_t pid = l->socket < 0 ? 1 : fork();

        if (pid == 0)
                _exit(oci_listener_relay(l, &unheard) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
        return pid < 0 ? error_set_errno(error, errno, "Cannot pass on the payload's notifications") : 0;
}
