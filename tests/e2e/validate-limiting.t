#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by ok
# tare validate of a box that limits by itself: on the host here, and in a guest of scripts/test.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/run.sh
. "$(dirname "$0")/run.sh"
# shellcheck source=tests/e2e/validate.sh
. "$(dirname "$0")/validate.sh"
need root test "$(id -u)" = 0
need jq jq --version

scale=0.1
checks="cpu-weight cpuset pids"
# Where we are in a guest ourselves, what is told by CPU time is left to the host.
[ -z "${TARE_IN_GUEST-}" ] || checks="cpuset pids"
limiting="$boxes/limiting-box cpus={cpus} cpu-burst-us={cpu-burst-us} cpu-shares={cpu-shares}"
limiting="$limiting cpuset-cpus={cpuset-cpus} pids-limit={pids-limit} --"
# shellcheck disable=SC2086 # words
validate "$work/limiting" -e "limiting=command,command=$limiting" $checks
for check in $checks; do
	ok "$check passes on a box that limits by itself" passes "$work/limiting" "$check"
done
ok "nothing is left" nothing_left
finish
