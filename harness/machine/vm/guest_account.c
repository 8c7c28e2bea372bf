/* SPDX-License-Identifier: MIT */
#include "machine/vm/guest_account.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "check/check.h"
#include "check/run/group.h"
#include "check/run/run.h"
#include "kernel/net.h"
#include "kernel/program.h"
#include "machine/vm/channel.h"
#include "machine/vm/guest.h"

static int ask(struct guest *guest, const struct check_request *request, uint64_t silence_ns,
	       json_t **ret, struct tare_err *err)
{
	uint64_t deadline_ns = clock_now_ns() + check_patience_ns(request->scale) +
			       guest_patience_ns(guest->cpus, silence_ns);
	cleanup_json json_t *ok = NULL;
	json_t *account = NULL;
	int r = channel_call(guest->channel, "check", check_request_to_json(request), deadline_ns,
			     &ok, err);

	if (r == 0)
		r = json_read_object(ok, "account", &account, err);
	if (r == 0)
		*ret = json_incref(account);
	return r;
}

/* What a measurement used of the host: QEMU's time, and that of our thread at the other end. */
static uint64_t own_cpu_ns(const struct guest *guest)
{
	uint64_t qemu = 0, ours = 0;

	(void)program_cpu_ns(guest->qemu.process.pid, &qemu);
	(void)program_cpu_ns(getpid(), &ours);
	return qemu + ours;
}

/* Who else uses the host's CPUs is not to be seen in a guest: what came short meanwhile is no fault
 * of the limit, as in a check on the host. */
static void excuse(const struct check_machine *before, uint64_t cpu_ns, double least,
		   json_t *figure)
{
	struct check_figure seen = {0};
	struct check_machine after;

	if (json_double_or(figure, "value", least) >= least ||
	    *json_string_or(figure, "disturbed", ""))
		return;
	check_machine_read(&after);
	check_disturbed(before, &after, cpu_ns, &seen);
	(void)json_object_set_new(figure, "disturbed", json_string(seen.disturbed));
}

/* What the guest says of the one half that it was asked for. */
static int ask_half(struct guest *guest, const struct check_request *request, enum check_half half,
		    uint64_t silence_ns, json_t **ret, struct tare_err *err)
{
	struct check_request of_half = *request;

	of_half.on_device = true;
	of_half.half = half;
	return ask(guest, &of_half, silence_ns, ret, err);
}

static int ask_limited(struct guest *guest, const struct check_request *request, double least,
		       uint64_t silence_ns, json_t **ret, struct tare_err *err)
{
	struct check_machine before;
	uint64_t cpu_ns = own_cpu_ns(guest);
	int r;

	check_machine_read(&before);
	r = ask_half(guest, request, CHECK_LIMITED, silence_ns, ret, err);
	if (r == 0)
		excuse(&before, own_cpu_ns(guest) - cpu_ns, least,
		       json_object_get(*ret, "limited"));
	return r;
}

static int ask_control(struct guest *guest, const struct check_request *request,
		       uint64_t silence_ns, json_t *account, struct tare_err *err)
{
	cleanup_json json_t *control = NULL;
	json_t *figure;
	int r = net_set_rate(guest->net, 0, err);

	if (r == 0)
		r = ask_half(guest, request, CHECK_CONTROL, silence_ns, &control, err);
	figure = json_object_get(control, "control");
	if (figure && json_object_set(account, "control", figure) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return r;
}

static int ask_by_halves(struct guest *guest, const struct check_request *request,
			 const struct check_ops *ops, uint64_t rate, uint64_t silence_ns,
			 json_t **ret, struct tare_err *err)
{
	cleanup_json json_t *account = NULL;
	uint64_t before = net_rate(guest->net);
	int r = net_set_rate(guest->net, rate, err), back;

	if (r == 0)
		r = ask_limited(guest, request, ops->low, silence_ns, &account, err);
	if (r == 0 && !json_object_get(account, "unsupported"))
		r = ask_control(guest, request, silence_ns, account, err);
	back = net_set_rate(guest->net, before, r == 0 ? err : NULL);
	r = r < 0 ? r : back;
	if (r == 0)
		*ret = json_incref(account);
	return r;
}

int guest_account_get(struct guest *guest, const struct check_request *request, uint64_t silence_ns,
		      json_t **ret, struct tare_err *err)
{
	const struct check_ops *ops;
	struct limits limits = {0};
	int r = check_find(request->check, &ops, err);

	if (r < 0)
		return r;
	if (!guest->net || !ops->on_device || strcmp(request->box, "bare") != 0)
		return ask(guest, request, silence_ns, ret, err);
	r = check_limits_add(ops->on_device, &limits, err);
	return r < 0 ? r
		     : ask_by_halves(guest, request, ops, limits.net_rate, silence_ns, ret, err);
}
