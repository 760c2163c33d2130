#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A container whose first process is systemd boots, says when it is ready, has control groups of its own, runs
# services, and powers off when it is stopped.
# Needs: controllers
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

load_image busybox
load_image system
SYSTEM=$(image system)
at_exit drop_containers

inside() {
        berthctl exec system "$@"
}

began=$SECONDS
ok "it starts, and is ready when the inner systemd says so" timeout 240 berthctl run -d --name system --sdnotify container "$SYSTEM"
diag "booted in $((SECONDS - began)) s"
like "the system is up" "$(inside systemctl is-system-running --wait)" '^(running|degraded)$'
is "systemd is the first process" "$(inside readlink /proc/1/exe)" /usr/lib/systemd/systemd
is "the machine ID is the container's ID" "$(inside cat /etc/machine-id)" "$(berthctl inspect --format '{{.Id}}' system | cut -c1-32)"
is "inspect says that it is a system" "$(berthctl inspect --format '{{.Config.SystemdMode}}' system)" true
is "and what stops it" "$(berthctl inspect --format '{{.Config.StopSignal}}' system)" SIGRTMIN+3
is "the unit is delegated" "$(systemctl show -P Delegate berth-system.service)" yes
is "/run, /tmp and /run/lock are in memory" "$(inside stat -f -c %T /run /tmp /run/lock | sort -u)" tmpfs
like "it has control groups of its own" "$(inside systemctl show -P ControlGroup systemd-journald.service)" '^/system.slice/'
inside sh -c 'mkdir -p /run/systemd/system; printf "[Service]\nType=oneshot\nExecStart=/bin/sh -c \"echo from the inside >/run/it-ran\"\n" >/run/systemd/system/it.service; systemctl daemon-reload'
ok "services run" inside systemctl start it.service
is "and do something" "$(inside cat /run/it-ran)" "from the inside"
is "it cannot make any number of groups" "$(inside cat /sys/fs/cgroup/cgroup.max.descendants)" 8192
if grep -q 'cgroup2 .*nsdelegate' /proc/mounts; then
        is "nor say otherwise" "$(inside sh -c 'echo max 2>/dev/null >/sys/fs/cgroup/cgroup.max.descendants && echo written; echo tried')" tried
else
        skip "nor say otherwise" "cgroup2 is mounted without nsdelegate here"
fi
is "the host's groups are out of reach" "$(inside sh -c 'ls -d /sys/fs/cgroup/machine.slice 2>/dev/null; echo tried')" tried

began=$SECONDS
ok "stop powers it off" timeout 120 berthctl stop -t 100 system
ok "before the time is up" test $((SECONDS - began)) -lt 60
is "in order" "$(berthctl inspect --format '{{.State.ExitCode}} {{.State.OOMKilled}}' system)" "0 false"
is "the unit has not failed" "$(systemctl is-failed berth-system.service)" inactive
ok "it starts again" timeout 240 berthctl start system
ok "and is removed while it runs" timeout 120 berthctl rm -f -t 60 system
is "nothing is left" "$(systemctl list-units --all --no-legend 'berth-system*')" ""

printf 'berth:1000000:1000000\n' | tee /etc/subuid >/etc/subgid
at_exit rm -f /etc/subuid /etc/subgid
ok "it boots in a user namespace too" timeout 240 berthctl run -d --name mapped --userns auto --sdnotify container "$SYSTEM"
is "where its root is nobody on the host" "$(awk '/^Uid/ { print $2 }' "/proc/$(berthctl inspect --format '{{.State.Pid}}' mapped)/status")" 1000000
like "and is up" "$(berthctl exec mapped systemctl is-system-running --wait)" '^(running|degraded)$'
like "with control groups" "$(berthctl exec mapped systemctl show -P ControlGroup systemd-journald.service)" '^/system.slice/'
ok "stop powers that off, too" timeout 120 berthctl stop -t 100 mapped
is "in order, too" "$(berthctl inspect --format '{{.State.ExitCode}}' mapped)" 0

is "without systemd none of this" "$(berthctl run --rm "$(image busybox)" sh -c 'echo "[$container_uuid]"; mount | grep -c "on /run "')" $'[]\n0'
fails_with 125 'RunInit and Systemd=always' berthctl run --rm --init --systemd always "$(image busybox)" true
berthctl run -d --name always --systemd always "$(image busybox)" sleep 1000 >/dev/null
is "always is always" "$(berthctl exec always stat -f -c %T /run)" tmpfs
is "and false never" "$(berthctl run --rm --systemd false "$SYSTEM" sh -c 'echo "[$container_uuid]"')" "[]"
