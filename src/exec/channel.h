/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The one line between the launcher and the process that becomes the payload: a pair of packet sockets. The
 * child says "ready" or why it failed; the launcher says "go" once the service manager knows the child; the
 * end of the line after that means that the exec succeeded. Both ends are CLOEXEC, so no word is needed for
 * success. */

#include "spec/error.h"

typedef enum ChannelWord {
        CHANNEL_END,     /* nobody is left on the other side */
        CHANNEL_MOUNTED, /* the root is assembled, and whoever has to do something about it may do it now */
        CHANNEL_READY,   /* everything that can fail early has been done */
        CHANNEL_FAILED,  /* with an Error */
} ChannelWord;

typedef struct Channel {
        int launcher;
        int child;
        /* Child's side, where the launcher does not stay: whoever connects to this socket takes its place
         * after "ready". -EBADF: it stays. */
        int listener;
} Channel;

#define CHANNEL_INIT ((Channel){.launcher = -EBADF, .child = -EBADF, .listener = -EBADF})
int channel_open(Channel *c);
void channel_done(Channel *c);

/* Child's side. A failure is told, and the launcher's acknowledgement (it closes the line when everything is
 * logged) awaited: the manager may kill the launcher as soon as the child is gone. */
int channel_say_ready(const Channel *c);
int channel_say_mounted(const Channel *c);
void channel_say_failed(const Channel *c, const Error *error);
/* -ECANCELED: the launcher is gone. */
int channel_wait_go(const Channel *c);
/* The last one, whoever it comes from. */
int channel_wait_start(const Channel *c);
/* One that comes with the child's number, as the launcher sees it. */
int channel_wait_pid(const Channel *c, pid_t *ret_pid);

/* Launcher's side. *ret_pid is who spoke, as the kernel says; *error is filled for CHANNEL_FAILED. */
int channel_hear(const Channel *c, ChannelWord *ret, pid_t *ret_pid, Error *error);
int channel_go(const Channel *c);
int channel_go_pid(const Channel *c, pid_t pid);

/* The socket for the launcher's place: made under that name, and connected to. */
int channel_listen(const char *path);
int channel_connect(Channel *c, const char *path);
