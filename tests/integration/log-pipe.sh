#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Programs that open their standard output by path: through named pipes that systemd
# holds, with a reader that runs only when there is something to read.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

load_image busybox
load_image nginx
BUSYBOX=$(image busybox)
at_exit drop_containers

lines_of() {
        journalctl --sync
        journalctl -q -o cat CONTAINER_NAME="$1" _TRANSPORT=stdout "${@:2}"
}

driver() {
        berthctl inspect --format '{{.HostConfig.LogConfig.Type}}' "$1"
}

no_readers() {
        [ -z "$(systemctl list-units --plain --no-legend 'berth-log@*.service')" ] && ! pgrep -x berth-exec
}

no_pipes() {
        [ -z "$(systemctl list-units --plain --no-legend 'berth-log@*')" ] && [ -z "$(ls /run/berth/log)" ]
}

# Every path, as root and as another user; what does not look like it needs pipes gets them on demand.
script='echo inherited; echo inherited err >&2; p=/proc; for path in /dev/stdout $p/self/fd/1 $p/1/fd/1; do echo "$path" >>$path; done
        for path in /dev/stderr $p/self/fd/2 $p/1/fd/2; do echo "$path" >$path; done'
out=$'inherited\n/dev/stdout\n/proc/self/fd/1\n/proc/1/fd/1' err=$'inherited err\n/dev/stderr\n/proc/self/fd/2\n/proc/1/fd/2'
for user in 0 1000; do
        id=$(berthctl run -d --name "paths$user" --user "$user" --log-driver pipe "$BUSYBOX" sh -c "$script")
        is "user $user opens all paths" "$(berthctl wait "paths$user")" 0
        is "standard output of user $user, in order" "$(lines_of "paths$user" -p info..info)" "$out"
        is "standard error of user $user, in order" "$(lines_of "paths$user" -p err)" "$err"
        is "logs: standard output of user $user" "$(berthctl logs "paths$user" 2>/dev/null)" "$out"
        is "logs: standard error of user $user" "$(berthctl logs "paths$user" 2>&1 >/dev/null)" "$err"
        is "all of it is the unit's" "$(journalctl -q -o cat _SYSTEMD_UNIT="berth-paths$user.service" CONTAINER_ID_FULL="$id" _TRANSPORT=stdout | wc -l)" 8
done
entry=$(journalctl -q -o json CONTAINER_NAME=paths0 MESSAGE=/proc/1/fd/1 | head -n 1)
is "SYSLOG_IDENTIFIER" "$(jq -r .SYSLOG_IDENTIFIER <<<"$entry")" paths0
is "IMAGE_NAME" "$(jq -r .IMAGE_NAME <<<"$entry")" "$BUSYBOX"
is "CONTAINER_ID" "$(jq -r .CONTAINER_ID <<<"$entry")" "$(berthctl inspect --format '{{.Id}}' paths0 | cut -c 1-12)"
like "journalctl -u" "$(journalctl -q -u berth-paths0.service)" 'paths0\[[0-9]+\]: /proc/1/fd/1'
is "unread tails are none of a pipe's" "$(berthctl logs --tail 1 paths0 2>&1 | wc -l)" 1

# Who gets pipes without asking.
berthctl create --name plain "$BUSYBOX" echo x >/dev/null
is "nothing speaks for pipes" "$(driver plain)" journald
berthctl create --name says "$BUSYBOX" sh -c 'echo x >/dev/stdout' >/dev/null
is "a command that names the path" "$(driver says)" pipe
berthctl create --name told --log-driver journald "$BUSYBOX" sh -c 'echo x >/dev/stdout' >/dev/null
is "unless the user knows better" "$(driver told)" journald
berthctl create --name linked "$(image nginx)" >/dev/null
is "an image with a link to it" "$(driver linked)" pipe
is "a foreground run" "$(berthctl run --rm --log-driver pipe "$BUSYBOX" sh -c 'echo seen >/dev/stdout')" seen
berthctl rm plain says told linked >/dev/null

# A silent container has no process of ours.
berthctl run -d --name web --network host "$(image nginx)" >/dev/null
ok "nginx serves" wait_until 10 curl -fs http://localhost/
ok "its access log is in the journal" wait_until 5 eval 'lines_of web | grep -q "GET / HTTP"'
is "_COMM" "$(journalctl -q -o json CONTAINER_NAME=web _TRANSPORT=stdout | jq -r ._COMM | sort -u)" nginx
ok "no process of ours is left" wait_until 5 no_readers
curl -fs http://localhost/?again >/dev/null
ok "the next line comes through too" wait_until 5 eval 'lines_of web | grep -q again'
ok "restart" berthctl restart web
ok "nginx serves again" wait_until 10 curl -fs http://localhost/?later
ok "and its log goes on" wait_until 5 eval 'lines_of web | grep -q later'
ok "rm -f" berthctl rm -f web
ok "nothing is left" wait_until 5 no_pipes

# systemd and journald may start anew below it.
berthctl run -d --name stays --log-driver pipe "$BUSYBOX" sh -c 'echo before; while :; do [ ! -e /again ] || { echo after; rm /again; }; sleep 0.1; done' >/dev/null
ok "a line before" wait_until 5 eval '[ "$(lines_of stays)" = before ]'
ok "systemd executes itself anew" systemctl daemon-reexec
ok "journald starts anew" systemctl restart systemd-journald
berthctl exec stays touch /again
ok "a line after" wait_until 10 eval 'lines_of stays | grep -qx after'
berthctl rm -f stays >/dev/null

# A .container file, whose unit is written before the image is known.
mkdir -p /run/containers/systemd
printf '[Container]\nImage=%s\nNetwork=host\n' "$(image nginx)" >/run/containers/systemd/q-pipe.container
at_exit rm -f /run/containers/systemd/q-pipe.container
systemctl daemon-reload
ok "start a .container file" systemctl start q-pipe
ok "it serves" wait_until 10 curl -fs http://localhost/?quadlet
ok "its access log is its unit's" wait_until 5 eval 'journalctl -q _SYSTEMD_UNIT=q-pipe.service | grep -q "GET /?quadlet HTTP"'
ok "stop" systemctl stop q-pipe
ok "its pipes are gone" wait_until 5 no_pipes
rm -f /run/containers/systemd/q-pipe.container
systemctl daemon-reload

# Pipes that are about to go when the container starts again.
berthctl create --name again --log-driver pipe "$BUSYBOX" sh -c 'trap "echo bye; exit 0" TERM; echo hi; while :; do sleep 0.05; done' >/dev/null
again=0
for i in $(seq 20); do
        berthctl start again >/dev/null && sleep "0.$((i % 4))" && berthctl stop -t 2 again >/dev/null || again=$((again + 1))
done
is "starts and stops of 20 that failed" "$again" 0
is "first lines" "$(lines_of again | grep -cx hi)" 20

# A payload cannot keep the reader away with a lock, nor by reading its own output.
berthctl run -d --name holds "$(image nginx)" sh -c 'echo one; flock -x /proc/1/fd/1 sh -c "echo two; sleep 3"; cat /proc/1/fd/1 & sleep 0.2; echo three >&2' >/dev/null
ok "a payload that locks its output" wait_until 2 eval '[ "$(lines_of holds)" = $'"'one\\ntwo'"' ]'
is "and reads it" "$(timeout 20 berthctl wait holds)" 0
is "loses nothing of its errors" "$(lines_of holds -p err)" three

# Lines that are written in pieces are one.
berthctl run -d --name pieces --log-driver pipe "$BUSYBOX" sh -c 'printf "one "; sleep 0.1; printf "line\n"; sleep 0.1; printf "no end"' >/dev/null
berthctl wait pieces >/dev/null
is "pieces and an end without a newline" "$(lines_of pieces)" $'one line\nno end'
for i in 1 2 3 4 5; do
        berthctl run -d --name "long$i" --log-driver pipe "$BUSYBOX" sh -c 'head -c 300000 /dev/zero | tr "\0" x; echo; echo after' >/dev/null
        berthctl wait "long$i" >/dev/null
        is "a long line is whole in logs" "$(berthctl logs "long$i" | awk '{ print length() }' | paste -sd' ')" "300000 5"
done

# The end of a container is not the end of its lines.
one() {
        berthctl run -d --name "last$1" --log-driver pipe "$BUSYBOX" sh -c "echo first $1; echo last $1" >/dev/null
        berthctl wait "last$1" >/dev/null
}
export -f one
export BUSYBOX
seq 1 50 | xargs -P 5 -I{} bash -c 'one {}'
journalctl --sync
wrong=0
for i in $(seq 1 50); do
        [ "$(journalctl -q -o cat CONTAINER_NAME="last$i" _TRANSPORT=stdout)" = $'first '"$i"$'\nlast '"$i" ] || wrong=$((wrong + 1))
done
is "containers of 50 whose last lines are missing or doubled" "$wrong" 0
berthctl run -d --rm --name gone --log-driver pipe "$BUSYBOX" echo "last words" >/dev/null
ok "of a --rm container too" wait_until 10 eval '[ "$(lines_of gone)" = "last words" ]'

# The reader may die at any time; the payload may be faster than it.
start=$SECONDS
berthctl run -d --name torrent --log-driver pipe "$BUSYBOX" seq 1 200000 >/dev/null
is "200000 lines" "$(berthctl wait torrent)" 0
lines_of torrent >"$TMP/torrent"
diag "200000 lines in $((SECONDS - start)) s"
is "none lost, none doubled, in order" "$(cmp "$TMP/torrent" <(seq 1 200000) 2>&1)" ""
berthctl run -d --name killed --log-driver pipe "$BUSYBOX" sh -c 'i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); [ $((i%100)) != 0 ] || sleep 0.05; done' >/dev/null
for _ in $(seq 10); do
        systemctl kill -s KILL 'berth-log@*.service' 2>/dev/null
        sleep 0.1
done
is "readers are killed" "$(berthctl wait killed)" 0
is "and no line is lost" "$(lines_of killed | sort -nu | wc -l)" 3000
drop_containers
ok "nothing is left" wait_until 5 no_pipes
