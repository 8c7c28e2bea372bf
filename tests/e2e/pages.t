#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317,SC2016 # functions are called by ok; scripts are for another shell
# The manual and bash's completion say what the program itself says.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

root=$(cd "$(dirname "$0")/../.." && pwd)
build=${TARE_BUILD:-$root/build-dev}
tare=$build/tare
completion=$build/completions/tare

commands=$("$tare" help | sed -n 's/^  \([a-z]*\) .*/\1/p')
# plain PAGE: its text without roff's escapes of hyphens and fonts.
plain() { sed 's/\\-/-/g; s/\\f[BIR]//g' "$1"; }
options_of() { "$tare" help "$1" | grep -oE '^  (-., |    )--[a-z0-9-]+' | sed 's/ *//; s/, /\n/'; }

overview() {
	plain "$build/man/tare.1" >"$work/page"
	test -n "$commands" || return 1
	for command in $commands; do
		grep -qxF ".BR tare-$command (1)" "$work/page" || { echo "tare.1 lacks $command"; return 1; }
	done
}
ok "tare.1 names every command" overview

# Each option begins a line, alone or after its letter.
all_options() {
	plain "$build/man/tare-$1.1" >"$work/page"
	options_of "$1" >"$work/options"
	grep -qx -e --help "$work/options" || return 1
	while read -r option; do
		grep -qE -e "^(-., )?$option( |,|\$)" "$work/page" || { echo "tare-$1.1 lacks $option"; return 1; }
	done <"$work/options"
}
for command in $commands; do
	ok "tare-$command.1 has every option" all_options "$command"
done

# An example is a line of the page, begins with its command, and has no option that there is not;
# what follows -- is not tare's.
examples_of() { "$tare" help "$1" | sed '1,/^examples:/d'; }
examples() {
	sed 's/\\-/-/g; s/\\(dq/"/g; s/\\(aq/'"'"'/g' "$build/man/tare-$1.1" >"$work/page"
	options_of "$1" >"$work/options"
	examples_of "$1" | sed 's/^  //' >"$work/examples"
	while read -r line; do
		grep -qxF -e "$line" "$work/page" || { echo "tare-$1.1 lacks: $line"; return 1; }
		case "$line " in "tare $1 "*) ;; *) echo "of another command: $line"; return 1 ;; esac
		for word in ${line%% -- *}; do
			case $word in
			-*) grep -qxF -e "$word" "$work/options" || { echo "no option $word: $line"; return 1; } ;;
			esac
		done
	done <"$work/examples"
}
for command in $commands; do
	ok "the examples of $command" examples "$command"
done
# Those that can be read without being carried out.
read_by_tare() {
	examples_of "$1" | sed 's/$/ --dry-run/; s/^ *tare/"$tare"/' >"$work/lines"
	test -s "$work/lines" && (cd "$root" && tare=$tare sh -e "$work/lines")
}
ok "tare run takes its examples" read_by_tare run
ok "tare ladder takes its examples" read_by_tare ladder

# What the sources read of the environment.
variables() {
	plain "$build/man/tare.1" >"$work/page"
	grep -rhoE '(getenv|environment|read_folder)\("[A-Z_]+"' "$root/harness" |
		sed 's/.*"\(.*\)"/\1/' | sort -u >"$work/variables"
	test -s "$work/variables" || return 1
	while read -r variable; do
		grep -qxF "$variable" "$work/page" || { echo "tare.1 lacks $variable"; return 1; }
	done <"$work/variables"
}
ok "tare.1 has every variable that is read" variables

if have groff groff --version; then
	quiet() {
		for page in "$build"/man/*.1; do
			groff -man -Tutf8 -ww "$page" 2>&1 >"$work/rendered" | sed "s|^|$page: |"
			test -s "$work/rendered" || echo "$page: empty"
		done >"$work/warnings"
		cat "$work/warnings"
		test ! -s "$work/warnings"
	}
	ok "groff has nothing to say about any page" quiet
	# The words of the details, as the help has them: dots, quotes and hyphens come out as typed.
	words() { tr -s ' ' '\n' | sed '/^$/d'; }
	same_words() {
		"$tare" help "$1" | sed '1,/^$/d' | sed '/^options:/,$d' | sed 1,2d | words >"$work/a"
		groff -man -Tascii -P-cbou "$build/man/tare-$1.1" |
			sed -n '/^DESCRIPTION/,/^OPTIONS/p' | sed '1d;$d' | words >"$work/b"
		test -s "$work/a" && diff "$work/a" "$work/b"
	}
	for command in $commands; do
		ok "tare-$command.1 describes it by the words of its help" same_words "$command"
	done
fi

ok "the completion is bash" bash -n "$completion"
# completes WANT WORD...: the last word becomes one of these words, in this order; what is there twice,
# as programs are where /bin is /usr/bin, bash shows once.
completes() {
	want=$1; shift
	got=$(cd "$root" && bash -c '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tare; printf "%s\n" "${COMPREPLY[@]}"' \
		"$completion" "$@" | awk '!seen[$0]++' | paste -sd ' ')
	echo "'$*' gives '$got'"
	test "$got" = "$want"
}
ok "a command" completes run tare ru
ok "an option" completes --rounds tare run --rou
ok "a limit" completes "--pids-limit" tare exec --pi
ok "an environment" completes container tare run -e cont
ok "the second of a list" completes native,chroot tare run -e native,chr
ok "one with a label, as bash cuts it" completes native tare run -e a = nat
ok "one after =" completes chroot tare run --environment = chr
ok "a load" completes "getdents getppid" tare run -w get
ok "a collector" completes syscalls tare run -c sysc
ok "a check" completes cpuset tare validate cpus
ok "a probe" completes chroot-escape tare isolation chro
ok "a word of the usage" completes "envs loads collectors limits checks probes" tare list ""
ok "a word of an argument" completes html,md tare report -f html,m
ok "a file" completes docs/campaigns/default.yaml tare run docs/campaigns/def
ok "a file after a value that is none" completes README.md tare run -e native READ
ok "no value where anything may be" completes "" tare run --rounds ""
ok "the command after the options" completes readlink tare exec -e container -- readlin
ok "its arguments are its own" completes README.md tare exec -e container ls READ
ok "and not tare's" completes "" tare exec ls --cpu

# Every option is offered.
offered() {
	options_of "$1" | sort >"$work/a"
	bash -c '. "$0"; COMP_WORDS=(tare "$1" -); COMP_CWORD=2; _tare; printf "%s\n" "${COMPREPLY[@]}"' \
		"$completion" "$1" | sort | diff "$work/a" -
}
for command in $commands; do
	ok "all options of $command" offered "$command"
done
finish
