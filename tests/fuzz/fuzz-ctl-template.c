/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whatever the template, what comes from the document reaches a table without a control character. */

#include <ctype.h>

#include "base/str.h"
#include "fuzz.h"
#include "prog/ctl-template.h"

#define SIZE_MAX_OF_TEMPLATE 512

static const char document[] =
        "{\"Id\":\"a\\u001b[2Jb\\n\",\"State\":{\"Status\":\"running\",\"Pid\":42},"
        "\"Names\":[\"x\\ty\",\"z\"],\"Labels\":{\"k\":\"v\\r\"},\"On\":true,\"No\":null}";

static void write_as(const char *text, const json_t *v, TemplateEscape escape)
{
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_free_ char *out = NULL;
        size_t size;
        FILE *f = open_memstream(&out, &size);
        int r;

        MUST(f);
        r = template_write(text, v, escape, f, &error);
        MUST(fclose(f) == 0);
        MUST((r < 0) == (error.kind != ERROR_NONE));
        for (size_t i = 0; escape == TEMPLATE_CELLS && i < size; i++)
                MUST(!iscntrl((unsigned char) out[i]) || strchr(text, out[i]) || strchr("\n\t", out[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = strndup((const char *) data, MIN(size, (size_t) SIZE_MAX_OF_TEMPLATE));
        _cleanup_json_ json_t *v = NULL;

        MUST(text);
        MUST(json_parse(document, strlen(document), &v, NULL) == 0);
        write_as(text, NULL, TEMPLATE_RAW);
        write_as(text, v, TEMPLATE_LINES);
        write_as(text, v, TEMPLATE_CELLS);
        return 0;
}
