#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Pushes to Debian's docker-registry: skopeo and podman get back what was brought there; what the registry has is not
# sent again.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/registry/lib.sh
. "$(dirname -- "$0")/../registry/lib.sh"

for tool in docker-registry skopeo jq openssl /usr/bin/python3; do
        command -v "$tool" >/dev/null || skip_all "$tool is not installed"
done

HOST=127.0.0.1:5000
DIR=$TMP/layout

layout_of() {
        rm -rf "$DIR"
        skopeo copy --quiet "$1" "oci:$DIR:x"
}

inspect() {
        skopeo inspect --tls-verify=false "$@"
}

push() {
        order "$HOST" "$1" "$2" "$PLAIN" "${3:-}" | fetch push "$DIR"
}

# How many bodies of blobs were sent to a repository.
sent() {
        grep -c "\"PATCH /v2/$1/blobs/uploads/" "$TMP/plain.log" || true
}

ok "a registry starts" start_registry plain "$HOST"
ok "a layout" layout_of "oci-archive:$IMAGES/debian.oci.tar"
digest=$(jq -r '.manifests[0].digest' "$DIR/index.json")
is "push" "$(push test/debian 1)" "{\"Result\":{\"Digest\":\"$digest\"}}"
is "skopeo sees that digest" "$(inspect --format '{{.Digest}}' "docker://$HOST/test/debian:1")" "$digest"
ok "skopeo gets it, whole" skopeo copy --quiet --src-tls-verify=false "docker://$HOST/test/debian:1" "dir:$TMP/copy"
is "four blobs were sent" "$(sent test/debian)" 4
is "push again, by another tag" "$(push test/debian 2)" "{\"Result\":{\"Digest\":\"$digest\"}}"
is "nothing was sent" "$(sent test/debian)" 4
is "push to another repository" "$(push other/debian 1 ',"MountFrom":["test/none","test/debian"]')" "{\"Result\":{\"Digest\":\"$digest\"}}"
is "its blobs were mounted" "$(sent other/debian)" 0
ok "skopeo gets it from there" skopeo copy --quiet --src-tls-verify=false "docker://$HOST/other/debian:1" "dir:$TMP/copy2"
like "progress is told" "$(cd "$DIR" && order "$HOST" more/debian 1 "$PLAIN" >"$TMP/order" && "$FETCH" push <"$TMP/order" | cat)" \
        '^\{"Progress":\{"Phase":"push","Items":\[\{"Name":"sha256:'
if command -v podman >/dev/null; then
        ok "podman pulls it" podman pull --quiet --tls-verify=false "$HOST/test/debian:1"
        is "with that digest" "$(podman image inspect --format '{{.Digest}}' "$HOST/test/debian:1")" "$digest"
        podman rmi -f "$HOST/test/debian:1" >/dev/null 2>&1
else
        skip "podman pulls it" "podman is not installed"
fi

# What was Docker's stays Docker's.
ok "skopeo pushes Docker's format" skopeo copy --quiet --dest-tls-verify=false --format v2s2 \
        "oci-archive:$IMAGES/busybox.oci.tar" "docker://$HOST/test/busybox:docker"
rm -rf "$DIR"
mkdir "$DIR"
pulled=$(order "$HOST" test/busybox docker "$PLAIN" | fetch pull "$DIR")
is "pulled and pushed" "$(push test/again 1)" "{\"Result\":{\"Digest\":\"$(digest_of_result "$pulled")\"}}"
is "it is the same, byte by byte" "$(inspect --raw "docker://$HOST/test/again:1")" "$(inspect --raw "docker://$HOST/test/busybox:docker")"

# What we saved ourselves has the ID that it had.
STATE=/var/lib/berth/registry-test
at_exit rm -rf "$STATE"
id=$("$PULL" --state-dir="$STATE" load <"$IMAGES/odd.oci.tar" | sed -nE 's/.*"Id":"([0-9a-f]{64})".*/\1/p')
rm -rf "$DIR"
mkdir "$DIR"
ok "an image is saved as a layout" sh -c "'$PULL' --state-dir='$STATE' export --format=oci-dir '$id=$HOST/test/odd:1' <'$DIR'"
like "push" "$(push test/odd 1)" '"Result"'
is "it has the ID that it had" "$(inspect --raw "docker://$HOST/test/odd:1" | jq -r .config.digest)" "sha256:$id"

# With passwords and tokens.
make_authority
make_certificate server IP:127.0.0.1
ca=",\"CA\":[$(pem "$TMP/ca.crt")]"
/usr/bin/python3 "$REGISTRY_TESTS/token" "$TMP/tokens" 127.0.0.1 5005 "$TMP/server.crt" "$TMP/server.key" &
at_exit kill "$!"
ok "a registry with tokens starts" start_registry token 127.0.0.1:5004 \
        "  tls: {certificate: $TMP/server.crt, key: $TMP/server.key}
auth: {token: {realm: 'https://127.0.0.1:5005/token', service: registry, issuer: tests, rootcertbundle: $TMP/server.crt}}"
ok "the token server answers" wait_until 10 answers https://127.0.0.1:5005/token
layout_of "oci-archive:$IMAGES/busybox.oci.tar"
like "push without a password" "$(order 127.0.0.1:5004 public/busybox 1 "$ca" | fetch push "$DIR")" '"io.berth1.Error.AuthenticationFailed"'
like "push with one" "$(order 127.0.0.1:5004 public/busybox 1 "$ca$PASSWORD" | fetch push "$DIR")" '"Result"'
: >"$TMP/tokens"
like "with a mount" "$(order 127.0.0.1:5004 private/busybox 1 "$ca$PASSWORD" ',"MountFrom":["public/busybox"]' | fetch push "$DIR")" '"Result"'
is "the token was for both" "$(<"$TMP/tokens")" "GET basic repository:private/busybox:pull,push repository:public/busybox:pull"

# What must fail.
like "another digest than that of the image" "$(push test/busybox 1 ",\"Digest\":\"$digest\"")" '"io.berth1.Error.BadDigest"'
blob=$(jq -r '.manifests[0].digest' "$DIR/index.json")
layer=$(jq -r '.layers[0].digest' "$DIR/blobs/sha256/${blob#sha256:}")
cp "$DIR/blobs/sha256/${layer#sha256:}" "$TMP/kept"
printf X | dd of="$DIR/blobs/sha256/${layer#sha256:}" conv=notrunc status=none
like "a blob that is not what its name says" "$(push bad/one 1)" '"Error".*(digest|DIGEST)'
echo x >>"$DIR/blobs/sha256/${layer#sha256:}"
like "a blob of another size" "$(push bad/two 1)" 'BadArchive.*has not the [0-9]+ bytes'
rm "$DIR/blobs/sha256/${layer#sha256:}"
like "a blob that is missing" "$(push bad/three 1)" '"Error".*Cannot read the blob'
cp "$TMP/kept" "$DIR/blobs/sha256/${layer#sha256:}"
for name in one two three; do
        like "bad/$name is not there" "$(order "$HOST" "bad/$name" 1 "$PLAIN" | fetch tags "$DIR")" '"io.berth1.Error.NoSuchImage"'
done
jq '.manifests += .manifests' "$DIR/index.json" >"$TMP/index" && cp "$TMP/index" "$DIR/index.json"
like "a layout of two" "$(push bad/four 1)" 'BadArchive.*2 images, not one'
rm -rf "$DIR"
mkdir "$DIR"
like "no layout" "$(push bad/five 1)" '"Error".*index.json'
layout_of "oci-archive:$IMAGES/busybox.oci.tar"
sed 's#^storage: .*#storage: {filesystem: {rootdirectory: '"$TMP/plain"'}, maintenance: {readonly: {enabled: true}}}#; s/^  addr: .*/  addr: 127.0.0.1:5006/' \
        "$TMP/plain.yml" >"$TMP/readonly.yml"
docker-registry serve "$TMP/readonly.yml" >"$TMP/readonly.log" 2>&1 &
echo "$!" >>"$TMP/registries"
ok "a registry that takes nothing starts" wait_until 10 answers http://127.0.0.1:5006/v2/
like "push to it" "$(order 127.0.0.1:5006 test/new 1 "$PLAIN" | fetch push "$DIR")" '"io.berth1.Error.NotSupported"'
