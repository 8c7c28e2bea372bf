/* SPDX-License-Identifier: MIT */
#include "box/container/profile.h"

#include <errno.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"

#define ARGS_MAX  6
#define RULES_MAX 4096
#define ERRNO_MAX 4095 /* as the kernel's MAX_ERRNO */

static void cleanup_filterp(scmp_filter_ctx *filter)
{
	if (*filter)
		seccomp_release(*filter);
}

static int read_action(const json_t *from, const char *key, const char *errno_key, uint32_t *ret,
		       struct tare_err *err)
{
	static const struct {
		const char *name;
		uint32_t action;
	} actions[] = {
		{"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},
		{"SCMP_ACT_LOG", SCMP_ACT_LOG},
		{"SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD},
		{"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
		{"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
		{"SCMP_ACT_TRAP", SCMP_ACT_TRAP},
	};
	const char *name = json_string_value(json_object_get(from, key));
	uint64_t number = json_u64_or(from, errno_key, EPERM);

	if (name && strcmp(name, "SCMP_ACT_ERRNO") == 0 && number <= ERRNO_MAX) {
		*ret = SCMP_ACT_ERRNO((uint32_t)number);
		return 0;
	}
	for (size_t i = 0; name && i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(actions[i].name, name) == 0) {
			*ret = actions[i].action;
			return 0;
		}
	}
	return err_set(err, EINVAL, "seccomp profile: '%s' is '%.40s', not one of the actions", key,
		       name ? name : "no text");
}

static int read_comparison(const json_t *from, struct scmp_arg_cmp *ret, struct tare_err *err)
{
	static const struct {
		const char *name;
		enum scmp_compare op;
	} ops[] = {
		{"SCMP_CMP_NE", SCMP_CMP_NE},
		{"SCMP_CMP_LT", SCMP_CMP_LT},
		{"SCMP_CMP_LE", SCMP_CMP_LE},
		{"SCMP_CMP_EQ", SCMP_CMP_EQ},
		{"SCMP_CMP_GE", SCMP_CMP_GE},
		{"SCMP_CMP_GT", SCMP_CMP_GT},
		{"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
	};
	const char *name = json_string_value(json_object_get(from, "op"));
	uint64_t index = json_u64_or(from, "index", ARGS_MAX);

	for (size_t i = 0; name && index < ARGS_MAX && i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (strcmp(ops[i].name, name) != 0)
			continue;
		*ret = (struct scmp_arg_cmp){.arg = (unsigned int)index,
					     .op = ops[i].op,
					     .datum_a = json_u64_or(from, "value", 0),
					     .datum_b = json_u64_or(from, "valueTwo", 0)};
		return 0;
	}
	return err_set(err, EINVAL,
		       "seccomp profile: an argument has no index from 0 to 5 or no "
		       "comparison as op");
}

/* "includes" and "excludes" of docker: by capability; by architecture and kernel's version none of
 * what we keep differs here. */
static bool is_meant(const json_t *rule, uint64_t kept)
{
	const json_t *needs = json_object_get(json_object_get(rule, "includes"), "caps");
	const json_t *unless = json_object_get(json_object_get(rule, "excludes"), "caps");
	const json_t *arches = json_object_get(json_object_get(rule, "includes"), "arches");
	bool meant = true, for_us = !arches;
	json_t *name;
	size_t i;
	cap_value_t cap;

	json_array_foreach(needs, i, name) if (!json_string_value(name) ||
					       cap_from_name(json_string_value(name), &cap) < 0 ||
					       !(kept >> cap & 1)) meant = false;
	json_array_foreach(unless, i, name) if (json_string_value(name) &&
						cap_from_name(json_string_value(name), &cap) == 0 &&
						(kept >> cap & 1)) meant = false;
	json_array_foreach(arches, i, name) if (json_string_value(name) &&
						(strcmp(json_string_value(name), "amd64") == 0 ||
						 strcmp(json_string_value(name), "x86_64") == 0))
		for_us = true;
	return meant && for_us;
}

static int add_call(scmp_filter_ctx filter, uint32_t action, const json_t *name,
		    const struct scmp_arg_cmp *args, unsigned int n_args, struct tare_err *err)
{
	int number, r;

	if (!json_is_string(name))
		return err_set(err, EINVAL, "seccomp profile: a call's name is no text");
	number = seccomp_syscall_resolve_name(json_string_value(name));
	if (number == __NR_SCMP_ERROR)
		return 0;
	r = seccomp_rule_add_array(filter, action, number, n_args, args);
	/* EACCES: the same as the default, EEXIST: said before. Either says nothing new. */
	if (r < 0 && r != -EACCES && r != -EEXIST) {
		errno = -r;
		return err_errno(err, "seccomp profile: rule for '%.40s'", json_string_value(name));
	}
	return 0;
}

static int add_rule(scmp_filter_ctx filter, const json_t *rule, uint64_t kept, struct tare_err *err)
{
	const json_t *list = json_object_get(rule, "args");
	const json_t *names = json_object_get(rule, "names");
	struct scmp_arg_cmp args[ARGS_MAX];
	unsigned int n = 0;
	uint32_t action;
	json_t *item;
	size_t i;
	int r = read_action(rule, "action", "errnoRet", &action, err);

	if (r < 0)
		return r;
	if (!json_is_array(names) || json_array_size(names) > RULES_MAX ||
	    json_array_size(list) > ARGS_MAX)
		return err_set(err, EINVAL,
			       "seccomp profile: a rule has no list of names, or more "
			       "than 6 args");
	json_array_foreach(list, i, item)
	{
		r = read_comparison(item, &args[n++], err);
		if (r < 0)
			return r;
	}
	if (!is_meant(rule, kept))
		return 0;
	json_array_foreach(names, i, item)
	{
		r = add_call(filter, action, item, args, n, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int export_bytes(scmp_filter_ctx filter, struct sock_fprog *ret, struct tare_err *err)
{
	cleanup_close int fd = memfd_create("filter", MFD_CLOEXEC);
	struct stat st;
	ssize_t n;

	if (fd < 0 || seccomp_export_bpf(filter, fd) < 0 || fstat(fd, &st) < 0)
		return err_errno(err, "seccomp profile: compile");
	if (st.st_size <= 0 || (size_t)st.st_size > BPF_MAXINSNS * sizeof(struct sock_filter))
		return err_set(err, E2BIG, "seccomp profile: longer than %d instructions",
			       BPF_MAXINSNS);
	ret->filter = malloc((size_t)st.st_size);
	if (!ret->filter)
		return err_set(err, ENOMEM, "out of memory");
	n = pread(fd, ret->filter, (size_t)st.st_size, 0);
	if (n != st.st_size) {
		free(ret->filter);
		ret->filter = NULL;
		return err_set(err, EIO, "seccomp profile: cannot be read back");
	}
	ret->len = (unsigned short)((size_t)n / sizeof(struct sock_filter));
	return 0;
}

int profile_compile(const json_t *profile, uint64_t kept, struct sock_fprog *ret,
		    struct tare_err *err)
{
	__attribute__((cleanup(cleanup_filterp))) scmp_filter_ctx filter = NULL;
	const json_t *rules = json_object_get(profile, "syscalls");
	uint32_t action;
	json_t *rule;
	size_t i;
	int r = read_action(profile, "defaultAction", "defaultErrnoRet", &action, err);

	if (r < 0)
		return r;
	if (json_array_size(rules) > RULES_MAX)
		return err_set(err, EINVAL, "seccomp profile: more than %d rules", RULES_MAX);
	filter = seccomp_init(action);
	if (!filter)
		return err_set(err, ENOMEM, "out of memory");
	json_array_foreach(rules, i, rule)
	{
		r = add_rule(filter, rule, kept, err);
		if (r < 0)
			return r;
	}
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	return export_bytes(filter, ret, err);
}
