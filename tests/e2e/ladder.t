#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by ok
# shellcheck disable=SC2016 # jq's $
# tare ladder: from native to the container, one ingredient a step.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/run.sh
. "$(dirname "$0")/run.sh"
need root test "$(id -u)" = 0
need jq jq --version

root=$(cd "$(dirname "$0")/../.." && pwd)
short="-q -e container --slice 50us --passes 20 --seed 3"

dry_run() {
	"$tare" ladder --dry-run -e container --seed 3 >"$work/ladder.yaml" && cat "$work/ladder.yaml" &&
		grep -q '^ladder: yes' "$work/ladder.yaml" &&
		"$tare" run "$work/ladder.yaml" --dry-run | cmp - "$work/ladder.yaml"
}
ok "--dry-run prints a campaign that can be run" dry_run

# shellcheck disable=SC2086 # words
ok "a short ladder is climbed" "$tare" ladder $short -w getppid --rounds 12 -o "$runs/short"
ok "every trial is fine" all_ok "$runs/short"
ok "one program ran in all" one_program "$runs/short"

steps_in_order() {
	jq -e '(.campaign.ladder | .[0] == "native" and .[-2:] == ["seccomp", "container"] and length >= 13) and
		.campaign.ladder == [.envs[].label]' "$runs/short/manifest.json"
}
ok "the manifest says the steps in their order" steps_in_order

same_passes() {
	valid "$runs/short" | jq -e -s 'group_by(.round) | all(.[]; (map(.load.slices.pass) | unique | length) == 1)'
}
ok "all steps played the same passes" same_passes

ok "a ladder is reported" "$tare" report "$runs/short"
summary() { jq -e "$1" "$runs/short/summary.json"; }
ok "each step has a ratio, its interval, and nanoseconds" summary \
	'.ladder | length == 1 and (.[0].steps | length >= 12 and all(.ratio > 0 and .ci[0] <= .ratio and .ratio <= .ci[1] and
		.added.ci[0] <= .added.ns and .added.ns <= .added.ci[1] and .p_holm >= .p))'
ok "the steps are a chain" summary '.ladder[0] | [.first, .steps[].env][:-1] == [.steps[].before]'
ok "the product is of the steps" summary \
	'.ladder[0] | ((reduce .steps[].ratio as $r (1; . * $r)) / .of_estimates - 1 | fabs) < 1e-6'
ok "it is said whether they add up" summary '.ladder[0].adds_up | type == "boolean"'
ok "seccomp is the dearest step of the cheapest call" summary \
	'.ladder[0].steps | (max_by(.ratio) | .env == "seccomp" and .verdict == "slower" and .added.ns > 0)'
says() { grep -q -F -- "$1" "$2"; }
ok "the report draws it" test -s "$runs/short/report/plots/ladder-0.png"
ok "the page has the section" says "The ladder: where the cost comes from" "$runs/short/report/index.html"
ok "the text has a row of each step" says "+ seccomp" "$runs/short/report/report.md"
csv() { [ "$(wc -l <"$runs/short/report/ladder.csv")" = "$(jq '.ladder[0].steps | length + 2' "$runs/short/summary.json")" ]; }
ok "the CSV has a line of each step and the whole" csv

if python3 -c 'import jsonschema' 2>/dev/null; then
	cat >"$work/check" <<'EOF'
import json, sys
from jsonschema import Draft202012Validator
Draft202012Validator(json.load(open(sys.argv[1]))).validate(json.load(open(sys.argv[2])))
EOF
	for file in manifest summary; do
		ok "the $file is as its schema says" python3 "$work/check" "$root/results/$file.schema.json" "$runs/short/$file.json"
	done
fi

interrupted() {
	# shellcheck disable=SC2086 # words
	"$tare" ladder $short -w getppid --rounds 8 -o "$runs/cut" >/dev/null &
	pid=$!
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
		sleep 0.2
		[ -s "$runs/cut/records.jsonl" ] && break
	done
	kill -INT "$pid"
	wait "$pid"
	[ $? = 130 ] && [ "$(jq -r '.sittings[-1].end' "$runs/cut/manifest.json")" = interrupted ]
}
ok "an interrupt leaves a valid run" interrupted
resumed() {
	"$tare" ladder -q --resume "$runs/cut" >/dev/null && all_ok "$runs/cut" &&
		[ "$(jq -r '.sittings[-1].end' "$runs/cut/manifest.json")" = complete ] &&
		[ "$(valid "$runs/cut" | jq -r '[.round, .trial.env] | @tsv' | sort -u | wc -l)" \
			= "$(($(jq '.campaign.ladder | length' "$runs/cut/manifest.json") * 8))" ] &&
		"$tare" report "$runs/cut" -f csv && jq -e '.ladder[0].whole.rounds == 8' "$runs/cut/summary.json"
}
ok "and it resumes to its end" resumed

refused() { ! "$tare" run -q -e native,controllers=cpo -w getppid 2>"$work/said" && says "did you mean 'cpu'" "$work/said"; }
ok "a controller that is none is refused, with what was meant" refused

groupless() {
	"$tare" run -q -e container,cgroup=off -w getppid --rounds 1 --passes 5 -o "$runs/off" >/dev/null && all_ok "$runs/off" &&
		! "$tare" run -q -e container,cgroup=off --pids-limit 9 -w getppid --rounds 1 --passes 5 -o "$runs/limit" >/dev/null &&
		grep -q 'there is no group to put the limits on' "$runs/limit/records.jsonl"
}
ok "cgroup=off makes no group, and holds no limit" groupless
ok "nothing is left" nothing_left
finish
