#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The daemon is a convenience: killed at any time it loses nothing, and containers
# do without it.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

load_image busybox
BUSYBOX=$(image busybox)
at_exit drop_containers

kill_daemon() {
        systemctl kill --kill-whom=main -s KILL berthd.service 2>/dev/null
        wait_until 5 eval '! systemctl is-active -q berthd.service'
        systemctl reset-failed berthd.service 2>/dev/null
}

for i in $(seq 20); do
        berthctl run -d --name "n$i" "$BUSYBOX" sleep 1000 >/dev/null &
        [ "$i" != 10 ] || { sleep 0.1; kill_daemon; }
done
wait
made=$(find /var/lib/berth/containers -mindepth 1 -maxdepth 1 -name '[0-9a-f]*' | wc -l)
running=$(systemctl list-units --plain --no-legend 'berth-n*' | wc -l)
is "every container whose directory is there is listed after a kill among 20 runs" "$(berthctl ps -aq | wc -l)" "$made"
is "and those that run are shown as running" "$(berthctl ps -q | wc -l)" "$running"
for i in $(seq 20); do
        berthctl inspect "n$i" >/dev/null 2>&1 || berthctl create --name "n$i" "$BUSYBOX" sleep 1000 >/dev/null
done
berthctl start $(seq -f 'n%g' 20) >/dev/null
is "the rest can be made good" "$(berthctl ps -q | wc -l)" 20

pids() {
        systemctl show --value -p MainPID 'berth-n*' | sort | paste -sd' '
}
before=$(pids)
kill_daemon
is "nothing stops when it is killed" "$(pids)" "$before"
is "the next call sees all of them" "$(berthctl ps -q | wc -l)" 20

kill_daemon
systemctl kill -s KILL berth-n1.service
ok "a container dies while it is away" wait_until 5 eval '! systemctl is-active -q berth-n1.service'
is "its exit status is known afterwards" "$(berthctl inspect --format '{{.State.ExitCode}} {{.State.Status}}' n1)" "137 exited"
kill_daemon
ok "stop, start and clean-up need no daemon" systemctl stop berth-n2.service
is "nor does its record" "$(berthctl ps -a --format '{{.Names}} {{.Status}}' | grep -c '^n2 Exited')" 1

# Half-made objects of a crash disappear, damaged ones are put aside and named.
# A file without a byte is what a power cut leaves of a container that nobody waited for.
id=$(printf 'ab%.0s' $(seq 32))
lost=$(printf 'cd%.0s' $(seq 32))
systemctl stop berthd.service
mkdir -p "/var/lib/berth/containers/.$id.tmp/upper" "/var/lib/berth/containers/$id" "/var/lib/berth/containers/$lost"
: >"/var/lib/berth/containers/$lost/container.json"
echo '{"Id": ' >"/var/lib/berth/containers/$id/container.json"
is "a damaged state file is not fatal" "$(berthctl ps -aq | wc -l)" 20
ok "what was half made is swept" wait_until 10 sh -c '! ls -d /var/lib/berth/containers/.??* 2>/dev/null'
is "the damaged one is put aside, the lost one is not" "$(ls /var/lib/berth/damaged)" "containers-$id"
ok "it is gone" test ! -e "/var/lib/berth/containers/$lost"
like "and reported" "$(busctl get-property io.berth1 /io/berth1 io.berth1.Runtime Damaged)" "$id"

# A newer version's members outlive a rewrite.
id=$(berthctl inspect --format '{{.Id}}' n3)
systemctl stop berthd.service
jq '.Future = {"x": 1}' "/var/lib/berth/containers/$id/container.json" >"$TMP/c" && cat "$TMP/c" >"/var/lib/berth/containers/$id/container.json"
berthctl ps >/dev/null
is "unknown members are kept" "$(jq -c .Future "/var/lib/berth/containers/$id/container.json")" '{"x":1}'

ok "rm -f -a" berthctl rm -f -a
is "everything is gone" "$(berthctl ps -aq; ls -A /var/lib/berth/containers)" ""
ok "it leaves when it is idle" wait_until 45 eval '! systemctl is-active -q berthd.service'
is "and comes back for a call" "$(berthctl ps -q)" ""
