/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Start and exit records: flat, so base/json's rows do. */

#include "spec/launch.h"

#define ROW(member, name, kind)                                                                              \
        {                                                                                                    \
                name, JSON_ROW_##kind, offsetof(Record, member), false                                       \
        }

static const JsonRow record_rows[] = {
        ROW(pid, "Pid", U64),
        ROW(pid_start, "PidStart", U64),
        ROW(invocation_id, "InvocationId", STRING),
        ROW(boot_id, "BootId", STRING),
        ROW(started_usec, "StartedUsec", U64),
        ROW(finished_usec, "FinishedUsec", U64),
        ROW(exit_code, "ExitCode", U64),
        ROW(result, "Result", STRING),
        ROW(oom_killed, "OomKilled", BOOL),
        ROW(oom_kills, "OomKills", U64),
        ROW(error_name, "ErrorName", STRING),
        ROW(error, "Error", STRING),
};

void record_done(Record *r)
{
        json_rows_done(record_rows, ELEMENTSOF(record_rows), r);
        json_decref(r->unknown);
        *r = (Record){};
}

int record_from_json(const json_t *v, Record *ret)
{
        Record record = {};
        int r;

        r = json_read(v, record_rows, ELEMENTSOF(record_rows), &record, &record.unknown, NULL);
        if (r < 0) {
                record_done(&record);
                return r;
        }
        *ret = record;
        return 0;
}

json_t *record_to_json(const Record *r)
{
        return json_write(record_rows, ELEMENTSOF(record_rows), r, r->unknown);
}

int record_load_at(int dir, const char *name, Record *ret)
{
        _cleanup_json_ json_t *v = NULL;
        int r;

        r = json_load_at(dir, name, &v, NULL);
        return r < 0 ? r : record_from_json(v, ret);
}
