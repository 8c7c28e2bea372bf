# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What the tests of `tare run` share. Sourced after lib.sh; sets build, tare and runs.
build=${TARE_BUILD:-$(cd "$(dirname "$0")/../.." && pwd)/build-dev}
# shellcheck disable=SC2034 # for those who source this
tare=$build/tare
runs=$(mktemp -d "${TMPDIR:-/tmp}/tare-e2e-XXXXXX")
# shellcheck disable=SC2154 # of lib.sh
trap 'rm -rf "$work" "$runs"' EXIT

# perf_agrees RUN MODE: where all slept at both snapshots, perf's own tracepoint has counted as many
# calls as the collector syscalls, and context switches as sched if that was there, in each record
# but those of boxes that perf cannot count in.
perf_agrees() {
	jq -e -s --arg mode "$2" 'map(select(.collectors.syscalls.quiet and .collectors.counters.mode == $mode)) |
		length > 0 and all(.[].collectors;
			.counters.events as $events |
			([.syscalls.calls[].count] | add) + .syscalls.lost.other + .syscalls.lost.compat == $events["raw_syscalls/sys_enter"].value and
			(.sched.switches // $events["context-switches"].value) == $events["context-switches"].value)' "$1/records.jsonl"
}

# counts_are_exact RUN: in each record with the syscalls collector, each call that the load
# declares was entered exactly as often as it was declared for all operations, lead-ins included;
# the turns cost what they are declared to cost; and nothing was lost.
counts_are_exact() {
	jq -r '[.trial.load, (.trial.params | to_entries[] | "\(.key)=\(.value)")] | join(" ")' "$1/records.jsonl" |
		sort -u | while read -r played; do
			# shellcheck disable=SC2086 # a load and its parameters
			"${TARE_LIBEXEC:-$build}/tare-load" describe $played | jq --arg played "$played" '{($played): .syscalls}'
		done >"$work/loads.json"
	jq -e -s --slurpfile d "$work/loads.json" '($d | add) as $declared |
		map(select(.collectors.syscalls.calls != null)) |
		length > 0 and all(.[];
			.collectors.syscalls as $s | (.load.ops + .load.lead_in) as $n | .load.turns as $turns |
			([.trial.load, (.trial.params | to_entries[] | "\(.key)=\(.value)")] | join(" ")) as $played |
			($declared[$played] | to_entries |
				all(.[]; . as $call | ($s.calls[$call.key].count // 0) == $call.value * $n)) and
			($s.calls.readv.count == $turns) and ($s.calls.writev.count == $turns) and
			all($s.lost | to_entries[] | select(.key != "in_flight"); .value == 0))' \
		"$1/records.jsonl"
}

# one_program RUN: tare-load as each environment's kernel executed it is one and the same file.
one_program() {
	jq -e -s --arg want "$(sha256sum "${TARE_LIBEXEC:-$build}/tare-load" | cut -d' ' -f1)" \
		'map(select(.status != "unsupported")) | length > 0 and all(.[]; .sha256 == $want)' "$1/records.jsonl"
}

# valid RUN: its records but for the sets that were void, by the rule on stolen time, and were
# carried out again: how busy the host above is must not decide a test.
valid() { jq -c 'select(.status != "void")' "$1/records.jsonl"; }

all_ok() {
	valid "$1" | jq -r 'select(.status != "ok") | "\(.trial.env) \(.trial.load) \(.status): \(.why)"'
	valid "$1" | jq -e -s 'length > 0 and all(.[]; .status == "ok")'
}

# all_played RUN: the same of a run with every load, but for what a box may not let happen: then the
# load says why. What the container's filter forbids, it forbids.
all_played() {
	valid "$1" | jq -r 'select(.status != "ok") | "\(.trial.env) \(.trial.load) \(.status): \(.why)"'
	valid "$1" | jq -e -s 'length > 0 and all(.[];
		(.trial.box == "container" and (.trial.load | IN("nsops", "uring"))) as $forbidden |
		(.trial.box != "bare" and .trial.load == "cgops") as $hidden |
		if .status == "ok" then $forbidden | not
		else .status == "unsupported" and ($forbidden or $hidden) and (.why | length) > 0 end)'
}

# half_a_cpu RUN ENV: what its kernel counted over the run is within 2 % of half a CPU. A group
# begins with a whole quota in hand, which is one period in fifty: so the first half second, in
# which it is spent, is left out.
half_a_cpu() {
	jq -e -s --arg env "$2" 'map(select(.trial.env == $env and .trial.load == "cpu-burn")) |
		length > 0 and all(.[]; .collectors.cpu as $c | $c.series as $s |
			([range(0; $s.t_ns | length) | select($s.t_ns[.] >= 500000000)] | [first, last]) as [$a, $b] |
			(($s.usage_us[$b] - $s.usage_us[$a]) * 1000 / ($s.t_ns[$b] - $s.t_ns[$a])) as $cpus |
			($cpus | stderr) > 0.49 and $cpus < 0.51 and $c.nr_throttled > 0)' "$1/records.jsonl"
}

# killed_for_memory RUN ENV: the record names it, and the kernel counted it.
killed_for_memory() {
	jq -e -s --arg env "$2" 'map(select(.trial.env == $env and .trial.load == "mem-fill")) |
		length > 0 and all(.[]; .load.exit.oom == true and .load.exit.signal == 9 and
			.collectors.memory.events.oom_kill >= 1)' "$1/records.jsonl"
}

# nothing_left: no cgroup, mount, process, interface or folder of a run that has ended. Runs
# that go on beside this test are not looked at.
nothing_left() {
	"$tare" clean --json >"$work/left" && cat "$work/left" && jq -e '.runs == 0 and .things == 0' "$work/left" &&
		! grep ' /[^ ]*tare-2' /proc/self/mountinfo
}
