#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by ok
# tare validate: every check passes in the container here and on cgroup v2 in a guest, and fails on
# a box that is broken in the way that the check is there to find.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/run.sh
. "$(dirname "$0")/run.sh"
# shellcheck source=tests/e2e/validate.sh
. "$(dirname "$0")/validate.sh"
need root test "$(id -u)" = 0
need jq jq --version
checks="cpu-burst cpu-quota cpu-weight cpuset freeze kill pids"

scale=0.1

# shellcheck disable=SC2086 # words
validate "$work/container" -e container $checks
for check in $checks; do
	ok "$check passes in the container" passes "$work/container" "$check"
done

checks="cpu-burst cpu-quota cpu-weight cpuset pids"
# Sanitized, a failing verdict is told of the shortest: their code has run in the container.
[ -z "${TARE_SANITIZED-}" ] || checks="cpuset pids"
# shellcheck disable=SC2086 # words
validate "$work/broken" -e broken=command,command=env $checks
status=$?
ok "a box that ignores limits makes it exit with 1" test "$status" = 1
for check in $checks; do
	ok "$check fails on a box that ignores limits" catches "$work/broken" "$check"
done

checks="freeze kill"
# shellcheck disable=SC2086 # words
validate "$work/escaped" -e "escaped=command,command=$boxes/escaping-box" $checks
for check in $checks; do
	ok "$check fails on a box that leaves its group" verdict "$work/escaped" "$check" fail
done
survivors() { pgrep -f 'fork-many solo n=100 by=orphan' >"$work/left"; }
ok "who escaped is ended all the same" fails survivors

if guest; then
	checks="cpu-burst cpu-quota cpu-weight cpuset freeze kill pids"
	# The agent that carries them out there is not sanitized.
	[ -z "${TARE_SANITIZED-}" ] || checks="cpuset pids"
	# shellcheck disable=SC2086 # words
	validate "$work/guest" -e guest=vm+container,boot=restore,vcpus=2 $checks
	for check in $checks; do
		ok "$check passes on cgroup v2 in a guest" passes "$work/guest" "$check"
	done
	checks="cpu-burst cpu-quota cpu-weight cpuset pids"
	[ -z "${TARE_SANITIZED-}" ] || checks="cpuset pids"
	# shellcheck disable=SC2086 # words
	validate "$work/guest" -e broken=vm+command,boot=restore,vcpus=2,command=env $checks
	for check in $checks; do
		ok "$check fails on a box in a guest that ignores limits" catches "$work/guest" "$check"
	done
	checks="freeze kill"
	# shellcheck disable=SC2016 # for the shell in the guest
	escaping='/bin/busybox sh -c '"'"'echo $$ >/sys/fs/cgroup/cgroup.procs; exec "$@"'"'"' escaping'
	# shellcheck disable=SC2086 # words
	validate "$work/guest" -e "escaped=vm+command,boot=restore,command=$escaping" $checks
	for check in $checks; do
		ok "$check fails on a box in a guest that leaves its group" catches "$work/guest" "$check"
	done
fi

# A guest as a whole, by QEMU's group; then one whose QEMU is taken out of it again and again. That a
# quota on it holds is vm.t's.
if guest; then
	checks="cpu-weight cpuset"
	# shellcheck disable=SC2086 # words
	validate "$work/whole" -e vm $checks
	for check in $checks; do
		ok "$check passes on a guest as a whole" passes "$work/whole" "$check"
	done
	ok "it says that the machine was limited" jq -e 'all(.results[]; .limit_at == "machine") and .machines.vm.machine == "vm"' "$work/whole"
	validate "$work/inside" -e vm,limit-at=machine kill
	ok "what can only be tried inside is not said to hold outside" verdict "$work/inside" kill unsupported
	if [ -n "$(v1_mount cpuset)" ]; then
		"$tare" validate -q --scale $scale -o "$work/taken" -e vm cpuset >"$work/said" 2>&1 &
		take_out $! cpuset
		ok "cpuset fails on a guest that leaves its group" catches "$work/taken" cpuset
	fi
fi

curve() {
	jq -e '.results[] | select(.check == "cpu-quota").figure.details.curve | length >= 4 and
		(map(.cpus) | unique | length >= 3) and (map(.period_ms) | unique | length >= 2) and
		(map(.threads) | unique | length >= 2) and all(.[]; .error_pct | type == "number")' "$work/container"
}
ok "cpu-quota is a curve over quotas, periods and threads" curve
document() {
	jq -e '.schema == "tare.validate/1" and (.results | length > 0) and all(.results[];
		(.claim | length > 0) and (.tolerance | length > 0) and (.verdict | length > 0))' "$work/container"
}
ok "the document says claim, tolerance and verdict of each" document
misspelt() { "$tare" validate cpu-quoat 2>&1 | grep "did you mean 'cpu-quota'"; }
ok "a misspelt check is told its name" misspelt
listed() { "$tare" list checks | grep 'cpu-quota'; }
ok "tare list checks has them" listed
ok "nothing is left" nothing_left
finish
