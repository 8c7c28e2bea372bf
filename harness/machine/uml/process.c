/* SPDX-License-Identifier: MIT */
#include "machine/uml/process.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/text.h"
#include "kernel/journal.h"
#include "machine/uml/args.h"
#include "machine/vm/console.h"

#define UML_USER 0x74617265u /* "tare": far from what anybody gives to people or containers */

/* The guest's memory is a file, mapped executable: on a disk it would be written back for ever. */
const char *uml_memory_folder(bool *ret_swift)
{
	const char *folder = "/dev/shm";
	struct statfs fs;

	if (statfs(folder, &fs) < 0 || fs.f_type != TMPFS_MAGIC || (fs.f_flags & ST_NOEXEC))
		folder = "/tmp";
	*ret_swift = statfs(folder, &fs) == 0 && fs.f_type == TMPFS_MAGIC;
	return folder;
}

static char *folder_of(const char *name)
{
	bool swift;

	return text_format("%s/%s.uml", uml_memory_folder(&swift), name);
}

int uml_remove_folder(const char *name, struct tare_err *err)
{
	cleanup_free char *folder = folder_of(name);

	return folder ? fd_remove_tree(folder, err) : err_set(err, ENOMEM, "out of memory");
}

static int make_folder(const struct qemu_config *config, const char *folder, struct tare_err *err)
{
	int r = journal_note(config->journal, JOURNAL_PATH, folder, err);

	if (r < 0)
		return r;
	if (mkdir(folder, 0700) < 0 || chown(folder, UML_USER, UML_USER) < 0)
		return err_errno(err, "make the folder '%s'", folder);
	return 0;
}

static int open_file(const char *path, int *ret_fd, struct tare_err *err)
{
	if (!path)
		return 0;
	*ret_fd = open(path, O_RDONLY | O_CLOEXEC);
	return *ret_fd < 0 ? err_errno(err, "open '%s'", path) : 0;
}

/* It opens it again, by /proc/self/fd, as the user it is; a file made under a umask of 077 is
 * closed to that one. Others still do not reach a root disk, whose folder is root's alone. */
static int open_shared(const char *path, int *ret_fd, struct tare_err *err)
{
	int r = open_file(path, ret_fd, err);

	if (r == 0 && path && fchmod(*ret_fd, 0644) < 0)
		r = err_errno(err, "chmod '%s'", path);
	return r;
}

/* Its copy of the work disk is its own. */
static int open_disk(const char *path, int *ret_fd, struct tare_err *err)
{
	int r = open_file(path, ret_fd, err);

	if (r == 0 && path && fchown(*ret_fd, UML_USER, UML_USER) < 0)
		r = err_errno(err, "chown '%s'", path);
	return r;
}

static int make_fds(struct qemu *uml, const struct qemu_config *config, int theirs[UML_FDS],
		    struct tare_err *err)
{
	int r = console_open(&uml->console, &theirs[UML_FD_CONSOLE], err);

	if (r == 0)
		r = qemu_make_socket(&uml->channel_fd, &theirs[UML_FD_CHANNEL], err);
	if (r == 0)
		r = qemu_make_socket(&uml->stdio_fd, &theirs[UML_FD_STDIO], err);
	if (r == 0)
		r = qemu_make_socket(&uml->pulse_fd, &theirs[UML_FD_PULSE], err);
	if (r == 0)
		r = open_file(config->kernel, &theirs[UML_FD_KERNEL], err);
	if (r == 0)
		r = open_shared(config->initrd, &theirs[UML_FD_INITRD], err);
	if (r == 0)
		r = open_disk(config->disk, &theirs[UML_FD_DISK], err);
	if (r == 0)
		r = open_shared(config->root_disk, &theirs[UML_FD_ROOT_DISK], err);
	return r;
}

static int execute(struct qemu *uml, const struct qemu_config *config, const char *folder,
		   const int theirs[UML_FDS], struct tare_err *err)
{
	const struct uml_args_config what = {.memory_bytes = config->memory_bytes,
					     .folder = folder,
					     .disk = config->disk != NULL,
					     .root_disk = config->root_disk != NULL};
	cleanup_free char *variable = text_format("TMPDIR=%s", folder);
	char *envp[] = {variable, NULL};
	struct program program = {.envp = envp,
				  .n_fds = UML_FDS,
				  .cwd = folder,
				  .cgroup = config->cgroup,
				  .journal = config->journal,
				  .name = "uml",
				  .program_fd = UML_FD_KERNEL,
				  .cpus = config->cpus,
				  .user = UML_USER,
				  .own_pids = true};
	struct uml_args args;
	int r = variable ? uml_args_make(&args, &what, err) : err_set(err, ENOMEM, "out of memory");

	if (r < 0)
		return r;
	program.argv = args.argv;
	memcpy(program.fds, theirs, UML_FDS * sizeof(theirs[0]));
	program.fds[STDERR_FILENO] = theirs[UML_FD_CONSOLE];
	uml->command_line = json_array();
	for (size_t i = 0; i < args.n; i++)
		(void)json_array_append_new(uml->command_line, json_string(args.argv[i]));
	r = program_start(&program, &uml->process, err);
	uml_args_clear(&args);
	return r;
}

static int start(struct qemu *uml, const struct qemu_config *config, const char *folder,
		 struct tare_err *err)
{
	int theirs[UML_FDS], r;

	for (int i = 0; i < UML_FDS; i++)
		theirs[i] = -1;
	r = make_fds(uml, config, theirs, err);
	if (r == 0)
		r = execute(uml, config, folder, theirs, err);
	for (int i = 0; i < UML_FDS; i++)
		if (theirs[i] >= 0)
			(void)close(theirs[i]);
	return r;
}

int uml_start(struct qemu *ret, const struct qemu_config *config, uint64_t deadline_ns,
	      struct tare_err *err)
{
	cleanup_free char *folder = folder_of(config->name);
	int r = folder ? make_folder(config, folder, err) : err_set(err, ENOMEM, "out of memory");

	(void)deadline_ns; /* it is met by its hello */
	qemu_init(ret);
	ret->title = "User-Mode Linux";
	ret->own_pids = true;
	if (r == 0)
		r = start(ret, config, folder, err);
	if (r < 0) {
		qemu_add_last_words(ret, err);
		(void)qemu_close(ret, 0, NULL);
		(void)uml_remove_folder(config->name, NULL);
	}
	return r;
}
