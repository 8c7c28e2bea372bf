/* SPDX-License-Identifier: MIT */
#include "refusal.h"

#include "base/err.h"

int refusal_errno(struct tare_err *err, const char *call)
{
	switch (errno) {
	case ENOSYS:
	case EOPNOTSUPP:
		return err_set(err, ENOTSUP, "%s: not to be had here (%m)", call);
	case EPERM:
	case EACCES:
	case EROFS:
		return err_set(err, ENOTSUP, "%s: not allowed here (%m)", call);
	default:
		return err_errno(err, "%s", call);
	}
}
