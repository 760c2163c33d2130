#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Registries that misbehave (tests/registry/server): each case ends in its time with its one error, or works, and
# nothing but the working directory is written to. Credentials go to the registry and to nobody else.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/registry/lib.sh
. "$(dirname -- "$0")/../registry/lib.sh"

command -v /usr/bin/python3 >/dev/null || skip_all "python3 is not installed"
command -v jq >/dev/null || skip_all "jq is not installed"

SERVER=$REGISTRY_TESTS/server
HOST=127.0.0.1:5911
CANARY=$TMP/canary
LIMIT_MEMORY=65536 # KiB; the client at rest needs some 14 MiB of it
mkdir "$TMP/cases" "$CANARY"
echo canary >"$CANARY/file"

start_server() {
        /usr/bin/python3 "$SERVER" --log "$TMP/requests" "$@" &
        at_exit kill "$!"
        wait_until 10 test -e "$TMP/requests"
        sleep 0.3
}

# Runs a case into $TMP/cases/NAME: directory, result, milliseconds, kilobytes.
run_case() {
        local name=$1 verb=$2 dir=$TMP/cases/$1 retry=',"Retry":2,"RetryDelay":50000' began
        [[ $name != *slow* ]] || retry=',"NoRetry":true'
        mkdir -p "$dir/layout"
        order "$HOST" "$name" 1 "$PLAIN$PASSWORD" "$retry" >"$dir/order"
        began=$(date +%s%3N)
        (cd "$dir/layout" && timeout 120 /usr/bin/python3 -c '
import resource, subprocess, sys
status = subprocess.run(sys.argv[2:]).returncode
open(sys.argv[1], "w").write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(status)' "$dir/memory" "$FETCH" "$verb" <"$dir/order" >"$dir/output" 2>"$dir/log")
        echo "$?" >"$dir/status"
        echo "$(($(date +%s%3N) - began))" >"$dir/time"
        tail -n 1 "$dir/output" >"$dir/result"
}

# The layout has the image whole, and nothing else.
is_whole() {
        local layout=$1 blob
        [ "$(find "$layout/blobs/sha256" -type f | wc -l)" = 5 ] && [ -s "$layout/index.json" ] || return 1
        for blob in "$layout"/blobs/sha256/*; do
                [ "$(sha256sum <"$blob" | cut -d' ' -f1)" = "${blob##*/}" ] || return 1
        done
}

is_as_expected() {
        local dir=$1 verb=$2 kind=$3 says=$4 limit=$5 result
        result=$(<"$dir/result")
        [ "$(wc -c <"$dir/result")" -lt 4000 ] && [[ "$result" != *[$'\001'-$'\010\033']* ]] || return 1
        [ "$(<"$dir/time")" -le $((limit * 1000)) ] && [ "$(<"$dir/memory")" -le "$LIMIT_MEMORY" ] || return 1
        if [ "$kind" = - ]; then
                [ "$(<"$dir/status")" = 0 ] || return 1
                [ "$says" = - ] || grep -qE -- "$says" <<<"$result" || return 1
                [ "$verb" != pull ] || is_whole "$dir/layout"
        else
                [ "$(<"$dir/status")" = 1 ] && [ ! -e "$dir/layout/index.json" ] &&
                        grep -qE "^\{\"Error\":\{\"Name\":\"io\.berth1\.Error\.($kind)\",\"Message\":" <<<"$result" &&
                        grep -qE -- "$says" <<<"$result"
        fi
}

judge() {
        local name=$1 dir=$TMP/cases/$1
        shift
        if is_as_expected "$dir" "$@"; then
                pass "$name: $(head -c 200 "$dir/result")"
        else
                fail "$name: $2 \"$3\" in $4 s" "status $(<"$dir/status"), $(<"$dir/time") ms, $(<"$dir/memory") KiB
$(<"$dir/result")
$(<"$dir/log")"
        fi
}

start_server "$HOST" 127.0.0.1:5912
/usr/bin/python3 "$SERVER" --list | grep -v '^cut-at-' >"$TMP/list"

# Those that take their time go on meanwhile.
while IFS=$'\t' read -r name verb _; do
        [[ $name != *slow* && $name != *stall* ]] || run_case "$name" "$verb" &
done <"$TMP/list"
while IFS=$'\t' read -r name verb kind says limit; do
        [[ $name != *slow* && $name != *stall* ]] || continue
        run_case "$name" "$verb"
        judge "$name" "$verb" "$kind" "$says" "$limit"
done <"$TMP/list"
# The server does not end.
wait_until 60 eval '[ "$(find "$TMP/cases" -name result | wc -l)" = "$(wc -l <"$TMP/list")" ]'
while IFS=$'\t' read -r name verb kind says limit; do
        [[ $name != *slow* && $name != *stall* ]] || judge "$name" "$verb" "$kind" "$says" "$limit"
done <"$TMP/list"

is "canary" "$(ls -A "$CANARY")$(<"$CANARY/file")" "filecanary"
is "no credentials went elsewhere" "$(jq -c 'select(.port != 0 and .authorization != "")' "$TMP/requests")" ""
like "elsewhere was asked" "$(jq -c 'select(.port != 0)' "$TMP/requests")" '"name":"elsewhere"'
is "by nothing but that redirect" "$(jq -r 'select(.port != 0) | .name' "$TMP/requests" | sort -u)" elsewhere
is "nor did they come back with who had been there" \
        "$(jq -r 'select(.port == 0 and .name == "elsewhere" and (.path | test("back"))) | .authorization' "$TMP/requests" | sort -u)" ""
is "a realm that is refused is not asked" "$(jq -r 'select(.path | test("^/token")) | .path' "$TMP/requests" | grep -c 'realm-' || true)" 0
is "a login is tried three times at most" "$(jq -r 'select(.name == "login-loop" and (.path | test("manifests"))) | .method' "$TMP/requests" | wc -l)" 3
is "a redirect is followed five times" "$(jq -r 'select(.name == "redirects") | .method' "$TMP/requests" | wc -l)" 6
is "busy for a day is asked once" "$(jq -r 'select(.name == "busy-for-long") | .method' "$TMP/requests" | wc -l)" 1
is "the passwords are in no log" "$(cat "$TMP"/cases/*/log "$TMP"/cases/*/output | grep -cE 'secret-word|dTpzZWNyZXQtd29yZA' || true)" 0
is "nor in the layout" "$(grep -rlE 'secret-word|dTpzZWNyZXQtd29yZA' "$TMP"/cases/*/layout || true)" ""

# Without a password a realm may be anywhere, but not at an address that the registry is not at.
if ip address add 203.0.113.7/32 dev lo 2>"$TMP/ip.log"; then
        make_authority
        make_certificate registry IP:203.0.113.7
        make_certificate inside IP:127.0.0.1
        openssl s_server -quiet -accept 127.0.0.1:5914 -cert "$TMP/inside.crt" -key "$TMP/inside.key" -www \
                >"$TMP/inside" 2>&1 &
        at_exit kill "$!"
        start_server --tls "$TMP/registry.crt" "$TMP/registry.key" 203.0.113.7:5913 127.0.0.1:5914
        mkdir "$TMP/public"
        like "a realm at this machine, of a registry that is not" \
                "$(order 203.0.113.7:5913 realm-other-port 1 ",\"CA\":[$(pem "$TMP/ca.crt")]" | fetch pull "$TMP/public")" \
                'BadRegistry.*address that the registry may not send us to'
        like "nor may a redirect go there" \
                "$(order 203.0.113.7:5913 elsewhere 1 ",\"CA\":[$(pem "$TMP/ca.crt")]$PASSWORD" | fetch pull "$TMP/public")" \
                'BadRegistry.*address that the registry may not send us to'
else
        skip "a realm at this machine, of a registry that is not" "no address can be added to lo"
fi

# Certificates: of the registry, of its token server, of where its blobs are.
EXTENSIONS='extendedKeyUsage=serverAuth'
make_certificate good IP:127.0.0.1
make_certificate name IP:127.0.0.9
make_certificate expired IP:127.0.0.1 -days -1
EXTENSIONS='extendedKeyUsage=clientAuth' make_certificate usage IP:127.0.0.1
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=self -addext subjectAltName=IP:127.0.0.1 \
        -keyout "$TMP/self.key" -out "$TMP/self.crt" 2>"$TMP/openssl.log"
cp "$TMP/ca.crt" "$TMP/ca.kept"
cp "$TMP/ca.key" "$TMP/ca.key.kept"
make_authority
make_certificate unknown IP:127.0.0.1
mv "$TMP/ca.kept" "$TMP/ca.crt"
mv "$TMP/ca.key.kept" "$TMP/ca.key"
tls_case() {
        order "$1" "$2" 1 ",\"CA\":[$(pem "$TMP/ca.crt")]$PASSWORD${3:-}" | fetch pull "$(mktemp -d "$TMP/tls.XXXXXX")"
}
port=5920
for cert in good name expired usage self unknown; do
        good=127.0.0.1:$port other=127.0.0.1:$((port + 1))
        port=$((port + 2))
        start_server --tls "$TMP/good.crt" "$TMP/good.key" "$good" --tls "$TMP/$cert.crt" "$TMP/$cert.key" "$other"
        if [ "$cert" = good ]; then
                expected='"Result"'
        else
                expected='"io.berth1.Error.BadCertificate"'
        fi
        like "certificate $cert: registry" "$(tls_case "$other" good)" "$expected"
        like "certificate $cert: token server" "$(tls_case "$good" realm-other-port)" "$expected"
        like "certificate $cert: blobs" "$(tls_case "$good" elsewhere)" "$expected"
        like "certificate $cert: the registry, unchecked" "$(tls_case "$other" good "$PLAIN")" '"Result"'
done
is "no credentials were shown over a bad certificate" \
        "$(jq -c 'select(.port == 1 and .authorization != "" and .name != "realm-other-port" and .name != "good")' "$TMP/requests")" ""
like "plain HTTP is not fallen back to" "$(order "$HOST" good 1 | fetch pull "$TMP/public")" '"io.berth1.Error.Unreachable"'
