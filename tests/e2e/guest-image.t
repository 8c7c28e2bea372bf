#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317,SC2016 # functions are called by ok; scripts are for the shell inside
# One image as a container's root and as a guest's disk: the same files in both.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

tests=$(cd "$(dirname "$0")/.." && pwd)
tare=${TARE_BUILD:-$tests/../build-dev}/tare

need root test "$(id -u)" -eq 0
need jq jq --version
need python3 python3 --version
need busybox test -x /bin/busybox
need qemu qemu-system-x86_64 --version
need image "$tare" image build
need debugfs debugfs -V

# A cache of its own, in which the kernel and what guests boot from are those of the other tests.
guest=$("$tare" image list --json | jq -r '.images[0].folder | sub("/images/[^/]*$"; "")')
export XDG_CACHE_HOME="$work/cache" TARE_RUNTIME_DIR="$work/run" VICTIM="$work/victim"
mkdir -p "$XDG_CACHE_HOME/tare/guest" "$TARE_RUNTIME_DIR"
for part in images kernels; do
	cp -al "$guest/$part" "$XDG_CACHE_HOME/tare/guest" 2>/dev/null ||
		cp -a "$guest/$part" "$XDG_CACHE_HOME/tare/guest"
done
store=$XDG_CACHE_HOME/tare/image disks=$XDG_CACHE_HOME/tare/guest/disks

import() { "$tests/data/make-image" "$1" "$work/$1" && "$tare" image import "oci:$work/$1"; }
# The image's own User may read little: another image of the same layers, whose user is root.
as_root() { jq '.uid = 0 | .gid = 0 | .workdir = "/" | .name = "root"' "$store/names/rich.json" \
	>"$store/names/root.json"; }
in_box() { box=$1; shift; "$tare" exec -e "$box" -- sh -c "$*"; }
vm() { box=$1; shift; in_box "vm$box,boot=restore" "$@"; }
says() { expected=$1; shift; got=$("$@" 2>&1); test "$expected" = "$got" || { echo "$got"; return 1; }; }

# Each file: inode, links and size (not of folders), type, mode, owner, name; and each digest.
list() { in_box "$1" 'all() { find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o \
		-path /run -o -path /work -o -path /.tare \) -prune -o ! -path / "$@"; }
		all -type d -exec stat -c "- - - %F %a %u:%g %n" {} +
		all ! -type d -exec stat -c "%i %h %s %F %a %u:%g %N" {} +
		echo digests; all -type f -exec sha256sum {} +' >"$work/listed" &&
	{ sed '/^digests$/,$d' "$work/listed" | canonical
	sed '1,/^digests$/d' "$work/listed" | sort; } >"$work/list-$2" &&
	test "$(wc -l <"$work/list-$2")" -gt 1000; }
# Inodes by their first name: what is one file here is one there.
canonical() { sort -k 4 | awk '$2 > 1 && !($1 in first) { first[$1] = NR } { $1 = first[$1] "" } 1'; }
same_files() { list "$1" other && diff "$work/list-container" "$work/list-other"; }
kept() { # what the list has to have, or equality says little
	l=$work/list-container
	grep -q " 4755 0:0 .*/set/uid" "$l" && grep -q ' directory 700 1000:1001 /empty$' "$l" &&
		grep -q "^[0-9]* 3 9 regular file 644 5:0 .*/other/c" "$l" &&
		grep -q ' fifo 640 3:0 .*/pipe' "$l" && grep -q '/hidden/above' "$l" &&
		grep -q '^[0-9a-f]\{64\}  /odd/\$(id)$' "$l" && grep -q "/links/up' -> '\.\.'" "$l" &&
		! grep -q '/gone\|/hidden/below\|/recreated/below\|/device' "$l"; }
attributes() { # the agent's root is the only one that shows them without a tool
	debugfs -R 'ea_list attribute' "$(disk)" 2>/dev/null | grep -q 'user.note (4) = "kept"' &&
		debugfs -R 'ea_list attribute' "$(disk)" 2>/dev/null | grep -q 'user.long (1000)'; }
disk() { echo "$disks"/*/root.img; }
one_disk() { test "$(find "$disks" -name root.img | wc -l)" -eq 1; }
clean_disk() { e2fsck -fn "$(disk)" && test "$(stat -c %a "$(dirname "$(disk)")")" = 700; }
sum() { sha256sum <"$(disk)"; }
unchanged() { test "$before" = "$(sum)"; }
again() { # another import, another time, the same bytes
	"$tare" image rm root rich && test -z "$(find "$disks" "$store/layers" -mindepth 1)" && sleep 1 &&
		"$tare" image import "oci:$work/rich" && as_root && vm ,image=root true && unchanged; }
listed() { "$tare" image list | grep -q '^disk .* of r' &&
	"$tare" image list --json | jq -e '.disks | length == 1 and .[0].bytes > 1000000'; }
in_use() { # a guest that runs has it
	mkfifo "$work/to" "$work/from"
	"$tare" exec -e vm,image=root,boot=restore -- sh -c 'echo up; read -r x' <"$work/to" >"$work/from" &
	exec 3>"$work/to" 4<"$work/from"
	read -r _ <&4
	"$tare" image rm "$(basename "$(dirname "$(disk)")")" 2>"$work/said"
	got=$?
	exec 3>&- 4<&-
	wait
	test "$got" = 1 && grep 'in use by a guest' "$work/said" && test -f "$(disk)"; }
gone() { "$tare" image rm root && one_disk && "$tare" image rm rich && test -z "$(ls "$disks")"; }
loads() { "$tare" run -q -e container,image=root -e vm,image=root,boot=restore \
		-e vm+container,image=root,boot=restore -w getppid,pread --rounds 1 --passes 3 -o "$work/ran" &&
	jq -e -s 'length == 6 and all(.[]; .status == "ok") and
		([.[] | select(.trial.machine == "vm") | .instance.root_disk] | unique | length == 1) and
		([.[].sha256] | unique | length == 1)' "$work/ran/records.jsonl"; }
refused() { words=$1; shift; "$tare" exec "$@" >"$work/said" 2>&1; got=$?; cat "$work/said"
	test "$got" != 0 && grep -qF -- "$words" "$work/said"; }
places() { import places && for box in '' +container +container,user=host,rootfs=copy +chroot; do
		vm "$box,image=places" 'test ! -L /proc && test -r /proc/self/stat && test -c /dev/null &&
			test ! -L /dev && test -d /sys/kernel && test ! -L /tmp && test ! -L /work &&
			test ! -L /run && test -f /.tare/load && echo w >/work/w' || return
	done; }
tidy() { test -z "$(ls "$TARE_RUNTIME_DIR")" && test -z "$(find "$XDG_CACHE_HOME" -name 'tare-*')"; }

ok "an image of three layers and a fourth with all kinds of files is imported" eval 'import rich && as_root'
ok "the container lists it" list container,image=root container
ok "the list has what it is made for" kept
ok "the guest has the same files, with the same digests" same_files vm,image=root,boot=restore
ok "a container in the guest too" same_files vm+container,image=root,boot=restore
ok "a copy in there says what it cannot keep" refused "takes no attribute 'user.note'" \
	-e vm+container,image=root,rootfs=copy,boot=restore -- true
ok "the host's other roots too: copy" same_files container,image=root,rootfs=copy
ok "the host's other roots too: chroot" same_files chroot,image=root
ok "attributes are on the disk" attributes
ok "nor can it map a copy's owners, which it says" eval 'import two &&
	refused "cannot map owners" -e vm+container,image=two,rootfs=copy,boot=restore -- true && "$tare" image rm two'
ok "images of the same layers have one disk" eval 'vm ,image=rich true && one_disk'
ok "the disk is a clean filesystem, closed to others" clean_disk
before=$(sum)
ok "the guest's root is written to" vm ,image=root 'echo x >/both && rm -r /wide && mkdir /wide &&
	test "$(cat /both)" = x && test -z "$(ls /wide)"'
ok "its hard links are one file" says "1 inode" vm ,image=root \
	'echo $(stat -c %i /links/a /links/b /other/c | sort -u | wc -l) inode'
ok "and the disk stays as it was" unchanged
ok "the next guest sees nothing of it" says top vm ,image=root 'cat /both'
ok "what runs there may make namespaces of users, as in any root" says 0 vm ,image=root \
	'busybox unshare -U -r id -u'
ok "the entry point runs when no command is given" says "entry point" "$tare" exec -e vm,image=rich,boot=restore
ok "User, WorkingDir and Env hold" says "101 50 /dir blue /home/app" vm ,image=rich \
	'echo $(id -u) $(id -g) $(pwd) $COLOUR $HOME'
ok "in a container in the guest too" says "101 50 /dir blue /home/app" vm +container,image=rich \
	'echo $(id -u) $(id -g) $(pwd) $COLOUR $HOME'
ok "what is given on the command line holds instead" says "red /" "$tare" exec -e vm,image=rich,boot=restore \
	--env COLOUR=red --workdir / -- sh -c 'echo $COLOUR $(pwd)'
ok "loads run in it, from one disk" loads
ok "the disk is listed" listed
ok "a disk in use is not removed" in_use
ok "made again from another import it has the same bytes" again
ok "the disk goes with the last image that has its layers" gone
ok "links for /proc, /dev, /work and the like lead nowhere in a guest" places
ok "a link for the folder that ext4 must have is refused, with a sentence" eval 'import lost &&
	refused "lost+found" -e vm,image=lost -- true && test -z "$(find "$disks" -name "*lost*")"'
ok "natively an image is refused, with a sentence" refused "natively the root is the host's" \
	-e native,image=places -- true
ok "an image that there is not is refused, with a sentence" refused "there is no image 'none'" \
	-e vm,image=none -- true
ok "a box that has no images is refused" refused "no option 'image'" -e vm+command,image=places -- true
ok "nothing is left behind" tidy
finish
