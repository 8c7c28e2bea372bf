/* SPDX-License-Identifier: MIT */
/* What belongs to the IPC namespace: a System V semaphore, or a POSIX queue of messages. */

#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "param.h"
#include "refusal.h"
#include "workload.h"

/* The inode of the first IPC namespace of a kernel, PROC_IPC_INIT_INO of linux/proc_ns.h. */
#define FIRST_NAMESPACE 0xEFFFFFFFU
#define MESSAGE         64

enum sem_kind { SEM_SYSV, SEM_MQ };

struct sem {
	int kind;
	int id; /* of the semaphore */
	mqd_t queue;
	bool made; /* the one or the other */
};

/* A System V object outlives its maker: one that is killed would leave it to the machine. So it
 * is made in a namespace that goes with us: one of our own, or that of the container. */
static int leave_first_namespace(struct tare_err *err)
{
	struct stat st;

	if (unshare(CLONE_NEWIPC) == 0)
		return 0;
	if (stat("/proc/self/ns/ipc", &st) == 0 && st.st_ino != FIRST_NAMESPACE)
		return 0;
	return refusal_errno(err, "an IPC namespace of the load's own");
}

static int open_semaphore(struct sem *s, struct tare_err *err)
{
	int r = leave_first_namespace(err);

	if (r < 0)
		return r;
	s->id = semget(IPC_PRIVATE, 1, 0600);
	if (s->id < 0)
		return refusal_errno(err, "semget");
	s->made = true;
	return 0;
}

/* The name is gone at once, so any namespace will do; one of our own is surer. */
static int open_queue(struct sem *s, struct tare_err *err)
{
	struct mq_attr attr = {.mq_maxmsg = 1, .mq_msgsize = MESSAGE};
	char name[32];

	(void)leave_first_namespace(NULL);
	(void)snprintf(name, sizeof(name), "/tare-load-%d", (int)getpid());
	s->queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attr);
	if (s->queue < 0)
		return refusal_errno(err, "mq_open");
	s->made = true;
	return mq_unlink(name) < 0 ? err_errno(err, "mq_unlink '%s'", name) : 0;
}

static int sem_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct sem *s = state;

	s->kind = param_choice("kind", params[0], "sysv|mq", err);
	if (s->kind < 0)
		return s->kind;
	return s->kind == SEM_SYSV ? open_semaphore(s, err) : open_queue(s, err);
}

static int sem_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct sem *s = state;
	struct sembuf up = {.sem_op = 1}, down = {.sem_op = -1};
	char message[MESSAGE] = {0};

	if (s->kind == SEM_SYSV) {
		/* By the bare call: libraries differ in which of two they make. */
		for (uint64_t i = 0; i < iters; i++)
			if (syscall(SYS_semop, s->id, &up, 1) < 0 ||
			    syscall(SYS_semop, s->id, &down, 1) < 0)
				return err_errno(err, "semop");
		return 0;
	}
	for (uint64_t i = 0; i < iters; i++) {
		if (mq_send(s->queue, message, sizeof(message), 0) < 0)
			return err_errno(err, "mq_send");
		if (mq_receive(s->queue, message, sizeof(message), NULL) != sizeof(message))
			return err_errno(err, "mq_receive");
	}
	return 0;
}

static void sem_teardown(void *state)
{
	const struct sem *s = state;

	if (!s->made)
		return;
	if (s->kind == SEM_SYSV)
		(void)semctl(s->id, 0, IPC_RMID);
	else
		(void)mq_close(s->queue);
}

const struct workload workload_sem = {
	.name = "sem",
	.summary = "raise a semaphore and lower it, or send a message and receive it",
	.op = "two semop(2), or mq_send(3) and mq_receive(3) of 64 bytes",
	.groups = "syscall",
	.params = (const struct workload_param[]){{"kind", "sysv|mq: semaphore or message queue",
						   "sysv"},
						  {NULL, NULL, NULL}},
	.syscalls = (const struct workload_syscall[]){{"semop", 2, "kind=sysv"},
						      {"mq_timedsend", 1, "kind=mq"},
						      {"mq_timedreceive", 1, "kind=mq"},
						      {NULL, 0, NULL}},
	.state_size = sizeof(struct sem),
	.setup = sem_setup,
	.run = sem_run,
	.teardown = sem_teardown,
};
