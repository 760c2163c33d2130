#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Bundles after the OCI runtime specification, run by the executor, by crun and by runc in the same run: the payload sees
# the same, and the command ends with the same status. Where ours differs, the reason stands beside it.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/integration/bundle.bash
. "$(dirname -- "$0")/bundle.bash"

PEERS=()
for peer in crun runc; do
        command -v "$peer" >/dev/null && PEERS+=("$peer")
done
[ "${#PEERS[@]}" -gt 0 ] || skip_all "neither crun nor runc is installed"
N=0

# What the payload prints, and the status. Messages are each runtime's own.
outcome() {
        local runtime=$1 status=0 output
        output=$("$runtime" --root "$TMP/state-${runtime##*/}" run --bundle "$TMP/b" "compare-$N" 2>/dev/null </dev/null) || status=$?
        # Nothing ran: 1 or 255 is each one's own.
        [ -n "$output" ] || case $status in 1 | 12[5-7] | 255) status=failed ;; esac
        printf '%s\n= %s\n' "$output" "$status"
}

compare() {
        local text=$1 ours theirs peer
        shift
        rm -rf "$TMP/b"
        make_bundle "$TMP/b" "$@"
        ours=$(outcome "$OCI_EXEC")
        for peer in "${PEERS[@]}"; do
                N=$((N + 1))
                rm -rf "$TMP/b/rootfs"
                make_root "$TMP/b/rootfs"
                theirs=$(outcome "$peer")
                is "$text: as $peer" "$ours" "$theirs"
        done
}

# differs TEXT REASON REGEX JQ...: ours alone, and why.
differs() {
        local text=$1 reason=$2 regex=$3
        shift 3
        rm -rf "$TMP/b"
        make_bundle "$TMP/b" "$@"
        like "$text ($reason)" "$(outcome "$OCI_EXEC")" "$regex"
}

all_caps='.process.capabilities |= with_entries(.value += ["CAP_SYS_ADMIN", "CAP_MKNOD", "CAP_NET_ADMIN"])'
mounts() {
        sh_args "while read -r a b c d e f; do case \$e in $1) echo \$d \$e \$f;; esac; done </proc/self/mountinfo | sed 's/ - / /; s/ master:[0-9]*//; s/[0-9]*:[0-9]*//'"
}

compare "a status" "$(sh_args 'exit 42')"
compare "a signal" "$(sh_args 'echo begun; sh -c "kill -9 \$\$"; exit $?')"
compare "arguments" '.process.args = ["echo", "a b", "", "$HOME", "\\", "é"]'
compare "environment" "$(sh_args 'env | sort | grep -v SHLVL')" '.process.env = ["PATH=/bin", "A=1", "B=x y", "EMPTY="]'
compare "HOME of a user" "$(sh_args 'echo $HOME')" '.process.user = {uid: 1000, gid: 1000}'
compare "working directory" '.process.cwd = "/tmp" | .process.args = ["pwd"]'
compare "a working directory that is not there" '.process.cwd = "/new/dir" | .process.args = ["pwd"]'
compare "a command that is found by PATH" '.process.args = ["echo", "found"]'
compare "one that is found in the working directory" '.process.cwd = "/bin" | .process.args = ["./echo", "found"]'
compare "user and groups" '.process.user = {uid: 5, gid: 6, additionalGids: [7, 8]}' "$(sh_args 'grep -E "^(Uid|Gid|Groups)" /proc/self/status')"
compare "umask" '.process.user.umask = 63' "$(sh_args 'umask')"
compare "capabilities of root" "$(sh_args 'grep ^Cap /proc/self/status')"
compare "capabilities of a user" '.process.user = {uid: 5, gid: 6}' "$(sh_args 'grep -E "^Cap(Eff|Bnd|Amb)" /proc/self/status')"
compare "ambient capabilities" '.process.user = {uid: 5, gid: 6} | .process.capabilities |= (.inheritable = .permitted | .ambient = ["CAP_CHOWN"])' \
        "$(sh_args 'grep -E "^Cap(Inh|Eff|Amb)" /proc/self/status')"
compare "no capabilities" 'del(.process.capabilities)' "$(sh_args 'grep ^Cap /proc/self/status')"
compare "no_new_privs" '.process.noNewPrivileges = true' "$(sh_args 'grep NoNew /proc/self/status')"
compare "limits" '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 100, hard: 200}, {type: "RLIMIT_CORE", soft: 0, hard: 0}]' \
        "$(sh_args 'ulimit -n; ulimit -Hn; ulimit -c')"
compare "OOM score" '.process.oomScoreAdj = 777' "$(sh_args 'cat /proc/self/oom_score_adj')"
compare "host name" '.hostname = "box"' "$(sh_args 'hostname; cat /proc/sys/kernel/hostname')"
compare "sysctls" '.linux.sysctl = {"kernel.msgmax": "9000", "net.ipv4.ip_forward": "1"}' "$(sh_args 'cat /proc/sys/kernel/msgmax /proc/sys/net/ipv4/ip_forward')"
compare "a sysctl of the host" '.linux.sysctl = {"vm.swappiness": "1"}'
compare "its first process" "$(sh_args 'echo $$; set -- /proc/[0-9]*; echo $#')"
compare "the host's PID namespace" '.linux.namespaces -= [{type: "pid"}]' "$(sh_args '[ $$ != 1 ] && echo other')"
compare "descriptors" "$(sh_args 'ls /proc/self/fd | wc -l')"
compare "a session of its own" "$(sh_args 'cut -d" " -f1,6 /proc/self/stat | { read -r a b; [ -n "$b" ] && echo $b; }')"
compare "devices" "$(sh_args 'ls /dev | grep -v -e core -e console; stat -c "%t %T %a" /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty; readlink /dev/fd /dev/stdin /dev/stdout /dev/ptmx')"
compare "a device of the order's" "$all_caps" '.linux.devices = [{path: "/dev/fuse", type: "c", major: 10, minor: 229, fileMode: 420, uid: 5, gid: 6}]' \
        "$(sh_args 'stat -c "%t %T %a %u %g" /dev/fuse')"
compare "a read-only root" '.root.readonly = true' "$(sh_args 'touch /x 2>/dev/null || echo closed; touch /dev/x && echo open')"
compare "a writable root" "$(sh_args 'touch /x && echo open')"
compare "masked paths" "$(sh_args 'wc -c </proc/kcore; ls /sys/firmware | wc -l; ls /proc/acpi 2>/dev/null | wc -l')"
compare "masked paths that are not there" '.linux.maskedPaths = ["/none", "/proc/none/x"] | .linux.readonlyPaths = ["/none2"]'
compare "read-only paths" "$(sh_args '{ echo 1 >/proc/sys/kernel/hostname; } 2>/dev/null || echo closed')"
compare "a tmpfs and its options" '.mounts += [{destination: "/t", type: "tmpfs", source: "tmpfs", options: ["nosuid", "nodev", "noexec", "size=64k", "mode=1711"]}]' \
        "$(sh_args 'stat -c %a /t; grep " /t " /proc/self/mounts | cut -d" " -f1-4')"
compare "a bind mount" ".mounts += [{destination: \"/d\", type: \"bind\", source: \"$IMAGES\", options: [\"rbind\", \"ro\"]}]" "$(sh_args 'touch /d/x 2>/dev/null || echo closed; ls /d | wc -l')"
compare "a bind mount without a type" ".mounts += [{destination: \"/d\", source: \"/usr\", options: [\"bind\", \"ro\", \"nosuid\", \"nodev\"]}]" "$(mounts /d)"
compare "a file over a file" '.mounts += [{destination: "/etc/passwd", type: "bind", source: "/etc/hostname", options: ["bind", "ro"]}]' "$(sh_args 'cat /etc/passwd')"
compare "a file where there is none" '.mounts += [{destination: "/new/dir/file", type: "bind", source: "/etc/hostname", options: ["bind"]}]' "$(sh_args 'cat /new/dir/file')"
compare "a target behind a symlink" '.mounts += [{destination: "/link/d", type: "tmpfs", source: "tmpfs"}]' \
        "$(sh_args 'ls -d /link/d')" '.'
compare "a source that is not there" '.mounts += [{destination: "/d", type: "bind", source: "/none/there", options: ["bind"]}]'
compare "a relative source" '.mounts += [{destination: "/d", type: "bind", source: "rootfs/etc", options: ["bind"]}]' "$(sh_args 'ls /d')"
compare "mqueue and shm" '.mounts += [{destination: "/dev/mqueue", type: "mqueue", source: "mqueue"}, {destination: "/dev/shm", type: "tmpfs", source: "shm", options: ["size=1m"]}]' \
        "$(sh_args 'stat -f -c %T /dev/mqueue; stat -c %a /dev/shm')"
compare "cgroups, read-only" '.mounts += [{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["nosuid", "noexec", "nodev", "relatime", "ro"]}]' \
        "$(sh_args 'mkdir /sys/fs/cgroup/x 2>/dev/null || echo closed; tail -n 1 /proc/self/cgroup')"
compare "no network" "$(sh_args 'ls /sys/class/net')"
compare "loopback is up" "$(sh_args 'cat /sys/class/net/lo/operstate; cat /proc/net/if_inet6 | wc -l')"
compare "a user namespace" '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 0, size: 65536}] | .linux.gidMappings = .linux.uidMappings' \
        "$(sh_args 'cat /proc/self/uid_map; id -u')"
compare "seccomp: an error" '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 28}]}' \
        "$(sh_args 'mkdir /x 2>&1; grep ^Seccomp: /proc/self/status')"
compare "seccomp: by argument" '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["kill"], action: "SCMP_ACT_ERRNO", args: [{index: 1, value: 0, op: "SCMP_CMP_EQ"}]}]}' \
        "$(sh_args 'kill -0 1 2>/dev/null || echo refused; kill -CONT 1 && echo allowed')"
# runc 1.1 does not know it.
PEERS=(crun)
compare "a personality" '.linux.personality = {domain: "LINUX32"}' '.process.args = ["busybox", "uname", "-m"]'
mapfile -t PEERS < <(for peer in crun runc; do command -v "$peer" >/dev/null && echo "$peer"; done)
compare "a hook before the payload" ".hooks.prestart = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"cat >/dev/null; echo \$A >$TMP/b/rootfs/hook\"], env: [\"A=b\", \"PATH=/bin:/usr/bin\"]}]" "$(sh_args 'cat /hook')"
compare "a hook that fails" '.hooks.createRuntime = [{path: "/bin/false"}]'
compare "a hook that is late" '.hooks.createRuntime = [{path: "/bin/sleep", args: ["sleep", "100"], timeout: 1}]'
compare "an annotation" '.annotations = {"a.b": "c"}'
compare "a member that nobody knows" '.unknownMember = {a: 1} | .linux.other = 5'
compare "no such command" '.process.args = ["/none"]' '.'
compare "no arguments" 'del(.process.args)'
compare "no root" 'del(.root)'
compare "a type that nobody knows" '.mounts += [{destination: "/d", type: "frobfs", source: "x"}]'
compare "an unknown namespace" '.linux.namespaces += [{type: "frob"}]'

differs "a version that is not there" "crun and runc do not look at it" '^= failed$' '.ociVersion = "9.0.0"'
differs "a mount in procfs" "it would stand in for the kernel's files; crun allows it" '^= failed$' '.mounts += [{destination: "/proc/sys", type: "tmpfs", source: "tmpfs"}]'
