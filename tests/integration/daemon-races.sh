#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Many clients at once, systemd that re-executes itself, a daemon that leaves at
# any moment: every call is answered, and nothing is left behind.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

load_image busybox
BUSYBOX=$(image busybox)
at_exit drop_containers
CLIENTS=8 ROUNDS=25 NAMES=4

pid_of_daemon() {
        systemctl show --value -p MainPID berthd.service
}

# A client that does anything to containers of a few names, which others use too. 124 is a call without an answer.
client() {
        local log=$1 i name
        for ((i = 0; i < ROUNDS; i++)); do
                name=race$((RANDOM % NAMES))
                case $((RANDOM % 10)) in
                0) timeout 60 berthctl create --name "$name" "$BUSYBOX" sleep 100 ;;
                1 | 2) timeout 60 berthctl run -d --name "$name" "$BUSYBOX" sleep 100 ;;
                3) timeout 60 berthctl run --rm --name "$name" "$BUSYBOX" true ;;
                4) timeout 60 berthctl start "$name" ;;
                5) timeout 60 berthctl stop -t 0 "$name" ;;
                6) timeout 60 berthctl rm -f "$name" ;;
                7) timeout 60 berthctl rm "$name" ;;
                8) timeout 60 berthctl exec "$name" true ;;
                9) timeout 60 berthctl restart -t 0 "$name" ;;
                esac >>"$log.out" 2>&1
                echo $? >>"$log"
        done
}

# Records of what ended while no daemon was there are kept a while for those who wait.
traces() {
        find /var/lib/berth/containers /run/berth/start /run/berth/exit /run/berth/exec -mindepth 1 | sort
}

empty() {
        [ "$(traces)" = "$traces_before" ]
}

before=$(pid_of_daemon) traces_before=$(traces)
for ((k = 0; k < CLIENTS; k++)); do
        client "$TMP/client$k" &
done
wait
is "every call is answered" "$(cat "$TMP"/client?? "$TMP"/client? 2>/dev/null | sort | uniq -c | awk '$2 == 124 { print $1 }')" ""
is "and every one was made" "$(cat "$TMP"/client? | wc -l)" $((CLIENTS * ROUNDS))
ok "and some did what was asked" grep -qx 0 "$TMP"/client0
is "by the same daemon" "$(pid_of_daemon)" "$before"
ok "what is left can be removed" berthctl rm -f -a
ok "then nothing is left on disk" wait_until 10 empty
is "and no unit" "$(systemctl list-units --all --plain --no-legend 'berth-race*' 'berth_exec-*')" ""
is "and no link to one" "$(find /run/systemd/system -name 'berth-race*')" ""

# systemd makes one job of what several ask for.
berthctl run -d --name wanted "$BUSYBOX" sh -c 'trap "sleep 0.3; exit" TERM; sleep 1000 & wait' >/dev/null
unanswered=0 clients=()
for ((k = 0; k < CLIENTS; k++)); do
        timeout 20 berthctl stop wanted >/dev/null &
        clients+=($!)
done
for client in "${clients[@]}"; do
        wait "$client" || unanswered=$((unanswered + 1))
done
is "many that stop one container are all answered" "$unanswered" 0
berthctl rm wanted >/dev/null

# One name is one container's.
for ((k = 0; k < CLIENTS; k++)); do
        berthctl create --name one "$BUSYBOX" true >>"$TMP/made" 2>>"$TMP/refused" &
done
wait
is "of many that want a name one gets it" "$(wc -l <"$TMP/made")" 1
is "and the others are told whose it is" "$(grep -c "in use by container $(cat "$TMP/made")" "$TMP/refused")" $((CLIENTS - 1))
berthctl rm one >/dev/null

# The connection to systemd breaks again and again.
berthctl run -d --name steady "$BUSYBOX" sleep 1000 >/dev/null
for ((i = 0; i < 6; i++)); do
        sleep 0.5
        systemctl daemon-reexec
done &
wrong=0 lost=0
for ((i = 0; i < 20; i++)); do
        berthctl run --rm "$BUSYBOX" sh -c "exit $i"
        [ $? = "$i" ] || wrong=$((wrong + 1))
        # systemd may forget the unit of an exec session on the way: that is told, never a wrong status.
        berthctl exec steady sh -c "exit $i" 2>>"$TMP/reexec"
        status=$?
        [ "$status" = "$i" ] || [ "$status" = 125 ] || wrong=$((wrong + 1))
        [ "$status" != 125 ] || lost=$((lost + 1))
done
is "runs and execs survive that systemd re-executes itself" "$wrong" 0
ok "$lost of 20 execs were lost, few" test "$lost" -le 10
unlike "an exec that was lost is told as such" "$(cat "$TMP/reexec")" '^Error: .*(internal|Unknown)'
wrong=0
for ((i = 0; i < 10; i++)); do
        berthctl restart -t 0 steady >/dev/null || wrong=$((wrong + 1))
        berthctl stop -t 0 steady >/dev/null || wrong=$((wrong + 1))
        berthctl start steady >/dev/null || wrong=$((wrong + 1))
done
wait
is "so do restart, stop and start" "$wrong" 0
is "and it runs" "$(berthctl inspect --format '{{.State.Status}}' steady)" running
berthctl rm -f steady >/dev/null

# The daemon leaves at any moment, and no call falls into the gap.
mkdir -p /run/systemd/system/berthd.service.d
cat >/run/systemd/system/berthd.service.d/idle.conf <<'END'
[Unit]
StartLimitIntervalSec=0
[Service]
ExecStart=
ExecStart=/usr/lib/berth/berthd --idle-time=60ms
END
at_exit 'rm -f /run/systemd/system/berthd.service.d/idle.conf; systemctl daemon-reload; systemctl stop berthd.service'
systemctl daemon-reload
systemctl stop berthd.service
wrong=0
for ((i = 0; i < 60; i++)); do
        sleep "0.0$((50 + RANDOM % 40))"
        busctl call io.berth1 /io/berth1 io.berth1.Runtime Info >/dev/null 2>>"$TMP/gap" || wrong=$((wrong + 1))
done
for ((i = 0; i < 20; i++)); do
        sleep "0.0$((50 + RANDOM % 40))"
        berthctl run --rm "$BUSYBOX" sh -c "exit $i" 2>>"$TMP/gap"
        [ $? = "$i" ] || wrong=$((wrong + 1))
done
is "a daemon that leaves all the time misses no call" "$wrong $(cat "$TMP/gap")" "0 "
like "it did leave" "$(journalctl -u berthd.service -o cat | grep -c Deactivated)" '^[1-9]'
