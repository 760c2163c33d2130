#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# berthctl run in the foreground and in the background: bytes, descriptors, signals, statuses, files.
# shellcheck source=tests/integration/lib.sh disable=SC2016 # the shells inside expand it
. "$(dirname -- "$0")/lib.sh"

load_image busybox
BUSYBOX=$(image busybox)
at_exit drop_containers

run() {
        berthctl run --rm "$@"
}

is "output" "$(run "$BUSYBOX" echo hello)" hello
is "errors come out on the standard error" "$(run "$BUSYBOX" sh -c 'echo out; echo err >&2' 2>&1 >/dev/null)" err
is "and output on the standard output" "$(run "$BUSYBOX" sh -c 'echo out; echo err >&2' 2>/dev/null)" out
is "input" "$(echo hello | run -i "$BUSYBOX" cat)" hello
ok "a closed input is an empty one" bash -c "berthctl run --rm $BUSYBOX cat <&-"

head -c 5000000 /dev/urandom >"$TMP/random"
is "5 MB of any bytes through input and output" "$(run -i "$BUSYBOX" cat <"$TMP/random" | sha256sum)" "$(sha256sum <"$TMP/random")"
is "and without a copy" "$(run --log-driver none -i "$BUSYBOX" cat <"$TMP/random" | sha256sum)" "$(sha256sum <"$TMP/random")"
is "no newline is added" "$(run "$BUSYBOX" printf 'a\nb' | od -An -c | tr -d ' ')" 'a\nb'
ok "a pipeline whose reader leaves ends the container" timeout 20 bash -c "berthctl run --rm $BUSYBOX yes | head -n 1"
ok "also without a copy" timeout 20 bash -c "berthctl run --rm --log-driver passthrough $BUSYBOX yes | head -n 1"

for status in 0 1 42 125 126 127 255; do
        run "$BUSYBOX" sh -c "exit $status" 2>/dev/null
        is "exit status $status" "$?" "$status"
done
berthctl run --rm --name killed "$BUSYBOX" sleep 100 &
wait_until 20 berthctl kill killed
wait $!
is "ended by a signal" "$?" 137
fails_with 127 'nosuchcommand' berthctl run --rm "$BUSYBOX" nosuchcommand
fails_with 126 'etc' berthctl run --rm "$BUSYBOX" /etc
fails_with 125 'nosuchuser' berthctl run --rm -u nosuchuser "$BUSYBOX" true
is "nothing is left of all that" "$(berthctl ps -aq)" ""

signalled() {
        local name=signal-$1
        berthctl run --rm --name "$name" "$BUSYBOX" sh -c "trap 'echo got $1; exit 9' $1; echo ready; while :; do sleep 0.05; done" >"$TMP/$name" 2>&1 &
        wait_until 20 grep -q ready "$TMP/$name"
        kill -s "$1" $!
        wait $!
        echo "$? $(tail -n 1 "$TMP/$name")"
}
for signal in INT TERM HUP QUIT USR1 USR2; do
        is "SIG$signal is passed on" "$(set -m; signalled "$signal" 2>/dev/null)" "9 got $signal"
done

# berthd is killed while clients wait.
berthctl run --name survives "$BUSYBOX" sh -c 'echo before; while [ ! -e /stop ]; do sleep 0.05; done; echo after; exit 6' >"$TMP/survives" &
CLIENT=$!
wait_until 20 grep -q before "$TMP/survives"
berthctl wait survives >"$TMP/waited" &
WAITER=$!
berthctl logs -f survives >"$TMP/followed" &
FOLLOWER=$!
sleep 0.3
systemctl kill -s KILL berthd.service
sleep 0.3
berthctl exec survives touch /stop
wait $CLIENT
is "a foreground run outlives berthd" "$? $(xargs <"$TMP/survives")" "6 before after"
wait $WAITER
is "so does wait" "$? $(cat "$TMP/waited")" "0 6"
wait $FOLLOWER
is "and logs -f" "$? $(xargs <"$TMP/followed")" "0 before after"
berthctl rm survives >/dev/null

# A payload that is not ready yet gets signals too.
berthctl run --rm --name unready --sdnotify container "$BUSYBOX" sh -c 'trap "exit 8" INT; echo started; while :; do sleep 0.05; done' >"$TMP/unready" 2>&1 &
CLIENT=$!
wait_until 20 grep -q started "$TMP/unready"
kill -INT $CLIENT
wait_until 10 bash -c "! kill -0 $CLIENT"
ok "a signal before the payload is ready ends it" bash -c "! kill -0 $CLIENT"
kill -KILL $CLIENT 2>/dev/null

id=$(berthctl run -d --name back --cidfile "$TMP/cid" "$BUSYBOX" sleep 1000)
like "run -d prints the ID" "$id" '^[0-9a-f]{64}$'
is "and writes it to --cidfile" "$(cat "$TMP/cid")" "$id"
fails_with 125 'File exists' berthctl run -d --cidfile "$TMP/cid" "$BUSYBOX" true
fails_with 125 'back' berthctl run -d --name back "$BUSYBOX" true
fails_with 125 '--replace' berthctl run -d --name back "$BUSYBOX" true
other=$(berthctl run -d --replace --name back "$BUSYBOX" sleep 1000)
is "--replace takes the name over" "$(berthctl inspect -f '{{.Id}}' back)" "$other"
is "and the old one is gone" "$(berthctl ps -aq | wc -l)" 1
berthctl rm -f -t 0 back >/dev/null

printf 'A=1\n# comment\nB=two words\nHOME_OF_TEST\nNOT_SET_HERE\n\n' >"$TMP/env"
is "--env-file" "$(HOME_OF_TEST=here run --env-file "$TMP/env" "$BUSYBOX" sh -c 'echo $A/$B/$HOME_OF_TEST/${NOT_SET_HERE-none}')" "1/two words/here/none"
is "-e NAME" "$(FROM_US=yes run -e FROM_US "$BUSYBOX" sh -c 'echo $FROM_US')" yes
is "arguments are passed as they are" "$(run "$BUSYBOX" printf '<%s>' 'a b' '' $'c\nd' '$HOME' '%n' "'")" "<a b><>"$'<c\nd>''<$HOME><%n><'"'>"
is "flags behind the image are the command's" "$(run "$BUSYBOX" echo --rm -d)" "--rm -d"

id=$(berthctl create --name made --label a=b "$BUSYBOX" sh -c 'cat; echo err >&2; exit 4')
like "create prints the ID" "$id" '^[0-9a-f]{64}$'
is "start -a is in the foreground" "$(echo hello | berthctl start -a -i made 2>/dev/null; echo $?)" "hello"$'\n'4
is "and without -i has no input" "$(echo hello | berthctl start -a made 2>/dev/null; echo $?)" 4
berthctl rm made >/dev/null

unnamed=$(berthctl create "$BUSYBOX" true)
like "a name is made up" "$(berthctl inspect -f '{{.Name}}' "$unnamed")" '^[a-z]+_[a-z]+[0-9]*$'
fails_with 125 'terminal' berthctl run --rm -t "$BUSYBOX" true
