#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by ok
# kill -9 of tare at any moment, then tare clean: nothing is left.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/run.sh
. "$(dirname "$0")/run.sh"
need root test "$(id -u)" = 0
need jq jq --version
need qemu qemu-system-x86_64 --version
need image "$tare" image build

# A folder of its own, so that the runs of others beside this test are not in the way.
TARE_RUNTIME_DIR=/run/tare-e2e-$$
export TARE_RUNTIME_DIR

# What the journal's names mark as this folder's; and whatever this test itself may have started.
remains() {
	ls "$TARE_RUNTIME_DIR" 2>/dev/null
	while read -r name; do
		find /sys/fs/cgroup -maxdepth 2 -type d -name "tare-$name*"
		pgrep -af "tare-$name"
		grep "tare-$name" /proc/self/mountinfo
		find /var/cache/tare "${TMPDIR:-/tmp}" -maxdepth 2 -name "*$name*"
	done <"$work/names"
}

: >"$work/names"
killed_after() {
	"$tare" run -q -e native -e container -e vm -e vm+container -w getppid,mem-fill,stat --rounds 2 --passes 20 \
		--duration 1s --memory 160M -o "$runs/killed-$1" >/dev/null 2>&1 &
	pid=$!
	sleep "$1"
	ls "$TARE_RUNTIME_DIR" 2>/dev/null >>"$work/names"
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null
	"$tare" clean || return 1
	remains >"$work/remains"
	cat "$work/remains"
	[ ! -s "$work/remains" ]
}
for s in 0.02 0.1 0.3 0.7 1.5 2.4 3.3 4.5 6; do
	ok "killed after $s s, it is cleaned up" killed_after "$s"
done

# A second clean has nothing to do, and a living run is not touched by one.
again() { "$tare" clean --json | jq -e '.runs == 0 and .things == 0'; }
ok "cleaning again finds nothing" again

living() {
	"$tare" run -q -e native -e container -w getppid --rounds 3 --passes 300 -o "$runs/living" >/dev/null &
	pid=$!
	sleep 0.5
	"$tare" clean --json >"$work/clean"
	wait "$pid" && all_ok "$runs/living" && jq -e '.alive == 1 and .things == 0' "$work/clean"
}
ok "a run that goes on is left alone" living
ok "the folder is empty at the end" test -z "$(ls "$TARE_RUNTIME_DIR" 2>/dev/null)"
rmdir "$TARE_RUNTIME_DIR"
finish
