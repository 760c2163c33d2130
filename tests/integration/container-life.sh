#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A container from creation to removal, by berthctl, by systemctl and by busctl.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

load_image busybox
BUSYBOX=$(image busybox)
at_exit drop_containers

state() {
        berthctl inspect --format '{{.State.Status}}' "$1"
}

main_pid() {
        systemctl show --value -p MainPID "berth-$1.service"
}

cgroup_of() {
        echo "$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)$(systemctl show --value -p ControlGroup "berth-$1.service")"
}

path_of() {
        busctl --json=short call io.berth1 /io/berth1 io.berth1.Runtime LookupContainer s "$1" | jq -r '.data[0]'
}

# Detached: the payload is the main process, and the unit holds nothing else.
id=$(berthctl run -d --name life "$BUSYBOX" sleep 1000)
like "run -d prints the ID" "$id" '^[0-9a-f]{64}$'
is "its main process is the payload" "$(tr '\0' ' ' <"/proc/$(main_pid life)/cmdline")" "sleep 1000 "
is "the payload is PID 1 of its own PID namespace" "$(awk '/^NSpid/ { print NF, $NF }' "/proc/$(main_pid life)/status")" "3 1"
is "nothing else runs in the unit" "$(cat "$(cgroup_of life)/cgroup.procs")" "$(main_pid life)"
is "no program of ours stays" "$(pgrep -c -x berth-exec)" 0
is "the unit is of type notify and active" "$(systemctl show -p Type -p ActiveState --value berth-life.service | paste -sd' ')" "notify active"
is "the unit lies in machine.slice" "$(systemctl show --value -p Slice berth-life.service)" machine.slice
is "inspect says running" "$(state life)" running
like "ps lists it" "$(berthctl ps)" "^${id:0:12} +$BUSYBOX +sleep 1000 .* Up .* life$"
like "the bus has an object for it" "$(busctl tree --list io.berth1)" "/io/berth1/container/$id"
is "a second of the same name is refused" "$(berthctl run -d --name life "$BUSYBOX" true 2>&1 >/dev/null | grep -c "$id\|${id:0:12}")" 1

ok "stop" berthctl stop -t 1 life
is "inspect says exited" "$(state life)" exited
unlike "ps does not list it any more" "$(berthctl ps)" ' life$'
like "ps -a does" "$(berthctl ps -a)" 'Exited \((137|143)\).* life$'
is "the unit is inactive, and systemd still knows it" "$(systemctl show --value -p ActiveState -p LoadState berth-life.service | paste -sd' ')" "loaded inactive"
ok "start again" berthctl start life
is "it runs again" "$(state life)" running

# systemd's own verbs do the same, and Berth notices.
before=$(main_pid life)
ok "systemctl restart" systemctl restart berth-life.service
is "another process runs" "$([ "$(main_pid life)" != "$before" ] && echo yes)" yes
is "Berth says running" "$(state life)" running
ok "systemctl stop" systemctl stop berth-life.service
ok "Berth says exited" wait_until 5 eval '[ "$(state life)" = exited ]'
ok "systemctl start" systemctl start berth-life.service
is "Berth says running again" "$(state life)" running
ok "berthctl stops what systemctl started" berthctl stop -t 1 life

# And the bus alone.
path=$(path_of life)
ok "Start by the bus" busctl call io.berth1 "$path" io.berth1.Container Start
is "State by the bus" "$(busctl get-property io.berth1 "$path" io.berth1.Container State)" 's "running"'
is "PID by the bus" "$(busctl get-property io.berth1 "$path" io.berth1.Container PID)" "u $(main_pid life)"
ok "Kill by the bus" busctl call io.berth1 "$path" io.berth1.Container Kill s SIGKILL
is "Wait by the bus" "$(busctl call io.berth1 "$path" io.berth1.Container Wait)" "i 137"
ok "Remove by the bus" busctl call io.berth1 "$path" io.berth1.Container Remove 'a{sv}' 0
fails_with 125 'no container.*life|NoSuchContainer|no such container' berthctl inspect life
is "its directory is gone" "$(ls -A /var/lib/berth/containers)" ""

# Removal of a running one needs force.
hold busy
fails_with 125 'running' berthctl rm busy
ok "rm -f" berthctl rm -f busy
is "nothing is left" "$(berthctl ps -aq)" ""

# kill, wait, restart
hold signal
ok "kill -s KILL" berthctl kill -s KILL signal
is "wait prints the exit status" "$(berthctl wait signal)" 137
ok "restart of a stopped one starts it" berthctl restart signal
is "it runs" "$(state signal)" running
before=$(main_pid signal)
ok "restart of a running one" berthctl restart -t 0 signal
is "it is another process" "$([ "$(main_pid signal)" != "$before" ] && echo yes)" yes
ok "rm -f again" berthctl rm -f signal

# A payload that heeds its stop signal leaves a clean unit behind.
berthctl run -d --name heeds --stop-signal USR1 "$BUSYBOX" sh -c 'trap "exit 7" USR1; while :; do sleep 0.1; done' >/dev/null
sleep 0.3
ok "stop with an own signal" berthctl stop heeds
is "its own exit status is kept" "$(berthctl inspect --format '{{.State.ExitCode}}' heeds)" 7
berthctl rm heeds >/dev/null

# Restart policy is systemd's.
berthctl run -d --name again --restart on-failure:2 "$BUSYBOX" sh -c 'echo try; exit 3' >/dev/null
ok "on-failure:2 gives up after two restarts" wait_until 20 eval '[ "$(journalctl -q -o cat CONTAINER_NAME=again | grep -c ^try)" = 3 ] && [ "$(state again)" = exited ]'
is "and keeps the exit status" "$(berthctl inspect --format '{{.State.ExitCode}}' again)" 3
ok "rm" berthctl rm -f again
