# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# OCI bundles for tests, beside lib.sh:
#
#       make_bundle DIR [JQ...]   a busybox root, and a configuration that the jq filters change
#       oci COMMAND...            the executor as an OCI runtime, with a state directory of the test's own
#       run_bundle DIR            runs it; prints its output and, last, "= STATUS"
#       make_canary, canary_is_alive TEXT

OCI_EXEC=/usr/lib/berth/berth-exec
OCI_COUNT=0
CANARY=$TMP/canary

oci() {
        "$OCI_EXEC" --root "$TMP/oci" --cgroup-manager=disabled "$@"
}

make_root() {
        local tool
        mkdir -p "$1"/{bin,dev,etc,proc,sys,tmp}
        cp /bin/busybox "$1/bin/busybox"
        for tool in sh cat ls id ip tr uname mkdir mount mknod readlink stat touch head wc env test true sleep grep awk hostname \
                find sort pwd echo dd chmod chown umount; do
                ln -sf busybox "$1/bin/$tool"
        done
        printf 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n' >"$1/etc/passwd"
        printf 'root:x:0:\nwheel:x:10:app\napp:x:1000:\n' >"$1/etc/group"
}

# Capabilities of the default set, and what an engine usually mounts.
BUNDLE_CONFIG='{
        ociVersion: "1.0.2",
        process: {
                user: {uid: 0, gid: 0}, args: ["true"], env: ["PATH=/bin"], cwd: "/",
                capabilities: ([["bounding", "effective", "permitted"][] | {key: ., value: [
                        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
                        "CAP_SETUID", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_SETFCAP"]}] | from_entries)
        },
        root: {path: "rootfs"},
        mounts: [
                {destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"]},
                {destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "noexec", "strictatime", "mode=755", "size=65536k"]},
                {destination: "/dev/pts", type: "devpts", source: "devpts", options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
                {destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"]}
        ],
        linux: {
                namespaces: [["mount", "pid", "ipc", "uts", "network", "cgroup"][] | {type: .}],
                maskedPaths: ["/proc/kcore", "/proc/keys", "/proc/acpi", "/sys/firmware"],
                readonlyPaths: ["/proc/sys", "/proc/irq", "/proc/bus", "/proc/sysrq-trigger"]
        }
}'

make_bundle() {
        local dir=$1 filter=.
        shift
        [ $# = 0 ] || printf -v filter '%s | ' "$@"
        [ -d "$dir/rootfs/bin" ] || make_root "$dir/rootfs"
        jq -n "$BUNDLE_CONFIG | ${filter% | }" >"$dir/config.json"
}

run_bundle() {
        local status=0
        OCI_COUNT=$((OCI_COUNT + 1))
        oci run --bundle "$1" "t$$-$OCI_COUNT" </dev/null 2>&1 || status=$?
        echo "= $status"
}

# What runs: the arguments of a shell, as a filter.
sh_args() {
        jq -nr --arg script "$1" '".process.args = [\"sh\", \"-c\", \($script | @json)]"'
}

make_canary() {
        mkdir -p "$CANARY/empty"
        echo alive >"$CANARY/file"
        mkfifo "$CANARY/fifo"
        chmod 0755 "$CANARY"
        CANARY_BEFORE=$(canary_state)
        MOUNTS_BEFORE=$(cut -d' ' -f3- /proc/1/mountinfo)
        PATTERN_BEFORE=$(cat /proc/sys/kernel/core_pattern)
}

canary_state() {
        find "$CANARY" -printf '%p %y %m %U %G %n %s %T@\n' | sort
        sha256sum "$CANARY/file"
}

canary_is_alive() {
        is "$1: the canary is as before" "$(canary_state)" "$CANARY_BEFORE"
        is "$1: the host's mounts are as before" "$(cut -d' ' -f3- /proc/1/mountinfo)" "$MOUNTS_BEFORE"
        is "$1: the host's core pattern is as before" "$(cat /proc/sys/kernel/core_pattern)" "$PATTERN_BEFORE"
}

# Swaps two names of one directory without a moment in between, until it is killed: renameat2() with RENAME_EXCHANGE.
swap() {
        exec perl -e 'while (1) { syscall(316, -100, $ARGV[0], -100, $ARGV[1], 2) == 0 or exit 1 }' "$1" "$2"
}
