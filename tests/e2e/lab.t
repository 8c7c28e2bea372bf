#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317,SC2016 # functions are called by ok; what eval is given expands there
# tare lab: a class of three, from the handout to the merged grades.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/run.sh
. "$(dirname "$0")/run.sh"
need root test "$(id -u)" = 0
need jq jq --version
need container "$tare" exec -e container -- true

root=$(cd "$(dirname "$0")/../.." && pwd)
export TARE_RUNTIME_DIR="$work/run" XDG_CACHE_HOME="$work/cache"
mkdir "$TARE_RUNTIME_DIR" "$XDG_CACHE_HOME"
class=$runs/class

# says STATUS WORDS COMMAND...: fails with that status and one sentence that has the words.
says() {
	expected=$1 words=$2; shift 2
	"$@" >"$work/said" 2>&1 </dev/null
	status=$?
	cat "$work/said"
	test "$status" = "$expected" && grep -q "$words" "$work/said"
}
lab() { "$tare" lab run "$1" -q --quick --student "$2" --predict "$3" -o "$class/$2/$1"; }
of() { jq -e "$2" "$class/$1/lab.json"; }

ok "each lab can be handed out" eval '"$tare" lab list --json | jq -r ".[].name" >"$work/names" &&
	test "$(wc -l <"$work/names")" -ge 8 && while read -r each; do
		"$tare" lab show "$each" >"$work/handout" && grep -q "lab run $each" "$work/handout" || exit 1
		"$tare" lab show "$each" --json | jq -e ".question and .claim and ([.rubric[].points] | add) == 15" || exit 1
	done <"$work/names"'
ok "a lab that cannot be done here says why" eval '"$tare" lab list --json |
	jq -e "map({(.name): .}) | add | .userland | .available == false and (.why | length) > 20"'
ok "and is not begun" says 77 "tare image import" "$tare" lab run userland --predict b -o "$runs/none"
ok "without a prediction nothing is run" says 2 "predict first" "$tare" lab run names -o "$runs/none"
ok "nor with one that cannot be" says 2 "none of a to d" "$tare" lab run names --predict e -o "$runs/none"
ok "nor with an image that nothing is done with" says 2 "no use for an image" \
	"$tare" lab run names --predict a --image x -o "$runs/none"
ok "nor a lab that does not exist" says 2 "did you mean 'names'" "$tare" lab run name --predict a -o "$runs/none"
ok "nor into a folder with something in it" says 2 "empty" \
	"$tare" lab run names --predict c -o "$work"
ok "nor with another action's option" says 2 "for 'tare lab grade'" "$tare" lab run names --predict c --csv x
ok "nor anything when nothing is asked for" says 2 "say what to do: list, show, run or grade" "$tare" lab
ok "and nothing was made of it" test ! -e "$runs/none"

for student in Ada Bob Zoë; do
	ok "$student does the lab on names" lab names "$student" c
	ok "$student does the lab on ps" lab ps "$student" b
	ok "$student does the lab on starts" lab startup "$student" 3
done
ok "the container has all names but the kernel's" of Ada/names \
	'.verdict.outcome == "confirmed" and .answer == "c" and .points.earned == 8'
ok "the shell has another number outside" of Ada/ps '.verdict.outcome == "confirmed" and
	(.figures | map({(.name): .value}) | add | ."number-inside" == 1 and ."number-outside" > 1 and ."listed-inside" == 2)'
ok "starts are compared round by round" of Ada/startup '.figures | map({(.name): .}) | add |
	."container-to-process" | .n == 8 and .low <= .value and .value <= .high'
ok "containers are put up beside each other and weighed; guests are none of a quick run" of Ada/startup '
	.figures | map({(.name): .}) | add | (."weight-container", ."crowded-container" | .n == 5 and .low > 0) and ."fit-container".value > 1 and
	has("fit-guest") == false'
ok "with a picture of them" test -s "$class/Ada/startup/plots/density.svg"
ok "the prediction was there before the data" eval 'jq -r .prediction.at "$class/Ada/startup/lab.json" >"$work/at" &&
	jq -r .sittings[0].begun "$class/Ada/startup/data/run/manifest.json" >>"$work/at" && sort -c "$work/at"'
ok "what a quick run leaves out is said" of Ada/startup '.missing | length == 3 and all(.why | length > 10)'
ok "the report has the verdict and the points" eval 'grep -q "confirmed" "$class/Ada/ps/index.html" &&
	grep -q "Points" "$class/Ada/ps/report.md"'
ok "the report names what could be answered" grep -q "System V shared memory" "$class/Ada/names/report.md"
ok "the evidence can be told as the page says, and is left as it was" eval '(cd "$class/Ada/names" && "$tare" report data) &&
	"$tare" lab grade "$class/Ada/names"'
ok "the engine's own report can be made of it" "$tare" report "$class/Ada/startup/data/run" -f csv

ok "attacks: chroot against container" lab chroot Ada d
ok "all that succeeds in the chroot is contained in the container" of Ada/chroot '.verdict.outcome == "confirmed" and
	.answer == "d" and (.figures | map({(.name): .value}) | add | .container == 0 and .chroot > 5)'
ok "two ways of a system call" lab paths Ada a
ok "are measured by the same program in turns" eval 'one_program "$class/Ada/paths/data/run" &&
	of Ada/paths ".figures | length == 2"'
if have busybox test -x /bin/busybox; then
	ok "copy on write" lab union Ada 64
	ok "a byte costs the whole file" of Ada/union '.verdict.outcome != "refuted" and .answer >= 64 and .answer < 65 and
		(.figures | map({(.name): .value}) | add | ."own-before" == 0)'
fi
ok "limits, in short" lab control Ada c
ok "memory and tasks are limited" of Ada/control '.figures | length == 2 and all(.note | startswith("pass; the worst of"))'
if have "packages of another Debian release" "$root/tests/data/make-userland" "$work/other"; then
	ok "another release's userland" eval '"$tare" image import "rootfs:$work/other" --name other && lab userland Ada b'
	ok "runs on this kernel" of Ada/userland '.answer == "b" and .verdict.outcome != "refuted" and
		(.figures | map({(.name): .value}) | add | .kernel == 1 and .release == 0 and .libc == 0)'
fi

valid_page "all pages are valid HTML" "$class"/*/*/index.html
graded() { "$tare" lab grade "$class" --json --csv "$work/grades.csv" >"$work/grades.json"; }
rows() { jq -e ".submissions | map(select($1)) | $2" "$work/grades.json"; }
ok "the class is graded" graded
ok "one row each, in order" rows true 'length >= 13 and (map(.student) | unique | length) == 3'
ok "points are as each was told" eval 'jq -r ".submissions[] | \"\(.points.earned) \(.folder)\"" "$work/grades.json" |
	while read -r points dir; do test "$points" = "$(jq .points.earned "$dir/lab.json")" || exit 1; done'
ok "the table for spreadsheets has them all" eval 'test "$(wc -l <"$work/grades.csv")" = \
	"$(jq ".submissions | length + 1" "$work/grades.json")" && grep -q "^\"Zoë\",\"ps\"" "$work/grades.csv"'
ok "and the one for people" eval '"$tare" lab grade "$class" | grep -q "^Zoë .*ps .*right .*confirmed"'
as_the_guide_says() {
	sed -n 's/^    \(tare lab grade class.*\)/\1/p' "$root/docs/instructors.md" >"$work/lines"
	test "$(wc -l <"$work/lines")" -ge 4 && (cd "$runs" && PATH=$build:$PATH sh -e "$work/lines") >"$work/said" &&
		test -s "$runs/grades.csv" && jq -e .submissions "$runs/grades.json" &&
		grep -qx "Zoë	$(jq '[.submissions[] | select(.student == "Zoë") | .points.earned] | add' "$runs/grades.json")" "$work/said"
}
ok "the lines of the guide for instructors grade it, and add up each student's points" as_the_guide_says

cp -r "$class/Ada/startup" "$class/Bob/again"
sed -i 's/"ns":\[\([0-9]\)/"ns":[9\1/' "$class/Zoë/startup/data/run/records.jsonl"
"$tare" lab run startup -q --quick --predict 3 --student Eve -o "$class/Eve/startup" 2>/dev/null & pid=$!
until test -s "$class/Eve/startup/data/run/manifest.json" || ! kill -0 $pid 2>/dev/null; do sleep 0.01; done
kill -INT $pid; wait $pid; stopped=$?
ok "an experiment that is stopped says so" test $stopped = 130
ok "who copies, changes or stops is flagged" says 1 "Bob/again: copied: the same data" "$tare" lab grade "$class"
ok "by name" eval 'fails graded && rows "(.folder | test(\"(Ada/startup|Bob/again)$\"))" "length == 2 and all(.flags[0].kind == \"copied\")" &&
	rows ".folder | endswith(\"Zoë/startup\")" "length == 1 and .[0].flags[0].kind == \"tampered\"" &&
	rows ".folder | endswith(\"Eve/startup\")" ".[0].flags | map(.kind) == [\"incomplete\"]"'

schema() { # schema NAME FILE...
	python3 - "$root/results" "$@" <<'PY'
import json, sys
from jsonschema import Draft202012Validator
folder, name, files = sys.argv[1], sys.argv[2], sys.argv[3:]
schema = Draft202012Validator(json.load(open(f'{folder}/{name}.schema.json')))
errors = [f'{f}: {list(e.absolute_path)}: {e.message[:200]}' for f in files
          for e in schema.iter_errors(json.load(open(f)))]
print('\n'.join(errors))
sys.exit(bool(errors))
PY
}
if have jsonschema python3 -c 'import jsonschema'; then
	ok "each lab.json is as its schema says" schema lab "$class"/*/*/lab.json
	ok "the densities are as their schema says" schema density "$class"/*/startup/data/density.json
	ok "the grades are as their schema says" schema grades "$work/grades.json"
	jq '.rubric[0].earned = null' "$class/Ada/ps/lab.json" >"$work/bad.json"
	ok "points that are open but for a person's are refused" fails schema lab "$work/bad.json"
	jq '.verdict.outcome = "proved"' "$class/Ada/ps/lab.json" >"$work/bad.json"
	ok "an unknown verdict is refused" fails schema lab "$work/bad.json"
	jq '.submissions[0].flags = [{kind: "odd", what: "x"}]' "$work/grades.json" >"$work/bad.json"
	ok "an unknown flag is refused" fails schema grades "$work/bad.json"
fi
terminal() { "$root/tests/data/on-terminal" 'prediction: =x\n' 'prediction: =b\n' -- \
	"$tare" lab run ps --quick --student Ada -o "$runs/typed" && jq -e '.prediction | .value == "b" and .by == "terminal"' "$runs/typed/lab.json"; }
ok "on a terminal it asks, and asks again" terminal
ok "nothing is left behind" eval 'nothing_left && test -z "$(ls "$TARE_RUNTIME_DIR")"'
finish
