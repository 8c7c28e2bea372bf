# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# TAP for the whole program. Each *.t sources this file.
set -u
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
n=0 failed=0

# need WHAT TEST...: skip the file when TEST fails, unless TARE_MUST_RUN names
# WHAT (or is "all"): then a missing feature is a failure.
need() {
	what=$1; shift
	"$@" >"$work/need" 2>&1 && return
	case " ${TARE_MUST_RUN-} " in
	*" $what "* | *" all "*) echo "not ok 1 - $what must work here"; echo 1..1; exit 1 ;;
	esac
	echo "1..0 # SKIP no $what"; exit 0
}

# ok NAME COMMAND...: one test point; shows the command's words when it fails.
ok() {
	name=$1; shift; n=$((n + 1))
	if "$@" >"$work/out" 2>&1; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"; sed 's/^/# /' "$work/out"; failed=1
	fi
}

# have WHAT TEST...: the same for a part of a file: it is a skipped point, or a failed one.
have() {
	what=$1; shift
	"$@" >"$work/have" 2>&1 && return
	n=$((n + 1))
	case " ${TARE_MUST_RUN-} " in
	*" $what "* | *" all "*) echo "not ok $n - $what must work here"; failed=1 ;;
	*) echo "ok $n # SKIP no $what" ;;
	esac
	return 1
}

# Can a guest be booted?
guest() { have qemu qemu-system-x86_64 --version && have image "${tare:-$TARE}" image build; }

# valid_page NAME PAGE...: tidy(1) has neither an error nor a warning to tell of them.
valid_page() {
	name=$1; shift
	have tidy tidy --version && ok "$name" tidy -q -e "$@"
}

fails() { ! "$@"; }
finish() { echo "1..$n"; exit "$failed"; }
