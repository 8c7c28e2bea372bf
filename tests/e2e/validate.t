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
# Where we are in a guest ourselves, what is told by CPU time is left to those of the host.
[ -z "${TARE_IN_GUEST-}" ] || checks="cpuset freeze pids"

# validate FILE ARGUMENT...: at a tenth of the full times.
# shellcheck disable=SC2086 # words
validate() { to=$1; shift; "$tare" validate -q --scale 0.1 -o "$to" "$@" $checks; }

validate "$work/container" -e container >"$work/said" 2>&1
for check in $checks; do
	ok "$check passes in the container" passes "$work/container" "$check"
done

checks="cpu-burst cpu-quota cpu-weight cpuset pids"
[ -z "${TARE_IN_GUEST-}" ] || checks="cpuset pids"
validate "$work/broken" -e broken=command,command=env >"$work/said" 2>&1
status=$?
ok "a box that ignores limits makes it exit with 1" test "$status" = 1
for check in $checks; do
	ok "$check fails on a box that ignores limits" catches "$work/broken" "$check"
done

checks="freeze kill"
[ -z "${TARE_IN_GUEST-}" ] || checks=freeze
validate "$work/escaped" -e "escaped=command,command=$boxes/escaping-box" >"$work/said" 2>&1
for check in $checks; do
	ok "$check fails on a box that leaves its group" verdict "$work/escaped" "$check" fail
done
survivors() { pgrep -f 'fork-many solo n=100 by=orphan' >"$work/left"; }
ok "who escaped is ended all the same" fails survivors

checks="cpu-weight cpuset pids"
[ -z "${TARE_IN_GUEST-}" ] || checks="cpuset pids"
limiting="$boxes/limiting-box cpus={cpus} cpu-burst-us={cpu-burst-us} cpu-shares={cpu-shares}"
limiting="$limiting cpuset-cpus={cpuset-cpus} pids-limit={pids-limit} --"
validate "$work/limiting" -e "limiting=command,command=$limiting" >"$work/said" 2>&1
for check in $checks; do
	ok "$check passes on a box that limits by itself" passes "$work/limiting" "$check"
done

if guest; then
	checks="cpu-burst cpu-quota cpu-weight cpuset freeze kill pids"
	validate "$work/guest" -e guest=vm+container,boot=restore,vcpus=2 >"$work/said" 2>&1
	for check in $checks; do
		ok "$check passes on cgroup v2 in a guest" passes "$work/guest" "$check"
	done
	checks="cpu-burst cpu-quota cpu-weight cpuset pids"
	validate "$work/guest" -e broken=vm+command,boot=restore,vcpus=2,command=env >"$work/said" 2>&1
	for check in $checks; do
		ok "$check fails on a box in a guest that ignores limits" catches "$work/guest" "$check"
	done
	checks="freeze kill"
	# shellcheck disable=SC2016 # for the shell in the guest
	escaping='/bin/busybox sh -c '"'"'echo $$ >/sys/fs/cgroup/cgroup.procs; exec "$@"'"'"' escaping'
	validate "$work/guest" -e "escaped=vm+command,boot=restore,command=$escaping" >"$work/said" 2>&1
	for check in $checks; do
		ok "$check fails on a box in a guest that leaves its group" catches "$work/guest" "$check"
	done
fi

# A guest as a whole, by QEMU's group; then one whose QEMU is taken out of it again and again.
if guest; then
	checks="cpu-quota cpu-weight cpuset"
	validate "$work/whole" -e vm >"$work/said" 2>&1
	for check in $checks; do
		ok "$check passes on a guest as a whole" passes "$work/whole" "$check"
	done
	ok "it says that the machine was limited" jq -e 'all(.results[]; .limit_at == "machine") and .machines.vm.machine == "vm"' "$work/whole"
	checks="kill"
	validate "$work/whole" -e vm,limit-at=machine >"$work/said" 2>&1
	ok "what can only be tried inside is not said to hold outside" verdict "$work/whole" kill unsupported
	if [ -n "$(v1_mount cpu)" ] && [ -n "$(v1_mount cpuset)" ]; then
		checks="cpu-quota cpuset"
		# shellcheck disable=SC2086 # words
		"$tare" validate -q --scale 0.1 -o "$work/whole" -e vm $checks >"$work/said" 2>&1 &
		take_out $! cpu cpuset
		for check in $checks; do
			ok "$check fails on a guest that leaves its group" catches "$work/whole" "$check"
		done
	fi
fi

curve() {
	jq -e '.results[] | select(.check == "cpu-quota").figure.details.curve | length >= 4 and
		(map(.cpus) | unique | length >= 3) and (map(.period_ms) | unique | length >= 2) and
		(map(.threads) | unique | length >= 2) and all(.[]; .error_pct | type == "number")' "$work/container"
}
[ -n "${TARE_IN_GUEST-}" ] || ok "cpu-quota is a curve over quotas, periods and threads" curve
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
