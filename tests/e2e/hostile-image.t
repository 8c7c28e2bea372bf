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
box() { box=$1; shift; "$tare" exec -e "$box" -- /bin/sh -c "$*"; }
# Each of our mounts is in the image's own tree, and all that the inside can write to is its own.
ours() { box "$1" 'test ! -L /proc && test -r /proc/self/stat && test ! -L /dev && test -c /dev/null &&
		test ! -L /sys && test -d /sys/kernel && test ! -L /tmp && test ! -L /work &&
		test ! -L /run && test -f /.tare/load && test ! -L /.tare/load && test ! -e /work/file &&
		echo w >/work/w && echo t >/tmp/t && ! test -e /proc/passwd && ! test -e /sys/passwd' &&
	rm -f "$VICTIM"/no && untouched && nothing_left; }
untouched() { test "$(ls -A "$VICTIM")" = file && test safe = "$(cat "$VICTIM/file")" &&
	test "$etc" = "$(stat -c %Y%n /etc/* /etc)"; }
etc=$(stat -c %Y%n /etc/* /etc)
# A process of the host's, by whose /proc/PID/root an image may try to get out, where it sees it.
way_out() { # way_out OPTIONS EXEC-OPTIONS: it does not start, and nothing is made outside
	sleep 60 & pid=$!
	rm -rf "$work/tree" && mkdir -p "$work/tree/bin" && cp /bin/busybox "$work/tree/bin/sh" &&
		ln -s "/proc/$pid/root$VICTIM" "$work/tree/way" &&
		"$tare" image import "rootfs:$work/tree" --name way || return
	options=$1; shift
	"$tare" exec -e "container,image=way,$options" "$@" -- /bin/sh -c 'echo it runs'
	got=$?
	kill "$pid"
	test "$got" = 125 && untouched; }
volumes() { for options in user=host,pid=host pid=host user=host; do
		way_out "$options" -v "$tests:/way/made" && way_out "$options" --tmpfs /way/made/too &&
			way_out "$options" -v "$0:/way/file" && way_out "$options" --workdir /way || return
	done; }
volume_by_link() { # whatever is asked to be put there
	rm -rf "$work/tree" && mkdir -p "$work/tree/bin" && cp /bin/busybox "$work/tree/bin/sh" &&
		ln -s "$VICTIM" "$work/tree/volume" && "$tare" image import "rootfs:$work/tree" --name linked || return
	for way in "-v $work/cache:/volume/in" "--tmpfs /volume" "-v $work/cache:/volume"; do
		# shellcheck disable=SC2086 # an option and its value
		fails "$tare" exec -e container,image=linked $way -- true || return
	done
	untouched && nothing_left; }
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
ok "an image whose folders are links to the host's is taken in" eval 'make places && import places'
ok "and one with links below them" eval 'make inner-places && import inner-places'
for image in places inner-places; do
	for box in container container,user=host container,rootfs=bind container,rootfs=copy chroot chroot,rootfs=copy; do
		ok "$image: $box: links for /proc, /dev, /sys, /work, /.tare, /tmp lead nowhere" \
			ours "$box,image=$image"
	done
done
ok "links to other processes' roots lead no volume and no working folder out" volumes
ok "nor does a volume through a link" volume_by_link
ok "the store is closed to others" closed
finish
