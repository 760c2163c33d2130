/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Progress may be lost, the result may not: who reads it decides by it what there is now. */

#include <poll.h>

#include "base/str.h"
#include "prog/result.h"

static int write_line(int fd, const char *text)
{
        size_t size = strlen(text);

        while (size > 0) {
                ssize_t n = write(fd, text, size);

                if (n < 0 && errno == EAGAIN)
                        (void) poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
                else if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0) {
                        text += n;
                        size -= (size_t) n;
                }
        }
        return 0;
}

int result_write(int fd, const json_t *result, int r, const Error *error)
{
        _cleanup_json_ json_t *line = NULL;
        _cleanup_free_ char *text = NULL, *whole = NULL;

        if (r < 0)
                line = json_pack("{s:{s:s, s:s}}", "Error", "Name", error_bus_name(error->kind), "Message",
                                 strempty(error->message));
        else
                line = result ? json_pack("{s:O}", "Result", result) : json_pack("{s:{}}", "Result");
        text = line ? json_text(line) : NULL;
        whole = text ? str_printf("%s\n", text) : NULL;
        return whole ? write_line(fd, whole) : -ENOMEM;
}
