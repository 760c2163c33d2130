#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The daemon, or the child that writes for it, is killed at each system call that changes
# something or says something: an operation that was answered is done, one that was not is
# wholly there or wholly absent, and nothing half made stays. $BERTH_KILL_SAMPLE=1 takes
# every call (minutes); the default is every so many of them, with a random beginning.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

command -v strace >/dev/null || skip_all "strace is not installed"
load_image busybox
BUSYBOX=$(image busybox)
SAMPLE=${BERTH_KILL_SAMPLE:-5}
CALLS=(clone openat mkdirat write fchmod fchmodat fsync renameat unlinkat unlink sendmsg)
at_exit drop_containers

mkdir -p /run/systemd/system/berthd.service.d
printf '[Unit]\nStartLimitIntervalSec=0\n' >/run/systemd/system/berthd.service.d/kill.conf
at_exit 'rm -f /run/systemd/system/berthd.service.d/kill.conf; systemctl daemon-reload'
systemctl daemon-reload

daemon() {
        systemctl show --value -p MainPID berthd.service
}

traced() {
        grep -q '^TracerPid:[[:space:]]*[1-9]' "/proc/$1/status"
}

# kill_at CALL N COMMAND...: the command's status; whether anything was killed is in KILLED.
kill_at() {
        local call=$1 n=$2 pid tracer status=0
        shift 2
        pid=$(daemon)
        strace -f -q -o "$TMP/trace" -e "trace=$call" -e "inject=$call:signal=SIGKILL:when=$n" -p "$pid" 2>/dev/null &
        tracer=$!
        wait_until 5 traced "$pid" || return 99
        timeout 30 "$@" >/dev/null 2>&1 || status=$?
        sleep 0.1
        kill "$tracer" 2>/dev/null
        wait "$tracer" 2>/dev/null
        grep -q 'killed by SIGKILL' "$TMP/trace" && KILLED=1 || KILLED=0
        systemctl reset-failed berthd.service 2>/dev/null
        return "$status"
}

swept() {
        [ -z "$(find /var/lib/berth/containers -mindepth 1 -maxdepth 1 -name '.*')" ]
}

# What is on disk is what the daemon shows, and it can be read.
consistent() {
        local id
        berthctl ps -a >/dev/null || return 1
        wait_until 10 swept || return 1
        [ "$(berthctl ps -aq --no-trunc | sort)" = "$(find /var/lib/berth/containers -mindepth 1 -maxdepth 1 -printf '%f\n' | sort)" ] || return 1
        for id in $(berthctl ps -aq --no-trunc); do
                berthctl inspect "$id" >/dev/null || return 1
        done
        [ -z "$(find /var/lib/berth/damaged -mindepth 1 2>/dev/null)" ]
}

# sweep TEXT PREPARE COMMAND DONE: eval'ed; DONE tells whether the command's effect is there.
sweep() {
        local text=$1 prepare=$2 command=$3 is_done=$4 call n status points=0 turn=$((RANDOM % SAMPLE)) wrong=''
        for call in "${CALLS[@]}"; do
                for ((n = 1; n < 100; n++)); do
                        ((turn++ % SAMPLE == 0)) || continue
                        eval "$prepare" >/dev/null 2>&1
                        berthctl ps >/dev/null
                        status=0
                        kill_at "$call" "$n" bash -c "$command" || status=$?
                        [ "$status" != 124 ] || wrong+=" $call-$n:hangs"
                        [ "$status" != 99 ] || wrong+=" $call-$n:untraced"
                        consistent || wrong+=" $call-$n:inconsistent"
                        [ "$status" != 0 ] || eval "$is_done" >/dev/null 2>&1 || wrong+=" $call-$n:answered-but-not-done"
                        [ "$KILLED" = 1 ] || break
                        points=$((points + 1))
                done
        done
        is "$text, killed at $points points" "$wrong" ""
}

sweep "create" 'berthctl rm -f killed' "berthctl create --name killed $BUSYBOX sleep 1000" \
        'berthctl container exists killed'
sweep "start" "berthctl rm -f killed; berthctl create --name killed $BUSYBOX sleep 1000" 'berthctl start killed' \
        '[ "$(berthctl inspect -f "{{.State.Status}}" killed)" = running ]'
sweep "stop" 'berthctl start killed' 'berthctl stop -t 0 killed' \
        '[ "$(berthctl inspect -f "{{.State.Status}}" killed)" = exited ]'
sweep "rm" "berthctl create --name killed $BUSYBOX sleep 1000" 'berthctl rm killed' \
        '! berthctl container exists killed'
sweep "run --rm" true "berthctl run --rm $BUSYBOX true" true
berthctl rm -f -a >/dev/null
ok "then nothing is left" wait_until 10 eval '[ -z "$(ls -A /var/lib/berth/containers)" ]'
is "and no unit" "$(systemctl list-units --all --plain --no-legend 'berth-killed*')" ""
