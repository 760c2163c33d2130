#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What a bundle's configuration may say about a container on Linux: namespaces, ID maps, mounts with every option,
# devices, scheduling, identity, system call filters. One bundle each, asked by the payload itself; most of them
# once more in a user namespace.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/integration/bundle.bash
. "$(dirname -- "$0")/bundle.bash"

mkdir -p "$TMP/source/sub"
echo content >"$TMP/source/file"
ln -s nowhere "$TMP/source/link"
mount -t tmpfs sub "$TMP/source/sub"
at_exit umount "$TMP/source/sub"
user='.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]
        | .linux.gidMappings = .linux.uidMappings'

# try TEXT EXPECTED SCRIPT FILTER...: by the host's IDs, then by mapped ones.
# With TEXT "-" nothing is run as mapped.
try_in() {
        local kind=$1 text=$2 expected=$3 script=$4
        shift 4
        make_bundle "$TMP/b" "$@" "$(sh_args "$script")"
        is "$text$kind" "$(run_bundle "$TMP/b" | paste -sd'|')" "$expected|= 0"
}

try() {
        rm -rf "$TMP/b"
        try_in "" "$@"
        rm -rf "$TMP/b"
        make_root "$TMP/b/rootfs"
        mkdir -p "$TMP/b/rootfs/old/deep"
        echo kept >"$TMP/b/rootfs/old/deep/file"
        chmod 0712 "$TMP/b/rootfs/old"
        chown -R 100000:100000 "$TMP/b/rootfs"
        try_in " (user namespace)" "$@" "$user"
}

refuse() {
        local text=$1 regex=$2
        shift 2
        rm -rf "$TMP/b"
        make_bundle "$TMP/b" "$@"
        like "$text: refused" "$(run_bundle "$TMP/b")" "$regex"
}

bind() {
        jq -nr --arg s "$TMP/source$1" --arg d "$2" --arg o "$3" \
                '".mounts += [\({destination: $d, type: "bind", source: $s, options: ($o | split(","))} | tojson)]"'
}

# Namespaces
namespaces='for n in mnt pid ipc uts net cgroup; do readlink /proc/self/ns/$n; done | sort -u | wc -l'
try "namespaces of its own" 6 "$namespaces"
ours=$(for n in mnt pid ipc uts net cgroup; do readlink /proc/self/ns/$n; done)
rm -rf "$TMP/b"
make_bundle "$TMP/b" "$(sh_args 'for n in mnt pid ipc uts net cgroup; do readlink /proc/self/ns/$n; done')"
is "none of them is the host's" "$(grep -cFx "$ours" <<<"$(run_bundle "$TMP/b")")" 0
unshare -n -i -u --fork --kill-child sleep 1000 &
other=$!
at_exit kill "$other"
wait_until 10 bash -c "[ \"\$(readlink /proc/$other/ns/net)\" != \"\$(readlink /proc/self/ns/net)\" ]"
join='.linux.namespaces |= map(if .type == "network" then .path = "/proc/'$other'/ns/net" elif .type == "ipc" then .path = "/proc/'$other'/ns/ipc"
        elif .type == "uts" then .path = "/proc/'$other'/ns/uts" else . end)'
try "namespaces by path" "$(readlink "/proc/$other/ns/net")|$(readlink "/proc/$other/ns/ipc")|$(readlink "/proc/$other/ns/uts")" \
        'readlink /proc/self/ns/net; readlink /proc/self/ns/ipc; readlink /proc/self/ns/uts' "$join" \
        '.mounts |= map(select(.type != "sysfs"))'
refuse "a namespace that is not there" '/proc/0/ns/net' '.linux.namespaces |= map(if .type == "network" then .path = "/proc/0/ns/net" else . end)'
refuse "a file that is no namespace" 'network namespace' '.linux.namespaces |= map(if .type == "network" then .path = "/etc/passwd" else . end)'
refuse "another kind of namespace" 'network namespace' ".linux.namespaces |= map(if .type == \"network\" then .path = \"/proc/$other/ns/ipc\" else . end)"
if unshare -T --monotonic 5 true 2>/dev/null; then
        try "clocks" "monotonic|1000|5|boottime|-3|7" "awk '{ print \$1; print \$2; print \$3 }' /proc/self/timens_offsets" \
                '.linux.namespaces += [{type: "time"}]' '.linux.timeOffsets = {monotonic: {secs: 1000, nanosecs: 5}, boottime: {secs: -3, nanosecs: 7}}'
else
        skip "clocks" "nobody here may set any"
fi
refuse "clocks without a namespace" 'time namespace' '.linux.timeOffsets = {monotonic: {secs: 1}}'
try "names" "box|example" 'hostname; cat /proc/sys/kernel/domainname' '.hostname = "box"' '.domainname = "example"'
refuse "a host name without a namespace" 'UTS' '.linux.namespaces |= map(select(.type != "uts"))' '.hostname = "x"'

# Mount namespaces of others, and none
host_mounts=$(cut -d' ' -f3- /proc/1/mountinfo)
mount_at() {
        jq -nr --arg path "$1" '".linux.namespaces |= map(if .type == \"mount\" then .path = \($path | @json) else . end)"'
}
for propagation in private slave shared; do
        unshare -m --propagation $propagation sleep 1000 &
        other=$!
        at_exit kill "$other"
        wait_until 10 bash -c "[ \"\$(readlink /proc/$other/ns/mnt)\" != \"\$(readlink /proc/self/ns/mnt)\" ]"
        rm -rf "$TMP/b"
        make_bundle "$TMP/b" "$(mount_at "/proc/$other/ns/mnt")" "$(bind "" /d rbind,ro)" \
                "$(sh_args 'readlink /proc/self/ns/mnt; cat /d/file; ls -d /d /usr 2>/dev/null; true')"
        is "a mount namespace by path ($propagation)" "$(run_bundle "$TMP/b" | paste -sd'|')" "$(readlink "/proc/$other/ns/mnt")|content|/d|= 0"
        is "the host's mounts are the same ($propagation)" "$(cut -d' ' -f3- /proc/1/mountinfo)" "$host_mounts"
done
oci create --bundle "$TMP/b" joined </dev/null >/dev/null 2>&1
is "exec in it" "$(oci exec joined readlink /proc/self/ns/mnt 2>&1)" "$(readlink "/proc/$other/ns/mnt")"
like "exec sees the container's root" "$(oci exec joined ls /usr 2>&1)" 'No such file'
oci delete --force joined
refuse "PID 1's mount namespace" "the host's own" "$(mount_at /proc/1/ns/mnt)"
make_bundle "$TMP/b" "$(mount_at /proc/self/ns/mnt)"
like "the caller's mount namespace: refused" "$(unshare -m "$OCI_EXEC" --root "$TMP/oci" --cgroup-manager=disabled run --bundle "$TMP/b" own 2>&1)" "the host's own"
refuse "a hook in somebody's tree" 'createContainer' "$(mount_at "/proc/$other/ns/mnt")" '.hooks = {createContainer: [{path: "/bin/true"}]}'
none='.linux.namespaces |= map(select(.type != "mount")) | .linux.maskedPaths = [] | .linux.readonlyPaths = [] | .mounts |= map(select(.type != "bind"))'
rm -rf "$TMP/b"
make_bundle "$TMP/b" "$none" "$(sh_args 'ls -d /bin /usr /proc/self 2>/dev/null; pwd')"
is "without a mount namespace there is a root, and nothing is mounted" "$(run_bundle "$TMP/b" | paste -sd'|')" "/bin|/|= 0"
oci create --bundle "$TMP/b" none </dev/null >/dev/null 2>&1
is "it is the host's" "$(readlink "/proc/$(oci state none | jq .pid)/ns/mnt")" "$(readlink /proc/self/ns/mnt)"
like "exec there: refused" "$(oci exec none true 2>&1)" 'without a mount namespace'
oci delete --force none
is "the host's mounts are the same (none)" "$(cut -d' ' -f3- /proc/1/mountinfo)" "$host_mounts"
refuse "a bind without a mount namespace" 'Mount on /d: a bind' "$none" "$(bind "" /d bind)"
refuse "a read-only root without one" 'read-only root' "$none" '.root.readonly = true'
refuse "a masked path without one" 'mask or protect /etc' "$none" '.linux.maskedPaths = ["/etc", "/not/there"]'

# User namespaces
rm -rf "$TMP/b"
make_bundle "$TMP/b" '.linux.namespaces += [{type: "user"}]' "$(sh_args 'awk "{ print \$1, \$2, \$3 }" /proc/self/uid_map')"
is "without maps there is one user" "$(run_bundle "$TMP/b" | paste -sd'|')" "0 0 1|= 0"
unshare -U --map-root-user --fork --kill-child sleep 1000 &
mapped=$!
at_exit kill "$mapped"
wait_until 10 grep -q . "/proc/$mapped/uid_map"
make_bundle "$TMP/b" ".linux.namespaces += [{type: \"user\", path: \"/proc/$mapped/ns/user\"}]" \
        "$(sh_args 'readlink /proc/self/ns/user; id -u')"
is "a user namespace by path" "$(run_bundle "$TMP/b" | paste -sd'|')" "$(readlink "/proc/$mapped/ns/user")|0|= 0"

# Mounts
mount_of='awk "\$5 == \"/d\" { print \$6 }" /proc/self/mountinfo'
for option in ro nosuid nodev noexec noatime nodiratime nosymfollow; do
        try "a bind that is $option" 1 "$mount_of | grep -c $option" "$(bind "" /d "bind,$option")"
done
try "a tree that is read-only" "ro|ro" 'awk "\$5 ~ /^.d(.sub)?\$/ { print substr(\$6, 1, 2) }" /proc/self/mountinfo' "$(bind "" /d rbind,rro)"
try "only its top" "ro|rw" 'awk "\$5 ~ /^.d(.sub)?\$/ { print substr(\$6, 1, 2) }" /proc/self/mountinfo' "$(bind "" /d rbind,ro)"
try "without what is below" 1 'grep -cE " /d(/sub)? " /proc/self/mountinfo' "$(bind "" /d bind)"
try "a file" content 'cat /a/b/file' "$(bind /file /a/b/file bind,ro)"
try "slashes" content 'cat /a/b/file' "$(bind /file //a///b//file bind,ro)"
try "src-nofollow, dest-nofollow" nowhere 'readlink /l' "$(bind /link /l bind,src-nofollow,dest-nofollow)"
try "copy-symlink" nowhere 'readlink /a/l' "$(bind /link /a/l rbind,copy-symlink)"
try "a tmpfs has options" "1024k|1777" 'awk "\$5 == \"/d\" { print \$NF }" /proc/self/mountinfo | grep -o 1024k; stat -c %a /d' \
        '.mounts += [{destination: "/d", type: "tmpfs", source: "tmpfs", options: ["size=1024k", "mode=1777", "noexec"]}]'
rm -rf "$TMP/b"
make_root "$TMP/b/rootfs"
mkdir -p "$TMP/b/rootfs/old/deep"
echo kept >"$TMP/b/rootfs/old/deep/file"
ln -s deep/file "$TMP/b/rootfs/old/link"
chmod 0712 "$TMP/b/rootfs/old"
try_in "" "it looks like what it covers" "712|0" 'stat -c %a /old; ls /old | wc -l' '.mounts += [{destination: "/old", type: "tmpfs", source: "tmpfs"}]'
try_in "" "tmpcopyup" "712|kept|kept|ro" 'stat -c %a /old; cat /old/deep/file /old/link; awk "\$5 == \"/old\" { print substr(\$6, 1, 2) }" /proc/self/mountinfo' \
        '.mounts += [{destination: "/old", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup", "ro"]}]'
try "propagation of the root" shared 'awk "\$5 == \"/\" && /shared:/ { print \"shared\" }" /proc/self/mountinfo' '.linux.rootfsPropagation = "shared"'
try "read-only root" ro 'awk "\$5 == \"/\" { print substr(\$6, 1, 2) }" /proc/self/mountinfo' '.root.readonly = true'
try "mqueue and cgroups" "cgroup2|mqueue" 'awk "\$5 == \"/dev/mqueue\" || \$5 == \"/cg\" { for (i = 7; i <= NF; i++) if (\$i == \"-\") print \$(i + 1) }" /proc/self/mountinfo | sort' \
        '.mounts += [{destination: "/dev/mqueue", type: "mqueue", source: "mqueue"}, {destination: "/cg", type: "cgroup", source: "cgroup", options: ["ro"]}]'
try "its own cgroup alone, without a namespace" "cgroup2|1" 'awk "\$5 == \"/cg\" { for (i = 7; i <= NF; i++) if (\$i == \"-\") print \$(i + 1) }" /proc/self/mountinfo
                echo $(($(grep -c . /cg/cgroup.procs) > 0))' \
        '.linux.namespaces |= map(select(.type != "cgroup"))' '.mounts += [{destination: "/cg", type: "cgroup", source: "cgroup", options: ["ro"]}]'

# Mapped mounts
if [ "$(stat -f -c %T "$TMP")" = tmpfs ] && [[ "$(uname -r)" =~ ^(5\.|6\.[012]\.) ]]; then
        skip "mapped mounts" "this kernel cannot map a tmpfs"
else
        maps='{uidMappings: [{containerID: 0, hostID: $h, size: 10}]} | .gidMappings = .uidMappings'
        idmap() {
                echo ".mounts += [({destination: \"/d\", type: \"bind\", source: \"$TMP/source\", options: [\"bind\", \"$1\"]} + ($2 as \$h | ${maps}))]"
        }
        rm -rf "$TMP/b"
        try_in "" "idmap" 1000:1000 'stat -c %u:%g /d/file' "$(idmap idmap 1000)"
        try_in "" "maps without the word" 1000:1000 'stat -c %u:%g /d/file' "$(idmap ro 1000)"
        try_in "" "idmap with maps of its own" 7:9 'stat -c %u:%g /d/file' "$(bind "" /d "bind,idmap=uids=0-7-5;gids=0-9-5")"
        rm -rf "$TMP/b"
        make_root "$TMP/b/rootfs"
        chown -R 100000:100000 "$TMP/b/rootfs"
        try_in " (user namespace)" "idmap" 1:1 'stat -c %u:%g /d/file' "$user" "$(idmap ridmap 100001)"
        try_in " (user namespace)" "idmap by the namespace" 0:0 'stat -c %u:%g /d/file' "$user" "$(bind "" /d bind,idmap)"
        try_in " (user namespace)" "idmap relative to it" 5:6 'stat -c %u:%g /d/file' "$user" "$(bind "" /d "bind,idmap=uids=@0-5-5;gids=@0-6-5")"
        refuse "idmap without maps" 'idmap' "$(bind "" /d bind,idmap)"
        refuse "only one map" 'gidMappings' ".mounts += [{destination: \"/d\", type: \"bind\", source: \"$TMP/source\", uidMappings: [{containerID: 0, hostID: 1, size: 1}]}]"
fi

# Devices
try "devices" "character special file 1:5 10:11 640|fifo 0:0 0:0 666" 'for f in /dev/foo /dev/sub/pipe; do stat -c "%F %t:%T %u:%g %a" $f; done' \
        '.linux.devices = [{path: "/dev/foo", type: "c", major: 1, minor: 5, fileMode: 416, uid: 10, gid: 11}, {path: "/dev/sub/pipe", type: "p", fileMode: 438}]'
rm -rf "$TMP/b"
try_in "" "devices elsewhere" "1:3|1:7|7" 'stat -c %t:%T /x/null /full; ls /dev | grep -cxE "null|zero|full|random|urandom|tty|fd"' \
        '.mounts |= map(select(.destination | startswith("/dev") | not))' \
        '.linux.devices = [{path: "/x/null", type: "c", major: 1, minor: 3}, {path: "/full/", type: "c", major: 1, minor: 7}]'

# The process
try "scheduler" "1|10" 'awk "/^policy/ { print \$3 } /^prio/ { print 99 - \$3 }" /proc/self/sched' '.process.scheduler = {policy: "SCHED_FIFO", priority: 10}'
try "nice" 5 'awk "{ print \$19 }" /proc/self/stat' '.process.scheduler = {policy: "SCHED_BATCH", nice: 5}'
refuse "a scheduler that does not work" 'scheduler' '.process.scheduler = {policy: "SCHED_DEADLINE", deadline: 1000}'
try "a scheduler that is not inherited" 1 'exec awk "/^policy/ { print \$3 }" /proc/self/sched' \
        '.process.scheduler = {policy: "SCHED_FIFO", priority: 10, flags: ["SCHED_FLAG_RESET_ON_FORK"]}'
if chrt -d --sched-runtime 1000000 --sched-deadline 10000000 --sched-period 10000000 0 true 2>/dev/null; then
        try "deadlines" 6 'exec awk "/^policy/ { print \$3 }" /proc/self/sched' \
                '.process.scheduler = {policy: "SCHED_DEADLINE", runtime: 1000000, deadline: 10000000, period: 10000000}'
else
        skip "deadlines" "nobody here may have any"
fi
refuse "deadlines that do not fit (user namespace)" 'must be <= period' "$user" '.process.scheduler = {policy: "SCHED_DEADLINE", runtime: 1000000, deadline: 20000000, period: 10000000}'
try "personality" i686 'uname -m' '.linux.personality = {domain: "LINUX32"}' '.process.env = ["PATH=/bin"]'
try "affinity" 0 'awk "/Cpus_allowed_list/ { print \$2 }" /proc/self/status' '.process.execCPUAffinity = {final: "0"}'
rm -rf "$TMP/b"
make_bundle "$TMP/b"
oci create --bundle "$TMP/b" affinity </dev/null >/dev/null 2>&1
for affinity in '{initial: "0"}' '{initial: "1", final: "0"}'; do
        jq -n "{cwd: \"/\", env: [\"PATH=/bin\"], args: [\"grep\", \"Cpus_allowed_list\", \"/proc/self/status\"], execCPUAffinity: $affinity}" >"$TMP/process.json"
        is "affinity of exec: $affinity" "$(oci exec --process "$TMP/process.json" affinity 2>&1 | tr -d '[:blank:]')" "Cpus_allowed_list:0"
done
oci delete --force affinity
try "umask, groups" "0027|1000 1000 7 8" 'umask; echo $(id -u) $(id -g) $(awk "/^Groups/ { print \$2, \$3 }" /proc/self/status)' \
        '.process.user = {uid: 1000, gid: 1000, umask: 23, additionalGids: [7, 8]}'
try "limits" "123 456" 'awk "/Max open files/ { print \$4, \$5 }" /proc/self/limits' '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 123, hard: 456}]'
try "OOM score" 500 'cat /proc/self/oom_score_adj' '.process.oomScoreAdj = 500'
try "sysctls" "1|4000" 'cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmni' '.linux.sysctl = {"net.ipv4.ip_forward": "1", "kernel.shmmni": "4000"}'
refuse "a sysctl of the host's" 'kernel.panic' '.linux.sysctl = {"kernel.panic": "1"}'
refuse "two domain names" 'domainname' '.domainname = "a"' '.linux.sysctl = {"kernel.domainname": "b"}'
refuse "intelRdt" 'intelRdt' '.linux.intelRdt = {closID: "x"}'
[ -d /sys/module/apparmor ] || refuse "a label that this kernel cannot give" AppArmor '.process.apparmorProfile = "x"'
[ -e /sys/fs/selinux/enforce ] || refuse "another" SELinux '.process.selinuxLabel = "x"'
[ -e /sys/fs/selinux/enforce ] || try "a label for mounts is ignored" 0 'grep -c context= /proc/self/mountinfo; true' '.linux.mountLabel = "system_u:object_r:container_file_t:s0"'
if [ -e /proc/self/numa_maps ]; then
        try "memory policy" interleave:0 'head -n 1 /proc/self/numa_maps | grep -o interleave:0' '.linux.memoryPolicy = {mode: "MPOL_INTERLEAVE", nodes: "0"}'
        refuse "a memory policy that does not work" 'memory' '.linux.memoryPolicy = {mode: "MPOL_INTERLEAVE"}'
fi
rm -rf "$TMP/b"
make_bundle "$TMP/b" '.annotations = {"run.oci.keep_original_groups": "1"}' "$(sh_args 'awk "/^Groups/ { print \$2, \$3 }" /proc/self/status')"
is "groups that are kept" "$(setpriv --groups 5,6 "$OCI_EXEC" --root "$TMP/oci" --cgroup-manager=disabled run --bundle "$TMP/b" keep </dev/null 2>&1)" "5 6"

# System call filters
filter='.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir", "mkdirat"], action: $a, errnoRet: 28}]}'
try "errno" "mkdir: can't create directory '/tmp/x': No space left on device" 'mkdir /tmp/x 2>&1; true' "(\"SCMP_ACT_ERRNO\" as \$a | $filter)"
try "killed" "Bad system call|159" 'mkdir /tmp/x; echo $?' "(\"SCMP_ACT_KILL_PROCESS\" as \$a | $filter)"
try "trapped" "Bad system call|159" 'mkdir /tmp/x; echo $?' "(\"SCMP_ACT_TRAP\" as \$a | $filter)"
try "logged" made 'mkdir /tmp/x && echo made' "(\"SCMP_ACT_LOG\" as \$a | $filter)"
refuse "questions without a listener" listenerPath "(\"SCMP_ACT_NOTIFY\" as \$a | $filter)"
refuse "an action that is none" SCMP_ACT_NONE "(\"SCMP_ACT_NONE\" as \$a | $filter)"

# Versions
for version in 1.0.0 1.0.2-dev 1.1.0 1.2.1 1.3.0; do
        rm -rf "$TMP/b"
        make_bundle "$TMP/b" ".ociVersion = \"$version\""
        is "version $version" "$(run_bundle "$TMP/b")" "= 0"
done
for version in 1.4.0 0.9.0 2.0.0 x; do
        refuse "version $version" ociVersion ".ociVersion = \"$version\""
done
