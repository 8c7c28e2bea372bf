/* SPDX-License-Identifier: MIT */
#include "box/common/imaged.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "box/common/mounts.h"
#include "box/common/treecopy.h"
#include "kernel/journal.h"

int imaged_open(const struct box_ops *ops, const struct box_config *config, struct imaged *ret,
		struct tare_err *err)
{
	const char *name = box_option(ops, config->options, "image");
	char store[STORED_PATH_SIZE];
	int r;

	*ret = (struct imaged){.place = config->place, .image.lock_fd = -1};
	if (!name || strcmp(name, IMAGED_NONE) == 0)
		return 0;
	if (geteuid() != 0)
		return err_set(err, EPERM, "image=%.60s needs root: run as root", name);
	r = stored_folder(config->place->cache_dir, store, err);
	if (r == 0)
		r = stored_read(store, name, &ret->image, err);
	ret->given = r == 0;
	return r;
}

int imaged_copy(struct imaged *imaged, const struct box_config *config, const char *tree,
		struct tare_err *err)
{
	cleanup_close int from = imaged->given ? stored_view(&imaged->image, err)
					       : open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int to = -1;
	int r, n;

	if (from < 0)
		return imaged->given ? from : err_errno(err, "open '%s'", tree);
	n = snprintf(imaged->copy, sizeof(imaged->copy), "%s/%s-root", config->place->cache_dir,
		     config->name);
	if (n < 0 || (size_t)n >= sizeof(imaged->copy)) {
		imaged->copy[0] = '\0';
		return err_set(err, ENAMETOOLONG, "the cache folder's name is too long");
	}
	r = journal_note(config->place->journal, JOURNAL_PATH, imaged->copy, err);
	if (r < 0)
		return r;
	if (mkdir(imaged->copy, 0700) < 0)
		return err_errno(err, "make folder '%s'", imaged->copy);
	to = open(imaged->copy, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (to < 0)
		return err_errno(err, "open '%s'", imaged->copy);
	r = treecopy(from, to, err);
	return r == 0 && imaged->given ? root_make_places(to, err) : r;
}

int imaged_close(struct imaged *imaged, struct tare_err *err)
{
	int r = imaged->copy[0] ? fd_remove_tree(imaged->copy, err) : 0;

	if (imaged->given)
		stored_clear(&imaged->image);
	imaged->given = false;
	imaged->copy[0] = '\0';
	return r;
}

int imaged_make_pieces(const struct imaged *imaged, struct imaged_pieces *ret, struct root *root,
		       struct tare_err *err)
{
	const unsigned int attributes = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID;

	*ret = (struct imaged_pieces){.load_fd = -1};
	root->load_fd = -1;
	if (!imaged->given)
		return 0;
	ret->load_fd = mounts_clone(AT_FDCWD, imaged->place->load_path, MOUNTS_ONE,
				    attributes | MOUNT_ATTR_RDONLY, err);
	if (ret->load_fd < 0)
		return ret->load_fd;
	root->load_fd = ret->load_fd;
	for (size_t i = 0; i < imaged->image.n_layers && !imaged->copy[0]; i++) {
		/* Not read-only: overlayfs never writes below, and then takes no such mount for
		 * the owners' map. */
		int fd = mounts_clone(AT_FDCWD, imaged->image.layers[i], MOUNTS_ONE, attributes,
				      err);

		if (fd < 0)
			return fd;
		ret->layer_fds[ret->n_layers++] = fd;
	}
	root->layer_fds = ret->layer_fds;
	root->n_layers = ret->n_layers;
	root->marked = ret->n_layers && !imaged->image.merged;
	return 0;
}

void imaged_drop_pieces(struct imaged_pieces *pieces)
{
	for (size_t i = 0; i < pieces->n_layers; i++)
		cleanup_closep(&pieces->layer_fds[i]);
	cleanup_closep(&pieces->load_fd);
}

int imaged_exec(const struct imaged *imaged, const struct box_exec *exec, struct box_exec *ret,
		char ***ret_envp, struct tare_err *err)
{
	*ret = *exec;
	*ret_envp = NULL;
	if (!imaged->given)
		return 0;
	*ret_envp = stored_environment(&imaged->image, exec->envp);
	if (!*ret_envp)
		return err_set(err, ENOMEM, "out of memory");
	ret->envp = *ret_envp;
	if (!ret->cwd)
		ret->cwd = imaged->image.cwd;
	if (!ret->as_user && (imaged->image.uid || imaged->image.gid)) {
		ret->as_user = true;
		ret->uid = imaged->image.uid;
		ret->gid = imaged->image.gid;
	}
	return 0;
}

int imaged_become(uid_t uid, gid_t gid, const gid_t *groups, size_t n_groups, struct tare_err *err)
{
	/* The plain calls: libc's would look for other threads, whose list is the parent's. */
	if (syscall(SYS_setgroups, n_groups, groups) < 0 ||
	    syscall(SYS_setresgid, gid, gid, gid) < 0 || syscall(SYS_setresuid, uid, uid, uid) < 0)
		return err_errno(err, "step 'become user %u:%u'", uid, gid);
	/* A change of identity forgets it (commit_creds, kernel/cred.c). */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return err_errno(err, "step 'die with the parent'");
	return 0;
}
