/* SPDX-License-Identifier: MIT */
#pragma once
/* qemu: a QEMU process: its command line, its sockets, its threads, its end. Knows nothing of
 * what is spoken with the guest. */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/program.h"
#include "machine/vm/disk_mode.h"

struct tare_err;
struct cgroup;
struct console;
struct journal;
struct qmp;

enum qemu_accel { QEMU_KVM, QEMU_TCG };
enum qemu_machine { QEMU_MICROVM, QEMU_Q35 };

const char *qemu_accel_name(enum qemu_accel accel);
const char *qemu_machine_name(enum qemu_machine machine);

/* Where QEMU is, by PATH. -ENOTSUP: there is none; the sentence says which package has it. */
int qemu_find(char *ret, size_t size, struct tare_err *err);

/* What tells this QEMU from another version: its path, size and date. New memory. */
char *qemu_program_id(const char *path);

struct qemu_config {
	const char *path; /* of qemu_find() */
	enum qemu_accel accel;
	enum qemu_machine machine;
	bool no_arch_capabilities; /* the host's CPU without what its KVM refuses */
	uint64_t memory_bytes;
	bool hugepages;
	bool network; /* a device, whose other side is tap_fd */
	bool balloon;
	unsigned int vcpus;
	const char *cpu;             /* a model; NULL: by the accelerator */
	const char *cmdline;         /* added to the kernel's; NULL: nothing */
	uint64_t tsc_khz;            /* for a microvm under TCG, which cannot find it out; else 0 */
	bool smoke;                  /* no Linux: the channel is the serial port, no virtio */
	const char *kernel;          /* an ELF vmlinux with a PVH note, or a bzImage */
	const char *entry;           /* what is entered before it, see entry.h; NULL: nothing */
	const char *initrd;          /* initramfs; NULL: none */
	const char *disk;            /* raw image for /work */
	struct disk_mode disk_mode;  /* settled */
	const char *root_disk;       /* raw image, only read: others may have it too; NULL: none */
	int incoming_fd;             /* a saved guest to go on with; -1: boot */
	int tap_fd;                  /* a tap device with IFF_VNET_HDR */
	int memory_fd;               /* a file that is the guest's memory; 0: a memfd of QEMU's */
	bool memory_shared;          /* what the guest writes goes to that file */
	uint64_t cpus;               /* where the vCPU threads run: mask; 0: anywhere */
	const char *name;            /* "tare-RUN-N" */
	const struct cgroup *cgroup; /* NULL: none of its own */
	struct journal *journal;
};

#define QEMU_VCPUS_MAX 16

/* What left QEMU: of a guest's end. */
#define QEMU_EXIT_CLEAN  33 /* the agent left by isa-debug-exit with 0x10 */
#define QEMU_EXIT_FAILED 35 /* the same with 0x11: the agent failed, and said why */

struct qemu {
	const char *title; /* of who runs the guest, for sentences: "QEMU" */
	struct program_process process;
	bool own_pids; /* as in program.h: a status above 128 tells of a signal */
	struct qmp *qmp;
	struct console *console; /* the guest's serial console and QEMU's own stderr */
	int channel_fd;          /* virtio port tare.0: messages */
	int stdio_fd;            /* virtio port tare.1: bytes of exec */
	int pulse_fd;            /* virtio port tare.2: signs of life */
	int debug_fd;            /* isa-debugcon: ENTRY_BYTE, then one of userspace */
	/* clock_now_ns() of these moments; 0: not yet */
	uint64_t accel_ns;                    /* told to run: the accelerator starts */
	uint64_t kernel_ns;                   /* ENTRY_BYTE */
	uint64_t first_byte_ns, last_byte_ns; /* of the debug port, until the last look */
	uint64_t gone_ns;                     /* the process had ended */
	json_t *pinning;                      /* of qemu_threads_place(); NULL: none */
	int vcpu_fds[QEMU_VCPUS_MAX];         /* the schedstat of each vCPU's thread */
	size_t n_vcpus;                       /* 0: it has no such threads */
	json_t *command_line;                 /* list of texts, as started */
};

/* All fields unset, so that qemu_close() may be called. */
void qemu_init(struct qemu *qemu);

/* Both ends; the guest's goes into the table of its process's descriptors. */
int qemu_make_socket(int *ret_ours, int *ret_theirs, struct tare_err *err);

/* Start it, shake hands over QMP, place its threads, let it run. On failure the sentence ends with
 * the last words of QEMU, and everything is closed; -EIO: QEMU itself ended or does not answer. */
int qemu_start(struct qemu *qemu, const struct qemu_config *config, uint64_t deadline_ns,
	       struct tare_err *err);

/* The command line with what differs from run to run left out: paths of disks, names. The same
 * text means that a saved guest fits. New memory. */
char *qemu_fingerprint(const struct qemu_config *config);

/* Wait until fd has one of the events of poll(2), until the deadline, meanwhile as qemu_drain().
 * -ETIMEDOUT; -EPIPE: QEMU has ended, and says how. */
int qemu_wait(struct qemu *qemu, int fd, short events, uint64_t deadline_ns, struct tare_err *err);

/* Take what the guest has written to its console and its debug port, and note the time of the first
 * byte from userspace. Bounded, never blocks. Who does not do it at times holds the guest up: a
 * full debug port stops the whole of QEMU. */
void qemu_drain(struct qemu *qemu);

/* Put the console's last words behind what err says. */
void qemu_add_last_words(struct qemu *qemu, struct tare_err *err);

/* Wait for its own end until the deadline, else kill it; reap it, close everything. */
int qemu_close(struct qemu *qemu, uint64_t deadline_ns, struct tare_err *err);
