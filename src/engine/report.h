/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a worker tells us while it works, as lines of JSON through a pipe: {"Progress":{...}} from time to
 * time, {"Result":{...}} or {"Error":{"Name":...,"Message":...}} as the last word. It is read as it comes and
 * never waited for. */

#include <systemd/sd-event.h>

#include "base/json.h"
#include "spec/error.h"

/* A line that is longer is not read. */
#define REPORT_LINE_MAX JSON_SIZE_MAX

typedef struct Report Report;

/* progress is borrowed. */
typedef void (*ReportProgress)(const json_t *progress, void *userdata);

/* *ret_output is the worker's end; whoever starts the worker closes it when that has its own. */
int report_new(sd_event *event, ReportProgress progress, void *userdata, Report **ret, int *ret_output);
Report *report_free(Report *r);
DEFINE_CLEANUP(Report *, report_free)
/* The worker is gone: reads what is left. The error is the worker's own, or ERROR_FAILED when it said nothing
 * that makes sense. */
int report_finish(Report *r, json_t **ret_result, Error *error);
