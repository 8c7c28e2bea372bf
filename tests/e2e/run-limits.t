#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by ok
# tare run under limits and under collectors: on the host here, and in a guest of scripts/test.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/run.sh
. "$(dirname "$0")/run.sh"
need root test "$(id -u)" = 0
need jq jq --version

set -- -w '@syscall,@io,@sched,@net,@memory' -w futex,with=partner \
	-w signal,to=partner,sem,kind=mq,forkwait,by=vfork,splice,via=sendfile,fault,kind=shared
# Where we are in a guest ourselves, most are left to vm.t.
[ -z "${TARE_IN_GUEST-}" ] || set -- -w getppid,forkexec,create,pingpong,tcprr
observed() {
	"$tare" run -q -e native -e container "$@" -c 'syscalls,counters=inherit:{raw_syscalls/sys_enter,context-switches}' --rounds 1 --passes 5 -o "$runs/observed"
}
ok "the syscalls collector observes every load" observed "$@"
ok "every load is played but those that the container forbids" all_played "$runs/observed"
ok "its counts are exact" counts_are_exact "$runs/observed"
ok "perf counts the same of the player and all that it starts" perf_agrees "$runs/observed" inherit

ok "limits are put on" "$tare" run -q -e native -e container -w cpu-burn,mem-fill --cpus 0.5 --memory 64M \
	--duration 5s --rounds 1 -o "$runs/limits"
# The clock of an emulated machine goes on while others have its CPUs; vm.t has it by itself.
if [ -z "${TARE_IN_GUEST-}" ]; then
	ok "half a CPU is half a CPU, natively" half_a_cpu "$runs/limits" native
	ok "half a CPU is half a CPU, in the container" half_a_cpu "$runs/limits" container
fi
ok "64 MiB end in a kill that the record names" killed_for_memory "$runs/limits" container

pids() {
	"$tare" run -q -e container -w fork-many,n=50 --pids-limit 10 --duration 1s --rounds 1 -o "$runs/pids" &&
		jq -e '.load.figures as $f | $f.refused.value > 0 and $f.children.value < 10' "$runs/pids/records.jsonl"
}
ok "pids-limit refuses the eleventh process" pids

io_limit() {
	"$tare" run -q -e container -w io-stream,rw=write,direct=on --device-write-bps "$build:4M" --duration 4s \
		--rounds 1 -o "$runs/io" &&
		jq -e '.load.figures.bytes_per_s.value / 4194304 | . > 0.85 and . < 1.15' "$runs/io/records.jsonl"
}
ok "device-write-bps holds direct writes" io_limit

ok "nothing is left" nothing_left
finish
