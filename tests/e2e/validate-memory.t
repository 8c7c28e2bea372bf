#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by ok
# tare validate of memory, block I/O and the network: each passes in the container or says what is
# missing, passes on cgroup v2 in a guest, and fails on a box that ignores limits.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/run.sh
. "$(dirname "$0")/run.sh"
need root test "$(id -u)" = 0
need jq jq --version

validate() { to=$1; shift; "$tare" validate -q --scale 0.4 -o "$to" "$@" >"$work/said" 2>&1; }
verdict() {
	jq -r --arg check "$2" '.results[] | select(.check == $check) | "\(.verdict) \(.why)", .figure' "$1"
	[ "$(jq -r --arg check "$2" '.results[] | select(.check == $check).verdict' "$1")" = "$3" ]
}

validate "$work/container" -e container,net=veth io-bps io-iops memory-high memory-max net-rate
for check in io-bps io-iops memory-max net-rate; do
	ok "$check passes in the container" verdict "$work/container" "$check" pass
done
if [ -d /sys/fs/cgroup/memory ]; then
	ok "memory-high is not to be had with version 1" verdict "$work/container" memory-high unsupported
else
	ok "memory-high passes in the container" verdict "$work/container" memory-high pass
fi

validate "$work/broken" -e broken=command,command=env io-bps io-iops memory-max net-rate
for check in io-bps io-iops memory-max; do
	ok "$check fails on a box that ignores limits" verdict "$work/broken" "$check" fail
done
ok "net-rate needs a network device" verdict "$work/broken" net-rate unsupported

if [ -x "$(command -v qemu-system-x86_64)" ] && "$tare" image build >/dev/null 2>&1; then
	validate "$work/guest" -e guest=vm+container,boot=restore,net=veth io-bps io-iops memory-high \
		memory-max net-rate
	for check in io-bps io-iops memory-high memory-max net-rate; do
		ok "$check passes on cgroup v2 in a guest" verdict "$work/guest" "$check" pass
	done
fi
ok "nothing is left" nothing_left
finish
