/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "box/common/dev.h"
#include "box/common/direct.h"
#include "box/common/mounts.h"
#include "box/common/spawn.h"
#include "box/container/clocks.h"
#include "box/container/container.h"
#include "box/container/furnish.h"
#include "box/container/identity.h"
#include "box/container/lock.h"
#include "kernel/net.h"

#define INERT     (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define GROUP_TTY 5 /* in the embedded /etc/group, and in most others */

struct launch {
	struct container *container;
	struct root root;
	struct imaged_pieces pieces; /* of an image */
	struct furnish furnish;      /* of a user */
	int proc_fd;                 /* ours; -1: it has no clocks of its own, see clocks.h */
	const struct box_exec *exec;
	bool as_user;
	struct furnish_user user; /* inside */
	uid_t uid;                /* ours, outside */
	gid_t gid;
};

static bool has(const struct container *c, uint64_t namespace)
{
	return (c->namespaces & namespace) != 0;
}

/* The filesystem cannot map owners (tmpfs before Linux 6.3): give the folder itself away, until
 * the box is closed. */
static int give_work(struct launch *l, struct tare_err *err)
{
	struct stat st;

	if (fstat(l->root.work_fd, &st) < 0 ||
	    fchownat(l->root.work_fd, "", IDENTITY_BASE, IDENTITY_BASE, AT_EMPTY_PATH) < 0)
		return err_errno(err, "step 'give the work folder to root inside'");
	l->container->work_owner = st.st_uid;
	l->container->work_group = st.st_gid;
	l->container->work_given = true;
	return 0;
}

static int map_piece(int fd, pid_t pid, struct tare_err *err)
{
	struct tare_err why = {0};
	int r = identity_map_mount(fd, pid, &why);

	if (r == -EINVAL) /* tmpfs before Linux 6.3: a copy in a guest's cache */
		return err_set(err, -r,
			       "the image's filesystem cannot map owners: use rootfs=overlay or "
			       "user=host");
	return r < 0 ? err_set(err, -r, "%s", why.msg) : 0;
}

/* The files of an image, and of a copy of one, belong to the image's own users: root inside is the
 * owner of what root owns there. Other trees were given to root inside when they were made. */
static int map_root(const struct launch *l, pid_t pid, struct tare_err *err)
{
	int r = 0;

	if (!l->container->imaged.given)
		return 0;
	if (l->root.tree_fd >= 0)
		r = map_piece(l->root.tree_fd, pid, err);
	for (size_t i = 0; i < l->root.n_layers && r == 0; i++)
		r = map_piece(l->root.layer_fds[i], pid, err);
	return err_wrap(err, r, "step 'map the owners of the image'");
}

static int outside(void *context, pid_t pid, struct tare_err *err)
{
	struct launch *l = context;
	int r = l->container->net ? net_connect(l->container->net, pid, err) : 0;

	if (!has(l->container, CLONE_NEWUSER))
		return r;
	if (r == 0)
		r = identity_map_range(pid, err);
	furnish_map(&l->furnish, pid);

	if (r == 0)
		r = map_root(l, pid, err);
	if (r < 0 || l->root.work_fd < 0)
		return r;
	r = identity_map_mount(l->root.work_fd, pid, NULL);
	return r < 0 && !l->container->work_given ? give_work(l, err) : 0;
}

static int failed(long code, const char *step, struct tare_err *err)
{
	return err_set(err, (int)-code, "step '%s': %s", step, strerrordesc_np((int)-code));
}

static int bring_loopback_up(struct tare_err *err)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	long fd = direct_call(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0, 0), r = fd;

	if (fd >= 0) {
		r = direct_call(SYS_ioctl, fd, SIOCSIFFLAGS, (long)&request, 0);
		(void)direct_call(SYS_close, fd, 0, 0, 0);
	}
	return r < 0 ? failed(r, "bring loopback up", err) : 0;
}

/* A device that comes from outside needs its network to be there before anything else. */
static bool makes_network_early(const struct container *c)
{
	return has(c, CLONE_NEWNET) && !c->net;
}

/* The dearest of the namespaces by far: it is made by the process itself, while its parent does
 * other things. */
static int make_network(struct tare_err *err)
{
	long r = direct_call(SYS_unshare, CLONE_NEWNET, 0, 0, 0);

	if (r == -ENOSPC)
		return err_set(err, ENOSPC,
			       "step 'make a network namespace': there are too many "
			       "(/proc/sys/user/max_net_namespaces)");
	return r < 0 ? failed(r, "make a network namespace", err) : 0;
}

/* All of it needs the namespaces only, not who we are in there. */
static int early(void *context, struct tare_err *err)
{
	const struct launch *l = context;
	const struct container *c = l->container;
	long named = has(c, CLONE_NEWUTS) ? direct_call(SYS_sethostname, (long)c->name,
							(long)strlen(c->name), 0, 0)
					  : 0;
	int r = named < 0 ? failed(named, "set the host name", err) : 0;

	/* Out of our session, whose terminal would be its /dev/tty. */
	(void)direct_call(SYS_setsid, 0, 0, 0, 0);
	if (r == 0 && makes_network_early(c))
		r = make_network(err);
	if (r == 0 && l->proc_fd >= 0)
		r = clocks_begin(l->proc_fd, err);
	return r == 0 && has(c, CLONE_NEWNET) ? bring_loopback_up(err) : r;
}

static int take_identity(const struct launch *l, struct tare_err *err)
{
	int r = 0;

	if (has(l->container, CLONE_NEWUSER))
		r = l->container->rootless ? identity_map_self(l->uid, l->gid, err)
					   : identity_become_root(err);
	/* Nothing of the inside's may look into us while we are still half outside. A change of
	 * identity may set it back, and execve does. */
	if (r == 0 && prctl(PR_SET_DUMPABLE, 0) < 0)
		r = err_errno(err, "step 'be undumpable'");
	return r;
}

/* With the host's root, its processes must not show up in the container's /proc. */
static int enter_host_root(const struct container *c, struct tare_err *err)
{
	cleanup_close int proc = -1;

	if (!has(c, CLONE_NEWNS) || !has(c, CLONE_NEWPID))
		return 0;
	proc = mounts_new("proc", NULL, INERT | MOUNT_ATTR_NOEXEC, err);
	return proc < 0 ? proc : mounts_attach(proc, AT_FDCWD, "/proc", err);
}

static int inside(void *context, struct tare_err *err)
{
	struct launch *l = context;
	const struct container *c = l->container;
	int r = take_identity(l, err);

	/* The mounts of a new user namespace only follow those outside: mount_namespaces(7). */
	if (r == 0 && has(c, CLONE_NEWNS) && !has(c, CLONE_NEWUSER))
		r = mounts_make_private(err);
	if (r < 0)
		return r;
	return c->root == CONTAINER_HOST_ROOT ? enter_host_root(c, err) : root_build(&l->root, err);
}

static int finish(void *context, struct tare_err *err)
{
	struct launch *l = context;
	const struct container *c = l->container;
	/* Mostly it was another thread that took it. */
	int r = c->rootless ? 0 : take_identity(l, err);

	if (r == 0 && c->root != CONTAINER_HOST_ROOT)
		r = root_enter(&l->root, err);
	if (r == 0)
		r = furnish_place(&l->furnish, err);
	if (r == 0 && c->extras.user[0])
		r = furnish_find_user(&c->extras, &l->user, err);
	if (r == 0 && l->exec->terminal && l->as_user &&
	    fchown(l->exec->stdio[0], l->user.uid, (gid_t)-1) < 0)
		r = err_errno(err, "step 'give the terminal to its user'");
	return r;
}

static int lock(void *context, struct tare_err *err)
{
	const struct launch *l = context;
	const struct container *c = l->container;
	int r = 0;

	/* Its root is where we are now: this must come after the cgroups are joined. */
	if (has(c, CLONE_NEWCGROUP) && unshare(CLONE_NEWCGROUP) < 0)
		return err_errno(err, "step 'make a cgroup namespace'");
	if (c->drop_caps)
		r = lock_bound_capabilities(c->capabilities, err);
	/* Before the right to do so is gone. Another than root holds no capabilities then. */
	if (r == 0 && l->as_user)
		r = imaged_become(l->user.uid, l->user.gid, l->user.groups, l->user.n_groups, err);
	if (r == 0 && c->drop_caps)
		r = lock_hold_capabilities(c->capabilities, err);
	if (r == 0 && (c->drop_caps || c->seccomp))
		r = lock_no_new_privileges(err);
	return r == 0 && c->seccomp ? lock_filter_calls(c->filter.filter ? &c->filter : NULL, err)
				    : r;
}

static struct root plan_root(const struct container *c, const struct box_exec *exec)
{
	bool own_user = has(c, CLONE_NEWUSER);

	return (struct root){
		.tree_path = c->imaged.copy[0] ? c->imaged.copy : c->tree,
		.work_path = c->place->work_dir,
		.tree_fd = -1,
		.work_fd = -1,
		.dev_fd = -1,
		.load_fd = -1,
		.devpts_fd = exec->devpts_fd,
		.overlay = c->root == CONTAINER_OVERLAY,
		.writable = c->root == CONTAINER_COPY,
		.userxattr = own_user,
		/* Only the owner of a pid namespace may mount its /proc, of a network its /sys. */
		.host_proc = own_user && !has(c, CLONE_NEWPID),
		.sys = !own_user || has(c, CLONE_NEWNET),
		.mask = c->masks,
		.root_pivot = true,
	};
}

static int open_pieces(const struct container *c, struct launch *l, struct tare_err *err)
{
	struct root *root = &l->root;
	int r = imaged_make_pieces(&c->imaged, &l->pieces, root, err);

	if (r < 0)
		return r;
	if (!root->n_layers) {
		bool writes = root->overlay || root->writable;

		root->tree_fd = mounts_clone(AT_FDCWD, root->tree_path, MOUNTS_ONE,
					     writes ? 0 : MOUNT_ATTR_RDONLY, err);
		if (root->tree_fd < 0)
			return root->tree_fd;
	}
	root->dev_fd = dev_take(c->place, c->owner, err);
	if (root->dev_fd < 0 || !root->work_path)
		return root->dev_fd < 0 ? root->dev_fd : 0;
	root->work_fd = mounts_clone(AT_FDCWD, root->work_path, MOUNTS_ONE, INERT, err);
	return root->work_fd < 0 ? root->work_fd : 0;
}

int container_find_tree(struct container *container, struct tare_err *err)
{
	if (container->imaged.given || container->tree[0])
		return 0;
	int r = rootfs_prepare(container->place, container->owner, container->tree, err);

	if (r < 0)
		container->tree[0] = '\0'; /* not verified: the next start asks again */
	return err_wrap(err, r, "root filesystem");
}

/* It was made by us; inside it belongs to root, or to whom it is given there, and to tty. */
static int give_terminal(const struct launch *l, struct tare_err *err)
{
	uid_t base = has(l->container, CLONE_NEWUSER) ? IDENTITY_BASE : 0;

	if (l->exec->terminal && !l->container->rootless &&
	    fchown(l->exec->stdio[0], base, base + GROUP_TTY) < 0)
		return err_errno(err, "step 'give the terminal to root inside'");
	return 0;
}

static int prepare(void *context, struct tare_err *err)
{
	struct launch *l = context;
	struct container *c = l->container;
	int r = furnish_open(&c->extras, &l->furnish, err);

	if (r == 0)
		r = give_terminal(l, err);
	if (r == 0 && c->root != CONTAINER_HOST_ROOT)
		r = container_find_tree(c, err);
	return r == 0 && !c->rootless && c->root != CONTAINER_HOST_ROOT ? open_pieces(c, l, err)
									: r;
}

/* Namespaces that the process makes itself, see lock() and early(). */
static uint64_t made_later(const struct launch *l)
{
	return CLONE_NEWCGROUP | (makes_network_early(l->container) ? CLONE_NEWNET : 0) |
	       (l->proc_fd >= 0 ? CLONE_NEWTIME : 0);
}

int container_launch(struct container *container, const struct box_exec *exec,
		     struct box_process *ret, int *ret_order_fd, struct tare_err *err)
{
	struct launch l = {
		.container = container,
		.root = plan_root(container, exec),
		.pieces.load_fd = -1,
		.exec = exec,
		.proc_fd = has(container, CLONE_NEWTIME) && clocks_can_begin()
				   ? open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC)
				   : -1,
		.as_user = exec->as_user || container->extras.user[0],
		.user = {.uid = exec->uid, .gid = exec->gid},
		.uid = geteuid(),
		.gid = getegid(),
	};
	const struct spawn spawn = {
		.box = "container",
		.journal = container->place->journal,
		.clone_flags = container->namespaces & ~made_later(&l),
		.prepare = prepare,
		.outside = (has(container, CLONE_NEWUSER) && !container->rootless) || container->net
				   ? outside
				   : NULL,
		.early = early,
		.inside = inside,
		.finish = finish,
		.lock = lock,
		.context = &l,
		.apart = container->init,
		.init = container->init,
	};
	int r = ret_order_fd ? spawn_prepare(&spawn, exec, ret, ret_order_fd, err)
			     : spawn_start(&spawn, exec, ret, err);

	/* The child has its own; ours would keep the mounts alive after it. */
	furnish_close(&l.furnish);
	imaged_drop_pieces(&l.pieces);
	cleanup_closep(&l.root.tree_fd);
	cleanup_closep(&l.root.dev_fd);
	cleanup_closep(&l.root.work_fd);
	cleanup_closep(&l.proc_fd);
	return r;
}

static int try_inside(void *context, struct tare_err *err)
{
	const struct launch *l = context;
	int r = take_identity(l, err);

	if (r == 0)
		r = mounts_make_private(err);
	if (r == 0)
		r = bring_loopback_up(err);
	return r == 0 ? root_try(true, true, err) : r;
}

int container_try(const struct container *container, struct tare_err *err)
{
	struct container copy = *container;
	struct launch l = {.container = &copy,
			   .root.work_fd = -1,
			   .proc_fd = -1,
			   .furnish.extras = &copy.extras,
			   .uid = geteuid(),
			   .gid = getegid()};
	const struct spawn spawn = {
		.box = "container",
		.clone_flags = container->namespaces & ~(uint64_t)CLONE_NEWCGROUP,
		.outside = container->rootless ? NULL : outside,
		.inside = try_inside,
		.lock = lock,
		.context = &l,
	};
	struct box_process none;

	return spawn_start(&spawn, NULL, &none, err);
}
