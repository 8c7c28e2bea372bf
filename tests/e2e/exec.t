#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317,SC2016 # functions are called by ok; scripts are for the shell inside
# tare exec as a good citizen: docker's options, exit status, streams, signals, the terminal.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

build=${TARE_BUILD:-$(cd "$(dirname "$0")/../.." && pwd)/build-dev}
tare=$build/tare

need root test "$(id -u)" -eq 0
need busybox test -x /bin/busybox
need "tare exec" "$tare" exec --help

# boxed OPTION... -- SCRIPT
boxed() {
	options=
	while [ "$1" != -- ]; do options="$options '$1'"; shift; done
	eval "set -- $options -- sh -c \"\$2\""
	"$tare" exec -e container "$@"
}
says() { expected=$1; shift; said=$("$@" 2>&1); echo "$said"; test "$said" = "$expected"; }
status_is() { expected=$1; shift; "$@" >/dev/null 2>&1; test $? -eq "$expected"; }
# refused WORDS OPTION...: one sentence, exit 125, and nothing was run.
refused() {
	words=$1; shift
	"$tare" exec "$@" -- echo ran >"$work/result" 2>"$work/said"
	status=$?
	cat "$work/said"
	test "$status" = 125 && test ! -s "$work/result" && grep -qF -- "$words" "$work/said" &&
		test "$(grep -vc "see 'tare exec --help'" "$work/said")" = 1
}

# What is asked for is so inside.
ok "the host name" says box.lab boxed --hostname box.lab -- hostname
ok "a user by number" says 12:34 boxed --user 12:34 -- 'echo $(id -u):$(id -g)'
ok "a user by name has the group of /etc/passwd inside" says 65534:65534 \
	boxed -u nobody -- 'echo $(id -u):$(id -g)'
ok "a group by name" says 7:65534 boxed --user 7:nogroup -- 'echo $(id -u):$(id -g)'
printf 'root:x:0:\nstaff:x:50:joe,nobody\nnot:x:51:nobody2\nlast:x:52:nobody\n' >"$work/group"
groups() { "$tare" exec -e container -v "$work/group:/etc/group:ro" --user "$1" -- sh -c 'echo $(id -G)'; }
ok "a user is in the groups that name him" says "65534 50 52" groups nobody
ok "by number too" says "65534 50 52" groups 65534
ok "but in one alone that is asked for" says "50" groups nobody:staff
ok "another user than root holds no capability" says "CapEff: 0000000000000000" \
	boxed --user 7 -- 'echo $(grep CapEff /proc/self/status)'
ok "a variable" says b boxed --env A=b -- 'echo $A'
export TARE_TEST_OURS=ours
ok "a variable of ours by name" says ours boxed --env TARE_TEST_OURS -- 'echo $TARE_TEST_OURS'
ok "a variable that we do not have is not made" says none \
	boxed --env TARE_TEST_NONE -- 'echo ${TARE_TEST_NONE-none}'
ok "none of ours otherwise" says none boxed -- 'echo ${TARE_TEST_OURS-none}'
ok "the working folder" says /tmp boxed -w /tmp -- pwd
ok "a read-only root" says no boxed --read-only -- 'touch /x 2>/dev/null || echo no'
ok "a root that is written to without" says yes boxed -- 'touch /x && echo yes'
ok "a tmpfs of the size asked for" says "1024" \
	boxed --read-only --tmpfs /a/b:size=1m -- 'df -k /a/b | tail -1 | tr -s " " | cut -d" " -f2'
mkdir "$work/shared" && echo kept >"$work/shared/file"
ok "a volume" says kept boxed -v "$work/shared:/v" -- 'cat /v/file'
ok "what is written to it is outside, and ours" sh -c \
	"'$tare' exec -e container -v '$work/shared:/v' -- touch /v/new &&
	test \"\$(stat -c %u '$work/shared/new')\" = \"\$(stat -c %u '$work/shared/file')\""
ok "a read-only volume" says no boxed -v "$work/shared:/v:ro" -- 'touch /v/not 2>/dev/null || echo no'
ok "a volume that is a file" says kept boxed -v "$work/shared/file:/etc/one:ro" -- 'cat /etc/one'
ok "a capability more" says 1 boxed --cap-add net_raw -- \
	'echo $((0x$(grep CapEff /proc/self/status | cut -f2) >> 13 & 1))'
ok "not without" says 0 boxed -- 'echo $((0x$(grep CapEff /proc/self/status | cut -f2) >> 13 & 1))'
ok "no capabilities at all" says 0000000000000000 boxed --cap-drop ALL -- \
	'grep CapBnd /proc/self/status | cut -f2'
ok "all but one" says 0000000000000001 boxed --cap-drop all --cap-add CAP_CHOWN -- \
	'grep CapEff /proc/self/status | cut -f2'
ok "no filter" says 0 boxed --security-opt seccomp=unconfined -- 'grep Seccomp: /proc/self/status | cut -f2'
ok "a filter without" says 2 boxed -- 'grep Seccomp: /proc/self/status | cut -f2'
cat >"$work/profile.json" <<-END
	{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
		{"names": ["mkdir", "mkdirat", "no_such_call"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}
END
ok "the filter of a file" says "mkdir: can't create directory '/x': No space left on device" \
	boxed --security-opt "seccomp=$work/profile.json" -- 'mkdir /x'
ok "no new privileges, as always" says 1 boxed --security-opt no-new-privileges -- \
	'grep NoNewPrivs /proc/self/status | cut -f2'
ok "the host's network" test "$("$tare" exec -e container --network host -- readlink /proc/self/ns/net)" = \
	"$(readlink /proc/self/ns/net)"
ok "no network" says 1 boxed --network none -- 'ls /sys/class/net | wc -l'

for env in native chroot container container,init=on; do
	ok "ulimits in $env" says "30 40 0" "$tare" exec -e "$env" --ulimit nofile=30:40 --ulimit core=0 -- \
		sh -c 'echo $(ulimit -Sn) $(ulimit -Hn) $(ulimit -Hc)'
done
ok "a ulimit holds, of which setting up needs more" says \
	"sh: can't open /dev/null: Too many open files" boxed --ulimit nofile=3 -- 'exec 9</dev/null'
ok "and is not there without" says "yes" boxed -- 'exec 9</dev/null && echo yes'

# What is wrong is said, and nothing runs.
ok "a bad host name" refused "--hostname: 'a b'" -e container --hostname "a b"
ok "a bad user" refused "--user: 'a:b:c'" -e container --user a:b:c
ok "a user that is not inside" refused "container's /etc/passwd" -e container --user whoever
ok "a bad variable" refused "--env: '=x'" -e container --env =x
ok "a volume of one path" refused "-v: '/tmp'" -e container -v /tmp
ok "a volume that is not there" refused "No such file" -e container -v "$work/none:/v"
ok "a volume with another mode" refused "-v: 'zz' is neither ro nor rw" -e container -v /tmp:/t:zz
ok "a volume over the root" refused "-v: nothing can be put at '/'" -e container -v /tmp:/
ok "a volume in /proc" refused "-v: nothing can be put at '/proc/x'" -e container -v /tmp:/proc/x
ok "a volume that climbs" refused "-v: nothing can be put" -e container -v /tmp:/a/../b
ok "a volume in a guest" refused "a guest does not see" -e vm+container -v /tmp:/t
ok "a tmpfs of no size" refused "--tmpfs: 'size=x'" -e container --tmpfs /t:size=x
ok "a capability that is none" refused "no capability 'fly'" -e container --cap-add fly
ok "a profile that is not there" refused "No such file" -e container --security-opt seccomp=/none
echo '{"defaultAction": "SCMP_ACT_DANCE"}' >"$work/bad.json"
ok "a profile that is none" refused "SCMP_ACT_DANCE" -e container --security-opt "seccomp=$work/bad.json"
ok "another security option" refused "--security-opt: 'label=x'" -e container --security-opt label=x
ok "another network" refused "--network" -e container --network moon
ok "a network natively" refused "--network" -e native --network none
ok "a host name natively" refused "--hostname: 'native' has no such thing" -e native --hostname x
ok "a user in a chroot" refused "--user: 'chroot' has no such thing" -e chroot --user 1
ok "a misspelt flag" refused "did you mean '--hostname'?" -e container --hostnam x
ok "docker's --rm, which is always so" refused "unknown flag '--rm'" -e container --rm
ok "a ulimit that is none" refused "did you mean 'nofile'?" -e container --ulimit nofil=5
ok "a ulimit of no number" refused "nofile: 'many' is no whole number" -e container --ulimit nofile=many
ok "a soft ulimit above the hard one" refused "above the hard one" -e container --ulimit nofile=5:4
ok "a ulimit of another runtime's" refused "say it to that runtime" -e command,command=env --ulimit nofile=5
ok "no command" status_is 125 "$tare" exec -e container
for flag in --ulimit --volume --tmpfs --read-only --hostname --user --network --cap-add --security-opt; do
	ok "help tells of $flag" sh -c "'$tare' exec --help | grep -q -- '$flag'"
done

# Exit status, streams, signals.
ok "the command's exit status" status_is 42 boxed -- 'exit 42'
ok "127 for no such command" status_is 127 "$tare" exec -e container -- no-such-program
ok "126 for what cannot be run" status_is 126 "$tare" exec -e container -- /etc/passwd
ok "128+N for a signal" status_is 143 boxed -- 'sh -c "kill -TERM \$\$"; exit $?'
ok "128+N when all of it is killed" status_is 137 boxed --user 0 -- 'busybox sh -c "kill -9 \$\$"; exit $?'
big() { head -c 30000000 /dev/zero | "$tare" exec -e container -- cat | wc -c; }
ok "30 MB through stdin and stdout" says 30000000 big
dead() { "$tare" exec -e container -- sh -c 'while echo y; do :; done' 2>/dev/null | head -1; }
ok "a reader that leaves ends it" says y dead
apart() { boxed -- 'echo out; echo err >&2' 2>"$work/err"; }
ok "stdout and stderr stay apart" sh -c "test \"\$1\" = out && test \"\$(cat '$work/err')\" = err" - "$(apart)"
asked_to_end() {
	: >"$work/ready"
	"$tare" exec -e container -- sh -c "trap 'exit 9' $1; echo ready; while :; do sleep 0.1; done" \
		>"$work/ready" &
	pid=$! i=0
	while [ ! -s "$work/ready" ] && [ "$i" -lt 100 ]; do sleep 0.1; i=$((i + 1)); done
	kill "-$1" "$pid"
	wait "$pid"
	test $? = 9
}
for signal in TERM HUP USR1 USR2; do
	ok "SIG$signal is passed on" asked_to_end "$signal"
done

# The same in a guest: each option holds there, or is refused.
if guest; then
	guest=vm+container,boot=restore
	many() {
		"$tare" exec -e "$guest" --hostname box.lab --user 12:34 --env A=b -w /tmp --read-only \
			--tmpfs /a/b:size=1m --cap-drop all --security-opt "seccomp=$work/profile.json" \
			--network none -- sh -c 'echo $(hostname) $(id -u):$(id -g) $A $PWD
			touch /x 2>/dev/null || echo read-only; df -k /a/b | tail -1 | tr -s " " | cut -d" " -f2
			grep CapBnd /proc/self/status | cut -f2; mkdir /tmp/x 2>&1; ls /sys/class/net' >"$work/many"
		cat "$work/many"
		printf '%s\n' "box.lab 12:34 b /tmp" read-only 1024 0000000000000000 \
			"mkdir: can't create directory '/tmp/x': No space left on device" lo | cmp - "$work/many"
	}
	ok "in a guest: name, user, variables, folder, root, tmpfs, rights, calls, network" many
	more() {
		"$tare" exec -e "$guest" --init --cap-add net_raw --network host --security-opt seccomp=unconfined -- \
			sh -c 'echo $$ $(grep Seccomp: /proc/self/status | cut -f2) \
			$((0x$(grep CapEff /proc/self/status | cut -f2) >> 13 & 1)); readlink /proc/self/ns/net; exit 5' >"$work/more"
		test $? = 5 && cat "$work/more" && grep -qx '2 0 1' "$work/more"
	}
	ok "in a guest: init, a capability more, no filter, the guest's network, and the exit status" more
	ok "in a guest: a user that is not inside" refused "container's /etc/passwd" -e "$guest" --user whoever
	ok "in a guest: a profile that is none" refused SCMP_ACT_DANCE -e "$guest" \
		--security-opt "seccomp=$work/bad.json"
	ok "in a guest: a ulimit above the most there can be" refused nr_open -e "$guest" --ulimit nofile=9000000000
	ok "in a guest: 127 for no such command" status_is 127 "$tare" exec -e "$guest" -- no-such-program
	ok "a bare guest has none of these" refused "has no such thing" -e vm,boot=restore --hostname x
fi
finish
