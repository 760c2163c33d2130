#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Archives that must be refused (tests/images/hostile): each gets exit status 125
# and an error that names what is wrong, and leaves nothing behind. A good image
# loads afterwards.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

at_exit berthctl rmi -a -f

CANARY=/etc/berth-canary
OTHERS=$(ls -A / /etc /var/lib)

load_image busybox
before=$(snapshot)
while IFS=$'\t' read -r name expected; do
        status=0
        output=$(timeout 20 berthctl load "$IMAGES/hostile/$name.tar" 2>&1 </dev/null) || status=$?
        if [ "$status" != 125 ]; then
                fail "$name: exit status 125" "status $status: $output"
        elif ! grep -qE -- "$expected" <<<"$output"; then
                fail "$name: says $expected" "$output"
        elif [ "$(wc -c <<<"$output")" -gt 10000 ] || [[ "$output" = *[$'\001'-$'\010\033']* ]]; then
                fail "$name: a short clean message" "$output"
        else
                pass "$name: ${output##*$'\n'}"
        fi
        if [ "$(snapshot)" != "$before" ]; then
                fail "$name: leaves nothing behind" "$(diff <(echo "$before") <(snapshot))"
                before=$(snapshot)
        fi
done <"$IMAGES/hostile/cases"
ok "nothing was written outside of the store" test ! -e "$CANARY"
is "the directories around are as before" "$(ls -A / /etc /var/lib)" "$OTHERS"

# Device nodes: the image is refused or comes without them.
while read -r name; do
        if berthctl load "$IMAGES/hostile/$name.tar" >/dev/null 2>&1; then
                is "$name: no node is in the store" \
                        "$(find /var/lib/berth/images \( -type b -o -type c -o -type p -o -type s \))" ""
        else
                unchanged "$name: refused, and leaves nothing behind" "$before"
        fi
        berthctl rmi -f localhost/berth-test/hostile:latest >/dev/null 2>&1
done <"$IMAGES/hostile/nodes"

# The worker that reads strangers' bytes may die at any byte.
size=$(stat -c %s "$IMAGES/busybox.oci.tar")
whole=0
for ((i = 1; i <= 20; i++)); do
        head -c $((size * i / 21)) "$IMAGES/busybox.oci.tar" >"$TMP/cut.tar"
        timeout 20 berthctl load "$TMP/cut.tar" >"$TMP/out" 2>&1
        [ $? = 125 ] && [ -s "$TMP/out" ] || whole=$((whole + 1))
done
is "20 truncations that were not refused" "$whole" 0
unchanged "they leave nothing behind" "$before"
ok "a good image loads afterwards" berthctl load "$IMAGES/odd.docker.tar"
is "and is right" "$(berthctl run --rm "$(image odd)" 2>&1)" same
ok "the objects are whole" ostree fsck --quiet --repo=/var/lib/berth/ostree/repo
