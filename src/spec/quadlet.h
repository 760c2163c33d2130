/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A Quadlet: a .container file and its drop-ins, read by the table of settings. Texts come from the caller;
 * nothing is opened here.
 *
 * Values may hold systemd's specifiers (%n, %i, %h ...) and environment variables (${NAME}) of the unit. They
 * stay as they are here, and spec/quadlet-expand puts them in when the unit starts. What holds none is
 * checked at once. */

#include "base/ini.h"
#include "spec/error.h"
#include "spec/setting.h"
#include "spec/spec.h"

#define QUADLET_SUFFIX ".container"

/* One value of a setting, in the words of its command-line flag. */
typedef struct QuadletItem {
        const Setting *row;
        char *text;
        const IniEntry *entry; /* where it stands; NULL: our default */
} QuadletItem;

typedef struct Quadlet {
        char *path;   /* of the .container file */
        char *unit;   /* "web.service", "web@.service" */
        char **files; /* that file and its drop-ins, as they were added */
        IniFile *ini;
        QuadletItem *items; /* in the order of the file; of settings that are no list, the last one only */
        size_t n_items;
        Spec *spec;       /* of the values as they stand in the files */
        bool is_deferred; /* some value can be checked only when the unit starts */
        bool no_default_dependencies;
        char **warnings; /* "FILE:LINE: what" */
} Quadlet;

/* path is where the file was found; its last part must be a name that makes a valid unit name. */
int quadlet_new(const char *path, Quadlet **ret, Error *error);
Quadlet *quadlet_free(Quadlet *q);
DEFINE_CLEANUP(Quadlet *, quadlet_free)

/* The file itself, then its drop-ins in the order in which they apply. */
int quadlet_add(Quadlet *q, const char *file, const char *text, size_t size, Error *error);
/* Reads what was added. ERROR_INVALID_ARGUMENT or ERROR_NOT_SUPPORTED: "FILE:LINE: what is wrong". */
int quadlet_finish(Quadlet *q, Error *error);

/* The last item of a setting; NULL: not given. */
const char *quadlet_text(const Quadlet *q, SettingId id);
/* setting_assign() of a text that came from this item; errors name its place. */
int quadlet_assign(Spec *s, const QuadletItem *item, const char *text, Error *error);
int quadlet_item_error(Error *error, ErrorKind kind, const QuadletItem *item, const char *what);

/* "web@.service" of "web@.container"; -EINVAL: such a file name makes no unit. */
int quadlet_unit_name(const char *file_name, char **ret);
/* Whether the name is that of a template, as "web@.service". */
bool quadlet_is_template(const char *unit);
bool quadlet_has_specifier(const char *text);
/* Whether the text may mean something else when the unit starts. */
bool quadlet_is_dynamic(const char *text);
