# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What the tests of commands share whose result is one JSON document. Sourced after lib.sh and run.sh.
schemas=$(cd "$(dirname "$0")/../../results" && pwd)

# told FILE EXPRESSION: what jq says of a document that was kept.
# shellcheck disable=SC2154 # work: of lib.sh
told() { jq -e "$2" "$work/$1" >/dev/null || { jq -c 'del(.machine, .instances)' "$work/$1"; return 1; }; }

# schema NAME FILE: where there is what can tell.
schema() {
	have jsonschema python3 -c 'import jsonschema' &&
		ok "what $1 writes is as its schema says" python3 -W ignore -m jsonschema -i "$work/$2" "$schemas/$1.schema.json"
}

# refused CODE WORDS COMMAND...: it ends with that code, says these words in at most a sentence and
# where help is, and prints no result.
refused() {
	code=$1 words=$2; shift 2
	"$@" >"$work/result" 2>"$work/said"
	status=$?
	cat "$work/said"
	test "$status" = "$code" || { echo "status $status instead of $code"; return 1; }
	grep -qF -- "$words" "$work/said" || { echo "it does not say: $words"; return 1; }
	test "$(wc -l <"$work/said")" -le 2 || { echo "more than a sentence"; return 1; }
	test ! -s "$work/result" || { echo "printed a result:"; cat "$work/result"; return 1; }
}
