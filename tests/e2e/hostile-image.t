#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317,SC2016 # functions are called by ok and need; scripts are for inside
# Images that want more than to be unpacked: each is refused, or stays in its layer.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

tests=$(cd "$(dirname "$0")/.." && pwd)
tare=${TARE_BUILD:-$tests/../build-dev}/tare
export XDG_CACHE_HOME="$work/cache" TARE_RUNTIME_DIR="$work/run" VICTIM="$work/victim"
mkdir "$XDG_CACHE_HOME" "$TARE_RUNTIME_DIR" "$VICTIM"
store=$XDG_CACHE_HOME/tare/image
echo safe >"$VICTIM/file"

need root test "$(id -u)" -eq 0
need python3 python3 --version
need busybox test -x /bin/busybox

make() { "$tests/data/make-image" "$1" "$work/$1"; }
import() { "$tare" image import "oci:$work/$1"; }
nothing_left() { # nothing of it outside, nothing half made inside
	test "$(ls "$VICTIM")" = file && test ! -e /tmp/tare-escaped &&
		test -z "$(ls "$TARE_RUNTIME_DIR")" && test -z "$(find "$store" -maxdepth 1 -name 'tare-*')"
}
refused() { # refused KIND WORDS: with a sentence, status 1, and nothing stays
	make "$1" || return
	import "$1" >"$work/said" 2>&1
	got=$?
	cat "$work/said"
	test "$got" = 1 && grep -qF -- "$2" "$work/said" && nothing_left &&
		test ! -e "$store/names/$1.json"
}
inside() { image=$1; shift; "$tare" exec -e "container,image=$image" -- "$@"; }
contained() { make absolute && import absolute && nothing_left &&
	inside absolute test -f /tmp/tare-escaped; }
no_devices() { make devices && import devices && inside devices sh -c '! test -e /sda &&
	! test -e /mem' && "$tare" image inspect devices | grep -q '"sda"'; }
last_wins() { make duplicates && import duplicates && test last = "$(inside duplicates cat /twice)" &&
	inside duplicates sh -c 'test -f /was && test -d /then && test -d /l && test -f /l/in' &&
	test ! -e /tmp/in; }
# Mounts go where the image has links to the host: our folders are there instead.
places() { make places && import places && for root in overlay copy; do
	"$tare" exec -e "container,image=places,rootfs=$root" -- sh -c 'touch /tmp/x /run/x /work/tare-x &&
		rm /work/tare-x && test "$(stat -f -c %T /proc) $(stat -f -c %T /sys)" = "proc sysfs" &&
		test -c /dev/null && test "$(stat -c %F /volume)" = "symbolic link"' || return; done; nothing_left; }
volume_by_link() { # whatever is asked to be put there
	for way in "-v $work/cache:/volume/in" "--tmpfs /volume" "-v $work/cache:/volume"; do
		# shellcheck disable=SC2086 # an option and its value
		fails "$tare" exec -e container,image=places $way -- true || return
	done
	nothing_left
}
closed() { test "$(stat -c %a "$store")" = 700; }

ok "'..' is refused" refused dotdot "goes up by '..'"
ok "an absolute path stays in its layer" contained
ok "a path through a link is refused" refused symlink "leads over a link"
ok "a hard link to a file of the host is refused" refused hardlink "layer 1"
ok "a hard link by way of a link is refused" refused hardlink-way "leads over a link"
ok "a hard link by '..' is refused" refused hardlink-dotdot "goes up by '..'"
ok "a whiteout through a link is refused" refused whiteout-symlink "leads over a link"
ok "an opaque mark through a link is refused" refused opaque-symlink "leads over a link"
ok "a whiteout of '..' is refused" refused whiteout-dotdot "takes nothing away"
ok "device nodes are left out, and that is said" no_devices
ok "a blob with another digest is refused" refused digest "was changed or damaged"
ok "a layer with another digest inside is refused" refused diff-id "as the image says"
ok "a decompression bomb is refused" refused bomb "decompression bomb"
ok "of two entries of one name the last counts" last_wins
ok "more than a million entries are refused" refused entries "more than 1000000 entries"
ok "a truncated layer is refused" refused truncated "cannot be unpacked"
ok "too many layers are refused" refused layers "200 layers"
ok "a huge configuration is refused" refused huge "larger than 4 MB"
ok "deep JSON is refused" refused deep "JSON is wrong"
ok "deep folders are refused" refused deep-folders "is too deep"
ok "indexes in indexes come to an end" refused loop "other indexes"
ok "an unknown media type is refused" refused media-type "application/zip"
ok "a blob that is a link is refused" refused foreign "layer 1"
ok "links at /proc, /dev and the like lead nowhere" places
ok "nor does a volume through a link" volume_by_link
ok "the store is closed to others" closed
finish
