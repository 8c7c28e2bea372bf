#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by ok
# tare validate of memory: each check passes in the container or says what is missing, passes on
# cgroup v2 in a guest, and fails on a box that ignores limits, here and there.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/run.sh
. "$(dirname "$0")/run.sh"
# shellcheck source=tests/e2e/validate.sh
. "$(dirname "$0")/validate.sh"
need root test "$(id -u)" = 0
need jq jq --version

everywhere="memory-cache memory-max"
v2_only="memory-high memory-low memory-min oom-group"
scale=0.4

# shellcheck disable=SC2086 # words
validate "$work/container" -e container $everywhere $v2_only memory-swap
for check in $everywhere; do
	ok "$check passes in the container" passes "$work/container" "$check"
done
for check in $v2_only; do
	if [ -d /sys/fs/cgroup/memory ]; then
		ok "$check is not to be had with version 1" verdict "$work/container" "$check" unsupported
	else
		ok "$check passes in the container" passes "$work/container" "$check"
	fi
done
swaps=$(cat /proc/swaps)
if [ "$(echo "$swaps" | wc -l)" = 1 ]; then
	ok "a machine without swap is not given any" verdict "$work/container" memory-swap unsupported
	no_swap() { [ "$(cat /proc/swaps)" = "$swaps" ]; }
	ok "and has none afterwards" no_swap
fi

# shellcheck disable=SC2086 # words
validate "$work/broken" -e broken=command,command=env $everywhere
for check in $everywhere; do
	ok "$check fails on a box that ignores limits" verdict "$work/broken" "$check" fail
done

if guest; then
	# shellcheck disable=SC2086 # words
	validate "$work/guest" -e guest=vm+container,boot=restore $everywhere $v2_only memory-swap
	# shellcheck disable=SC2086 # words
	validate "$work/broken" -e broken=vm+command,boot=restore,command=env $everywhere $v2_only memory-swap
	for check in $everywhere $v2_only memory-swap; do
		ok "$check passes on cgroup v2 in a guest" passes "$work/guest" "$check"
		ok "$check fails on a box in a guest that ignores limits" verdict "$work/broken" "$check" fail
	done
	validate "$work/bare" -e bare=vm,boot=restore oom-group
	counted() {
		jq -e '.results[0] | .verdict == "pass" and (.figure.details |
			.own_pid_namespace == false and .oom_kill >= .members)' "$work/bare"
	}
	ok "where nobody dies with process 1, oom_kill counts each member" counted
fi
ok "nothing is left" nothing_left
finish
