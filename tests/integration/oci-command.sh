#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The executor as an OCI runtime: every command, the life of a container, what is left after it, and what happens when two
# commands meet or a file is damaged.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/integration/bundle.bash
. "$(dirname -- "$0")/bundle.bash"

# With control groups, unlike the tests of configurations.
rt() {
        "$OCI_EXEC" --root "$TMP/oci" "$@"
}

# A container keeps its streams, and nobody shall wait for their end.
quiet() {
        "$@" >"$TMP/quiet" 2>&1 </dev/null && return
        cat "$TMP/quiet"
        return 1
}

status_of() {
        rt state "$1" | jq -r .status
}

is_status() {
        [ "$(status_of "$1")" = "$2" ]
}

at_exit eval "for id in \$(rt list -q); do rt delete -f \$id; done"
SLEEP='.process.args = ["sleep", "1000"]'
make_bundle "$TMP/b" "$SLEEP"
cd "$TMP" || exit 1

# Life.
fails_with 1 'does not exist' rt state c1
ok "create" quiet rt create --bundle b --pid-file "$TMP/pid" c1
is "created" "$(status_of c1)" created
is "the number in the PID file" "$(cat "$TMP/pid")" "$(rt state c1 | jq .pid)"
is "state: bundle, version, annotations" "$(rt state c1 | jq -c '[.bundle, .ociVersion, .annotations]')" "[\"$TMP/b\",\"1.0.2\",{}]"
is "the process waits" "$(tr '\0' ' ' <"/proc/$(cat "$TMP/pid")/cmdline" | grep -c sleep)" 0
is "its group" "$(grep 0:: "/proc/$(cat "$TMP/pid")/cgroup")" "0::/c1"
fails_with 1 'exists already' rt create --bundle b c1
fails_with 1 'it is created' rt delete c1
ok "start" rt start c1
is "running" "$(status_of c1)" running
is "the payload" "$(tr '\0' ' ' <"/proc/$(cat "$TMP/pid")/cmdline")" "sleep 1000 "
fails_with 1 'it is running' rt start c1
fails_with 1 'it is running' rt delete c1
is "ps" "$(rt ps --format json c1 | jq -c .)" "[$(cat "$TMP/pid")]"
like "ps as a table" "$(rt ps c1)" 'PID.*CMD'
is "ps with options" "$(rt ps c1 -o pid,args | tail -n 1 | tr -s ' ' | sed 's/^ //')" "$(cat "$TMP/pid") sleep 1000"
is "list" "$(rt list -q)" c1
like "list as a table" "$(rt list)" "^c1 +$(cat "$TMP/pid") +running +$TMP/b "
is "list as JSON" "$(rt list --format json | jq -r '.[0].id')" c1
ok "pause" rt pause c1
is "paused" "$(status_of c1)" paused
fails_with 255 'is paused' rt exec c1 true
fails_with 1 'it is paused' rt pause c1
ok "resume" rt resume c1
is "running again" "$(status_of c1)" running
fails_with 1 'it is running' rt resume c1
fails_with 1 'not a signal' rt kill c1 FROB
ok "kill" rt kill c1 KILL
ok "stopped" wait_until 5 is_status c1 stopped
is "a stopped one has no process" "$(rt state c1 | jq .pid)" 0
fails_with 1 'not running' rt kill c1 KILL
fails_with 255 'not running' rt exec c1 true
ok "delete" rt delete c1
fails_with 1 'does not exist' rt delete c1
ok "delete --force of what is not there" rt delete --force c1
is "no group is left" "$(ls -d /sys/fs/cgroup/c1 2>&1)" "ls: cannot access '/sys/fs/cgroup/c1': No such file or directory"
is "no state is left" "$(ls "$TMP/oci")" ""

# IDs.
for id in . .. ../x a/b '' 'a b' $'a\nb' .hidden; do
        fails_with 1 'container ID' rt state "$id"
done

# Who is first with start; the others are told.
quiet rt create --bundle b race
for _ in 1 2 3 4 5 6; do
        rt start race >/dev/null 2>&1 && echo won &
done >"$TMP/won"
wait
is "of six starts one is the first" "$(wc -l <"$TMP/won")" 1
is "and it runs" "$(status_of race)" running
ok "delete --force of a running one" rt delete --force race

# A number that has become another process's. The kernel counts their beginnings in hundredths of a second.
quiet rt create --bundle b stale
sleep 0.1
sleep 1000 &
OTHER=$!
jq --argjson pid "$OTHER" '.pid = $pid' "$TMP/oci/stale/status" >"$TMP/status" && mv "$TMP/status" "$TMP/oci/stale/status"
is "another's process is no container" "$(status_of stale)" stopped
fails_with 1 'no such process' rt kill stale KILL
ok "delete of it" rt delete --force stale
ok "the other process lives" kill -0 "$OTHER"
kill "$OTHER"

# Damage.
for junk in '' '{' '[]' '{"id":"j"}' '{"id":"other","bundle":"/"}' '{"id":"j","bundle":"/","pid":1}' \
        '{"id":"j","bundle":"/","pid":-5}' '{"id":"j","bundle":"/","cgroup":"/../.."}' "$(head -c 100000 /dev/zero | tr '\0' '[')"; do
        mkdir -p "$TMP/oci/j"
        printf %s "$junk" >"$TMP/oci/j/status"
        fails_with 1 'cannot be read' rt state j
done
mkdir -p "$TMP/oci/empty"
like "a damaged one does not hide the others" "$(rt list 2>&1)" 'state of container j cannot be read'
ok "delete --force of a damaged one" rt delete --force j
ok "delete --force of an empty one" rt delete --force empty
mkfifo "$TMP/oci/fifo" && fails_with 1 'does not exist' rt state fifo
rm "$TMP/oci/fifo"

# run, exec, statuses.
make_bundle "$TMP/b7" "$(sh_args 'echo out; echo err >&2; exit 7')"
is "run: output and status" "$(rt run --bundle b7 r1 2>&1; echo "$?")" $'out\nerr\n7'
make_bundle "$TMP/bkill" "$(sh_args 'kill -9 $$; sleep 5')"
is "nothing is left of it" "$(rt list -q)" ""
is "run --keep" "$(rt run --keep --bundle b7 r2 >/dev/null 2>&1; status_of r2)" stopped
rt delete r2
make_bundle "$TMP/bnone" '.process.args = ["/none"]'
fails_with 1 'no such file or directory' rt run --bundle bnone r3
make_bundle "$TMP/betc" '.process.args = ["/etc"]'
fails_with 1 'permission denied' rt run --bundle betc r3
fails_with 1 'no such file or directory' rt create --bundle bnone r3
is "nothing is left of what failed" "$(rt list -q; ls -d /sys/fs/cgroup/r3 2>/dev/null)" ""
quiet rt run -d --bundle b --pid-file "$TMP/pid" e1
is "run --detach" "$(status_of e1)" running
is "exec: status" "$(rt exec e1 sh -c 'exit 9' </dev/null; echo "$?")" 9
is "exec: killed" "$(rt exec e1 sh -c 'kill -15 $$; sleep 9' </dev/null; echo "$?")" 143
fails_with 255 'no such file or directory' rt exec e1 /none
is "exec: user, environment, directory" "$(rt exec -u 1000:1000 -e A=b -e PATH=/bin:/x --cwd /tmp e1 sh -c 'id -u; id -g; echo $A $PATH; pwd' </dev/null)" \
        $'1000\n1000\nb /bin:/x\n/tmp'
jq -n '{args: ["sh", "-c", "id -u; echo $X; grep CapEff /proc/self/status"], cwd: "/", env: ["PATH=/bin", "X=y"], user: {uid: 7, gid: 8}}' >"$TMP/process.json"
is "exec --process" "$(rt exec --process process.json e1 </dev/null)" $'7\ny\nCapEff:\t0000000000000000'
quiet rt exec -d --pid-file "$TMP/xpid" e1 sleep 500
is "exec --detach --pid-file" "$(tr '\0' ' ' <"/proc/$(cat "$TMP/xpid")/cmdline")" "sleep 500 "
is "it is in the container's group" "$(rt ps -f json e1 | jq length)" 2
ok "kill --all" rt kill --all e1 KILL
ok "all have ended" wait_until 5 bash -c "! kill -0 $(cat "$TMP/xpid")"
rt delete e1
fails_with 1 'does not exist' rt exec e1 true
fails_with 1 'No command is called' rt frob
fails_with 1 'Unknown option' rt run --frob x
fails_with 1 'Not enough arguments' rt run
fails_with 1 'A value is missing' rt create --bundle

# Log files.
rt --log "$TMP/log" --log-format json run --bundle bnone l1 2>/dev/null </dev/null
is "a failure as JSON" "$(jq -r '.level + " " + (.msg | test("/none") | tostring) + " " + (.time | type)' "$TMP/log")" "error true string"
rt --log "$TMP/log.txt" state none 2>/dev/null
like "a failure as text" "$(cat "$TMP/log.txt")" '^time="[0-9T:.Z-]+" level=error msg="Container none does not exist'

# Descriptors that are passed on, and those that are not.
make_bundle "$TMP/bfd" "$(sh_args 'echo $(ls /proc/self/fd) ; cat <&3; echo "$LISTEN_FDS $LISTEN_PID"')"
echo passed >"$TMP/passed"
is "--preserve-fds" "$(rt run --preserve-fds 2 --bundle bfd f1 3<"$TMP/passed" 4</dev/null 9</dev/null </dev/null 2>&1)" $'0 1 2 3 4 5\npassed\n '
is "LISTEN_FDS" "$(LISTEN_FDS=1 rt run --bundle bfd f2 3<"$TMP/passed" 9</dev/null </dev/null 2>&1)" $'0 1 2 3 4\npassed\n1 1'
is "a gap among them is not filled" "$(rt run --preserve-fds 3 --bundle bfd f3 3<"$TMP/passed" 5</dev/null </dev/null 2>&1 | head -n 1)" '0 1 2 3 4 5'

# Terminals.
make_bundle "$TMP/btty" ".process.terminal = true | .process.consoleSize = {height: 31, width: 41}" \
        "$(sh_args 'test -c /dev/console && tty; stty size; echo done')"
ln -sf busybox "$TMP/btty/rootfs/bin/tty"
ln -sf busybox "$TMP/btty/rootfs/bin/stty"
is "run with a terminal" "$(rt run --bundle btty t1 </dev/null | tr -d '\r')" $'/dev/pts/0\n31 41\ndone'
fails_with 1 'needs a console socket' rt create --bundle btty t2
fails_with 1 'of use only with a terminal' rt create --bundle b --console-socket "$TMP/sock" t2
python3 - "$TMP/sock" >"$TMP/console" <<'P' &
import array, os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen(1)
c, _ = s.accept()
data, anc, _, _ = c.recvmsg(100, 100)
fd = array.array('i', anc[0][2])[0]
out = b''
try:
    while True:
        more = os.read(fd, 1000)
        if not more: break
        out += more
except OSError:
    pass
print(data.decode(), out.decode().split())
P
RECEIVER=$!
wait_until 5 test -S "$TMP/sock"
ok "create with a console socket" quiet rt create --bundle btty --console-socket "$TMP/sock" t3
rt start t3
wait "$RECEIVER"
is "the terminal's other end" "$(cat "$TMP/console")" "/dev/ptmx ['/dev/pts/0', '31', '41', 'done']"
rt delete -f t3

# spec, features, help.
mkdir "$TMP/new" && ok "spec" rt spec --bundle "$TMP/new"
is "a configuration that works" "$(mkdir -p "$TMP/new/rootfs/bin" && cp /bin/busybox "$TMP/new/rootfs/bin/sh" &&
        jq '.process.terminal = false | .process.args = ["sh", "-c", "echo it works"] | del(.linux.resources)' "$TMP/new/config.json" >"$TMP/new/c" &&
        mv "$TMP/new/c" "$TMP/new/config.json" && rt run --bundle "$TMP/new" s1 </dev/null)" "it works"
fails_with 1 'File exists' rt spec --bundle "$TMP/new"
is "features" "$(rt features | jq -c '[.ociVersionMin, .ociVersionMax, (.hooks | length), .linux.cgroup.v2, .linux.seccomp.enabled]')" '["1.0.0","1.3.0",6,true,true]'
like "help of a command" "$(rt exec --help)" '^ *-p --process=FILE'
like "version" "$(rt --version)" '^berth-exec version [0-9]'
