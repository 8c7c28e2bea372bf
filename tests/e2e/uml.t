#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317,SC2016 # functions are called by ok; scripts are for the shell inside
# User-Mode Linux: the same agent and loads under a kernel that is a program of the host.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/run.sh
. "$(dirname "$0")/run.sh"
need root test "$(id -u)" = 0
need jq jq --version
need busybox test -x /bin/busybox
need uml "$tare" exec -e uml -- /bin/busybox true

# inside ENV SCRIPT: run it in a shell there.
inside() { timeout -s KILL 60 "$tare" exec -e "$1" -- /bin/busybox sh -c "$2"; }

in_turns() {
	"$tare" run -q -e native -e uml -e uml+container -w getppid,openclose --rounds 2 --passes 10 \
		-o "$runs/turns" && all_ok "$runs/turns"
}
ok "native, uml and uml+container take turns" in_turns
ok "one program ran in all" one_program "$runs/turns"

ok "doctor boots one" sh -c "'$tare' doctor uml --deep --json |
	jq -e '[.checks[] | select(.state == \"ok\") | .name] == [\"ptrace\", \"memory\", \"kernel\", \"boot\"]'"

labelled() {
	jq -e -s 'map(select(.trial.machine == "uml")) | length >= 8 and all(.[];
		.instance.machine == "uml" and .instance.accel == "uml" and .instance.boot.kind == "cold" and
		.instance.boot.spans.hello > 0 and (.instance.kernel | startswith("6.")) and
		.validity.clock.rtt_ns > 0 and .host_collectors.cpu.usage_us > 0)' "$runs/turns/records.jsonl"
}
ok "the records say uml, its boot and what the host paid" labelled

# Its kernel has neither BTF nor tracepoints: said, and the files of cgroups are read all the same.
lacks() {
	"$tare" run -q -e uml -e uml+container -w getppid -c syscalls,cpu --rounds 1 --passes 3 -o "$runs/seen" &&
		jq -e -s 'map(select(.trial.machine == "uml")) | length >= 2 and all(.[];
		(.collectors.syscalls.unsupported | contains("BTF")) and
		(.collectors.cpu | has("usage_us")) and
		(.instance.lacks | index("BTF") and index("time namespaces")))' "$runs/seen/records.jsonl"
}
ok "what the kernel lacks is said" lacks

report_says() {
	"$tare" report "$runs/turns" -f md >/dev/null && cat "$runs/turns/report/report.md" &&
		grep -q 'uml (User-Mode Linux)' "$runs/turns/report/report.md" &&
		grep -q 'uml+container (User-Mode Linux)' "$runs/turns/report/report.md" &&
		grep -q 'this is User-Mode Linux, not what a VM costs' "$runs/turns/report/report.md" &&
		! grep -q 'emulat' "$runs/turns/report/report.md"
}
ok "the report calls it User-Mode Linux, and no VM" report_says

streams() {
	printf abc | inside "$1" 'cat; uname -r; echo words >&2; exit 7' >"$work/told" 2>"$work/words"
	test $? = 7 && cat "$work/told" && grep -q '^abc6\.' "$work/told" && grep -qx words "$work/words"
}
for env in uml uml+chroot uml+container; do
	ok "exec in $env: input, output, status" streams "$env"
done

# More than a line buffers in either direction, byte by byte the same.
much() {
	head -c 300000 /dev/urandom >"$work/bytes"
	inside uml cat <"$work/bytes" >"$work/told" && cmp "$work/told" "$work/bytes"
}
ok "a command's bytes pass the lines as they are" much
# A line that had to hold its sender up would hear nothing after the pause.
pauses() {
	{ head -c 9000 /dev/zero; sleep 1; head -c 9000 /dev/zero; sleep 1; head -c 9000 /dev/zero; } |
		inside uml 'sleep 1; wc -c' >"$work/told" && cat "$work/told" && grep -qx 27000 "$work/told"
}
ok "also after pauses" pauses
too_long() {
	long=$(head -c 5000 /dev/zero | tr '\0' x)
	! "$tare" exec -e uml --env "X=$long" -- /bin/busybox true >"$work/said" 2>&1 &&
		grep 'a message of more than 3500 bytes' "$work/said"
}
ok "what a line cannot hold is refused with a sentence" too_long

# What is made anew then is its initrd; the kernel is copied.
closed_cache() {
	(umask 077 && mkdir -p "$work/cache/tare/guest" &&
		cp -a "${XDG_CACHE_HOME:-/var/cache}/tare/guest/kernels" "$work/cache/tare/guest" &&
		XDG_CACHE_HOME=$work/cache "$tare" exec -e uml -- /bin/busybox true)
}
ok "it boots from a cache that a umask of 077 closed to it" closed_cache

refused() { ! "$tare" exec -e "$1" -- /bin/busybox true >"$work/said" 2>&1 && grep "$2" "$work/said"; }
ok "boot=restore is refused with a sentence" refused uml,boot=restore 'cannot be saved'
ok "time=own, which its kernel has not, is refused" refused uml+container,time=own 'time namespace'

no_way_out() {
	inside uml 'mkdir /h; mount -t hostfs none /h; mount -t hostfs none /h -o /../../etc; ls -A /h' \
		>"$work/said" 2>&1
	cat "$work/said"
	test "$(grep -c 'Not a directory' "$work/said")" = 2
}
ok "the host's folders cannot be mounted" no_way_out

# processes_of PID: User-Mode Linux below that tare and its process 1, and all that it traces.
processes_of() {
	first=$(pgrep -P "$1") && kernel=$(pgrep -P "$first") && echo "$kernel" && echo "$first" &&
		pgrep -P "$kernel"
}

# begin ENV SCRIPT: in the background; pid is tare's, all are the guest's processes on the host.
begin() {
	"$tare" exec -e "$1" -- /bin/busybox sh -c "echo up; $2" >"$work/told" 2>"$work/words" &
	pid=$!
	for _ in $(seq 300); do
		grep -q up "$work/told" && break
		sleep 0.1
	done
	all=$(processes_of "$pid")
}
none_of() {
	for _ in $(seq 50); do
		for process; do
			kill -0 "$process" 2>/dev/null && sleep 0.1 && continue 2
		done
		return 0
	done
	return 1
}

whose() {
	begin uml 'sleep 60'
	for process in $all; do
		cat "/proc/$process/status"
	done >"$work/status"
	kill -TERM "$pid"; wait "$pid"
	grep -E '^(Uid|CapEff|NoNewPrivs)' "$work/status"
	test "$(echo "$all" | wc -l)" -ge 3 && ! grep -q '^Uid:.*[[:space:]]0$' "$work/status" &&
		! grep '^CapEff:' "$work/status" | grep -qv 0000000000000000
}
ok "its processes are nobody's on the host" whose

kernel_killed() {
	begin uml+container 'while :; do :; done'
	kill -KILL "$(echo "$all" | head -n 1)"
	wait "$pid"
	# shellcheck disable=SC2086 # numbers
	test $? = 125 && cat "$work/words" && grep -q 'User-Mode Linux was killed by signal 9' "$work/words" &&
		none_of $all
}
ok "when it is killed, exec says so, and what it traced is gone" kernel_killed

tare_killed() {
	begin uml 'while :; do :; done'
	kill -KILL "$pid"; wait "$pid"
	# shellcheck disable=SC2086 # numbers
	none_of $all && "$tare" clean
}
ok "when tare is killed, nothing of it goes on" tare_killed
ok "and clean leaves nothing" nothing_left

# On a busy machine it may get less than its half, and is then not throttled.
whole_guest() {
	"$tare" run -q -e uml -w cpu-burn --cpus 0.5 --duration 3s --rounds 1 -o "$runs/whole" && all_ok "$runs/whole" &&
		valid "$runs/whole" | jq -e '.host_collectors.cpu as $c | $c.nr_periods > 0 and
			.instance.limits != null and $c.usage_us > 0 and $c.usage_us * 1000 < 0.6 * $c.wall_ns and
			($c.nr_throttled > 0 or $c.usage_us * 1000 < 0.5 * $c.wall_ns)'
}
ok "a limit on uml is one on all its processes" whole_guest
inner_limits() {
	"$tare" run -q -e uml+container -w cpu-burn,mem-fill --cpus 0.5 --memory 64M --duration 6s --rounds 1 \
		-o "$runs/inner" && killed_for_memory "$runs/inner" uml+container &&
		jq -e -s 'map(select(.trial.load == "cpu-burn")) | length > 0 and
			all(.[]; .collectors.cpu.nr_throttled > 0)' "$runs/inner/records.jsonl"
}
ok "its own kernel limits a container in it" inner_limits

panic() {
	inside uml 'echo c >/proc/sysrq-trigger' >"$work/said" 2>&1
	test $? = 125 && cat "$work/said" && grep -qi 'User-Mode Linux.*last words: .*panic' "$work/said"
}
ok "a panic is told with its last words" panic
ok "nothing is left" nothing_left
finish
