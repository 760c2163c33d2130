# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# shellcheck disable=SC2034 # what the tests use
# Help for the tests of the registry client, on top of tests/integration/lib.sh:
#
#   order HOST PATH TAG [ENDPOINT [ORDER]]  prints an order; more members of both as ',"Name":value'
#   fetch VERB DIRECTORY                    runs berth-fetch there with the order on standard input; prints its last
#                                           line, puts the others into $TMP/progress and its log into $TMP/log
#   digest_of_result LINE                   the digest in it
#   start_registry NAME ADDRESS:PORT [YAML] Debian's registry; more of its configuration as YAML
#   make_authority                          $TMP/ca.crt
#   make_certificate NAME SUBJECTS [OPTION...]  $TMP/NAME.crt and .key, by that authority
#   pem FILE...                             as a JSON string

FETCH=/usr/lib/berth/berth-fetch
PULL=/usr/lib/berth/berth-pull
REGISTRY_TESTS=$(realpath -- "$(dirname -- "${BASH_SOURCE[0]}")")
PLAIN=',"Insecure":true'
PASSWORD=',"Username":"u","Password":"secret-word"'

# Started in a subshell or not; a polite word does not end them.
at_exit eval 'xargs -r kill -KILL <"$TMP/registries"'

order() {
        printf '{"Registry":"%s","Path":"%s","Tag":"%s","Endpoints":[{"Host":"%s"%s}]%s}\n' \
                "$1" "$2" "$3" "$1" "${4:-}" "${5:-}"
}

fetch() {
        local status=0
        cat >"$TMP/order"
        (cd "$2" && timeout 120 "$FETCH" "$1") <"$TMP/order" >"$TMP/output" 2>"$TMP/log" || status=$?
        sed '$d' "$TMP/output" >"$TMP/progress"
        tail -n 1 "$TMP/output"
        return "$status"
}

digest_of_result() {
        sed -nE 's/.*"Digest":"(sha256:[0-9a-f]{64})".*/\1/p' <<<"$1"
}

# Something listens there, whatever it wants to be told first.
answers() {
        local status=0
        curl -s -k -o /dev/null "$1" || status=$?
        [ "$status" != 7 ]
}

start_registry() {
        local name=$1 address=$2 scheme=http
        mkdir -p "$TMP/$name"
        cat >"$TMP/$name.yml" <<END
version: 0.1
log: {level: warn}
storage: {filesystem: {rootdirectory: $TMP/$name}, delete: {enabled: true}}
http:
  addr: $address
${3:-}
END
        ! grep -q 'tls:' "$TMP/$name.yml" || scheme=https
        docker-registry serve "$TMP/$name.yml" >"$TMP/$name.log" 2>&1 &
        echo "$!" >>"$TMP/registries"
        wait_until 10 answers "$scheme://$address/v2/"
}

make_authority() {
        openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=authority of the tests' \
                -keyout "$TMP/ca.key" -out "$TMP/ca.crt" 2>"$TMP/openssl.log"
}

make_certificate() {
        local name=$1 subjects=$2
        shift 2
        openssl req -newkey rsa:2048 -nodes -subj "/CN=$name" -keyout "$TMP/$name.key" -out "$TMP/$name.csr" \
                2>"$TMP/openssl.log" &&
                openssl x509 -req -in "$TMP/$name.csr" -CA "$TMP/ca.crt" -CAkey "$TMP/ca.key" -CAcreateserial \
                        -days 2 -extfile <(echo "subjectAltName=$subjects"; printf '%s\n' "${EXTENSIONS:-}") \
                        -out "$TMP/$name.crt" "$@" 2>"$TMP/openssl.log"
}

pem() {
        cat "$@" | jq -Rs .
}
