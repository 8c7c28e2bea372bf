/* SPDX-License-Identifier: MIT */
#include "kvm/reasons.h"

#include <linux/kvm.h> /* the vectors that svm.h's names are made of */

#include <asm/svm.h>
#include <asm/vmx.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "common/names.h"
#include "kvm/cells.h"

/* Above the basic reason, which is 16 bits wide, are flags (Intel SDM 3C, 25.9.1). */
#define VMX_BASIC 0xffffU

struct name {
	uint32_t reason;
	const char *text;
};

static const struct name vmx_names[] = {VMX_EXIT_REASONS};
static const struct name svm_names[] = {SVM_EXIT_REASONS};

#define USER(reason)                                                                               \
	{                                                                                          \
		KVM_EXIT_##reason, #reason                                                         \
	}
static const struct name user_names[] = {
	USER(UNKNOWN),
	USER(EXCEPTION),
	USER(IO),
	USER(HYPERCALL),
	USER(DEBUG),
	USER(HLT),
	USER(MMIO),
	USER(IRQ_WINDOW_OPEN),
	USER(SHUTDOWN),
	USER(FAIL_ENTRY),
	USER(INTR),
	USER(SET_TPR),
	USER(TPR_ACCESS),
	USER(NMI),
	USER(INTERNAL_ERROR),
	USER(WATCHDOG),
	USER(SYSTEM_EVENT),
	USER(IOAPIC_EOI),
	USER(HYPERV),
	USER(X86_RDMSR),
	USER(X86_WRMSR),
	USER(DIRTY_RING_FULL),
	USER(AP_RESET_HOLD),
	USER(X86_BUS_LOCK),
	USER(XEN),
	USER(NOTIFY),
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const char *find(const struct name *names, size_t n, uint32_t reason)
{
	for (size_t i = 0; i < n; i++)
		if (names[i].reason == reason)
			return names[i].text;
	return NULL;
}

const char *reason_isa(uint32_t kind, char buf[REASON_SIZE])
{
	if (kind == EXITS_VMX || kind == EXITS_SVM)
		(void)snprintf(buf, REASON_SIZE, "%s", kind == EXITS_VMX ? "vmx" : "svm");
	else
		(void)snprintf(buf, REASON_SIZE, "isa %u", kind);
	return buf;
}

const char *reason_name(uint32_t kind, uint32_t reason, char buf[REASON_SIZE])
{
	const char *text = NULL;
	bool failed = kind == EXITS_VMX && (reason & VMX_EXIT_REASONS_FAILED_VMENTRY);
	char isa[REASON_SIZE];

	if (kind == EXITS_RETURN)
		return names_errno(reason, buf, REASON_SIZE);
	if (kind == EXITS_USER)
		text = find(user_names, COUNT(user_names), reason);
	else if (kind == EXITS_VMX)
		text = find(vmx_names, COUNT(vmx_names), reason & VMX_BASIC);
	else if (kind == EXITS_SVM)
		text = find(svm_names, COUNT(svm_names), reason);
	if (text)
		(void)snprintf(buf, REASON_SIZE, "%s%s", text, failed ? ", failed entry" : "");
	else if (kind == EXITS_USER)
		(void)snprintf(buf, REASON_SIZE, "%u", reason);
	else
		(void)snprintf(buf, REASON_SIZE, "%.16s 0x%x", reason_isa(kind, isa), reason);
	return buf;
}
