/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Values between the bus and JSON, by D-Bus signature: once for all settings, options and filters. Numbers
 * that a JSON integer cannot hold are UINT64_MAX, "infinity", on the bus and -1 in JSON. */

#include <systemd/sd-bus.h>

#include "base/hashmap.h"
#include "base/json.h"

/* All values of one message together. */
#define VALUES_SIZE_MAX (1U * 1024 * 1024)
#define VALUES_COUNT_MAX 16384U

typedef struct ValueBudget {
        size_t size;
        size_t count;
} ValueBudget;
#define VALUE_BUDGET ((ValueBudget){VALUES_SIZE_MAX, VALUES_COUNT_MAX})

/* Types b s o u i t x, arrays of them, and dictionaries with string keys. -E2BIG: more than the budget;
 * -EINVAL: text that is no UTF-8, a type that is none of these; -EEXIST: a key twice. */
int value_read(sd_bus_message *m, const char *signature, ValueBudget *budget, json_t **ret);
/* a{sv} with the signature that each key has; signature() returns NULL for a key that there is not, and all
 * of the message's pairs end in *ret. -ENOMSG and *ret_key: no such key; -EMEDIUMTYPE: not of that type. */
typedef const char *(*ValueSignature)(const char *key, void *userdata);
int value_read_dictionary(sd_bus_message *m, ValueSignature signature, void *userdata, json_t **ret,
                          char **ret_key);

int value_append(sd_bus_message *m, const char *signature, const json_t *value);
/* {sv} into an open a{sv}. */
int value_append_entry(sd_bus_message *m, const char *key, const char *signature, const json_t *value);
/* a{ss} from a map of strings. */
int value_append_map(sd_bus_message *m, const Map *map);
