#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Bundles and users that want to be more than they are. The letters are those of the catalogue of faults: A8 input
# into the caller's terminal, A9 lengths, A10 system calls, A12 what a payload begins with, C1 users, C2
# capabilities, C3 groups, C4 ID maps, C5 set-id files, C6 no_new_privs, D14 shared objects.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/integration/bundle.bash
. "$(dirname -- "$0")/bundle.bash"

load_image busybox
load_image debian
BUSYBOX=$(image busybox)
DEBIAN=$(image debian)
at_exit drop_containers
make_canary

# A8: the caller's terminal is passed in as it is; characters pushed into it would be its shell's.
if [ "$(uname -m)" = x86_64 ]; then
        push='for my $request (0x5412, 0x5412 + 2**32, 0x541C) { for my $fd (0, 1, 2) {
                my $c = "x"; my $r = syscall(16, $fd, $request, $c); print "PUSHED $request\n" if $r == 0; print "no\n"; } }'
        script -qec "berthctl run --rm --network none $DEBIAN perl -e '$push'" "$TMP/typed" </dev/null >/dev/null 2>&1
        like "A8: run tries" "$(tr -d '\r' <"$TMP/typed")" '^no'
        unlike "A8: and cannot type into its caller's terminal" "$(cat "$TMP/typed")" '^PUSHED'
        berthctl run -d --name a8 --network none "$DEBIAN" sleep 1000 >/dev/null
        script -qec "berthctl exec a8 perl -e '$push'" "$TMP/typed" </dev/null >/dev/null 2>&1
        like "A8: exec tries" "$(tr -d '\r' <"$TMP/typed")" '^no'
        unlike "A8: and cannot either" "$(cat "$TMP/typed")" '^PUSHED'
        berthctl rm -f a8 >/dev/null
else
        skip "A8" "knows the numbers of system calls of x86-64 only"
fi

# A9
maps() {
        jq -n --argjson n "$1" '[range($n) | {containerID: ., hostID: (100000 + 2 * .), size: 1}]'
}
user='.linux.namespaces += [{type: "user"}]'
for n in 340 341 5000; do
        make_bundle "$TMP/a9" "$user" ".linux.uidMappings = $(maps "$n") | .linux.gidMappings = $(maps "$n")"
        like "A9: $n lines of ID maps: refused" "$(run_bundle "$TMP/a9")" '^= 1'
done
make_bundle "$TMP/a9" '.linux.namespaces |= map(if .type == "network" then .path = "/\("x" * 70000)" else . end)'
like "A9: a namespace's path of 70000 bytes: refused" "$(run_bundle "$TMP/a9")" 'namespaces.*path'
make_bundle "$TMP/a9" '.mounts += [{destination: "/\("x" * 70000)", type: "tmpfs"}]'
like "A9: a destination of 70000 bytes: refused" "$(run_bundle "$TMP/a9")" 'mounts\[4\].destination'
make_bundle "$TMP/a9" '.annotations = {a: ("x" * 1048576)}'
is "A9: an annotation of 1 MiB is one" "$(run_bundle "$TMP/a9")" "= 0"
make_bundle "$TMP/a9" '.annotations = {a: ("x" * 4194304)}'
unlike "A9: a document above 4 MiB: refused" "$(run_bundle "$TMP/a9")" '= 0'

# A10: by number, by the other entry, by family; what nobody has allowed answers as if it were not there.
if [ "$(uname -m)" = x86_64 ]; then
        probe='$| = 1; use Socket; my %families; for my $f (0 .. 45) { socket(my $s, $f, 1, 0) or socket($s, $f, 2, 0) or next; $families{$f} = 1; }
                print "families ", join(" ", sort { $a <=> $b } keys %families), "\n";
                my $x32 = 0; for my $n (0 .. 600) { $! = 0; next if syscall(0x40000000 + $n, -1, -1, -1, -1, -1, -1) < 0 && ($!{ENOSYS} || $!{EPERM}); $x32++; }
                print "x32 $x32\n";
                my $new = 0; for my $n (470 .. 1000) { $! = 0; next if syscall($n, -1, -1, -1, -1, -1, -1) < 0 && $!{ENOSYS}; $new++; }
                print "unknown $new\n";
                for my $c (["bpf", 321], ["kexec_load", 246], ["init_module", 175], ["userfaultfd", 323], ["perf_event_open", 298], ["reboot", 169], ["swapon", 167], ["add_key", 248], ["keyctl", 250],
                        ["open_by_handle_at", 304], ["delete_module", 176], ["settimeofday", 164], ["quotactl", 179], ["acct", 163]) {
                        $! = 0; my $r = syscall($c->[1], -1, -1, -1, -1, -1, -1);
                        print "ALLOWED $c->[0]: $!\n" unless $r < 0 && ($!{EPERM} || $!{ENOSYS}); }'
        out=$(berthctl run --rm --network none "$DEBIAN" perl -e "$probe" 2>&1)
        is "A10: families of sockets" "$(grep ^families <<<"$out")" "families 1 2 10 16"
        is "A10: calls by the x32 entry" "$(grep x32 <<<"$out")" "x32 0"
        is "A10: calls that the profile does not know" "$(grep unknown <<<"$out")" "unknown 0"
        unlike "A10: calls that are the host's" "$out" ALLOWED
else
        skip "A10" "knows the numbers of system calls of x86-64 only"
fi

# A12, C2, C6: the first instruction, for kinds of configuration.
status='awk "/^(Uid|Gid|Groups|Cap...|NoNewPrivs|Seccomp|SigBlk|SigIgn):/ { \$1 = \$1; print }" /proc/self/status
        umask; cat /proc/self/cgroup | grep -c ^0::/$; cat /proc/self/oom_score_adj; ls /proc/self/fd | wc -l'
describe() {
        local uid=$1 prm=$2 inh=$3 bnd=$4 amb=$5 nnp=$6 groups=$7
        printf '%s\n' "Uid: $uid $uid $uid $uid" "Gid: $uid $uid $uid $uid" "Groups:${groups:+ $groups}" "SigBlk: 0000000000000000" \
                "SigIgn: 0000000000000000" "CapInh: $inh" "CapPrm: $prm" "CapEff: $prm" "CapBnd: $bnd" "CapAmb: $amb" \
                "NoNewPrivs: $nnp" "Seccomp: 0" 0022 1 "$(cat /proc/self/oom_score_adj)" 4 "= 0"
}
def=00000000800405fb none=0000000000000000 chown=0000000000000001
full='.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings'
only='.process.capabilities = (["bounding", "effective", "permitted", "inheritable", "ambient"] | map({key: ., value: ["CAP_CHOWN"]}) | from_entries)'
set_of() {
        python3 -c 'import sys; print("%016x" % sum(1 << int(n) for n in sys.argv[1:]))' "$@"
}
def=$(set_of 0 1 3 4 5 6 7 8 10 18 31)
for userns in . "$user | $full"; do
        for nnp in 0 1; do
                change="$userns | .process.noNewPrivileges = ($nnp == 1) | .process.user.umask = 18"
                kind="$([ "$userns" = . ] || echo ' in a user namespace')$([ $nnp = 0 ] || echo ' with no_new_privs')"
                make_bundle "$TMP/a12" "$change" "$(sh_args "$status")"
                [ "$userns" = . ] || chown -R 100000:100000 "$TMP/a12/rootfs"
                is "A12: root$kind" "$(run_bundle "$TMP/a12")" "$(describe 0 "$def" $none "$def" $none $nnp '')"
                make_bundle "$TMP/a12" "$change" '.process.user += {uid: 1000, gid: 1000, additionalGids: [10, 77]}' "$(sh_args "$status")"
                is "A12: a user$kind" "$(run_bundle "$TMP/a12")" "$(describe 1000 $none $none "$def" $none $nnp '10 77')"
                make_bundle "$TMP/a12" "$change | $only" '.process.user += {uid: 1000, gid: 1000}' "$(sh_args "$status")"
                is "A12: a user with an ambient capability$kind" "$(run_bundle "$TMP/a12")" "$(describe 1000 $chown $chown $chown $chown $nnp '')"
                make_bundle "$TMP/a12" "$change" '.process.capabilities = {}' "$(sh_args "$status")"
                is "A12: root without capabilities$kind" "$(run_bundle "$TMP/a12")" "$(describe 0 $none $none $none $none $nnp '')"
                rm -rf "$TMP/a12"
        done
done
is "C6: no_new_privs is exec's, too" "$(berthctl run -d --name c6 --no-new-privileges --network none "$BUSYBOX" sleep 100 >/dev/null
        berthctl exec c6 awk '/NoNewPrivs/ { print $2 }' /proc/self/status </dev/null; berthctl rm -f c6 >/dev/null)" 1

# C1: spellings of users. Digits are a number or refused, never a name; nothing falls back to root.
while read -r spelling expected; do
        spelling=${spelling//_/ }
        got=$(berthctl run --rm --network none --user "$spelling" "$BUSYBOX" sh -c 'echo $(id -u):$(id -g)' 2>/dev/null </dev/null || echo refused)
        is "C1: --user ${spelling@Q}" "$got" "$expected"
done <<'END'
0 0:0
00 refused
000 refused
+0 refused
-0 refused
-1 refused
0x0 refused
1e0 refused
1000 1000:1000
01000 refused
0: refused
:0 refused
0:0 0:0
0:0:0 refused
1000:0 1000:0
1000:1000 1000:1000
1000:wheel refused
4294967294 4294967294:0
4294967295 refused
4294967296 refused
18446744073709551616 refused
18446744073709551615 refused
2147483648 2147483648:0
1.0 refused
1,0 refused
root 0:0
root:root 0:0
Root refused
rOOT refused
root_ refused
_root refused
root/ refused
app 1000:1000
app:0 1000:0
app:4294967295 refused
app:app:app refused
nobody:nobody-knows refused
*: refused
* refused
%s refused
$USER refused
../root refused
END

# C3: groups of the image count against a file that forbids them; the daemon's never.
cat >"$TMP/c3" <<'END'
chgrp 10 /f; chmod 0707 /f
END
id=$(berthctl create --name c3 --network none --user app "$BUSYBOX" sh -c 'cat /f; id -G')
upper=/var/lib/berth/containers/$id/upper
mkdir -p "$upper/etc"
printf 'root:x:0:\napp:x:1000:\nwheel:x:10:app\n' >"$upper/etc/group"
echo readable >"$upper/f"
chown 0:10 "$upper/f"
chmod 0707 "$upper/f"
out=$(berthctl start -a c3 2>&1 </dev/null)
berthctl rm -f c3 >/dev/null
unlike "C3: a group that may not read cannot" "$out" readable
is "C3: the groups are the image's" "$(grep '^[0-9]' <<<"$out")" "1000 10"

# C4
for bad in '[{containerID: 0, hostID: 100000, size: 0}]' '[{containerID: 0, hostID: 4294967295, size: 2}]' \
        '[{containerID: 0, hostID: 5, size: 10}, {containerID: 5, hostID: 100, size: 10}]' \
        '[{containerID: 0, hostID: 5, size: 10}, {containerID: 50, hostID: 14, size: 10}]' \
        '[{containerID: -1, hostID: 5, size: 10}]' '[{containerID: 0, hostID: 5, size: 4294967296}]' '[{containerID: 0, size: 1}]'; do
        make_bundle "$TMP/c4" "$user" ".linux.uidMappings = $bad" '.linux.gidMappings = [{containerID: 0, hostID: 0, size: 1}]'
        like "C4: ID map $bad: refused" "$(run_bundle "$TMP/c4")" 'uidMappings'
done
make_bundle "$TMP/c4" "$full"
like "C4: maps without a namespace: refused" "$(run_bundle "$TMP/c4")" 'user namespace'
mkdir -m 0700 "$TMP/hosts"
echo secret >"$TMP/hosts/file"
chmod 600 "$TMP/hosts/file"
make_bundle "$TMP/c4" "$user | $full" ".mounts += [{destination: \"/h\", type: \"bind\", source: \"$TMP/hosts\", options: [\"bind\"]}]" \
        "$(sh_args 'cat /h/file; touch /h/new; chown 0:0 /h; chmod 777 /h; mknod /tmp/sda b 8 0; mount -t proc proc /tmp; hostname x; echo 1 >/proc/sys/kernel/panic')"
chown -R 100000:100000 "$TMP/c4/rootfs"
unlike "C4: the root of a user namespace is nobody to the host's files" "$(run_bundle "$TMP/c4")" secret
is "C4: and changed nothing" "$(stat -c '%U %a' "$TMP/hosts"; ls "$TMP/hosts")" "root 700
file"

# C5: a set-id file of the payload's is one that nobody can use.
mkdir "$TMP/c5"
berthctl run --rm --network none -v "$TMP/c5:/v" "$BUSYBOX" sh -c 'cp /bin/busybox /v/busybox; chmod 4755 /v/busybox' </dev/null
is "C5: it is there" "$(stat -c %a "$TMP/c5/busybox")" 4755
is "C5: on a volume it has no power over another container" \
        "$(berthctl run --rm --network none --user app -v "$TMP/c5:/v" "$BUSYBOX" /v/busybox id -u </dev/null)" 1000
ok "C5: the host's way to a container's own layer is closed to users" test "$(stat -c %a /var/lib/berth)" = 700 -o "$(stat -c %a /var/lib/berth/containers)" = 700

# D14: with every capability, the files that images share stay as they are.
image_state() {
        find /var/lib/berth/images /var/lib/berth/ostree/repo/objects -type f -printf '%p %m %U %G %s %T@\n' | sort
        find /var/lib/berth/images -type f -exec sha256sum {} + | sort
}
before=$(image_state)
berthctl run --rm --network none --cap-add all --seccomp-profile unconfined "$BUSYBOX" sh -c 'for f in /bin/busybox /etc/passwd /etc/group; do
        echo x >>$f; chmod 777 $f; chown 5:5 $f; touch $f; rm $f; done; rm -rf /etc /home; mount -o remount,rw / ; echo tried' </dev/null >"$TMP/d14" 2>&1
like "D14: the payload tries" "$(cat "$TMP/d14")" tried
is "D14: objects and images are as before" "$(image_state)" "$before"
canary_is_alive "in the end"
