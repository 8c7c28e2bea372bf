/* SPDX-License-Identifier: MIT */
#include "shrink.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Above these are no numbers of x86-64, and below x32's all is decided as for the last. */
#define NUMBERS   1024
#define X32_FIRST 0x40000000U

#define LOAD   (BPF_LD | BPF_W | BPF_ABS)
#define RETURN (BPF_RET | BPF_K)
#define ALWAYS (BPF_JMP | BPF_JA)

struct run {
	unsigned int first; /* number */
	unsigned int leaf;  /* where it is decided, in `from` */
};

static struct run runs[NUMBERS];
static unsigned int n_runs;
static unsigned int moved[PROGRAM_MAX]; /* instruction of `from` in `ret`, plus 1 */

/* The last return of the same value: it is ahead of everybody. */
static unsigned int same_return(const struct program *p, unsigned int pc)
{
	for (unsigned int i = p->n - 1; i > pc; i--)
		if (p->at[i].code == RETURN && p->at[i].k == p->at[pc].k)
			return i;
	return pc;
}

static unsigned int resolve(const struct program *p, unsigned int pc)
{
	while (pc < p->n && p->at[pc].code == ALWAYS)
		pc += 1 + p->at[pc].k;
	return pc < p->n && p->at[pc].code == RETURN ? same_return(p, pc) : pc;
}

/* From where on it is no more a matter of the number. p->n: not understood. */
static unsigned int decide(const struct program *p, unsigned int number)
{
	unsigned int value = 0, pc = 0;

	while (pc < p->n) {
		const struct sock_filter *i = &p->at[pc];
		bool yes;

		if (i->code == RETURN)
			return same_return(p, pc);
		if (i->code == LOAD) {
			if (i->k == offsetof(struct seccomp_data, arch))
				value = AUDIT_ARCH_X86_64;
			else if (i->k == offsetof(struct seccomp_data, nr))
				value = number;
			else
				return pc;
			pc++;
			continue;
		}
		if (i->code == ALWAYS) {
			pc += 1 + i->k;
			continue;
		}
		if (i->code == (BPF_JMP | BPF_JEQ | BPF_K))
			yes = value == i->k;
		else if (i->code == (BPF_JMP | BPF_JGT | BPF_K))
			yes = value > i->k;
		else if (i->code == (BPF_JMP | BPF_JGE | BPF_K))
			yes = value >= i->k;
		else
			return p->n;
		pc += 1U + (yes ? i->jt : i->jf);
	}
	return p->n;
}

static int find_runs(const struct program *p)
{
	n_runs = 0;
	for (unsigned int number = 0; number < NUMBERS; number++) {
		unsigned int leaf = decide(p, number);

		if (leaf >= p->n)
			return -1;
		if (n_runs == 0 || runs[n_runs - 1].leaf != leaf)
			runs[n_runs++] = (struct run){number, leaf};
	}
	return 0;
}

/* Mark what can be come to from pc; the marks become places later. */
static int reach(const struct program *p, unsigned int pc)
{
	const struct sock_filter *i;

	pc = resolve(p, pc);
	if (pc >= p->n)
		return -1;
	if (moved[pc])
		return 0;
	moved[pc] = 1;
	i = &p->at[pc];
	if (i->code == RETURN)
		return 0;
	if (BPF_CLASS(i->code) != BPF_JMP)
		return reach(p, pc + 1);
	return reach(p, pc + 1 + i->jt) < 0 ? -1 : reach(p, pc + 1 + i->jf);
}

static bool put_distance(__u8 *ret, unsigned int from, unsigned int to)
{
	unsigned int distance = to - from - 1;

	*ret = (__u8)distance;
	return to > from && distance <= 255;
}

/* A balanced tree over runs[first..last], whose nodes are n - 1 comparisons. */
static int put_tree(struct program *ret, unsigned int first, unsigned int last)
{
	unsigned int middle = (first + last + 1) / 2, at = ret->n;
	struct sock_filter *node = &ret->at[at];
	bool fits;

	if (first == last)
		return 0;
	*node = (struct sock_filter){BPF_JMP | BPF_JGE | BPF_K, 0, 0, runs[middle].first};
	ret->n++;
	fits = put_distance(&node->jf, at,
			    middle - 1 == first ? moved[runs[first].leaf] - 1 : ret->n);
	if (!fits || put_tree(ret, first, middle - 1) < 0)
		return -1;
	fits = put_distance(&node->jt, at, middle == last ? moved[runs[last].leaf] - 1 : ret->n);
	return fits ? put_tree(ret, middle, last) : -1;
}

/* In their order, so that all jumps still go ahead. */
static int put_leaves(const struct program *p, struct program *ret)
{
	for (unsigned int pc = 0; pc < p->n; pc++) {
		struct sock_filter *i = &ret->at[ret->n];

		if (!moved[pc])
			continue;
		*i = p->at[pc];
		if (BPF_CLASS(i->code) == BPF_JMP &&
		    (!put_distance(&i->jt, ret->n, moved[resolve(p, pc + 1 + i->jt)] - 1) ||
		     !put_distance(&i->jf, ret->n, moved[resolve(p, pc + 1 + i->jf)] - 1)))
			return -1;
		/* What follows a load in `from` must follow it here too. */
		if (BPF_CLASS(i->code) != BPF_JMP && i->code != RETURN &&
		    moved[resolve(p, pc + 1)] != ret->n + 2)
			return -1;
		ret->n++;
	}
	return 0;
}

#define HEAD 6

int shrink(const struct program *from, struct program *ret)
{
	unsigned int x32, minus_one, place;
	struct sock_filter *head = ret->at;

	if (find_runs(from) < 0)
		return -1;
	x32 = decide(from, X32_FIRST);
	minus_one = decide(from, 0xffffffffU);
	memset(moved, 0, sizeof(moved));
	for (unsigned int i = 0; i < n_runs; i++)
		if (reach(from, runs[i].leaf) < 0)
			return -1;
	if (reach(from, x32) < 0 || reach(from, minus_one) < 0 || from->at[x32].code != RETURN)
		return -1;
	place = HEAD + n_runs - 1;
	for (unsigned int pc = 0; pc < from->n; pc++)
		if (moved[pc])
			moved[pc] = 1 + place++;
	/* Another architecture is decided as x32 is: the process is killed. */
	head[0] = (struct sock_filter){LOAD, 0, 0, offsetof(struct seccomp_data, arch)};
	head[1] = (struct sock_filter){BPF_JMP | BPF_JEQ | BPF_K, 1, 0, AUDIT_ARCH_X86_64};
	head[2] = from->at[x32];
	head[3] = (struct sock_filter){LOAD, 0, 0, offsetof(struct seccomp_data, nr)};
	head[4] = (struct sock_filter){BPF_JMP | BPF_JGE | BPF_K, 0, 1, X32_FIRST};
	head[5] = (struct sock_filter){BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 0xffffffffU};
	ret->n = HEAD;
	if (!put_distance(&head[5].jt, 5, moved[minus_one] - 1) ||
	    !put_distance(&head[5].jf, 5, moved[x32] - 1))
		return -1;
	return put_tree(ret, 0, n_runs - 1) < 0 ? -1 : put_leaves(from, ret);
}

/* What the kernel would make of it; ~0U: a form that is not understood. */
static unsigned int run(const struct program *p, const struct seccomp_data *data)
{
	unsigned int a = 0, pc = 0;

	while (pc < p->n) {
		const struct sock_filter *i = &p->at[pc++];

		switch (i->code) {
		case LOAD:
			memcpy(&a, (const char *)data + i->k, sizeof(a));
			break;
		case RETURN:
			return i->k;
		case ALWAYS:
			pc += i->k;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= i->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += a == i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			pc += a > i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			pc += a >= i->k ? i->jt : i->jf;
			break;
		default:
			return ~0U;
		}
	}
	return ~0U;
}

/* All that a call's arguments can be asked: each bit, each small number, each constant of the
 * programs themselves. */
static bool alike_for(const struct program *one, const struct program *two, unsigned int number)
{
	for (unsigned int i = 0; i < 64 + 64 + one->n; i++) {
		unsigned long value = i < 64 ? 1UL << i : i < 128 ? i - 64 : one->at[i - 128].k;

		for (unsigned int which = 0; which < 3; which++) {
			struct seccomp_data data = {.nr = (int)number, .arch = AUDIT_ARCH_X86_64};

			data.args[which] = value;
			if (run(one, &data) != run(two, &data) || run(one, &data) == ~0U)
				return false;
		}
	}
	return true;
}

int shrink_check(const struct program *one, const struct program *two)
{
	const struct seccomp_data other = {.nr = 1, .arch = AUDIT_ARCH_I386};

	for (unsigned int number = 0; number <= NUMBERS; number++)
		if (!alike_for(one, two, number) || !alike_for(one, two, X32_FIRST + number) ||
		    !alike_for(one, two, ~number))
			return -1;
	return run(one, &other) == run(two, &other) ? 0 : -1;
}
