/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What messages ask for: dictionaries of settings and options become a Spec or checked values, by rows. */

#include <systemd/sd-bus.h>

#include "base/json.h"
#include "object/work.h"
#include "spec/spec.h"

/* An option that is no setting. A NULL name ends a list of them. */
typedef struct OptionRow {
        const char *name;
        const char *signature;
} OptionRow;

extern const OptionRow new_container_options[];
extern const OptionRow exec_options[];
extern const OptionRow remove_options[];
extern const OptionRow list_options[];
extern const OptionRow load_options[];
extern const OptionRow import_options[];
extern const OptionRow pull_options[];
extern const OptionRow push_options[];
extern const OptionRow save_options[];
extern const OptionRow search_options[];
extern const OptionRow check_options[];

/* Reads a{sv}: settings of kind (0: none) and options. ERROR_INVALID_ARGUMENT names the key. */
int request_read(sd_bus_message *m, SpecKind kind, const OptionRow *options, json_t **ret_settings,
                 json_t **ret_options, Error *error);
int request_read_spec(sd_bus_message *m, SpecKind kind, const OptionRow *options, Spec **ret,
                      json_t **ret_options, Error *error);
/* a{sas} */
int request_read_filters(sd_bus_message *m, json_t **ret, Error *error);

/* For authorisation, before the handler reads: whether the a{sv} at hand holds settings that reach into the
 * host. What cannot be read reaches nowhere, because the handler refuses it. */
bool request_reaches_host(sd_bus_message *m);
bool request_has_flag(sd_bus_message *m, const char *option);

/* A promise that answers the message: nothing, or what result() appends. */
typedef int (*RequestResult)(sd_bus_message *reply, const OperationResult *result);
int request_promise(sd_bus_message *m, RequestResult result, Promise *ret);
/* The caller of something long, with the options Background and Attached. */
int work_client(sd_bus_message *m, const json_t *options, WorkClient *ret);
/* For a handler's return: the request was refused, so the promise is taken back and the error sent. */
int request_refused(Promise *p, int r, const Error *error, sd_bus_error *ret_error);

int request_error(sd_bus_error *e, int r, const Error *error);

/* "o", the path of an object. */
int request_reply_path(sd_bus_message *call, const char *noun, const char *id);
/* "b": whether the lookup that returned r found something. */
int request_reply_has(sd_bus_message *call, int r, sd_bus_error *e);
/* "aa{sv}": an array of objects of strings, numbers, truth values and lists of strings. */
int request_append_objects(sd_bus_message *reply, const json_t *list);
int request_reply_objects(sd_bus_message *call, const json_t *list);
