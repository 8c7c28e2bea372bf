#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by ok
# tare run in guests: bare and with a container inside, where everything is cgroup v2.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/run.sh
. "$(dirname "$0")/run.sh"
need root test "$(id -u)" = 0
need jq jq --version
need qemu qemu-system-x86_64 --version
need image "$tare" image build

loads=@syscall,@io,@sched,@net,@memory
# Sanitized, the loads and who looks at them in a guest are not: what is of them here is the same for each.
[ -z "${TARE_SANITIZED-}" ] || loads=@core
observed() {
	"$tare" run -q -e native -e vm -e vm+container -w "$loads" -c 'syscalls,sched,counters={cycles,task-clock,page-faults}+context-switches+context-switches:u+raw_syscalls/sys_enter' \
		--rounds 1 --passes 5 -o "$runs/observed"
}
ok "every load is observed in the guest and in a container there" observed
ok "every load is played but those that the container forbids" all_played "$runs/observed"
ok "the counts of the guest's kernel are exact" counts_are_exact "$runs/observed"
ok "one program ran in all" one_program "$runs/observed"

guests_are_labelled() {
	jq -e -s 'all(.[] | select(.trial.machine == "vm" and .status == "ok");
		(.instance.accel == "tcg" or .instance.accel == "kvm") and .instance.boot.kind == "cold" and
		.instance.boot.spans.kernel > 0 and .instance.boot.spans.userspace > .instance.boot.spans.kernel and .instance.boot.spans.hello > .instance.boot.spans.userspace and
		.validity.clock.rtt_ns > 0)' "$runs/observed/records.jsonl"
}
ok "accelerator, boot and clock are in the records" guests_are_labelled

ends_are_told() {
	jq -e '.guests | length > 0 and all(.[]; .boot.spans | .qemu == 0 and .accel <= .kernel and .kernel <= .userspace and
		.userspace <= .hello and .hello <= .power_off and .power_off <= .gone)' "$runs/observed/manifest.json"
}
ok "how each guest ended is in the manifest, and its spans are in order" ends_are_told

# While players take turns, tare sits on the CPU of theirs, and guests are opened meanwhile.
elsewhere() { jq -e -s 'all(.[] | select(.trial.machine == "vm" and .status == "ok") | .instance.pinning; .others != .vcpus[0])' "$runs/observed/records.jsonl"; }
[ "$(nproc)" = 1 ] || ok "a guest's other threads run where its virtual CPU does not" elsewhere

payloads_are_placed() {
	jq -e -s 'all(.[] | select(.trial.machine == "vm" and .status == "ok"); .spans.payload > .instance.boot.spans.hello and
		.spans.payload_exit > .spans.payload and .host_collectors.idle.wall_ns > 0)' "$runs/observed/records.jsonl"
}
# What the guest's kernel saw of each trial, and what the host's saw of QEMU.
both_sides() {
	jq -e -s 'map(select(.trial.machine == "vm" and .status == "ok")) | length > 0 and all(.[];
		(.collectors.syscalls.calls | length) > 0 and .collectors.sched.switches > 0 and .collectors.cpu.usage_us > 0 and
		(.collectors | has("memory") and has("io")) and .collectors.footprint.pss > 0 and .stolen.wall_ns > 0 and
		.host_collectors.footprint.pss > 0 and .host_collectors.cpu.usage_us > 0 and
		(.host_collectors.vcpus | .count == 1 and .run_ns > 0 and .wall_ns >= .turns.wall_ns and .others_ns > 0))' \
		"$runs/observed/records.jsonl"
}
ok "both kernels' accounts of a trial are in its record" both_sides
ok "a payload's first instruction and end are on the host's clock" payloads_are_placed

# Memory is no time: an agent of more than 4 MB is one on any machine.
footprints() {
	jq -e -s 'all(.[] | select(.trial.machine == "vm") | .instance.footprint;
		.beyond_guest_bytes > 1000000 and .guest_bytes > 1000000 and
		.agent_rss_bytes > 100000 and .agent_rss_bytes <= 4194304)' "$runs/observed/records.jsonl"
}
ok "what an idle guest takes of the host's memory is in the records, and the agent is small" footprints

software_counts_hardware_says_why() {
	jq -e -s 'all(.[] | select(.collectors.counters.events != null) | .collectors.counters.events;
		.["page-faults"].value >= 0 and (.cycles | has("unsupported") or (.value > 0)) and
		.["context-switches:u"].suspect and .["page-faults"].running_ns == .["task-clock"].running_ns)' \
		"$runs/observed/records.jsonl"
}
ok "counters count, or say why not" software_counts_hardware_says_why
ok "perf counts the same calls and switches as the programs, in the guest as on the host" perf_agrees "$runs/observed" cgroup

pids() {
	"$tare" run -q -e vm+container,boot=restore -w fork-many,n=50 --pids-limit 10 --duration 1s --rounds 1 -o "$runs/pids" &&
		jq -e '.load.figures as $f | $f.refused.value > 0 and $f.children.value < 10' "$runs/pids/records.jsonl"
}
io_limit() {
	"$tare" run -q -e vm+container,boot=restore -w io-stream,rw=write,direct=on --device-write-bps /work:4M --duration 4s \
		--rounds 1 -o "$runs/io" &&
		jq -e '.load.figures.bytes_per_s.value / 4194304 | . > 0.85 and . < 1.15' "$runs/io/records.jsonl"
}
# Sanitized, these are the agent's, which is not.
if [ -z "${TARE_SANITIZED-}" ]; then
	ok "limits are put on inside the guest" "$tare" run -q -e inside=vm+container,boot=restore -w cpu-burn,mem-fill --cpus 0.5 \
		--memory 64M --duration 5s --rounds 1 -o "$runs/limits"
	ok "half a CPU is half a CPU on cgroup v2" half_a_cpu "$runs/limits" inside
	ok "64 MiB end in a kill that the record names, on cgroup v2" killed_for_memory "$runs/limits" inside
	ok "pids-limit refuses the eleventh process, on cgroup v2" pids
	ok "device-write-bps holds direct writes, on cgroup v2" io_limit
fi

# One guest is limited from outside, another's load from inside; each operation is timed.
whole_guest() {
	"$tare" run -q -e bare=vm,boot=restore -e inside=vm+container,boot=restore,limit-at=box -e outside=vm+container,boot=restore,limit-at=machine \
		-w cpu-burn --cpus 0.5 --mode latency --duration 3s --rounds 1 -o "$runs/whole" && all_ok "$runs/whole" &&
		valid "$runs/whole" | jq -e -s 'all(.[] | select(.trial.env != "inside"); .limit_at == "machine" and
			(.host_collectors.cpu as $c | $c.nr_throttled > 0 or $c.usage_us * 1000 < 0.45 * $c.wall_ns))'
}
ok "a limit on a vm is one on QEMU, and the host sees it throttled" whole_guest
ok "half a CPU of QEMU is no quota in the guest, and one in the guest is none of QEMU" jq -e -s '
	all(.[]; .limit_at == "box" and .collectors.cpu.nr_periods > 0 and (.host_collectors.cpu | has("nr_periods") | not) or
		.limit_at == "machine" and (.collectors.cpu.nr_periods // 0) == 0 and .host_collectors.cpu.nr_periods > 0)' \
	"$runs/whole/records.jsonl"
ok "the host's time series is beside the guest's" jq -e -s 'all(.[] | select(.limit_at == "machine");
	(.host_collectors.cpu.series | (.t_ns | length) > 20 and (.throttled_us | length) > 20))' "$runs/whole/records.jsonl"
ok "all time is in the latencies" jq -e -s 'all(.[]; .load.latency.count == .load.ops and
	.load.latency.max_ns < .load.slices.ns[0])' "$runs/whole/records.jsonl"

# QEMU's group on the disk of its image; the size of the guest by its balloon.
held_from_outside() {
	"$tare" run -q -e vm,balloon=on,boot=restore -w io-stream,rw=write,direct=on --device-write-bps /work:4M \
		--memory 160M --duration 4s --rounds 1 -o "$runs/outside" &&
		jq -e '(.load.figures.bytes_per_s.value / 4194304 | . > 0.85 and . < 1.15) and
			.instance.memory_bytes == 268435456 and .instance.limits.memory == 167772160 and
			.host_collectors.balloon.actual_bytes == 167772160' "$runs/outside/records.jsonl"
}
ok "device-write-bps holds a whole guest, and a balloon its memory" held_from_outside

too_small() {
	! "$tare" run -q -e vm -w cpu-burn --memory 64M --duration 1s --rounds 1 -o "$runs/small" >"$work/said" 2>&1 &&
		cat "$work/said" "$runs/small/records.jsonl" 2>/dev/null | grep 'vm+container'
}
ok "too little memory for a guest is refused, and vm+container named" too_small

restored() {
	"$tare" run -q --rootfs-mode same -e vm,boot=restore -e native -e chroot -e container -w fsync --rounds 2 \
		--passes 5 -o "$runs/restored" && all_ok "$runs/restored" &&
		jq -e -s 'map(select(.trial.machine == "vm"))[1].instance.boot.kind == "restored"' \
			"$runs/restored/records.jsonl"
}
ok "a saved guest is restored, and the record says so" restored

# The same size everywhere, new in each round; who goes past which cache is told.
same_disks() {
	jq -e -s 'map(.instance.work_disk) as $disks |
		($disks | map(.bytes) | unique) == [536870912] and all($disks[]; .direct | type == "boolean") and
		all(.[]; .instance.work_disk.kind == (if .trial.machine == "vm" then "virtio-blk" else "loop" end)) and
		(map(select(.trial.env == "native").instance.id) | unique | length) == 2' "$runs/restored/records.jsonl" &&
		jq -e '.campaign.rootfs_mode == "same"' "$runs/restored/manifest.json"
}
ok "with --rootfs-mode same, /work is on a disk of the same recipe everywhere" same_disks

# A guest that lives for two rounds is one instance of both; what is on the host is made anew.
shared() {
	"$tare" run -q -e native -e vm,boot=restore -w getppid --rounds 4 --rounds-per-instance 2 --passes 5 -o "$runs/shared" &&
		all_ok "$runs/shared" &&
		jq -e -s 'def ids(m): map(select(.trial.machine == m) | [.round, .instance.id]) | sort | map(.[1]);
			(ids("vm") | .[0] == .[1] and .[2] == .[3] and .[1] != .[2]) and (ids("host") | unique | length) == 4' \
			"$runs/shared/records.jsonl" &&
		"$tare" report -q -f csv "$runs/shared" &&
		jq -e '.ratios[0] | .rounds == 4 and .instances == 2 and .ci == null and .spread.rounds_pct >= 0' "$runs/shared/summary.json"
}
ok "rounds may share a guest, which is then one instance" shared

q35() { "$tare" run -q -e vm,machine=q35 -w getppid --rounds 1 --passes 5 -o "$runs/q35" && all_ok "$runs/q35"; }
ok "a q35 machine boots too" q35

# The guest dies in the middle: the record says so, and the next round has a new one.
murdered() {
	"$tare" run -q -e native -e guest=vm,boot=restore -w getppid,stat --rounds 3 --passes 400 -o "$runs/murdered" >/dev/null &
	pid=$!
	for _ in $(seq 150); do
		sleep 0.1
		[ "$(wc -l <"$runs/murdered/records.jsonl" 2>/dev/null || echo 0)" -ge 1 ] && break
	done
	kill -KILL "$(pgrep -P "$pid" -f qemu-system | head -n 1)"
	wait "$pid"
	[ $? = 1 ] && jq -e -s 'any(.[]; .status == "failed" and (.why | length) > 0) and
		(map(select(.trial.env == "native")) | all(.status == "ok" or .status == "void")) and
		any(.[]; .round == 2 and .trial.env == "guest" and .status == "ok")' "$runs/murdered/records.jsonl"
}
ok "a guest that is killed fails its trials, and is replaced" murdered

# One record of each way: limited behind the tap, and nothing of it on this machine's network.
networked() {
	find /sys/class/net >"$work/links"
	"$tare" run -q -e vm,boot=restore,guest-net=tap -w net-stream,way=send -w net-stream,way=receive \
		--net-rate 20mbit --duration 1s --rounds 1 -o "$runs/networked" && all_ok "$runs/networked" &&
		jq -e -s 'length == 2 and all(.[]; .instance.network.backend == "tap" and .instance.network.vhost == false and
			.instance.limits["net-rate"] == 20000000 and
			(.load.figures.bytes_per_s.value / 2500000 | . > 0.3 and . < 1.15))' "$runs/networked/records.jsonl" &&
		find /sys/class/net | cmp - "$work/links"
}
ok "a guest has a network device, limited from outside, and the record tells of it" networked
reached() {
	"$tare" exec -e vm+container,guest-net=tap,net=host -- /bin/busybox ip -o addr show eth0 | grep 10.254.0.2/30 &&
		"$tare" exec -e vm,guest-net=tap -- /bin/busybox sh -c \
			'grep eth0 /proc/net/dev; ping -c 1 -W 5 10.254.0.1; nc 10.254.0.1 19 </dev/null | head -c 5 | wc -c' | grep -x 5
}
ok "a container there may have the guest's, and the other end answers" reached
orphan_guest() { # its tare is killed while it is up
	"$tare" exec -e vm,guest-net=tap -- /bin/busybox sh -c 'echo up; sleep 60' >"$work/up" &
	pid=$!
	for _ in $(seq 150); do
		grep -q up "$work/up" && break
		sleep 0.1
	done
	guest=$(pgrep -P "$pid" -f qemu-system | head -n 1)
	others=$(for task in "/proc/$pid/task"/*; do readlink "$task/ns/net"; done | sort -u | wc -l)
	kill -KILL "$pid"
	wait "$pid"
	for _ in $(seq 50); do
		kill -0 "$guest" 2>/dev/null || break
		sleep 0.1
	done
	[ "$others" = 2 ] && ! kill -0 "$guest" 2>/dev/null && "$tare" clean && find /sys/class/net | cmp - "$work/links"
}
ok "the network of a tare that was killed goes with it" orphan_guest
refused_without() { ! "$tare" exec -e vm --net-rate 20mbit -- true 2>"$work/said" && grep 'guest-net=tap' "$work/said"; }
ok "without a device a rate is refused, and the option named" refused_without

in_guest() {
	printf 'abc' | "$tare" exec -e vm,boot=restore -- /bin/busybox sh -c 'cat; uname -r; exit 7' >"$work/exec" 2>"$work/exec.err"
	[ $? = 7 ] && grep '^abc6\.' "$work/exec"
}
ok "exec runs a command in a guest, with its input, output and status" in_guest

# A restored guest is the one that was saved once; one that booted is another.
boot_of() { "$tare" exec -e "vm$1" -- /bin/busybox cat /proc/sys/kernel/random/boot_id; }
soon() {
	saved=$(boot_of "") && [ -n "$saved" ] && [ "$(boot_of ,boot=restore)" = "$saved" ] &&
		other=$(boot_of ,boot=cold) && [ -n "$other" ] && [ "$other" != "$saved" ]
}
ok "exec goes on with a saved guest unless a cold one is asked for" soon
ok "nothing is left" nothing_left
finish
