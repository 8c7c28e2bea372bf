# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What the tests of `tare validate` share. Sourced after run.sh.
# shellcheck disable=SC2034 # for those who source this
boxes=$(cd "$(dirname "$0")/../data/boxes" && pwd)

# verdict FILE CHECK WORD...: the check's verdict is one of the words.
verdict() {
	jq -r --arg check "$2" '.results[] | select(.check == $check) | "\(.verdict) \(.why)", .figure' "$1"
	is=$(jq -r --arg check "$2" '.results[] | select(.check == $check).verdict' "$1")
	shift 2
	for word; do [ "$is" = "$word" ] && return 0; done
	return 1
}

# What only gets less than its share, since others need the machine too, is no fault of the limit.
of_the_machine() {
	jq -e --arg check "$2" '.results[] | select(.check == $check) |
		.verdict == "inconclusive" and any(.figure, .control; .disturbed | length > 0)' "$1"
}
# What gets more than its share cannot blame the machine: a broken box has to fail.
catches() { verdict "$1" "$2" fail; }
passes() { verdict "$1" "$2" pass || of_the_machine "$1" "$2"; }
