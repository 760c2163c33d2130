/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* From the profile's words to libseccomp's. A rule that names one argument several times means any of the
 * conditions, a rule with different arguments all of them: that is how the other runtimes read profiles. */

#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/fs.h"
#include "base/parse.h"
#include "base/str.h"
#include "exec/seccomp.h"
#include "spec/item.h"

#define ERRNO_MAX 4095
#define ARGUMENTS_MAX 6U
#define ARCHITECTURE_PREFIX "SCMP_ARCH_"
#define CODE_SIZE_MAX (BPF_MAXINSNS * sizeof(struct sock_filter))

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
};

static const struct {
        const char *name;
        enum scmp_compare operator;
} operators[] = {
        {"SCMP_CMP_NE", SCMP_CMP_NE},
        {"SCMP_CMP_LT", SCMP_CMP_LT},
        {"SCMP_CMP_LE", SCMP_CMP_LE},
        {"SCMP_CMP_EQ", SCMP_CMP_EQ},
        {"SCMP_CMP_GE", SCMP_CMP_GE},
        {"SCMP_CMP_GT", SCMP_CMP_GT},
        {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
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
        /* There is one thread. */
        {"SECCOMP_FILTER_FLAG_TSYNC", 0},
};

typedef struct Compiler {
        scmp_filter_ctx context;
        const FilterContext *conditions;
        uint32_t default_action;
} Compiler;

void filter_done(Filter *f)
{
        free(f->code);
        *f = (Filter){};
}

static int invalid(Error *error, const char *what, const char *value)
{
        return error_set(error, ERROR_INVALID_ARGUMENT, "Seccomp profile: %s \"%s\"", what, strempty(value));
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

static int add_architecture(Compiler *c, const char *name, Error *error)
{
        uint32_t token;
        int r;

        if (architecture_of(name, &token) < 0)
                return invalid(error, "unknown architecture", name);
        r = seccomp_arch_add(c->context, token);
        return r < 0 && r != -EEXIST ? error_set_errno(error, r, "Seccomp profile: architecture %s", name)
                                     : 0;
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

static int condition_of(const json_t *v, struct scmp_arg_cmp *ret, Error *error)
{
        const char *name = json_get_string(v, "op");
        int64_t index = json_get_i64(v, "index", -1);

        if (index < 0 || index >= (int64_t) ARGUMENTS_MAX)
                return invalid(error, "argument index out of range of operator", name);
        FOREACH_ELEMENT(o, operators)
                if (streq_ptr(o->name, name)) {
                        *ret = (struct scmp_arg_cmp){
                                .arg = (unsigned) index,
                                .op = o->operator,
                                .datum_a =(scmp_datum_t) json_get_i64(v, "value", 0),
                                .datum_b = (scmp_datum_t) json_get_i64(v, "valueTwo", 0),
                        };
                        return 0;
                }
        return invalid(error, "unknown operator", name);
}

static int add_rule(Compiler *c, uint32_t action, int number, const struct scmp_arg_cmp *args, unsigned n)
{
        int r = seccomp_rule_add_array(c->context, action, number, n, args);

        /* EEXIST: said before; EDOM: an architecture of ours has no such call. */
        return r == -EEXIST || r == -EDOM ? 0 : r;
}

static int add_call(Compiler *c, uint32_t action, const char *name, const struct scmp_arg_cmp *args,
                    unsigned n, bool any, Error *error)
{
        int number = seccomp_syscall_resolve_name(name), r = 0;

        if (number == __NR_SCMP_ERROR)
                return 0;
        if (!any)
                r = add_rule(c, action, number, args, n);
        for (unsigned i = 0; any && r >= 0 && i < n; i++)
                r = add_rule(c, action, number, &args[i], 1);
        return r < 0 ? error_set_errno(error, r, "Seccomp profile: rule for %s", name) : 0;
}

static int add_calls(Compiler *c, const json_t *rule, uint32_t action, Error *error)
{
        const json_t *list = json_get_array(rule, "args"), *names = json_get_array(rule, "names");
        unsigned n = (unsigned) json_array_size(list), used[ARGUMENTS_MAX] = {};
        struct scmp_arg_cmp args[ARGUMENTS_MAX];
        const char *single = json_get_string(rule, "name");
        bool any = false;
        int r = 0;

        if (json_array_size(list) > ARGUMENTS_MAX)
                return invalid(error, "too many arguments in a rule for", single);
        for (unsigned i = 0; r >= 0 && i < n; i++) {
                r = condition_of(json_array_get(list, i), &args[i], error);
                any = any || (r >= 0 && used[args[i].arg]++ > 0);
        }
        if (r >= 0 && single)
                r = add_call(c, action, single, args, n, any, error);
        for (size_t i = 0; r >= 0 && i < json_array_size(names); i++) {
                const char *name = json_string_value(json_array_get(names, i));

                r = name ? add_call(c, action, name, args, n, any, error)
                         : invalid(error, "a name is no string", NULL);
        }
        return r;
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
                if (!is_included(c, json_get_object(rule, "includes")) ||
                    is_excluded(c, json_get_object(rule, "excludes")))
                        continue;
                if (errno_of(rule, "errnoRet", "errno", EPERM, &value) < 0)
                        return invalid(error, "unknown errno", json_get_string(rule, "errno"));
                r = action_of(json_get_string(rule, "action"), value, &action, error);
                if (r >= 0 && action != c->default_action)
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

static int export(const Compiler *c, Filter *f, Error *error)
{
        _cleanup_close_ int fd = memfd_create("filter", MFD_CLOEXEC);
        _cleanup_free_ char *code = NULL;
        size_t size;
        int r;

        if (fd < 0)
                return error_set_errno(error, errno, "Seccomp filter");
        r = seccomp_export_bpf(c->context, fd);
        if (r >= 0 && lseek(fd, 0, SEEK_SET) < 0)
                r = -errno;
        if (r >= 0)
                r = fs_read_fd(fd, CODE_SIZE_MAX, &code, &size);
        if (r == -EFBIG)
                return error_set(error, ERROR_LIMIT, "The seccomp profile makes more than %d instructions",
                                 BPF_MAXINSNS);
        if (r < 0)
                return error_set_errno(error, r, "Seccomp filter");
        f->n_code = size / sizeof(struct sock_filter);
        f->code = (struct sock_filter *) (void *) TAKE_PTR(code);
        return 0;
}

static void compiler_done(Compiler *c)
{
        if (c->context)
                seccomp_release(c->context);
}

int filter_compile(const json_t *profile, const FilterContext *conditions, Filter *ret, Error *error)
{
        _cleanup_(compiler_done) Compiler c = {.conditions = conditions};
        _cleanup_filter_ Filter f = {};
        unsigned value;
        int r;

        if (!json_is_object(profile))
                return invalid(error, "not an object", NULL);
        if (errno_of(profile, "defaultErrnoRet", "defaultErrno", EPERM, &value) < 0)
                return invalid(error, "unknown errno", json_get_string(profile, "defaultErrno"));
        r = action_of(json_get_string(profile, "defaultAction"), value, &c.default_action, error);
        if (r < 0)
                return r;
        c.context = seccomp_init(c.default_action);
        if (!c.context)
                return error_set_errno(error, ENOMEM, "Seccomp filter");
        /* A tree instead of a chain: the kernel runs the filter once per system call number when it is
         * loaded. */
        (void) seccomp_attr_set(c.context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
        r = add_all_architectures(&c, profile, error);
        if (r >= 0)
                r = add_rules(&c, profile, error);
        if (r >= 0)
                r = read_flags(profile, &f.flags, error);
        if (r >= 0)
                r = export(&c, &f, error);
        if (r < 0)
                return r;
        *ret = TAKE(f, (Filter){});
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
        return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, f->flags, &program) < 0 ? -errno : 0;
}

const char *filter_action_name(size_t i)
{
        return i < ELEMENTSOF(actions) ? actions[i].name : NULL;
}

const char *filter_operator_name(size_t i)
{
        return i < ELEMENTSOF(operators) ? operators[i].name : NULL;
}
