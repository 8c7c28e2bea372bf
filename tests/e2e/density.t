#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317,SC2016 # functions are called by ok; what jq says has its own variables
# tare density: boxes that are up at once, what each weighs, and that none is left.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/run.sh
. "$(dirname "$0")/run.sh"
# shellcheck source=tests/e2e/document.sh
. "$(dirname "$0")/document.sh"
need root test "$(id -u)" -eq 0
need jq jq --version
export TARE_RUNTIME_DIR="$work/run"

density() { "$tare" density -q "$@"; }

here() { density -e native -e container --max 12 -r 2 --seed 3 -o "$work/folder" --json >"$work/here.json"; }
ok "boxes are put up and weighed" here
# A round that was disturbed is played again.
ok "each climb has as many as were asked for, all up at once" told here.json '(.climbs | length >= 4) and
	all(.climbs[]; .boxes == 12 and .stop == "max" and .took_ns > .up_ns) and (.boxes | length) == 12 * (.climbs | length)'
ok "ten of each were weighed, the first while all were up" told here.json '[.boxes[] | select(.round == 0 and .env == "container" and .up)] |
	map(.up) == [range(12; 2; -1)] and all(.[]; .pss_bytes > 0 and .group_bytes > 0)'
ok "a plain process has no group that counts memory" told here.json '.cells[0].group_bytes.rounds == 0 and .cells[1].group_bytes.rounds >= 2'
ok "a start among many is compared with one among few" told here.json '[.ratios[] | "\(.env) \(.baseline) \(.metric)"] ==
	["native native last_to_first", "container container last_to_first", "container native first_ns", "container native last_ns", "container native pss_bytes"]'
schema density here.json
ok "the folder has the document, a line for each box and the plot" sh -c "cmp '$work/here.json' '$work/folder/density.json' ||
	jq -e --slurpfile a '$work/here.json' '. == \$a[0]' '$work/folder/density.json' &&
	test \"\$(wc -l <'$work/folder/boxes.csv')\" = \"\$(jq '.boxes | length + 1' '$work/here.json')\""
have gnuplot gnuplot --version && ok "which is drawn" grep -q '<svg' "$work/folder/density.svg"
ok "a folder that is not empty is refused before anything is put up" refused 1 "is not empty" \
	"$tare" density -q -e container -o "$work/folder"

ok "the table says what ended a climb" sh -c "'$tare' density -q -e container --max 3 -r 1 | grep -q 'container  *3  *max '"
ok "a climb ends with its time, which is looked at between two boxes" sh -c "'$tare' density -q -e container \
	--max 5000 --climb-time 50ms -r 1 --json | jq -e '.climbs[0] | .stop == \"time\" and .boxes < 5000'"
for budget in 1ms 300ms; do # over while boxes are warmed up, and later
	ok "a time budget of $budget is too short, and is told" refused 1 "stopped before there was one round to tell of: time budget" \
		"$tare" density -q -e container --max 5000 --time-budget $budget
done
# many: a climb of which some boxes are up, to be ended by others; sets pid.
many() {
	"$tare" density -q -e container --max 5000 -r 9 & pid=$!
	for _ in $(seq 300); do
		[ "$(cat "$TARE_RUNTIME_DIR"/* 2>/dev/null | wc -l)" -gt 20 ] && return
		sleep 0.1
	done
	return 1
}
stopped() {
	many || return
	kill -TERM "$pid"
	wait "$pid"
	test $? = 143 && "$tare" clean | grep -q 'nothing to remove'
}
ok "a signal that ends it takes all of them down" stopped
killed() {
	many || return
	kill -KILL "$pid"
	wait "$pid"
	"$tare" clean --json >"$work/cleaned" && cat "$work/cleaned" && jq -e '.things > 2' "$work/cleaned"
}
ok "what a killed climb leaves is taken down by tare clean" killed

ok "of nothing" refused 2 "of what?" "$tare" density
ok "too many" refused 2 "--max" "$tare" density -e native --max 5001
ok "all of the memory" refused 2 "--memory-share" "$tare" density -e native --memory-share 100
ok "an argument" refused 2 "x" "$tare" density -e native x

guests() { density -e container -e vm --max 3 -r 1 --json >"$work/guests.json"; }
if [ -z "${TARE_SANITIZED-}" ] && guest; then
	ok "guests are put up" guests
	ok "and are labelled; each weighs more than a container" told guests.json '.cells as [$c, $g] | $g.boot == "restored" and
		($g.accel | . == "tcg" or . == "kvm") and $g.boxes.median == 3 and $g.pss_bytes.median > 10 * $c.pss_bytes.median'
	schema density guests.json
fi
ok "nothing is left" nothing_left
finish
