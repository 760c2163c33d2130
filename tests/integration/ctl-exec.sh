#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# berthctl exec: descriptors, environment, user, directory, statuses.
# shellcheck source=tests/integration/lib.sh disable=SC2016 # the shells inside expand it
. "$(dirname -- "$0")/lib.sh"

load_image busybox
at_exit drop_containers
hold web -e GREETING=hello

is "output" "$(berthctl exec web echo hi)" hi
is "errors" "$(berthctl exec web sh -c 'echo err >&2' 2>&1 >/dev/null)" err
is "input with -i" "$(echo hello | berthctl exec -i web cat)" hello
is "none without" "$(echo hello | berthctl exec web cat)" ""
head -c 3000000 /dev/urandom >"$TMP/random"
is "3 MB of any bytes" "$(berthctl exec -i web cat <"$TMP/random" | sha256sum)" "$(sha256sum <"$TMP/random")"
is "the container's environment" "$(berthctl exec web sh -c 'echo $GREETING')" hello
is "-e" "$(berthctl exec -e GREETING=bye -e MORE=1 web sh -c 'echo $GREETING $MORE')" "bye 1"
is "-u" "$(berthctl exec -u app web id -un)" app
is "-w" "$(berthctl exec -w /etc web pwd)" /etc
is "in the container's namespaces" "$(berthctl exec web readlink /proc/self/ns/pid)" "$(berthctl exec web readlink /proc/1/ns/pid)"
is "flags behind the name are the command's" "$(berthctl exec web echo -u -e)" "-u -e"
for status in 0 1 42 255; do
        berthctl exec web sh -c "exit $status"
        is "exit status $status" "$?" "$status"
done
berthctl exec web sh -c 'kill -TERM $$'
is "ended by a signal" "$?" 143
fails_with 127 'nosuchcommand' berthctl exec web nosuchcommand
fails_with 126 'etc' berthctl exec web /etc
fails_with 125 'nosuchuser' berthctl exec -u nosuchuser web true
fails_with 125 '[Nn]o such container.*nosuch' berthctl exec nosuch true
berthctl stop -t 0 web >/dev/null
fails_with 125 'not running|does not run' berthctl exec web true
is "twenty at once" "$(berthctl start web >/dev/null; for i in $(seq 20); do berthctl exec web echo "$i" & done | sort -n | xargs)" "$(seq 20 | xargs)"
