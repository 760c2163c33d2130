/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A command that stays until its payload has ended: signals that it gets are the payload's, and with a
 * terminal it copies between the payload's and its own. */

#include <termios.h>

#include "spec/error.h"

typedef struct Foreground {
        int signals; /* a signalfd; everything else is blocked from the caller's start on */
        int master;  /* the payload's terminal; -EBADF: none */
        bool reap;   /* other children, that the payload left behind, are the caller's */
        bool raw;    /* the caller's terminal is, and was so: */
        struct termios saved;
} Foreground;

#define FOREGROUND_INIT ((Foreground){.signals = -EBADF, .master = -EBADF})
void foreground_done(Foreground *f);
#define _cleanup_foreground_ _cleanup_(foreground_done)

/* Before the payload is made, so that no signal is lost. */
int foreground_begin(Foreground *f, Error *error);
/* The payload's exit status, 128+signal if one ended it. pid is the caller's child. */
int foreground_wait(Foreground *f, pid_t pid, Error *error);
