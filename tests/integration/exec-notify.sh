#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Payloads that say themselves when they are ready: the unit waits for them, and
# what they say beyond that does not reach the service manager.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

load_image debian
DEBIAN=$(image debian)
at_exit drop_containers

# say TEXT: one message, by the perl of the image.
# shellcheck disable=SC2016 # perl's
say='say() { perl -MSocket -e '\''socket(S, AF_UNIX, SOCK_DGRAM, 0); connect(S, sockaddr_un($ENV{NOTIFY_SOCKET})) or die "connect: $!\n"; send(S, shift, 0) or die "send: $!\n"'\'' "$1"; }'

run() {
        berthctl run -d --network none --sdnotify container "$@" >/dev/null
}

main_pid() {
        systemctl show -P MainPID "berth-$1.service"
}

sleep 1000 &
VICTIM=$!
at_exit kill "$VICTIM"

began=$(date +%s%N)
run --name ready "$DEBIAN" sh -c "$say; sleep 1; say 'READY=1
STATUS=at work'; exec sleep 1000"
ok "the start waits for the payload" test $((($(date +%s%N) - began) / 1000000)) -ge 900
is "its status is the unit's" "$(systemctl show -P StatusText berth-ready.service)" "at work"
is "the unit's main process is the payload" "$(cat "/proc/$(main_pid ready)/comm")" sleep
ok "nothing of ours stays" wait_until 5 test "$(wc -l <"/sys/fs/cgroup$(systemctl show -P ControlGroup berth-ready.service)/cgroup.procs")" = 1

run --name liar "$DEBIAN" sh -c "$say; say 'MAINPID=$VICTIM'; say 'MAINPID=$VICTIM
FDSTORE=1
EXTEND_TIMEOUT_USEC=99999999999
READY=1'; exec sleep 1000"
is "it cannot name another main process" "$(cat "/proc/$(main_pid liar)/comm"; [ "$(main_pid liar)" != "$VICTIM" ] && echo own)" "sleep
own"
berthctl stop -t 1 liar >/dev/null
ok "and the other one lives on when it is stopped" kill -0 "$VICTIM"

run --name user --user 1234 "$DEBIAN" sh -c "$say; say READY=1; exec sleep 1000"
is "a payload that is not root can say it, too" "$(systemctl show -P SubState berth-user.service)" running

run --name large "$DEBIAN" sh -c "$say; say \"\$(printf 'READY=1\nX=%05000d' 0)\" ; say \"STATUS=\$(printf '%0300d' 0)\"; say READY=1; exec sleep 1000"
is "what is too long is dropped" "$(systemctl show -P StatusText berth-large.service)" ""

status=0
timeout 20 berthctl run --rm --network none --sdnotify container "$DEBIAN" sh -c 'sleep 0.3; exit 7' </dev/null >/dev/null 2>&1 || status=$?
is "one that ends before it is ready gives its status" "$status" 7
is "without --sdnotify there is no socket" "$(berthctl run --rm --network none "$DEBIAN" sh -c 'echo "$NOTIFY_SOCKET"; ls /run/notify 2>/dev/null')" ""
is "with ignore neither" "$(berthctl run --rm --network none --sdnotify ignore "$DEBIAN" sh -c 'echo "$NOTIFY_SOCKET"')" ""
is "no socket is left" "$(find /run/berth -name "notify*")" ""
