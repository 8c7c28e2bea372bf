#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by ok
# kill -9 of tare at several moments of a run with all there is, then tare clean: nothing is left.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/run.sh
. "$(dirname "$0")/run.sh"
need root test "$(id -u)" -eq 0
need jq jq --version

# Runs of this test carry a mark of this folder in their names: nobody else's are looked at.
export TARE_RUNTIME_DIR="$work/run" TMPDIR="$work/tmp"
mkdir "$TMPDIR"
cache=${XDG_CACHE_HOME:-/var/cache}/tare

envs="-e native -e container"
if guest; then
	envs="$envs -e vm -e vm+container"
fi

# Processes below PID, each as "PID STARTTIME".
below() {
	# shellcheck disable=SC2013 # numbers between blanks
	for child in $(cat "/proc/$1/task/"*"/children" 2>/dev/null); do
		awk '{ sub(/.*\) /, ""); print pid, $20 }' "pid=$child" "/proc/$child/stat" 2>/dev/null
		below "$child"
	done
}
programs_of() { cat "/proc/$1/fdinfo/"* 2>/dev/null | awk '$1 == "prog_id:" { print $2 }'; }

# left NAME: what is still there of a run.
left() {
	find /sys/fs/cgroup -maxdepth 3 -type d -name "*$1*"
	grep -l -- "$1" /proc/[0-9]*/mountinfo 2>/dev/null
	pgrep -af -- "$1"
	while read -r pid start; do
		now=$(awk '{ sub(/.*\) /, ""); print $20 }' "/proc/$pid/stat" 2>/dev/null)
		test "$now" != "$start" || echo "process $pid: $(tr '\0' ' ' <"/proc/$pid/cmdline")"
	done <"$work/processes"
	while read -r id; do
		! bpftool prog show id "$id" 2>/dev/null
	done <"$work/programs"
	find "$TARE_RUNTIME_DIR" "$TMPDIR" /tmp "$cache" "$cache/work"/* -maxdepth 1 -name "*$1*"
	losetup -a 2>/dev/null | grep -- "$1"
	ip -o link 2>/dev/null | grep -- "tare-${1##*-}"
}

# The kernel lets go of programs and mounts a moment after their last user is gone.
nothing_left_of() {
	for try in 1 2 3 4 5 6 7 8 9 10; do
		left "$1" >"$work/left"
		test -s "$work/left" || return 0
		sleep 0.3
	done
	echo "after $try looks:"; cat "$work/left"
	return 1
}

wait_for_run() {
	for try in $(seq 100); do
		run_name=$(ls "$TARE_RUNTIME_DIR" 2>/dev/null)
		test -z "$run_name" || return 0
		sleep 0.05
	done
	echo "no run began in $try looks"
	return 1
}

# killed_after SECONDS: so long after the run has its journal.
killed_after() {
	rm -rf "$runs/killed"
	# shellcheck disable=SC2086 # a list of words
	"$tare" run -q --rootfs-mode same $envs -w getppid,pingpong,forkexec -c syscalls --rounds 50 --passes 40 \
		-o "$runs/killed" >"$work/result" 2>&1 &
	pid=$!
	wait_for_run || return
	sleep "$1"
	below "$pid" >"$work/processes"
	programs_of "$pid" >"$work/programs"
	kill -KILL "$pid" || return
	wait "$pid"
	"$tare" clean >"$work/cleaned" || return
	cat "$work/cleaned"
	nothing_left_of "$run_name"
}

for seconds in 0 0.1 0.4 1 2.5 4.5; do
	ok "killed after $seconds s, then clean: nothing is left" killed_after "$seconds"
done
ok "clean has told what it removed" grep -q "^removed " "$work/cleaned"
ok "a second clean has nothing to do" sh -c "'$tare' clean | grep -qx 'nothing to remove'"

# What was written before the last kill is a run, and goes on.
resumes() {
	"$tare" run -q --resume "$runs/killed" --time-budget 1s --json >"$work/result" &&
		jq -e '.end == "time budget" or .end == "complete"' "$work/result" &&
		jq -e -s 'all(.[]; .schema == "tare.record/1")' "$runs/killed/records.jsonl"
}
ok "the killed run can be resumed" resumes

living_is_left_alone() {
	# As number 1 it gets only the signals that it asks for.
	"$tare" exec -e container -- sh -c 'trap "exit 3" TERM; sleep 60 & wait' &
	pid=$!
	wait_for_run || return
	sleep 0.5
	below "$pid" >"$work/processes"
	"$tare" clean --json >"$work/result"
	jq -e '.alive == 1 and .things == 0' "$work/result" && kill -0 "$pid" &&
		test -n "$(find /sys/fs/cgroup -maxdepth 3 -type d -name "*$run_name*")"
	alive=$?
	kill -TERM "$pid"
	wait "$pid"
	ended=$?
	test "$alive" = 0 && test "$ended" = 3
}
: >"$work/programs"
ok "a living run is left alone" living_is_left_alone
ok "and ended by a signal it leaves nothing" nothing_left_of "$run_name"

# A run's folder that says nothing of use, a torn journal, and foreign things in between.
mkdir "$TARE_RUNTIME_DIR/somebody" && touch "$TMPDIR/tare-notes"
ok "clean with foreign folders in its place" "$tare" clean
ok "leaves them as they are" test -d "$TARE_RUNTIME_DIR/somebody" -a -f "$TMPDIR/tare-notes"
rmdir "$TARE_RUNTIME_DIR/somebody" && rm "$TMPDIR/tare-notes"
ok "nothing is left at the end" test -z "$(find "$TARE_RUNTIME_DIR" "$TMPDIR" -mindepth 1)"
finish
