#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317,SC2016 # functions are called by ok; scripts are for another shell
# The manual, bash's completion and the guides say what the program itself says.
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
ok "an option" completes --passes tare run --pas
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

# The guides: each command line that they show is read by the program itself. `tare` in it is the
# function below; what follows a pipe is not tare's.
guides="$root/README.md $root/CONTRIBUTING.md $root/results/README.md"
for each in "$root"/docs/*.md; do guides="$guides $each"; done

# lines_of GUIDE: those in its blocks (four blanks, or between fences) that begin with tare, with or
# without what stands before it in a checkout.
lines_of() {
	awk '/^```/ { fenced = !fenced; next } fenced || /^    / { print }' "$1" |
		sed -n 's/^ *//; s/^sudo //; s|^build/tare |tare |; s/ | .*//; /^tare /p'
}
# takes COMMAND ARGUMENT...: its options are taken; then --help ends it before anything is done.
takes() {
	dashes='' n=$#
	for word; do
		if [ "$word" = -- ] && [ -z "$dashes" ]; then dashes=yes; set -- "$@" --help; fi
		set -- "$@" "$word"
	done
	shift "$n"
	case $1$dashes in
	exec) echo "without -- it would be run"; return 1 ;;
	*yes) ;;
	*) set -- "$@" --help ;;
	esac
	"$tare_itself" "$@" >"$work/help"
}
campaign() { (cd "$root" && "$tare_itself" run "$@" --dry-run) >"$work/campaign"; }
listed() { "$tare_itself" list "$1" | grep -q "^  $2 " || { echo "no $2 in tare list $1"; return 1; }; }
# answers LAB ANSWER: it can be said to that lab's question.
answers() {
	"$tare_itself" lab show "$1" >"$work/lab" || return 1
	grep -q "^  $2) " "$work/lab" || { grep -q '^  a number' "$work/lab" && test "$2" -gt 0; } ||
		{ echo "'$2' is no answer in the lab $1"; return 1; }
}
# names COMMAND ARGUMENT...: the environments, checks, probes and labs that it names are there.
names() {
	what='' before='' lab=${3-}
	case $1 in
	validate) what=checks ;;
	isolation) what=probes ;;
	lab) case $2 in show | run) "$tare_itself" lab show "$lab" >"$work/lab" || return 1 ;; esac ;;
	esac
	shift
	for word; do
		case $before:$word in
		*:--) break ;;
		-e:*) campaign -w getppid -e "$word" || return 1 ;;
		--predict:*) answers "$lab" "$word" || return 1 ;;
		*:-*) what='' ;; # the arguments that are no options come first
		*) test -z "$what" || listed "$what" "$word" || return 1 ;;
		esac
		before=$word
	done
}
tare_of_the_guides() {
	n_read=$((n_read + 1))
	case $1 in
	run | ladder) (cd "$root" && "$tare_itself" "$@" --dry-run) >"$work/campaign" ;;
	*) takes "$@" && names "$@" ;;
	esac
}
mkdir "$work/here"
read_lines() (
	lines_of "$1" >"$work/lines"
	cd "$work/here" || exit 1
	tare_itself=$tare n_read=0 bad=0
	tare() { tare_of_the_guides "$@"; }
	while IFS= read -r line; do
		eval "$line" </dev/null || { echo "this line: $line"; bad=1; }
	done <"$work/lines"
	test "$n_read" = "$(wc -l <"$work/lines")" && test "$bad" = 0
)
for guide in $guides; do
	ok "tare reads each line of ${guide#"$root/"}" read_lines "$guide"
done
enough() { for guide in $guides; do lines_of "$guide"; done | wc -l | { read -r all && test "$all" -ge 60; }; }
ok "which are many" enough
ok "a line that is wrong is found" eval 'for wrong in "tare run -e nativ -w getppid" "tare lab run names --predict e" \
	"tare validate cpu-quotas" "tare bench -e container,rootfs=hoist -- ls" "tare exec -e native ls" "tare report --formats md x"; do
	printf "    %s\n" "$wrong" >"$work/guide.md" && fails read_lines "$work/guide.md" || exit 1
done'

# What is named in the text: `tare ...`, `--option`, `container,KEY=VALUE`, `load,KEY=VALUE`, `@group`.
# shellcheck disable=SC2086 # a list of files
grep -ohE '`[^`]+`' $guides | tr -d '`' | sort -u >"$work/spans"
options_named() {
	for command in $commands; do options_of "$command" >"$work/options.$command"; done
	cat "$work"/options.* >"$work/options.any"
	bad=0
	while IFS= read -r span; do
		case $span in
		"tare "*) command=${span#tare }; command=${command%% *} ;;
		--[a-z]*) command=any ;;
		*) continue ;;
		esac
		test -s "$work/options.$command" || { echo "no command: $span"; bad=1; }
		for word in ${span%% -- *}; do
			case $word in -?*) grep -qxF -e "${word%%=*}" "$work/options.$command" || { echo "no option $word: $span"; bad=1; } ;; esac
		done
	done <"$work/spans"
	return "$bad"
}
ok "each option that a guide names is there" options_named
cells_named() {
	"$tare" list loads | sed -n 's/^  \([a-z0-9-]*\) .*/\1/p' >"$work/loads"
	grep -xE '(native|chroot|container|vm|uml)([,+][a-z-]+(=[a-z0-9.+-]+)?)+' "$work/spans" >"$work/envs"
	grep -xE '@[a-z]+|[a-z0-9-]+(,[a-z]+=[A-Za-z0-9.]+)+' "$work/spans" |
		awk -F, 'NR == FNR { loads[$1]; next } /^@/ || $1 in loads' "$work/loads" - >"$work/played"
	test -s "$work/envs" && test -s "$work/played" || return 1
	tare_itself=$tare
	set --; while read -r word; do set -- "$@" -e "$word"; done <"$work/envs"; campaign -w getppid "$@" || return 1
	set --; while read -r word; do set -- "$@" -w "$word"; done <"$work/played"; campaign -e native "$@"
}
ok "and each environment, load and group" cells_named
labs_named() {
	"$tare" lab list | sed -n 's/^\([a-z][a-z]*\) .*/\1/p' | sort >"$work/labs"
	for guide in labs instructors; do sed -n 's/^| `\([a-z]*\)` |.*/\1/p' "$root/docs/$guide.md" | sort >"$work/$guide.md"; done
	test -s "$work/labs" && diff "$work/labs" "$work/labs.md" && grep -xFf "$work/labs" "$work/instructors.md" | diff "$work/labs" -
}
ok "the guides have a row for each lab" labs_named
links() {
	bad=0
	for guide in $guides; do
		grep -oE '\]\([^)]+\)' "$guide" | sed 's/^](//; s/)$//; s/#.*//; /^http/d' >"$work/links"
		while IFS= read -r to; do
			test -e "${guide%/*}/$to" || { echo "${guide#"$root/"}: no $to"; bad=1; }
		done <"$work/links"
	done
	return "$bad"
}
ok "links lead somewhere" links

# What is done in a moment, and changes nothing, is done.
mkdir "$work/here/results" && cp -r "$root/results/sample" "$work/here/results"
carried_out() (
	cd "$work/here" || exit 1
	for guide in $guides; do lines_of "$guide"; done | sort -u |
		grep -E '^tare (list|lab list|lab show|doctor *(#.*)?$|report results/sample |compare results/sample )' >"$work/quick"
	bad=0
	test "$(wc -l <"$work/quick")" -ge 6 || bad=1
	tare() { "$tare_itself" "$@"; }
	tare_itself=$tare
	while IFS= read -r line; do
		if ! (eval "$line") </dev/null >"$work/said" || ! test -s "$work/said"; then echo "fails: $line"; bad=1; fi
	done <"$work/quick"
	exit "$bad"
)
ok "the quick ones are carried out" carried_out
finish
