#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by ok
# KVM that is not what it looks like: errors within deadlines, fallbacks that are told.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/run.sh
. "$(dirname "$0")/run.sh"
need root test "$(id -u)" = 0
need jq jq --version
need qemu qemu-system-x86_64 --version
need image "$tare" image build

finding() { "$tare" doctor --json vm | jq -e --arg name "$1" --arg has "$2" 'any(.checks[]; .name == $name and (.finding | test($has)))'; }

if finding kvm '^KVM is real'; then
	real() { "$tare" run -q -e vm,accel=kvm -w getppid --rounds 1 --passes 5 -o "$runs/real" && all_ok "$runs/real"; }
	ok "a guest runs under KVM" real
	ok "doctor says that it booted" finding 'kvm boot' 'has booted under KVM'
else
	refused() {
		"$tare" exec -e vm,accel=kvm,patience=3s -- /bin/true >"$work/said" 2>&1
		[ $? = 125 ] && grep 'use accel=tcg' "$work/said"
	}
	ok "accel=kvm is an error, not a hang" refused
	falls_back() {
		"$tare" run -e vm -w getppid --rounds 2 --passes 5 -o "$runs/auto" >"$work/said" 2>&1 && all_ok "$runs/auto" &&
			[ "$(grep -c 'emulated, not virtualized' "$work/said")" = 1 ] &&
			jq -e -s 'all(.[]; .instance.accel == "tcg" and (.instance.warning | test("^emulated")))' \
				"$runs/auto/records.jsonl"
	}
	ok "accel=auto falls back to TCG, says so once, and labels every record" falls_back
	[ ! -w /dev/kvm ] || ok "doctor tells which kernel does not boot, and why" finding 'kvm boot' 'does not boot under KVM: .+'
fi

smoke() {
	"$tare" exec -e "vm,kernel=smoke,accel=$1" -- /bin/true >"$work/said" 2>&1
	[ $? = 125 ] && grep 'in the guest: kernel=smoke knows no more than ping and shutdown' "$work/said"
}
ok "the guest without Linux answers by TCG" smoke tcg
[ ! -w /dev/kvm ] || ok "the guest without Linux answers by KVM" smoke kvm
ok "nothing is left" nothing_left
finish
