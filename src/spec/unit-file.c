/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A container's unit: which rows, and how they are written as text. */

#include <ctype.h>
#include <inttypes.h>

#include "base/ini.h"
#include "base/parse.h"
#include "base/str.h"
#include "spec/item.h"
#include "spec/name.h"
#include "spec/setting.h"
#include "spec/unit-file.h"

#define EXECUTOR BERTH_LIBEXEC_DIR "/berth-exec"
#define RESTART_DELAY_USEC USEC_PER_SEC

UnitFile *unit_file_free(UnitFile *u)
{
        if (!u)
                return NULL;
        for (size_t i = 0; i < u->n_rows; i++) {
                free(u->rows[i].text);
                strv_free(u->rows[i].list);
        }
        free(u->rows);
        free(u);
        return NULL;
}

const UnitRow *unit_file_find(const UnitFile *u, const char *key)
{
        for (size_t i = 0; i < u->n_rows; i++)
                if (streq(u->rows[i].key, key))
                        return &u->rows[i];
        return NULL;
}

/* Rows are appended through one builder that remembers a failed allocation, so that the lists below stay
 * lists. */
typedef struct Builder {
        UnitFile *unit;
        const char *section;
        bool failed;
} Builder;

static UnitRow *add_row(Builder *b, const char *key, UnitValueType type)
{
        UnitRow *rows;

        rows = reallocarray(b->unit->rows, b->unit->n_rows + 1, sizeof(*rows));
        if (!rows) {
                b->failed = true;
                return NULL;
        }
        b->unit->rows = rows;
        rows[b->unit->n_rows] = (UnitRow){.section = b->section, .key = key, .type = type};
        return &rows[b->unit->n_rows++];
}

static void add_number(Builder *b, const char *key, UnitValueType type, uint64_t number)
{
        UnitRow *row = add_row(b, key, type);

        if (row)
                row->number = number;
}

static void add_text(Builder *b, const char *key, UnitValueType type, const char *text)
{
        UnitRow *row = add_row(b, key, type);

        if (row && str_replace(&row->text, text) < 0)
                b->failed = true;
}

static void add_string(Builder *b, const char *key, const char *text)
{
        add_text(b, key, UNIT_VALUE_STRING, text);
}

/* Takes the list. */
static UnitRow *add_list(Builder *b, const char *key, UnitValueType type, char **list)
{
        UnitRow *row = add_row(b, key, type);

        if (!list || !row) {
                b->failed = true;
                strv_free(list);
        } else
                row->list = list;
        return row;
}

static char **list_of(const char *const *words)
{
        char **copy = NULL;

        return strv_copy((char *const *) words, &copy) < 0 ? NULL : copy;
}

#define WORDS(...) list_of((const char *const[]){__VA_ARGS__, NULL})

static void add_executor(Builder *b, const char *key, const char *verb, const char *id)
{
        UnitRow *row;

        if (id) {
                add_list(b, key, UNIT_VALUE_EXEC, WORDS(EXECUTOR, verb, id));
                return;
        }
        row = add_list(b, key, UNIT_VALUE_EXEC, WORDS(EXECUTOR, verb, "--unit", "%n"));
        if (row)
                row->specifiers = true;
}

/* The holder of the pipes that the output goes through. Whether an image needs them is not known before the
 * container is made of it; a unit that is written before has them in case it does. */
static void add_log_pipe(Builder *b, const Spec *s, const UnitContext *c)
{
        bool maybe = !c->id && !spec_has(s, SETTING_LOG_DRIVER);
        _cleanup_free_ char *socket = str_printf("berth-log@%s.socket", c->id ?: "%N");

        if (c->foreground || (s->log_driver != LOG_DRIVER_PIPE && !maybe))
                return;
        if (!socket) {
                b->failed = true;
                return;
        }
        add_list(b, maybe ? "Wants" : "Requires", UNIT_VALUE_STRV, WORDS(socket));
        add_list(b, "After", UNIT_VALUE_STRV, WORDS(socket));
        for (size_t i = 0; i < 2 && !c->id && !b->failed; i++)
                b->unit->rows[b->unit->n_rows - 1 - i].specifiers = true;
}

static void add_start_limit(Builder *b, const Spec *s)
{
        bool limited = s->restart_policy == RESTART_ON_FAILURE && spec_has(s, SETTING_RESTART_RETRIES);

        add_number(b, "StartLimitIntervalSec", UNIT_VALUE_USEC, limited ? USEC_INFINITY : 0);
        if (limited)
                add_number(b, "StartLimitBurst", UNIT_VALUE_U32, s->restart_retries + 1);
}

/* A transient unit leaves no trace when it ends; nothing but its own policy limits how often it starts. */
static void add_unit_section(Builder *b, const Spec *s, const UnitContext *c)
{
        _cleanup_free_ char *description = NULL;

        b->section = "Unit";
        description = str_printf("Berth container %s (%s)", c->name, strempty(c->image_name));
        add_string(b, "Description", description);
        if (c->id)
                add_string(b, "CollectMode", "inactive-or-failed");
        if (c->exec_id)
                return;
        add_list(b, "After", UNIT_VALUE_STRV, WORDS("network.target"));
        add_log_pipe(b, s, c);
        add_start_limit(b, s);
}

/* systemd.service(5): Restart= has no word for "unless stopped", because a stopped unit never restarts by
 * itself. */
static const char *const restart_words[_RESTART_MAX] = {
        [RESTART_NO] = NULL,
        [RESTART_ON_FAILURE] = "on-failure",
        [RESTART_ALWAYS] = "always",
        [RESTART_UNLESS_STOPPED] = "always",
};

/* What a payload that heeds the stop signal ends with: by the signal itself, or 128 plus its number as shells
 * do. */
static void add_success(Builder *b, const Spec *s)
{
        char name[FORMAT_SIGNAL_MAX];
        int signal = spec_stop_signal(s);
        _cleanup_free_ char *status = str_printf("%d", 128 + signal);
        const char *word = format_signal(signal, name);

        if (!status || !word)
                b->failed = true;
        else
                add_list(b, "SuccessExitStatus", UNIT_VALUE_EXIT_STATUS, WORDS(status, word));
}

/* A system of its own has control groups of its own. What an image without a command of the spec's runs is
 * not known before the container is made of it. */
static bool may_be_systemd(const Spec *s, const UnitContext *c)
{
        bool maybe = !c->id && s->systemd == SYSTEMD_TRUE && !s->init && !spec_has(s, SETTING_COMMAND);

        return s->systemd == SYSTEMD_ALWAYS || maybe;
}

static void add_life(Builder *b, const Spec *s, const UnitContext *c)
{
        b->section = "Service";
        add_string(b, "Type", "notify");
        add_string(b, "NotifyAccess", "all");
        add_executor(b, "ExecStart", c->exec_id ? "unit-exec" : "unit-start", c->exec_id ?: c->id);
        add_executor(b, "ExecStopPost", c->exec_id ? "unit-exec-cleanup" : "unit-cleanup",
                     c->exec_id ?: c->id);
        add_string(b, "KillMode", "mixed");
        if (c->exec_id)
                return;
        if (restart_words[s->restart_policy]) {
                add_string(b, "Restart", restart_words[s->restart_policy]);
                add_number(b, "RestartSec", UNIT_VALUE_USEC, RESTART_DELAY_USEC);
        }
        if (may_be_systemd(s, c))
                add_number(b, "Delegate", UNIT_VALUE_BOOL, true);
        add_success(b, s);
        /* One process that runs out of memory is the payload's business; if it is PID 1 the container ends
         * anyway. */
        add_string(b, "OOMPolicy", "continue");
        if (spec_has(s, SETTING_OOM_SCORE_ADJ))
                add_number(b, "OOMScoreAdjust", UNIT_VALUE_I32, (uint64_t) s->oom_score_adj);
}

static void add_field(Builder *b, char ***fields, const char *name, const char *value, int width)
{
        if (value && strv_consume(fields, str_printf("%s=%.*s", name, width, value)) < 0)
                b->failed = true;
}

/* The journal's fields of each line are podman's, so that what people have written for them goes on to work.
 */
static void add_log(Builder *b, const Spec *s, const UnitContext *c)
{
        char **fields = NULL;
        const char *tag = s->log_tag ?: c->name;

        if (!c->foreground)
                add_string(b, "StandardOutput", log_driver_is_journal(s->log_driver) ? "journal" : "null");
        add_string(b, "SyslogIdentifier", tag);
        add_number(b, "SyslogLevelPrefix", UNIT_VALUE_BOOL, false);
        /* No line is dropped: journald's default of 10,000 in 30 s is for services that log by mistake. Its
         * man page's word for that, 0, is not handed on to journald (systemd 252,
         * unit_export_log_ratelimit_interval()), so the limit is one that cannot be reached. */
        add_number(b, "LogRateLimitIntervalSec", UNIT_VALUE_USEC, 1);
        add_number(b, "LogRateLimitBurst", UNIT_VALUE_U32, 1000000);

        add_field(b, &fields, "CONTAINER_ID", c->id, ID_SHORT_LENGTH);
        add_field(b, &fields, "CONTAINER_ID_FULL", c->id, ID_LENGTH);
        add_field(b, &fields, "CONTAINER_NAME", c->name, NAME_LENGTH_MAX);
        add_field(b, &fields, "CONTAINER_TAG", s->log_tag, NAME_LENGTH_MAX);
        add_field(b, &fields, "IMAGE_NAME", c->image_name, 512);
        add_list(b, "LogExtraFields", UNIT_VALUE_FIELDS, fields);
}

/* Kernel weights run from 1 to 10000 with 100 in the middle, shares from 2 to 262144: the OCI runtimes'
 * conversion. */
uint64_t cpu_weight_of_shares(uint64_t shares)
{
        return 1 + (shares - 2) * 9999 / 262142;
}

uint64_t cpu_shares_of_weight(uint64_t weight)
{
        return 2 + ((weight - 1) * 262142 + 9998) / 9999;
}

static void add_devices(Builder *b, const Spec *s)
{
        char **list = WORDS("char-pts", "rw");

        STRV_FOREACH(i, s->devices) {
                _cleanup_(device_item_done) DeviceItem d = {};
                bool optional;

                if (device_item_parse(*i, &d, &optional, NULL) < 0 || strv_append(&list, d.source) < 0 ||
                    strv_append(&list, d.access) < 0)
                        b->failed = true;
        }
        add_string(b, "DevicePolicy", "closed");
        add_list(b, "DeviceAllow", UNIT_VALUE_DEVICES, list);
}

static const struct {
        SettingId id;
        const char *key;
        bool bytes;
} rates[] = {
        {SETTING_DEVICE_WEIGHTS, "IODeviceWeight"},
        {SETTING_DEVICE_READ_BPS, "IOReadBandwidthMax", true},
        {SETTING_DEVICE_WRITE_BPS, "IOWriteBandwidthMax", true},
        {SETTING_DEVICE_READ_IOPS, "IOReadIOPSMax"},
        {SETTING_DEVICE_WRITE_IOPS, "IOWriteIOPSMax"},
};

static int rate_words(char *const *texts, bool bytes, char ***ret)
{
        _cleanup_strv_ char **list = NULL;
        int r = 0;

        STRV_FOREACH(i, (char **) texts) {
                _cleanup_free_ char *path = NULL;
                uint64_t rate;

                r = device_rate_parse(*i, bytes, &path, &rate, NULL);
                if (r >= 0)
                        r = strv_append(&list, path);
                if (r >= 0)
                        r = strv_consume(&list, str_printf("%" PRIu64, rate));
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(list);
        return 0;
}

static void add_rates(Builder *b, const Spec *s)
{
        FOREACH_ELEMENT(rate, rates) {
                const Setting *row = setting_get(rate->id);
                const void *field = (const char *) s + row->offset;
                char *const *texts = *(char *const *const *) field;
                char **list = NULL;

                if (!texts)
                        continue;
                if (rate_words(texts, rate->bytes, &list) < 0)
                        b->failed = true;
                else
                        add_list(b, rate->key, UNIT_VALUE_RATES, list);
        }
}

/* podman's two numbers are one of systemd's and how finely it is dealt out. */
static void add_cpu_time(Builder *b, const Spec *s)
{
        if (spec_has(s, SETTING_CPU_PERIOD))
                add_number(b, "CPUQuotaPeriodSec", UNIT_VALUE_USEC, s->cpu_period);
        if (spec_has(s, SETTING_CPU_TIME))
                add_number(b, "CPUQuota", UNIT_VALUE_CPU_QUOTA,
                           s->cpu_time > UINT64_MAX / USEC_PER_SEC
                                   ? UINT64_MAX
                                   : s->cpu_time * USEC_PER_SEC / s->cpu_period);
}

/* Settings that systemd takes as they are: the row of the settings table names the key. */
static void add_direct(Builder *b, const Spec *s, const Setting *row)
{
        const void *field = (const char *) s + row->offset;

        if (row->type == &setting_type_string)
                add_text(b, row->unit, UNIT_VALUE_CPUSET, *(char *const *) field);
        else if (row->type == &setting_type_signal)
                add_number(b, row->unit, UNIT_VALUE_SIGNAL, (uint64_t) spec_stop_signal(s));
        else
                add_number(b, row->unit,
                           row->type == &setting_type_usec   ? UNIT_VALUE_USEC
                           : row->type == &setting_type_cpus ? UNIT_VALUE_CPU_QUOTA
                                                             : UNIT_VALUE_U64,
                           *(const uint64_t *) field);
}

static void add_limits(Builder *b, const Spec *s, const UnitContext *c)
{
        add_string(b, "Slice", c->slice ?: "machine.slice");
        SETTING_FOREACH(row, s->kind)
        if (row->unit && (row->otherwise || spec_has(s, setting_id(row))))
                add_direct(b, s, row);
        if (spec_has(s, SETTING_MEMORY_SWAP))
                add_number(b, "MemorySwapMax", UNIT_VALUE_U64,
                           s->memory_swap == SIZE_INFINITY ? SIZE_INFINITY : s->memory_swap - s->memory);
        if (spec_has(s, SETTING_CPU_SHARES))
                add_number(b, "CPUWeight", UNIT_VALUE_U64, cpu_weight_of_shares(s->cpu_shares));
        add_cpu_time(b, s);
        add_rates(b, s);
        add_devices(b, s);
}

int unit_file_new(const Spec *s, const UnitContext *c, UnitFile **ret, Error *error)
{
        _cleanup_(unit_file_freep) UnitFile *u = calloc(1, sizeof(*u));
        Builder b = {.unit = u};

        if (!u)
                return -ENOMEM;
        add_unit_section(&b, s, c);
        add_life(&b, s, c);
        if (c->exec_id)
                add_string(&b, "Slice", c->slice ?: "machine.slice");
        else {
                add_log(&b, s, c);
                add_limits(&b, s, c);
        }
        if (b.failed)
                return error_set_errno(error, ENOMEM, "Cannot describe the unit of %s", c->name);
        *ret = TAKE_PTR(u);
        return 0;
}

int unit_file_restart(const Spec *s, UnitFile **ret, Error *error)
{
        _cleanup_(unit_file_freep) UnitFile *u = calloc(1, sizeof(*u));
        Builder b = {.unit = u, .section = "Unit"};

        if (!u)
                return -ENOMEM;
        add_start_limit(&b, s);
        b.section = "Service";
        add_string(&b, "Restart", restart_words[s->restart_policy] ?: "no");
        add_number(&b, "RestartSec", UNIT_VALUE_USEC, RESTART_DELAY_USEC);
        if (b.failed)
                return error_set_errno(error, ENOMEM, "Cannot describe the restart policy");
        *ret = TAKE_PTR(u);
        return 0;
}

/* Text */

static bool is_plain(char c)
{
        return isalnum((unsigned char) c) || strchr("_/.,:=@+-%", c);
}

/* One word for a line that systemd splits: quoted with C escapes; % is a specifier, and $ a variable in
 * commands. */
static char *word_escape(const char *s, bool specifiers, bool command)
{
        _cleanup_free_ char *out = NULL;
        char *p;
        bool quote = !*s;

        for (const char *q = s; *q; q++)
                quote = quote || !is_plain(*q);
        out = malloc(strlen(s) * 4 + 3);
        if (!out)
                return NULL;
        p = out;
        if (quote)
                *p++ = '"';
        for (; *s; s++) {
                if (*s == '"' || *s == '\\')
                        *p++ = '\\';
                if ((*s == '%' && !specifiers) || (*s == '$' && command))
                        *p++ = *s;
                if ((unsigned char) *s < 0x20 || *s == 0x7f)
                        p += sprintf(p, "\\x%02x", (unsigned char) *s);
                else
                        *p++ = *s;
        }
        if (quote)
                *p++ = '"';
        *p = '\0';
        return TAKE_PTR(out);
}

static char *words_text(const UnitRow *row)
{
        _cleanup_strv_ char **words = NULL;

        STRV_FOREACH(i, row->list)
                if (strv_consume(&words, word_escape(*i, row->specifiers, row->type == UNIT_VALUE_EXEC)) < 0)
                        return NULL;
        return strv_join(words, " ");
}

/* A value that systemd does not split: only % is special. A backslash at the end would join the next line. */
static int string_text(const UnitRow *row, char **ret)
{
        const char *s = strempty(row->text);
        _cleanup_free_ char *out = malloc(strlen(s) * 2 + 1);
        char *p = out;

        if (!out)
                return -ENOMEM;
        if (endswith(s, "\\"))
                return -EINVAL;
        for (; *s; s++) {
                if (*s == '%' && !row->specifiers)
                        *p++ = '%';
                *p++ = *s;
        }
        *p = '\0';
        *ret = TAKE_PTR(out);
        return 0;
}

static char *number_text(const UnitRow *row)
{
        char usec[FORMAT_USEC_MAX], signal[FORMAT_SIGNAL_MAX];

        switch (row->type) {
        case UNIT_VALUE_BOOL:
                return strdup(row->number ? "yes" : "no");
        case UNIT_VALUE_USEC:
                return strdup(format_usec(row->number, usec));
        case UNIT_VALUE_SIGNAL:
                return strdup(strempty(format_signal((int) row->number, signal)));
        case UNIT_VALUE_I32:
                return str_printf("%" PRId64, (int64_t) row->number);
        case UNIT_VALUE_CPU_QUOTA:
                return str_printf("%" PRIu64 "%%", MAX(row->number / (USEC_PER_SEC / 100), UINT64_C(1)));
        default:
                return row->number == UINT64_MAX ? strdup("infinity") : str_printf("%" PRIu64, row->number);
        }
}

static int row_text(const UnitRow *row, char **ret)
{
        char *text;

        switch (row->type) {
        case UNIT_VALUE_STRING:
        case UNIT_VALUE_CPUSET:
                return string_text(row, ret);
        case UNIT_VALUE_STRV:
        case UNIT_VALUE_EXEC:
        case UNIT_VALUE_EXIT_STATUS:
        case UNIT_VALUE_FIELDS:
                text = words_text(row);
                break;
        default:
                text = number_text(row);
        }
        if (!text)
                return -ENOMEM;
        *ret = text;
        return 0;
}

/* DeviceAllow= and the rates take one device a line. */
static int write_devices(IniWriter *w, const UnitRow *row)
{
        int r = 0;

        for (char **i = row->list; r >= 0 && i[0] && i[1]; i += 2) {
                _cleanup_free_ char *path = word_escape(i[0], row->specifiers, false);
                _cleanup_free_ char *line = path ? str_printf("%s %s", path, i[1]) : NULL;

                r = line ? ini_writer_add(w, row->section, row->key, line) : -ENOMEM;
        }
        return r;
}

static int write_row(IniWriter *w, const UnitRow *row)
{
        _cleanup_free_ char *text = NULL;
        int r;

        if (row->type == UNIT_VALUE_DEVICES || row->type == UNIT_VALUE_RATES)
                return write_devices(w, row);
        r = row_text(row, &text);
        return r < 0 ? r : ini_writer_add(w, row->section, row->key, text);
}

int unit_file_write(const UnitFile *u, IniWriter *w)
{
        int r = 0;

        for (size_t i = 0; i < u->n_rows && r >= 0; i++)
                r = write_row(w, &u->rows[i]);
        return r;
}

int unit_file_text(const UnitFile *u, char **ret)
{
        _cleanup_(ini_writer_freep) IniWriter *w = ini_writer_new();
        int r;

        if (!w)
                return -ENOMEM;
        r = unit_file_write(u, w);
        return r < 0 ? r : ini_writer_text(w, ret);
}
