#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Pulls from Debian's docker-registry: what skopeo and buildah pushed comes back as it was, over plain HTTP, TLS, with
# passwords, with tokens, from mirrors; and berth-pull loads it.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/registry/lib.sh
. "$(dirname -- "$0")/../registry/lib.sh"

for tool in docker-registry skopeo buildah jq openssl /usr/bin/python3; do
        command -v "$tool" >/dev/null || skip_all "$tool is not installed"
done

HOST=127.0.0.1:5000
DIR=$TMP/layout
STATE=/var/lib/berth/registry-test
at_exit rm -rf "$STATE"

fresh() {
        rm -rf "$DIR"
        mkdir "$DIR"
}

push() {
        skopeo copy --quiet --dest-tls-verify=false "$@"
}

inspect() {
        skopeo inspect --tls-verify=false "$@"
}

load() {
        "$PULL" --state-dir="$STATE" load <"$DIR" 2>&1 | tail -n 1
}

# Pulled and loaded, it has the ID and the digest that skopeo sees.
check_image() {
        local text=$1 path=$2 tag=$3 result id digest
        shift 3
        fresh
        rm -rf "$STATE"
        result=$(order "$HOST" "$path" "$tag" "$PLAIN" "$@" | fetch pull "$DIR")
        digest=$(inspect --format '{{.Digest}}' "docker://$HOST/$path:$tag")
        id=$(inspect --raw "docker://$HOST/$path:$tag" | jq -r .config.digest)
        like "$text: pull" "$result" "\"Digest\":\"$digest\""
        like "$text: load" "$(load)" "\"Id\":\"${id#sha256:}\",\"Names\":\\[\"$HOST/$path:$tag\"\\],\"Digest\":\"$digest\""
}

ok "a registry starts" start_registry plain "$HOST"
ok "skopeo pushes an OCI image" push "oci-archive:$IMAGES/busybox.oci.tar" "docker://$HOST/test/busybox:oci"
ok "and one of Docker's format" push --format v2s2 "oci-archive:$IMAGES/busybox.oci.tar" "docker://$HOST/test/busybox:docker"
ok "and zstd" push --dest-compress-format zstd --format oci "docker-archive:$IMAGES/odd.docker.tar" "docker://$HOST/test/odd:zstd"
ok "and three layers" push "oci-archive:$IMAGES/debian.oci.tar" "docker://$HOST/test/debian:1"
check_image "OCI, gzip" test/busybox oci
check_image "Docker, gzip" test/busybox docker
check_image "OCI, zstd" test/odd zstd
check_image "three layers" test/debian 1
digest=$(inspect --format '{{.Digest}}' "docker://$HOST/test/busybox:oci")
fresh
like "by digest" "$(printf '{"Registry":"%s","Path":"test/busybox","Digest":"%s","Endpoints":[{"Host":"%s","Insecure":true}]}' \
        "$HOST" "$digest" "$HOST" | fetch pull "$DIR")" "\"Digest\":\"$digest\""
like "what is known is not fetched" \
        "$(order "$HOST" test/busybox oci "$PLAIN" ",\"KnownDigest\":\"$digest\"" | fetch pull "$DIR")" '"Unchanged":true'
fresh
diff_id=$(inspect --config "docker://$HOST/test/busybox:oci" | jq -r '.rootfs.diff_ids[0]')
layer=$(inspect --raw "docker://$HOST/test/busybox:oci" | jq -r '.layers[0].digest')
like "layers that are here" "$(order "$HOST" test/busybox oci "$PLAIN" ",\"Have\":[\"$diff_id\"]" | fetch pull "$DIR")" '"Result"'
ok "are not fetched" test ! -e "$DIR/blobs/sha256/${layer#sha256:}"
fresh
like "what is not there" "$(order "$HOST" test/busybox none "$PLAIN" | fetch pull "$DIR")" \
        'NoSuchImage.*has no manifest \\"none\\" in test/busybox'
fresh
order "$HOST" test/debian 1 "$PLAIN" >"$TMP/order"
like "progress is told" "$( (cd "$DIR" && "$FETCH" pull <"$TMP/order" | cat) | head -n 1)" \
        '^\{"Progress":\{"Phase":"fetch","Items":\[\{"Name":"sha256:'
is "tags" "$(order "$HOST" test/busybox x "$PLAIN" | fetch tags "$DIR")" '{"Result":{"Tags":["docker","oci"]}}'
is "repositories" "$(order "$HOST" x x "$PLAIN" | fetch catalog "$DIR")" '{"Result":{"Repositories":["test/busybox","test/debian","test/odd"]}}'
like "search where there is no index" "$(order "$HOST" x x "$PLAIN" ',"Query":"bus"' | fetch search "$DIR")" \
        '^\{"Result":\{"Results":\[\{"Name":"test/busybox",[^{}]*\}\]\}\}$'

# One name for three platforms.
list=$(buildah manifest create "localhost/list:$$")
for platform in amd64 arm64/v8 arm/v7; do
        ctr=$(buildah from --quiet scratch)
        buildah config --os linux --arch "${platform%/*}" --annotation "platform=$platform" "$ctr"
        [ "$platform" = amd64 ] || buildah config --variant "${platform#*/}" "$ctr"
        echo "$platform" >"$TMP/platform"
        buildah copy --quiet "$ctr" "$TMP/platform" /platform >/dev/null
        buildah commit --quiet "$ctr" "localhost/platform:${platform/\//-}" >/dev/null
        buildah manifest add "$list" "localhost/platform:${platform/\//-}" >/dev/null
done
ok "buildah pushes an index" buildah manifest push --quiet --tls-verify=false --all "$list" "docker://$HOST/test/list:1"
list_digest=$(inspect --raw "docker://$HOST/test/list:1" | sha256sum | cut -d' ' -f1)
for platform in amd64 arm64/v8 arm/v7; do
        fresh
        rm -rf "$STATE"
        variant=${platform#*/}
        [ "$variant" != "$platform" ] || variant=
        result=$(order "$HOST" test/list 1 "$PLAIN" ",\"Platform\":{\"Architecture\":\"${platform%/*}\",\"Variant\":\"$variant\"}" |
                sed 's/,"Variant":""//' | fetch pull "$DIR")
        like "index: $platform" "$result" "\"ListDigest\":\"sha256:$list_digest\""
        like "index: $platform: load" "$(load)" '"Images":\[\{"Id"'
        is "index: it is $platform" "$(cat "$STATE"/images/*/rootfs/platform)" "$platform"
done
fresh
like "index: a variant for all machines of a kind" \
        "$(order "$HOST" test/list 1 "$PLAIN" ',"Platform":{"Architecture":"arm","Variant":"v8"}' | fetch pull "$DIR")" '"Result"'
fresh
like "index: none for us" "$(order "$HOST" test/list 1 "$PLAIN" ',"Platform":{"Architecture":"s390x"}' | fetch pull "$DIR")" \
        '"Error".*linux/s390x'
like "index: known" "$(order "$HOST" test/list 1 "$PLAIN" ",\"KnownDigest\":\"sha256:$list_digest\"" | fetch pull "$DIR")" '"Unchanged":true'
known=$(inspect --raw "docker://$HOST/test/list:1" | jq -r '.manifests[] | select(.platform.architecture == "arm64") | .digest')
like "index: its manifest is known" \
        "$(order "$HOST" test/list 1 "$PLAIN" ",\"KnownDigest\":\"$known\",\"Platform\":{\"Architecture\":\"arm64\"}" | fetch pull "$DIR")" \
        "\"Digest\":\"$known\",\"Unchanged\":true"

# TLS, with an authority of our own; and with a certificate of the client's.
make_authority
make_certificate server IP:127.0.0.1
make_certificate client DNS:client
tls="  tls: {certificate: $TMP/server.crt, key: $TMP/server.key}"
ca=",\"CA\":[$(pem "$TMP/ca.crt")]"
ok "a registry with TLS starts" start_registry tls 127.0.0.1:5001 "$tls"
ok "skopeo pushes to it" push "oci-archive:$IMAGES/busybox.oci.tar" docker://127.0.0.1:5001/test/busybox:1
fresh
like "TLS: an authority of our own" "$(order 127.0.0.1:5001 test/busybox 1 "$ca" | fetch pull "$DIR")" '"Result"'
fresh
like "TLS: an unknown authority" "$(order 127.0.0.1:5001 test/busybox 1 | fetch pull "$DIR")" '"io.berth1.Error.BadCertificate"'
ok "nothing was fetched" test ! -e "$DIR/index.json"
like "TLS: unchecked" "$(order 127.0.0.1:5001 test/busybox 1 "$PLAIN" | fetch pull "$DIR")" '"Result"'
ok "a registry that wants a certificate starts" start_registry mutual 127.0.0.1:5002 \
        "  tls: {certificate: $TMP/server.crt, key: $TMP/server.key, clientcas: [$TMP/ca.crt]}"
client=",\"ClientCertificate\":$(pem "$TMP/client.crt"),\"ClientKey\":$(pem "$TMP/client.key")"
is "client certificate" "$(order 127.0.0.1:5002 x x "$ca$client" | fetch check "$DIR")" '{"Result":{}}'
like "client certificate: none" "$(order 127.0.0.1:5002 x x "$ca" | fetch check "$DIR")" '"Error"'

# Passwords.
echo "u:$(/usr/bin/python3 -W ignore -c 'import crypt
print(crypt.crypt("secret-word", crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))')" >"$TMP/htpasswd"
ok "a registry with passwords starts" start_registry basic 127.0.0.1:5003 "$tls
auth: {htpasswd: {realm: r, path: $TMP/htpasswd}}"
ok "skopeo pushes to it" push --dest-creds u:secret-word "oci-archive:$IMAGES/busybox.oci.tar" docker://127.0.0.1:5003/test/busybox:1
fresh
like "password" "$(order 127.0.0.1:5003 test/busybox 1 "$ca$PASSWORD" | fetch pull "$DIR")" '"Result"'
is "check" "$(order 127.0.0.1:5003 x x "$ca$PASSWORD" | fetch check "$DIR")" '{"Result":{}}'
like "a wrong password" "$(order 127.0.0.1:5003 x x "$ca,\"Username\":\"u\",\"Password\":\"x\"" | fetch check "$DIR")" \
        'AuthenticationFailed.*refuses these credentials'
like "no password" "$(order 127.0.0.1:5003 test/busybox 1 "$ca" | fetch pull "$DIR")" \
        'AuthenticationFailed.*access without credentials'

# Tokens.
/usr/bin/python3 "$REGISTRY_TESTS/token" "$TMP/tokens" 127.0.0.1 5005 "$TMP/server.crt" "$TMP/server.key" &
at_exit kill "$!"
ok "a registry with tokens starts" start_registry token 127.0.0.1:5004 "$tls
auth: {token: {realm: 'https://127.0.0.1:5005/token', service: registry, issuer: tests, rootcertbundle: $TMP/server.crt}}"
ok "the token server answers" wait_until 10 answers https://127.0.0.1:5005/token
for path in public private; do
        ok "skopeo pushes $path" push --dest-creds u:secret-word "oci-archive:$IMAGES/busybox.oci.tar" "docker://127.0.0.1:5004/$path/busybox:1"
done
: >"$TMP/tokens"
fresh
like "token without a password" "$(order 127.0.0.1:5004 public/busybox 1 "$ca" | fetch pull "$DIR")" '"Result"'
is "one was asked for" "$(<"$TMP/tokens")" "GET anonymous repository:public/busybox:pull"
like "where one is needed" "$(order 127.0.0.1:5004 private/busybox 1 "$ca" | fetch pull "$DIR")" 'AuthenticationFailed'
: >"$TMP/tokens"
fresh
like "token for a password" "$(order 127.0.0.1:5004 private/busybox 1 "$ca$PASSWORD" | fetch pull "$DIR")" '"Result"'
is "one was asked for, with it" "$(<"$TMP/tokens")" "GET basic repository:private/busybox:pull"
fresh
: >"$TMP/tokens"
like "token for a refresh token" "$(order 127.0.0.1:5004 private/busybox 1 "$ca,\"IdentityToken\":\"identity\"" | fetch pull "$DIR")" '"Result"'
is "one was asked for, as OAuth does" "$(<"$TMP/tokens")" "POST refresh repository:private/busybox:pull"
is "check" "$(order 127.0.0.1:5004 x x "$ca$PASSWORD" | fetch check "$DIR")" '{"Result":{}}'
like "check: wrong" "$(order 127.0.0.1:5004 x x "$ca,\"Username\":\"u\",\"Password\":\"x\"" | fetch check "$DIR")" \
        'AuthenticationFailed.*incorrect username or password'
like "check: a wrong refresh token" "$(order 127.0.0.1:5004 x x "$ca,\"IdentityToken\":\"x\"" | fetch check "$DIR")" 'AuthenticationFailed'
is "tags with a token" "$(order 127.0.0.1:5004 private/busybox 1 "$ca$PASSWORD" | fetch tags "$DIR")" '{"Result":{"Tags":["1"]}}'

# Mirrors, in order.
mirrors() {
        printf '{"Registry":"registry.example","Path":"test/busybox","Tag":"oci","NoRetry":true,"Endpoints":[%s]}' "$1"
}
GOOD="{\"Host\":\"$HOST\",\"Insecure\":true}"
fresh
like "a mirror that is away" "$(mirrors "{\"Host\":\"127.0.0.1:9\",\"Mirror\":true},$GOOD" | fetch pull "$DIR")" '"Result"'
like "the name is the one asked for" "$(jq -c .manifests "$DIR/index.json")" '"registry.example/test/busybox:oci"'
fresh
like "a mirror that has it not" \
        "$(mirrors "{\"Host\":\"$HOST\",\"Path\":\"proxy/none\",\"Insecure\":true,\"Mirror\":true},$GOOD" | fetch pull "$DIR")" '"Result"'
fresh
like "a mirror of another path" \
        "$(mirrors "{\"Host\":\"127.0.0.1:5001\",\"Path\":\"test/busybox\",\"Insecure\":true,\"Mirror\":true},$GOOD" | fetch pull "$DIR")" '"Result"'
ok "skopeo copies to the mirror" push --preserve-digests --src-tls-verify=false "docker://$HOST/test/busybox:oci" docker://127.0.0.1:5001/test/busybox:oci
find "$TMP/tls" -path "*${layer#sha256:}/data" -exec sh -c 'echo x >"$1"' sh {} \;
fresh
like "a mirror whose blob is wrong" "$(mirrors "{\"Host\":\"127.0.0.1:5001\",\"Insecure\":true,\"Mirror\":true},$GOOD" | fetch pull "$DIR")" '"Result"'
is "the right one is there" "sha256:$(sha256sum <"$DIR/blobs/sha256/${layer#sha256:}" | cut -d' ' -f1)" "$layer"
fresh
like "none has it" "$(mirrors "{\"Host\":\"127.0.0.1:9\"},{\"Host\":\"$HOST\",\"Path\":\"test/none\",\"Insecure\":true}" | fetch pull "$DIR")" \
        '"io.berth1.Error.NoSuchImage"'
