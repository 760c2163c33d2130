#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Bundles that attack the executor by /proc, /dev and descriptors. The letters are those of the catalogue of
# faults: A1 the runtime's binary, A2 working directories by descriptor, A4 masks by a false /dev/null, A5 false
# consoles, A6 false procfs, A7 false /dev, A11 environment.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/integration/bundle.bash
. "$(dirname -- "$0")/bundle.bash"

[ "$(uname -m)" = x86_64 ] || skip_all "knows the numbers of system calls of x86-64 only"
ROUNDS=${BERTH_RACE_ROUNDS:-60}
make_canary
executor_before=$(sha256sum /usr/lib/berth/*)

# A1
all_caps='.process.capabilities |= with_entries(.value += ["CAP_SYS_PTRACE", "CAP_SYS_ADMIN", "CAP_DAC_READ_SEARCH"])'
make_bundle "$TMP/a1" "$all_caps" "$(sh_args 'for i in $(head -c 9 /dev/zero | wc -c) 1 2 3; do :; done
        while [ ! -e /stop ]; do for e in /proc/[0-9]*/exe; do
                case $(readlink $e) in /bin/busybox|"") ;; *) (exec 3>>$e) 2>/dev/null && echo WROTE $e; echo saw $(readlink $e) ;; esac
        done; done')"
oci create --bundle "$TMP/a1" a1 </dev/null >"$TMP/a1.log" 2>&1
oci start a1
for ((i = 0; i < ROUNDS; i++)); do
        oci exec a1 true </dev/null >/dev/null 2>&1
done
touch "$TMP/a1/rootfs/stop"
ok "A1: the container ends" wait_until 10 bash -c "\"$OCI_EXEC\" --root \"$TMP/oci\" state a1 | grep -q stopped"
oci delete -f a1
unlike "A1: no executable of ours was opened for writing in $ROUNDS execs" "$(cat "$TMP/a1.log")" WROTE
make_bundle "$TMP/a1self" '.process.args = ["/proc/self/exe", "--version"]'
unlike "A1: /proc/self/exe as command is not run with the host's rights" "$(run_bundle "$TMP/a1self")" 'rw'
make_bundle "$TMP/a1script" '.process.args = ["/script"]'
printf '#!/proc/self/exe\n' >"$TMP/a1script/rootfs/script"
chmod 755 "$TMP/a1script/rootfs/script"
run_bundle "$TMP/a1script" >/dev/null
is "A1: our programs are as before" "$(sha256sum /usr/lib/berth/*)" "$executor_before"

# A2
escaped=
for n in $(seq 3 30); do
        for cwd in "/proc/self/fd/$n" "/proc/self/fd/$n/../.." "/proc/1/fd/$n"; do
                make_bundle "$TMP/a2" ".process.cwd = \"$cwd\"" "$(sh_args "ls -a . ..; [ -e file ] && [ -e fifo ]; test -e /proc/self/cwd$TMP")"
                case $(run_bundle "$TMP/a2") in
                *canary* | *berth-test* | *"= 0") escaped+=" $cwd" ;;
                esac
        done
done
is "A2: working directories by descriptor that lead out" "$escaped" ""
make_bundle "$TMP/a2exec" '.process.args = ["sleep", "100"]'
oci create --bundle "$TMP/a2exec" a2 </dev/null >/dev/null 2>&1
is "A2: descriptors of a created container that are files of the host's" \
        "$(for fd in /proc/"$(oci state a2 | jq .pid)"/fd/*; do readlink "$fd"; done | grep -vE '^(/dev/null|socket:|pipe:|anon_inode:)|/rootfs' | sort -u)" ""
oci start a2
escaped=
for n in $(seq 0 20); do
        for cwd in "/proc/self/fd/$n" "/proc/self/fd/$n/../../.."; do
                case $(oci exec --cwd "$cwd" a2 sh -c "ls -a . ..; pwd" </dev/null 2>&1) in
                *canary* | *berth-test* | *unreachable*) escaped+=" $cwd" ;;
                esac
        done
done
is "A2: working directories of exec that lead out" "$escaped" ""
is "A2: what a process that is put beside it has open" "$(oci exec a2 sh -c 'ls /proc/$$/fd; true' </dev/null | paste -sd' ')" "0 1 2"
oci delete -f a2

# A4: without a mount on /dev the root's own is used, and it is a stranger's.
no_dev='.mounts |= map(select(.destination | startswith("/dev") | not))'
for kind in symlink dangling file fifo directory; do
        make_bundle "$TMP/a4" "$no_dev" "$(sh_args 'head -c 1 /proc/keys; echo x >/proc/keys; ls /proc/acpi')"
        rm -rf "$TMP/a4/rootfs/dev/null"
        case $kind in
        symlink) ln -s /proc/sys/kernel/core_pattern "$TMP/a4/rootfs/dev/null" ;;
        dangling) ln -s "../../../../../../../../$CANARY/new" "$TMP/a4/rootfs/dev/null" ;;
        file) echo hello >"$TMP/a4/rootfs/dev/null" ;;
        fifo) mkfifo "$TMP/a4/rootfs/dev/null" ;;
        directory) mkdir "$TMP/a4/rootfs/dev/null" ;;
        esac
        like "A4: /dev/null is a $kind: refused" "$(run_bundle "$TMP/a4")" '/dev/null'
        rm -rf "$TMP/a4/rootfs/dev/null"
done
make_bundle "$TMP/a4" "$no_dev" "$(sh_args 'head -c 1 /proc/keys; { echo x >/proc/keys; } 2>/tmp/error; cat /proc/sys/kernel/core_pattern')"
mknod "$TMP/a4/rootfs/dev/null" c 1 3
ln -s /proc/sys/kernel/core_pattern "$TMP/a4/rootfs/dev/other"
swap "$TMP/a4/rootfs/dev/null" "$TMP/a4/rootfs/dev/other" &
swapper=$!
wrong=0 started=0
for ((i = 0; i < ROUNDS; i++)); do
        out=$(run_bundle "$TMP/a4")
        case $out in
        *"= 0") started=$((started + 1)); [ "$out" = "$PATTERN_BEFORE"$'\n'"= 0" ] || wrong=$((wrong + 1)) ;;
        esac
done
kill "$swapper"
wait "$swapper" 2>/dev/null
diag "$started of $ROUNDS started"
is "A4: masks that show or take something while /dev/null is swapped" "$wrong" 0
canary_is_alive A4

# A5
for name in console pts ptmx; do
        for dev in "$no_dev" .; do
                make_bundle "$TMP/a5" "$dev" '.process.terminal = true' '.process.args = ["true"]'
                rm -rf "$TMP/a5/rootfs/dev"
                mkdir "$TMP/a5/rootfs/dev"
                ln -s "../../../../../../../../$CANARY/new" "$TMP/a5/rootfs/dev/$name"
                script -qec "$OCI_EXEC --root $TMP/oci --cgroup-manager=disabled run --bundle $TMP/a5 a5-$name" /dev/null </dev/null >/dev/null 2>&1
                oci delete -f "a5-$name" >/dev/null 2>&1
        done
done
canary_is_alive "A5: false consoles"

# A6
for target in /proc/sys /proc/self/attr /proc/1 /proc/self /proc/sys/kernel/core_pattern /proc/self/attr/exec; do
        make_bundle "$TMP/a6" ".mounts += [{destination: \"$target\", type: \"bind\", source: \"$CANARY\", options: [\"bind\"]}]"
        like "A6: a mount on $target: refused" "$(run_bundle "$TMP/a6")" "$target"
        make_bundle "$TMP/a6" ".mounts += [{destination: \"$target\", type: \"tmpfs\", source: \"tmpfs\"}]"
        like "A6: a file system on $target: refused" "$(run_bundle "$TMP/a6")" "$target"
done
for name in proc sys; do
        make_bundle "$TMP/a6$name"
        rm -rf "$TMP/a6$name/rootfs/$name"
        ln -s "../../../../../../../../$CANARY" "$TMP/a6$name/rootfs/$name"
        like "A6: /$name is a symlink: refused" "$(run_bundle "$TMP/a6$name")" "/$name"
done
make_bundle "$TMP/a6fake" '.mounts[0] = {destination: "/proc", type: "bind", source: "'"$TMP/a6fake/fake"'", options: ["bind"]}' \
        '.linux.sysctl = {"net.ipv4.ip_forward": "1"}'
mkdir -p "$TMP/a6fake/fake/sys/net/ipv4"
echo 0 >"$TMP/a6fake/fake/sys/net/ipv4/ip_forward"
unlike "A6: sysctls are not written to what only looks like procfs" "$(run_bundle "$TMP/a6fake")" '= 0'
is "A6: and it is as before" "$(cat "$TMP/a6fake/fake/sys/net/ipv4/ip_forward")" 0
make_bundle "$TMP/a6good" '.linux.sysctl = {"net.ipv4.ip_forward": "1"}' '.process.oomScoreAdj = 321' \
        "$(sh_args 'cat /proc/sys/net/ipv4/ip_forward /proc/self/oom_score_adj')"
is "A6: values arrive where they belong" "$(run_bundle "$TMP/a6good" | paste -sd' ')" "1 321 = 0"

# A7
for dev in "$no_dev" .; do
        make_bundle "$TMP/a7" "$dev" '.linux.devices = [{path: "/dev/sub/fuse", type: "c", major: 10, minor: 229}]'
        rm -rf "$TMP/a7/rootfs/dev"
        ln -s "../../../../../../../../$CANARY" "$TMP/a7/rootfs/dev"
        run_bundle "$TMP/a7" >/dev/null
done
canary_is_alive "A7: /dev is a symlink"

# A11
make_bundle "$TMP/a11" '.process.args = ["env"]' '.process.env += ["OWN=1"]'
is "A11: the environment is the configuration's" \
        "$(SECRET_x=1 INVOCATION_ID=1 LISTEN_FDS=1 LISTEN_PID=1 WATCHDOG_USEC=1 CREDENTIALS_DIRECTORY=/c run_bundle "$TMP/a11" | grep -vE '^(HOME|LISTEN_)' | sort | paste -sd' ')" \
        "= 0 OWN=1 PATH=/bin"
canary_is_alive "in the end"
