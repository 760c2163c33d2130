#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# 200 containers that exit at once: every start succeeds, every status is exact,
# the last line of each is in the journal with the container's fields.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

load_image busybox
BUSYBOX=$(image busybox)
at_exit drop_containers

wrong=0
for i in $(seq 0 99); do
        berthctl run --rm "$BUSYBOX" sh -c "exit $i" </dev/null 2>>"$TMP/errors" || [ $? = "$i" ] || wrong=$((wrong + 1))
done
is "100 one after the other: wrong statuses" "$wrong" 0

one() {
        berthctl run -d --name "many$1" "$BUSYBOX" sh -c "echo last $1; exit $1" >/dev/null || echo "start $1"
        [ "$(berthctl wait "many$1")" = "$1" ] || echo "status $1"
}
export -f one
export BUSYBOX
seq 100 199 | xargs -P 10 -I{} bash -c 'one {}' >"$TMP/wrong" 2>&1
is "100 by ten clients: failures and wrong statuses" "$(cat "$TMP/wrong")" ""
journalctl --sync
missing=0
for i in $(seq 100 199); do
        [ "$(journalctl -q -o cat CONTAINER_NAME="many$i" _TRANSPORT=stdout)" = "last $i" ] || missing=$((missing + 1))
done
is "last lines that lack the container's fields" "$missing" 0
is "errors on the way" "$(cat "$TMP/errors")" ""
