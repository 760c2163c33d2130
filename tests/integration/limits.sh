#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Limits are the unit's: they hold, they change while the container runs, by
# berthctl's settings and by systemctl alike.
# Needs: controllers
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

CGROUPS=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
for controller in memory pids cpu; do
        grep -qw "$controller" "$CGROUPS/cgroup.controllers" ||
                skip_all "no $controller controller on cgroup v2 here; tests/run --vm limits has it"
done

load_image busybox
BUSYBOX=$(image busybox)
at_exit drop_containers

value() {
        cat "$CGROUPS/machine.slice/berth-$1.service/$2"
}

hold limited --memory 64m --memory-swap 64m --pids-limit 20 --cpus 0.5 --cpu-shares 512 --blkio-weight 200
is "memory.max" "$(value limited memory.max)" 67108864
is "memory.swap.max" "$(value limited memory.swap.max)" 0
is "pids.max" "$(value limited pids.max)" 20
like "cpu.max is half a CPU" "$(value limited cpu.max)" '^50000 100000$'
is "cpu.weight" "$(value limited cpu.weight)" 20
is "inspect says so" "$(berthctl inspect --format '{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}' limited)" "67108864 20"
ok "systemctl set-property" systemctl set-property --runtime berth-limited.service MemoryMax=32M
is "takes effect" "$(value limited memory.max)" 33554432
is "a fork bomb stays in its container" "$(berthctl run --rm --pids-limit 10 "$BUSYBOX" sh -c 'for i in $(seq 40); do sleep 5 & done; echo finished' 2>/dev/null | grep -c finished)" 0

berthctl run -d --name hungry --memory 32m --memory-swap 32m "$BUSYBOX" sh -c 'x=$(head -c 200m /dev/zero | tr "\0" x); echo survived' >/dev/null
berthctl wait hungry >/dev/null
is "a payload that runs out of memory is killed, and inspect says why" "$(berthctl inspect --format '{{.State.OOMKilled}}' hungry)" true
like "so do the events" "$(berthctl events --no-stream --since 5m --filter container=hungry)" 'container oom'
is "the other one runs on" "$(berthctl inspect --format '{{.State.Status}}' limited)" running
berthctl run -d --name free "$BUSYBOX" sleep 1000 >/dev/null
is "the default pids limit" "$(value free pids.max)" 2048
is "devices that were not given are closed" "$(berthctl run --rm --cap-add mknod "$BUSYBOX" sh -c 'mknod /dev/mem c 1 1 2>/dev/null && head -c1 /dev/mem >/dev/null 2>&1; echo $?')" 1
