#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by ok
# shellcheck disable=SC2016 # jq's $ and hostile texts are meant as they stand
# A comparison finds what was changed between two made-up runs, nothing else, and refuses what
# cannot be compared.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

root=$(cd "$(dirname "$0")/../.." && pwd)
tare=${TARE:-${TARE_BUILD:-$root/build-dev}/tare}
need jq jq --version
make=$root/tests/data/make-run
a=$work/a b=$work/b

says() { grep -q -F -- "$1" "$2"; }
# exits STATUS COMMAND...
exits() {
	status=$1; shift
	"$@"; got=$?
	[ "$got" = "$status" ] || { echo "status $got"; return 1; }
}
# refuses STATUS WORDS COMMAND...: the status, and the words on stderr, which has no more than that
# and where help is.
refuses() {
	status=$1 words=$2; shift 2
	"$@" >"$work/stdout" 2>"$work/stderr"; got=$?
	cat "$work/stdout" "$work/stderr"
	[ "$got" = "$status" ] && [ "$(wc -l <"$work/stderr")" -le 2 ] && ! [ -s "$work/stdout" ] && says "$words" "$work/stderr"
}
# json EXPRESSION COMMAND...: of what the command prints.
json() {
	expression=$1; shift
	"$@" --json >"$work/json"
	jq -e "$expression" "$work/json"
}
# also EXPRESSION: of the same.
also() { jq -e "$1" "$work/json"; }
compare() { "$tare" compare "$@"; }
# A run's manifest or records, changed by jq.
change() { jq "$2" "$1/manifest.json" >"$work/m" && cp "$work/m" "$1/manifest.json"; }
records() { jq -c "$2" "$1/records.jsonl" >"$work/r" && cp "$work/r" "$1/records.jsonl"; }

"$make" "$a" 7 24 && "$make" "$b" 8 24 7 && "$make" "$work/changed" 7 24 8 container/getppid=1.03 container/openclose=0.97 &&
	"$make" "$work/machine" 7 24 10 '*/*=1.1' || exit 1
for run in "$a" "$b" "$work/changed" "$work/machine"; do # what is observed is not compared
	grep -v -e '"group":"observed"' -e '"group":"exits"' "$run/records.jsonl" >"$work/r" && cp "$work/r" "$run/records.jsonl"
done

# The same truths by two seeds.
ok "another seed alone is no regression" exits 0 compare "$a" "$b"
ok "a run is what it is" json '[.changes[] | select(.change != 1 or .p != 1)] == [] and .differences == []' compare "$a" "$a"
ok "intervals hold the truth that nothing changed" json \
	'[.changes[] | select(.kind == "ratios" and .metric == "ns_per_op")] | length >= 8 and
	 ([.[] | select(.ci[0] > 1.002 or .ci[1] < 0.998)] == []) and ([.[] | select(.verdict == "equivalent" or (.why // "" | contains("without Holm")))] | length >= 6)' \
	compare "$a" "$b"
ok "runs of 7 and 8 rounds are compared as they are" json \
	'.changes[0] | .a.rounds == 7 and .b.rounds == 8 and .rounds == 7 and .method == "two-runs"' compare "$a" "$b"

# What was changed.
ok "a ratio that grew by 3 % is a regression" exits 1 compare "$a" "$work/changed"
ok "it is the only one, and its interval holds the truth" json \
	'.regressions == 1 and ([.changes[] | select(.regression)] | length == 1 and (.[0] | .env == "container" and .load == "getppid" and
	 .kind == "ratios" and .verdict == "slower" and .ci[0] < 1.03 and .ci[1] > 1.03))' compare "$a" "$work/changed"
ok "a sentence says so" also '.findings | map(select(test("^container, getppid: 1.2[0-9]* times native in A, 1.2[0-9]* in B: slower"))) | length == 1'
ok "a ratio that went down is told, and no regression" also \
	'[.changes[] | select(.kind == "ratios" and .verdict == "faster") | .load] == ["openclose"]'
ok "it is none against an effect of 5 %" exits 0 compare "$a" "$work/changed" --effect 5
ok "the other way round it is the other one" json '[.changes[] | select(.regression) | .load] == ["openclose"]' \
	compare "$work/changed" "$a"
ok "a machine that is slower as a whole changes no ratio" exits 0 compare "$a" "$work/machine"
ok "its times are told, and do not count" json \
	'[.changes[] | select(.kind == "times" and .worse)] | length >= 9 and all(.regression == false and (.sentence | contains("not counted")))' \
	compare "$a" "$work/machine"
ok "they count where they are asked for" exits 1 compare "$a" "$work/machine" --only times
ok "only what was asked for is compared" json '[.changes[].kind] | unique == ["figures", "times"]' \
	compare "$a" "$b" --only times,figures
ok "ratios alone find nothing in a slower machine" exits 0 compare "$a" "$work/machine" --only ratios
only_native() { cp -r "$1" "$2" && records "$2" 'select(.trial.env == "native" and .group == "turns")'; }
ok "of one environment alone" only_native "$a" "$work/native_a"
ok "there are two runs" only_native "$work/machine" "$work/native_b"
ok "times count where there are no ratios" exits 1 compare "$work/native_a" "$work/native_b"
ok "cells that only one run has are named" json \
	'(.not_in_both | length > 10) and all(.not_in_both[]; .only_in == "a" and .regression == false)' compare "$a" "$work/native_a"

# Emulation is said with each of its figures.
compare "$a" "$b" >"$work/text"
ok "TCG is labelled in each line" sh -c "grep -E '^(vm|inside)' '$work/text' >'$work/vm' && ! grep -v 'TCG, emulated' '$work/vm'"

# Limits at work.
cp -r "$a" "$work/leak" && records "$work/leak" \
	'if .trial.env == "container" and .group == "limits" then .collectors.cpu.usage_us |= (. * 1.1 | floor) else . end'
ok "a quota that leaks is a regression" exits 1 compare "$a" "$work/leak" --only figures
ok "one that gives too little as well" json \
	'[.changes[] | select(.regression)] | length > 0 and all(.metric == "cpu_cores" and .verdict == "lower")' compare "$work/leak" "$a"
cp -r "$a" "$work/broken" && records "$work/broken" \
	'if .trial.env == "container" and .set == "forkexec" then .status = "failed" | .why = "it broke\u001b[31m" else . end'
ok "what can be measured no more is a regression" exits 1 compare "$a" "$work/broken"
ok "it says why" json '[.not_in_both[] | select(.regression)] | length > 0 and all(.sentence | contains("and not in B: it broke?[31m"))' \
	compare "$a" "$work/broken"
ok "what can be measured again is none" exits 0 compare "$work/broken" "$a"

# The ledger.
cp -r "$b" "$work/other" && change "$work/other" '.machine.kernel = "6.2.0" | .tare.load_sha256 = "6a" * 32 |
	.campaign.passes = 7 | .qemu = "8.0" | (.envs[] | select(.label == "container").options) = {seccomp: "off"}'
records "$work/other" 'if .trial.machine == "vm" then .instance.kernel = "6.3.0-guest" else . end'
compare "$a" "$work/other" --json >"$work/json"
# differs WHAT A B
differs() { also ".differences | index([{what: \"$1\", a: $2, b: $3}])"; }
ok "another kernel is listed, and no other machine" differs machine.kernel '"6.0.0-synthetic"' '"6.2.0"'
ok "another number of rounds is listed" differs campaign.groups.turns.rounds '"7"' '"8"'
ok "another seed is listed" differs seed '"20261123"' '"7"'
ok "another QEMU is listed" differs qemu '"7.2 synthetic"' '"8.0"'
ok "an environment's option is listed" differs envs.container.options.seccomp null '"off"'
ok "a guest's kernel is listed" differs instances.vm.kernel '"[\"6.1.0-synthetic\"]"' '"[\"6.3.0-guest\"]"'
ok "another tare-load, campaign and environment are told" also \
	'.notes | map(.[0:16]) == ["The loads are of", "The campaigns di", "The environment "]'
cp -r "$b" "$work/kvm" && records "$work/kvm" 'if .trial.env == "vm" then .instance.accel = "kvm" else . end'
ok "a guest under KVM is not compared with emulation" json \
	'([.changes[] | select(.env == "vm")] == []) and ([.not_in_both[] | select(.env == "vm")] | length > 0 and all(.why | contains("accelerator")))' \
	compare "$a" "$work/kvm"

# Machines.
cp -r "$b" "$work/far" && change "$work/far" '.machine.cpu_model = "another"'
ok "runs of different machines are refused" refuses 2 "--different-machines compares them all the same" compare "$a" "$work/far"
ok "they are compared when it is asked for" json '.same_machine == false and (.notes[0] | contains("different machines"))' \
	compare "$a" "$work/far" --different-machines

# JUnit, and hostile names.
for run in "$a" "$work/changed"; do
	cp -r "$run" "$run-hostile" && records "$run-hostile" \
		'("x\"><failure/>]]>&<!--\uffff\u00e9") as $bad | if .trial.env == "container" then .trial.env = $bad else . end |
		 .instance.kernel = "\u001b[2J" + $bad'
done
ok "hostile names are compared" exits 1 compare "$a-hostile" "$work/changed-hostile" --junit "$work/junit.xml"
quiet() { compare "$a-hostile" "$work/changed-hostile" | LC_ALL=C grep -q '[^ -~]' && return 1 || return 0; }
ok "no name steers the terminal" quiet
ok "the JUnit file is well-formed, and counts the regression" python3 -c '
import sys, xml.etree.ElementTree as xml
top = xml.parse(sys.argv[1]).getroot()
cases = list(top.iter("testcase"))
bad = [c for c in cases if c.find("failure") is not None]
assert top.tag == "testsuites" and len(cases) > 40 and len(bad) == 1, (len(cases), len(bad))
assert "><failure/>" in bad[0].get("name") and "slower" in bad[0].find("failure").get("message")
assert sum(int(s.get("failures")) for s in top) == 1 and sum(int(s.get("tests")) for s in top) == len(cases)' "$work/junit.xml"
ok "a JUnit file that cannot be written is an error, no regression" refuses 2 "/nowhere/x.xml" compare "$a" "$b" --junit /nowhere/x.xml

# What is no run, and few rounds.
cp -r "$a" "$work/few" && records "$work/few" 'select(.round < 4)'
ok "four rounds have no interval, and say so" json \
	'.regressions == 0 and ([.changes[] | select(.kind == "ratios")] | length > 0 and all(.ci == null and .verdict == "inconclusive" and (.why | contains("needs 5"))))' \
	compare "$a" "$work/few"
cp -r "$a" "$work/torn" && printf '{"schema":"tare.rec' >>"$work/torn/records.jsonl"
ok "a torn last line is told" sh -c "'$tare' compare '$a' '$work/torn' | grep 'was cut off'"
cp -r "$a" "$work/cut" && (head -n 5 "$a/records.jsonl"; echo '{]') >"$work/cut/records.jsonl"
ok "a broken record is refused by its line" refuses 2 "line 6" compare "$a" "$work/cut"
ok "a folder that is no run is refused" refuses 2 "is no run folder" compare "$a" "$work"
ok "one run is a usage error" refuses 2 "name two runs' folders" compare "$a"
ok "three runs are a usage error" refuses 2 "unexpected argument" compare "$a" "$b" "$a"
ok "a misspelt kind gets a hint" refuses 2 "did you mean 'ratios'" compare "$a" "$b" --only ratio
ok "a list with nothing in it is refused" refuses 2 "'' is not one of" compare "$a" "$b" --only ratios,
ok "an effect of nothing is refused" refuses 2 "--effect" compare "$a" "$b" --effect 0
ok "help is there" sh -c "'$tare' compare --help | grep -e '--different-machines'"
finish
