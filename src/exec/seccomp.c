/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* From the profile's words to libseccomp's. A rule that names one argument several times means any of the
 * conditions, a rule with different arguments all of them: that is how the other runtimes read profiles. */

#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/syscall.h>

#include "base/parse.h"
#include "base/str.h"
#include "exec/bpf.h"
#include "exec/seccomp.h"
#include "spec/item.h"

#define ERRNO_MAX 4095
#define ARCHITECTURE_PREFIX "SCMP_ARCH_"
#define TABLES_MAX 16U
#define RULES_MAX 65536U
#define WAIT_KILLABLE_RECV (1U << 5)

static const struct {
        const char *name;
        uint32_t action;
        bool value; /* ERRNO(n), TRACE(n) */
} actions[] = {
        {"SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD},
        {"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
        {"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
        {"SCMP_ACT_TRAP", SCMP_ACT_TRAP},
        {"SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0), true},
        {"SCMP_ACT_TRACE", SCMP_ACT_TRACE(0), true},
        {"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},
        {"SCMP_ACT_LOG", SCMP_ACT_LOG},
        {"SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY},
};

static const char *const operators[_COMPARE_MAX] = {
        [COMPARE_NE] = "SCMP_CMP_NE",
        [COMPARE_LT] = "SCMP_CMP_LT",
        [COMPARE_LE] = "SCMP_CMP_LE",
        [COMPARE_EQ] = "SCMP_CMP_EQ",
        [COMPARE_GE] = "SCMP_CMP_GE",
        [COMPARE_GT] = "SCMP_CMP_GT",
        [COMPARE_MASKED_EQ] = "SCMP_CMP_MASKED_EQ",
};

/* Go's names, which the profiles' conditions use. */
static const struct {
        const char *name;
        uint32_t token;
} go_architectures[] = {
        {"amd64", SCMP_ARCH_X86_64},
        {"386", SCMP_ARCH_X86},
        {"x86", SCMP_ARCH_X86},
        {"x32", SCMP_ARCH_X32},
        {"arm64", SCMP_ARCH_AARCH64},
        {"arm", SCMP_ARCH_ARM},
        {"mips", SCMP_ARCH_MIPS},
        {"mips64", SCMP_ARCH_MIPS64},
        {"mips64n32", SCMP_ARCH_MIPS64N32},
        {"mipsel", SCMP_ARCH_MIPSEL},
        {"mipsel64", SCMP_ARCH_MIPSEL64},
        {"mipsel64n32", SCMP_ARCH_MIPSEL64N32},
        {"ppc", SCMP_ARCH_PPC},
        {"ppc64", SCMP_ARCH_PPC64},
        {"ppc64le", SCMP_ARCH_PPC64LE},
        {"riscv64", SCMP_ARCH_RISCV64},
        {"s390", SCMP_ARCH_S390},
        {"s390x", SCMP_ARCH_S390X},
};

static const struct {
        const char *name;
        unsigned flag;
} flags[] = {
        {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
        {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
        {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", WAIT_KILLABLE_RECV},
        /* There is one thread. */
        {"SECCOMP_FILTER_FLAG_TSYNC", 0},
};

/* libseccomp's names for calls that some architectures have only behind socketcall() and ipc(), and the
 * numbers that newer kernels have given them there: where a profile names the call it means this one, and the
 * multiplexer only when it says so. PowerPC and MIPS number their sockets differently. */
static const struct {
        int pseudo;
        uint32_t number;
} direct_calls[] =
        {
                {__PNR_socket, 359},      {__PNR_socketpair, 360}, {__PNR_bind, 361},
                {__PNR_connect, 362},     {__PNR_listen, 363},     {__PNR_accept4, 364},
                {__PNR_getsockopt, 365},  {__PNR_setsockopt, 366}, {__PNR_getsockname, 367},
                {__PNR_getpeername, 368}, {__PNR_sendto, 369},     {__PNR_sendmsg, 370},
                {__PNR_recvfrom, 371},    {__PNR_recvmsg, 372},    {__PNR_shutdown, 373},
                {__PNR_semget, 393},      {__PNR_semctl, 394},     {__PNR_shmget, 395},
                {__PNR_shmctl, 396},      {__PNR_shmat, 397},      {__PNR_shmdt, 398},
                {__PNR_msgget, 399},      {__PNR_msgsnd, 400},     {__PNR_msgrcv, 401},
                {__PNR_msgctl, 402},
},
  powerpc_calls[] = {
          {__PNR_socket, 326},   {__PNR_bind, 327},        {__PNR_connect, 328},     {__PNR_listen, 329},
          {__PNR_accept, 330},   {__PNR_getsockname, 331}, {__PNR_getpeername, 332}, {__PNR_socketpair, 333},
          {__PNR_send, 334},     {__PNR_sendto, 335},      {__PNR_recv, 336},        {__PNR_recvfrom, 337},
          {__PNR_shutdown, 338}, {__PNR_setsockopt, 339},  {__PNR_getsockopt, 340},  {__PNR_sendmsg, 341},
          {__PNR_recvmsg, 342},  {__PNR_recvmmsg, 343},    {__PNR_accept4, 344},     {__PNR_sendmmsg, 349},
};

typedef struct Compiler {
        const FilterContext *conditions;
        uint32_t default_action;
        uint32_t tokens[TABLES_MAX]; /* libseccomp's architectures, the native one first */
        CallTable tables[TABLES_MAX];
        size_t n_tables;
        size_t n_rules;
        bool notifies;
} Compiler;

void filter_done(Filter *f)
{
        free(f->code);
        filter_notify_free(f->notify);
        *f = (Filter){};
}

static int invalid(Error *error, const char *what, const char *value)
{
        return error_set(error, ERROR_INVALID_ARGUMENT, "Seccomp profile: %s \"%s\"", what, strempty(value));
}

/* What has the wrong type would else be as if it were not there, and a rule that is not there forbids
 * nothing. */
typedef struct Shape {
        const char *name;
        json_type type;
} Shape;

static const Shape profile_shape[] = {
        {"defaultAction", JSON_STRING}, {"defaultErrnoRet", JSON_INTEGER}, {"defaultErrno", JSON_STRING},
        {"architectures", JSON_ARRAY},  {"archMap", JSON_ARRAY},           {"flags", JSON_ARRAY},
        {"syscalls", JSON_ARRAY},       {"listenerPath", JSON_STRING},     {"listenerMetadata", JSON_STRING},
};

static const Shape rule_shape[] = {
        {"names", JSON_ARRAY},  {"name", JSON_STRING}, {"action", JSON_STRING},   {"errnoRet", JSON_INTEGER},
        {"errno", JSON_STRING}, {"args", JSON_ARRAY},  {"includes", JSON_OBJECT}, {"excludes", JSON_OBJECT},
};

static const Shape condition_shape[] = {
        {"caps", JSON_ARRAY},
        {"arches", JSON_ARRAY},
        {"minKernel", JSON_STRING},
};

static int check_shape(const json_t *v, const Shape *shape, size_t n, Error *error)
{
        for (size_t i = 0; i < n; i++) {
                const json_t *m = json_object_get(v, shape[i].name);

                if (m && !json_is_null(m) && json_typeof(m) != shape[i].type)
                        return invalid(error, "wrong type of", shape[i].name);
        }
        return 0;
}

/* Numbers that need the 64th bit come as text. */
static int u64_of(const json_t *v, const char *name, uint64_t *ret, Error *error)
{
        const json_t *m = json_object_get(v, name);

        *ret = 0;
        if (!m || json_is_null(m))
                return 0;
        if (json_is_string(m) && parse_u64(json_string_value(m), 0, UINT64_MAX, ret) >= 0)
                return 0;
        if (!json_is_integer(m) || json_integer_value(m) < 0)
                return invalid(error, "an argument's value is no number:", name);
        *ret = (uint64_t) json_integer_value(m);
        return 0;
}

static int errno_of(const json_t *v, const char *number, const char *name, unsigned otherwise, unsigned *ret)
{
        int64_t n = json_get_i64(v, number, -1);
        const char *s = json_get_string(v, name);

        if (n > ERRNO_MAX)
                return -EINVAL;
        *ret = n >= 0 ? (unsigned) n : otherwise;
        if (n >= 0 || !s)
                return 0;
        for (int e = 1; e <= ERRNO_MAX; e++)
                if (streq_ptr(strerrorname_np(e), s)) {
                        *ret = (unsigned) e;
                        return 0;
                }
        return -EINVAL;
}

static int action_of(const char *name, unsigned value, uint32_t *ret, Error *error)
{
        FOREACH_ELEMENT(a, actions)
                if (streq_ptr(a->name, name)) {
                        *ret = a->action | (a->value ? value : 0);
                        return 0;
                }
        return invalid(error, "unknown action", name);
}

static int architecture_of(const char *name, uint32_t *ret)
{
        const char *rest = name ? startswith(name, ARCHITECTURE_PREFIX) : NULL;
        char lower[16];
        size_t n = rest ? strlen(rest) : 0;

        if (n == 0 || n >= sizeof(lower))
                return -EINVAL;
        for (size_t i = 0; i <= n; i++)
                lower[i] = rest[i] >= 'A' && rest[i] <= 'Z' ? (char) (rest[i] - 'A' + 'a') : rest[i];
        *ret = seccomp_arch_resolve_name(lower);
        return *ret == 0 ? -EINVAL : 0;
}

static int add_token(Compiler *c, uint32_t token, Error *error)
{
        for (size_t i = 0; i < c->n_tables; i++)
                if (c->tokens[i] == token)
                        return 0;
        if (c->n_tables == TABLES_MAX)
                return error_set(error, ERROR_LIMIT, "Seccomp profile: more than %u architectures",
                                 TABLES_MAX);
        c->tokens[c->n_tables] = token;
        /* To the kernel x32 is x86-64 with a bit in the number. */
        c->tables[c->n_tables++].architecture = token == SCMP_ARCH_X32 ? SCMP_ARCH_X86_64 : token;
        return 0;
}

static int add_architecture(Compiler *c, const char *name, Error *error)
{
        uint32_t token;

        return architecture_of(name, &token) < 0 ? invalid(error, "unknown architecture", name)
                                                 : add_token(c, token, error);
}

static int add_architectures(Compiler *c, const json_t *list, Error *error)
{
        int r = 0;

        for (size_t i = 0; r >= 0 && i < json_array_size(list); i++)
                r = add_architecture(c, json_string_value(json_array_get(list, i)), error);
        return r;
}

/* "architectures" is a list; "archMap" names what belongs to each native one. */
static int add_all_architectures(Compiler *c, const json_t *profile, Error *error)
{
        const json_t *map = json_get_array(profile, "archMap");
        int r;

        r = add_token(c, seccomp_arch_native(), error);
        if (r >= 0)
                r = add_architectures(c, json_get_array(profile, "architectures"), error);
        for (size_t i = 0; r >= 0 && i < json_array_size(map); i++) {
                const json_t *row = json_array_get(map, i);
                uint32_t token;

                if (architecture_of(json_get_string(row, "architecture"), &token) >= 0 &&
                    token == seccomp_arch_native())
                        r = add_architectures(c, json_get_array(row, "subArchitectures"), error);
        }
        return r;
}

static bool has_capability(const Compiler *c, const char *name)
{
        int number;

        return name && capability_parse(name, &number) && number >= 0 &&
               (c->conditions->capabilities & UINT64_C(1) << number);
}

static bool is_architecture(const char *name)
{
        FOREACH_ELEMENT(a, go_architectures)
                if (streq_ptr(a->name, name) && a->token == seccomp_arch_native())
                        return true;
        return false;
}

static bool kernel_is_at_least(const Compiler *c, const char *version)
{
        unsigned major, minor;

        if (sscanf(version, "%u.%u", &major, &minor) != 2)
                return false;
        return c->conditions->kernel_major > major ||
               (c->conditions->kernel_major == major && c->conditions->kernel_minor >= minor);
}

/* "includes": every capability, one of the architectures, the kernel. */
static bool is_included(const Compiler *c, const json_t *includes)
{
        const json_t *caps = json_get_array(includes, "caps"), *arches = json_get_array(includes, "arches");
        const char *kernel = json_get_string(includes, "minKernel");
        bool found = json_array_size(arches) == 0;

        for (size_t i = 0; i < json_array_size(caps); i++)
                if (!has_capability(c, json_string_value(json_array_get(caps, i))))
                        return false;
        for (size_t i = 0; i < json_array_size(arches); i++)
                found = found || is_architecture(json_string_value(json_array_get(arches, i)));
        return found && (isempty(kernel) || kernel_is_at_least(c, kernel));
}

/* "excludes": any of them. */
static bool is_excluded(const Compiler *c, const json_t *excludes)
{
        const json_t *caps = json_get_array(excludes, "caps"), *arches = json_get_array(excludes, "arches");
        const char *kernel = json_get_string(excludes, "minKernel");

        for (size_t i = 0; i < json_array_size(caps); i++)
                if (has_capability(c, json_string_value(json_array_get(caps, i))))
                        return true;
        for (size_t i = 0; i < json_array_size(arches); i++)
                if (is_architecture(json_string_value(json_array_get(arches, i))))
                        return true;
        return !isempty(kernel) && kernel_is_at_least(c, kernel);
}

static int comparison_of(const json_t *v, Comparison *ret, Error *error)
{
        const char *name = json_get_string(v, "op");
        int64_t index = json_get_i64(v, "index", -1);
        uint64_t value, second;
        int r;

        r = u64_of(v, "value", &value, error);
        if (r >= 0)
                r = u64_of(v, "valueTwo", &second, error);
        if (r < 0)
                return r;
        if (index < 0 || index >= (int64_t) COMPARISONS_MAX)
                return invalid(error, "argument index out of range of operator", name);
        for (Compare compare = 0; compare < _COMPARE_MAX; compare++) {
                if (!streq_ptr(operators[compare], name))
                        continue;
                *ret = (Comparison){
                        .argument = (unsigned) index,
                        .compare = compare,
                        .value = value,
                };
                if (compare == COMPARE_MASKED_EQ) {
                        ret->mask = ret->value;
                        ret->value = second & ret->mask;
                }
                return 0;
        }
        return invalid(error, "unknown operator", name);
}

/* -ENOENT: that architecture has no such call. */
static int number_of(uint32_t token, const char *name, uint32_t *ret)
{
        int number = seccomp_syscall_resolve_name_arch(token, name);

        if (number >= 0) {
                *ret = (uint32_t) number;
                return 0;
        }
        if (number == __NR_SCMP_ERROR || token == SCMP_ARCH_MIPS || token == SCMP_ARCH_MIPSEL)
                return -ENOENT;
        if (token == SCMP_ARCH_PPC || token == SCMP_ARCH_PPC64 || token == SCMP_ARCH_PPC64LE)
                FOREACH_ELEMENT(d, powerpc_calls)
                        if (d->pseudo == number) {
                                *ret = d->number;
                                return 0;
                        }
        if (token == SCMP_ARCH_X86 || token == SCMP_ARCH_S390 || token == SCMP_ARCH_S390X ||
            (number <= __PNR_semop &&
             (token == SCMP_ARCH_PPC || token == SCMP_ARCH_PPC64 || token == SCMP_ARCH_PPC64LE)))
                FOREACH_ELEMENT(d, direct_calls)
                        if (d->pseudo == number) {
                                *ret = d->number;
                                return 0;
                        }
        return -ENOENT;
}

static int add_rule(Compiler *c, CallTable *t, const CallRule *rule, Error *error)
{
        CallRule *rules;

        c->notifies = c->notifies || rule->answer == SCMP_ACT_NOTIFY;
        if (c->n_rules >= RULES_MAX)
                return error_set(error, ERROR_LIMIT, "Seccomp profile: more than %u rules", RULES_MAX);
        /* Grows by doubling: at powers of two the room is used up. */
        if ((t->n_rules & (t->n_rules - 1)) == 0) {
                rules = reallocarray(t->rules, t->n_rules > 0 ? 2 * t->n_rules : 1, sizeof(CallRule));
                if (!rules)
                        return error_set_errno(error, ENOMEM, "Seccomp profile");
                t->rules = rules;
        }
        t->rules[t->n_rules] = *rule;
        t->rules[t->n_rules++].order = c->n_rules++;
        return 0;
}

static int add_call(Compiler *c, const char *name, const CallRule *rule, bool any, Error *error)
{
        unsigned n = any ? rule->n_comparisons : 1;
        int r = 0;

        for (size_t i = 0; i < c->n_tables; i++) {
                CallRule own = *rule;

                if (number_of(c->tokens[i], name, &own.number) < 0)
                        continue;
                for (unsigned k = 0; r >= 0 && k < n; k++) {
                        if (any) {
                                own.comparisons[0] = rule->comparisons[k];
                                own.n_comparisons = 1;
                        }
                        r = add_rule(c, &c->tables[i], &own, error);
                }
        }
        return r;
}

static int read_comparisons(const json_t *v, CallRule *rule, bool *ret_any, Error *error)
{
        const json_t *list = json_get_array(v, "args");
        unsigned used[COMPARISONS_MAX] = {};
        int r;

        if (json_array_size(list) > COMPARISONS_MAX)
                return invalid(error, "too many arguments in a rule for", json_get_string(v, "name"));
        for (size_t i = 0; i < json_array_size(list); i++) {
                Comparison *comparison = &rule->comparisons[rule->n_comparisons++];

                r = comparison_of(json_array_get(list, i), comparison, error);
                if (r < 0)
                        return r;
                *ret_any = *ret_any || used[comparison->argument]++ > 0;
        }
        return 0;
}

static int add_calls(Compiler *c, const json_t *v, uint32_t action, Error *error)
{
        const json_t *names = json_get_array(v, "names");
        const char *single = json_get_string(v, "name");
        CallRule rule = {.answer = action};
        bool any = false;
        int r;

        r = read_comparisons(v, &rule, &any, error);
        if (r >= 0 && single)
                r = add_call(c, single, &rule, any, error);
        for (size_t i = 0; r >= 0 && i < json_array_size(names); i++) {
                const char *name = json_string_value(json_array_get(names, i));

                r = name ? add_call(c, name, &rule, any, error) : invalid(error, "a name is no string", NULL);
        }
        return r;
}

static int check_rule(const json_t *rule, Error *error)
{
        int r;

        r = check_shape(rule, rule_shape, ELEMENTSOF(rule_shape), error);
        if (r >= 0)
                r = check_shape(json_get_object(rule, "includes"), condition_shape,
                                ELEMENTSOF(condition_shape), error);
        return r < 0 ? r
                     : check_shape(json_get_object(rule, "excludes"), condition_shape,
                                   ELEMENTSOF(condition_shape), error);
}

static int add_rules(Compiler *c, const json_t *profile, Error *error)
{
        const json_t *rules = json_get_array(profile, "syscalls");

        for (size_t i = 0; i < json_array_size(rules); i++) {
                const json_t *rule = json_array_get(rules, i);
                uint32_t action;
                unsigned value;
                int r;

                if (!json_is_object(rule))
                        return invalid(error, "a rule is no object", NULL);
                r = check_rule(rule, error);
                if (r < 0)
                        return r;
                if (!is_included(c, json_get_object(rule, "includes")) ||
                    is_excluded(c, json_get_object(rule, "excludes")))
                        continue;
                if (errno_of(rule, "errnoRet", "errno", EPERM, &value) < 0)
                        return invalid(error, "unknown errno", json_get_string(rule, "errno"));
                r = action_of(json_get_string(rule, "action"), value, &action, error);
                if (r >= 0)
                        r = add_calls(c, rule, action, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_flags(const json_t *profile, unsigned *ret, Error *error)
{
        const json_t *list = json_get_array(profile, "flags");

        for (size_t i = 0; i < json_array_size(list); i++) {
                const char *name = json_string_value(json_array_get(list, i));
                bool known = false;

                FOREACH_ELEMENT(f, flags)
                        if (streq_ptr(f->name, name)) {
                                *ret |= f->flag;
                                known = true;
                        }
                if (!known)
                        return invalid(error, "unknown flag", name);
        }
        return 0;
}

static void compiler_done(Compiler *c)
{
        for (size_t i = 0; i < c->n_tables; i++)
                free(c->tables[i].rules);
}

/* x86-64 and x32 are one table to the kernel. */
static int merge_tables(Compiler *c, Error *error)
{
        for (size_t i = 1; i < c->n_tables; i++)
                for (size_t k = 0; k < i; k++) {
                        CallTable *to = &c->tables[k], *from = &c->tables[i];
                        CallRule *rules;

                        if (to->architecture != from->architecture || from->n_rules == 0)
                                continue;
                        rules = reallocarray(to->rules, to->n_rules + from->n_rules, sizeof(CallRule));
                        if (!rules)
                                return error_set_errno(error, ENOMEM, "Seccomp profile");
                        memcpy(rules + to->n_rules, from->rules, from->n_rules * sizeof(CallRule));
                        to->rules = rules;
                        to->n_rules += TAKE(from->n_rules, 0);
                }
        return 0;
}

static int generate(Compiler *c, Filter *f, Error *error)
{
        int r;

        r = merge_tables(c, error);
        if (r < 0)
                return r;
        r = bpf_generate(c->tables, c->n_tables, c->default_action, &f->code, &f->n_code);
        if (r == -E2BIG)
                return error_set(error, ERROR_LIMIT, "The seccomp profile makes more than %d instructions",
                                 BPF_MAXINSNS);
        return r < 0 ? error_set_errno(error, r, "Seccomp filter") : 0;
}

int filter_compile(const json_t *profile, const FilterContext *conditions, Filter *ret, Error *error)
{
        _cleanup_(compiler_done) Compiler c = {.conditions = conditions};
        _cleanup_filter_ Filter f = {};
        unsigned value;
        int r;

        if (!json_is_object(profile))
                return invalid(error, "not an object", NULL);
        r = check_shape(profile, profile_shape, ELEMENTSOF(profile_shape), error);
        if (r < 0)
                return r;
        if (errno_of(profile, "defaultErrnoRet", "defaultErrno", EPERM, &value) < 0)
                return invalid(error, "unknown errno", json_get_string(profile, "defaultErrno"));
        r = action_of(json_get_string(profile, "defaultAction"), value, &c.default_action, error);
        if (r < 0)
                return r;
        r = add_all_architectures(&c, profile, error);
        if (r >= 0)
                r = add_rules(&c, profile, error);
        if (r >= 0)
                r = read_flags(profile, &f.flags, error);
        if (r >= 0)
                r = generate(&c, &f, error);
        if (r < 0)
                return r;
        if (c.notifies || c.default_action == SCMP_ACT_NOTIFY || json_get_string(profile, "listenerPath"))
                f.flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
        else
                f.flags &= ~WAIT_KILLABLE_RECV;
        *ret = TAKE(f, (Filter){});
        return 0;
}

int filter_check_names(const json_t *profile, Error *error)
{
        const json_t *rules = json_get_array(profile, "syscalls");

        for (size_t i = 0; i < json_array_size(rules); i++) {
                const json_t *names = json_get_array(json_array_get(rules, i), "names");

                for (size_t k = 0; k < json_array_size(names); k++) {
                        const char *name = json_string_value(json_array_get(names, k));

                        if (!name || seccomp_syscall_resolve_name(name) == __NR_SCMP_ERROR)
                                return invalid(error, "unknown system call", name);
                }
        }
        return 0;
}

void filter_builder(FilterBuilder *ret)
{
        const struct scmp_version *v = seccomp_version();

        *ret = (FilterBuilder){.architecture = seccomp_arch_native()};
        if (v) {
                ret->major = v->major;
                ret->minor = v->minor;
                ret->micro = v->micro;
        }
}

int filter_apply(const Filter *f)
{
        struct sock_fprog program = {.len = (unsigned short) f->n_code, .filter = f->code};

        if (f->n_code == 0)
                return 0;
        if (f->notify)
                return filter_notify_load(f->notify, f->flags, &program);
        return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, f->flags, &program) < 0 ? -errno : 0;
}

const char *filter_action_name(size_t i)
{
        return i < ELEMENTSOF(actions) ? actions[i].name : NULL;
}

const char *filter_operator_name(size_t i)
{
        return i < ELEMENTSOF(operators) ? operators[i] : NULL;
}
