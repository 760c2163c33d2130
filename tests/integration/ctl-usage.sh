#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Wrong usage and missing things: status 125, an "Error: ..." that names the thing and what to do, and nothing on the
# standard output. (tests/lint/check-help.sh has what needs no daemon.)
# shellcheck source=tests/integration/lib.sh disable=SC2016 # the shells inside expand it
. "$(dirname -- "$0")/lib.sh"

fails_with 125 '^Error: unknown command "rnu"; did you mean "run"' berthctl rnu
fails_with 125 '^Error: unknown command "lss"; did you mean "ls"' berthctl container lss
fails_with 125 'unknown flag --fromat; did you mean --format' berthctl ps --fromat json
fails_with 125 'unknown flag --memroy; did you mean --memory' berthctl run --memroy 1g x
fails_with 125 'Commands:' berthctl
fails_with 125 'needs at least 1 argument' berthctl run
fails_with 125 'name a container' berthctl stop
fails_with 125 '[Nn]o such container.*nosuch' berthctl stop nosuch
fails_with 125 'berthctl ps -a' berthctl stop nosuch
fails_with 125 'no container and no image "nosuch"' berthctl inspect nosuch
fails_with 125 '[Nn]o such image.*nosuch' berthctl image inspect nosuch
fails_with 125 'nosuch' berthctl run nosuch true
fails_with 125 'berthctl load' berthctl run nosuch true
fails_with 125 'nosuch\.tar: No such file' berthctl load -i /nosuch.tar
fails_with 125 'one archive at a time' berthctl load -i /a /b
fails_with 125 '"soon" is no time' berthctl stop -t soon nosuch
fails_with 125 '"SIGFOO" is no signal' berthctl kill -s SIGFOO nosuch
fails_with 125 'neither a time nor a span' berthctl events --since yesterdayish
fails_with 125 'none of container=' berthctl events --filter colour=red
fails_with 125 'not KEY=VALUE' berthctl ps --filter running
fails_with 125 'by one of created' berthctl ps --sort colour
fails_with 125 'no field .Nam; did you mean .Name' berthctl settings --format '{{.Nam}}'
fails_with 1 '' berthctl container exists nosuch
fails_with 1 '' berthctl image exists nosuch

is "an error writes nothing to the standard output" "$(berthctl inspect --type container nosuch 2>/dev/null | tr -d '[] \n')" ""
fails_with 125 'standard output: No space' bash -c 'berthctl settings >/dev/full'
ok "a closed standard output is no crash" bash -c 'berthctl settings >&- 2>/dev/null; [ $? -le 125 ]'
like "control characters of arguments do not reach the terminal" "$(berthctl inspect $'a\eb' 2>&1)" 'a\\x1bb'

is "no setting is printed twice" "$(berthctl settings --format '{{.Name}}' | sort | uniq -d)" ""
ok "settings are JSON" bash -c 'berthctl settings --json | python3 -m json.tool'
like "version of both sides" "$(berthctl version)" '^Server: +berthd [0-9]'
is "the same version" "$(berthctl version -f '{{eq .Client.Version .Server.Version}}')" true
ok "info is JSON" bash -c 'berthctl info | python3 -m json.tool'

fails_with 125 'no system bus answers' env DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nosuch berthctl ps
