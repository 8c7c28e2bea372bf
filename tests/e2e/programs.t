#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by ok
# Whole programs as loads: sqlite, redis and unpack on one image in each environment.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/run.sh
. "$(dirname "$0")/run.sh"
need root test "$(id -u)" -eq 0
need jq jq --version

root=$(cd "$(dirname "$0")/../.." && pwd)
guest=$("$tare" image list --json | jq -r '(.images[0].folder // "") | sub("/images/[^/]*$"; "")')
kept=${TARE_TEST_CACHE:-/var/cache/tare-tests}/programs
export XDG_CACHE_HOME="$work/cache" TARE_RUNTIME_DIR="$work/run"
mkdir -p "$kept" "$XDG_CACHE_HOME/tare/guest" "$TARE_RUNTIME_DIR"
# Packages are fetched once, for all tests there will be; what guests boot from is the other tests'.
ln -s "$kept" "$XDG_CACHE_HOME/tare/packages"
need packages "$root/scripts/image-programs" "$build"
programs() { "$tare" run -q "$@" -w sqlite,sync=off -w redis,requests=50 -w unpack,files=20 \
	--rounds 1 --passes 3 -o "$runs/$run"; }
told() { jq -e -s "$1" "$runs/$run/records.jsonl" >/dev/null || { jq -c . "$runs/$run/records.jsonl"; return 1; }; }

run=here
ok "whole programs run on one image natively and in a container" programs \
	-e chroot,image=programs -e container,image=programs
ok "each trial is fine" all_ok "$runs/here"
ok "each tells what people count of it, by the second" told 'map(select(.status == "ok").load.figures) | length >= 6 and
	all(.[]; [to_entries[] | select(.key | test("^(transactions|requests|files)_per_s$")) | .value.unit == "1/s" and .value.value > 0] == [true])'
ok "and they are figures of the summary, with ratios beside them" sh -c "'$tare' report '$runs/here' -f csv >/dev/null &&
	jq -e '([.cells[].metric] | index(\"transactions_per_s\") and index(\"requests_per_s\") and index(\"files_per_s\")) and
		(.ratios | length == 3)' '$runs/here/summary.json'"

ok "they are the same files in both, by each load's own reading" told 'map(select(.status == "ok")) | group_by(.trial.load) |
	map(map(.load.programs) | unique | length) == [1, 1, 1] and (map(.[0].load.programs[].name) | sort) ==
	["redis-benchmark", "redis-server", "sqlite3", "tar"]'
same() { "$tare" report "$runs/$1" -f md >"$work/said" && grep -q "$2" "$runs/$1/report/report.md"; }
ok "which the report says" same here "are \*\*the same files in all\*\*"

run=without
without() { programs -e container && told 'map(select(.trial.load == "redis")) | length > 0 and
	all(.[]; .status == "unsupported" and (.why | test("no program .redis-server. .*: install the package redis-server, or")))'; }
ok "where the program is not, the load says what to install" without

run=other
# Busybox is the tar of the container's own root.
other() { "$tare" run -q -e chroot,image=programs -e container -w unpack,files=20 --rounds 1 --passes 3 -o "$runs/other" &&
	same other "\*\*Not the same program everywhere\*\*: 'container' has started another file"; }
ok "where one is another file, the report says so" other

run=guest
in_guest() { programs -e vm,image=programs; }
if [ -n "$guest" ]; then
	for part in images kernels index; do
		cp -al "$guest/$part" "$XDG_CACHE_HOME/tare/guest" 2>/dev/null || cp -a "$guest/$part" "$XDG_CACHE_HOME/tare/guest"
	done
fi
# The same agent is in there.
if [ -z "${TARE_SANITIZED-}" ] && guest; then
	ok "and in a guest, on the same image" in_guest
	ok "each is fine there" all_ok "$runs/guest"
fi
ok "nothing is left" nothing_left
finish
