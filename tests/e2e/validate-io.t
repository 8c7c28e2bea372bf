#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by ok
# tare validate of block I/O and the network: each check passes in the container or says what is
# missing, passes on cgroup v2 in a guest and on a guest as a whole, and fails where limits are ignored or taken away.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/run.sh
. "$(dirname "$0")/run.sh"
# shellcheck source=tests/e2e/validate.sh
. "$(dirname "$0")/validate.sh"
need root test "$(id -u)" = 0
need jq jq --version

scale=0.3

# What goes over a network and what waits for a disk do not keep each other up.
validate "$work/networked" -e container,net=veth net-burst net-rate &
validate "$work/container" -e container io-bps io-buffered io-iops io-weight
wait
for check in io-bps io-iops; do
	ok "$check passes in the container" passes "$work/container" "$check"
done
for check in net-burst net-rate; do
	ok "$check passes in the container" passes "$work/networked" "$check"
done
if [ -d /sys/fs/cgroup/blkio ]; then
	ok "io-buffered is not to be had with version 1" verdict "$work/container" io-buffered unsupported
fi
grep -q '\[bfq\]' /sys/block/*/queue/scheduler ||
	ok "io-weight needs what shares by weight" verdict "$work/container" io-weight unsupported

# children PID: of it, and theirs.
children() {
	for child in $(pgrep -P "$1"); do
		echo "$child"
		children "$child"
	done
}
# unshape_guest: the same behind a guest's tap. The other end is served by a thread of tare's, which is
# the only one of its threads in that network namespace.
unshape_guest() {
	"$tare" validate -q --scale $scale -o "$work/unshaped-guest" -e vm,boot=restore,guest-net=tap net-rate >"$work/said" 2>&1 &
	validating=$!
	while kill -0 "$validating" 2>/dev/null; do
		for task in "/proc/$validating/task"/*; do
			[ "$(readlink "$task/ns/net")" = "$(readlink /proc/self/ns/net)" ] ||
				nsenter --net="$task/ns/net" tc qdisc del dev eth0 root 2>/dev/null
		done
		sleep 0.02
	done
	wait "$validating"
}
# unshape CHECK LOAD: the check, while the shaper of each load's network device is taken away as
# soon as there is one: what is measured is a device whose limit does not hold.
unshape() {
	"$tare" validate -q --scale $scale -o "$work/unshaped" -e container,net=veth "$1" >"$work/said" 2>&1 &
	validating=$!
	while kill -0 "$validating" 2>/dev/null; do
		for child in $(children "$validating"); do
			ps -o args= -p "$child" | grep -q "play $2" &&
				nsenter -t "$child" -n tc qdisc del dev eth0 root 2>/dev/null
		done
		sleep 0.02
	done
	wait "$validating"
}
validate "$work/broken" -e broken=command,command=env io-bps io-iops net-burst net-rate &
broken=$!
if [ -x "$(command -v tc)" ] && [ -x "$(command -v nsenter)" ]; then
	unshape net-burst net-burst
	ok "net-burst fails where the shaper is gone" verdict "$work/unshaped" net-burst fail
	unshape net-rate net-stream
	ok "net-rate fails where the shaper is gone" verdict "$work/unshaped" net-rate fail
fi
wait "$broken"
for check in io-bps io-iops; do
	ok "$check fails on a box that ignores limits" verdict "$work/broken" "$check" fail
done
for check in net-burst net-rate; do
	ok "$check needs a network device" verdict "$work/broken" "$check" unsupported
done

if guest; then
	validate "$work/guest" -e guest=vm+container,boot=restore,net=veth io-bps io-buffered io-iops io-weight \
		net-burst net-rate
	for check in io-bps io-buffered io-iops io-weight net-burst net-rate; do
		ok "$check passes on cgroup v2 in a guest" passes "$work/guest" "$check"
	done
	# The whole guest, by the host.
	validate "$work/tap" -e vm,boot=restore,guest-net=tap net-rate
	ok "net-rate passes behind the tap of a guest" passes "$work/tap" net-rate
	if [ -x "$(command -v tc)" ] && [ -x "$(command -v nsenter)" ]; then
		unshape_guest
		ok "net-rate fails where the guest's shaper is gone" verdict "$work/unshaped-guest" net-rate fail
	fi
	validate "$work/broken" -e broken=vm+command,boot=restore,command=env io-bps io-buffered io-iops io-weight
	for check in io-bps io-buffered io-iops io-weight; do
		ok "$check fails on a box in a guest that ignores limits" verdict "$work/broken" "$check" fail
	done
fi

# A guest as a whole, by QEMU's group on the disk that its image is on; then one whose QEMU is taken
# out of that group.
if guest; then
	validate "$work/whole" -e vm io-bps
	ok "io-bps passes on a guest as a whole" passes "$work/whole" io-bps
	ok "the limit was on the machine" jq -e 'all(.results[]; .limit_at == "machine")' "$work/whole"
	if [ -n "$(v1_mount blkio)" ]; then
		"$tare" validate -q --scale $scale -o "$work/taken" -e vm io-bps >"$work/said" 2>&1 &
		take_out $! blkio
		ok "io-bps fails on a guest that leaves its group" catches "$work/taken" io-bps
	fi
fi
ok "nothing is left" nothing_left
finish
