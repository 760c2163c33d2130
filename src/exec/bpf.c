/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Per architecture the call numbers fall into segments: runs of numbers with one answer, and single calls
 * whose answer depends on arguments. A binary tree of comparisons finds the segment. Every piece of code ends
 * in a return, so pieces only need to be jumped over. */

#include <linux/audit.h>
#include <linux/seccomp.h>

#include "exec/bpf.h"

#define JUMP_MAX 255U

typedef struct Segment {
        uint32_t from;
        uint32_t answer;       /* when no rule with comparisons fits */
        const CallRule *rules; /* with comparisons */
        size_t n_rules;
} Segment;

typedef struct Generator {
        struct sock_filter *code;
        size_t n, allocated;
        Segment *segments;
        size_t n_segments;
        bool wide; /* arguments have 64 bits */
        bool failed;
} Generator;

static void generator_done(Generator *g)
{
        free(g->code);
        free(g->segments);
}

/* Returns the index of the new instruction. */
static size_t emit(Generator *g, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
        if (!g->failed && g->n == g->allocated) {
                size_t larger = g->allocated > 0 ? 2 * g->allocated : 256;
                struct sock_filter *p = reallocarray(g->code, larger, sizeof(*p));

                g->failed = !p;
                if (p) {
                        g->code = p;
                        g->allocated = larger;
                }
        }
        if (g->failed)
                return 0;
        g->code[g->n] = (struct sock_filter){.code = code, .jt = jt, .jf = jf, .k = k};
        return g->n++;
}

static void load(Generator *g, size_t offset)
{
        (void) emit(g, BPF_LD | BPF_W | BPF_ABS, (uint32_t) offset, 0, 0);
}

static void answer(Generator *g, uint32_t value)
{
        (void) emit(g, BPF_RET | BPF_K, value, 0, 0);
}

static size_t half_offset(unsigned argument, bool high)
{
        bool second = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? high : !high;

        return offsetof(struct seccomp_data, args) + argument * sizeof(uint64_t) +
               (second ? sizeof(uint32_t) : 0);
}

/* Jumps to where the rule does not fit are noted with this distance and set when that place is known. */
#define NO_FIT 255

static void compare_masked(Generator *g, const Comparison *c, bool high)
{
        uint32_t mask = (uint32_t) (c->mask >> (high ? 32 : 0)),
                 value = (uint32_t) (c->value >> (high ? 32 : 0));

        if (mask == 0 && value == 0)
                return;
        load(g, half_offset(c->argument, high));
        if (mask != UINT32_MAX)
                (void) emit(g, BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
        (void) emit(g, BPF_JMP | BPF_JEQ | BPF_K, value, 0, NO_FIT);
}

/* The low half decides; "skip" more instructions lead from the high half to the end of the comparison. */
static void compare_low(Generator *g, const Comparison *c)
{
        uint32_t value = (uint32_t) c->value;

        load(g, half_offset(c->argument, false));
        switch (c->compare) {
        case COMPARE_EQ:
                (void) emit(g, BPF_JMP | BPF_JEQ | BPF_K, value, 0, NO_FIT);
                break;
        case COMPARE_NE:
                (void) emit(g, BPF_JMP | BPF_JEQ | BPF_K, value, NO_FIT, 0);
                break;
        case COMPARE_GT:
                (void) emit(g, BPF_JMP | BPF_JGT | BPF_K, value, 0, NO_FIT);
                break;
        case COMPARE_GE:
                (void) emit(g, BPF_JMP | BPF_JGE | BPF_K, value, 0, NO_FIT);
                break;
        case COMPARE_LT:
                (void) emit(g, BPF_JMP | BPF_JGE | BPF_K, value, NO_FIT, 0);
                break;
        default:
                assert(c->compare == COMPARE_LE);
                (void) emit(g, BPF_JMP | BPF_JGT | BPF_K, value, NO_FIT, 0);
        }
}

static void compare_high(Generator *g, const Comparison *c)
{
        uint32_t value = (uint32_t) (c->value >> 32);

        load(g, half_offset(c->argument, true));
        switch (c->compare) {
        case COMPARE_EQ:
                (void) emit(g, BPF_JMP | BPF_JEQ | BPF_K, value, 0, NO_FIT);
                break;
        case COMPARE_NE:
                (void) emit(g, BPF_JMP | BPF_JEQ | BPF_K, value, 0, 2);
                break;
        case COMPARE_GT:
        case COMPARE_GE:
                (void) emit(g, BPF_JMP | BPF_JGT | BPF_K, value, 3, 0);
                (void) emit(g, BPF_JMP | BPF_JEQ | BPF_K, value, 0, NO_FIT);
                break;
        default:
                assert(c->compare == COMPARE_LT || c->compare == COMPARE_LE);
                (void) emit(g, BPF_JMP | BPF_JGT | BPF_K, value, NO_FIT, 0);
                (void) emit(g, BPF_JMP | BPF_JEQ | BPF_K, value, 0, 2);
        }
}

/* Falls through when the argument fits. */
static void compare(Generator *g, const Comparison *c)
{
        if (c->compare == COMPARE_MASKED_EQ) {
                if (g->wide)
                        compare_masked(g, c, true);
                compare_masked(g, c, false);
                return;
        }
        if (g->wide)
                compare_high(g, c);
        compare_low(g, c);
}

static void emit_rule(Generator *g, const CallRule *r)
{
        size_t begin = g->n;

        for (unsigned i = 0; i < r->n_comparisons; i++)
                compare(g, &r->comparisons[i]);
        answer(g, r->answer);
        for (size_t i = begin; !g->failed && i < g->n; i++) {
                struct sock_filter *f = &g->code[i];

                if (BPF_CLASS(f->code) != BPF_JMP)
                        continue;
                if (f->jt == NO_FIT)
                        f->jt = (uint8_t) (g->n - i - 1);
                if (f->jf == NO_FIT)
                        f->jf = (uint8_t) (g->n - i - 1);
        }
}

static void emit_segment(Generator *g, const Segment *s)
{
        for (size_t i = 0; i < s->n_rules; i++)
                emit_rule(g, &s->rules[i]);
        answer(g, s->answer);
}

/* Segments first to end - 1. The jumps inside of a piece are relative, so it may be moved for a long jump in
 * front. */
static void emit_tree(Generator *g, size_t first, size_t end)
{
        size_t middle = first + (end - first) / 2, at, length;

        if (end - first == 1) {
                emit_segment(g, &g->segments[first]);
                return;
        }
        at = emit(g, BPF_JMP | BPF_JGE | BPF_K, g->segments[middle].from, 0, 0);
        emit_tree(g, first, middle);
        length = g->n - at - 1;
        if (length <= JUMP_MAX && !g->failed) {
                g->code[at].jt = (uint8_t) length;
        } else {
                (void) emit(g, BPF_JMP | BPF_JA, 0, 0, 0);
                if (g->failed)
                        return;
                memmove(&g->code[at + 2], &g->code[at + 1], length * sizeof(struct sock_filter));
                g->code[at].jf = 1;
                g->code[at + 1] = (struct sock_filter){.code = BPF_JMP | BPF_JA, .k = (uint32_t) length};
        }
        emit_tree(g, middle, end);
}

static int rule_order(const void *a, const void *b)
{
        const CallRule *x = a, *y = b;

        if (x->number != y->number)
                return x->number < y->number ? -1 : 1;
        if (!x->n_comparisons != !y->n_comparisons)
                return x->n_comparisons ? -1 : 1;
        return x->order < y->order ? -1 : x->order > y->order;
}

static void add_segment(Generator *g, const Segment *s)
{
        const Segment *last;

        if (g->n_segments > 0 && g->segments[g->n_segments - 1].from == s->from)
                g->n_segments--;
        last = g->n_segments > 0 ? &g->segments[g->n_segments - 1] : NULL;
        if (last && last->n_rules == 0 && s->n_rules == 0 && last->answer == s->answer)
                return;
        g->segments[g->n_segments++] = *s;
}

/* Each call makes at most a segment of its own and one for what follows it. */
static int make_segments(Generator *g, const CallTable *t, uint32_t otherwise)
{
        g->segments = calloc(2 * t->n_rules + 1, sizeof(Segment));
        if (!g->segments)
                return -ENOMEM;
        g->n_segments = 0;
        add_segment(g, &(Segment){.answer = otherwise});
        for (size_t i = 0; i < t->n_rules;) {
                const CallRule *first = &t->rules[i];
                Segment s = {.from = first->number, .answer = otherwise, .rules = first};

                for (; i < t->n_rules && t->rules[i].number == first->number && t->rules[i].n_comparisons > 0;
                     i++)
                        s.n_rules++;
                if (i < t->n_rules && t->rules[i].number == first->number)
                        s.answer = t->rules[i].answer;
                while (i < t->n_rules && t->rules[i].number == first->number)
                        i++;
                add_segment(g, &s);
                if (first->number < UINT32_MAX)
                        add_segment(g, &(Segment){.from = first->number + 1, .answer = otherwise});
        }
        return 0;
}

static int emit_table(Generator *g, CallTable *t, uint32_t otherwise)
{
        size_t at;
        int r;

        qsort(t->rules, t->n_rules, sizeof(CallRule), rule_order);
        r = make_segments(g, t, otherwise);
        if (r < 0)
                return r;
        g->wide = t->architecture & __AUDIT_ARCH_64BIT;
        (void) emit(g, BPF_JMP | BPF_JEQ | BPF_K, t->architecture, 1, 0);
        at = emit(g, BPF_JMP | BPF_JA, 0, 0, 0);
        load(g, offsetof(struct seccomp_data, nr));
        emit_tree(g, 0, g->n_segments);
        if (!g->failed)
                g->code[at].k = (uint32_t) (g->n - at - 1);
        free(TAKE_PTR(g->segments));
        return 0;
}

int bpf_generate(CallTable *tables, size_t n, uint32_t otherwise, struct sock_filter **ret, size_t *ret_n)
{
        _cleanup_(generator_done) Generator g = {};
        int r;

        load(&g, offsetof(struct seccomp_data, arch));
        for (size_t i = 0; i < n; i++) {
                r = tables[i].n_rules > 0 ? emit_table(&g, &tables[i], otherwise) : 0;
                if (r < 0)
                        return r;
        }
        answer(&g, otherwise);
        if (g.failed)
                return -ENOMEM;
        if (g.n > BPF_MAXINSNS)
                return -E2BIG;
        *ret = TAKE_PTR(g.code);
        *ret_n = g.n;
        return 0;
}
