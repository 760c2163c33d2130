/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Unit-file syntax as systemd reads it: [Sections], Key=value, comments (# ;), continuation lines (a trailing
 * backslash joins with a blank; comment lines inside are skipped), ends of lines at LF. A NUL or CR inside a
 * line is refused, because systemd would end the line there and whoever controls the rest would write a
 * directive. */

#include "base/macro.h"

#define INI_SIZE_MAX (1U * 1024 * 1024)
#define INI_LINE_MAX (64U * 1024)

#define INI_NAME_MAX 256U

typedef struct IniEntry {
        const char *section; /* owned by the file, as are the names of files: one string for many entries */
        char *key;
        char *value; /* blanks around it removed, continuation lines joined, otherwise raw */
        const char *file;
        unsigned line;
} IniEntry;

typedef struct IniFile {
        IniEntry *entries; /* in the order of the files */
        size_t n_entries;
        struct Map *names; /* of sections and files */
} IniFile;

IniFile *ini_free(IniFile *f);
DEFINE_CLEANUP(IniFile *, ini_free)

/* Appends the entries of a text to *f (made when NULL), so that drop-ins are merged by parsing them after the
 * file. -EBADMSG: *ret_error (if not NULL) is "file:line: what is wrong"; the entries of earlier files are
 * kept. */
int ini_parse(IniFile **f, const char *file, const char *text, size_t size, char **ret_error);

/* Writing: one line "Key=value" with the value escaped where systemd needs it is the business of
 * spec/unit-file; this collects sections in order of first use, and ini_parse() of its text gives the same
 * entries. */
typedef struct IniWriter IniWriter;
IniWriter *ini_writer_new(void);
IniWriter *ini_writer_free(IniWriter *w);
DEFINE_CLEANUP(IniWriter *, ini_writer_free)
/* -EINVAL when the line would be read back as something else: control characters, no UTF-8, blanks at an end
 * of value, a backslash that would join the next line, a name with '=' or brackets. */
int ini_writer_add(IniWriter *w, const char *section, const char *key, const char *value);
int ini_writer_text(IniWriter *w, char **ret);
