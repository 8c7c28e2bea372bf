#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317,SC2016 # functions are called by ok; scripts are for the shell inside
# An image's layers as one root: what a union of folders means, and copy on write.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

tests=$(cd "$(dirname "$0")/.." && pwd)
tare=${TARE_BUILD:-$tests/../build-dev}/tare
export XDG_CACHE_HOME="$work/cache" TARE_RUNTIME_DIR="$work/run"
mkdir "$XDG_CACHE_HOME" "$TARE_RUNTIME_DIR"
store=$XDG_CACHE_HOME/tare/image

need root test "$(id -u)" -eq 0
need python3 python3 --version
need busybox test -x /bin/busybox
need zstd zstd --version

make() { "$tests/data/make-image" "$1" "$work/$1"; }
import() { make "$1" && "$tare" image import "oci:$work/$1"; }
in_box() { box=$1; shift; "$tare" exec -e "$box" -- sh -c "$*"; }
says() { expected=$1; shift; test "$expected" = "$("$@" 2>&1)"; }
root() { in_box container,image=root "$@"; }
# The image's own User may write nowhere: another image of the same layers, whose user is root.
as_root() { jq '.uid = 0 | .gid = 0 | .workdir = "/" | .name = "root"' "$store/names/gzip.json" \
	>"$store/names/root.json"; }
sums() { find "$store/layers" -type f -exec sha256sum {} + | sort; }
unchanged() { test "$(sums)" = "$before"; }
same_layers() { test "$(jq -c .layers "$store/names/gzip.json")" = \
	"$(jq -c .layers "$store/names/$1.json")"; }
archive() { tar -C "$work/gzip" -cf "$work/packed.tar" . &&
	"$tare" image import "oci-archive:$work/packed.tar" && same_layers packed; }
saved() { # as docker save writes it: plain layers by their digests
	mkdir "$work/saved" && "$tests/data/make-image" plain "$work/for-saved" && python3 - "$work" <<'PY'
import json, shutil, sys
w = sys.argv[1]
blob = lambda d: f'{w}/for-saved/blobs/sha256/{d["digest"][7:]}'
manifest = json.load(open(blob(json.load(open(f'{w}/for-saved/index.json'))['manifests'][0])))
shutil.copy(blob(manifest['config']), f'{w}/saved/config.json')
layers = [f'{i}.tar' for i in range(len(manifest['layers']))]
for layer, name in zip(manifest['layers'], layers):
    shutil.copy(blob(layer), f'{w}/saved/{name}')
json.dump([{'Config': 'config.json', 'RepoTags': ['a:1'], 'Layers': layers}],
          open(f'{w}/saved/manifest.json', 'w'))
PY
	tar -C "$work/saved" -cf "$work/docker.tar" manifest.json config.json 0.tar 1.tar 2.tar &&
		"$tare" image import "docker-archive:$work/docker.tar:a:1" && same_layers docker; }
tree() { mkdir -p "$work/tree/bin" && cp /bin/busybox "$work/tree/bin/sh" && echo t >"$work/tree/t" &&
	"$tare" image import "rootfs:$work/tree" --name tree && in_box container,image=tree 'read -r x </t
	test "$x" = t'; }
tree_again() { touch "$work/tree/bin/sh" -r "$work/tree/t" 2>/dev/null; "$tare" image import "rootfs:$work/tree" --name tree2 &&
	"$tare" image import "rootfs:$work/tree" --name tree3 &&
	test "$(jq .layers "$store/names/tree2.json")" = "$(jq .layers "$store/names/tree3.json")"; }
removed() { "$tare" image rm tree tree2 tree3 two many && ! test -e "$store/names/tree.json" &&
	test "$(find "$store/layers" -maxdepth 1 -type d | wc -l)" -eq 4; }
all_removed() { "$tare" image rm --all && test -z "$(find "$store/layers" "$store/names" -mindepth 1)"; }
interpreter() { "$tare" exec -e container,image=root -- /.tare/load describe | jq -e .loads; }
tidy() { test -z "$(ls "$TARE_RUNTIME_DIR")" && test -z "$(find "$XDG_CACHE_HOME" -name 'tare-*')"; }
killed() { # in the middle of an import
	"$tare" image import rootfs:/usr/lib --name killed & pid=$!
	until test -n "$(ls "$(echo "$store"/tare-*-import/layer)" 2>/dev/null)"; do sleep 0.01; done
	kill -9 "$pid"; wait "$pid" 2>/dev/null
	"$tare" clean && tidy && test ! -e "$store/names/killed.json"
}

ok "an image of gzip layers is imported" import gzip
ok "zstd layers are the same layers" eval 'import zstd && same_layers zstd'
ok "plain layers are the same layers" eval 'import plain && same_layers plain'
ok "an oci-archive is the same image" archive
ok "a docker-archive is the same image" saved
ok "a folder is an image" tree
ok "the same folder is the same layer" tree_again
ok "an index in an index leads to this machine's image" import two
before=$(sums)
ok "the entry point runs when no command is given" says "entry point" "$tare" exec -e container,image=gzip
ok "User, WorkingDir and Env hold" says "101 50 /dir blue /home/app" in_box container,image=gzip \
	'echo $(id -u) $(id -g) $(pwd) $COLOUR $HOME'
ok "what is given on the command line holds instead" says "red /" "$tare" exec -e container,image=gzip \
	--env COLOUR=red --workdir / -- sh -c 'echo $COLOUR $(pwd)'
as_root
for box in container,image=root container,image=root,user=host chroot,image=root \
	container,image=root,rootfs=bind container,image=root,rootfs=copy chroot,image=root,rootfs=copy; do
	ok "$box: the top layer wins" says top in_box "$box" 'cat /both'
	ok "$box: what no layer above has is found below" says bottom in_box "$box" 'cat /only-below'
	ok "$box: a whiteout ends the search" in_box "$box" '! test -e /gone && ! test -e /kept/gone &&
		test -e /kept/here'
	ok "$box: an opaque folder hides what is below" says above in_box "$box" 'ls /hidden'
	ok "$box: other folders are merged" says "above below" in_box "$box" 'echo $(ls /dir)'
	ok "$box: a folder made anew shows nothing of the old one" says above in_box "$box" 'ls /recreated'
	ok "$box: a file may become a folder, and a folder a file" in_box "$box" \
		'test -f /was-file/in && test -f /was-dir'
	ok "$box: hard links are one file" says "1 inode of 2 links" in_box "$box" \
		'echo $(stat -c %i /same /hard | sort -u | wc -l) inode of $(stat -c %h /same) links'
	ok "$box: links in the image lead no mount astray" in_box "$box" \
		'test -r /proc/self/stat && ! test -L /proc && ! test -L /work'
done
ok "a write copies up, and the layer below stays as it was" root \
	'echo new >/only-below && test "$(cat /only-below)" = new && echo x >>/same'
ok "what is removed is gone, and made anew it is new" root \
	'rm /only-below && ! test -e /only-below && echo n >/only-below && rm -r /dir && ! test -e /dir'
ok "a file is renamed across layers" root 'mv /only-below /dir/moved && test "$(cat /dir/moved)" = bottom'
ok "a whiteout made inside hides in turn" root 'rm /dir/below && test "$(ls /dir)" = above'
ok "nothing of it is in the layers" unchanged
ok "a read-only root is not written to" fails in_box container,image=root,rootfs=bind 'echo x >/x'
ok "a copy is written to" in_box container,image=root,rootfs=copy 'echo x >/x'
ok "and by one name of a file what the other shows" says new in_box container,image=root,rootfs=copy \
	'echo new >/same && cat /hard'
ok "nor is a copy in the layers" unchanged
ok "the next box sees nothing of the last one's" says bottom root 'cat /only-below'
ok "loads run in an image that has none" interpreter
ok "127 layers are one root" eval 'import many && says 125 in_box container,image=many "cat /all" &&
	in_box container,image=many "test -f /file0"'
ok "kill -9 in an import leaves nothing after clean" killed
ok "an image is removed with the layers that nobody else has" removed
ok "all are removed" all_removed
ok "nothing is left behind" tidy
finish
