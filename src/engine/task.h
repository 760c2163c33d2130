/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What has to wait for the disk, done in a forked child, so that the event loop does not: writing a container
 * with fsync, removing a tree. The child has our memory as it was, does one thing and ends; it never touches
 * the bus or the event loop. If we are killed it is killed too, and what it left half made is swept at the
 * next start. */

#include <systemd/sd-event.h>

#include "spec/error.h"

typedef struct Task Task;

/* Runs in the child. */
typedef int (*TaskRun)(void *userdata, Error *error);
/* Runs in the parent when the child is gone; the task is freed already. */
typedef void (*TaskDone)(int r, const Error *error, void *userdata);

/* *slot is the task while it runs and NULL from the moment that done is called. SIGCHLD must be blocked. */
int task_start(sd_event *event, Task **slot, TaskRun run, TaskDone done, void *userdata);
/* Forgets a running task without ending it: done is not called any more. */
void task_forget(Task **slot);
