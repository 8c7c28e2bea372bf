#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by ok
# tare isolation: names and attacks, from inside of the container and where it does not protect.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/run.sh
. "$(dirname "$0")/run.sh"
need root test "$(id -u)" = 0
need jq jq --version
need container "$tare" exec -e container -- true

export TARE_RUNTIME_DIR="$work/run"
mkdir "$TARE_RUNTIME_DIR"

look() { "$tare" isolation --prove -e native -e chroot -e container -o "$work/out.json" --report "$work/report"; }
ok "nothing leaks from the container, and each thing it keeps is shown to leak without it" look

verdicts() { # ENV FILTER
	jq -e --arg env "$1" ".environments[] | select(.label == \$env) | .results | $2" "$work/out.json"
}
ok "every attack from inside of the container is contained" \
	verdicts container 'map(select(.kind == "attack")) | length > 25 and all(.verdict == "contained")'
ok "names inside are private" verdicts container \
	'map(select(.kind == "name" and (.name | IN("kernel", "capabilities") | not)))
	| length > 20 and all(.verdict == "private")'
ok "what is not private is said so" verdicts container \
	'map({(.name): .verdict}) | add | .kernel == "shared" and .capabilities == "partly"'
ok "how long the host has been up is not seen inside" verdicts container \
	'map({(.name): .}) | add | .["boot-time", "monotonic-time"] | .verdict == "private" and .claimed'
ok "natively the names are those of outside" verdicts native \
	'map({(.name): .verdict}) | add | .processes == "shared" and .users == "shared" and ."sysv-ipc" == "shared"'
ok "chroot hides files and nothing else" verdicts chroot \
	'map({(.name): .verdict}) | add | .files == "private" and .processes == "shared" and ."chroot-escape" == "succeeded"'
ok "nothing that would change this machine was attempted where nothing holds it" verdicts native \
	'map(select(.name | IN("core-pattern", "sysrq", "release-agent", "proc-sys", "sysfs", "mknod", "kexec",
	"init-module", "reboot", "dev-mem", "set-time"))) | length == 11 and all(.verdict == "not-applicable")'

weakened_is_not_attacked() {
	"$tare" isolation core-pattern -e container,user=host,caps=keep,seccomp=off --json >"$work/weak" &&
		jq -e '.environments[0].results[0].verdict == "not-applicable"' "$work/weak"
}
ok "nor in a container that is switched off" weakened_is_not_attacked

by_hand() {
	"${TARE_LIBEXEC:-$build}/tare-load" probe core-pattern damage=1 >"$work/hand" &&
		! grep -q tare-probe /proc/sys/kernel/core_pattern && grep -q 'nothing was written' "$work/hand"
}
ok "outside of a guest of tare's, a probe writes nothing even when told to" by_hand

root_is_not_root() {
	jq -e '.environments | map({(.label): .user_outside}) | add | .native == 0 and .container > 65535' "$work/out.json"
}
ok "root inside is not root outside, by the kernel's word" root_is_not_root
ok "every attack that is harmless was seen to work on the host" jq -e '.proofs
	| map(select(.name != "x32-calls")) | length > 30 and all(.shown and .where == "host")' "$work/out.json"
ok "the report holds both tables" grep -q 'chroot-escape' "$work/report/report.md" "$work/report/index.html"
valid_page "its page is valid HTML" "$work/report/index.html"
again() {
	cp "$work/report/report.md" "$work/was.md" && cp "$work/report/isolation.json" "$work/was.json" && rm "$work/report/report.md" "$work/report/index.html" &&
		"$tare" report "$work/report" && cmp "$work/was.md" "$work/report/report.md" &&
		cmp "$work/was.json" "$work/report/isolation.json" &&
		test -s "$work/report/index.html" &&
		"$tare" report "$work/report" --json | jq -e '.[0].schema == "tare.isolation/1"'
}
ok "tare report makes it again from what was stored" again
no_report() { echo '{"schema": "x"}' >"$work/report/isolation.json" && fails "$tare" report "$work/report"; }
ok "and from nothing else" no_report

# missing STATUS WORD ENV: the others are shown, and the column says why this one is not.
missing() {
	expected=$1 word=$2; shift 2
	"$tare" isolation users kill -e native -e "gone=$*" -e container -o "$work/gone.json" >"$work/table"
	status=$?
	cat "$work/table"
	test "$status" = "$expected" && grep -q "^users .*$word" "$work/table" &&
		grep -q '^gone .*: ' "$work/table" && jq -e --arg word "$word" '(.environments | map(.status)) as $s |
		$s[0] == "ok" and $s[2] == "ok" and $s[1] == $word and (.environments[1].why | length) > 10 and
		(.environments[2].results | length) == 2' "$work/gone.json"
}
ok "a guest that cannot be had is a column, and the others are shown" missing 0 unavailable uml,boot=restore
ok "a runtime that fails is a failure, and the others are shown" missing 1 failed command,command=/no/such/runtime
if qemu-system-x86_64 --version >/dev/null 2>&1; then
	ok "so is a guest that could be had and does not boot" missing 1 failed vm,kernel=/etc/passwd
fi
none() { "$tare" isolation kill -e gone=uml,boot=restore; test $? = 77; }
ok "where none can be had the exit status is 77" none
no_proof() { # without the guest's program each attack is named, with the reason
	mkdir "$work/lib" && cp "${TARE_LIBEXEC:-$build}/tare-load" "$build/tare-main" "$work/lib/"
	TARE_LIBEXEC=$work/lib "$tare" isolation --prove-in-guest kill reboot -e container --json >"$work/proof.json"
	test $? = 1 && jq -e '.proofs[0] | .name == "reboot" and .verdict == "unavailable" and (.evidence | length) > 10' \
		"$work/proof.json"
}
ok "a proof that cannot be tried is said, and the table is shown" no_proof

claim_taken_back() { "$tare" isolation processes -e container,pid=host; }
ok "what was switched off is reported, not a failure" claim_taken_back
unknown() { "$tare" isolation procesess; test $? = 2; }
ok "an unknown probe is a mistake in the command line" unknown
listed() { "$tare" list probes --json | jq -e --slurpfile out "$work/out.json" \
	'(.probes | map(.name) | sort) == ($out[0].probes | keys)'; }
ok "tare list shows those there are" listed
unwritable() { "$tare" isolation users -e native -o "$work/none/x" 2>"$work/said"; test $? != 0 &&
	grep -q "write '.*/none/x': No such file" "$work/said" && ! grep -q -- --help "$work/said"; }
ok "a file that cannot be written is no mistake in the command line" unwritable

nothing_left() {
	run=$(jq -r '.proofs[] | select(.name == "leaked-descriptor") | .evidence' "$work/out.json" |
		sed -n 's,.*/\([^/]*\)/bait .*,\1,p')
	test -n "$run" && ! test -e "/dev/shm/tare-$run-bait" && ! test -e "/var/cache/tare/tare-$run-bait" &&
		! test -e "$TARE_RUNTIME_DIR/$run"
}
ok "no bait is left lying about" nothing_left

if guest; then
	in_guest() { "$tare" isolation --prove-in-guest -e vm+container,boot=restore -o "$work/guest.json" \
		release-agent core-pattern sysrq proc-sys sysfs mknod dev-mem kcore init-module kexec reboot set-time; }
	ok "what changes a machine is held back by a container in a guest" in_guest
	ok "and is done in the guest itself" jq -e '.proofs
		| length == 12 and all(.shown and .where == "guest")' \
		"$work/guest.json"
fi
finish
