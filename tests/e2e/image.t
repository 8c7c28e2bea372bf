#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by ok and need
# tare image: build, list, rm, with a cache of its own.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

tare=${TARE_BUILD:-$(cd "$(dirname "$0")/../.." && pwd)/build-dev}/tare
export XDG_CACHE_HOME="$work/cache" TARE_RUNTIME_DIR="$work/run"
mkdir "$XDG_CACHE_HOME" "$TARE_RUNTIME_DIR"

download() { (cd "$work" && apt-get -q download linux-image-cloud-amd64); } # 1.5 kB
need jq jq --version
need "apt with a cloud kernel" apt-cache show linux-image-cloud-amd64
need "Debian mirror" download

status() { # status N COMMAND...: the command ends with N
	want=$1; shift; "$@"; got=$?
	[ "$got" = "$want" ] || { echo "status $got, not $want"; return 1; }
}
prints_nothing() { [ -z "$("$@")" ]; }
whole() { # the folder holds a kernel for PVH, an archive and a filesystem
	readelf -n "$1/vmlinux" | grep Xen && head -c 6 "$1/initrd.cpio" | grep 070701 &&
		/sbin/e2fsck -fn "$1/work.img" && jq -e '.initrd.modules | length > 3' "$1/image.json"
}
listed() { "$tare" image list --json | jq -e --arg folder "$1" '.images[0].folder == $folder'; }
tidy() {
	prints_nothing ls "$TARE_RUNTIME_DIR" &&
		prints_nothing find "$XDG_CACHE_HOME" -name 'tare-*'
}

ok "an empty cache lists nothing" prints_nothing "$tare" image list
ok "what does not exist cannot be removed" fails "$tare" image rm abc
ok "rm wants names or --all" status 2 "$tare" image rm
ok "an unknown action is a mistake" status 2 "$tare" image biuld
ok "a file that is no kernel is refused" fails "$tare" image build --kernel "$0"
ok "an image is built" "$tare" image build
first=$("$tare" image build -q)
ok "it is whole" whole "$first"
ok "it is listed" listed "$first"
before=$(sha256sum <"$first/work.img")
ok "all can be removed" "$tare" image rm --all
second=$("$tare" image build -q)
ok "made again it has the same name" test "$first" = "$second"
ok "and the same work disk" test "$before" = "$(sha256sum <"$second/work.img")"
ok "nothing is left behind" tidy
finish
