/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "base/parse.h"
#include "prog/ctl-attach.h"
#include "prog/ctl-bus.h"
#include "spec/name.h"

/* How often berthd may vanish while we wait: the bus starts it again. */
#define WAIT_TRIES_MAX 5
#define KILLS_MAX 16

static const int passed_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM};

/* A signal on its way. One that comes before there is a process is held until the start was answered. */
typedef struct Kill {
        Call call;
        int signal; /* 0: free */
        bool held;
} Kill;

typedef struct Session {
        Ctl *c;
        const Attachment *a;
        TeeFields fields;
        char *image;
        Tee *outputs[2];
        int signals;
        bool started;
        unsigned tries;
        Call naming, start, state, wait;
        Kill kills[KILLS_MAX];
} Session;

static void session_done(Session *s)
{
        for (size_t i = 0; i < ELEMENTSOF(s->outputs); i++)
                s->outputs[i] = tee_free(s->outputs[i]);
        for (size_t i = 0; i < KILLS_MAX; i++)
                call_done(&s->kills[i].call);
        call_done(&s->naming);
        call_done(&s->start);
        call_done(&s->state);
        call_done(&s->wait);
        free(s->image);
        s->signals = close_fd(s->signals);
}

int attach_own_fd(Ctl *c, int fd, bool wanted, int *ret_opened)
{
        if (wanted)
                return fd;
        *ret_opened = open("/dev/null", (fd == STDIN_FILENO ? O_RDONLY : O_WRONLY) | O_CLOEXEC);
        return *ret_opened < 0 ? error_set_errno(&c->error, errno, "/dev/null") : *ret_opened;
}

static int open_signals(Session *s)
{
        sigset_t set;

        (void) signal(SIGPIPE, SIG_IGN);
        if (!s->a->pass_signals)
                return 0;
        sigemptyset(&set);
        FOREACH_ELEMENT(sig, passed_signals)
                sigaddset(&set, *sig);
        for (int sig = SIGRTMIN; sig <= SIGRTMAX; sig++)
                sigaddset(&set, sig);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return error_set_errno(&s->c->error, errno, "blocking signals");
        s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        return s->signals < 0 ? error_set_errno(&s->c->error, errno, "signalfd") : 0;
}

static int send_kill(Session *s, Kill *k)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        char buf[FORMAT_SIGNAL_MAX];
        int r;

        k->held = false;
        r = bus_new_call(s->c, &m, s->a->path, CONTAINER_INTERFACE, "Kill", "s",
                         format_signal(k->signal, buf));
        return r < 0 ? r : bus_send(s->c, m, &k->call);
}

static int handle_kills(Session *s)
{
        for (Kill *k = s->kills; k < s->kills + KILLS_MAX; k++) {
                if (k->call.reply) {
                        bool failed = sd_bus_message_is_method_error(k->call.reply, NULL);

                        call_done(&k->call);
                        k->held = failed && !s->started;
                        k->signal = k->held ? k->signal : 0;
                }
                if (k->held && s->started) {
                        int r = send_kill(s, k);

                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

static Kill *free_kill(Session *s)
{
        for (Kill *k = s->kills; k < s->kills + KILLS_MAX; k++)
                if (k->signal == 0)
                        return k;
        return NULL;
}

static int handle_signals(Session *s)
{
        struct signalfd_siginfo info;

        while (s->signals >= 0 && read(s->signals, &info, sizeof(info)) == sizeof(info)) {
                Kill *k = free_kill(s);
                int r;

                if (!k)
                        continue;
                k->signal = (int) info.ssi_signo;
                r = send_kill(s, k);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The descriptor for the container: the end of a new pipe, or our own. */
static int open_output(Session *s, size_t i, int own, int priority, int *ret_opened)
{
        int pipes[2];

        if (!s->a->tee)
                return attach_own_fd(s->c, own, true, ret_opened);
        if (pipe2(pipes, O_CLOEXEC) < 0)
                return error_set_errno(&s->c->error, errno, "making a pipe");
        *ret_opened = pipes[1];
        s->outputs[i] = tee_new(pipes[0], own, priority, &s->fields);
        return s->outputs[i] ? pipes[1] : -ENOMEM;
}

/* Asked before the start, so that it is answered before there is any output. */
static int send_naming(Session *s)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        int r;

        s->fields = s->a->fields;
        if (!s->a->tee || s->fields.image)
                return 0;
        r = bus_new_call(s->c, &m, s->a->path, "org.freedesktop.DBus.Properties", "Get", "ss",
                         CONTAINER_INTERFACE, "ImageName");
        return r < 0 ? r : bus_send(s->c, m, &s->naming);
}

static void handle_naming(Session *s)
{
        const char *name;

        if (!s->naming.reply)
                return;
        if (sd_bus_message_read(s->naming.reply, "v", "s", &name) > 0)
                s->image = strdup(name);
        s->fields.image = s->image;
        call_done(&s->naming);
}

static int send_start(Session *s)
{
        _cleanup_close_ int opened_in = -EBADF, opened_out = -EBADF, opened_err = -EBADF;
        _cleanup_message_ sd_bus_message *m = NULL;
        int in, out, err, r;

        in = attach_own_fd(s->c, STDIN_FILENO, s->a->with_stdin, &opened_in);
        if (in < 0)
                return in;
        out = open_output(s, 0, STDOUT_FILENO, 6, &opened_out);
        if (out < 0)
                return out;
        err = open_output(s, 1, STDERR_FILENO, 3, &opened_err);
        if (err < 0)
                return err;
        r = bus_new_call(s->c, &m, s->a->path, CONTAINER_INTERFACE, "StartAndAttach", "hhh", in, out, err);
        return r < 0 ? r : bus_send(s->c, m, &s->start);
}

static int send_wait(Session *s)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        int r = bus_new_call(s->c, &m, s->a->path, CONTAINER_INTERFACE, "Wait", NULL);

        return r < 0 ? r : bus_send(s->c, m, &s->wait);
}

static int send_state(Session *s)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        int r;

        r = bus_new_call(s->c, &m, s->a->path, "org.freedesktop.DBus.Properties", "Get", "ss",
                         CONTAINER_INTERFACE, "State");
        return r < 0 ? r : bus_send(s->c, m, &s->state);
}

/* Nobody knows whether systemd was asked to start it before berthd went away. If it has not begun, waiting
 * for its end could take for ever. */
static int handle_state(Session *s)
{
        const char *state;

        if (!s->state.reply || s->started)
                return 0;
        if (sd_bus_message_read(s->state.reply, "v", "s", &state) > 0 && streq(state, "created"))
                return error_set(&s->c->error, ERROR_START_FAILED,
                                 "berthd went away before the container was started");
        s->started = true;
        return 0;
}

/* A berthd that went away leaves the container alone: we ask its successor. */
static int handle_replies(Session *s)
{
        int r;

        if (s->start.reply && !s->started && !s->state.slot) {
                r = bus_went_away(&s->start) ? send_state(s) : bus_reply(s->c, &s->start, NULL);
                if (r < 0)
                        return r;
                s->started = !s->state.slot;
        }
        r = handle_state(s);
        if (r < 0)
                return r;
        if (bus_went_away(&s->wait) && s->tries++ < WAIT_TRIES_MAX) {
                call_done(&s->wait);
                r = send_wait(s);
                if (r < 0)
                        return r;
        }
        return handle_kills(s);
}

static int process_bus(Session *s)
{
        for (;;) {
                int r = sd_bus_process(s->c->bus, NULL);

                if (r < 0)
                        return bus_failed(s->c, r);
                handle_naming(s);
                if (r == 0)
                        return handle_replies(s);
        }
}

static int wait_for_more(Session *s)
{
        int events = sd_bus_get_events(s->c->bus), n;
        bool named = !s->naming.slot;
        struct pollfd fds[] = {
                {.fd = sd_bus_get_fd(s->c->bus), .events = (short) events},
                {.fd = s->signals, .events = POLLIN},
                {.fd = named ? tee_fd(s->outputs[0]) : -1, .events = POLLIN},
                {.fd = named ? tee_fd(s->outputs[1]) : -1, .events = POLLIN},
        };

        if (events < 0)
                return bus_failed(s->c, events);
        n = poll(fds, ELEMENTSOF(fds), -1);
        if (n < 0)
                return errno == EINTR ? 0 : error_set_errno(&s->c->error, errno, "poll");
        for (size_t i = 0; i < ELEMENTSOF(s->outputs); i++)
                if (fds[2 + i].revents)
                        tee_copy(s->outputs[i]);
        return fds[1].revents ? handle_signals(s) : 0;
}

static int session_loop(Session *s)
{
        for (;;) {
                int r = process_bus(s);

                if (r < 0)
                        return r;
                if (s->wait.reply && s->started)
                        break;
                r = wait_for_more(s);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < ELEMENTSOF(s->outputs); i++)
                tee_drain(s->outputs[i]);
        return 0;
}

int attach_start(Ctl *c, const Attachment *a)
{
        _cleanup_(session_done) Session s = {.c = c, .a = a, .signals = -EBADF};
        sd_bus_message *reply;
        int status, r;

        r = open_signals(&s);
        if (r >= 0)
                r = send_naming(&s);
        if (r >= 0)
                r = send_start(&s);
        if (r >= 0)
                r = send_wait(&s);
        if (r >= 0)
                r = session_loop(&s);
        if (r >= 0)
                r = bus_reply(c, &s.wait, &reply);
        if (r < 0)
                return r;
        r = sd_bus_message_read(reply, "i", &status);
        return r < 0 ? bus_failed(c, r) : status & 0xff;
}
