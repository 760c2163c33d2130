#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A network that breaks: the connection is cut at every 4 KiB of a layer, and the client is killed at any time. What
# there is in the end is the image, and what was there already is not fetched again.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/registry/lib.sh
. "$(dirname -- "$0")/../registry/lib.sh"

command -v /usr/bin/python3 >/dev/null || skip_all "python3 is not installed"
command -v jq >/dev/null || skip_all "jq is not installed"

SERVER=$REGISTRY_TESTS/server
HOST=127.0.0.1:5911
LAYOUT=$TMP/layout

pull() {
        order "$HOST" "$1" 1 "$PLAIN" ',"Retry":2,"RetryDelay":1000' | fetch pull "$LAYOUT"
}

again() {
        rm -rf "$LAYOUT"
        mkdir "$LAYOUT"
}

blobs() {
        (cd "$LAYOUT/blobs/sha256" && sha256sum -- * 2>&1)
}

/usr/bin/python3 "$SERVER" --log "$TMP/requests" "$HOST" &
at_exit kill "$!"
wait_until 10 test -e "$TMP/requests"
sleep 0.3

again
like "a good network" "$(pull good)" '"Result"'
good=$(blobs)
bytes=$(stat -c %s "$LAYOUT"/blobs/sha256/* | sort -n | tail -n 1)

bad=0 refetched=0 cuts=0
while IFS=$'\t' read -r name _; do
        cuts=$((cuts + 1))
        again
        pull "$name" >"$TMP/result"
        if [ "$(blobs)" != "$good" ] || ! grep -q '"Result"' "$TMP/result"; then
                bad=$((bad + 1))
                diag "$name: $(<"$TMP/result")"
        fi
        # The second request begins where the first ended.
        from=$(jq -r --arg name "$name" 'select(.name == $name and .range != "") | .range' "$TMP/requests" | tail -n 1)
        [ "$from" = "bytes=${name#cut-at-}-" ] || [ "$name" = cut-at-0 ] || refetched=$((refetched + 1))
done < <(/usr/bin/python3 "$SERVER" --list | grep '^cut-at-')
ok "the layer was cut at every 4 KiB ($cuts times)" test "$cuts" -ge $((bytes / 4096))
is "the image was whole each time" "$bad" 0
is "and nothing was fetched twice" "$refetched" 0

# The client is killed.
whole=0
for i in $(seq 20); do
        again
        order "$HOST" good 1 "$PLAIN" >"$TMP/order"
        (cd "$LAYOUT" && timeout -s KILL "0.0$(printf %02d $((i * 2)))" "$FETCH" pull <"$TMP/order" >/dev/null 2>&1)
        ! [ -e "$LAYOUT/index.json" ] || [ "$(blobs)" = "$good" ] || whole=$((whole + 1))
        pull good >"$TMP/result"
        [ "$(blobs)" = "$good" ] || whole=$((whole + 1))
done
is "killed 20 times, the next pull has the image" "$whole" 0

# Asked to end, it ends at once.
again
order "$HOST" slow 1 "$PLAIN" >"$TMP/order"
(cd "$LAYOUT" && exec "$FETCH" pull <"$TMP/order" >"$TMP/result" 2>&1) &
pid=$!
ok "a slow pull goes on" wait_until 10 grep -q '"name": "slow"' "$TMP/requests"
began=$(date +%s%3N)
kill "$pid"
wait "$pid" 2>/dev/null
ok "and ends within a second when it is cancelled" test "$(($(date +%s%3N) - began))" -lt 1000

# What is left from before is used, or thrown away when it is no good.
again
pull good >"$TMP/result"
largest=$(stat -c '%s %n' "$LAYOUT"/blobs/sha256/* | sort -n | tail -n 1 | cut -d' ' -f2)
head -c 100000 "$largest" >"$largest.part"
rm "$largest" "$LAYOUT/index.json"
echo junk >"$LAYOUT/blobs/sha256/$(printf '%064d' 0)"
: >"$TMP/requests"
like "a part from before" "$(pull good)" '"Result"'
is "is gone on with" "$(jq -r 'select(.range != "") | .range' "$TMP/requests")" "bytes=100000-"
is "and leftovers of another image are removed" "$(blobs)" "$good"
truncate -s 100000 "$largest" && truncate -s "$bytes" "$largest"
head -c 4096 /dev/zero >"$largest.part"
: >"$TMP/requests"
like "a damaged blob and a damaged part" "$(pull good)" '"Result"'
is "are fetched again" "$(blobs)" "$good"

# The disk is full.
again
mkdir "$TMP/small"
if mount -t tmpfs -o size=200k tmpfs "$TMP/small" 2>/dev/null; then
        at_exit umount "$TMP/small"
        like "a full disk" "$(order "$HOST" good 1 "$PLAIN" | fetch pull "$TMP/small")" '"io.berth1.Error.NoSpace"'
        ok "no image is there" test ! -e "$TMP/small/index.json"
else
        skip "a full disk" "no tmpfs can be mounted"
fi
like "more bytes than allowed" "$(order "$HOST" good 1 "$PLAIN" ',"SizeMax":100000' | fetch pull "$LAYOUT")" \
        '"io.berth1.Error.Limit".*more than 100000 bytes to download'
