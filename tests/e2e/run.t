#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by ok
# tare run on the host: natively, in a chroot and in the container.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/run.sh
. "$(dirname "$0")/run.sh"
need root test "$(id -u)" = 0
need jq jq --version

turns="-e native -e chroot -e container -w getppid,openclose,forkexec,create,pingpong,tcprr"
# shellcheck disable=SC2086 # words
ok "three boxes take turns" "$tare" run -q $turns --rounds 2 --passes 10 --seed 5 -o "$runs/turns"
ok "every trial is fine" all_ok "$runs/turns"
ok "one program ran in all" one_program "$runs/turns"

six_slices_a_round() {
	jq -e -s 'all(.[]; (.load.slices.pass | length) == 10 and (.load.slices.ns | min) > 0)' \
		"$runs/turns/records.jsonl"
}
ok "each player played each pass" six_slices_a_round

# What the seed decides: which sets come in which order, and who plays when in them. A set that stolen
# time voided is carried out again by the same draws, so its doubles say nothing new; whether
# there are any is the machine's doing and not the seed's.
positions() {
	jq -c 'select(.trial and (.status == "ok" or .status == "void")) |
		[.round, .set, .trial.env, .position, .load.slices.position]' "$1/records.jsonl" | awk '!seen[$0]++'
}
same_seed() {
	# shellcheck disable=SC2086 # words
	"$tare" run -q $turns --rounds 2 --passes 10 --seed 5 -o "$runs/again" &&
		positions "$runs/turns" >"$work/a" && positions "$runs/again" >"$work/b" && [ -s "$work/a" ] &&
		cmp "$work/a" "$work/b"
}
ok "the same seed gives the same order of everything" same_seed

# As on a busy machine: the first set was voided and done again, and one was taken back.
voided_is_the_same() {
	mkdir "$runs/busy" && sed -n '1,3s/"status":"ok"/"status":"void"/p' "$runs/again/records.jsonl" >"$runs/busy/records.jsonl" &&
		[ "$(jq -s 'map(select(.status == "void")) | length' "$runs/busy/records.jsonl")" = 3 ] &&
		printf '{"schema":"tare.record/1","superseded":true,"group":"run","round":0,"set":"x"}\n' >>"$runs/busy/records.jsonl" &&
		cat "$runs/again/records.jsonl" >>"$runs/busy/records.jsonl" &&
		positions "$runs/busy" >"$work/c" && cmp "$work/a" "$work/c"
}
ok "also where stolen time voided a set" voided_is_the_same

another_seed() {
	# shellcheck disable=SC2086 # words
	"$tare" run -q $turns --rounds 1 --passes 10 --seed 6 -o "$runs/other" &&
		positions "$runs/other" >"$work/d" && ! head -n "$(wc -l <"$work/d")" "$work/a" | cmp - "$work/d"
}
ok "another seed gives another order" another_seed

interrupted() {
	"$tare" run -q -e native -e container -w getppid --rounds 200 --passes 20 -o "$runs/cut" >/dev/null &
	pid=$!
	sleep 3
	kill -INT "$pid"
	wait "$pid"
	[ $? = 130 ] && [ "$(jq -r '.sittings[-1].end' "$runs/cut/manifest.json")" = interrupted ] &&
		all_ok "$runs/cut"
}
ok "an interrupt leaves a valid run" interrupted
ok "nothing is left" nothing_left

resumed() {
	before=$(wc -l <"$runs/cut/records.jsonl")
	sed 's/"rounds": 200/"rounds": 40/' "$runs/cut/manifest.json" >"$work/m" && cp "$work/m" "$runs/cut/manifest.json"
	printf '{"schema":"tare.rec' >>"$runs/cut/records.jsonl" # as a crash would leave it
	"$tare" run -q --resume "$runs/cut" >/dev/null &&
		[ "$(jq -r '.sittings[-1].end' "$runs/cut/manifest.json")" = complete ] &&
		[ "$(valid "$runs/cut" | jq -r '[.round, .trial.env] | @tsv' | sort -u | wc -l)" \
			= "$(valid "$runs/cut" | wc -l)" ] &&
		[ "$(wc -l <"$runs/cut/records.jsonl")" -ge "$before" ]
}
ok "and it resumes to its end, without a gap or a double" resumed

budget() {
	"$tare" run -q -e native -e container -w getppid --rounds 10000 --time-budget 2s -o "$runs/budget" >/dev/null &&
		[ "$(jq -r '.sittings[0].end' "$runs/budget/manifest.json")" = "time budget" ]
}
ok "a time budget is kept" budget

precise() {
	"$tare" run -q -e a=native -e b=native -w getppid --rounds 60 --passes 50 --precision 20 -o "$runs/precise" >/dev/null &&
		[ "$(jq -r '.sittings[0].end' "$runs/precise/manifest.json")" = precision ]
}
ok "it stops when the interval is narrow enough" precise
ok "nothing is left at the end" nothing_left
finish
