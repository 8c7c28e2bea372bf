/* SPDX-License-Identifier: MIT */
#include "image/pack.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "kernel/program.h"

#define TAR_END_MS 10000

int pack_detect(int fd, enum layer_packing *ret, struct tare_err *err)
{
	static const unsigned char gzip[] = {0x1f, 0x8b}, zstd[] = {0x28, 0xb5, 0x2f, 0xfd};
	unsigned char first[4] = {0};

	if (pread(fd, first, sizeof(first), 0) < 0)
		return err_errno(err, "read the archive");
	*ret = LAYER_PLAIN;
	if (memcmp(first, gzip, sizeof(gzip)) == 0)
		*ret = LAYER_GZIP;
	else if (memcmp(first, zstd, sizeof(zstd)) == 0)
		*ret = LAYER_ZSTD;
	return 0;
}

#define TEXT(s)                                                                                    \
	(char *)(uintptr_t)(s) /* NOLINT(performance-no-int-to-ptr): tar changes nothing           \
				*/

static int start_tar(const char *path, struct journal *journal, int out,
		     struct program_process *ret, struct tare_err *err)
{
	char tar[256];
	char *const argv[] = {tar,
			      TEXT("--create"),
			      TEXT("--one-file-system"),
			      TEXT("--sort=name"),
			      TEXT("--format=posix"),
			      TEXT("--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,"
				   "delete=ctime"),
			      TEXT("--numeric-owner"),
			      TEXT("--xattrs"),
			      TEXT("--xattrs-include=user.*"),
			      TEXT("--xattrs-include=security.capability"),
			      TEXT("--sparse"),
			      TEXT("--directory"),
			      TEXT(path),
			      TEXT("."),
			      NULL};
	char *const envp[] = {TEXT("LC_ALL=C"), NULL};
	const struct program program = {
		.argv = argv,
		.envp = envp,
		.fds = {-1, out, STDERR_FILENO},
		.n_fds = 3,
		.journal = journal,
		.name = "tar",
	};
	int r = program_find("tar", "tar", tar, sizeof(tar), err);

	return r == 0 ? program_start(&program, ret, err) : r;
}

int pack_tree(const char *path, struct journal *journal, const struct image_limits *limits,
	      int dir_fd, struct layer_totals *totals, char ret_diff_id[DIGEST_SIZE],
	      struct tare_err *err)
{
	struct program_process process = {.pidfd = -1};
	struct layer_source source = {0};
	int ends[2], status = 0, r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(err, "make a pipe");
	cleanup_close int in = ends[0];
	cleanup_close int out = ends[1];

	r = start_tar(path, journal, out, &process, err);
	if (r < 0)
		return r;
	(void)close(take_fd(&out));
	source.fd = in;
	r = layer_unpack(&source, limits, dir_fd, totals, ret_diff_id, err);
	(void)close(take_fd(&in));
	if (r < 0) {
		(void)program_kill(&process, TAR_END_MS, NULL);
		return r;
	}
	r = program_wait(&process, TAR_END_MS, &status, err);
	/* 1: a file changed while it was read. */
	if (r == 0 && status != 0)
		return err_set(err, EIO, "tar could not read all of '%.100s'", path);
	return r;
}
