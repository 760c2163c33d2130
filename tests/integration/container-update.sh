#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What changes while a container runs, as far as it shows without controllers; limits.sh has the rest.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

load_image busybox
at_exit drop_containers

shown() {
        berthctl inspect --format "{{.HostConfig.$1}}" changing
}

policy() {
        systemctl show -P Restart berth-changing.service
}

hold changing --restart no
ok "limits" berthctl update -m 256m --pids-limit 300 --cpus 1.5 changing
is "inspect has them" "$(shown Memory) $(shown PidsLimit) $(shown NanoCpus)" "268435456 300 1500000000"
is "systemd has them" "$(systemctl show -P MemoryMax -P TasksMax berth-changing.service | paste -sd' ')" "268435456 300"
fails_with 125 'unknown flag --hostname' berthctl update --hostname x changing
fails_with 125 'MemorySwap is less' berthctl update --memory-swap 1m changing
fails_with 125 'no such container|No such container|no container' berthctl update -m 1g no-such-container
ok "another way to say CPUs takes the place of the first" berthctl update --cpu-quota 20000 changing
is "it does" "$(shown NanoCpus) $(shown CpuQuota)" "0 20000"

is "it does not restart" "$(policy)" no
ok "a restart policy" berthctl update --restart always changing
is "systemd knows it" "$(policy)" always
PID=$(berthctl inspect --format '{{.State.Pid}}' changing)
kill -KILL "$PID"
ok "and restarts it" wait_until 30 eval '[ "$(berthctl inspect --format "{{.State.Status}}" changing)" = running ] && [ "$(berthctl inspect --format "{{.State.Pid}}" changing)" != "'"$PID"'" ]'
is "inspect shows it" "$(berthctl inspect --format '{{.HostConfig.RestartPolicy.Name}}' changing)" always
ok "on-failure with a number" berthctl update --restart on-failure:2 changing
is "is on-failure" "$(policy)" on-failure
ok "and none" berthctl update --restart no changing
is "is no" "$(policy)" no
berthctl stop -t 1 changing >/dev/null
ok "one that does not run" berthctl update --restart always changing
ok "starts with it" berthctl start changing
is "so" "$(policy)" always
berthctl rm -f -t 0 changing >/dev/null
is "nothing is left of the policy" "$(ls -d /run/systemd/system/berth-changing* 2>/dev/null)" ""
