/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Each pipe has its own stream to the journal, and what is read goes into it as it is: journald makes lines
 * of it. The message that carries it bears the payload's credentials, as root may, so that journald finds the
 * container's unit with all its fields, as if the payload itself had written to the stream.
 *
 * A piece is duplicated with tee(), sent, and only then taken out. Pieces end with a line where they can: the
 * rest waits in the pipe, because another process, with another stream, may be the one to go on. Who reads
 * holds a lock, and gives it back when the journal has read all that was sent, which keeps the order. */

#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <syslog.h>
#include <time.h>

#include "base/journal.h"
#include "base/parse.h"
#include "base/str.h"
#include "exec/log-pipe.h"
#include "exec/order.h"
#include "exec/record.h"
#include "exec/verb.h"
#include "spec/name.h"

#define LOG_PIPE_DIR BERTH_RUNTIME_DIR "/log"
#define PIECE_SIZE (64U * 1024)
/* journald cuts longer lines itself (LineMax=). A piece of just that size leaves nothing behind in a stream,
 * so that the rest of the line can come by another. */
#define LINE_SIZE_MAX (48U * 1024)
#define NAP_USEC (20 * USEC_PER_MSEC)
/* How long a line without its end is waited for. */
#define PARTIAL_USEC (200 * USEC_PER_MSEC)
/* How long the reader waits for more before it leaves, and how long for a payload that these lines belong to.
 */
#define IDLE_USEC USEC_PER_SEC
#define ORPHAN_USEC (2 * USEC_PER_SEC)
#define LOCK_USEC (10 * USEC_PER_SEC)

static const struct {
        const char *suffix;
        int priority;
} ends[] = {{"out", LOG_INFO}, {"err", LOG_ERR}};

typedef struct Output {
        int pipe;
        int copy[2]; /* where tee() puts the piece */
        int stream;
        int priority;
        bool partial; /* what is left in the pipe is a line without its end */
} Output;

typedef struct Reader {
        const Launch *launch;
        Output outputs[ELEMENTSOF(ends)];
        int directory; /* the container's, which holds the lock: the payload can lock the pipes */
        pid_t sender;  /* whose the lines are; 0: our own unit's */
        char *buffer;
} Reader;

#define OUTPUT_INIT                                                                                          \
        {                                                                                                    \
                .pipe = -EBADF, .copy = {-EBADF, -EBADF}, .stream = -EBADF                                   \
        }
#define READER_INIT                                                                                          \
        {                                                                                                    \
                .outputs = {OUTPUT_INIT, OUTPUT_INIT}, .directory = -EBADF                                   \
        }

static void reader_done(Reader *r)
{
        FOREACH_ELEMENT(o, r->outputs) {
                close_fd(o->pipe);
                close_fd(o->copy[0]);
                close_fd(o->copy[1]);
                close_fd(o->stream);
        }
        close_fd(r->directory);
        free(r->buffer);
}

static void nap(uint64_t usec)
{
        (void) nanosleep(&(struct timespec){.tv_nsec = (long) (usec * 1000)}, NULL);
}

char *log_pipe_name(char *const *args)
{
        const char *unit = streq_ptr(args[0], "--unit") ? args[1] : NULL;
        const char *suffix = unit ? endswith(unit, ".service") : NULL;

        return suffix ? strndup(unit, (size_t) (suffix - unit)) : strdup(strempty(unit ?: args[0]));
}

static int open_end(const char *name, const char *suffix, int flags)
{
        _cleanup_free_ char *path = str_printf(LOG_PIPE_DIR "/%s.%s", name, suffix);
        int fd;

        if (!path)
                return -ENOMEM;
        fd = open(path, flags | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

int log_pipe_open(const char *name, int ret[static 2])
{
        _cleanup_close_ int out = open_end(name, ends[0].suffix, O_WRONLY);
        _cleanup_close_ int err = out < 0 ? out : open_end(name, ends[1].suffix, O_WRONLY);

        if (err == -ENXIO)
                return -ENOENT;
        if (err < 0)
                return err;
        if (fcntl(out, F_SETFL, 0) < 0 || fcntl(err, F_SETFL, 0) < 0)
                return -errno;
        ret[0] = TAKE_FD(out);
        ret[1] = TAKE_FD(err);
        return 0;
}

static int reader_open(Reader *r, const char *name, const Launch *l)
{
        _cleanup_free_ char *directory = str_printf(CONTAINERS_DIR "/%s", l->id);

        r->launch = l;
        r->buffer = malloc(PIECE_SIZE);
        if (!r->buffer || !directory)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(ends); i++) {
                Output *o = &r->outputs[i];

                o->priority = ends[i].priority;
                o->pipe = open_end(name, ends[i].suffix, O_RDONLY);
                if (o->pipe < 0)
                        return o->pipe;
                if (pipe2(o->copy, O_CLOEXEC) < 0)
                        return -errno;
        }
        r->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return r->directory < 0 ? -errno : 0;
}

/* Only one reads at a time. */
static int reader_lock(const Reader *r)
{
        uint64_t start = now_monotonic();

        while (flock(r->directory, LOCK_EX | LOCK_NB) < 0) {
                if (errno != EWOULDBLOCK && errno != EINTR)
                        return -errno;
                if (now_monotonic() - start >= LOCK_USEC)
                        return -ETIMEDOUT;
                nap(USEC_PER_MSEC);
        }
        return 0;
}

/* When the journal has read what was sent. */
static void reader_unlock(const Reader *r)
{
        uint64_t start = now_monotonic();

        FOREACH_ELEMENT(o, r->outputs) {
                int unread = 0;

                while (o->stream >= 0 && ioctl(o->stream, SIOCOUTQ, &unread) >= 0 && unread > 0 &&
                       now_monotonic() - start < LOCK_USEC)
                        nap(USEC_PER_MSEC / 2);
        }
        (void) flock(r->directory, LOCK_UN);
}

static int send_as(int fd, const char *data, size_t size, pid_t sender)
{
        struct iovec part = {(void *) data, size};
        union {
                struct cmsghdr header;
                char room[CMSG_SPACE(sizeof(struct ucred))];
        } control = {};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
        const struct ucred who = {.pid = sender};
        ssize_t n;

        if (sender > 0) {
                message.msg_control = &control;
                message.msg_controllen = sizeof(control);
                control.header.cmsg_level = SOL_SOCKET;
                control.header.cmsg_type = SCM_CREDENTIALS;
                control.header.cmsg_len = CMSG_LEN(sizeof(who));
                memcpy(CMSG_DATA(&control.header), &who, sizeof(who));
        }
        n = sendmsg(fd, &message, MSG_NOSIGNAL);
        return n < 0 ? -errno : (int) n;
}

static int output_send(const Reader *r, Output *o, const char *data, size_t size)
{
        const Launch *l = r->launch;
        int n;

        if (o->stream < 0)
                o->stream = journal_stream_open(l->log_tag ?: strempty(l->name), l->unit, o->priority);
        if (o->stream < 0)
                return o->stream;
        n = send_as(o->stream, data, size, r->sender);
        /* A new journald does not always have its streams from the one before. */
        if (n == -EPIPE || n == -ECONNRESET)
                o->stream = close_fd(o->stream);
        return n;
}

static int read_exactly(int fd, char *buffer, size_t size)
{
        while (size > 0) {
                ssize_t n = read(fd, buffer, size);

                if (n == 0 || (n < 0 && errno != EINTR))
                        return n < 0 ? -errno : -EIO;
                if (n > 0)
                        size -= (size_t) n;
                buffer += MAX(n, (ssize_t) 0);
        }
        return 0;
}

/* Passes one piece on. 0: there is none, or only the beginning of a line, and all is false. */
static int output_pass(const Reader *r, Output *o, bool all)
{
        ssize_t size = tee(o->pipe, o->copy[1], PIECE_SIZE, SPLICE_F_NONBLOCK);
        const char *end;
        int n;

        o->partial = false;
        if (size <= 0)
                return size == 0 || errno == EAGAIN || errno == EINTR ? 0 : -errno;
        n = read_exactly(o->copy[0], r->buffer, (size_t) size);
        if (n < 0)
                return n;
        end = memrchr(r->buffer, '\n', (size_t) size);
        if (end)
                size = end + 1 - r->buffer;
        else if (size >= LINE_SIZE_MAX)
                size = LINE_SIZE_MAX;
        else if (!all) {
                o->partial = true;
                return 0;
        }
        n = output_send(r, o, r->buffer, (size_t) size);
        if (n <= 0)
                return n;
        /* A payload that reads its own output can only have made it less. */
        size = n;
        n = read_exactly(o->pipe, r->buffer, (size_t) size);
        return n < 0 && n != -EAGAIN ? n : (int) size;
}

/* Returns whether something was passed on. */
static int reader_pass(Reader *r, bool all)
{
        bool passed = false, more = true;

        while (more) {
                more = false;
                FOREACH_ELEMENT(o, r->outputs) {
                        int n = output_pass(r, o, all);

                        if (n < 0)
                                return n;
                        more = more || n > 0;
                }
                passed = passed || more;
        }
        return passed;
}

static bool reader_has_partial(const Reader *r)
{
        FOREACH_ELEMENT(o, r->outputs)
                if (o->partial)
                        return true;
        return false;
}

int log_pipe_drain(const char *name, const Launch *l)
{
        _cleanup_(reader_done) Reader r = READER_INIT;
        int n;

        n = reader_open(&r, name, l);
        if (n == -ENOENT)
                return 0;
        if (n >= 0)
                n = reader_lock(&r);
        if (n < 0)
                return n;
        n = reader_pass(&r, true);
        reader_unlock(&r);
        return MIN(n, 0);
}

/* The payload as the start record has it, while it lives. */
static int find_sender(Reader *r)
{
        _cleanup_free_ char *path = str_printf(START_RECORD_DIR "/%s", r->launch->id);
        _cleanup_record_ Record record = {};
        uint64_t start;

        if (!path)
                return -ENOMEM;
        if (record_load_at(AT_FDCWD, path, &record) < 0 || record.pid == 0 || record.pid > INT32_MAX ||
            process_start_time((pid_t) record.pid, &start) < 0 || start != record.pid_start)
                return -ESRCH;
        r->sender = (pid_t) record.pid;
        return 0;
}

/* -ESRCH: the payload has ended, and what is left is for the cleanup of its unit. */
static int pass_for_payload(Reader *r, bool all)
{
        int n = reader_lock(r);

        if (n < 0)
                return n;
        n = find_sender(r);
        if (n >= 0)
                n = reader_pass(r, all);
        reader_unlock(r);
        return n;
}

/* Lines that nobody comes for: somebody else than a container has written them, or a cleanup has failed. */
static int pass_orphans(Reader *r)
{
        int n = reader_lock(r);

        if (n < 0)
                return n;
        r->sender = 0;
        n = reader_pass(r, true);
        reader_unlock(r);
        return n;
}

/* Returns 0 when nothing came for a while, or nothing ever will, or somebody wants the reader to end. */
static int wait_for_more(const Reader *r)
{
        struct pollfd fds[ELEMENTSOF(ends)];
        sigset_t none, pending;
        int n;

        if (sigpending(&pending) >= 0 && sigismember(&pending, SIGTERM))
                return 0;

        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                fds[i] = (struct pollfd){.fd = r->outputs[i].pipe, .events = POLLIN};
        sigemptyset(&none);
        n = ppoll(fds, ELEMENTSOF(fds), &(struct timespec){.tv_sec = IDLE_USEC / USEC_PER_SEC}, &none);
        if (n < 0)
                return errno == EINTR ? 1 : -errno;
        FOREACH_ELEMENT(fd, fds)
                if (fd->revents & POLLIN)
                        return 1;
        return 0;
}

static int reader_run(Reader *r)
{
        uint64_t passed = now_monotonic(), owned = passed; /* when that was so the last time */
        int n;

        for (;;) {
                uint64_t now = now_monotonic();

                n = pass_for_payload(r, now - passed >= PARTIAL_USEC);
                if (n == -ESRCH && now - owned >= ORPHAN_USEC)
                        n = pass_orphans(r);
                if (n < 0 && n != -ESRCH)
                        return n;
                if (n > 0)
                        passed = now_monotonic();
                if (n >= 0)
                        owned = now_monotonic();
                n = wait_for_more(r);
                if (n <= 0)
                        return n;
                /* The pipe's last bytes are a line's beginning, or for somebody else to take. */
                if (reader_has_partial(r) || n == -ESRCH)
                        nap(NAP_USEC);
        }
}

static int load_by_name(const char *name, Launch **ret, Error *error)
{
        _cleanup_free_ char *unit = str_printf("%s.service", name), *id = NULL;
        char *by_id[] = {(char *) name, NULL}, *by_unit[] = {(char *) "--unit", unit, NULL};
        int r;

        if (!unit)
                return error_set_errno(error, ENOMEM, "Order");
        r = order_find(id_is_valid(name) ? by_id : by_unit, &id, error);
        if (r >= 0)
                r = order_load_container(id, ret, error);
        if (r >= 0 && !(*ret)->id)
                r = str_replace(&(*ret)->id, id);
        return r;
}

int verb_log(char *const *args)
{
        _cleanup_(launch_freep) Launch *l = NULL;
        _cleanup_(reader_done) Reader r = READER_INIT;
        _cleanup_error_ Error error = ERROR_INIT;
        sigset_t term;
        int n;

        sigemptyset(&term);
        sigaddset(&term, SIGTERM);
        if (!args[0] || args[1])
                n = error_set(&error, ERROR_INVALID_ARGUMENT, "Expected one name");
        else if (sigprocmask(SIG_BLOCK, &term, NULL) < 0)
                n = -errno;
        else
                n = load_by_name(args[0], &l, &error);
        if (n >= 0)
                n = reader_open(&r, args[0], l);
        if (n >= 0)
                n = reader_run(&r);
        if (n >= 0)
                return EXIT_SUCCESS;
        (void) error_set_errno(&error, n, "Cannot read the output");
        (void) fprintf(stderr, "berth-exec: %s\n", strempty(error.message));
        /* systemd starts the next reader at once as long as something is in the pipes. */
        (void) sleep(1);
        return error_exit_status(error.kind);
}
