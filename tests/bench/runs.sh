# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# runs: what benchmarks share that are made of many runs of tare. Sourced; `build` is the build's folder.

# Where runs and the table go: BENCH_DIR, which stays, or a folder that is removed.
runs_begin() {
	if [ -n "${BENCH_DIR-}" ]; then
		mkdir -p "$BENCH_DIR"
		work=$BENCH_DIR
	else
		work=$(mktemp -d "${TMPDIR:-/tmp}/tare-bench-XXXXXX")
		trap 'rm -rf "$work"' EXIT
	fi
	table=$work/table
}

# runs_one FOLDER SECONDS ARGUMENT...: a run that takes so long, and its summary; unless it is there.
# Many short rounds: starts differ from each other by more than the passes of a round do, and getting
# players up and down takes only as long as 10 to 20 passes. In the same time 100 to 250 passes a round
# give much the same intervals; with fewer, the median of forkexec is left to chance on a busy machine.
runs_one() {
	folder=$1 budget=$2
	shift 2
	[ ! -s "$folder/summary.json" ] || return 0
	rm -rf "$folder"
	echo "${folder##*/}" >&2
	# shellcheck disable=SC2154 # of who sources this
	if ! "$build/tare" run -q "$@" --slice 200us --passes 150 --rounds 100000 \
		--time-budget "${budget}s" -o "$folder" >"$work/said" 2>&1 ||
		! "$build/tare" report -q -f csv "$folder" >>"$work/said" 2>&1; then
		cat "$work/said" >&2
		return 1
	fi
}

# shellcheck disable=SC2034 # for who sources this
runs_jq='def median: sort | if length % 2 == 1 then .[length / 2 | floor]
		else (.[length / 2 - 1] + .[length / 2]) / 2 end;
	def percent: "\(. * 1e5 | round / 1e3) %";
	def width: .ci[1] - .ci[0];'

# The table, in columns, and the sentences below it; whether a bar was missed is its exit status.
runs_show() {
	tab=$(printf '\t')
	grep "$tab" "$table" | column -t -s "$tab"
	grep -v "$tab" "$table"
	! grep -qE 'ABOVE|BELOW' "$table"
}
