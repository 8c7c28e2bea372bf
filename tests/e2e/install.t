#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by ok
# An installed tare has all it needs: it works where neither sources nor build tree can be seen.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

root=$(cd "$(dirname "$0")/../.." && pwd)
# What enters boxes and guests is static: under sanitizers it comes from the other build.
build=${TARE_LIBEXEC:-${TARE_BUILD:-$root/build-dev}}
unset TARE_LIBEXEC
prefix=$work/prefix tare=$work/prefix/bin/tare
export XDG_CACHE_HOME="${XDG_CACHE_HOME:-/var/cache}"

need root test "$(id -u)" -eq 0
need jq jq --version

# hidden COMMAND...: in a namespace where the checkout is an empty folder; we are elsewhere.
mkdir "$work/elsewhere"
cd "$work/elsewhere" || exit 1
hidden() {
	# shellcheck disable=SC2016 # for the shell inside
	unshare -m sh -c 'mount -t tmpfs none "$1" && test -z "$(ls "$1")" && shift && exec "$@"' - "$root" "$@"
}

ok "it installs" cmake --install "$build" --prefix "$prefix"
installed() { (cd "$prefix" && find . -type f -perm -u+x) | sort >"$work/files" && cat "$work/files" &&
	printf '%s\n' ./bin/tare ./libexec/tare/tare-agent ./libexec/tare/tare-load ./libexec/tare/tare-main ./libexec/tare/tare-smoke |
	cmp - "$work/files"; }
ok "one program for people, the others beside each other" installed
# Each library that it is linked to is of a package that scripts/deps installs where it only runs.
libraries() {
	run=$(sed -n "/^run='/,/'\$/p" "$root/scripts/deps" | tr "'=" '  ')
	readelf -d "$prefix/libexec/tare/tare-main" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' >"$work/needed"
	test -s "$work/needed" || return 1
	while read -r library; do
		for package in $(dpkg -S "*/$library" | cut -d: -f1) ""; do
			case " $run libc6 " in *[[:space:]]"${package:-none}"[[:space:]]*) break ;; esac
		done
		test -n "$package" || { echo "nothing brings $library"; return 1; }
	done <"$work/needed"
}
have dpkg dpkg --version && ok "what it is linked to is installed by scripts/deps run" libraries
manual() {
	"$tare" help | sed -n 's/^  \([a-z]*\) .*/tare-\1.1/p' >"$work/pages"
	test -s "$work/pages" && echo tare.1 >>"$work/pages"
	find "$prefix/share/man/man1" -type f -size +0 -printf '%f\n' | sort >"$work/there"
	sort "$work/pages" | diff - "$work/there"
}
ok "a page of the manual for each command" manual
ok "completion for bash" test -s "$prefix/share/bash-completion/completions/tare"
ok "a container" test "$(hidden "$tare" exec -e container -- sh -c 'echo $$')" = 1
by_link() { ln -s "$tare" "$work/link" && test "$(hidden "$work/link" exec -e container -- hostname -s)" != ""; }
ok "and when it is started by a link" by_link
run() {
	hidden "$tare" run -q -e native -e container -w getppid --rounds 1 --passes 5 >"$work/said"
	folder=$(tail -n 1 "$work/said")
	cat "$work/said"
	jq -e -s 'length == 2 and all(.[]; .status == "ok")' "$folder/records.jsonl" &&
		case $folder in *tare-results/*) ;; *) return 1 ;; esac
}
ok "a run, whose folder is where we are" run
ok "its report" hidden "$tare" report "$folder" -f md
one_load() { test "$(jq -r -s '.[0].sha256' "$folder/records.jsonl")" = \
	"$(sha256sum "$prefix/libexec/tare/tare-load" | cut -d' ' -f1)"; }
ok "by the load that was installed" one_load
ok "what can be seen from inside" hidden "$tare" isolation users kill -e container
ok "a limit" hidden "$tare" validate pids -e container
ok "what there is" hidden "$tare" list loads
if guest; then
	ok "a guest" hidden "$tare" exec -e vm -- /bin/busybox true
	ok "a container in a guest" hidden "$tare" exec -e vm+container,boot=restore -- true
fi
lost() { # without what it needs it says what it looked for
	rm "$prefix/libexec/tare/tare-load"
	! hidden "$tare" exec -e container -- true 2>"$work/said" && cat "$work/said" &&
		grep -q 'tare-load is neither in .* nor in .*: set TARE_LIBEXEC' "$work/said"
}
ok "without its load it says where it looked" lost
finish
