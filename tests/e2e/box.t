#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317,SC2016 # functions are called by ok; scripts are for the shell inside
# What a user sees of the boxes, through `tare exec`.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

build=${TARE_BUILD:-$(cd "$(dirname "$0")/../.." && pwd)/build-dev}
tare=$build/tare

need root test "$(id -u)" -eq 0
need busybox test -x /bin/busybox
need "tare exec" "$tare" exec --help

inside() { box=$1; shift; "$tare" exec -e "$box" -- "$@"; }
says() { expected=$1; shift; test "$("$@" 2>/dev/null)" = "$expected"; }
status_is() { expected=$1; shift; "$@" >/dev/null 2>&1; test $? -eq "$expected"; }
sentence() { words=$1; shift; "$@" 2>&1 >/dev/null | grep -qF -- "$words"; }

# A program that nobody else runs.
naps=$((300000 + $$))
# Groups of runs that are over, mounts of the embedded root, programs that run. Runs that go on
# beside us have their folder in /run/tare; names with eight digits after an x are of another folder.
hex='[0-9a-f][0-9a-f][0-9a-f][0-9a-f]'
left() {
	for group in /sys/fs/cgroup/tare-2* /sys/fs/cgroup/*/tare-2*; do
		run=${group##*/tare-}
		# shellcheck disable=SC2254 # a pattern
		case $run in *-x$hex$hex*) continue ;; esac
		test ! -d "$group" || test -d "/run/tare/${run%-*}" || echo "$group"
	done
	grep tare/rootfs /proc/self/mountinfo
	pgrep -f "sleep $naps"
}
nothing_left() { left >"$work/left"; cat "$work/left"; test ! -s "$work/left"; }

# The program goes with tare, whatever tare dies of; clean takes down the rest.
killed_leaves_nothing() {
	"$tare" exec -e "$1" -- busybox sleep "$naps" &
	pid=$! i=0
	until [ -n "$(pgrep -P "$pid" -f "^busybox sleep $naps")" ] || [ "$i" -ge 200 ]; do
		sleep 0.1; i=$((i + 1))
	done
	test "$i" -lt 200 && kill -KILL "$pid" && { wait "$pid"; "$tare" clean && nothing_left; }
}

for box in native host+chroot container; do
	ok "$box: the output comes through" says hello inside "$box" busybox echo hello
	ok "$box: the input comes through" says word sh -c "echo word | '$tare' exec -e $box -- busybox cat"
	ok "$box: the exit status comes through" status_is 42 inside "$box" busybox sh -c 'exit 42'
	ok "$box: a missing program is 127" status_is 127 inside "$box" nosuchprogram
	ok "$box: and is named" sentence "no program 'nosuchprogram' in the PATH" inside "$box" nosuchprogram
	ok "$box: a file that is no program is 126" status_is 126 inside "$box" /etc/passwd
	ok "$box: kill -9 of tare, then clean, leaves nothing" killed_leaves_nothing "$box"
done
ok "container: the program is number 1" says 1 inside container busybox sh -c 'echo $$'
ok "container: with seccomp=off it is off" says "Seccomp:	0" \
	inside container,seccomp=off busybox grep Seccomp: /proc/self/status
ok "container: an option that is misspelt is refused" status_is 125 inside container,secomp=off busybox true
ok "container: and the right one is named" sentence "did you mean 'seccomp'" \
	inside container,secomp=off busybox true
ok "nothing is left of all this" nothing_left
finish
