/* SPDX-License-Identifier: MIT */
/* Blocks to or from a file one after the other, round and round: with O_DIRECT the device's
 * rate, or that of its limit; without, the page cache's. */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "folder.h"
#include "pages.h"
#include "param.h"
#include "workload.h"

/* What O_DIRECT wants in memory, offset and length of every device known: open(2), NOTES. */
#define ALIGNMENT 4096

enum io_stream_rw { IO_STREAM_WRITE, IO_STREAM_READ };

struct io_stream {
	struct folder folder;
	uint64_t block, size, at, bytes;
	char *buf;
	int fd, rw;
};

static int read_params(struct io_stream *s, const char *const *params, int *ret_flags,
		       struct tare_err *err)
{
	int direct = param_choice("direct", params[0], "on|off", err), r;

	if (direct < 0)
		return direct;
	*ret_flags = direct == 0 ? O_DIRECT : 0;
	s->rw = param_choice("rw", params[1], "write|read", err);
	if (s->rw < 0)
		return s->rw;
	r = param_size("block", params[2], ALIGNMENT, 16 << 20, ALIGNMENT, &s->block, err);
	if (r < 0)
		return r;
	return param_size("size", params[3], s->block, 1ULL << 40, s->block, &s->size, err);
}

static int io_stream_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct io_stream *s = state;
	int flags, r;

	s->fd = -1;
	r = read_params(s, params, &flags, err);
	if (r < 0)
		return r;
	s->buf = aligned_alloc(ALIGNMENT, s->block);
	if (!s->buf)
		return err_set(err, ENOMEM, "out of memory");
	memset(s->buf, 't', s->block);
	r = folder_make(&s->folder, 1, err);
	if (r < 0)
		return r;
	/* Written once, so that writes find their blocks and reads find data. */
	s->fd = folder_make_file(&s->folder, s->size, flags, err);
	if (s->fd < 0)
		return s->fd;
	errno = posix_fadvise(s->fd, 0, 0, POSIX_FADV_DONTNEED);
	return errno ? err_errno(err, "drop the file from the page cache") : 0;
}

static int io_stream_run(void *state, uint64_t iters, struct tare_err *err)
{
	struct io_stream *s = state;

	for (uint64_t i = 0; i < iters; i++) {
		off_t at = (off_t)s->at;
		ssize_t n = s->rw == IO_STREAM_READ ? pread(s->fd, s->buf, s->block, at)
						    : pwrite(s->fd, s->buf, s->block, at);

		if (n != (ssize_t)s->block)
			return n < 0 ? err_errno(err, "transfer a block")
				     : err_set(err, EIO, "a block of %zd bytes was cut", n);
		s->bytes += s->block;
		s->at += s->block;
		if (s->at == s->size)
			s->at = 0;
	}
	return 0;
}

/* Bytes of the file in the page cache: mincore(2), which tells them to who may write the file. */
static uint64_t cached_bytes(const struct io_stream *s)
{
	size_t page = pages_size(), n = (s->size + page - 1) / page;
	cleanup_free unsigned char *in_core = calloc(n, 1);
	void *map = mmap(NULL, s->size, PROT_READ, MAP_SHARED, s->fd, 0);
	uint64_t cached = 0;

	if (map == MAP_FAILED)
		return 0;
	if (in_core && mincore(map, s->size, in_core) == 0)
		for (size_t i = 0; i < n; i++)
			cached += in_core[i] & 1 ? page : 0;
	(void)munmap(map, s->size);
	return cached;
}

static size_t io_stream_figures(const void *state, uint64_t ns, struct play_figure *figures)
{
	const struct io_stream *s = state;

	if (ns == 0)
		return 0;
	figures[0] = (struct play_figure){
		.name = "bytes_per_s", .unit = "B/s", .value = (double)s->bytes * 1e9 / (double)ns};
	figures[1] = (struct play_figure){
		.name = "cached", .unit = "B", .value = (double)cached_bytes(s)};
	return 2;
}

static void io_stream_teardown(void *state)
{
	struct io_stream *s = state;

	if (s->fd >= 0)
		(void)close(s->fd);
	folder_remove(&s->folder);
	free(s->buf);
}

const struct workload workload_io_stream = {
	.name = "io-stream",
	.summary = "write or read a file in blocks, from its begin to its end and again",
	.op = "pwrite(2) or pread(2) of one block",
	.groups = "limits",
	.params = (const struct workload_param[]){{"direct", "O_DIRECT: on|off", "on"},
						  {"rw", "what is done: write|read", "write"},
						  {"block", "bytes of a block, 4K or more", "64K"},
						  {"size", "bytes of the file, blocks", "16M"},
						  {NULL, NULL, NULL}},
	.syscalls = (const struct workload_syscall[]){{"pwrite64", 1, "rw=write"},
						      {"pread64", 1, "rw=read"},
						      {NULL, 0, NULL}},
	.state_size = sizeof(struct io_stream),
	.solo = true,
	.setup = io_stream_setup,
	.run = io_stream_run,
	.figures = io_stream_figures,
	.teardown = io_stream_teardown,
};
