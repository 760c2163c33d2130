#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The first process that RunInit puts in: signals reach the payload, orphans do not stay, the end is the payload's.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

load_image busybox
BUSYBOX=$(image busybox)
at_exit drop_containers

is "it is the first process" "$(berthctl run --rm --init "$BUSYBOX" readlink /proc/1/exe)" /run/podman-init
is "and nothing writes to it" "$(berthctl run --rm --init "$BUSYBOX" sh -c 'echo x 2>/dev/null >>/run/podman-init && echo written; echo tried')" tried
fails_with 7 '' berthctl run --rm --init "$BUSYBOX" sh -c 'exit 7'
fails_with 143 '' berthctl run --rm --init "$BUSYBOX" sh -c 'kill -TERM $$'
fails_with 127 'no such program: no-such-program' berthctl run --rm --init "$BUSYBOX" no-such-program
is "it stays when /run is a mount" "$(berthctl run --rm --init --read-only "$BUSYBOX" readlink /proc/1/exe)" /run/podman-init

# Ten orphans that end at once: each is a zombie until its parent, the first process, asks.
zombies='for i in $(seq 10); do (sh -c "true" & ); done; sleep 0.3; grep -l "^State:.Z" /proc/[0-9]*/status 2>/dev/null | wc -l'
is "with it no orphan stays" "$(berthctl run --rm --init "$BUSYBOX" sh -c "$zombies")" 0

berthctl run -d --name forward --init "$BUSYBOX" sh -c 'trap "echo stopped; exit 3" TERM; trap "echo user" USR1; while :; do sleep 0.1; done' >/dev/null
wait_until 10 berthctl kill --signal USR1 forward
ok "a signal reaches the payload" wait_until 10 eval 'berthctl logs forward | grep -q user'
ok "stop" berthctl stop -t 20 forward
like "the payload heard the stop signal" "$(berthctl logs forward)" stopped
is "its exit status is the container's" "$(berthctl inspect --format '{{.State.ExitCode}}' forward)" 3
like "inspect shows it" "$(berthctl inspect --format '{{.Path}}' forward)" '^/run/podman-init$'
is "and as the setting" "$(berthctl inspect --format '{{.HostConfig.Init}}' forward)" true
