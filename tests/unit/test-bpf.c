/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Generated filters against the rules themselves: a small model of the kernel's machine runs the code, and
 * every answer must be the one that reading the rules one by one gives. */

#include <linux/audit.h>
#include <linux/seccomp.h>

#include "exec/bpf.h"
#include "test.h"

#define OTHERWISE (SECCOMP_RET_ERRNO | 38)
#define ROUNDS 300

static uint32_t load_word(const struct seccomp_data *d, uint32_t offset)
{
        uint32_t word;

        CHECK(offset + sizeof(word) <= sizeof(*d) && offset % sizeof(word) == 0);
        memcpy(&word, (const char *) d + offset, sizeof(word));
        return word;
}

static uint32_t run(const struct sock_filter *code, size_t n, const struct seccomp_data *d)
{
        uint32_t a = 0;

        for (size_t pc = 0; pc < n; pc++) {
                const struct sock_filter *f = &code[pc];

                switch (f->code) {
                case BPF_LD | BPF_W | BPF_ABS:
                        a = load_word(d, f->k);
                        break;
                case BPF_ALU | BPF_AND | BPF_K:
                        a &= f->k;
                        break;
                case BPF_JMP | BPF_JA:
                        pc += f->k;
                        break;
                case BPF_JMP | BPF_JEQ | BPF_K:
                        pc += a == f->k ? f->jt : f->jf;
                        break;
                case BPF_JMP | BPF_JGT | BPF_K:
                        pc += a > f->k ? f->jt : f->jf;
                        break;
                case BPF_JMP | BPF_JGE | BPF_K:
                        pc += a >= f->k ? f->jt : f->jf;
                        break;
                default:
                        CHECK_EQ(f->code, BPF_RET | BPF_K);
                        return f->k;
                }
        }
        test_fail(__FILE__, __LINE__, "ran off the end", NULL, NULL);
}

static bool fits(const Comparison *c, const struct seccomp_data *d, bool wide)
{
        uint64_t have = d->args[c->argument], value = c->value, mask = c->mask;

        if (!wide) {
                have = (uint32_t) have;
                value = (uint32_t) value;
                mask = (uint32_t) mask;
        }
        switch (c->compare) {
        case COMPARE_NE:
                return have != value;
        case COMPARE_LT:
                return have < value;
        case COMPARE_LE:
                return have <= value;
        case COMPARE_EQ:
                return have == value;
        case COMPARE_GE:
                return have >= value;
        case COMPARE_GT:
                return have > value;
        default:
                return (have & mask) == value;
        }
}

static const CallRule *better(const CallRule *a, const CallRule *b)
{
        if (!a || (!a->n_comparisons && b->n_comparisons))
                return b;
        if (!b->n_comparisons && a->n_comparisons)
                return a;
        return b->order < a->order ? b : a;
}

static uint32_t model(const CallTable *tables, size_t n, const struct seccomp_data *d)
{
        const CallRule *best = NULL;

        for (size_t t = 0; t < n; t++)
                for (size_t i = 0; i < tables[t].n_rules && tables[t].architecture == d->arch; i++) {
                        const CallRule *r = &tables[t].rules[i];
                        bool fit = r->number == (uint32_t) d->nr;

                        for (unsigned k = 0; fit && k < r->n_comparisons; k++)
                                fit = fits(&r->comparisons[k], d, d->arch & __AUDIT_ARCH_64BIT);
                        if (fit)
                                best = better(best, r);
                }
        return best ? best->answer : OTHERWISE;
}

static uint64_t random_state = 1;

static uint32_t random_below(uint32_t n)
{
        random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (uint32_t) (random_state >> 33) % n;
}

/* Few different values, so that they meet; with and without bits in the upper half. */
static uint64_t random_value(void)
{
        static const uint64_t values[] = {
                0,          1,           2,           0x7fffffff,  0x80000000,
                0xffffffff, 0x100000000, 0x100000001, 0x1ffffffff, UINT64_MAX,
        };

        return values[random_below(ELEMENTSOF(values))];
}

static void random_rule(CallRule *r, size_t order, uint32_t numbers)
{
        static const uint32_t answers[] = {SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO | 1, SECCOMP_RET_KILL_PROCESS,
                                           OTHERWISE};

        *r = (CallRule){.number = random_below(numbers), .answer = answers[random_below(4)], .order = order};
        if (random_below(50) == 0)
                r->number |= 0x40000000;
        if (random_below(4) == 0)
                r->n_comparisons = 1 + random_below(COMPARISONS_MAX);
        for (unsigned i = 0; i < r->n_comparisons; i++) {
                Comparison *c = &r->comparisons[i];

                c->argument = random_below(COMPARISONS_MAX);
                c->compare = (Compare) random_below(_COMPARE_MAX);
                c->value = random_value();
                if (c->compare == COMPARE_MASKED_EQ) {
                        c->mask = random_value();
                        c->value &= c->mask;
                }
        }
}

static void compare_with_model(CallTable *tables, size_t n, uint32_t numbers)
{
        static const uint32_t architectures[] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64};
        _cleanup_free_ struct sock_filter *code = NULL;
        size_t n_code;

        CHECK_OK(bpf_generate(tables, n, OTHERWISE, &code, &n_code));
        for (uint32_t i = 0; i < 4 * numbers; i++) {
                struct seccomp_data d = {.arch = architectures[random_below(3)]};

                d.nr = (int) (i < 2 * numbers ? i / 2 : random_below(numbers));
                if (random_below(8) == 0)
                        d.nr |= 0x40000000;
                if (random_below(50) == 0)
                        d.nr = -1;
                for (unsigned k = 0; k < COMPARISONS_MAX; k++)
                        d.args[k] = random_value();
                CHECK_EQ(run(code, n_code, &d), model(tables, n, &d));
        }
}

TEST(random_rules)
{
        for (unsigned round = 0; round < ROUNDS; round++) {
                uint32_t numbers = 1 + random_below(round % 2 ? 500 : 20);
                CallTable tables[2] = {{.architecture = AUDIT_ARCH_X86_64},
                                       {.architecture = AUDIT_ARCH_I386}};
                static CallRule rules[2][150];

                FOREACH_ELEMENT(t, tables) {
                        t->rules = rules[t - tables];
                        t->n_rules = random_below(ELEMENTSOF(rules[0]));
                        for (size_t i = 0; i < t->n_rules; i++)
                                random_rule(&t->rules[i], i, numbers);
                }
                compare_with_model(tables, ELEMENTSOF(tables), numbers);
        }
}

TEST(last_number)
{
        CallRule rules[] = {{.number = UINT32_MAX, .answer = SECCOMP_RET_ALLOW},
                            {.number = 0, .answer = SECCOMP_RET_ALLOW}};
        CallTable table = {AUDIT_ARCH_X86_64, rules, ELEMENTSOF(rules)};

        compare_with_model(&table, 1, 10);
}

TEST(runs_are_one_segment)
{
        static CallRule rules[400];
        CallTable table = {AUDIT_ARCH_X86_64, rules, ELEMENTSOF(rules)};
        _cleanup_free_ struct sock_filter *code = NULL;
        size_t n_code;

        for (uint32_t i = 0; i < ELEMENTSOF(rules); i++)
                rules[i] = (CallRule){.number = i, .answer = SECCOMP_RET_ALLOW, .order = i};
        CHECK_OK(bpf_generate(&table, 1, OTHERWISE, &code, &n_code));
        CHECK(n_code <= 8);
}

TEST(too_long)
{
        static CallRule rules[5000];
        CallTable table = {AUDIT_ARCH_X86_64, rules, ELEMENTSOF(rules)};
        struct sock_filter *code = NULL;
        size_t n_code;

        for (uint32_t i = 0; i < ELEMENTSOF(rules); i++)
                rules[i] = (CallRule){.number = 2 * i, .answer = SECCOMP_RET_ALLOW, .order = i};
        CHECK_EQ(bpf_generate(&table, 1, OTHERWISE, &code, &n_code), -E2BIG);
        CHECK(!code);
}
