/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table of events, and their journal entries. */

#include <ctype.h>

#include "base/journal.h"
#include "base/str.h"
#include "spec/event.h"
#include "spec/name.h"

typedef enum EventNoun {
        NOUN_CONTAINER,
        NOUN_IMAGE,
        NOUN_SYSTEM,
        _NOUN_MAX,
} EventNoun;

/* Which journal fields carry the identity of the object. */
static const struct {
        const char *type;
        const char *id_field;
        const char *name_field;
} nouns[_NOUN_MAX] = {
        [NOUN_CONTAINER] = {"container", "CONTAINER_ID_FULL", "CONTAINER_NAME"},
        [NOUN_IMAGE] = {"image", "IMAGE_ID", "IMAGE_NAME"},
        [NOUN_SYSTEM] = {"system", NULL, NULL},
};

static const struct {
        EventNoun noun;
        const char *status;
        const char *message_id;
} events[_EVENT_MAX] = {
        [EVENT_CONTAINER_CREATE] = {NOUN_CONTAINER, "create", "5d5b2d9c0d5f4f6c9b0e6a3f8a7c1e01"},
        [EVENT_CONTAINER_START] = {NOUN_CONTAINER, "start", "5d5b2d9c0d5f4f6c9b0e6a3f8a7c1e02"},
        [EVENT_CONTAINER_DIED] = {NOUN_CONTAINER, "died", "5d5b2d9c0d5f4f6c9b0e6a3f8a7c1e03"},
        [EVENT_CONTAINER_OOM] = {NOUN_CONTAINER, "oom", "5d5b2d9c0d5f4f6c9b0e6a3f8a7c1e04"},
        [EVENT_CONTAINER_STOP] = {NOUN_CONTAINER, "stop", "5d5b2d9c0d5f4f6c9b0e6a3f8a7c1e05"},
        [EVENT_CONTAINER_RESTART] = {NOUN_CONTAINER, "restart", "5d5b2d9c0d5f4f6c9b0e6a3f8a7c1e06"},
        [EVENT_CONTAINER_KILL] = {NOUN_CONTAINER, "kill", "5d5b2d9c0d5f4f6c9b0e6a3f8a7c1e07"},
        [EVENT_CONTAINER_REMOVE] = {NOUN_CONTAINER, "remove", "5d5b2d9c0d5f4f6c9b0e6a3f8a7c1e08"},
        [EVENT_CONTAINER_EXEC] = {NOUN_CONTAINER, "exec", "5d5b2d9c0d5f4f6c9b0e6a3f8a7c1e09"},
        [EVENT_CONTAINER_EXEC_DIED] = {NOUN_CONTAINER, "exec_died", "5d5b2d9c0d5f4f6c9b0e6a3f8a7c1e0a"},
        [EVENT_IMAGE_LOAD] = {NOUN_IMAGE, "loadfromarchive", "5d5b2d9c0d5f4f6c9b0e6a3f8a7c1e0b"},
        [EVENT_IMAGE_PULL] = {NOUN_IMAGE, "pull", "5d5b2d9c0d5f4f6c9b0e6a3f8a7c1e20"},
        [EVENT_IMAGE_PULL_ERROR] = {NOUN_IMAGE, "pull-error", "5d5b2d9c0d5f4f6c9b0e6a3f8a7c1e21"},
        [EVENT_IMAGE_PUSH] = {NOUN_IMAGE, "push", "5d5b2d9c0d5f4f6c9b0e6a3f8a7c1e22"},
        [EVENT_IMAGE_SAVE] = {NOUN_IMAGE, "save", "5d5b2d9c0d5f4f6c9b0e6a3f8a7c1e23"},
        [EVENT_IMAGE_IMPORT] = {NOUN_IMAGE, "import", "5d5b2d9c0d5f4f6c9b0e6a3f8a7c1e24"},
        [EVENT_IMAGE_MOUNT] = {NOUN_IMAGE, "mount", "5d5b2d9c0d5f4f6c9b0e6a3f8a7c1e25"},
        [EVENT_IMAGE_UNMOUNT] = {NOUN_IMAGE, "unmount", "5d5b2d9c0d5f4f6c9b0e6a3f8a7c1e26"},
        [EVENT_IMAGE_PRUNE] = {NOUN_IMAGE, "prune", "5d5b2d9c0d5f4f6c9b0e6a3f8a7c1e27"},
        [EVENT_IMAGE_TAG] = {NOUN_IMAGE, "tag", "5d5b2d9c0d5f4f6c9b0e6a3f8a7c1e0c"},
        [EVENT_IMAGE_UNTAG] = {NOUN_IMAGE, "untag", "5d5b2d9c0d5f4f6c9b0e6a3f8a7c1e0d"},
        [EVENT_IMAGE_REMOVE] = {NOUN_IMAGE, "remove", "5d5b2d9c0d5f4f6c9b0e6a3f8a7c1e0e"},
        [EVENT_SYSTEM_REFRESH] = {NOUN_SYSTEM, "refresh", "5d5b2d9c0d5f4f6c9b0e6a3f8a7c1e0f"},
};

const char *event_type(Event e)
{
        assert(e >= 0 && e < _EVENT_MAX);
        return nouns[events[e].noun].type;
}

const char *event_status(Event e)
{
        assert(e >= 0 && e < _EVENT_MAX);
        return events[e].status;
}

const char *event_message_id(Event e)
{
        assert(e >= 0 && e < _EVENT_MAX);
        return events[e].message_id;
}

int event_from_message_id(const char *id, Event *ret)
{
        for (Event e = 0; e < _EVENT_MAX; e++)
                if (streq_ptr(events[e].message_id, id)) {
                        *ret = e;
                        return 0;
                }
        return -EINVAL;
}

/* "containerExitCode" becomes BERTH_ATTRIBUTE_CONTAINEREXITCODE: field names are capitals, digits and
 * underscores. */
static void add_attribute(JournalEntry *entry, const char *name, const char *value)
{
        char field[64] = "BERTH_ATTRIBUTE_";
        size_t n = strlen(field);

        for (; *name && n + 1 < sizeof(field); name++)
                field[n++] = isalnum((unsigned char) *name) ? (char) toupper((unsigned char) *name) : '_';
        field[n] = '\0';
        journal_entry_add(entry, field, value);
}

static void add_identity(JournalEntry *entry, EventNoun noun, const EventInfo *info)
{
        if (nouns[noun].id_field)
                journal_entry_add(entry, nouns[noun].id_field, info->id);
        if (nouns[noun].name_field)
                journal_entry_add(entry, nouns[noun].name_field, info->name);
        if (noun == NOUN_CONTAINER) {
                if (info->id)
                        journal_entry_addf(entry, "CONTAINER_ID", "%.*s", ID_SHORT_LENGTH, info->id);
                journal_entry_add(entry, "IMAGE_NAME", info->image);
        }
        /* What root says about a unit in this field, journalctl -u shows with the unit's own lines. */
        journal_entry_add(entry, "OBJECT_SYSTEMD_UNIT", info->unit);
}

int event_log(Event e, const EventInfo *info)
{
        _cleanup_(journal_entry_done) JournalEntry entry = {};

        journal_entry_addf(&entry, "MESSAGE", "%s %s%s%s (%s)", event_type(e), event_status(e),
                           info->name ? " " : "", strempty(info->name), strempty(info->id));
        journal_entry_add(&entry, "MESSAGE_ID", event_message_id(e));
        journal_entry_add(&entry, "PRIORITY", "6");
        journal_entry_add(&entry, "SYSLOG_IDENTIFIER", "berth");
        journal_entry_add(&entry, "BERTH_EVENT", event_status(e));
        journal_entry_add(&entry, "BERTH_EVENT_TYPE", event_type(e));
        add_identity(&entry, events[e].noun, info);
        MAP_FOREACH(a, info->attributes)
                add_attribute(&entry, map_key(a), map_value(a));

        return journal_entry_send(&entry);
}
