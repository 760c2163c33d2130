#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What containers write can be read again: every line, in order, split by stream; events tell what happened.
# shellcheck source=tests/integration/lib.sh disable=SC2016 # the shells inside expand it
. "$(dirname -- "$0")/lib.sh"

load_image busybox
BUSYBOX=$(image busybox)
at_exit drop_containers
START=$(date +%s)

berthctl run -d --name both "$BUSYBOX" sh -c 'for i in 1 2 3; do echo out $i; echo err $i >&2; done' >/dev/null
berthctl wait both >/dev/null
is "output" "$(berthctl logs both 2>/dev/null | xargs)" "out 1 out 2 out 3"
is "errors" "$(berthctl logs both 2>&1 >/dev/null | xargs)" "err 1 err 2 err 3"
is "--tail" "$(berthctl logs --tail 2 both 2>/dev/null | wc -l) $(berthctl logs --tail 2 both 2>&1 | wc -l)" "$(berthctl logs --tail 2 both 2>/dev/null | wc -l) 2"
is "--tail 0" "$(berthctl logs --tail 0 both 2>&1)" ""
is "--tail of more than there is" "$(berthctl logs --tail 100 both 2>&1 | wc -l)" 6
is "-n" "$(berthctl logs -n both 2>/dev/null | head -n 1)" "both out 1"
like "-t" "$(berthctl logs -t both 2>/dev/null)" '^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{9}[+-][0-9]{2}:[0-9]{2} out 1$'
is "--since the future" "$(berthctl logs --since "$(date -d '+1 hour' +%Y-%m-%dT%H:%M:%S)" both 2>&1)" ""
is "--since 1h" "$(berthctl logs --since 1h both 2>&1 | wc -l)" 6
is "--until 1h" "$(berthctl logs --until 1h both 2>&1)" ""
is "-f ends when the container has ended" "$(timeout 20 berthctl logs -f both 2>&1 | wc -l)" 6
is "journalctl shows the same" "$(journalctl -q -o cat CONTAINER_NAME=both _TRANSPORT=stdout | wc -l)" 6

# Following one that runs: every line up to the last, then an end.
berthctl run -d --name slow "$BUSYBOX" sh -c 'for i in $(seq 20); do echo $i; sleep 0.05; done; echo -n last' >/dev/null
is "-f follows to the last line" "$(timeout 30 berthctl logs -f slow | xargs)" "$(seq 20 | xargs) last"

# Foreground runs are logged as well.
berthctl run --name front "$BUSYBOX" sh -c 'echo out; echo err >&2; printf "a\nb\n\nno newline"' >/dev/null 2>&1
is "a foreground run is in the log" "$(berthctl logs front 2>/dev/null)" $'out\na\nb\n\nno newline'
is "its errors too" "$(berthctl logs front 2>&1 >/dev/null)" err
is "journalctl -u finds them" "$(journalctl -q -o cat -u berth-front.service CONTAINER_NAME=front PRIORITY=3)" err
is "fields" "$(journalctl -q -o json CONTAINER_NAME=front PRIORITY=3 | python3 -c 'import json,sys; e=json.loads(sys.stdin.readline()); print(e["IMAGE_NAME"], e["CONTAINER_ID_FULL"][:12] == e["CONTAINER_ID"], e["SYSLOG_IDENTIFIER"])')" "$BUSYBOX True front"

berthctl run --name flood "$BUSYBOX" seq 30000 | sha256sum >"$TMP/sum"
is "30,000 lines come through" "$(cat "$TMP/sum")" "$(seq 30000 | sha256sum)"
is "and into the log, in order" "$(berthctl logs flood | sha256sum)" "$(seq 30000 | sha256sum)"
is "--tail of many" "$(berthctl logs --tail 3 flood | xargs)" "29998 29999 30000"
berthctl run -d --name floods "$BUSYBOX" seq 30000 >/dev/null
berthctl wait floods >/dev/null
is "30,000 lines of one in the background" "$(berthctl logs floods | sha256sum)" "$(seq 30000 | sha256sum)"
for mode in "" -d; do
        # shellcheck disable=SC2086
        berthctl run $mode --name "long$mode" "$BUSYBOX" sh -c 'head -c 200000 /dev/zero | tr "\0" x; echo; echo short' >/dev/null
        berthctl wait "long$mode" >/dev/null
        is "a line of 200,000 bytes is one line (run $mode)" "$(berthctl logs "long$mode" | awk '{ print length }' | xargs)" "200000 5"
done
berthctl run --name bytes "$BUSYBOX" printf 'a\000b\377c\n' >/dev/null
is "any bytes" "$(berthctl logs bytes | od -An -tx1 | xargs)" "61 00 62 ff 63 0a"

is "several containers: the ID before each line" "$(berthctl logs both front 2>/dev/null | grep -c "^$(berthctl inspect -f '{{.Id}}' front | cut -c1-12) ")" 5
printf_on_terminal() {
        script -qec "berthctl logs evil" /dev/null </dev/null
}
berthctl run --name evil "$BUSYBOX" printf '\033[31mred\033[0m \033[2J\033]0;title\007\n' >/dev/null
if command -v script >/dev/null; then
        is "on a terminal only colours are passed" "$(printf_on_terminal | tr -d '\r' | cat -v)" '^[[31mred^[[0m \x1b[2J\x1b]0;title\x07'
else
        skip "on a terminal only colours are passed" "script(1) is not installed"
fi
berthctl run --name silent --log-driver none "$BUSYBOX" echo hi >/dev/null
fails_with 125 'log driver' berthctl logs silent
if id nobody >/dev/null 2>&1; then
        fails_with 125 'systemd-journal' setpriv --reuid nobody --regid nogroup --clear-groups berthctl events --no-stream
fi

# Events.
berthctl events --since "$START" --no-stream --filter container=both >"$TMP/events"
is "the life of a container" "$(awk '{ print $6 }' "$TMP/events" | xargs)" "create start died"
like "as podman writes them" "$(head -n 1 "$TMP/events")" "^20[0-9-]+ [0-9:.]+ [+-][0-9]{4} [A-Z+0-9-]+ container create [0-9a-f]{64} \(image=$BUSYBOX, name=both"
like "with the exit status" "$(grep died "$TMP/events")" 'containerExitCode=0'
is "JSON, one per line" "$(berthctl events --since "$START" --no-stream -f container=both --format json | python3 -c 'import json,sys; print([json.loads(l)["Status"] for l in sys.stdin])')" "['create', 'start', 'died']"
is "template" "$(berthctl events --since "$START" --no-stream -f container=both -f event=died --format '{{.Name}} {{.Attributes.containerExitCode}}')" "both 0"
ID=$(journalctl -q -o json BERTH_EVENT=died -n 1 | python3 -c 'import json,sys; print(json.loads(sys.stdin.readline())["MESSAGE_ID"])')
printf 'MESSAGE=forged\nMESSAGE_ID=%s\nBERTH_EVENT=died\nBERTH_EVENT_TYPE=container\nCONTAINER_NAME=forged\n' "$ID" >"$TMP/forged"
chmod 755 "$TMP"
setpriv --reuid nobody --regid nogroup --clear-groups logger --journald="$TMP/forged"
journalctl --sync
is "an entry that somebody made up is in the journal" "$(journalctl -q -o cat CONTAINER_NAME=forged)" forged
is "and no event" "$(berthctl events --no-stream --filter container=forged)" ""
berthctl events --filter event=remove --format '{{.Name}}' >"$TMP/follow" &
FOLLOWER=$!
at_exit kill $FOLLOWER
sleep 0.3
berthctl rm both >/dev/null
ok "events come as they happen" wait_until 10 grep -qx both "$TMP/follow"
ok "--until a time to come ends" timeout 10 berthctl events --until "$(date -d '+1 second' +%s)"
