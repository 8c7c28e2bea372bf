/* SPDX-License-Identifier: MIT */
#include "machine/vm/kvm_verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "machine/vm/kvm_probe.h"
#include "machine/vm/qemu.h"

static const char *const names[] = {
	[KVM_VERDICT_GOOD] = "good",           [KVM_VERDICT_PROMISING] = "promising",
	[KVM_VERDICT_EMULATING] = "emulating", [KVM_VERDICT_BROKEN] = "broken",
	[KVM_VERDICT_ABSENT] = "absent",
};

#define N_KINDS (sizeof(names) / sizeof(names[0]))

const char *kvm_verdict_name(enum kvm_verdict_kind kind)
{
	return names[kind];
}

/* "model name" of the first CPU, "" where there is none. */
static void read_cpu_model(char *ret, size_t size)
{
	cleanup_fclose FILE *f = fopen("/proc/cpuinfo", "re");
	char line[256];

	ret[0] = '\0';
	while (f && fgets(line, sizeof(line), f)) {
		char *value = strchr(line, ':');

		if (strncmp(line, "model name", 10) != 0 || !value)
			continue;
		value[strcspn(value, "\n")] = '\0';
		(void)snprintf(ret, size, "%s", value + 1 + strspn(value + 1, " "));
		return;
	}
}

/* What the verdict holds for; it is in the file too, for people. */
static json_t *make_key(const char *qemu_path)
{
	cleanup_free char *qemu = qemu_program_id(qemu_path);
	struct utsname system;
	char model[128];

	(void)uname(&system);
	read_cpu_model(model, sizeof(model));
	return json_pack("{ss ss ss*}", "kernel", system.release, "cpu_model", model, "qemu", qemu);
}

static char *make_path(const char *cache_dir, const char *qemu_path)
{
	cleanup_json json_t *key = make_key(qemu_path);
	cleanup_free char *text = key ? json_dumps(key, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
	char hex[DIGEST_SIZE];

	if (!text || digest_bytes(text, strlen(text), hex, NULL) < 0)
		return NULL;
	return text_format("%s/verdicts/kvm-%.16s.json", cache_dir, hex);
}

static int load(const char *cache_dir, const char *qemu_path, struct kvm_verdict *ret)
{
	cleanup_free char *path = make_path(cache_dir, qemu_path);
	cleanup_json json_t *file = path ? json_load_file(path, 0, NULL) : NULL;
	const char *name = json_string_or(file, "verdict", "");

	for (size_t i = 0; i < N_KINDS; i++) {
		if (strcmp(names[i], name) != 0)
			continue;
		ret->kind = (enum kvm_verdict_kind)i;
		ret->ns_per_iteration = json_double_or(file, "ns_per_iteration", 0);
		(void)snprintf(ret->why, sizeof(ret->why), "%s", json_string_or(file, "why", ""));
		return 0;
	}
	return -ENOENT;
}

static void probe(struct kvm_verdict *ret)
{
	static const enum kvm_verdict_kind kinds[] = {
		[KVM_STATE_REAL] = KVM_VERDICT_PROMISING,
		[KVM_STATE_EMULATING] = KVM_VERDICT_EMULATING,
		[KVM_STATE_BROKEN] = KVM_VERDICT_BROKEN,
		[KVM_STATE_ABSENT] = KVM_VERDICT_ABSENT,
	};
	struct kvm_probe p;

	kvm_probe(&p);
	ret->kind = kinds[p.state];
	ret->ns_per_iteration = p.ns_per_iteration;
	(void)snprintf(ret->why, sizeof(ret->why), "%s", p.why);
}

void kvm_verdict_get(const char *cache_dir, const char *qemu_path, struct kvm_verdict *ret)
{
	if (load(cache_dir, qemu_path, ret) == 0)
		return;
	probe(ret);
	/* That the cache cannot be written costs a tenth of a second the next time, no more. */
	if (ret->kind == KVM_VERDICT_EMULATING || ret->kind == KVM_VERDICT_BROKEN)
		(void)kvm_verdict_put(cache_dir, qemu_path, ret, NULL);
}

int kvm_verdict_put(const char *cache_dir, const char *qemu_path, const struct kvm_verdict *verdict,
		    struct tare_err *err)
{
	cleanup_free char *folder = text_format("%s/verdicts", cache_dir);
	cleanup_free char *path = make_path(cache_dir, qemu_path);
	cleanup_free char *temporary = path ? text_format("%s.%d", path, getpid()) : NULL;
	cleanup_json json_t *file = json_pack("{so* ss sf ss}", "key", make_key(qemu_path),
					      "verdict", names[verdict->kind], "ns_per_iteration",
					      verdict->ns_per_iteration, "why", verdict->why);
	int r;

	if (!folder || !temporary || !file)
		return err_set(err, ENOMEM, "out of memory");
	r = fd_make_dirs(folder, err);
	if (r < 0)
		return r;
	if (json_dump_file(file, temporary, JSON_INDENT(2)) < 0 || rename(temporary, path) < 0) {
		r = err_errno(err, "write '%s'", path);
		(void)unlink(temporary);
		return r;
	}
	return 0;
}
