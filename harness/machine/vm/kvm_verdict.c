/* SPDX-License-Identifier: MIT */
#include "machine/vm/kvm_verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "machine/vm/kvm_probe.h"
#include "machine/vm/qemu.h"

static const char *const names[] = {
	[KVM_VERDICT_REAL] = "real",
	[KVM_VERDICT_EMULATING] = "emulating",
	[KVM_VERDICT_DOES_NOT_BOOT] = "does-not-boot",
	[KVM_VERDICT_ABSENT] = "absent",
};

#define N_KINDS (sizeof(names) / sizeof(names[0]))
#define FOLDER  "verdicts"

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
static json_t *make_key(const struct kvm_verdict_key *key)
{
	cleanup_free char *qemu = qemu_program_id(key->qemu_path);
	struct utsname system;
	char model[128];

	(void)uname(&system);
	read_cpu_model(model, sizeof(model));
	return json_pack("{ss ss ss* ss*}", "kernel", system.release, "cpu_model", model, "qemu",
			 qemu, "guest_kernel", key->guest_kernel);
}

static char *make_path(const struct kvm_verdict_key *key)
{
	cleanup_json json_t *object = make_key(key);
	cleanup_free char *text = object ? json_dumps(object, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
	char hex[DIGEST_SIZE];

	if (!text || digest_bytes(text, strlen(text), hex, NULL) < 0)
		return NULL;
	return text_format("%s/" FOLDER "/kvm-%.16s.json", key->cache_dir, hex);
}

static bool load(const struct kvm_verdict_key *key, struct kvm_verdict *ret)
{
	cleanup_free char *path = make_path(key);
	cleanup_json json_t *file = path ? json_load_file(path, 0, NULL) : NULL;
	const char *name = json_string_or(file, "verdict", "");

	for (size_t i = 0; i < N_KINDS; i++) {
		if (strcmp(names[i], name) != 0)
			continue;
		*ret = (struct kvm_verdict){
			.kind = (enum kvm_verdict_kind)i,
			.booted = json_bool_or(file, "booted", false),
			.arch_capabilities_refused =
				json_bool_or(file, "arch_capabilities_refused", false),
			.ns_per_iteration = json_double_or(file, "ns_per_iteration", 0),
			.waited_ns = json_u64_or(file, "waited_ns", 0),
		};
		(void)snprintf(ret->why, sizeof(ret->why), "%s", json_string_or(file, "why", ""));
		return true;
	}
	return false;
}

/* That the cache cannot be written costs the same probe the next time, no more. */
static void save(const struct kvm_verdict_key *key, const struct kvm_verdict *v)
{
	cleanup_free char *folder = text_format("%s/" FOLDER, key->cache_dir);
	cleanup_free char *path = make_path(key);
	cleanup_free char *temporary = path ? text_format("%s.%d", path, getpid()) : NULL;
	cleanup_json json_t *file =
		json_pack("{so* ss sb sb sf so ss}", "key", make_key(key), "verdict",
			  names[v->kind], "booted", v->booted, "arch_capabilities_refused",
			  v->arch_capabilities_refused, "ns_per_iteration", v->ns_per_iteration,
			  "waited_ns", json_u64(v->waited_ns), "why", v->why);

	if (!folder || !temporary || !file || fd_make_dirs(folder, NULL) < 0)
		return;
	if (json_dump_file(file, temporary, JSON_INDENT(2)) < 0 || rename(temporary, path) < 0)
		(void)unlink(temporary);
}

static void probe(struct kvm_verdict *ret)
{
	static const enum kvm_verdict_kind kinds[] = {
		[KVM_STATE_REAL] = KVM_VERDICT_REAL,
		[KVM_STATE_EMULATING] = KVM_VERDICT_EMULATING,
		[KVM_STATE_BROKEN] = KVM_VERDICT_ABSENT,
		[KVM_STATE_ABSENT] = KVM_VERDICT_ABSENT,
	};
	struct kvm_probe p;

	kvm_probe(&p);
	*ret = (struct kvm_verdict){
		.kind = kinds[p.state],
		.ns_per_iteration = p.ns_per_iteration,
		.arch_capabilities_refused = p.arch_capabilities_refused,
	};
	(void)snprintf(ret->why, sizeof(ret->why), "%s", p.why);
}

void kvm_verdict_get(const struct kvm_verdict_key *key, struct kvm_verdict *ret)
{
	struct kvm_verdict_key loop = *key;

	loop.guest_kernel = NULL;
	if ((key->guest_kernel && load(key, ret)) || load(&loop, ret))
		return;
	probe(ret);
	if (ret->kind != KVM_VERDICT_ABSENT)
		save(&loop, ret);
}

bool kvm_verdict_learn(const struct kvm_verdict_key *key, int r, const char *why,
		       uint64_t waited_ns, struct kvm_verdict *verdict)
{
	if (r < 0 && r != -EPIPE && r != -ETIMEDOUT && r != -EBADMSG)
		return false;
	verdict->booted = r == 0;
	if (r < 0) {
		verdict->kind = KVM_VERDICT_DOES_NOT_BOOT;
		verdict->waited_ns = r == -ETIMEDOUT ? waited_ns : 0;
		if (verdict->waited_ns)
			(void)snprintf(verdict->why, sizeof(verdict->why), "after %.3g s, %s",
				       (double)waited_ns / NS_PER_S, why);
		else
			(void)snprintf(verdict->why, sizeof(verdict->why), "%s", why);
	}
	save(key, verdict);
	return true;
}

bool kvm_verdict_is_final(const struct kvm_verdict *verdict, uint64_t patience_ns)
{
	return verdict->kind == KVM_VERDICT_DOES_NOT_BOOT &&
	       (!verdict->waited_ns || verdict->waited_ns >= patience_ns);
}

int kvm_verdict_forget(const char *cache_dir, struct tare_err *err)
{
	cleanup_free char *folder = text_format("%s/" FOLDER, cache_dir);

	return folder ? fd_remove_tree(folder, err) : err_set(err, ENOMEM, "out of memory");
}
