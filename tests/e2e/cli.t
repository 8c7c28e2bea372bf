#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317,SC2016 # functions are called by ok; scripts are for another shell
# The command line: help from the tables, and for each kind of bad input one sentence, the right exit
# code, nothing on stdout and nothing changed.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/run.sh
. "$(dirname "$0")/run.sh"
# shellcheck source=tests/e2e/document.sh
. "$(dirname "$0")/document.sh"
need root test "$(id -u)" -eq 0
need jq jq --version
# Runs of this test carry a mark of this folder in their names: nobody else's are looked at.
export TARE_RUNTIME_DIR="$work/run" TMPDIR="$work"

# hidden FILE COMMAND...: with an empty file without rights in the place of FILE.
hidden() {
	file=$1; shift
	unshare -m sh -c 'mount --bind /dev/null "$0" && exec "$@"' "$file" "$@"
}
prints() { words=$1; shift; "$@" >"$work/result" && grep -qF -- "$words" "$work/result"; }
dry() { "$tare" run --dry-run "$@" >"$work/dry"; }
same_as() { dry "$@" && grep -v '^seed' "$work/dry" >"$work/a" && cmp "$work/a" "$work/b"; }

ok "without a command it says what there is, with status 2" sh -c "'$tare' 2>&1; test \$? = 2"
ok "--version says so" prints "tare " "$tare" --version
for command in bench clean doctor exec image list report run startup; do
	ok "$command --help is of its table" prints "usage: tare $command" "$tare" "$command" --help
	ok "help $command is the same text" sh -c \
		"'$tare' help $command >'$work/b' && '$tare' $command --help | cmp - '$work/b'"
done
ok "limits are in the help of those that take them" prints "--memory SIZE" "$tare" exec --help

ok "an unknown command" refused 2 "did you mean 'report'?" "$tare" reprot
ok "a flag before the command" refused 2 "see 'tare --help'" "$tare" --verbose run
ok "an unknown flag" refused 2 "unknown flag '--rouns', did you mean '--rounds'?" "$tare" run --rouns 3
ok "an abbreviated flag" refused 2 "did you mean '--rounds'?" "$tare" run --round 3
ok "an unknown letter" refused 2 "unknown flag '-z'" "$tare" run -z
ok "a flag without its value" refused 2 "--rounds needs a value" "$tare" run --rounds
ok "a switch with a value" refused 2 "--dry-run takes no value" "$tare" run --dry-run=yes
ok "a limit that is misspelt" refused 2 "did you mean '--memory'?" "$tare" run --memmory 64M
ok "an argument too many" refused 2 "unexpected argument" "$tare" clean all
ok "an unknown environment" refused 2 "did you mean 'container'?" "$tare" run -e contaner
ok "an unknown option of one" refused 2 "did you mean 'seccomp'?" "$tare" run -e container,secomp=off
ok "a value it does not have" refused 2 "seccomp" "$tare" run -e container,seccomp=maybe
ok "an unknown load" refused 2 "did you mean 'getppid'?" "$tare" run -e native -w getpid
ok "an unknown parameter" refused 2 "did you mean 'size'?" "$tare" run -e native -w pread,sise=4K
ok "an unknown collector" refused 2 "did you mean 'syscalls'?" "$tare" run -e native -c syscall
ok "an unknown list" refused 2 "did you mean 'loads'?" "$tare" list load
ok "an unknown group of doctor" refused 2 "did you mean 'noise'?" "$tare" doctor nois
ok "one label for two environments" refused 2 "-e LABEL=" "$tare" run -e native,native
ok "guests whose disks cannot both be like the host's" refused 2 "another size" \
	"$tare" run --rootfs-mode same -e native -e vm,disk=1G -e uml
ok "a baseline that is not there" refused 2 "vm" "$tare" run -e native --baseline vm
ok "a size without a unit" refused 2 "lacks a unit" "$tare" run -e native --memory 64
ok "a time without a unit" refused 2 "lacks a unit" "$tare" run -e native --time-budget 10
ok "a unit that does not exist" refused 2 "unknown unit" "$tare" run -e native --slice 5parsec
ok "no number of rounds" refused 2 "no whole number" "$tare" run -e native --rounds -1
ok "more CPUs than there are" refused 2 "more than" "$tare" run -e container --cpus 1000
ok "a CPU that is not there" refused 2 "cpuset-cpus" "$tare" run -e container --cpuset-cpus 63
ok "too little memory for anything" refused 2 "--memory" "$tare" run -e container --memory 1K
ok "a device that is not there" refused 2 "$work/none" "$tare" run -e container --device-read-bps "$work/none:1M"
ok "exec of nothing" refused 125 "which command" "$tare" exec -e native
ok "exec in an unknown environment" refused 125 "did you mean" "$tare" exec -e natve -- true

ok "--x=V, --x V, -x V and -xV are the same" sh -c : && {
	dry -e native -w getppid --rounds 3; grep -v '^seed' "$work/dry" >"$work/b"
}
ok "--rounds=3 is --rounds 3" same_as --environment=native -w getppid --rounds=3
ok "-enative is -e native" same_as -enative -wgetppid --rounds 3
ok "what --dry-run prints is a campaign again" sh -c \
	"'$tare' run --dry-run --seed 5 >'$work/c.yaml' && '$tare' run --dry-run '$work/c.yaml' | cmp - '$work/c.yaml'"
ok "with observers it is one too, and they are not weighed twice" sh -c \
	"'$tare' run --dry-run --observer -c syscalls,sched --seed 5 >'$work/c.yaml' && '$tare' run --dry-run '$work/c.yaml' | cmp - '$work/c.yaml'"
ok "with a self-test it is one too" sh -c \
	"'$tare' run --dry-run --self-test --seed 5 >'$work/c.yaml' && grep -q '^self-test: yes' '$work/c.yaml' && '$tare' run --dry-run '$work/c.yaml' | cmp - '$work/c.yaml'"
ok "a self-test of what takes no turns" refused 2 "no group gives central figures" "$tare" run --self-test -e native -w cpu-burn
ok "nothing to be weighed is told" refused 2 "no group has collectors" "$tare" run --observer -e native -w getppid
ok "nothing after the command belongs to tare" prints "--help" "$tare" exec echo --help
ok "nothing after -- belongs to tare" prints "-q" "$tare" exec -e native -- echo -q

# broken NAME TEXT WORDS: a campaign file that is told with its place.
broken() {
	printf '%b' "$2" >"$work/bad.yaml"
	ok "a campaign with $1" refused 2 "$work/bad.yaml:$3" "$tare" run "$work/bad.yaml"
}
broken "a bracket missing" 'groups: [\n' '2:1: no valid YAML'
broken "an unknown key" 'slice: 1ms\nround: 3\n' '2:1: unknown key'
broken "an unknown load" 'groups:\n  - envs: [native]\n    loads: [getpid]\n' \
	"3:13: no load 'getpid', did you mean 'getppid'?"
broken "a limit without a unit" \
	'groups:\n  - envs: [native]\n    loads: [cpu-burn]\n    limits: {memory: 64}\n' '4:22: '
ok "a campaign that is not there" refused 2 "nonexistent.yaml" "$tare" run "$work/nonexistent.yaml"
ok "a campaign and flags at once" refused 2 "leave out" "$tare" run "$work/c.yaml" -e native

one="-q -e native -w getppid --rounds 1 --passes 2"
mkdir "$work/full" "$work/foreign"
echo something >"$work/foreign/records.jsonl"
# shellcheck disable=SC2086 # a list of words
{
	ok "an output that cannot be made" refused 2 "/proc/nowhere" "$tare" run $one -o /proc/nowhere
	ok "an output that is somebody's" refused 1 "$work/foreign" "$tare" run $one -o "$work/foreign"
}
ok "resuming what is no run" refused 2 "$work/foreign" "$tare" run -q --resume "$work/foreign"
ok "and it is as it was" test "$(cat "$work/foreign/records.jsonl")" = something

# The run is to fail in the middle and to be valid up to there.
full_disk() {
	unshare -m sh -c '
		mount -t tmpfs -o size=48k none "$1/full" || exit 99
		"$2" run -q -e a=native -e b=native -w getppid,rw1,stat --rounds 40 --passes 100 --seed 1 \
			-o "$1/full/run" 2>"$1/said"
		echo $? >"$1/status"
		cp -r "$1/full/run" "$1/torn"' - "$work" "$tare"
	cat "$work/said"
	test "$(cat "$work/status")" = 1 && grep -q "No space left" "$work/said" &&
		test "$(wc -l <"$work/said")" = 1
}
ok "a full disk ends the run with a sentence" full_disk
ok "and what was written is whole" jq -e -s 'all(.[]; .schema == "tare.record/1")' "$work/torn/records.jsonl"
ok "and it can be resumed elsewhere" sh -c \
	"'$tare' run -q --resume '$work/torn' --json >'$work/result' && jq -e '.end == \"complete\"' '$work/result'"

qemu=$(command -v qemu-system-x86_64 || echo none)
if [ -x "$qemu" ]; then
	ok "without QEMU a guest is refused by what to install" refused 77 "qemu-system-x86" \
		hidden "$qemu" "$tare" run -q -e vm -w getppid --rounds 1 -o "$work/noqemu"
	ok "and list says why" sh -c "unshare -m sh -c 'mount --bind /dev/null $qemu && $tare list envs --json' |
		jq -e '.envs[] | select(.name == \"vm\") | (.available | not) and (.why | contains(\"qemu\"))'"
	ok "and doctor is blocked, with what to type" sh -c "unshare -m sh -c 'mount --bind /dev/null $qemu &&
		$tare doctor vm' >'$work/result'; test \$? = 1 && grep -q 'apt install qemu' '$work/result'"
fi
if [ -e /sys/kernel/btf/vmlinux ]; then
	ok "without BTF the collector is refused" refused 77 "BTF" hidden /sys/kernel/btf/vmlinux \
		"$tare" run -q -e native -w getppid -c syscalls --rounds 1 -o "$work/nobtf"
fi
ok "refused runs have no folder" sh -c "! ls -d '$work/noqemu' '$work/nobtf' 2>/dev/null"

# Somebody without rights, with programs that he can reach.
shared=$(mktemp -d /tmp/tare-cli-XXXXXX)
trap 'rm -rf "$work" "$runs" "$shared"' EXIT
cp "$tare" "$tare-main" "${TARE_LIBEXEC:-$build}/tare-load" "${TARE_LIBEXEC:-$build}/tare-agent" "$shared"
mkdir "$shared/home" "$shared/home/run" "$shared/home/cache"
chmod 755 "$shared" && chown -R 65534 "$shared/home"
as_nobody() {
	env -u TARE_RUNTIME_DIR -u TARE_LIBEXEC HOME="$shared/home" TMPDIR="$shared/home" \
		XDG_RUNTIME_DIR="$shared/home/run" XDG_CACHE_HOME="$shared/home/cache" \
		setpriv --reuid 65534 --regid 65534 --clear-groups -- "$@"
}
ok "not root: list works" as_nobody "$shared/tare" list
ok "not root: doctor works" as_nobody "$shared/tare" doctor
uml_is_blocked() {
	as_nobody "$shared/tare" doctor uml --json >"$work/result"
	test $? = 1 && jq -e '.groups == {"uml": "blocked"} and
		any(.checks[]; .name == "rights" and (.finding | test("needs root")))' "$work/result"
}
ok "not root: doctor says what User-Mode Linux lacks" uml_is_blocked
ok "not root: a native command runs" test "$(as_nobody "$shared/tare" exec -e native -- echo hello)" = hello
ok "not root: native is measured" as_nobody "$shared/tare" run -q -e a=native -e b=native -w getppid \
	--rounds 1 --passes 4 -o "$shared/home/results"
ok "not root: and reported" as_nobody "$shared/tare" report -f md "$shared/home/results"
ok "not root: a container is refused" refused 77 "needs root" as_nobody "$shared/tare" exec -e container -- true
ok "not root: limits are refused" refused 77 "needs root" as_nobody "$shared/tare" exec --memory 64M -- true
ok "not root: a campaign with a container is refused" refused 77 "root" \
	as_nobody "$shared/tare" run -q -e native -e container -w getppid --rounds 1 -o "$shared/home/no"
ok "not root: nothing is left" test -z "$(find "$shared/home/run/tare" -mindepth 1 -name '2*')"

for campaign in "$(dirname "$0")"/../../docs/campaigns/*.yaml; do
	ok "$(basename "$campaign") is a campaign" "$tare" run --dry-run "$campaign"
done
ok "every listing has JSON" sh -c "'$tare' list --json | jq -e '.envs and .loads and .collectors and .limits'"
ok "doctor has JSON" sh -c "'$tare' doctor --json | jq -e '(.checks | length) > 20 and .groups.tools'"
ok "doctor says which events are to be had" sh -c "'$tare' doctor perf --json | jq -e 'any(.checks[]; .name == \"events\" and (.finding | test(\"page-faults\")))'"
ok "a group of events without its end" refused 2 "the '{' has no '}'" "$tare" run -c 'counters={cycles,instructions' --dry-run
ok "doctor knows what it was asked for" sh -c "'$tare' doctor storage --json | jq -e '.groups | keys == [\"storage\"]'"
ok "doctor says where the memory of User-Mode Linux cannot be" sh -c "unshare -m sh -c 'mount -t tmpfs -o noexec none /dev/shm &&
	$tare doctor uml --json' | jq -e 'any(.checks[]; .name == \"memory\" and (.finding | test(\"/tmp\")))'"
ok "clean has JSON" sh -c "'$tare' clean --json | jq -e '.things == 0 and .alive == 0'"
ok "stdout that is full is an error" sh -c "'$tare' list >/dev/full 2>'$work/said'; test \$? = 1 && grep -q 'No space' '$work/said'"
ok "NO_COLOR and pipes get no colour" sh -c "! '$tare' doctor noise | grep -q \"\$(printf '\\033')\""

ok "nothing is left" sh -c "test -z \"\$(ls '$TARE_RUNTIME_DIR')\""
finish
