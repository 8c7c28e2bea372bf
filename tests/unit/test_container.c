/* SPDX-License-Identifier: MIT */
/* The container, as seen from inside and from outside. */
#include "box_run.h"

#include <grp.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <time.h>

#include "box/container/clocks.h"
#include "box/container/identity.h"

static void the_program_is_number_one_and_sees_no_others(void **state)
{
	struct outcome o;

	need_box("container");
	run_script(*state, "container", "{}", "echo $$ $PPID; ls -d /proc/[0-9]*; hostname", &o);
	assert_out(&o, "1 0\n/proc/1\ntare-test-1\n");
}

static void the_network_is_loopback_and_nothing_else(void **state)
{
	struct outcome o;

	need_box("container");
	run_script(*state, "container", "{}",
		   "ls /sys/class/net; cat /sys/class/net/lo/flags; cat /proc/net/route | wc -l",
		   &o);
	/* 0x9: up and loopback; of the routes only the table's head. */
	assert_out(&o, "lo\n0x9\n1\n");
}

static void the_root_is_the_embedded_tree_and_shows_no_host_path(void **state)
{
	static const char head[] = "/\n/bin /dev /etc /proc /root /run /sys /tmp /work\n"
				   "group\nhostname\nhosts\npasswd\nresolv.conf\n";
	const struct bench *b = *state;
	struct outcome o;

	need_box("container");
	run_script(b, "container", "{}",
		   "pwd; echo /*; ls /etc; ls /work; cat /proc/self/mountinfo", &o);
	assert_int_equal(strncmp(o.out, head, sizeof(head) - 1), 0);
	assert_null(strstr(o.out, "rootfs"));
	assert_null(strstr(o.out, "/cgroup"));
	assert_null(strstr(o.out, "/old"));
	run_script(b, "container", "{}", "ls /proc/1/root/ | wc -l; ls -d /proc/1/root/..", &o);
	assert_out(&o, "9\n/proc/1/root/..\n");
	run_script(b, "container", "{}", "cd /../..; pwd; ls /usr 2>&1", &o);
	assert_string_equal(o.out, "/\nls: /usr: No such file or directory\n");
}

static void writes_to_the_root_are_gone_with_the_container(void **state)
{
	struct outcome o;

	need_box("container");
	run_script(*state, "container", "{}",
		   "echo x >/etc/passwd && rm /bin/tar && touch /new && cat /etc/passwd && ls /",
		   &o);
	assert_out(&o, "x\nbin\ndev\netc\nnew\nproc\nroot\nrun\nsys\ntmp\nwork\n");
	run_script(*state, "container", "{}", "head -c 4 /etc/passwd; ls /bin/tar /new 2>&1", &o);
	assert_string_equal(o.out, "rootls: /new: No such file or directory\n/bin/tar\n");
}

static void a_bound_root_is_read_only(void **state)
{
	struct outcome o;

	need_box("container");
	run_script(*state, "container", "{\"rootfs\": \"bind\"}",
		   "touch /x 2>&1; touch /etc/passwd 2>&1; mount -o remount,rw / 2>&1; "
		   "touch /tmp/t && echo tmp",
		   &o);
	assert_out(&o, "touch: /x: Read-only file system\n"
		       "touch: /etc/passwd: Read-only file system\n"
		       "mount: permission denied (are you root?)\ntmp\n");
}

static void root_inside_is_nobody_outside(void **state)
{
	char busybox[] = "busybox", cat[] = "cat", path[64], status[4096], expected[64];
	char *argv[] = {busybox, cat, NULL};
	struct outcome o = {0};
	struct inside in;

	need_box("container");
	run_script(*state, "container", "{}",
		   "id -u; id -g; id -G; stat -c %u / /bin/sh /work /dev", &o);
	assert_out(&o, "0\n0\n0\n0\n0\n0\n0\n");
	assert_int_equal(inside_start(*state, "container", "{}", argv, NULL, &in, NULL), 0);
	(void)snprintf(path, sizeof(path), "/proc/%d/status", in.process.pid);
	assert_true(fd_read_file(AT_FDCWD, path, status, sizeof(status), NULL) > 0);
	(void)snprintf(expected, sizeof(expected), "Uid:\t%u\t%u\t%u\t%u\n", IDENTITY_BASE,
		       IDENTITY_BASE, IDENTITY_BASE, IDENTITY_BASE);
	assert_non_null(strstr(status, expected));
	assert_non_null(strstr(status, "Groups:\t \n"));
	(void)snprintf(path, sizeof(path), "/proc/%d/uid_map", in.process.pid);
	assert_true(fd_read_file(AT_FDCWD, path, status, sizeof(status), NULL) > 0);
	(void)snprintf(expected, sizeof(expected), "%10u %10u %10u\n", 0, IDENTITY_BASE,
		       IDENTITY_COUNT);
	assert_string_equal(status, expected);
	inside_finish(&in, &o);
}

static void the_work_folder_is_writable_and_its_files_belong_to_us_outside(void **state)
{
	const struct bench *b = *state;
	struct outcome o;
	struct stat st;
	char path[96];

	need_box("container");
	run_script(b, "container", "{}", "echo hello >/work/file && stat -c %u:%g /work/file", &o);
	assert_out(&o, "0:0\n");
	(void)snprintf(path, sizeof(path), "%s/file", b->work);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 6);
	assert_int_equal(st.st_uid, geteuid());
	assert_int_equal(stat(b->work, &st), 0);
	assert_int_equal(st.st_uid, geteuid());
}

/* tmpfs cannot map owners before Linux 6.3, and the folder is given away meanwhile. */
static void a_work_folder_on_tmpfs_is_writable_and_ours_again_afterwards(void **state)
{
	struct bench *b = *state;
	char folder[] = "/dev/shm/tare-test-XXXXXX";
	struct outcome o;
	struct stat st;

	need_box("container");
	assert_non_null(mkdtemp(folder));
	b->place.work_dir = folder;
	run_script(b, "container", "{}", "touch /work/f && rm /work/f && echo done", &o);
	assert_int_equal(stat(folder, &st), 0);
	assert_int_equal(rmdir(folder), 0);
	assert_out(&o, "done\n");
	assert_int_equal(st.st_uid, geteuid());
}

static void rights_are_dropped_for_good(void **state)
{
	struct outcome o;

	need_box("container");
	run_script(*state, "container", "{}",
		   "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status", &o);
	/* CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID NET_BIND_SERVICE SYS_CHROOT */
	assert_out(&o, "CapInh:\t0000000000000000\nCapPrm:\t00000000000404fb\n"
		       "CapEff:\t00000000000404fb\nCapBnd:\t00000000000404fb\n"
		       "CapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n");
	run_script(*state, "container", "{\"caps\": \"keep\", \"seccomp\": \"off\"}",
		   "grep -E '^(NoNewPrivs|Seccomp:)' /proc/self/status; hostname other && hostname",
		   &o);
	assert_out(&o, "NoNewPrivs:\t0\nSeccomp:\t0\nother\n");
}

static void what_leads_out_is_refused(void **state)
{
	struct outcome o;

	need_box("container");
	run_script(*state, "container", "{}",
		   "mount -t tmpfs t /tmp 2>/dev/null || echo mount; "
		   "umount /proc/sys 2>/dev/null || echo umount; "
		   "unshare -U true 2>/dev/null || echo unshare; "
		   "mknod /tmp/d b 254 0 2>/dev/null || echo mknod; "
		   "hostname x 2>/dev/null || echo hostname; "
		   "chroot / true && echo may-chroot",
		   &o);
	assert_out(&o, "mount\numount\nunshare\nmknod\nhostname\nmay-chroot\n");
}

static void the_kernels_files_are_covered_or_read_only(void **state)
{
	struct outcome o;

	/* As real root, whom the files' modes would not stop. What is written is what is there. */
	need_box("container");
	run_script(*state, "container", "{\"user\": \"host\", \"caps\": \"keep\"}",
		   "f=/proc/sys/kernel/pid_max; v=$(cat $f); (echo $v >$f) 2>&1; "
		   "touch /sys/kernel/x 2>&1; wc -c </proc/keys; ls /sys/firmware /proc/acpi; "
		   "for f in kcore timer_list interrupts; do test ! -e /proc/$f || "
		   "cat /proc/$f; done",
		   &o);
	assert_non_null(strstr(o.out, "pid_max: Read-only file system\n"));
	assert_non_null(strstr(o.out, "touch: /sys/kernel/x: Read-only file system\n0\n"));
	assert_non_null(strstr(o.out, "/proc/acpi:\n\n/sys/firmware:\n"));
	assert_string_equal(strstr(o.out, "/sys/firmware:\n"), "/sys/firmware:\n");
}

static void dev_has_the_usual_nodes_only(void **state)
{
	struct outcome o;

	need_box("container");
	run_script(*state, "container", "{}",
		   "echo /dev/*; echo gone >/dev/null; head -c 2 /dev/zero | wc -c; "
		   "head -c 8 /dev/urandom | wc -c; echo x 2>/dev/null >/dev/full || echo full; "
		   "echo s >/dev/shm/s && cat /dev/shm/s; echo /dev/pts/*; echo i | cat /dev/stdin",
		   &o);
	assert_out(&o, "/dev/fd /dev/full /dev/null /dev/ptmx /dev/pts /dev/random /dev/shm "
		       "/dev/stderr /dev/stdin /dev/stdout /dev/tty /dev/urandom /dev/zero\n"
		       "2\n8\nfull\ns\n/dev/pts/ptmx\ni\n");
}

static void read_namespace(pid_t pid, const char *name, char ret[64])
{
	char path[64];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
	n = readlink(path, ret, 63);
	assert_true(n > 0);
	ret[n] = '\0';
}

static void each_namespace_can_be_left_out(void **state)
{
	static const struct {
		const char *option, *file, *json;
	} kinds[] = {
		{"", "", "{}"},
		{"user", "user", "{\"user\": \"host\"}"},
		{"pid", "pid", "{\"pid\": \"host\"}"},
		{"mount", "mnt", "{\"mount\": \"host\", \"rootfs\": \"host\"}"},
		{"net", "net", "{\"net\": \"host\"}"},
		{"uts", "uts", "{\"uts\": \"host\"}"},
		{"ipc", "ipc", "{\"ipc\": \"host\"}"},
		{"cgroup", "cgroup", "{\"cgroup\": \"host\"}"},
		{"time", "time", "{\"time\": \"host\"}"},
	};
	char busybox[] = "busybox", cat[] = "cat";
	char *argv[] = {busybox, cat, NULL};

	need_box("container");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct outcome o = {0};
		struct inside in;

		assert_int_equal(
			inside_start(*state, "container", kinds[i].json, argv, NULL, &in, NULL), 0);
		for (size_t k = 1; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
			char theirs[64], ours[64];

			read_namespace(in.process.pid, kinds[k].file, theirs);
			read_namespace(getpid(), kinds[k].file, ours);
			assert_int_equal(strcmp(theirs, ours) == 0, k == i);
		}
		inside_finish(&in, &o);
		assert_int_equal(o.status, 0);
	}
}

/* What /proc/uptime says inside. */
static double uptime_in(struct bench *b, const char *json)
{
	struct outcome o;

	run_script(b, "container", json, "cat /proc/uptime", &o);
	assert_int_equal(o.r, 0);
	return strtod(o.out, NULL);
}

static void its_clocks_begin_when_it_does(void **state)
{
	static const char *const own[] = {"{}", "{\"init\": \"on\"}", "{\"user\": \"host\"}"};
	struct timespec ours;

	need_box("container");
	if (!clocks_can_begin())
		skip();
	(void)clock_gettime(CLOCK_BOOTTIME, &ours);
	assert_true(uptime_in(*state, "{\"time\": \"host\"}") >= (double)ours.tv_sec);
	/* They may read as ours only as long as we were not up much longer than it. */
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		double theirs = uptime_in(*state, own[i]);

		assert_true(theirs >= 1);
		(void)clock_gettime(CLOCK_BOOTTIME, &ours);
		assert_true(ours.tv_sec < 60 || theirs < (double)ours.tv_sec - 30);
	}
}

static void what_has_started_inside_has_started_after_its_clocks_did(void **state)
{
	struct outcome o;

	/* Field 22 of stat(5); before the clock's 0 it would have 20 digits. */
	need_box("container");
	run_script(*state, "container", "{}", "cut -d' ' -f22 /proc/1/stat", &o);
	assert_true(strtoull(o.out, NULL, 10) < 1000000000);
}

static void a_root_of_its_own_needs_a_mount_namespace(void **state)
{
	struct outcome o;

	need_box("container");
	run_script(*state, "container", "{\"mount\": \"host\"}", "true", &o);
	assert_int_equal(o.r, -EINVAL);
	assert_non_null(strstr(o.err.msg, "give rootfs=host too"));
}

static _Noreturn void run_rootless(struct bench *b)
{
	static const char head[] = "0 1\n         0      65534          1\n";
	const struct box_ops *ops = box_named("container");
	struct tare_err err = {0};
	struct outcome o;

	if (setgroups(0, NULL) < 0 || setresgid(65534, 65534, 65534) < 0 ||
	    setresuid(65534, 65534, 65534) < 0)
		_exit(1);
	/* As execve leaves a process: its /proc files are its own. */
	if (prctl(PR_SET_DUMPABLE, 1) < 0)
		_exit(1);
	if (ops->probe(&err) < 0)
		_exit(77);
	run_script(b, "container", "{}",
		   "echo $(id -u) $$; cat /proc/self/uid_map; touch /x /work/y && ls -n /work", &o);
	_exit(o.r == 0 && o.status == 0 && strncmp(o.out, head, sizeof(head) - 1) == 0 ? 0 : 2);
}

static void without_root_it_works_with_our_own_id(void **state)
{
	struct bench *b = *state;
	char load[96], command[512];
	int status;
	pid_t pid;

	need_box("container");
	(void)snprintf(load, sizeof(load), "%s/load", b->base);
	(void)snprintf(command, sizeof(command), "cp %s %s && chown -R 65534:65534 %s", b->load,
		       load, b->base);
	assert_int_equal(system(command), 0); /* NOLINT(concurrency-mt-unsafe): one thread */
	b->place.load_path = load;
	pid = fork();
	if (pid == 0)
		run_rootless(b);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void an_init_reaps_orphans_and_ends_as_the_program_does(void **state)
{
	struct outcome o;

	need_box("container");
	/* The sleeper's parent is gone: it becomes process 1's, which must not leave a zombie. */
	run_script(
		*state, "container", "{\"init\": \"on\"}",
		"echo $$ $PPID; (sleep 0.05 &); sleep 0.3; grep -l 'State:.Z' /proc/[0-9]*/status;"
		" test -r /proc/1/exe || echo closed; ls /proc/1/fd 2>&1; exit 7",
		&o);
	assert_int_equal(o.status, 7);
	assert_string_equal(o.out, "2 1\nclosed\nls: can't open '/proc/1/fd': Permission denied\n");
	run_script(*state, "container", "{\"init\": \"on\"}", "kill -KILL $$", &o);
	assert_int_equal(o.code, CLD_EXITED);
	assert_int_equal(o.status, 128 + SIGKILL);
	run_script(*state, "container", "{\"init\": \"on\", \"pid\": \"host\"}", "true", &o);
	assert_int_equal(o.r, -EINVAL);
}

static void an_init_passes_signals_on(void **state)
{
	char busybox[] = "busybox", sh[] = "sh", c[] = "-c";
	char script[] = "trap 'echo got; exit 3' TERM; echo ready; while :; do sleep 0.02; done";
	char *argv[] = {busybox, sh, c, script, NULL};
	struct outcome o = {0};
	struct inside in;

	need_box("container");
	assert_int_equal(
		inside_start(*state, "container", "{\"init\": \"on\"}", argv, NULL, &in, NULL), 0);
	assert_int_equal(read(in.from, o.out, 6), 6);
	assert_int_equal(syscall(SYS_pidfd_send_signal, in.process.pidfd, SIGTERM, NULL, 0), 0);
	inside_finish(&in, &o);
	assert_string_equal(o.out, "got\n");
	assert_int_equal(o.status, 3);
}

static void without_masks_the_kernels_files_are_to_be_seen(void **state)
{
	struct outcome o;

	need_box("container");
	run_script(*state, "container", "{\"masks\": \"off\"}",
		   "grep -c /proc/ /proc/self/mountinfo; head -c 1 /proc/interrupts | wc -c", &o);
	assert_string_equal(o.out, "0\n1\n");
}

static void the_tree_in_the_cache(const struct bench *b, char *ret, size_t size)
{
	char command[128];
	FILE *f;

	(void)snprintf(command, sizeof(command), "echo %s/rootfs/*", b->cache);
	f = popen(command, "re");
	assert_non_null(f);
	assert_non_null(fgets(ret, (int)size, f));
	ret[strcspn(ret, "\n")] = '\0';
	assert_int_equal(pclose(f), 0);
}

static void the_tree_is_made_once_and_refused_when_it_was_changed(void **state)
{
	const struct bench *b = *state;
	char tree[256], again[256], file[300];
	struct outcome o;
	FILE *f;

	need_box("container");
	run_script(b, "container", "{}", "true", &o);
	the_tree_in_the_cache(b, tree, sizeof(tree));
	assert_null(strchr(tree, ' '));
	run_script(b, "container", "{}", "true", &o);
	the_tree_in_the_cache(b, again, sizeof(again));
	assert_string_equal(tree, again);

	(void)snprintf(file, sizeof(file), "%s/bin/tare-load", tree);
	f = fopen(file, "ae");
	assert_non_null(f);
	(void)fputc('x', f);
	assert_int_equal(fclose(f), 0);
	run_script(b, "container", "{}", "true", &o);
	assert_int_equal(o.r, -EBADMSG);
	assert_non_null(strstr(o.err.msg, "'tare-load' was changed in '"));
	assert_int_equal(chmod(tree, 0777), 0);
	run_script(b, "container", "{}", "true", &o);
	assert_int_equal(o.r, -EPERM);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_make, bench_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_program_is_number_one_and_sees_no_others),
		TEST(the_network_is_loopback_and_nothing_else),
		TEST(the_root_is_the_embedded_tree_and_shows_no_host_path),
		TEST(writes_to_the_root_are_gone_with_the_container),
		TEST(a_bound_root_is_read_only),
		TEST(root_inside_is_nobody_outside),
		TEST(the_work_folder_is_writable_and_its_files_belong_to_us_outside),
		TEST(a_work_folder_on_tmpfs_is_writable_and_ours_again_afterwards),
		TEST(rights_are_dropped_for_good),
		TEST(what_leads_out_is_refused),
		TEST(the_kernels_files_are_covered_or_read_only),
		TEST(dev_has_the_usual_nodes_only),
		TEST(each_namespace_can_be_left_out),
		TEST(its_clocks_begin_when_it_does),
		TEST(what_has_started_inside_has_started_after_its_clocks_did),
		TEST(a_root_of_its_own_needs_a_mount_namespace),
		TEST(without_root_it_works_with_our_own_id),
		TEST(an_init_reaps_orphans_and_ends_as_the_program_does),
		TEST(an_init_passes_signals_on),
		TEST(without_masks_the_kernels_files_are_to_be_seen),
		TEST(the_tree_is_made_once_and_refused_when_it_was_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
