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
is "and inspect shows it" "$(berthctl inspect --format '{{.HostConfig.Memory}}' limited)" 33554432
PATH_LIMITED=/io/berth1/container/$(berthctl inspect --format '{{.Id}}' limited)
property() {
        busctl get-property io.berth1 "$PATH_LIMITED" io.berth1.Container "$1"
}
is "so does the property" "$(property Memory)" "t 33554432"
busctl monitor --match "type=signal,path=$PATH_LIMITED,member=PropertiesChanged" >"$TMP/signals" 2>&1 &
MONITOR=$!
at_exit kill "$MONITOR"
wait_until 20 grep -q Monitoring "$TMP/signals"
property Memory >/dev/null
systemctl set-property --runtime berth-limited.service MemoryMax=30M TasksMax=30 CPUQuota=40% CPUWeight=50
ok "a change is told on the bus" wait_until 20 eval 'grep -q Memory "$TMP/signals" && grep -q PidsLimit "$TMP/signals" && grep -q Cpus "$TMP/signals"'
is "processes" "$(property PidsLimit)" "t 30"
is "CPUs" "$(property Cpus)" "t 400000"
is "shares" "$(property CpuShares)" "t 1287"
ok "berthctl update" berthctl update --memory 48m --memory-swap 48m --pids-limit 25 --cpus 0.8 --cpu-shares 256 --blkio-weight 300 --cpuset-cpus 0 --memory-reservation 8m limited
is "changes the kernel's limits" "$(for f in memory.max memory.swap.max memory.low pids.max cpu.max cpu.weight cpuset.cpus; do value limited $f; done | paste -sd' ')" "50331648 0 8388608 25 80000 100000 10 0"
is "and what inspect shows" "$(berthctl inspect --format '{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}} {{.HostConfig.CpuShares}} {{.HostConfig.CpusetCpus}}' limited)" "50331648 25 256 0"
ok "in podman's two numbers" berthctl update --cpu-period 50000 --cpu-quota 10000 limited
is "CPU time" "$(value limited cpu.max)" "10000 50000"
is "shown as it was given" "$(berthctl inspect --format '{{.HostConfig.CpuQuota}} {{.HostConfig.CpuPeriod}} {{.HostConfig.NanoCpus}}' limited)" "10000 50000 0"
berthctl stop -t 1 limited >/dev/null
ok "start again" berthctl start limited
is "what update said is kept" "$(value limited memory.max) $(value limited pids.max)" "50331648 25"
DISK=$(lsblk -ndpo NAME,TYPE 2>/dev/null | awk '$2 == "disk" { print $1; exit }')
if [ -n "$DISK" ] && grep -qw io "$CGROUPS/cgroup.controllers"; then
        ok "a device's rates" berthctl update --device-read-bps "$DISK:1m" --device-write-iops "$DISK:100" limited
        like "are the kernel's" "$(value limited io.max)" 'rbps=1048576 .*wiops=100'
        is "and shown" "$(berthctl inspect --format '{{range .HostConfig.BlkioDeviceReadBps}}{{.Path}} {{.Rate}}{{end}}' limited)" "$DISK 1048576"
else
        skip "a device's rates" "no disk or no io controller"
fi
ok "limits as before" berthctl update --pids-limit 20 limited
is "a fork bomb stays in its container" "$(berthctl run --rm --pids-limit 10 "$BUSYBOX" sh -c 'for i in $(seq 40); do sleep 5 & done; echo finished' 2>/dev/null | grep -c finished)" 0

berthctl run -d --name hungry --memory 32m --memory-swap 32m "$BUSYBOX" sh -c 'x=$(head -c 200m /dev/zero | tr "\0" x); echo survived' >/dev/null
berthctl wait hungry >/dev/null
is "a payload that runs out of memory is killed, and inspect says why" "$(berthctl inspect --format '{{.State.OOMKilled}}' hungry)" true
like "so do the events" "$(berthctl events --no-stream --since 5m --filter container=hungry)" 'container oom'
is "the other one runs on" "$(berthctl inspect --format '{{.State.Status}}' limited)" running
berthctl run -d --name free "$BUSYBOX" sleep 1000 >/dev/null
is "the default pids limit" "$(value free pids.max)" 2048
is "devices that were not given are closed" "$(berthctl run --rm --cap-add mknod "$BUSYBOX" sh -c 'mknod /dev/mem c 1 1 2>/dev/null && head -c1 /dev/mem >/dev/null 2>&1; echo $?')" 1
