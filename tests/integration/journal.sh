#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Output and events are in the journal: fields, priorities, nothing lost; and the
# ways in which real images write their logs.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

load_image busybox
BUSYBOX=$(image busybox)
at_exit drop_containers

lines_of() {
        journalctl --sync
        journalctl -q -o cat CONTAINER_NAME="$1" _TRANSPORT=stdout "${@:2}"
}

id=$(berthctl run -d --name talk "$BUSYBOX" sh -c 'echo to out; echo to err >&2; printf "no newline"; exit 0')
is "exit status" "$(berthctl wait talk)" 0
is "all lines are there, the last without a newline too" "$(lines_of talk | sort)" $'no newline\nto err\nto out'
is "standard error has priority err" "$(lines_of talk -p err)" "to err"
entry=$(journalctl -q -o json CONTAINER_NAME=talk MESSAGE="to out" | head -n 1)
is "CONTAINER_ID_FULL" "$(jq -r .CONTAINER_ID_FULL <<<"$entry")" "$id"
is "CONTAINER_ID is the short one" "$(jq -r .CONTAINER_ID <<<"$entry")" "${id:0:12}"
is "IMAGE_NAME" "$(jq -r .IMAGE_NAME <<<"$entry")" "$BUSYBOX"
is "the identifier is the name" "$(jq -r .SYSLOG_IDENTIFIER <<<"$entry")" talk
is "the unit is the container's" "$(jq -r ._SYSTEMD_UNIT <<<"$entry")" berth-talk.service
is "logs prints both streams where they came from" "$(berthctl logs talk 2>/dev/null | sort)" $'no newline\nto out'
is "logs prints errors on standard error" "$(berthctl logs talk 2>&1 >/dev/null)" "to err"
is "logs --tail" "$(berthctl logs --tail 1 talk 2>&1 | wc -l)" 1
ok "rm" berthctl rm talk

# journald keeps what users from 1000 on write in files of their own.
berthctl run -d --name user --user 1000 "$BUSYBOX" echo "from a user" >/dev/null
is "exit status" "$(berthctl wait user)" 0
is "logs of a container with a user" "$(berthctl logs user)" "from a user"
id=$(berthctl inspect --format '{{.Id}}' user)
setpriv --reuid 1000 --regid 1000 --clear-groups logger --journald <<FORGED
CONTAINER_ID_FULL=$id
CONTAINER_NAME=user
MESSAGE=forged
FORGED
journalctl --sync
is "the forged line is in the journal" "$(journalctl -q -o cat CONTAINER_ID_FULL="$id" MESSAGE=forged)" forged
is "but not in the container's logs" "$(berthctl logs user)" "from a user"
berthctl rm user >/dev/null

# A program may open its output anew: so do the official images of web servers.
is "/dev/stdout can be opened" "$(berthctl run --rm "$BUSYBOX" sh -c 'echo again >/dev/stdout')" again
berthctl run -d --name reopen "$BUSYBOX" sh -c \
        'echo out >/dev/stdout; echo err >/dev/stderr; ln -s /dev/stdout /tmp/log; echo linked >>/tmp/log; echo fd >/proc/self/fd/1' >/dev/null
is "also by a detached one" "$(berthctl wait reopen)" 0
is "and all of it is in the journal" "$(lines_of reopen | sort | paste -sd' ')" "err fd linked out"
berthctl rm -f reopen >/dev/null
load_image nginx
ok "a web server whose logs are links to /dev/stdout" berthctl run -d --name web --network host "$(image nginx)"
ok "it answers" wait_until 10 curl -fs http://localhost/
like "its page" "$(curl -s http://localhost/)" "Berth's test image"
ok "its access log is in the journal" wait_until 5 eval 'lines_of web | grep -q "GET / HTTP"'
berthctl rm -f web >/dev/null

# journald's own rate limit would drop most of these.
berthctl run -d --name flood "$BUSYBOX" seq 1 50000 >/dev/null
is "the flood ends" "$(berthctl wait flood)" 0
ok "50000 lines, none lost" wait_until 20 eval '[ "$(lines_of flood | wc -l)" = 50000 ]'
is "in order" "$(lines_of flood | sort -n -c 2>&1)" ""
berthctl rm flood >/dev/null

# logs -f follows and ends with the container.
berthctl run -d --name follow "$BUSYBOX" sh -c 'echo one; sleep 1; echo two' >/dev/null
is "logs -f" "$(timeout 20 berthctl logs -f follow)" $'one\ntwo'
berthctl rm -f follow >/dev/null

# Events, live and afterwards.
timeout 60 berthctl events --filter container=tell >"$TMP/events" &
watcher=$!
at_exit kill "$watcher"
sleep 0.5
berthctl run -d --name tell "$BUSYBOX" sleep 1000 >/dev/null
berthctl stop -t 0 tell >/dev/null
berthctl rm tell >/dev/null
for status in create start died remove; do
        ok "live event: $status" wait_until 5 grep -qE "container $status" "$TMP/events"
done
journalctl --sync
like "events in the journal" "$(journalctl -q -o json BERTH_EVENT=died CONTAINER_NAME=tell | jq -r '.CONTAINER_NAME + " " + .MESSAGE_ID')" \
        '^tell [0-9a-f]{32}$'
like "with a text in the catalog" "$(journalctl -q -x BERTH_EVENT=died CONTAINER_NAME=tell)" 'Subject: Container tell has ended'
like "events of the past" "$(berthctl events --no-stream --since 5m --filter container=tell)" 'container died'
