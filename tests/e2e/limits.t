#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317,SC2016 # functions are called by ok; scripts are for the shell inside
# Limits beside CPU time, memory and tasks, and the container's own network device; on the host
# and, with version 2 of cgroups, in a guest.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/run.sh
. "$(dirname "$0")/run.sh"
need root test "$(id -u)" = 0
need jq jq --version

# says SENTENCE COMMAND...: it fails and says so.
says() {
	sentence=$1
	shift
	"$@" >/dev/null 2>"$work/said"
	[ $? = 125 ] && grep -F "$sentence" "$work/said"
}
in_box() { "$tare" exec -e container "$@" -- /bin/busybox true; }

ok "period, burst, shares, swap and reservation are put on" in_box --cpus 0.5 --cpu-period 20ms \
	--cpu-burst 5ms --cpu-shares 200 --memory 64M --memory-swap 96M --memory-reservation 16M
ok "a period alone is refused" says "needs 'cpus' beside it" in_box --cpu-period 20ms
ok "a period that the kernel refuses is refused" says "not within 1ms and 1s" in_box --cpu-period 2s
ok "less swap than memory is refused" says "at least as much as 'memory'" \
	in_box --memory 64M --memory-swap 32M
if [ -d /sys/fs/cgroup/memory ]; then
	ok "version 1 has no memory-high, and it is said" says "has no such limit" in_box --memory-high 32M
fi

recorded() {
	"$tare" run -q -e container -w getppid --cpu-shares 200 --memory-reservation 16M --rounds 1 \
		--passes 3 -o "$runs/recorded" >/dev/null &&
		jq -e '.limits["cpu-shares"] == 200 and .limits["memory-reservation"] == 16777216 and
			(.limits.files | length) == 2' "$runs/recorded/records.jsonl"
}
ok "limits are read back into the record" recorded

links() { ls /sys/class/net; }
links >"$work/links"
device() { "$tare" exec -e container,net=veth --net-rate 20mbit -- /bin/busybox ip addr show eth0; }
has_device() { device >"$work/device" && grep -q 'qdisc tbf' "$work/device" && grep -q 10.254.0.2/30 "$work/device"; }
ok "net=veth gives a device of its own, shaped" has_device
answers() {
	"$tare" exec -e container,net=veth -- /bin/busybox sh -c \
		'/bin/busybox nc 10.254.0.1 19 </dev/null | /bin/busybox head -c 5 | /bin/busybox wc -c' | grep -x 5
}
ok "the other end answers" answers
echoes() {
	"$tare" run -q -e native -e container,net=veth -w tcprr,by=wire -c syscalls --rounds 1 --passes 5 -o "$runs/echo" &&
		counts_are_exact "$runs/echo" && jq -e -s 'all(.[]; if .trial.env == "native"
			then .status == "unsupported" and (.why | contains("container,net=veth")) else .status == "ok" end)' "$runs/echo/records.jsonl"
}
ok "a byte goes there and back; without a device it is unsupported" echoes
ok "without a device a rate is refused" says "use container,net=veth" in_box --net-rate 20mbit
ok "natively too" says "use container,net=veth" "$tare" exec -e native --net-rate 20mbit -- true
ok "a rate without its unit is refused" says "lacks a unit" in_box --net-rate 20
# A device counts what it is handed as one packet, the limit's queue what goes over the wire: without the
# 66 bytes of headers of each (Ethernet, IPv4, TCP with timestamps), both are what the load has sent, but for
# what still lies in its socket.
traffic() {
	"$tare" run -q -e container,net=veth --net-rate 10mbit -w net-stream --rounds 1 -o "$runs/traffic" && all_ok "$runs/traffic" &&
		valid "$runs/traffic" | jq -e '.collectors.net as $net | $net.devices.eth0 as $d | ($d.tx_bytes - 66 * $d.tx_packets) as $sent |
			($net.namespace == "own") and $d.qdisc.bytes - 66 * $d.qdisc.packets == $sent and
			(.load.ops * 65536 - $sent | . >= 0 and . < 524288) and $d.qdisc.overlimits > 0 and
			$d.tx_bytes == $d.peer.rx_bytes and $d.rx_bytes == $d.peer.tx_bytes and
			$d.peer.qdisc.overlimits + $d.peer.qdisc.drops == 0 and ($net.lost | add) == 0 and
			($net.series | (.backlog | max) > 0 and .tx_bytes == (.tx_bytes | sort) and .tx_bytes[-1] <= $d.tx_bytes and
				.overlimits[-1] > 0 and .peer_overlimits[-1] == 0)'
}
# Where we are in a guest ourselves: networks are the same there, and top comes too late for it.
if [ -z "${TARE_IN_GUEST-}" ]; then
	ok "the rate holds both ways, and nothing holds without it" "$tare" validate --scale 0.4 \
		-e container,net=veth net-rate
	ok "what a load sends is counted at both ends, and what its limit held back" traffic
fi
ok "the machine's own network is as before" sh -c "ls /sys/class/net | cmp - '$work/links'"

ulimits() { # on a process, wherever it is; where it may, above what was the most
	"$tare" run -q -e native -e container -e vm,boot=restore -e vm+container,boot=restore -w getppid \
		--ulimit nofile=100:200 --ulimit core=0 --rounds 1 --passes 5 -o "$runs/ulimits" &&
		jq -e -s 'length == 4 and all(.[]; .status == "ok" and .limits.ulimit.nofile == {soft: 100, hard: 200} and
			.limits.ulimit.core == {soft: 0, hard: 0})' "$runs/ulimits/records.jsonl"
}
lifted() {
	"$tare" exec -e vm+container,boot=restore --ulimit nofile=100:900000 -- \
		sh -c 'echo $(ulimit -Sn) $(ulimit -Hn)' | grep -x '100 900000'
}

shaped_guest() {
	"$tare" exec -e vm+container,boot=restore,net=veth --cpu-shares 200 --memory 64M --memory-high 32M \
		--memory-min 8M --oom-group 1 --net-rate 20mbit -- /bin/busybox ip addr show eth0 >"$work/guest" &&
		grep 'qdisc tbf' "$work/guest"
}
if guest; then
	ok "ulimits are read back, in guests too" ulimits
	ok "a hard one is lifted where there is the right to" lifted
	ok "a guest's container has those of version 2, and a shaped device" shaped_guest
fi
# A box that computes under a quota, as `tare top` shows it meanwhile.
seen_by_top() {
	"$tare" exec -e container --cpus 0.25 --memory 48M --pids-limit 9 -- \
		sh -c 'end=$(($(cut -d. -f1 /proc/uptime) + 5)); while [ "$(cut -d. -f1 /proc/uptime)" -lt $end ]; do :; done' &
	watched=$!
	sleep 1
	"$tare" top --json -n 2 --interval 500ms >"$work/top"
	"$tare" top -n 1 >"$work/table"
	wait "$watched"
	cat "$work/top" "$work/table"
	jq -e -s 'length == 2 and ([.[1][] | select(.memory_limit == 48 * 1048576 and .pids_limit == 9)] |
		length == 1 and (.[0] | .cpus_limit == 0.25 and .cpus > 0.05 and .cpus < 0.6 and .throttled_share > 0 and
			.memory > 0 and .pids >= 1 and (.command | startswith("sh -c end"))))' "$work/top" &&
		grep '0.25 .*48 MiB .* sh -c end' "$work/table"
}
[ -n "${TARE_IN_GUEST-}" ] || ok "top shows what a box uses of its limits" seen_by_top
none_such() { ! "$tare" top nosuch 2>"$work/said" && grep "no run 'nosuch' is alive" "$work/said"; }
ok "top of a run that is none is told" none_such
ok "nothing is left" nothing_left
finish
