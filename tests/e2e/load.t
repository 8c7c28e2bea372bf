#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by ok
# What loads declare is what the kernel is asked for: strace is the second opinion.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need strace strace -o /dev/null true
need jq jq --version

build=${TARE_BUILD:-$(cd "$(dirname "$0")/../.." && pwd)/build-dev}
load=$build/tare-load
# On the build folder's filesystem: /tmp may be a tmpfs, which may have no O_DIRECT.
TARE_WORK=$(mktemp -d "$build/load.t-XXXXXX") && export TARE_WORK
trap 'rm -rf "$work" "$TARE_WORK"' EXIT

# Little-endian number of so many bytes.
number() {
	value=$1 left=$2
	while [ "$left" -gt 0 ]; do
		# shellcheck disable=SC2059 # the format is the byte
		printf "\\$(printf %03o $((value & 255)))"
		value=$((value >> 8)) left=$((left - 1))
	done
}

# struct play_request: KIND LEAD_IN ITERS DURATION_NS; "tare" is its magic number.
request() { number $((0x74617265)) 4; number "$1" 4; number "$2" 8; number "$3" 8; number "$4" 8; }

# calls FILE REQUESTS LOAD MODE [NAME=VALUE]...: play it under strace; "NAME CALLS" lines go to FILE,
# the answers to FILE.answers. Calls are counted as they are entered: exit_group never comes back.
# $patience is how long the player is kept waiting for the request to end.
patience=0
calls() {
	file=$1 requests=$2; shift 2
	{ cat "$requests"; sleep "$patience"; cat "$work/end"; } |
		strace -f -qq -e signal=none -o "$file.log" "$load" play "$@" \
			>"$file.answers" || return
	awk 'match($2, /^[a-z0-9_]+\(/) { n[substr($2, 1, RLENGTH - 1)]++ }
		END { for (call in n) print call, n[call] }' "$file.log" >"$file"
}

# The 8 bytes at an offset of the answers.
answer_at() { od -A n -t u8 -j "$2" -N 8 "$1" | tr -d ' '; }

# 3 operations in one turn; 21 in three turns, 6 of them lead-ins. What both do besides cancels.
request 1 0 3 0 >"$work/few"
{ request 1 2 5 0; request 1 2 5 0; request 1 2 5 0; } >"$work/many"
request 2 0 0 5000000 >"$work/solo"
request 3 0 0 0 >"$work/end"
ops=18 turns=2

# exact LOAD [NAME=VALUE]...: each further operation makes its declared calls, each further turn one
# readv and one writev, and nothing else is called. Two are the C library's matter: what an executed
# program's start calls (so of forkexec only the declared calls are looked at), and how often
# mkdtemp draws before it has a name.
exact() {
	played=$1
	"$load" describe "$@" >"$work/one" || return
	jq -r '.syscalls | to_entries[] | "\(.key) \(.value)"' "$work/one" >"$work/declared" || return
	shift
	calls "$work/a" "$work/few" "$played" batch "$@" || return
	calls "$work/b" "$work/many" "$played" batch "$@" || return
	awk -v ops="$ops" -v turns="$turns" -v played="$played" '
		FILENAME ~ /declared$/ { want[$1] = $2 * ops; next }
		FILENAME ~ /a$/ { more[$1] -= $2; next }
		{ more[$1] += $2 }
		END {
			want["readv"] = want["writev"] = turns
			for (call in want) if (more[call] + 0 != want[call]) {
				print call ": " more[call] + 0 " instead of " want[call]; bad = 1 }
			delete more["getrandom"]
			for (call in more) if (played != "forkexec" && !(call in want) && more[call]) {
				print call ": " more[call] " undeclared"; bad = 1 }
			exit bad
		}' "$work/declared" "$work/a" "$work/b"
}

# A partner that is killed at the end may have begun its last call, or not: where it has time to,
# it has.
is_exact() {
	for patience in 0 0.5 3; do
		exact "$@" && break
	done
	at_last=$?
	patience=0
	return "$at_last"
}

# exact_solo CALL LOAD [NAME=VALUE]...: as many calls as operations are told.
exact_solo() {
	call=$1 played=$2; shift 2
	calls "$work/s" "$work/solo" "$played" solo "$@" || return
	told=$(answer_at "$work/s.answers" 64) # after the first answer of 48 bytes: 16 before ops
	counted=$(awk -v call="$call" '$1 == call { print $2 }' "$work/s")
	echo "$told operations, $counted calls of $call"
	[ "$told" -gt 0 ] && [ "$told" = "$counted" ]
}

# unsupported LOAD [NAME=VALUE]...: its set-up says that this machine cannot have it: -ENOTSUP, the
# status behind magic number and kind.
unsupported() {
	played=$1; shift
	"$load" play "$played" batch "$@" </dev/null >"$work/refusal" 2>&1
	[ "$(od -A n -t d4 -j 8 -N 4 "$work/refusal" | tr -d ' ')" = -95 ]
}

# Each load as it is by default, and with each of the words that a parameter's summary offers, "a|b".
# What whole programs call is their own matter.
variants() {
	"$load" describe | jq -r '.loads[] | select((.solo or (.groups | index("program"))) | not) | .name as $name | $name,
		(.params[] | .name as $param | .default as $default | .summary | scan("[a-z0-9]+(?:[|][a-z0-9]+)+") |
			split("|")[] | select(. != $default) | "\($name) \($param)=\(.)")'
	echo openclose depth=5
	echo getppid delay=1us
	echo hackbench loops=3
	echo uring what=read direct=on
}
variants >"$work/variants"
while read -r name variant; do
	case $name,$variant in
	# Of a machine's own kernel and hardware, or of a box; all others can be played anywhere.
	tcprr,by=wire | vmexit,by=port | forkwait,by=c* | cgops,* | nsops,* | sem,* | uring,*)
		# shellcheck disable=SC2086 # none or one
		unsupported "$name" $variant && ok "$name${variant:+,$variant} says why it is not to be had" \
			test "$(wc -c <"$work/refusal")" -gt 48 && continue ;;
	esac
	# shellcheck disable=SC2086 # none or one
	ok "each call of $name${variant:+,$variant} is declared" is_exact "$name" $variant
done <"$work/variants"
ok "each write of io-stream is an operation" exact_solo pwrite64 io-stream size=256K
ok "each read of io-stream is an operation" exact_solo pread64 io-stream rw=read size=256K
# Else two builds of one source would be two programs.
ok "the program does not know where it was built" fails grep -qF "${build%/*}" "$load"
ok "the program is smaller than 1 MiB" test "$(wc -c <"$load")" -lt 1048576
# Killed, no load leaves a cgroup.
killed() {
	groups=$(awk '/ - cgroup2 / { print $5; exit }' /proc/self/mountinfo)
	request 1 0 1000 0 >"$work/turn" # a pipe would take it in pieces
	{ cat "$work/turn"; sleep 5; } | "$load" play cgops batch what=migrate >"$work/killed" &
	player=$!
	for _ in $(seq 50); do
		[ "$(wc -c <"$work/killed")" -ge 96 ] && break
		sleep 0.1
	done
	find "$groups" -name "tare-load-$player" | grep . || return
	kill -KILL "$player"
	for _ in $(seq 50); do
		[ -z "$(find "$groups" -name "tare-load-$player")" ] && return
		sleep 0.1
	done
	return 1
}
unsupported cgops what=mkdir || ok "one who is killed leaves no cgroup" killed
ok "nothing is left in the work folder" rmdir "$TARE_WORK"
finish
