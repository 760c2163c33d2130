#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Podman with the executor as its runtime, unmodified: everything that a user does with a container, with systemd's scopes
# and with groups of the runtime's own.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

command -v podman >/dev/null || skip_all "podman is not installed"
[ -e "$IMAGES/busybox.oci.tar" ] || skip_all "there is no image"

# Where the host has no controllers Podman's own limit of processes cannot be set by anybody.
mkdir -p /etc/containers
[ -e /etc/containers/containers.conf ] || printf '[containers]\npids_limit = 0\n' >/etc/containers/containers.conf
podman load -q -i "$IMAGES/busybox.oci.tar" >/dev/null 2>&1 || skip_all "podman does not work here: $(podman info 2>&1 | tail -n 1)"
IMAGE=$(podman images -q | head -n 1)
at_exit podman rm -f -a -t 0

for manager in systemd cgroupfs; do
        P=(podman --runtime /usr/lib/berth/berth-exec --cgroup-manager "$manager")
        run=("${P[@]}" run --network none)
        name=p-$manager
        is "$manager: run" "$("${run[@]}" --rm "$IMAGE" echo hello)" hello
        is "$manager: a status" "$("${run[@]}" --rm "$IMAGE" sh -c 'exit 7'; echo "$?")" 7
        is "$manager: a signal" "$("${run[@]}" --rm --init=false "$IMAGE" sh -c 'sh -c "kill -9 \$\$"; exit $?'; echo "$?")" 137
        fails_with 127 'not found' "${run[@]}" --rm "$IMAGE" /none
        fails_with 126 'permission denied' "${run[@]}" --rm "$IMAGE" /etc
        is "$manager: user, host name, capabilities" \
                "$("${run[@]}" --rm --user 5:6 --hostname box --cap-drop all "$IMAGE" sh -c 'id -u; id -g; hostname; grep CapBnd /proc/self/status')" \
                $'5\n6\nbox\nCapBnd:\t0000000000000000'
        is "$manager: mounts" "$(mkdir -p "$TMP/d" && echo in >"$TMP/d/f" && "${run[@]}" --rm --read-only --tmpfs /x -v "$TMP/d:/d:ro" "$IMAGE" \
                sh -c 'cat /d/f; touch /x/y && echo made; touch /d/z 2>/dev/null || echo closed')" $'in\nmade\nclosed'
        is "$manager: sysctl" "$("${run[@]}" --rm --sysctl kernel.msgmax=9000 "$IMAGE" cat /proc/sys/kernel/msgmax)" 9000
        is "$manager: a terminal" "$("${run[@]}" --rm -t "$IMAGE" tty | tr -d '\r')" /dev/pts/0
        is "$manager: standard input" "$(echo typed | "${run[@]}" --rm -i "$IMAGE" cat)" typed
        ok "$manager: run -d" "${run[@]}" -d --name "$name" "$IMAGE" sh -c 'echo started; trap "exit 3" TERM; while :; do sleep 0.1; done'
        PID=$(podman inspect -f '{{.State.Pid}}' "$name")
        if [ "$manager" = systemd ]; then
                like "systemd: its unit" "$(cat "/proc/$PID/cgroup")" '^0::/machine.slice/libpod-[0-9a-f]+\.scope'
        else
                like "cgroupfs: its group" "$(cat "/proc/$PID/cgroup")" '^0::/libpod_parent/libpod-[0-9a-f]+'
        fi
        is "$manager: no process of the runtime's stays" "$(pgrep -x -c berth-exec)" 0
        is "$manager: exec" "$("${P[@]}" exec -u 1000:1000 -w /tmp -e A=b "$name" sh -c 'id -u; pwd; echo $A'; echo "$?")" $'1000\n/tmp\nb\n0'
        is "$manager: exec's status" "$("${P[@]}" exec "$name" sh -c 'exit 9'; echo "$?")" 9
        fails_with 127 'not found' "${P[@]}" exec "$name" /none
        is "$manager: exec with a terminal" "$("${P[@]}" exec -t "$name" tty | tr -d '\r')" /dev/pts/0
        is "$manager: logs" "$("${P[@]}" logs "$name")" started
        like "$manager: top" "$("${P[@]}" top "$name")" 'PID'
        ok "$manager: pause" "${P[@]}" pause "$name"
        is "$manager: paused" "$(podman inspect -f '{{.State.Status}}' "$name")" paused
        ok "$manager: unpause" "${P[@]}" unpause "$name"
        ok "$manager: stop" "${P[@]}" stop -t 10 "$name"
        is "$manager: how it ended" "$(podman inspect -f '{{.State.Status}} {{.State.ExitCode}}' "$name")" "exited 3"
        ok "$manager: start" "${P[@]}" start "$name"
        ok "$manager: kill" "${P[@]}" kill "$name"
        is "$manager: how it ended" "$("${P[@]}" wait "$name")" 137
        ok "$manager: rm" "${P[@]}" rm "$name"
        is "$manager: no unit is left" "$(systemctl list-units --all --plain --no-legend 'libpod-*' | grep -vc conmon)" 0
done
