#!/bin/sh
# SPDX-License-Identifier: MIT
# The schemas of results/ take what the program writes, and refuse what it must not write.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

root=$(cd "$(dirname "$0")/../.." && pwd)
tare=${TARE:-$root/build-dev/tare}
need jsonschema python3 -c 'import jsonschema'

cat >"$work/check" <<'EOF'
import json, sys
from jsonschema import Draft202012Validator
schema = Draft202012Validator(json.load(open(sys.argv[1])))
bad = 0
for number, line in enumerate(open(sys.argv[2]) if sys.argv[2].endswith("l") else [open(sys.argv[2]).read()], 1):
    for error in schema.iter_errors(json.loads(line)):
        where = "/".join(str(part) for part in error.absolute_path)
        print(f"{sys.argv[2]}:{number}: {where}: {error.message[:200]}")
        for inner in error.context or []:
            print("   ", "/".join(str(p) for p in inner.absolute_path), inner.message[:160])
        bad = 1
sys.exit(bad)
EOF
# shellcheck disable=SC2317 # called by ok
check() { python3 "$work/check" "$root/results/$1.schema.json" "$2"; }

# sound RUN WHAT: all three files of a run folder.
sound() {
	ok "the manifest of $2 is as its schema says" check manifest "$1/manifest.json"
	ok "the records of $2 are as their schema says" check record "$1/records.jsonl"
	ok "$2 is reported" "$tare" report "$1" -f csv
	ok "the summary of $2 is as its schema says" check summary "$1/summary.json"
}

ok "a made-up run is made" "$root/tests/data/make-run" "$work/run"
sound "$work/run" "a made-up run"

# breaks SCHEMA EXPRESSION WHAT: the file, changed by jq, must be refused.
breaks() {
	case $1 in
	record) head -n 1 "$work/run/records.jsonl" | jq -c "$2" >"$work/broken.jsonl" && file=broken.jsonl ;;
	*) jq "$2" "$work/run/$1.json" >"$work/broken.json" && file=broken.json ;;
	esac
	ok "$3 is refused" fails check "$1" "$work/$file"
}
breaks manifest 'del(.seed)' "a manifest without a seed"
breaks manifest '.tare.load_sha256 = "5f"' "a short digest"
breaks record 'del(.sha256)' "a good record without a digest"
breaks record '.status = "fine"' "an unknown status"
breaks record '.status = "failed"' "a failure without a reason"
breaks record '.load.slices.ns[0] = -1' "a negative time"
breaks record '.load.latency = {count: 1, max_ns: 1, buckets: [[288, 1]]}' "a bucket beyond the last"
breaks summary '.ratios[0].verdict = "faster?"' "an unknown verdict"
breaks summary '.ratios[0].level = 0.9' "an interval below 95 %"
breaks summary '.extra = 1' "an unknown key"

# Two runs that have some cells in common, and little else.
# shellcheck disable=SC2317 # called by ok
compare() {
	"$tare" compare --different-machines "$work/run" "$root/results/sample" --json >"$work/run/compare.json"
	[ $? -le 1 ] && jq -e '(.changes | length) > 9 and (.not_in_both | length) > 9 and (.differences | length) > 9' "$work/run/compare.json"
}
ok "two runs are compared" compare
ok "the result is as its schema says" check compare "$work/run/compare.json"
breaks compare '.changes[0].verdict = "worse"' "an unknown verdict of a change"
breaks compare '(.changes[] | select(.ci != null) | .level) = 0.9' "a change with an interval below 95 %"
breaks compare '.changes[0].regression = true | .changes[0].verdict = "equivalent"' "a regression that is equivalent"
breaks compare 'del(.changes[0].a.value)' "a change of nothing"
breaks compare '.not_in_both[0].only_in = "c"' "a cell of a third run"
breaks compare '.findings[0] = "a\u001b[2J"' "a sentence that steers a terminal"
breaks compare '.changes[0].extra = 1' "an unknown key of a change"

# What is seen from inside, of an environment that cannot be had too.
if [ "$(id -u)" = 0 ]; then
	# shellcheck disable=SC2317 # called by ok
	look() {
		"$tare" isolation users files kill ptrace --prove -e native -e container \
			-e gone=uml,boot=restore --json >"$work/run/isolation.json"
	}
	ok "environments are looked at from inside" look
	ok "the result is as its schema says" check isolation "$work/run/isolation.json"
	breaks isolation '.environments[0].results[0].verdict = "contained"' "a name that is contained"
	breaks isolation '.environments[1].results |= map(select(.name == "kill") | .verdict = "private")' \
		"an attack that is private"
	breaks isolation '.environments[1].results[0] += {claimed: false, leak: true}' "a leak of what nobody claims"
	breaks isolation 'del(.environments[2].why)' "an environment that is missing without a reason"
	breaks isolation '.environments[1].status = "failed"' "a failed environment with results"
	breaks isolation '.proofs[0] += {verdict: "contained", shown: true}' "a proof by what was contained"
	breaks isolation '.extra = 1' "an unknown key beside the probes"
fi

# One check that passes, one that says that it cannot be tried, and the one with a curve.
if [ "$(id -u)" = 0 ]; then
	ok "limits are validated" "$tare" validate -q --scale 0.1 -o "$work/run/validate.json" pids net-rate cpu-quota
	ok "the result is as its schema says" check validate "$work/run/validate.json"
	breaks validate '.results[0].verdict = "good"' "an unknown verdict of a check"
	breaks validate 'del(.results[0].control)' "a pass without a control"
	breaks validate '.results[0].why = "chance"' "a pass that needs an excuse"
	breaks validate '.results[1].why = ""' "an unsupported check without a reason"
	breaks validate 'del(.results[2].figure.details.curve)' "a quota without its curve"
	breaks validate '.results[0].figure.value = "12"' "a figure that is no number"
	breaks validate '.results[0].guess = 1' "an unknown key of a result"
fi

# What each collector sees where it has something to see: a network's devices have names, a disk's numbers.
if [ "$(id -u)" = 0 ]; then
	ok "a run is observed" "$tare" run -q -e native -w tcprr -w pread -c cpu,memory,io,sched,syscalls,counters \
		--rounds 1 -o "$work/seen"
	ok "a network's device is in it" jq -e -s 'any(.[]; .collectors.net.devices.lo)' "$work/seen/records.jsonl"
	ok "its records are as their schema says" check record "$work/seen/records.jsonl"
	jq -c '.collectors.io.devices.sda = {held: {n: 1, sum_ns: 1}}' "$work/seen/records.jsonl" >"$work/broken.jsonl"
	ok "a disk without its number is refused" fails check record "$work/broken.jsonl"
fi

# A run that tests itself. Four times slower is seen on a busy machine too.
if [ "$(id -u)" = 0 ]; then
	ok "a run tests itself" "$tare" run -q --self-test --effect 100 -e native -e container -w getppid -w cpu-burn \
		--rounds 6 --passes 20 --duration 10ms -o "$work/tested"
	sound "$work/tested" "a self-test"
	ok "what is known is known, and what is large is found" jq -e '.self_test |
		.false_alarms.comparisons == 2 and .power[1].found == 1 and (.rows | length) == 4 and
		all(.rows[] | select(.slowdown_pct > 0); .known_pct > 0) and all(.rows[]; .load == "getppid" and .rounds > 4)' \
		"$work/tested/summary.json"
	ok "no other figure is of it" jq -e 'all(.envs[], .cells[], .ratios[]; (.env // .label) | IN("native", "container"))' \
		"$work/tested/summary.json"
	ok "its records are counted" jq -e '.records | .all >= 6 * (6 + 2) and .failed == 0' "$work/tested/summary.json"
	rm "$work/run/summary.json" && cp "$work/tested/summary.json" "$work/run/"
	breaks summary 'del(.self_test.false_alarms)' "a self-test without false alarms"
	breaks summary '.self_test.rows[0].excludes_1 = null' "a comparison that says not what it found"
fi

# A command and a start, as any bench tells them.
if [ "$(id -u)" = 0 ]; then
	# shellcheck disable=SC2317 # called by ok
	bench() { "$tare" bench -q -e native -e container -r 5 -L n 1,2 -i --json -- sh -c 'exit {n}' >"$work/run/bench.json"; }
	ok "a command is benched" bench
	ok "the result is as its schema says" check bench "$work/run/bench.json"
	breaks bench 'del(.seed)' "a bench without a seed"
	breaks bench '.runs[0].exit = {}' "a run without an end"
	breaks bench '.runs[0].exit += {signal: 9, status: 1}' "a run with two ends"
	breaks bench '.cells[0].wall_ns.ci = [1]' "an interval with one end"
	breaks bench '.ratios[0] += {verdict: "slower", ci: null}' "a verdict without an interval"
	breaks bench '.rounds[0] += {complete: false, counts: true}' "half a round that counts"
	breaks bench '.extra = 1' "an unknown key of a bench"
fi
# shellcheck disable=SC2317 # called by ok
startup() { "$tare" startup -q -e container -r 1 --json >"$work/run/startup.json"; }
if [ "$(id -u)" = 0 ] && have hyperfine hyperfine --version; then
	ok "starts are timed" startup
	ok "the result is as its schema says" check startup "$work/run/startup.json"
	breaks startup '.runs[0].seen.at_ns.boxup = 1' "an unknown moment"
	breaks startup 'del(.runs[0].seen.at_ns.gone)' "a start without an end"
	breaks startup '.cells[0].boot = "restored"' "a boot that says not of what"
	breaks startup '.cells[0].cache = "hot"' "an unknown state"
fi

# The committed sample, and the newest run of this checkout.
for run in "$root/results/sample" "$root/results/sample-ladder" "${TARE_TEST_RUN-}"; do
	[ -f "$run/manifest.json" ] || continue
	cp -r "$run" "$work/real"
	sound "$work/real" "$(basename "$run")"
	rm -rf "$work/real"
done
finish
