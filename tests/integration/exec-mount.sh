#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The mounts of a container: what is there, with which options, what is hidden;
# what travels between host and container; what is left afterwards.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

load_image busybox
BUSYBOX=$(image busybox)
at_exit drop_containers

run() {
        berthctl run --rm --network none "$@" </dev/null
}

mounts=$(run "$BUSYBOX" cat /proc/mounts)
like "the root is an overlay without devices" "$mounts" '^overlay / overlay rw,nodev'
like "/proc" "$mounts" '^proc /proc proc rw,nosuid,nodev,noexec'
like "/sys is read-only" "$mounts" '^sysfs /sys sysfs ro,nosuid,nodev,noexec'
like "the cgroups are read-only" "$mounts" ' /sys/fs/cgroup cgroup2 ro,nosuid,nodev,noexec'
like "/dev" "$mounts" '^tmpfs /dev tmpfs rw,nosuid,noexec'
like "/dev/pts" "$mounts" '^devpts /dev/pts devpts rw,nosuid,noexec.*ptmxmode=666'
like "/dev/shm" "$mounts" '^shm /dev/shm tmpfs rw,nosuid,nodev,noexec'
like "/dev/mqueue" "$mounts" '^mqueue /dev/mqueue mqueue rw,nosuid,nodev,noexec'
is "devices" "$(run "$BUSYBOX" sh -c 'cd /dev; find . -type c | sort | paste -sd" "')" \
        "./full ./null ./pts/ptmx ./random ./tty ./urandom ./zero"
is "anybody may use them" "$(run --user app "$BUSYBOX" sh -c 'echo x >/dev/null && head -c 4 /dev/zero | wc -c')" 4
is "links" "$(run "$BUSYBOX" sh -c 'for l in fd stdin stdout stderr ptmx; do readlink /dev/$l; done' | paste -sd' ')" \
        "/proc/self/fd /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 pts/ptmx"
is "no block device can be made and opened" "$(run --cap-add MKNOD "$BUSYBOX" sh -c 'mknod /tmp/d b 7 0; cat /tmp/d 2>/dev/null && echo read')" ""

# What the kernel shows of the host.
hidden=$(run "$BUSYBOX" sh -c 'for f in /proc/kcore /proc/keys /proc/latency_stats /proc/timer_list /proc/sched_debug /proc/interrupts; do
        [ -e $f ] && [ -n "$(head -c 1 $f 2>/dev/null)" ] && echo $f; done
        for d in /proc/acpi /proc/scsi /sys/firmware /sys/dev/block /sys/devices/virtual/powercap; do
        [ -e $d ] && ls -A $d; done')
is "masked files and directories are empty" "$hidden" ""
is "masks cannot be written" "$(run "$BUSYBOX" sh -c 'touch /sys/firmware/x /proc/acpi/x 2>/dev/null || echo no')" no
writable=$(run "$BUSYBOX" sh -c 'for f in $(find /proc/sys /proc/irq /proc/bus /proc/fs /proc/sysrq-trigger /sys -type f 2>/dev/null | head -n 4000); do
        (exec 3>>$f) 2>/dev/null && echo $f; done')
is "nothing in /proc/sys, /proc/irq, /sys can be opened for writing" "$writable" ""
is "not even with SYS_ADMIN, as long as it is not mounted anew" \
        "$(run --cap-add SYS_ADMIN "$BUSYBOX" sh -c 'echo x >/proc/sys/kernel/core_pattern' 2>/dev/null; echo $?)" 1

# Binds.
mkdir -p "$TMP/src/sub" "$TMP/other"
echo one >"$TMP/src/file"
mount -t tmpfs sub "$TMP/src/sub"
at_exit umount "$TMP/src/sub"
echo two >"$TMP/src/sub/file"
is "a bind with what is mounted below" "$(run -v "$TMP/src:/d" "$BUSYBOX" cat /d/file /d/sub/file | paste -sd' ')" "one two"
is "read-only, with what is mounted below" \
        "$(run -v "$TMP/src:/d:ro" "$BUSYBOX" sh -c 'touch /d/x /d/sub/x 2>/dev/null; ls /d/x /d/sub/x 2>/dev/null | wc -l')" 0
is "a file over a file" "$(run -v "$TMP/src/file:/etc/passwd:ro" "$BUSYBOX" cat /etc/passwd)" one
is "a file that was not there" "$(run -v "$TMP/src/file:/new/dir/file" "$BUSYBOX" cat /new/dir/file)" one
like "nosuid and nodev unless asked for" "$(run -v "$TMP/src:/d" "$BUSYBOX" grep ' /d ' /proc/mounts)" 'nosuid,nodev'
unlike "suid,dev,exec" "$(run -v "$TMP/src:/d:suid,dev" "$BUSYBOX" grep ' /d ' /proc/mounts)" 'nosuid|nodev'
like "noexec" "$(run -v "$TMP/src:/d:noexec" "$BUSYBOX" grep ' /d ' /proc/mounts)" noexec
fails_with 125 "$TMP/missing" run -v "$TMP/missing:/d" "$BUSYBOX" true
is "the source is what was there when it started" "$(
        berthctl run -d --name swap --network none -v "$TMP/src:/d" "$BUSYBOX" sh -c 'sleep 1; cat /d/file' >/dev/null
        mv "$TMP/src" "$TMP/moved"; ln -s /etc "$TMP/src"
        berthctl wait swap >/dev/null; berthctl logs swap
        rm "$TMP/src"; mv "$TMP/moved" "$TMP/src")" one

# Propagation.
mount --make-shared "$TMP/src/sub"
berthctl run -d --name private --network none -v "$TMP/src/sub:/d" "$BUSYBOX" sleep 1000 >/dev/null
berthctl run -d --name slave --network none -v "$TMP/src/sub:/d:rslave" "$BUSYBOX" sleep 1000 >/dev/null
mkdir "$TMP/src/sub/later"
mount -t tmpfs later "$TMP/src/sub/later"
echo three >"$TMP/src/sub/later/file"
is "a later mount stays outside" "$(berthctl exec private ls /d/later)" ""
is "with rslave it arrives" "$(berthctl exec slave ls /d/later)" file
umount "$TMP/src/sub/later"
unlike "the root's mounts belong to no group of the host's" "$(berthctl exec private cat /proc/self/mountinfo)" 'shared:|master:'
berthctl rm -f private slave >/dev/null

# tmpfs, shm, read-only root, devices, time zone, sysctl.
like "--tmpfs" "$(run --tmpfs /s:size=1m,mode=700,noexec "$BUSYBOX" grep ' /s ' /proc/mounts)" 'nosuid,nodev,noexec.*size=1024k,mode=700'
like "--shm-size" "$(run --shm-size 8m "$BUSYBOX" grep ' /dev/shm ' /proc/mounts)" 'size=8192k'
is "--read-only" "$(run --read-only "$BUSYBOX" sh -c 'for d in / /etc /dev/shm /tmp /run; do touch $d/x 2>/dev/null && echo $d; done' | paste -sd' ')" "/dev/shm /tmp /run"
is "--device" "$(run --device /dev/full:/dev/other "$BUSYBOX" sh -c 'test -c /dev/other && echo x 2>/dev/null >/dev/other || echo full')" full
if [ -e /usr/share/zoneinfo/Asia/Tokyo ]; then
        is "--tz" "$(run --tz Asia/Tokyo "$BUSYBOX" date +%z)" +0900
else
        skip "--tz" "no time zones are installed"
fi
fails_with 125 'time ?zone' run --tz ../../etc/shadow "$BUSYBOX" true
is "--sysctl" "$(run --sysctl net.ipv4.ip_unprivileged_port_start=80 "$BUSYBOX" cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" 80
is "it is the container's own" "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" 1024
fails_with 125 'kernel.core_pattern' run --sysctl kernel.core_pattern=x "$BUSYBOX" true
fails_with 125 'net\.' berthctl run --rm --network host --sysctl net.ipv4.ip_forward=1 "$BUSYBOX" true

# Lives of containers leave no mount.
before=$(cut -d' ' -f3- /proc/1/mountinfo)
for i in $(seq 20); do
        run -v "$TMP/src:/d" -v "$TMP/src/sub:/e:rslave" --tmpfs /t "$BUSYBOX" true
done
is "20 lives leave the host's mounts as they were" "$(cut -d' ' -f3- /proc/1/mountinfo)" "$before"
