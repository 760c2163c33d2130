#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Images on their way out and in again: pushed and pulled, saved and loaded, imported;
# compared; a damaged store that is checked and mended from the registry.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

command -v docker-registry >/dev/null || skip_all "docker-registry is not installed"

REGISTRY=127.0.0.1:5612
BUSYBOX=$(image busybox)
at_exit berthctl rmi -a -f
at_exit drop_containers
berthctl rmi -a -f >/dev/null 2>&1

mkdir -p "$TMP/registry" /etc/containers/registries.conf.d
cat >"$TMP/registry.yml" <<YML
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $TMP/registry}}
http: {addr: "$REGISTRY"}
YML
printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$REGISTRY" >/etc/containers/registries.conf.d/berth-transfer.conf
at_exit rm -f /etc/containers/registries.conf.d/berth-transfer.conf
if [ ! -e /etc/containers/policy.json ]; then
        echo '{"default":[{"type":"insecureAcceptAnything"}]}' >/etc/containers/policy.json
        at_exit rm -f /etc/containers/policy.json
fi
docker-registry serve "$TMP/registry.yml" >"$TMP/registry.log" 2>&1 &
at_exit kill $!
ok "a registry" wait_until 10 curl -sf "http://$REGISTRY/v2/"

load_image busybox
load_image odd
busybox=$(berthctl inspect --format '{{.Id}}' "$BUSYBOX")
odd=$(berthctl inspect --format '{{.Id}}' "$(image odd)")

# Push, and what comes back is the same image.
for format in oci v2s2; do
        for coding in gzip zstd; do
                [ "$format $coding" != "v2s2 zstd" ] || continue
                name=$REGISTRY/test/$format-$coding:1
                ok "push as $format with $coding" berthctl push -q -f "$format" --compression-format "$coding" --digestfile "$TMP/digest" "$(image odd)" "$name"
                like "the digest file" "$(cat "$TMP/digest")" '^sha256:[0-9a-f]{64}$'
                is "the registry has it under that" "$(curl -sf -o /dev/null -w '%{http_code}' -H 'Accept: application/vnd.oci.image.manifest.v1+json' -H 'Accept: application/vnd.docker.distribution.manifest.v2+json' "http://$REGISTRY/v2/test/$format-$coding/manifests/$(cat "$TMP/digest")")" 200
                like "RepoDigests" "$(berthctl inspect --format '{{.RepoDigests}}' "$odd")" "$REGISTRY/test/$format-$coding@$(cat "$TMP/digest")"
        done
done
ok "the push is an event" journalctl -q -n1 BERTH_EVENT=push IMAGE_ID="$odd" --grep .
berthctl rmi -f "$odd" >/dev/null
is "pulled it is the same" "$(berthctl pull -q "$REGISTRY/test/oci-gzip:1")" "$odd"
berthctl rmi -f "$odd" >/dev/null
is "from docker's manifest too" "$(berthctl pull -q "$REGISTRY/test/v2s2-gzip:1")" "$odd"
is "and runs" "$(berthctl run --rm "$REGISTRY/test/v2s2-gzip:1" 2>&1)" same
is "nothing is left of the transfers" "$(ls -A /var/cache/private/berth-fetch)" ""
fails_with 125 'NoSuch|No such image' berthctl push nothing "$REGISTRY/x:1"
fails_with 125 'refused|connect|reach' berthctl push -q --retry 0 "$BUSYBOX" 127.0.0.1:5699/x:1
fails_with 125 'oci|v2s2' berthctl push -f v1 "$BUSYBOX" "$REGISTRY/x:1"

# Save and load: each format holds the same image.
for format in docker-archive oci-archive oci-dir docker-dir; do
        ok "save as $format" berthctl save -q --format "$format" -o "$TMP/saved.$format" "$REGISTRY/test/v2s2-gzip:1"
        berthctl rmi -f "$odd" >/dev/null
        like "and back" "$(berthctl load -q "$TMP/saved.$format" 2>&1; berthctl images -q --no-trunc)" "$odd"
        berthctl tag "$odd" "$REGISTRY/test/v2s2-gzip:1"
done
ok "several images into one archive" berthctl save -q -o "$TMP/both.tar" "$BUSYBOX" "$REGISTRY/test/v2s2-gzip:1"
berthctl rmi -a -f >/dev/null
is "come back" "$(berthctl load -q "$TMP/both.tar" | sort | paste -sd' ')" "$REGISTRY/test/v2s2-gzip:1 $BUSYBOX"
ok "to the standard output" eval 'berthctl save "$BUSYBOX" 2>/dev/null | tar -t >/dev/null'
fails_with 125 'docker-archive' berthctl save --format tar -o "$TMP/x" "$BUSYBOX"
ok "what fails leaves no file" eval '! ls "$TMP"/x* 2>/dev/null'
load_image busybox

# Import, and what differs.
mkdir -p "$TMP/root/bin" "$TMP/root/etc"
cp /bin/busybox "$TMP/root/bin/sh" 2>/dev/null || cp "$(command -v busybox)" "$TMP/root/bin/sh"
echo imported >"$TMP/root/etc/version"
tar -C "$TMP/root" -cf "$TMP/root.tar" .
id=$(berthctl import -q -c 'CMD ["/bin/sh","-c","echo it is $WHAT"]' -c ENV=WHAT=mine -m "by a test" "$TMP/root.tar" localhost/imported:1 2>"$TMP/err")
like "import" "$id" '^[0-9a-f]{64}$' || diag "$(cat "$TMP/err")"
is "it runs" "$(berthctl run --rm --network none localhost/imported:1 2>&1)" "it is mine"
like "its history has the message" "$(berthctl history --no-trunc --format json localhost/imported:1)" "by a test"
ok "the import is an event" journalctl -q -n1 BERTH_EVENT=import IMAGE_ID="$id" --grep .
like "diff of two images" "$(berthctl diff localhost/imported:1 "$BUSYBOX")" '^A /etc/version$'
like "the other way round" "$(berthctl diff "$BUSYBOX" localhost/imported:1)" '^D /etc/version$'
like "as JSON" "$(berthctl diff --format json localhost/imported:1 "$BUSYBOX" | jq -r '.added[]')" '^/etc/version$'
is "of one with itself" "$(berthctl diff "$BUSYBOX" "$BUSYBOX")" ""

# Podman's description.
is "inspect has podman's members" "$(berthctl inspect "$BUSYBOX" | jq -r '.[0] | keys | join(" ")')" \
        "Annotations Architecture Author Comment Config Created Digest GraphDriver Healthcheck History Id Labels LoadedAt ManifestType NamesHistory Os Parent RepoDigests RepoTags RootFS Size User Variant Version VirtualSize"

# A store that is damaged.
ok "a whole store" berthctl system check
berthctl push -q "$BUSYBOX" "$REGISTRY/test/mend:1"
berthctl rmi -a -f >/dev/null
berthctl pull -q "$REGISTRY/test/mend:1" >/dev/null
object=$(find /var/lib/berth/ostree/repo/objects -name '*.file' -size +100k | head -n 1)
chattr -i "$object" 2>/dev/null
printf x | dd of="$object" bs=1 seek=1000 conv=notrunc status=none
output=$(berthctl system check 2>&1)
is "check finds the damage" "$?" 125
like "and says what it is" "$output" 'Warning: .*(is damaged|has changed)'
output=$(berthctl system check --repair 2>&1)
is "repair succeeds" "$?" 0
like "and says so" "$output" "Repaired image: $busybox"
ok "the store is whole again" berthctl system check -q
is "and the image runs" "$(berthctl run --rm --network none "$REGISTRY/test/mend:1" echo whole 2>&1)" whole
