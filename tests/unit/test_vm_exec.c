/* SPDX-License-Identifier: MIT */
/* Commands in guests: their stdio, their status, what they write. */
#include "guest_scene.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "base/digest.h"

/* With our stdin from, and our stdout to, a file. */
static int exec_with_files(char *const *argv, const char *in, const char *out, int *ret_status)
{
	struct trial_spec spec = {.env = "x", .machine = "vm", .box = "container", .load = "exec"};
	int was[2] = {dup(0), dup(1)};
	int fds[2] = {open(in, O_RDONLY | O_CLOEXEC),
		      open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
	struct tare_err err = {0};
	int r;

	(void)fflush(stdout);
	for (int i = 0; i < 2; i++)
		assert_true(fds[i] >= 0 && dup2(fds[i], i) == i);
	r = scene_open_one->ops->exec(scene_open_one, &spec, argv, NULL, NULL, NULL, ret_status,
				      &err);
	for (int i = 0; i < 2; i++) {
		(void)dup2(was[i], i);
		(void)close(was[i]);
		(void)close(fds[i]);
	}
	if (r < 0)
		(void)fprintf(stderr, "exec: %s\n", err.msg);
	return r;
}

static void a_command_has_our_stdio_and_its_status_comes_back(void **state)
{
	char *const cat[] = {(char[]){"cat"}, NULL};
	char *const fails[] = {(char[]){"sh"}, (char[]){"-c"}, (char[]){"exit 42"}, NULL};
	char *const none[] = {(char[]){"no-such-program"}, NULL};
	char out[300], sent[DIGEST_SIZE], got[DIGEST_SIZE];
	struct tare_err err = {0};
	int status = -1;

	(void)state;
	(void)snprintf(out, sizeof(out), "%.256s/out", scene_places.work_dir);
	(void)scene_open(FAST, NULL);
	assert_int_equal(exec_with_files(cat, TARE_BINARY_DIR "/tare-load", out, &status), 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	scene_need(digest_file(TARE_BINARY_DIR "/tare-load", sent, &err), &err);
	scene_need(digest_file(out, got, &err), &err);
	assert_string_equal(got, sent);
	assert_int_equal(exec_with_files(fails, "/dev/null", out, &status), 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
	assert_int_equal(exec_with_files(none, "/dev/null", out, &status), -ENOENT);
	(void)unlink(out);
	scene_need(scene_close(&err), &err);
}

/* What one of them wrote is not there in the other, which began from the same state. */
static void restored_guests_have_disks_of_their_own(void **state)
{
	char *const write[] = {(char[]){"sh"}, (char[]){"-c"}, (char[]){"echo 1 > /work/mine"},
			       NULL};
	char *const look[] = {(char[]){"sh"}, (char[]){"-c"}, (char[]){"test ! -e /work/mine"},
			      NULL};
	struct machine *first = scene_open(FAST, NULL);
	struct tare_err err = {0};
	int status = -1;

	(void)state;
	assert_int_equal(exec_with_files(write, "/dev/null", "/dev/null", &status), 0);
	assert_int_equal(status, 0);
	(void)scene_open(FAST, NULL);
	assert_int_equal(exec_with_files(look, "/dev/null", "/dev/null", &status), 0);
	assert_int_equal(status, 0);
	assert_int_equal(scene_disks(), 2);
	scene_need(scene_close(&err), &err);
	scene_need(first->ops->close(first, &err), &err);
	assert_int_equal(scene_disks(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(restored_guests_have_disks_of_their_own, scene_end_test),
		cmocka_unit_test_teardown(a_command_has_our_stdio_and_its_status_comes_back,
					  scene_end_test),
	};

	return cmocka_run_group_tests(tests, scene_setup, scene_teardown);
}
