/* SPDX-License-Identifier: MIT */
/* The ways in which a guest can die or fall silent under a command: each has its own reason, with
 * the console's last words, and nothing is left of the guest. */
#include "guest_scene.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/fd.h"

#define HASTY "{\"boot\": \"restore\", \"accel\": \"tcg\", \"silence\": \"6s\"}"

/* A shell in the bare guest: it is root there, and may do anything. */
static int shell(char *script, int in_fd, uint64_t deadline_ns, int *ret_status,
		 struct tare_err *err)
{
	const struct trial_spec spec = {.env = "x", .machine = "vm", .box = "bare", .load = "exec"};
	char *const argv[] = {(char[]){"/bin/busybox"}, (char[]){"sh"}, (char[]){"-c"}, script,
			      NULL};
	cleanup_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const struct machine_stdio stdio = {.fds = {in_fd < 0 ? null : in_fd, null, null},
					    .deadline_ns = deadline_ns};

	return scene_open_one->ops->exec(scene_open_one, &spec, argv, NULL, NULL, &stdio,
					 ret_status, err);
}

/* The same reason again for whatever is asked of it later; and then it is gone. */
static void check_lost(const struct tare_err *why)
{
	struct tare_err again = {0}, err = {0};
	int status;

	assert_true(shell((char[]){"true"}, -1, 0, &status, &again) < 0);
	assert_string_equal(again.msg, why->msg);
	scene_need(scene_close(&err), &err);
	assert_int_equal(scene_qemu(), 0);
	assert_int_equal(scene_disks(), 0);
}

static void check_death(char *script, const char *reason, const char *words)
{
	struct tare_err err = {0};
	int status, r;

	(void)scene_open(FAST, NULL);
	r = shell(script, -1, 0, &status, &err);
	assert_int_equal(r, -EPIPE);
	if (!strstr(err.msg, reason) || !strstr(err.msg, words))
		fail_msg("'%s' lacks '%s' or '%s'", err.msg, reason, words);
	check_lost(&err);
}

static void a_kernel_that_panics(void **state)
{
	(void)state;
	check_death((char[]){"echo c >/proc/sysrq-trigger"}, "the guest's kernel panicked",
		    "Kernel panic - not syncing: sysrq triggered crash");
}

static void an_agent_that_is_killed(void **state)
{
	(void)state;
	check_death((char[]){"kill -9 $PPID"}, "the guest's agent failed",
		    "tare-agent: killed by signal 9");
}

static void an_agent_that_is_stopped(void **state)
{
	(void)state;
	check_death((char[]){"kill -STOP $PPID"}, "the guest's agent failed",
		    "tare-agent: killed by signal 9");
}

/* The kernel chooses the payload, never the agent: it lives to tell of it. */
static void a_guest_without_memory_left(void **state)
{
	(void)state;
	check_death((char[]){"exec tail /dev/zero"}, "the guest ran out of memory",
		    "Out of memory: Killed process");
}

static void a_payload_that_exceeds_its_own_limit_is_no_death_of_the_guest(void **state)
{
	const struct trial_spec spec = {.env = "x",
					.machine = "vm",
					.box = "container",
					.load = "exec",
					.limits = {.memory_bytes = 32 << 20}};
	char *const argv[] = {(char[]){"tail"}, (char[]){"/dev/zero"}, NULL};
	cleanup_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const struct machine_stdio stdio = {.fds = {null, null, null}};
	struct tare_err err = {0};
	int status = 0;

	(void)state;
	(void)scene_open(FAST, NULL);
	scene_need(scene_open_one->ops->exec(scene_open_one, &spec, argv, NULL, NULL, &stdio,
					     &status, &err),
		   &err);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	scene_need(shell((char[]){"true"}, -1, 0, &status, &err), &err);
	assert_int_equal(status, 0);
	scene_need(scene_close(&err), &err);
}

static void payloads_are_killed_before_the_agent(void **state)
{
	struct tare_err err = {0};
	int status = -1;

	(void)state;
	(void)scene_open(FAST, NULL);
	/* The agent becomes so again when it has made us, and we may be the faster. */
	scene_need(
		shell((char[]){"read -r own </proc/self/oom_score_adj && [ $own = 0 ] || exit 1; "
			       "for i in 1 2 3 4 5 6 7 8 9; do "
			       "read -r agent </proc/$PPID/oom_score_adj; "
			       "[ $agent = -1000 ] && exit 0; sleep 1; done; exit 2"},
		      -1, 0, &status, &err),
		&err);
	assert_int_equal(status, 0);
	scene_need(scene_close(&err), &err);
}

/* Without a deadline of its own nothing but the missing signs of life tells that it hangs. */
static void a_guest_that_hangs_under_a_command_without_a_deadline(void **state)
{
	struct tare_err err = {0};
	int status;
	pid_t killer;

	(void)state;
	(void)scene_open(HASTY, NULL);
	killer = fork();
	assert_true(killer >= 0);
	if (killer == 0) {
		(void)usleep(300000);
		_exit(kill(scene_qemu_of(getppid()), SIGSTOP) < 0);
	}
	assert_int_equal(shell((char[]){"sleep 1000"}, -1, 0, &status, &err), -ETIMEDOUT);
	assert_int_equal(waitpid(killer, &status, 0), killer);
	assert_int_equal(status, 0);
	assert_non_null(strstr(err.msg, "no sign of life"));
	check_lost(&err);
}

/* Longer than it would take to call it a hang, were it not for its signs of life. */
static void a_command_that_says_nothing_for_long_is_no_hang(void **state)
{
	struct tare_err err = {0};
	int status = -1;

	(void)state;
	(void)scene_open(HASTY, NULL);
	scene_need(shell((char[]){"sleep 5"}, -1, 0, &status, &err), &err);
	assert_int_equal(status, 0);
	scene_need(scene_close(&err), &err);
}

/* ioperm for port 0xe9, 200000 bytes written there, the end. */
static const unsigned char flood[] = {
	0x7f, 'E',  'L',  'F',  2,    1,    1,    0,    0,    0,    0,    0,    0, 0, 0, 0,    2,
	0,    62,   0,    1,    0,    0,    0,    0x78, 0,    0x40, 0,    0,    0, 0, 0, 64,   0,
	0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0, 0, 0, 0,    0,
	0,    64,   0,    56,   0,    1,    0,    0,    0,    0,    0,    0,    0, /* its header */
	1,    0,    0,    0,    5,    0,    0,    0,    0,    0,    0,    0,    0, 0, 0, 0,    0,
	0,    0x40, 0,    0,    0,    0,    0,    0,    0,    0x40, 0,    0,    0, 0, 0, 200,  0,
	0,    0,    0,    0,    0,    0,    200,  0,    0,    0,    0,    0,    0, 0, 0, 0x10, 0,
	0,    0,    0,    0,    0,    0xb8, 173,  0,    0,    0,    0xbf, 0xe9, 0, 0, 0, 0xbe, 1,
	0,    0,    0,    0xba, 1,    0,    0,    0,    0x0f, 0x05, /* ioperm(0xe9, 1, 1) */
	0xb9, 0x40, 0x0d, 0x03, 0,                                  /* mov ecx, 200000 */
	0xe6, 0xe9, 0xff, 0xc9, 0x75, 0xfa,                         /* out 0xe9, al; dec ecx; jnz */
	0xb8, 60,   0,    0,    0,    0x31, 0xff, 0x0f, 0x05,       /* exit(0) */
};

static void a_guest_that_floods_what_nobody_asked_for_goes_on(void **state)
{
	cleanup_close int in = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct tare_err err = {0};
	int status = -1;

	(void)state;
	assert_int_equal(fd_write_all(in, flood, sizeof(flood), NULL), 0);
	assert_int_equal(lseek(in, 0, SEEK_SET), 0);
	(void)scene_open(FAST, NULL);
	scene_need(shell((char[]){"cat >/work/flood && chmod 755 /work/flood && /work/flood && "
				  "yes | head -c 300000 >/dev/console"},
			 in, 0, &status, &err),
		   &err);
	assert_int_equal(status, 0);
	scene_need(scene_close(&err), &err);
}

#define FLOOD_PORT   126 /* where the flood has the port of its ioperm */
#define FLOOD_WRITES 142 /* and what it does with it */

/* By isa-debug-exit: QEMU's status is twice what is written there, and one. */
static void a_status_that_the_guest_chose_is_no_signal(void **state)
{
	static const unsigned char port[] = {0x01, 0x05};
	static const unsigned char leave[] = {
		0xba, 0x01, 0x05, 0, 0, /* mov edx, 0x501 */
		0xb0, 100,  0xee,       /* mov al, 100; out dx, al */
	};
	cleanup_close int in = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct tare_err err = {0};
	int status;

	(void)state;
	assert_int_equal(fd_write_all(in, flood, sizeof(flood), NULL), 0);
	assert_int_equal(pwrite(in, port, sizeof(port), FLOOD_PORT), sizeof(port));
	assert_int_equal(pwrite(in, leave, sizeof(leave), FLOOD_WRITES), sizeof(leave));
	assert_int_equal(lseek(in, 0, SEEK_SET), 0);
	(void)scene_open(FAST, NULL);
	assert_int_equal(shell((char[]){"cat >/work/leave && chmod 755 /work/leave && /work/leave"},
			       in, 0, &status, &err),
			 -EPIPE);
	assert_non_null(strstr(err.msg, "QEMU ended with status 201"));
	check_lost(&err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_kernel_that_panics, scene_end_test),
		cmocka_unit_test_teardown(an_agent_that_is_killed, scene_end_test),
		cmocka_unit_test_teardown(an_agent_that_is_stopped, scene_end_test),
		cmocka_unit_test_teardown(a_guest_without_memory_left, scene_end_test),
		cmocka_unit_test_teardown(
			a_payload_that_exceeds_its_own_limit_is_no_death_of_the_guest,
			scene_end_test),
		cmocka_unit_test_teardown(payloads_are_killed_before_the_agent, scene_end_test),
		cmocka_unit_test_teardown(a_guest_that_hangs_under_a_command_without_a_deadline,
					  scene_end_test),
		cmocka_unit_test_teardown(a_command_that_says_nothing_for_long_is_no_hang,
					  scene_end_test),
		cmocka_unit_test_teardown(a_status_that_the_guest_chose_is_no_signal,
					  scene_end_test),
		cmocka_unit_test_teardown(a_guest_that_floods_what_nobody_asked_for_goes_on,
					  scene_end_test),
	};

	return cmocka_run_group_tests(tests, scene_setup, scene_teardown);
}
