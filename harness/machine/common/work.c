/* SPDX-License-Identifier: MIT */
#include "machine/common/work.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "kernel/journal.h"
#include "machine/vm/disk.h"

static int make_folder(struct work *work, const char *work_dir, const char *name,
		       struct tare_err *err)
{
	int r;

	work->folder = text_format("%s/.%s.work", work_dir, name);
	if (!work->folder)
		return err_set(err, ENOMEM, "out of memory");
	r = journal_note(work->journal, JOURNAL_PATH, work->folder, err);
	if (r == 0 && mkdir(work->folder, 0700) < 0)
		r = err_errno(err, "make folder '%s'", work->folder);
	return r;
}

int work_open(const char *work_dir, const char *name, uint64_t bytes, struct journal *journal,
	      struct work *ret, struct tare_err *err)
{
	const struct disk_plan plan = {
		.bytes = bytes, .folder = work_dir, .name = name, .journal = journal};
	struct work work = {.journal = journal, .loop.fd = -1};
	bool direct;
	int r;

	if (geteuid() != 0)
		return err_set(err, EPERM, "work=loop: only root may mount a filesystem");
	r = loop_own_mounts(err);
	if (r == 0)
		r = disk_make(&plan, &work.image, &direct, err);
	if (r == 0)
		r = make_folder(&work, work_dir, name, err);
	if (r == 0)
		r = loop_attach(work.image, journal, &work.loop, err);
	if (r == 0)
		r = loop_mount(&work.loop, work.folder, journal, err);
	if (r < 0) {
		(void)work_close(&work, NULL);
		return err_wrap(err, r, "work=loop");
	}
	*ret = work;
	return 0;
}

json_t *work_describe(const struct work *work)
{
	json_t *disk = disk_describe("loop", work->image, NULL, work->loop.direct);

	(void)json_put(disk, "device", json_string(work->loop.path));
	return disk;
}

int work_close(struct work *work, struct tare_err *err)
{
	int r = loop_unmount(&work->loop, work->folder, work->journal, err);

	/* What is still mounted there is for the journal to take down, and its folder after it. */
	if (r == 0 && work->folder && rmdir(work->folder) < 0 && errno != ENOENT)
		r = err_errno(err, "remove '%s'", work->folder);
	if (work->image && unlink(work->image) < 0 && errno != ENOENT && r == 0)
		r = err_errno(err, "remove '%s'", work->image);
	free(work->folder);
	free(work->image);
	*work = (struct work){.loop.fd = -1};
	return r;
}
