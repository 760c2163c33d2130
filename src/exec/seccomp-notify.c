/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Between loading the filter and the delivery the process makes no system call: it writes into the page and
 * looks at it. The agent sleeps on a futex until the process is about to load, then looks often. */

#include <linux/futex.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>

#include "base/parse.h"
#include "base/str.h"
#include "exec/namespace.h"
#include "exec/seccomp-notify.h"

#define LOOK_USEC 100
#define SLEEP_SEC 2
#define DELIVERY_MAX_SEC 30
/* The version of the document, not of the specification. */
#define STATE_VERSION "0.2.0"

enum { STAGE_WAITING, STAGE_LOADING, STAGE_LOADED, STAGE_DELIVERED };

typedef struct Page {
        _Atomic uint32_t stage;
        _Atomic int listener; /* number in the process */
} Page;

struct FilterNotify {
        Page *page;
        int socket;
        char *metadata;
};

FilterNotify *filter_notify_free(FilterNotify *n)
{
        if (!n)
                return NULL;
        if (n->page)
                (void) munmap(n->page, sizeof(Page));
        close_fd(n->socket);
        free(n->metadata);
        free(n);
        return NULL;
}

static int connect_to(const char *path)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, strlen(path));
        if (fd < 0 || connect(fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int filter_notify_open(const json_t *profile, FilterNotify **ret, Error *error)
{
        const char *path = json_get_string(profile, "listenerPath"),
                   *metadata = json_get_string(profile, "listenerMetadata");
        _cleanup_(filter_notify_freep) FilterNotify *n = NULL;

        if (!path || *path != '/')
                return error_set(error, ERROR_INVALID_ARGUMENT,
                                 "Seccomp profile: SCMP_ACT_NOTIFY needs a listenerPath, absolute");
        n = calloc(1, sizeof(*n));
        if (!n)
                return error_set_errno(error, ENOMEM, "Seccomp listener");
        n->page = mmap(NULL, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (n->page == MAP_FAILED)
                n->page = NULL;
        n->metadata = strdup(strempty(metadata));
        n->socket = connect_to(path);
        if (!n->page || !n->metadata)
                return error_set_errno(error, ENOMEM, "Seccomp listener");
        if (n->socket < 0)
                return error_set(error, ERROR_START_FAILED, "Cannot connect to the seccomp listener %s: %s",
                                 path, strerror(-n->socket));
        *ret = TAKE_PTR(n);
        return 0;
}

/* The agent's side. */

static long futex(_Atomic uint32_t *word, int operation, uint32_t value, const struct timespec *timeout)
{
        return syscall(SYS_futex, word, operation, value, timeout, NULL, 0);
}

static bool is_gone(int pidfd)
{
        struct pollfd p = {.fd = pidfd, .events = POLLIN};

        return poll(&p, 1, 0) != 0;
}

/* False: it ended before it had a filter. */
static bool wait_loaded(const FilterNotify *n, int pidfd)
{
        const struct timespec look = {.tv_nsec = LOOK_USEC * 1000L}, sleep = {.tv_sec = SLEEP_SEC};
        uint32_t stage;

        while ((stage = atomic_load(&n->page->stage)) < STAGE_LOADED) {
                if (stage == STAGE_WAITING)
                        (void) futex(&n->page->stage, FUTEX_WAIT, STAGE_WAITING, &sleep);
                else
                        (void) nanosleep(&look, NULL);
                if (is_gone(pidfd))
                        return false;
        }
        return true;
}

static int send_listener(int socket, int listener, const char *text)
{
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int))];
        } control = {.header = {
                             .cmsg_len = CMSG_LEN(sizeof(int)),
                             .cmsg_level = SOL_SOCKET,
                             .cmsg_type = SCM_RIGHTS,
                     }};
        struct iovec iov = {.iov_base = (char *) text, .iov_len = strlen(text)};
        struct msghdr message = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = sizeof(control),
        };
        ssize_t n;

        memcpy(CMSG_DATA(&control.header), &listener, sizeof(listener));
        do
                n = sendmsg(socket, &message, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : (size_t) n < iov.iov_len ? -EMSGSIZE : 0;
}

static int deliver(const FilterNotify *n, int pidfd, const char *text)
{
        _cleanup_close_ int listener = pidfd_getfd(pidfd, atomic_load(&n->page->listener), 0);
        int r = listener < 0 ? -errno : send_listener(n->socket, listener, text);

        if (r >= 0)
                atomic_store(&n->page->stage, STAGE_DELIVERED);
        return r;
}

static _noreturn_ void attend(const FilterNotify *n, int pidfd, const char *text)
{
        /* A process whose calls nobody answers would hang. */
        if (wait_loaded(n, pidfd) && deliver(n, pidfd, text) < 0)
                (void) pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
        _exit(EXIT_SUCCESS);
}

int filter_notify_attend(FilterNotify *n, pid_t pid, const json_t *state, Error *error)
{
        _cleanup_json_ json_t *v =
                json_pack("{s:s, s:[s], s:i, s:s, s:O}", "ociVersion", STATE_VERSION, "fds", "seccompFd",
                          "pid", (int) pid, "metadata", n->metadata, "state", state);
        _cleanup_free_ char *text = v ? json_text(v) : NULL;
        _cleanup_close_ int pidfd = pidfd_open(pid, 0);
        pid_t agent;

        if (!text)
                return error_set_errno(error, ENOMEM, "Seccomp listener");
        if (pidfd < 0)
                return error_set_errno(error, errno, "Cannot watch the new process");
        agent = namespace_clone(0, -EBADF);
        if (agent < 0)
                return error_set_errno(error, agent, "Cannot make the seccomp listener's agent");
        if (agent == 0)
                attend(n, pidfd, text);
        return 0;
}

/* The process's side. The clock is read without a system call. */

static time_t seconds(void)
{
        struct timespec now;

        (void) clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
        return now.tv_sec;
}

int filter_notify_load(FilterNotify *n, unsigned flags, const struct sock_fprog *program)
{
        time_t begin = seconds();
        long listener;

        atomic_store(&n->page->stage, STAGE_LOADING);
        (void) futex(&n->page->stage, FUTEX_WAKE, INT32_MAX, NULL);
        listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);
        if (listener < 0)
                return -errno;
        atomic_store(&n->page->listener, (int) listener);
        atomic_store(&n->page->stage, STAGE_LOADED);
        while (atomic_load(&n->page->stage) != STAGE_DELIVERED)
                if (seconds() - begin > DELIVERY_MAX_SEC)
                        return -ETIMEDOUT;
        return 0;
}
