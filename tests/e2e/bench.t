#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317,SC2016 # functions are called by ok; scripts are for the shell inside
# tare bench and tare startup: commands of the user's, and starts, in turn over environments.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/run.sh
. "$(dirname "$0")/run.sh"
# shellcheck source=tests/e2e/document.sh
. "$(dirname "$0")/document.sh"
need root test "$(id -u)" -eq 0
need jq jq --version
need hyperfine hyperfine --version
# Runs of this test carry a mark of this folder in their names: nobody else's are looked at.
export TARE_RUNTIME_DIR="$work/run" TMPDIR="$work"

bench() { "$tare" bench -q "$@"; }

ok "a command is benched" sh -c "'$tare' bench -q -e native -e container -L n 1,5000 -r 5 -w 1 --seed 7 --json \
	-- sh -c 'i=0; while [ \$i -lt {n} ]; do i=\$((i+1)); done' >'$work/bench.json'"
ok "each round has each environment with each value once" told bench.json '[.runs | group_by(.round)[] |
	map("\(.env) \(.parameters.n)") | sort] | length >= 5 and all(.[]; . == ["container 1", "container 5000", "native 1", "native 5000"])'
ok "the longer loop takes more time and more of the CPU in both" told bench.json '.cells as $c | all("native", "container"; . as $e |
	[$c[] | select(.env == $e)] | .[1].wall_ns.median > .[0].wall_ns.median and
	.[1].user_us.mean + .[1].system_us.mean > .[0].user_us.mean + .[0].system_us.mean)'
ok "no run had more CPU time than there was" told bench.json \
	'all(.runs[]; (.user_us + .system_us) * 1000 <= 1.1 * .wall_ns + 10000000)'
ok "ratios are to the first, each with the same parameters" told bench.json \
	'[.ratios[] | "\(.env) \(.baseline) \(.parameters.n) \(.rounds)"] == ["container native 1 5", "container native 5000 5"]'
schema bench bench.json

# The order is the seed's.
# A round that was disturbed is played again: only those that any bench has are looked at.
order() { jq -c '[.runs[] | select(.round < 5) | [.round, .position, .env, .parameters.n, .env_padding]]' "$1"; }
again() {
	bench -e native -e container -L n 1,5000 -r 5 --seed "$1" --json -- true '{n}' >"$work/again.json" &&
		test "$(order "$work/again.json")" "$2" "$(order "$work/bench.json")"
}
ok "the same seed plays the same order" again 7 =
ok "another one another" again 8 '!='

ok "prepare, command and cleanup share the work folder" bench -e native -e container -r 2 \
	-p 'echo "{v}" >"$TARE_WORK/f"' -c 'rm -f "$TARE_WORK/f"' -L v a,b -- sh -c 'test "$(cat "$TARE_WORK/f")" = {v}'
ok "a variable is handed on" bench -e native -e container -r 1 --env A=b -- sh -c 'test $A = b'
ok "failures that are ignored are counted" sh -c "'$tare' bench -q -e container -L n 1,3 -i -r 2 --json -- sh -c 'test {n} -lt 2' |
	jq -e '[.cells[].failures] == [0, 2] and .runs[0].exit.status != null'"
ok "a limit holds there" sh -c "'$tare' bench -q -e container -i -r 1 --memory 16M --json -- tail /dev/zero |
	jq -e '.runs[0].exit.signal == 9'"
ok "what the command writes is shown when asked, on stderr" sh -c \
	"test \"\$('$tare' bench -q -e container -r 1 --show-output -- echo hello 2>&1 >/dev/null)\" = hello"

ok "another program of the same name is told" sh -c \
	"'$tare' bench -e container -e native -r 1 -- sleep 0.05 2>&1 >/dev/null | grep -q 'another program in .native.'"

exports() {
	bench -e native -e container -r 2 --export-json "$work/h.json" --export-csv "$work/h.csv" \
		--export-markdown "$work/h.md" -- true &&
		jq -e '.results | length == 2 and all(.[]; .command == "true" and (.times | length) == 2 and .exit_codes == [0, 0] and .mean > 0)' \
			"$work/h.json" && test "$(grep -c ,TRUE, "$work/h.csv")" = 4 && grep -q '^| container ' "$work/h.md"
}
ok "results are exported" exports
ok "an export that cannot be written is told before anything runs" refused 2 "/nonexistent/x" \
	"$tare" bench -q -e native --export-csv /nonexistent/x -- touch "$work/ran"
ok "and nothing has run" test ! -e "$work/ran"
kept() { fails bench -e native --export-csv "$work/h.csv" -- false && grep -q ,TRUE, "$work/h.csv" && test ! -e "$work"/h.csv.*; }
ok "a bench that fails leaves the exports of an earlier one" kept

ok "a command that is not there" refused 2 "'nosuch' in 'container': container: no program 'nosuch' in the PATH" \
	"$tare" bench -q -e container -r 1 -- nosuch
ok "a command that fails" refused 1 "ended with status 3: --show-output shows why" \
	"$tare" bench -q -e container -- sh -c 'exit 3'
ok "a preparation that fails" refused 1 "'exit 4' in 'native' ended with status 4" \
	"$tare" bench -q -e native -p 'exit 4' -- true
ok "no environment" refused 2 "where?" "$tare" bench -- true
ok "no command" refused 2 "which command?" "$tare" bench -e native --
ok "a command without --" refused 2 "'true' is no option: the command comes after '--'" "$tare" bench -e native true
ok "a parameter without values" refused 2 "-L n v1,v2" "$tare" bench -e native -L n -- true '{n}'
ok "a parameter that nothing uses" refused 2 "write {n}" "$tare" bench -e native -L n 1,2 -- true
ok "a misspelt flag" refused 2 "did you mean '--warmup'?" "$tare" bench -e native --warmpu 3 -- true
ok "a budget that is too short for one run" refused 1 "time budget" \
	"$tare" bench -q -e native --time-budget 500ms -- sleep 30
stopped() {
	timeout --preserve-status -s INT 1 "$tare" bench -q -e container -- sleep 30
	test $? = 130
}
ok "Ctrl-C ends a bench" stopped

guests_bench() {
	bench -e native -e g=vm,boot=restore -r 2 --boots bench --json -- sh -c 'i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done' \
		>"$work/guest.json"
}
guests_start() { "$tare" startup -q -e container -e vm -r 1 --json >"$work/startup.json"; }
if guest; then
	ok "a command is benched in a guest" guests_bench
	ok "which was restored once, and is called what it is" told guest.json '(.boots == "bench") and
		([.instances[] | select(.machine == "vm")] | length == 1 and .[0].boot.kind == "restored") and
		(.cells[1] | .boot == "restored" and (.accel == "tcg" or .accel == "kvm") and .wall_ns.rounds == 2 and .user_us.max + .system_us.max > 0)'
	schema bench guest.json
	ok "starts are timed by hyperfine and seen by ourselves" guests_start
	ok "native comes first, and everything is labelled" told startup.json '[.cells[] | [.env, .cache, .boot]] ==
		[["native", "warm", null], ["container", "warm", null], ["vm", "warm", "restored"]] and .cells[2].accel != null'
	# The parent may see that execve has succeeded later than the payload begins.
	ok "the moments of a start come one after the other" told startup.json 'all(.runs[].seen.at_ns;
		0 < .box_up and .box_up <= .exec and .box_up <= .payload and .payload <= .exit and .exit <= .gone) and
		(.runs[] | select(.env == "vm").seen | .at_ns.qemu < .at_ns.hello and .at_ns.hello < .at_ns.box_up + .uncertain_ns)'
	schema startup startup.json
fi

# Without hyperfine there is nothing to start by.
hidden() { unshare -m sh -c 'mount --bind /dev/null "$0" && exec "$@"' "$(command -v hyperfine)" "$@"; }
ok "without hyperfine startup cannot run, and says what to install" refused 77 "install the package hyperfine" \
	hidden "$tare" startup -q -e container
ok "startup of nothing" refused 2 "what?" "$tare" startup
ok "nothing is left" nothing_left
finish
