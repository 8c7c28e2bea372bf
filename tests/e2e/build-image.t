#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317,SC2016 # functions are called by ok; scripts are for the shell inside
# tare image build DIR: a Dockerfile by buildah, and what is said where there is none.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

tare=${TARE_BUILD:-$(cd "$(dirname "$0")/../.." && pwd)/build-dev}/tare
export XDG_CACHE_HOME="$work/cache" TARE_RUNTIME_DIR="$work/run" TMPDIR="$work/tmp"
mkdir "$XDG_CACHE_HOME" "$TARE_RUNTIME_DIR" "$TMPDIR" "$work/demo"

need root test "$(id -u)" -eq 0
need jq jq --version
need busybox test -x /bin/busybox
need buildah buildah --version

cp /bin/busybox "$work/demo"
echo data >"$work/demo/data"
cat >"$work/demo/Dockerfile" <<'EOF'
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
COPY --chown=101:50 data /srv/data
ENV COLOUR=green
WORKDIR /srv
RUN echo made >/made && rm /bin/yes && chmod 4711 /bin/id /bin/busybox
USER 101:50
CMD ["sh", "-c", "echo $COLOUR $(pwd) $(id -u) $(cat data)"]
EOF

outside() { find /var/lib/containers /run/containers /var/tmp /etc/containers "$TMPDIR" 2>/dev/null | sort; }
before=$(outside)
build() { "$tare" image build "$@"; }
says() { expected=$1; shift; got=$("$@" 2>&1); test "$expected" = "$got" || { echo "$got"; return 1; }; }
run_it() { "$tare" exec -e "$1,image=demo"; }
inside() { "$tare" exec -e container,image=demo -- sh -c "$1"; }
settings() { "$tare" image inspect demo | jq -e '.uid == 101 and .gid == 50 and .workdir == "/srv" and
	.cmd[0] == "sh" and (.env | index("COLOUR=green"))'; }
without() { # buildah hidden, in a mount namespace of its own
	unshare -m sh -c 'mount --bind /dev/null "$0" && exec "$@"' "$(command -v buildah)" \
		"$tare" image build "$work/demo" >"$work/said" 2>&1
	got=$?
	cat "$work/said"
	test "$got" = 77 && grep -q 'no buildah: install the package buildah' "$work/said"; }
broken() { mkdir "$work/broken" && echo 'FROM scratch
RUN ["/no/such/program"]' >"$work/broken/Dockerfile" && ! build "$work/broken" && ! "$tare" image inspect broken; }
tidy() { test -z "$(ls "$TARE_RUNTIME_DIR")" && test -z "$(find "$XDG_CACHE_HOME" -name 'tare-*')" &&
	test "$before" = "$(outside)"; }

ok "a Dockerfile is built, and called as its folder" eval 'build "$work/demo" && settings'
ok "its command runs, as its user, in its folder, with its environment" says "green /srv 101 data" \
	run_it container
ok "in another root too" says "green /srv 101 data" run_it chroot
ok "RUN has run, and what it removed is gone" inside 'test "$(cat /made)" = made && ! test -e /bin/yes'
ok "owners and setuid bits are kept" says "101:50 4711" inside 'echo $(stat -c %u:%g data) $(stat -c %a /bin/busybox)'
ok "from within its folder" eval '(cd "$work/demo" && build . --name again)'
ok "one that cannot be built fails, and gives no image" broken
ok "without buildah it cannot be had here, and says what to install" without
ok "nothing is left behind, of buildah's neither" tidy
finish
