#!/bin/sh
# SPDX-License-Identifier: MIT
# The short form of scripts/soak: launches, deaths and a crowd, guests that die, and nothing left of
# them.
build=${TARE_BUILD:-$(cd "$(dirname "$0")/../.." && pwd)/build-dev}
if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP no root"
	exit 0
fi
exec "$(dirname "$0")/../../scripts/soak" "$build" 50 10 30 6
