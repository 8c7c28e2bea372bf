#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317,SC2016 # functions are called by ok; scripts are for the shell inside
# Another release's userland, its own C library with it, on the kernel that runs here.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

tests=$(cd "$(dirname "$0")/.." && pwd)
tare=${TARE_BUILD:-$tests/../build-dev}/tare
export XDG_CACHE_HOME="$work/cache" TARE_RUNTIME_DIR="$work/run"
mkdir "$XDG_CACHE_HOME" "$TARE_RUNTIME_DIR"

need root test "$(id -u)" -eq 0
need jq jq --version
need "Debian's dpkg and apt" dpkg-deb --version
need "packages of another Debian release" "$tests/data/make-userland" "$work/root"

# One line each: release, kernel, version of the C library, as its loader says.
about='. /etc/os-release; echo "$PRETTY_NAME"; uname -r
	for loader in /lib*/ld-linux-* /lib/*/ld-linux-*; do
		if test -x "$loader"; then
			"$loader" --version | { read -r line; line=${line##* }; echo "${line%.}"; }
			break
		fi
	done'
native=$(sh -c "$about")
line() { echo "$2" | sed -n "$1p"; }
inside() { "$tare" exec -e "$1,image=other" -- /bin/sh -c "$about"; }
other() {
	got=$(inside "$1") || return
	echo "natively: $native; inside: $got"
	test -n "$(line 3 "$native")" && test -n "$(line 3 "$got")" &&
		test "$(line 1 "$got")" != "$(line 1 "$native")" &&
		test "$(line 2 "$got")" = "$(line 2 "$native")" &&
		test "$(line 3 "$got")" != "$(line 3 "$native")"; }
its_own() { # what it runs is linked to the library in the image, which the host does not have
	"$tare" exec -e container,image=other -- /bin/sh -c 'cat /proc/self/maps' >"$work/maps" &&
		grep -q 'libc\.so\.6' "$work/maps" &&
		"$tare" exec -e container,image=other -- /bin/sh -c 'cat /lib/*/libc.so.6' >"$work/libc" &&
		! cmp -s "$work/libc" "$(ldconfig -p | sed -n 's/.*libc\.so\.6 .*x86-64.*=> //p' | head -n 1)"; }
same_load() { "$tare" run -q -e native -e container,image=other -w getppid --rounds 1 --passes 5 -o "$work/ran" &&
	jq -e -s 'length == 2 and all(.[]; .status == "ok") and ([.[].sha256] | unique | length == 1)' \
		"$work/ran/records.jsonl"; }
tidy() { test -z "$(ls "$TARE_RUNTIME_DIR")" && test -z "$(find "$XDG_CACHE_HOME" -name 'tare-*')"; }

ok "it is imported as an image" "$tare" image import "rootfs:$work/root" --name other
for box in container chroot container,rootfs=copy; do
	ok "$box: the same kernel, another release, another C library" other "$box"
	sed 's/^/# /' "$work/out"
done
ok "what runs there is linked to its own library" its_own
ok "the same load runs there as natively" same_load
ok "nothing is left behind" tidy
finish
