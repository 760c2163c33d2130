/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A stream read ahead by a thread of its own, so that decompressing and hashing on one core overlap with
 * writing files on another. What is on the way is bounded. */

#include "engine/stream.h"

typedef struct Pump Pump;

/* in is the thread's until the pump is stopped; it stays the caller's. */
int pump_start(Stream *in, Pump **ret);
/* As stream_read(); a failure of the stream shows here after the bytes before it. */
ssize_t pump_read(Pump *p, const void **ret);
/* Ends the thread, whether the stream is at its end or not. Returns the stream's failure, if any, with its
 * error. */
int pump_stop(Pump *p, Error *error);
Pump *pump_free(Pump *p);
DEFINE_CLEANUP(Pump *, pump_free)
