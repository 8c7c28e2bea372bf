/* SPDX-License-Identifier: MIT */
/* The price of filters of system calls: getppid under one more, of so many rules. Since Linux
 * 5.11 the kernel remembers calls that a filter lets pass whatever their arguments; a filter that
 * looks at an argument first is carried out each time. */

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/units.h"
#include "param.h"
#include "refusal.h"
#include "workload.h"

#define RULES_MAX 200
#define NO_CALL   0x70000000U /* and above: numbers that no call has */

/* Each rule is a comparison that does not hold; then all is allowed. */
static unsigned short make_filter(struct sock_filter *f, uint64_t rules, bool cached)
{
	unsigned short n = 0;

	if (!cached)
		f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						      offsetof(struct seccomp_data, args[0]));
	f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					      offsetof(struct seccomp_data, nr));
	for (uint64_t i = 0; i < rules; i++)
		f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
						      NO_CALL + (unsigned int)i,
						      (unsigned char)(rules - i - 1), 0);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	return n;
}

static int seccomp_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct sock_filter filter[RULES_MAX + 3];
	struct sock_fprog program = {.filter = filter};
	uint64_t rules;
	int cached, r;

	(void)state;
	r = units_parse_count("rules", params[0], 0, RULES_MAX, &rules, err);
	if (r < 0)
		return r;
	cached = param_choice("cached", params[1], "no|yes", err);
	if (cached < 0)
		return cached;
	if (rules == 0)
		return 0;
	program.len = make_filter(filter, rules, cached);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return refusal_errno(err, "prctl(PR_SET_NO_NEW_PRIVS)");
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		return errno == EINVAL
			       ? err_set(err, ENOTSUP, "seccomp: this kernel has no filters")
			       : refusal_errno(err, "seccomp");
	return 0;
}

/* Cannot fail: getppid(2), ERRORS. */
static int seccomp_run(void *state, uint64_t iters, struct tare_err *err)
{
	(void)state;
	(void)err;
	for (uint64_t i = 0; i < iters; i++)
		(void)syscall(SYS_getppid);
	return 0;
}

const struct workload workload_seccomp = {
	.name = "seccomp",
	.summary = "enter the kernel under a filter of system calls",
	.op = "getppid(2)",
	.groups = "syscall",
	.params =
		(const struct workload_param[]){
			{"rules", "rules of the load's own filter: 0 (no filter) to 200", "8"},
			{"cached", "may the kernel remember its verdict: no|yes", "no"},
			{NULL, NULL, NULL}},
	.syscalls = (const struct workload_syscall[]){{"getppid", 1, NULL}, {NULL, 0, NULL}},
	.setup = seccomp_setup,
	.run = seccomp_run,
};
