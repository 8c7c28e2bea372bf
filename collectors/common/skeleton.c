/* SPDX-License-Identifier: MIT */
#include "common/skeleton.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

static char last_warning[160];

/* The first line of what libbpf says; a rejected program's whole log is one message. */
__attribute__((format(printf, 2, 0))) static int keep_warning(enum libbpf_print_level level,
							      const char *fmt, va_list ap)
{
	char text[sizeof(last_warning)];

	if (level != LIBBPF_WARN)
		return 0;
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	text[strcspn(text, "\n")] = '\0';
	memcpy(last_warning, text, sizeof(last_warning));
	return 0;
}

void skeleton_quiet(void)
{
	last_warning[0] = '\0';
	(void)libbpf_set_print(keep_warning);
}

int skeleton_error(struct tare_err *err, int r, const char *doing)
{
	int code = r < 0 ? -r : EIO;

	if (geteuid() != 0 && (code == EPERM || code == EACCES))
		return err_set(err, code, "%s needs root (CAP_BPF and CAP_PERFMON)", doing);
	if (code == ENOSYS)
		return err_set(err, code, "%s: this kernel has no bpf(2)", doing);
	if (access("/sys/kernel/btf/vmlinux", R_OK) < 0)
		return err_set(err, code,
			       "%s: this kernel has no BTF (/sys/kernel/btf/vmlinux is missing)",
			       doing);
	errno = code;
	if (last_warning[0] == '\0')
		return err_errno(err, "%s", doing);
	return err_errno(err, "%s: %.140s", doing, last_warning);
}

int skeleton_join(struct skeleton_shared *shared, struct tare_err *err)
{
	int r = shared->users > 0 ? 0 : shared->load(err);

	if (r == 0)
		shared->users++;
	return r;
}

void skeleton_leave(struct skeleton_shared *shared)
{
	if (--shared->users == 0)
		shared->unload();
}

int skeleton_probe(struct skeleton_shared *shared, struct tare_err *err)
{
	int r = shared->works ? 0 : skeleton_join(shared, err);

	if (r < 0 || shared->works)
		return r;
	skeleton_leave(shared);
	shared->works = true;
	return 0;
}

static int misses_of(const struct bpf_program *program, uint64_t *ret, struct tare_err *err)
{
	struct bpf_prog_info info = {0};
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) < 0)
		return err_errno(err, "ask about BPF program '%s'", bpf_program__name(program));
	*ret = info.recursion_misses;
	return 0;
}

int skeleton_misses(struct bpf_object *object, uint64_t *ret, struct tare_err *err)
{
	struct bpf_program *program;
	uint64_t sum = 0;

	bpf_object__for_each_program(program, object)
	{
		uint64_t misses = 0;
		int r = bpf_program__fd(program) < 0 ? 0 : misses_of(program, &misses, err);

		if (r < 0)
			return r;
		sum += misses;
	}
	*ret = sum;
	return 0;
}
