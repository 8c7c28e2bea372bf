/* SPDX-License-Identifier: MIT */
#include "perf/encode.h"

#include <perfmon/pfmlib.h>
#include <perfmon/pfmlib_perf_event.h>
#include <stdbool.h>

#include "base/err.h"

static int encode_initialize(struct tare_err *err)
{
	static bool done;
	int r = done ? PFM_SUCCESS : pfm_initialize();

	if (r != PFM_SUCCESS)
		return err_set(err, ENOTSUP, "libpfm4: %.120s", pfm_strerror(r));
	done = true;
	return 0;
}

int encode_event(const char *name, struct encoded_event *ret, struct tare_err *err)
{
	struct perf_event_attr attr = {0};
	pfm_perf_encode_arg_t argument = {.attr = &attr, .size = sizeof(argument)};
	int r = encode_initialize(err);

	if (r < 0)
		return r;
	r = pfm_get_os_event_encoding(name, PFM_PLM0 | PFM_PLM3, PFM_OS_PERF_EVENT_EXT, &argument);
	if (r != PFM_SUCCESS)
		return err_set(err, ENOENT, "event '%.60s': %.120s", name, pfm_strerror(r));
	*ret = (struct encoded_event){
		.type = attr.type,
		.config = attr.config,
		.config1 = attr.config1,
		.config2 = attr.config2,
		.exclude_user = attr.exclude_user != 0,
		.exclude_kernel = attr.exclude_kernel != 0,
		.exclude_hv = attr.exclude_hv != 0,
	};
	return 0;
}
