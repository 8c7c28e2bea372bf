#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317,SC2016 # functions are called by ok; scripts are for the shell inside
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
	[ $? = 125 ] && grep 'in the guest: kernel=smoke knows no more than ping, shutdown and trials of vmexit' "$work/said"
}
ok "the guest without Linux answers by TCG" smoke tcg
[ ! -w /dev/kvm ] || ok "the guest without Linux answers by KVM" smoke kvm

# The guest without Linux plays a trial, whose exits the host sees: each OUT of the load is one, and so
# are its serial port's; a CPUID is one too, or an instruction that KVM emulated.
smoke_trial() { "$tare" run -q -e "vm,kernel=smoke,accel=$1" -w "vmexit,by=$2" -c kvm --rounds 1 --passes 5 -o "$runs/$1-$2" && all_ok "$runs/$1-$2"; }
exits_seen() {
	smoke_trial kvm "$1" && valid "$runs/kvm-$1" | jq -e '.host_collectors.kvm as $k | (.load.ops + .load.lead_in) as $n |
		.load.ops > 0 and .collectors.kvm == null and $k.user.IO.n >= (if .trial.params.by == "port" then $n else 1 end) and
		$k.n_exits + $k.emulated >= $n + $k.user.IO.n and $k.user_ns <= $k.wall_ns and $k.user_ns > 0 and
		([$k.user[].n] | add) == $k.n_user and ([$k.vcpus[].user_exits] | add) == $k.n_user and
		all($k.user[]; ([.buckets[][1]] | add) == .ended) and $k.lost.no_room == 0 and
		.sha256 == $smoke' --arg smoke "$(sha256sum "${TARE_LIBEXEC:-$build}/tare-smoke" | cut -d' ' -f1)"
}
if [ -w /dev/kvm ] && [ -d /sys/module/kvm ]; then
	ok "the exits of a trial under KVM are seen, by CPUID" exits_seen cpuid
	ok "the exits of a trial under KVM are seen, by OUT" exits_seen port
fi
none_seen() {
	smoke_trial tcg port && valid "$runs/tcg-port" | jq -e '.host_collectors.kvm | keys == ["unsupported"] and (.unsupported | test("emulated"))' &&
		"$tare" run -q -e native -w vmexit -c kvm --rounds 1 --passes 5 -o "$runs/native" &&
		valid "$runs/native" | jq -e '.status == "ok" and .host_collectors == null and (.collectors.kvm.unsupported | test("no guest"))'
}
[ ! -d /sys/module/kvm ] || ok "a guest by TCG, and none at all, have no exits, and it says so" none_seen

# QEMU emulates SVM as well: in such a guest its own kernel's KVM tells of real exits, by reason.
modules=$("$tare" image list --json | jq -r '.kernels[0].folder')
nested() {
	mkdir "$work/nested" "$work/nested/lib" &&
		find "$modules/lib/modules" \( -name irqbypass.ko -o -name kvm.ko -o -name kvm-amd.ko \) -exec cp {} "$work/nested" \; &&
		cp "$build/tests/test_kvm_exits" "$work/nested" && strip -s "$work/nested/test_kvm_exits" &&
		ldd "$build/tests/test_kvm_exits" | grep -o '/[^ ]*' | xargs cp -L -t "$work/nested/lib" &&
		tar -C "$work/nested" -cf "$work/nested.tar" . &&
		"$tare" exec -e vm,accel=tcg,cpu=max -- /bin/busybox sh -c 'mkdir /run/nested && cd /run/nested && busybox tar xf - &&
			for module in irqbypass kvm kvm-amd; do busybox insmod $module.ko || exit 1; done
			./lib/ld-linux-x86-64.so.2 --library-path lib ./test_kvm_exits' <"$work/nested.tar" && ! grep -q SKIPPED "$work/out"
}
[ -z "$(find "$modules/lib/modules" -name kvm-amd.ko)" ] || ok "by SVM each exit is counted once, under its own name" nested

# What changes the price of a system call is said with every ratio.
marked() {
	"$tare" run -q -e native -e 'm=vm,accel=tcg,cpu=qemu64,cmdline+=mitigations=off foo=a,b module.sig_enforce=1' -w getppid \
		--rounds 2 --passes 5 -o "$runs/marked" && all_ok "$runs/marked" &&
		"$tare" report "$runs/marked" >/dev/null &&
		jq -e -s 'all(.[] | select(.trial.env == "m") | .instance;
			.["cmdline+"] == "mitigations=off foo=a,b module.sig_enforce=1" and .marks == ["mitigations=off"] and .cpu == "qemu64")' \
			"$runs/marked/records.jsonl" &&
		jq -e '(.ratios | length) > 0 and all(.ratios[] | select(.env == "m"); .marks == "mitigations=off") and
			any(.envs[]; .shown == "m (TCG, emulated; mitigations=off)")' "$runs/marked/summary.json"
}
ok "an added option is in the guest's record, and a costly one with each ratio" marked

no_huge_pages() { "$tare" exec -e vm,hugepages=on -- /bin/true >"$work/said" 2>&1; [ $? = 125 ] && grep 'sysctl vm.nr_hugepages=' "$work/said"; }
[ "$(cat /sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages 2>/dev/null || echo 0)" -gt 0 ] ||
	ok "without huge pages, hugepages=on says what to type" no_huge_pages
no_own_kernel() { "$tare" exec -e vm,kernel=host -- /bin/true >"$work/said" 2>&1; [ $? = 125 ] && grep "vmlinuz-$(uname -r)" "$work/said"; }
[ -r "/boot/vmlinuz-$(uname -r)" ] || [ -r "/lib/modules/$(uname -r)/vmlinuz" ] ||
	ok "without the running kernel's image, kernel=host says where it looked" no_own_kernel

# As on a system that is not Debian: no apt, no dpkg, an empty cache, and a kernel's file.
kernel=$("$tare" image list --json | jq -r '.kernels[0].folder')/vmlinux
elsewhere() {
	mkdir -p "$work/cache" && XDG_CACHE_HOME=$work/cache unshare -m sh -c '
		for program in apt apt-cache apt-get dpkg dpkg-deb; do
			path=$(command -v $program) && mount --bind /dev/null "$path"
		done
		! apt-cache --version && exec "$@"' - "$tare" exec -e "v=vm,accel=tcg,kernel=$kernel" -- /bin/busybox uname -r
}
ok "a kernel's file boots where there is neither apt nor dpkg" elsewhere
ok "nothing is left" nothing_left
finish
