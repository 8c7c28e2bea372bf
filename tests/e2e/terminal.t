#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317,SC2016 # functions are called by ok; scripts are for the shell inside
# tare exec on a terminal: what is inside has one of its own, and ours is left as it was.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

tests=$(cd "$(dirname "$0")/.." && pwd)
build=${TARE_BUILD:-$tests/../build-dev}
export TARE="$build/tare"

need root test "$(id -u)" -eq 0
need python3 python3 --version
need container "$TARE" exec -e container -- true

mkdir "$work/shared"
on() { "$tests/data/on-terminal" "$@"; }
# shows WORDS ARGUMENT...: of on-terminal; in what was shown there is a line of these words.
shows() {
	words=$1; shift
	on "$@" >"$work/shown"
	status=$?
	cat "$work/shown"
	grep -qxF -- "$words" "$work/shown"
}
ends() { expected=$1; shift; shows "$@" && test "$status" = "$expected"; }
inside() { shows "$1" -- "$TARE" exec -e container -- sh -c "$2"; }

ok "it has a name inside" inside /dev/pts/0 tty
ok "which is there, and root's" inside "0 0" 'stat -c "%u %t" /dev/pts/0 | sed "s/ .*/ 0/"'
ok "or the user's" shows "7 yes" -- "$TARE" exec -e container --user 7 -- sh -c \
	'echo "$(stat -c %u /dev/pts/0) $(echo yes >/dev/pts/0 && echo yes)"'
ok "a process 1 before the program does not take it" shows "/dev/pts/0" -- \
	"$TARE" exec -e container --init -- tty
ok "with the host's root too" ends 0 ok -- "$TARE" exec -e container,rootfs=host -- \
	sh -c 'test -c "$(tty)" && echo ok'
ok "it is /dev/tty" inside hello 'echo hello >/dev/tty'
ok "the first size is ours" inside "33 77" 'stty size'
ok "and each later one" shows "40 90" 'ready=@size:40,90' -- "$TARE" exec -e container -- \
	sh -c 'trap "stty size; exit" WINCH; echo ready; while :; do sleep 0.1; done'
ok "what is typed comes in once" ends 3 "got a b" 'ready=a b\r' -- "$TARE" exec -e container -- \
	sh -c 'echo ready; read -r line; echo "got $line"; exit 3'
ok "keys of a shell work" ends 7 "33 77" '# =echo n""ow; sleep 60\r' 'now\r\n=@press:\x03' '^C\r\n/ # =stty size; exit 7\r' -- \
	"$TARE" exec -e container -- sh
ok "Ctrl-D ends the input" shows "end" 'ready=\x04' -- "$TARE" exec -e container -- sh -c 'echo ready; cat; echo end'
hung_up() {
	on 'ready=@hangup' -- "$TARE" exec -e container -v "$work/shared:/v" -- sh -c \
		'trap "" HUP; echo ready; read -r line; echo "end $?" >/v/hung' >"$work/shown"
	grep '^end [^0]' "$work/shared/hung"
}
ok "a terminal that hangs up ends the input" hung_up

# Nothing of ours is to be had inside.
natively() { shows opened -- sh -c 'echo | "$TARE" exec -e native -- sh -c "echo opened >/dev/tty"'; }
ok "natively /dev/tty is ours, in a pipeline too" natively
ok "inside of a pipeline there is none" shows "none" -- sh -c \
	'echo | "$TARE" exec -e container -- sh -c "(echo opened >/dev/tty) 2>/dev/null || echo none"'
ok "nor behind any of three files" shows "none" -- sh -c \
	'"$TARE" exec -e container -- sh -c "(echo opened >/dev/tty) 2>/dev/null || echo none >&2" </dev/null 2>&1 | cat'
# whose ENV: the filesystem that the terminal there is of is ours, or another one.
whose() { on -- sh -c '"$TARE" exec -e "$1" -- sh -c "stat -Lc %d /proc/self/fd/0 >&2" 2>"$2"
	test "$(cat "$2")" = "$(stat -Lc %d /proc/self/fd/0)" && echo ours || echo "of $(cat "$2")"' - "$1" "$work/device"; }
ok "natively the terminal is ours" sh -c 'test "$1" = ours' - "$(whose native)"
ok "inside it is another" sh -c 'case $1 in "of "[0-9]*) ;; *) exit 1 ;; esac' - "$(whose container)"

# Streams that are no terminals pass through as they are.
ok "stdout to a pipe is a pipe, stdin too then" shows "no no got it" 'ready=it\r' -- sh -c \
	'"$TARE" exec -e container -- sh -c "echo ready >&2; read -r x; a=no b=no
	test -t 0 && a=yes; test -t 1 && b=yes; echo \$a \$b got \$x" | cat'
ok "stderr to a file is the file" shows "only this" -- sh -c \
	'"$TARE" exec -e container -- sh -c "echo only this >&2; tty" 2>'"$work/err"' >/dev/null; cat '"$work/err"
bytes() { # nothing is added to what is no text
	on -- sh -c '"$TARE" exec -e container -v "$1/shared:/v" -- \
		sh -c "head -c 300000 /dev/urandom | tee /v/bytes" >"$1/bytes"' - "$work" && cmp "$work/shared/bytes" "$work/bytes"
}
ok "bytes to a file are the same" bytes
much() { on -- "$TARE" exec -e container -- sh -c 'i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done' |
	grep -c '^line [0-9]*$' | grep -x 20000; }
ok "20000 lines are all shown" much

# However it ends, our terminal is as it was. AddressSanitizer leaves the signal to us.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}handle_segv=0"
restored() { # restored SIGNAL STATUS
	on "ready=@$1" -- sh -c 'stty -g >'"$work/before"'
		"$TARE" exec -e container -- sh -c "trap \"exit 9\" TERM; echo ready; while :; do sleep 0.1; done"
		echo "status $?"; stty -g >'"$work/after" >"$work/shown"
	cat "$work/shown"
	grep -qx "status $2" "$work/shown" && cmp "$work/before" "$work/after"
}
ok "after a signal that is passed on" restored TERM 9
for signal in SEGV:139 ABRT:134 ALRM:142 XCPU:152; do
	ok "after a death by SIG${signal%:*}" restored "${signal%:*}" "${signal#*:}"
done
failed_start() { on -- sh -c 'stty -g >'"$work/before"'; "$TARE" exec -e container -- /none; echo "status $?"
	stty -g >'"$work/after" | tee "$work/shown"; grep -qx "status 127" "$work/shown" && cmp "$work/before" "$work/after"; }
ok "after a command that is not there" failed_start
"$TARE" clean >/dev/null # of those that were killed

if guest; then
	in_guest() { shows "/dev/pts/0 33 77 yes" -- "$TARE" exec -e "$1" -- /bin/busybox sh -c \
		'echo "$(tty) $(stty size) $(test -c "$(tty)" && echo yes)"'; }
	ok "in a guest it has a name" in_guest vm,boot=restore
	ok "and in a container there" in_guest vm+container,boot=restore
fi
finish
