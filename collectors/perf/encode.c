/* SPDX-License-Identifier: MIT */
#include "perf/encode.h"

#include <perfmon/pfmlib.h>
#include <perfmon/pfmlib_perf_event.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "perf/list.h"
#include "perf/survey.h"
#include "perf/tracepoint.h"

static int encode_initialize(struct tare_err *err)
{
	static bool done;
	int r = done ? PFM_SUCCESS : pfm_initialize();

	if (r != PFM_SUCCESS)
		return err_set(err, ENOTSUP, "libpfm4: %.120s", pfm_strerror(r));
	done = true;
	return 0;
}

static int encode_tracepoint(const char *name, struct encoded_event *ret, struct tare_err *err)
{
	struct encoded_event event = {.type = PERF_TYPE_TRACEPOINT};
	char path[LIST_NAME_SIZE];
	char *colon;
	int r;

	(void)snprintf(path, sizeof(path), "%s", name);
	colon = strchr(path, ':');
	if (colon)
		*colon = '/';
	r = tracepoint_id(path, &event.config, err);
	if (r == 0)
		*ret = event;
	return r;
}

/* "sched:sched_switch", as perf writes it; no unit mask of libpfm4's events is of that form where
 * libpfm4 does not know the event itself. */
static bool is_like_tracepoint(const char *name)
{
	const char *colon = strchr(name, ':');

	return colon && colon != name && strlen(colon) > 2 && !strchr(colon + 1, ':') &&
	       !strchr(name, '=');
}

/* What libpfm4 says of it. */
static int unknown(const char *name, int code, struct tare_err *err)
{
	char hint[TEXT_HINT_SIZE];

	if (code == PFM_ERR_NOTFOUND)
		return err_set(err, ENOENT,
			       "libpfm4 knows no event '%.60s' of this machine's processor%s", name,
			       text_hint(name, survey_names, hint, sizeof(hint)));
	if (code == PFM_ERR_ATTR || code == PFM_ERR_ATTR_VAL || code == PFM_ERR_ATTR_SET)
		return err_set(err, EINVAL,
			       "event '%.60s': libpfm4: %.80s after the ':' (events are joined by "
			       "'+')",
			       name, pfm_strerror(code));
	return err_set(err, ENOENT, "event '%.60s': libpfm4: %.80s", name, pfm_strerror(code));
}

int encode_event(const char *name, struct encoded_event *ret, struct tare_err *err)
{
	struct perf_event_attr attr = {0};
	pfm_perf_encode_arg_t argument = {.attr = &attr, .size = sizeof(argument)};
	int r = strchr(name, '/') ? encode_tracepoint(name, ret, err) : encode_initialize(err);

	if (r < 0 || strchr(name, '/'))
		return r;
	r = pfm_get_os_event_encoding(name, PFM_PLM0 | PFM_PLM3, PFM_OS_PERF_EVENT_EXT, &argument);
	if (r == PFM_ERR_NOTFOUND && is_like_tracepoint(name) &&
	    encode_tracepoint(name, ret, NULL) == 0)
		return 0;
	if (r != PFM_SUCCESS)
		return unknown(name, r, err);
	if (attr.sample_period || attr.precise_ip || attr.pinned || attr.exclusive)
		return err_set(err, EINVAL,
			       "event '%.60s': modifiers of sampling, and such as keep a counter "
			       "for one event, have no place here: leave them out",
			       name);
	*ret = (struct encoded_event){
		.type = attr.type,
		.config = attr.config,
		.config1 = attr.config1,
		.config2 = attr.config2,
		.exclude_user = attr.exclude_user != 0,
		.exclude_kernel = attr.exclude_kernel != 0,
		.exclude_hv = attr.exclude_hv != 0,
		.exclude_guest = attr.exclude_guest != 0,
		.exclude_host = attr.exclude_host != 0,
	};
	return 0;
}
