/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lines are cut from a buffer that grows up to the longest line. Of the last words the last one counts. */

#include <fcntl.h>

#include "base/str.h"
#include "engine/report.h"

#define READ_SIZE (64U * 1024)
/* Of one turn of the event loop: a worker that floods us does not keep others waiting. */
#define READS_MAX 16U

struct Report {
        int input;
        sd_event_source *source;
        ReportProgress progress;
        void *userdata;
        char *buffer;
        size_t size, allocated;
        bool too_long;
        json_t *last;
};

Report *report_free(Report *r)
{
        if (!r)
                return NULL;
        sd_event_source_disable_unref(r->source);
        close_fd(r->input);
        json_decref(r->last);
        free(r->buffer);
        free(r);
        return NULL;
}

static void take_line(Report *r, const char *line, size_t size)
{
        _cleanup_json_ json_t *v = NULL;
        const json_t *progress;

        if (size == 0 || json_parse(line, size, &v, NULL) < 0)
                return;
        progress = json_get_object(v, "Progress");
        if (progress) {
                r->progress(progress, r->userdata);
                return;
        }
        json_decref(r->last);
        r->last = TAKE_PTR(v);
}

static void take_lines(Report *r)
{
        char *line = r->buffer, *end;

        while ((end = memchr(line, '\n', r->size - (size_t) (line - r->buffer)))) {
                if (!r->too_long)
                        take_line(r, line, (size_t) (end - line));
                r->too_long = false;
                line = end + 1;
        }
        r->size -= (size_t) (line - r->buffer);
        memmove(r->buffer, line, r->size);
        if (r->size >= REPORT_LINE_MAX) {
                r->too_long = true;
                r->size = 0;
        }
}

/* 1: there may be more; 0: not now, or never; or an error. */
static int read_some(Report *r)
{
        ssize_t n;

        if (r->allocated - r->size < READ_SIZE) {
                size_t wanted = MAX(2 * r->allocated, (size_t) 2 * READ_SIZE);
                char *buffer = realloc(r->buffer, wanted);

                if (!buffer)
                        return -ENOMEM;
                r->buffer = buffer;
                r->allocated = wanted;
        }
        n = read(r->input, r->buffer + r->size, READ_SIZE);
        if (n < 0)
                return errno == EAGAIN ? 0 : errno == EINTR ? 1 : -errno;
        if (n == 0) {
                r->source = sd_event_source_disable_unref(r->source);
                return 0;
        }
        r->size += (size_t) n;
        take_lines(r);
        return 1;
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Report *r = userdata;
        int k = 1;

        for (unsigned i = 0; i < READS_MAX && k > 0 && r->source; i++)
                k = read_some(r);
        if (k < 0)
                r->source = sd_event_source_disable_unref(r->source);
        return 0;
}

int report_new(sd_event *event, ReportProgress progress, void *userdata, Report **ret, int *ret_output)
{
        _cleanup_(report_freep) Report *r = calloc(1, sizeof(*r));
        int pipes[2], k;

        if (!r)
                return -ENOMEM;
        r->input = -EBADF;
        r->progress = progress;
        r->userdata = userdata;
        if (pipe2(pipes, O_CLOEXEC) < 0)
                return -errno;
        r->input = pipes[0];
        /* Only our end: a worker may wait for us. */
        k = fcntl(r->input, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
        if (k >= 0)
                k = sd_event_add_io(event, &r->source, r->input, EPOLLIN, on_readable, r);
        if (k < 0) {
                close_fd(pipes[1]);
                return k;
        }
        *ret_output = pipes[1];
        *ret = TAKE_PTR(r);
        return 0;
}

int report_finish(Report *r, json_t **ret_result, Error *error)
{
        const json_t *e;
        json_t *result;
        int k;

        while ((k = read_some(r)) > 0)
                ;
        if (k < 0)
                return error_set_errno(error, k, "Cannot read the worker's answer");
        if (!r->too_long)
                take_line(r, r->buffer, r->size);
        r->size = 0;
        e = json_get_object(r->last, "Error");
        if (e)
                return error_set(error, error_from_bus_name(json_get_string(e, "Name")), "%s",
                                 strempty(json_get_string(e, "Message")));
        result = json_get_object(r->last, "Result");
        if (!result)
                return error_set(error, ERROR_FAILED, "The worker ended without an answer: see its log");
        *ret_result = json_incref(result);
        return 0;
}
