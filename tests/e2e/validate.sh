# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What the tests of `tare validate` share. Sourced after run.sh.
# shellcheck disable=SC2034 # for those who source this
boxes=$(cd "$(dirname "$0")/../data/boxes" && pwd)

# validate FILE ARGUMENT...: at $scale of the full times. What the file held before is no answer.
validate() {
	to=$1
	shift
	rm -f "$to"
	"$tare" validate -q --scale "$scale" -o "$to" "$@" >"$to.said" 2>&1
}

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

# v1_mount CONTROLLER: where its hierarchy of version 1 is, if it has one.
v1_mount() { awk -v c="$1" '$0 ~ " - cgroup " { n = split($NF, o, ","); for (i = 1; i <= n; i++) if (o[i] == c) print $5 }' /proc/self/mountinfo; }

# take_out PID CONTROLLER...: each QEMU of it out of its groups, as long as PID runs. The guests die
# with it, and with them their place at the top.
take_out() {
	of=$1
	shift
	while kill -0 "$of" 2>/dev/null; do
		for qemu in $(pgrep -P "$of" -f qemu-system); do
			for controller; do echo "$qemu" >"$(v1_mount "$controller")/cgroup.procs"; done
		done
		sleep 0.05
	done 2>/dev/null
}
