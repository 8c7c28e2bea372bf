#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by ok
# shellcheck disable=SC2016 # jq's $ and hostile texts are meant as they stand
# A report says what the records say, on made-up runs whose truths are known; and hostile, torn
# or foreign ones do no harm.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

root=$(cd "$(dirname "$0")/../.." && pwd)
tare=${TARE:-$root/build-dev/tare}
need gnuplot gnuplot --version
need jq jq --version
run=$work/run page=$work/run/report/index.html text=$work/run/report/report.md

says() { grep -q -F -- "$1" "$2"; }
# says_err STATUS WORDS COMMAND...: the status, and the words on stderr in one line.
says_err() {
	status=$1 words=$2; shift 2
	"$@" >"$work/stdout" 2>"$work/stderr"; got=$?
	cat "$work/stderr"
	[ "$got" = "$status" ] && [ "$(wc -l <"$work/stderr")" -le 2 ] && says "$words" "$work/stderr"
}
summary() { jq -e "$1" "$run/summary.json"; }

"$root/tests/data/make-run" "$run" || exit 1
ok "a report is made" "$tare" report "$run"
for file in index.html report.md cells.csv ratios.csv slices.csv plots/ratios.svg plots/ratios.png \
	plots/heatmap.svg plots/startup.svg plots/boundaries.svg plots/boundaries.png plots/exits.svg plots/exits.png plots/order.svg; do
	ok "$file is there" test -s "$run/report/$file"
done
ok "there is a latency plot for each load in latency mode" \
	test "$(find "$run/report/plots" -name 'latency-*.svg' | wc -l)" = 4
ok "there is a throttling plot for each load under limits" \
	test "$(find "$run/report/plots" -name 'throttle-*.svg' | wc -l)" = 2
ok "each limit is drawn" sh -c "cd '$run/report/plots' && cat throttle-*.gp | grep -q \"'limit 0.5'\" &&
	cat throttle-*.gp | grep -q \"'limit 64'\" && cat throttle-*.gp | grep -q \"'limit 3.815'\""
ok "there is a picture of where the time went for each load that sched watched" \
	test "$(find "$run/report/plots" -name 'sched-*.svg' | wc -l)" = 1
ok "and a section" says "Off the CPU" "$page"
ok "and what it counted, of all trials together" summary \
	'[.sched[] | select(.env == "container")] | length == 1 and all(.trials == 8 and .switches == 1448 and .migrations == 8 and
	 .waits == 1440 and .off_ns.iowait == 336000000 and .p50_ns < .p99_ns and .p99_ns <= .max_ns)'
ok "in a table too" says "| container | cpu-burn | 1448 | 8 | " "$text"
ok "no data lie there that no picture shows" sh -c "cd '$run/report/plots' && for data in *.tsv; do test -s \"\${data%.tsv}.svg\" || exit 1; done"

# What make-run has drawn around.
truth() { # ENV LOAD RATIO
	summary "[.ratios[] | select(.env == \"$1\" and .load == \"$2\" and .metric == \"ns_per_op\"
		and .ci[0] <= $3 * 1.002 and .ci[1] >= $3 * 0.998)] | length == 1"
}
ok "the ratio of getppid is found" truth container getppid 1.24
ok "the ratio of openclose is found" truth container openclose 1.046
ok "the ratio of an emulated guest is found" truth vm forkexec 21
ok "no difference is called equivalent" summary \
	'[.ratios[] | select(.env == "container" and .load == "pread" and .verdict == "equivalent")] | length == 1'
ok "a difference is called slower" summary \
	'[.ratios[] | select(.env == "container" and .load == "getppid" and .metric == "ns_per_op" and .verdict == "slower")] | length == 1'
ok "no ratio is from observed rounds" summary '[.ratios[] | select(.group == "observed")] | length == 0'
ok "what a bucket cannot resolve is said to be so" summary \
	'[.ratios[] | select(.metric == "latency_p50" and .env == "container" and .load == "openclose" and .verdict == "not-resolvable")] | length == 1'
ok "the observer's cost is told" summary '[.observer[] | select(.load == "getppid" and .ratio > 1.5)] | length > 0'
ok "an effect that the observer may have made is not resolvable" summary \
	'[.observer[] | select(.env == "container" and .load == "getppid") | .verdict] == ["not-resolvable"]'
ok "one that is beyond the observer's cost is" summary \
	'[.observer[] | select(.env == "vm" and .load == "getppid") | .verdict] == ["resolvable"]'
ok "the baseline has no effect to be resolved" summary '[.observer[] | select(.env == "native") | .verdict] | all(. == null)'
ok "counts that are declared are exact" summary '[.syscalls[] | select(.declared > 0)] | length > 20 and all(.exact)'
ok "half a CPU is seen to be half a CPU" summary \
	'[.limits[] | select(.group == "limits" and .load == "cpu-burn")] | length == 3 and all(.cpu_cores > 0.49 and .cpu_cores < 0.51)'
same() { summary "[.same_limit[] | select(.group == \"half\" and .env == \"$1\")] | length == 1 and all($2)"; }
ok "a limit that costs nothing is all of its share" same container \
	'.limit_at == "box" and (.of_limit - 1 | fabs) < 0.01 and .host_throttled == 0.5 and .guest_throttled == null and .host_wait == null'
ok "a guest that is limited from outside is throttled by the host's account, and waits" same vm \
	'.limit_at == "machine" and (.of_limit - 0.9 | fabs) < 0.01 and .host_throttled == 0.45 and .guest_throttled == null and
		.host_wait == 0.55 and .guest_steal == 0'
ok "one that is limited inside is held against the same guest without a limit" same inside \
	'.limit_at == "box" and (.of_limit - 0.8 | fabs) < 0.01 and .host_throttled == null and .guest_throttled == 0.5'
ok "a tail is told under a limit" same inside '.p99 > 10 * .p50 and .p999 >= .p99 and .max >= .p99'
ok "both tables of a limit are in the report" grep -c 'vm (TCG, emulated) *| *the guest, from outside' "$run/report/report.md"
ok "an OOM kill is counted" summary '[.limits[] | select(.load == "mem-fill") | .oom_kills == 1] | all'
ok "cold and restored boots are apart" summary \
	'[.startup[] | select(.env == "vm")] | (map(.what) | sort) == ["boot-cold", "boot-restored", "ready"]'
ok "restored boots are said to be no other boots" grep -q "share what its one boot" "$run/report/report.md"
ok "a guest's start is cut at its moments, in their order" summary \
	'[.boundaries[] | select(.env == "vm" and .what == "cold") | .moments | map(.name)] ==
	 [["qemu", "accel", "kernel", "userspace", "hello", "payload", "payload_exit", "power_off", "gone"]]
	 and ([.boundaries[].moments | map(.median_ns) | . == sort] | all)'
ok "a restored guest has entered no kernel" summary \
	'[.boundaries[] | select(.what == "restored") | .moments[].name] | length > 0 and index("kernel") == null'
hatched() { grep -q 'userspace entered (and before)' "$run/report/plots/boundaries.gp"; }
ok "what follows a moment that was not seen is hatched" hatched
ok "a start ends with the hello" summary \
	'(.startup[] | select(.env == "vm" and .what == "boot-cold").median_ns) as $up |
	 .boundaries[] | select(.env == "vm" and .what == "cold").moments[] | select(.name == "hello") |
	 .median_ns / $up | . > 0.9 and . < 1.1'
ok "what a guest's CPU second costs the host is told" summary \
	'[.guest_cpu[] | select(.env == "vm+container")] | length == 1 and all(.host_per_guest > 1.249 and .host_per_guest < 1.251)'
exits='.exits[] | select(.env == "kvm" and .load == "pread")'
ok "exits are added up by reason, the most frequent one first" summary \
	"$exits | .trials == 8 and .ops == 400000 and (.reasons[0] | .reason == \"MSR_WRITE\" and .n == 41600 and .per_op == 0.104) and
	 ([.reasons[] | select(.by == \"exit\").n] | add == 101616 and . == (sort | reverse)) and .n_exits == 101616"
ok "the times of exits are those until the guest went on" summary \
	"$exits | ([.reasons[] | select(.by == \"exit\").sum_ns] | add) == .out_ns and .in_ns + .out_ns < .vcpu_ns and
	 all(.reasons[]; .p50_ns <= .p99_ns and .mean_ns <= .max_ns)"
ok "the picture of exits names the reasons with the most time, and sums up the rest" \
	awk '/EPT_MISCONFIG/ { named = 1 } /other reasons/ { rest = 1 } /vmx 0x4c/ { bad = 1 } END { exit !(named && rest && !bad) }' \
	"$run/report/plots/exits.gp"
ok "an exit without a name has its number in the table" says "vmx 0x4c" "$page"
event() { summary "[.counters[] | select(.env == \"$1\" and .load == \"getppid\" and .event == \"$2\")] | length == 1 and all($3)"; }
ok "an event that shared its counter is scaled, and said to be" event container cycles \
	'.state == "multiplexed" and .trials == 8 and .running_ns / .enabled_ns == 0.5 and (.scaled / .value - 2 | fabs) < 1e-6 and .ratio > 1'
ok "a ratio within a group is what it is in spite of that" event container instructions \
	'.first == "cycles" and (.of_first - 0.8 | fabs) < 1e-9 and .event_group == 1'
ok "an event that is not to be had has no figure, and a reason" event vm cycles \
	'.state == "unsupported" and .scaled == null and .ratio == null and (.why | test("ENOENT"))'
ok "nor has one that never had a counter" event native cache-misses '.state == "not-counted" and .scaled == null and .trials == 0'
ok "a 0 that is not to be believed is no ratio" event container context-switches:u '.state == "suspect" and .value == 0 and .ratio == null'
counters_told() {
	grep -q '| container *| *getppid *| *instructions *| .*| *0.8 of cycles *| *50 % *| *multiplexed, scaled *|' "$text" &&
		grep -q 'unsupported: this machine has no such counter (ENOENT)' "$text"
}
ok "the table of events tells what is scaled, and what is unsupported" counters_told
ok "what a guest costs while it waits is told" says "used 1.00 % of one host CPU" "$page"
ok "disturbances are told" says "the hypervisor took 2.1 %" "$page"
ok "failures are told" says "killed for lack of memory" "$page"

ok "what the run's time was spent on is told, and how much of it is the harness's own" summary \
	'.spent | .own_ns == 10000000000 and .own_share == 0.05 and .hand_overs_share == 0.1 and .untold == 0'
ok "in the report too" grep -q "drawing, checking, writing *| *10.00 s *| *5.0 % *|" "$text"

ok "what kernels do about their CPU's vulnerabilities is told where it differs" grep -q \
	'^| spectre\\_v2 *| Mitigation: synthetic *| Vulnerable *|$' "$text"

# Emulation is said wherever an emulated guest appears.
labelled() {
	for svg in "$run"/report/plots/*.svg; do
		! grep -q '>vm' "$svg" || grep -q 'TCG' "$svg" || { echo "$svg"; return 1; }
	done
	! grep -E '<tr><td[^>]*>vm(\+container)?</td>' "$page"
}
ok "TCG is labelled on each plot and table" labelled
ok "TCG is never called the overhead of a VM" says "this is emulation, not what a VM costs" "$page"

alone() { ! grep -E -i '<script|<link|<img|src=|href="?http|url\(http|@import' "$page"; }
ok "the page stands alone and has no script" alone
ok "the page has a dark side" says "prefers-color-scheme:dark" "$page"
colours() { ! grep -o -E "(stroke|fill|color)=['\"]rgb\([^)]*\)" "$page" | grep -v 'rgb(255,255,255)' | grep .; }
ok "no plot keeps a colour of its own" colours
ids() { [ -z "$(grep -o -E " id=[\"'][^\"']+" "$page" | sort | uniq -d)" ]; }
ok "no id is there twice" ids
ok "a page is well-formed enough to be parsed" python3 -c '
import html.parser, sys
open_tags = []
class Parser(html.parser.HTMLParser):
    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "br", "hr", "path", "rect", "use", "circle", "polygon"): open_tags.append(tag)
    def handle_startendtag(self, tag, attrs): pass
    def handle_endtag(self, tag):
        if tag in ("path", "rect", "use", "circle", "polygon"): return
        assert open_tags and open_tags.pop() == tag, (tag, self.getpos())
Parser().feed(open(sys.argv[1], encoding="utf-8").read())
assert not open_tags, open_tags' "$page"
valid_page "a page is valid HTML" "$page"
redraws() {
	rm -rf "$work/drawn" && cp -r "$run/report" "$work/drawn" && rm "$work/drawn"/plots/*.svg "$work/drawn"/plots/*.png &&
		make -s -C "$work/drawn" && diff -r "$run/report" "$work/drawn"
}
have make make --version && ok "make draws every plot again, from scripts and data alone" redraws
is_pdf() { head -c 5 "$1" | grep -q '%PDF-' && tail -c 6 "$1" | grep -q '%%EOF'; }
without_latex() {
	mkdir -p "$work/bin" && ln -sf "$(command -v gnuplot)" "$work/bin" &&
		says_err 0 "install texlive" env PATH="$work/bin" "$tare" report "$run" -f pdf && is_pdf "$run/report/figures.pdf"
}
ok "without LaTeX the figures are printed" without_latex
# figures.gp is the script of the book itself.
pages() { test "$(grep -a -o '/Type /Page ' "$run/report/figures.pdf" | wc -l)" = "$(($(find "$run/report/plots" -name '*.gp' | wc -l) - 1))"; }
ok "a page a plot" pages
printed() { "$tare" report "$run" -f pdf && is_pdf "$run/report/report.pdf" && test ! -e "$run/report/report.log"; }
latex() { have latex pdflatex --version && ok "$1" printed; }
latex "with LaTeX the whole report is printed"
ok "and all is as it was" "$tare" report "$run"
same() {
	cp -r "$run/report" "$work/first" && "$tare" report "$run" && diff -r "$work/first" "$run/report"
}
ok "the same run gives the same report" same
ok "slices.csv has a line for each slice" test "$(wc -l <"$run/report/slices.csv")" = \
	"$(($(jq -s '[.[].load.slices.pass // [] | length] | add' "$run/records.jsonl") + 1))"
ok "--json is one document" sh -c "'$tare' report '$run' --json | jq -e '.[0].schema == \"tare.summary/1\"'"

# What was really measured, and a ladder.
for kind in sample sample-ladder; do
	cp -r "$root/results/$kind" "$work/$kind"
	ok "$kind is reported" "$tare" report "$work/$kind" -f html
	valid_page "its page is valid HTML" "$work/$kind/report/index.html"
done

# Bad input.
records=$run/records.jsonl
cp "$records" "$work/good.jsonl"
printf '{"schema":"tare.record/1","seq":288,"gro' >>"$records"
ok "a torn last line is no error" "$tare" report "$run" -f md
ok "a torn last line is told" says "was cut off" "$text"
(head -n 5 "$work/good.jsonl"; echo '{"schema":"tare.record/1",,'; tail -n +6 "$work/good.jsonl") >"$records"
ok "a broken line is refused by its number" says_err 1 "line 6" "$tare" report "$run"
(head -n 9 "$work/good.jsonl"; echo '{"schema":"others.record/7"}') >"$records"
ok "a foreign record is refused by its number" says_err 1 "line 10" "$tare" report "$run"
(head -n 3 "$work/good.jsonl"; head -n 1 "$work/good.jsonl" | jq -c '.load.slices.ns = [1]') >"$records"
ok "slices of unequal columns are refused" says_err 1 "line 4: 'slices' has columns of unequal length" "$tare" report "$run"
(head -n 3 "$work/good.jsonl"; head -n 1 "$work/good.jsonl" | jq -c '.load.latency = {count:1, max_ns:1, buckets:[[999, 1]]}') >"$records"
ok "a bucket that does not exist is refused" says_err 1 "line 4" "$tare" report "$run"
(jq -c 'select(.group == "turns" and .set == "getppid" and .round == 0)' "$work/good.jsonl"
	echo '{"schema":"tare.record/1","superseded":true,"group":"turns","round":0,"set":"getppid"}'
	cat "$work/good.jsonl") >"$records"
ok "a run with trials taken back is reported" "$tare" report "$run" -f csv
ok "trials taken back do not count" summary '.records.superseded == 3 and ([.ratios[] | .rounds] | max) == 8'
jq -c 'select(.round < 4)' "$work/good.jsonl" >"$records"
ok "four rounds are reported" "$tare" report "$run" -f csv
ok "four rounds have no interval" summary \
	'.ratios | length > 0 and all(.ci == null and .verdict == "inconclusive" and (.why | contains("needs 5")))'
jq -c 'select(.group == "turns" and .trial.env == "native")' "$work/good.jsonl" >"$records"
ok "one environment alone is reported" "$tare" report "$run"
ok "that nothing can be compared is said" says "No environment can be compared" "$page"
ok "that there are no latencies is said" says "There are no latency distributions" "$page"
: >"$records"
ok "a run without a record is reported" "$tare" report "$run"
cp "$work/good.jsonl" "$records"
ok "no gnuplot is a warning that says what to install" \
	says_err 0 "install gnuplot-nox" env PATH=/nonexistent "$tare" report "$run"
ok "no gnuplot is told in the report" says "There are no plots" "$page"

# Texts that would do harm in a script, a page or a spreadsheet.
hostile="x';system('touch PWNED')#\`touch PWNED\`<script>alert(1)</script>\"|_{a}"
jq -c --arg bad "$hostile" 'if .trial.env == "container" then .trial.env = $bad else . end
	| if .set == "openclose" then .set = "=" + $bad | .trial.load = "=" + $bad else . end
	| if .why then .why = $bad else . end | .instance.kernel = $bad | .validity.disturbed += [$bad]
	| if .collectors.syscalls then .collectors.syscalls.calls["<b>x"] = .collectors.syscalls.calls.readv else . end' \
	"$work/good.jsonl" >"$records"
jq --arg bad "$hostile" '.machine.hostname = $bad | .run = $bad' "$run/manifest.json" >"$work/m" && cp "$work/m" "$run/manifest.json"
ok "hostile texts are reported" "$tare" report "$run"
harmless() { ! find "$run" . -maxdepth 4 -name PWNED | grep . && ! grep -i '<script' "$page" && ! grep -F '<b>x' "$page"; }
ok "hostile texts do nothing" harmless
valid_page "and leave valid HTML" "$page"
latex "hostile texts are printed"
ok "hostile texts do nothing there" harmless
ok "hostile texts are reported again" "$tare" report "$run"
ok "hostile texts are shown as they are" says "&lt;script&gt;alert(1)&lt;/script&gt;" "$page"
ok "no field of the CSV is a formula" sh -c "! grep -E '(^|,)\"?[=+@-][a-z]' '$run/report/cells.csv'"

ok "a folder that is no run is refused" says_err 2 "is no run folder" "$tare" report "$work"
ok "a misspelt format gets a hint" says_err 2 "did you mean 'html'" "$tare" report "$run" -f htlm
ok "no run at all is a usage error" says_err 2 "name a run's folder" "$tare" report
if unshare -m true 2>/dev/null; then
	cat >"$work/full" <<-EOF
		mount -t tmpfs -o size=900k none "$work/small" && cp "$run/manifest.json" "$work/small" &&
		head -n 100 "$work/good.jsonl" >"$work/small/records.jsonl" && exec "$tare" report "$work/small"
	EOF
	mkdir "$work/small"
	ok "a full disk is told in one sentence" says_err 1 "o space left on device" unshare -m sh "$work/full"
fi
finish
