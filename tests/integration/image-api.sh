#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Images through the daemon: pulled from a registry, shared, cancelled, killed at
# points, named, mounted, compared; operations as objects on the bus.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

command -v docker-registry >/dev/null || skip_all "docker-registry is not installed"
[ -x /usr/lib/berth/berth-fetch ] || skip_all "there is no berth-fetch"

REGISTRY=127.0.0.1:5611
REPO=$REGISTRY/test/busybox
FETCHED=/var/cache/private/berth-fetch
at_exit berthctl rmi -a -f
at_exit drop_containers

berthctl rmi -a -f >/dev/null 2>&1

# A registry without TLS, which the configuration of this machine allows.
mkdir -p "$TMP/registry" /etc/containers/registries.conf.d
cat >"$TMP/registry.yml" <<YML
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $TMP/registry}, delete: {enabled: true}}
http: {addr: "$REGISTRY"}
YML
cat >/etc/containers/registries.conf.d/berth-test.conf <<CONF
unqualified-search-registries = ["$REGISTRY"]
[[registry]]
location = "$REGISTRY"
insecure = true
CONF
at_exit rm -f /etc/containers/registries.conf.d/berth-test.conf
if [ ! -e /etc/containers/policy.json ]; then
        echo '{"default":[{"type":"insecureAcceptAnything"}]}' >/etc/containers/policy.json
        at_exit rm -f /etc/containers/policy.json
fi

start_registry() {
        docker-registry serve "$TMP/registry.yml" >"$TMP/registry.log" 2>&1 &
        registry=$!
        wait_until 10 curl -sf "http://$REGISTRY/v2/"
}
start_registry
at_exit kill "$registry"

# push_blob REPOSITORY FILE
push_blob() {
        local digest location
        digest=sha256:$(sha256sum "$2" | cut -d' ' -f1)
        location=$(curl -sf -D- -o /dev/null -X POST "http://$REGISTRY/v2/$1/blobs/uploads/" | tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
        curl -sf -o /dev/null -X PUT -H 'Content-Type: application/octet-stream' --data-binary "@$2" \
                "$location$([[ $location = *\?* ]] && echo '&' || echo '?')digest=$digest"
}

# seed ARCHIVE REPOSITORY TAG: what is in an OCI archive, by the registry's own protocol.
seed() {
        local layout=$TMP/layout.$RANDOM manifest
        mkdir "$layout"
        tar -C "$layout" -xf "$1"
        manifest=$layout/blobs/sha256/$(jq -r '.manifests[0].digest' "$layout/index.json" | cut -d: -f2)
        for digest in $(jq -r '.config.digest, .layers[].digest' "$manifest"); do
                push_blob "$2" "$layout/blobs/sha256/${digest#sha256:}" || return
        done
        curl -sf -o /dev/null -X PUT -H "Content-Type: $(jq -r '.mediaType // "application/vnd.oci.image.manifest.v1+json"' "$manifest")" \
                --data-binary "@$manifest" "http://$REGISTRY/v2/$2/manifests/$3"
        rm -rf "$layout"
}

# A big image, whose transfer takes a while: random bytes do not compress.
make_big() {
        local layout=$TMP/big layer config
        mkdir -p "$layout/blobs/sha256" "$TMP/bigroot"
        head -c "$1" /dev/urandom >"$TMP/bigroot/noise"
        tar -C "$TMP/bigroot" -cf "$TMP/big.layer" .
        layer=$(sha256sum "$TMP/big.layer" | cut -d' ' -f1)
        mv "$TMP/big.layer" "$layout/blobs/sha256/$layer"
        printf '{"architecture":"%s","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' "$2" "$layer" >"$TMP/config"
        config=$(sha256sum "$TMP/config" | cut -d' ' -f1)
        mv "$TMP/config" "$layout/blobs/sha256/$config"
        printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%s},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:%s","size":%s}]}' \
                "$config" "$(stat -c %s "$layout/blobs/sha256/$config")" "$layer" "$(stat -c %s "$layout/blobs/sha256/$layer")" >"$TMP/manifest"
        manifest=$(sha256sum "$TMP/manifest" | cut -d' ' -f1)
        mv "$TMP/manifest" "$layout/blobs/sha256/$manifest"
        echo '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"
        printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s}]}' \
                "$manifest" "$(stat -c %s "$layout/blobs/sha256/$manifest")" >"$layout/index.json"
        tar -C "$layout" -cf "$TMP/big.tar" oci-layout index.json blobs
        rm -rf "$layout" "$TMP/bigroot"
}
case $(uname -m) in x86_64) arch=amd64 ;; aarch64) arch=arm64 ;; *) arch=$(uname -m) ;; esac
ok "the registry has busybox" seed "$IMAGES/busybox.oci.tar" test/busybox latest
ok "and another tag" seed "$IMAGES/busybox.oci.tar" test/busybox v1
ok "and odd" seed "$IMAGES/odd.oci.tar" test/odd latest
make_big 150M "$arch"
ok "and a big one" seed "$TMP/big.tar" test/big latest

state_of() { busctl get-property io.berth1 "$1" io.berth1.Operation State 2>/dev/null | cut -d'"' -f2; }
operations() { busctl tree --list io.berth1 2>/dev/null | grep '^/io/berth1/operation/'; }

# Pull: by full name, by short name, by digest.
id=$(berthctl pull -q "$REPO" 2>"$TMP/err")
like "pull prints the ID" "$id" '^[0-9a-f]{64}$' || diag "$(cat "$TMP/err")"
is "it has the name" "$(berthctl inspect --format '{{index .RepoTags 0}}' "$id")" "$REPO:latest"
digest=$(berthctl inspect --format '{{.Digest}}' "$id")
like "and where it came from" "$(berthctl inspect --format '{{.RepoDigests}}' "$id")" "$REPO@$digest"
is "it runs" "$(berthctl run --rm --network none "$REPO" echo hello 2>&1)" hello
is "what was fetched is gone" "$(ls -A $FETCHED 2>/dev/null)" ""
ok "the pull is an event" wait_until 5 journalctl -q -n1 BERTH_EVENT=pull IMAGE_NAME="$REPO:latest" --grep .
is "a short name is found by the configuration" "$(berthctl pull -q test/busybox:v1 2>&1)" "$id"
ok "by digest" berthctl image exists "$REPO@$digest"
ok "rmi" berthctl rmi -f "$id"
is "pull by digest" "$(berthctl pull -q "$REPO@$digest" 2>&1)" "$id"
ok "is found by it" berthctl image exists "$REPO@$digest"
is "and is not dangling" "$(berthctl images -f dangling=true -q)" ""
fails_with 125 'No such image|not (found|known)|manifest' berthctl pull -q "$REGISTRY/test/nothing"
ok "which is an event too" wait_until 5 journalctl -q -n1 BERTH_EVENT=pull-error --grep .
fails_with 125 'is wanted|InvalidArgument' berthctl pull --policy sometimes "$REPO"
fails_with 125 'not.*name|Not an image' berthctl pull $'bad\033[31mname'
berthctl pull $'bad\033[31mname' >"$TMP/out" 2>&1
ok "escapes do not reach the terminal" eval '! grep -q "$(printf "\033")" "$TMP/out"'

# Policies.
berthctl pull -q "$REPO" >/dev/null
is "missing: nothing is asked for" "$(kill -STOP "$registry"; timeout 10 berthctl pull -q --policy missing "$REPO" 2>&1; kill -CONT "$registry")" "$id"
fails_with 125 'No such image' berthctl pull -q --policy never "$REGISTRY/test/odd"
is "never: what is here" "$(berthctl pull -q --policy never "$REPO")" "$id"
seed "$IMAGES/odd.oci.tar" test/moving latest
old=$(berthctl pull -q "$REGISTRY/test/moving")
seed "$IMAGES/busybox.oci.tar" test/moving latest
is "always: what is there" "$(berthctl pull -q --policy always "$REGISTRY/test/moving")" "$id"
is "the name has moved" "$(berthctl inspect --format '{{len .RepoTags}}' "$old")" 0
is "newer: also" "$(seed "$IMAGES/odd.oci.tar" test/moving latest; berthctl pull -q --policy newer "$REGISTRY/test/moving")" "$old"
kill "$registry"
wait "$registry" 2>/dev/null
is "newer: what is here, when the registry does not answer" "$(berthctl pull -q --retry 0 --policy newer "$REGISTRY/test/moving" 2>/dev/null)" "$old"
fails_with 125 'refused|connect|answer|reach' berthctl pull -q --retry 0 "$REGISTRY/test/moving"
start_registry
is "all tags" "$(berthctl pull -q --all-tags "$REPO" | sort -u)" "$id"
ok "have come" berthctl image exists "$REPO:v1"
is "tags" "$(berthctl tags --noheading --format '{{.Tag}}' "$REPO" | sort | paste -sd' ')" "latest v1"
is "search --list-tags" "$(berthctl search --list-tags --format json "$REPO" | jq -r '.[0].Tags | sort | join(" ")')" "latest v1"
is "an image goes with all its names" "$(berthctl rmi -f "$id" >/dev/null; berthctl images -q | wc -l)" 1
like "the only image there is comes with a warning when it is for another platform" \
        "$(berthctl pull -q --platform linux/s390x "$REPO" 2>&1)" 'Warning: .* not for linux/s390x'
fails_with 125 'platform' berthctl pull -q --platform 'a b' "$REPO"

# Two clients share one transfer; the operation is an object.
big=$REGISTRY/test/big
berthctl pull "$big" >"$TMP/first" 2>"$TMP/progress" &
first=$!
ok "an operation appears" wait_until 10 eval '[ -n "$(operations)" ]'
path=$(operations | head -n 1)
is "of that type" "$(busctl get-property io.berth1 "$path" io.berth1.Operation Type)" 's "pull"'
like "about that" "$(busctl get-property io.berth1 "$path" io.berth1.Operation Subject)" "$big"
is "listed by the object manager" "$(busctl --json=short call io.berth1 /io/berth1 org.freedesktop.DBus.ObjectManager GetManagedObjects | jq -r '.data[0] | keys[]' | grep -c "^$path\$")" 1
berthctl pull -q "$big" >"$TMP/second" 2>&1 &
second=$!
wait "$first" "$second"
is "both have it" "$(cat "$TMP/first")" "$(cat "$TMP/second")"
is "by one transfer" "$(journalctl -q -o cat SYSLOG_IDENTIFIER=berth BERTH_EVENT=pull IMAGE_NAME="$big:latest" | wc -l)" 1
like "progress came in lines" "$(cat "$TMP/progress")" '[0-9a-f]{12}: done'
unlike "without escapes, as this is no terminal" "$(cat -v "$TMP/progress")" '\^\['
is "nothing is left of it" "$(operations)" ""

# Cancel: by the method, by Ctrl-C, by a client that goes away.
begin_pull() {
        berthctl rmi -f "$big" >/dev/null 2>&1
        rm -rf "${FETCHED:?}"/*
        berthctl pull -q "$big" >"$TMP/out" 2>&1 &
        first=$!
        wait_until 10 eval 'systemctl -q list-units "berth_fetch-*" --state=activating --plain --no-legend | grep -q .'
        path=$(operations | head -n 1)
}
fetching() { systemctl list-units --all --plain --no-legend 'berth_fetch-*' 'berth_pull-*' | grep -q .; }
begin_pull
start=$(date +%s%N)
ok "Cancel" busctl call io.berth1 "$path" io.berth1.Operation Cancel
wait "$first"
is "the client is told" "$?" 125
like "why" "$(cat "$TMP/out")" cancelled
ok "within a second" [ $((($(date +%s%N) - start) / 1000000)) -lt 1000 ]
ok "the worker is gone" wait_until 10 eval '! fetching'
begin_pull
kill -INT "$first"
wait "$first"
is "Ctrl-C cancels" "$?" 130
ok "the worker is gone" wait_until 10 eval '! fetching'
begin_pull
kill -KILL "$first"
ok "a client that vanishes takes its pull with it" wait_until 10 eval '! fetching'
ok "the daemon is well" berthctl version
fails_with 125 'No such image' berthctl image inspect "$big"
ok "and the next pull succeeds" berthctl pull -q "$big"
berthctl rmi -f "$big" >/dev/null

# In the background: the path at once, the result later.
reply=$(busctl --json=short call io.berth1 /io/berth1 io.berth1.Runtime Pull 'sa{sv}' "$big" 1 Background b true)
path=$(jq -r '.data[3]' <<<"$reply")
like "the path of the operation" "$path" '^/io/berth1/operation/'
reply=$(busctl --json=short --timeout=120 call io.berth1 "$path" io.berth1.Operation Wait)
is "Wait tells what came of it" "$(jq -r '.data[0][0]' <<<"$reply")" "$big:latest"
is "and it can still be asked" "$(state_of "$path")" "done"
is "a name" "$(busctl call io.berth1 /io/berth1 io.berth1.Runtime NormalizeImageRef s busybox)" 's "localhost/busybox:latest"'
is "two that are the same" "$(busctl call io.berth1 /io/berth1 io.berth1.Runtime ImageRefsEqual ss docker.io/nginx docker.io/library/nginx:latest)" 'b true'

# Killed at any point: the store is whole, and the next pull goes on.
for what in berth_fetch berth_pull daemon; do
        for delay in 0.05 0.2 0.5; do
                begin_pull
                sleep "$delay"
                if [ "$what" = daemon ]; then
                        systemctl kill -s KILL --kill-whom=main berthd 2>/dev/null
                else
                        systemctl kill -s KILL "$what-*.service" 2>/dev/null
                fi
                wait "$first"
        done
        ok "after $what was killed, the next pull succeeds" berthctl pull -q "$big"
        ok "it runs" eval '[ "$(berthctl run --rm --network none "$REPO" echo whole)" = whole ]'
        is "and no work is left" "$(find /var/lib/berth/images -mindepth 1 -maxdepth 1 -name '.*')" ""
done
berthctl rmi -f "$big" >/dev/null

# The name inside an archive does not move by itself.
berthctl load -q "$IMAGES/busybox.oci.tar" >/dev/null
berthctl tag "$old" localhost/berth-test/odd:latest 2>/dev/null
berthctl untag "$id" "$(image busybox)"
berthctl tag "$old" "$(image busybox)"
output=$(berthctl load "$IMAGES/busybox.oci.tar" 2>&1)
like "a warning says that it stays" "$output" "Warning: The name $(image busybox) stays"
is "it stays" "$(berthctl inspect --format '{{.Id}}' "$(image busybox)")" "$old"
like "the image is told by its ID" "$output" "Loaded image: $id"
ok "load --replace" berthctl load --replace "$IMAGES/busybox.oci.tar"
is "moves it" "$(berthctl inspect --format '{{.Id}}' "$(image busybox)")" "$id"

# Looking into images.
berthctl untag "$id" "$REPO" "$REPO:v1" "$REPO@$digest" 2>/dev/null
ok "history" berthctl history "$(image busybox)"
is "of as many layers" "$(berthctl history --format json "$(image busybox)" | jq '[.[] | select(.emptyLayer | not)] | length')" \
        "$(berthctl inspect --format '{{len .RootFS.Layers}}' "$(image busybox)")"
like "tree" "$(berthctl image tree "$(image busybox)")" "ID: [0-9a-f]{12} Size: .*Top Layer of: .*busybox"
point=$(berthctl image mount "$(image busybox)")
is "mount" "$point" "/run/berth/image/$id"
ok "shows its files" test -x "$point/bin/busybox"
fails_with 1 'Read-only' touch "$point/x"
like "without set-id and devices" "$(findmnt -no OPTIONS "$point")" 'ro,nosuid,nodev'
like "it is listed" "$(berthctl image mount)" "$point"
fails_with 125 'mounted' berthctl rmi -f "$(image busybox)"
ok "unmount" berthctl image unmount "$(image busybox)"
is "it is gone" "$(berthctl image mount)" ""
ok "no mount is left" eval '! findmnt "$point"'
fails_with 125 'not mounted' berthctl image unmount "$(image busybox)"
ok "the mount is an event" journalctl -q -n1 BERTH_EVENT=mount --grep .
ok "now it can be removed" berthctl rmi -f "$id"

# What is not here is pulled for a container.
berthctl rmi -a -f >/dev/null 2>&1
is "run pulls what is missing" "$(berthctl run --rm --network none "$REPO" echo pulled 2>/dev/null)" pulled
berthctl rmi -a -f >/dev/null 2>&1
ok "create by a short name" berthctl create -q --name short --network none test/busybox true
is "which the container knows by its whole name" "$(berthctl inspect --format '{{.ImageName}}' short)" "$REPO:latest"
ok "rm" berthctl rm short
berthctl rmi -a -f >/dev/null 2>&1
fails_with 125 'No such image' berthctl run --pull never --rm --network none "$REPO" true
fails_with 125 'No such image' berthctl run --rm localhost/never:1 true
reply=$(busctl --json=short --timeout=60 call io.berth1 /io/berth1 io.berth1.Runtime NewContainer 'a{sv}' 3 Image s "$REPO" Name s bus Network as 1 none)
like "the method pulls too" "$reply" '/io/berth1/container/'
ok "rm" berthctl rm bus
seed "$IMAGES/odd.oci.tar" test/moving latest
berthctl pull -q "$REGISTRY/test/moving" >/dev/null
seed "$IMAGES/busybox.oci.tar" test/moving latest
is "--pull=always has what is new" "$(berthctl run --pull always --rm --network none "$REGISTRY/test/moving" cat /etc/berth-test-version 2>/dev/null)" \
        "$(berthctl run --rm --network none "$REPO" cat /etc/berth-test-version)"
is "prune takes those without a name" "$(berthctl image prune -f)" "$old"
ok "prune --all takes all" berthctl image prune -af
is "of them" "$(berthctl images -q)" ""

# Limits of berth.conf.
mkdir -p /etc/berth/berth.conf.d
at_exit rm -f /etc/berth/berth.conf.d/test.conf
printf '[Images]\nUnpackedSizeMax=1M\n' >/etc/berth/berth.conf.d/test.conf
fails_with 125 'larger|limit|size|bytes' berthctl pull -q "$big"
printf '[Images]\nEntriesMax=2\n' >/etc/berth/berth.conf.d/test.conf
fails_with 125 'entries|files|more than' berthctl load "$IMAGES/busybox.oci.tar"
printf '[Images]\nUnpackedSize=1M\n' >/etc/berth/berth.conf.d/test.conf
fails_with 125 'berth.conf|test.conf' berthctl pull -q "$big"
rm -f /etc/berth/berth.conf.d/test.conf
is "nothing of them is left" "$(berthctl images -q)" ""

# A unit of a .container file, whose first start waits for its image.
mkdir -p /etc/containers/systemd
printf '[Container]\nImage=%s\nExec=sleep 1000\nNetwork=none\nPull=missing\n[Service]\nTimeoutStartSec=6\n' "$big" >/etc/containers/systemd/pulled.container
at_exit rm -f /etc/containers/systemd/pulled.container
systemctl daemon-reload
systemctl start pulled.service 2>/dev/null
ok "its image has come" berthctl image exists "$big"
rm -f /etc/containers/systemd/pulled.container
systemctl stop pulled.service 2>/dev/null
systemctl daemon-reload

# Only who may.
fails_with 1 'NotAuthorized|authorization|denied' setpriv --reuid nobody --clear-groups busctl call io.berth1 /io/berth1 \
        io.berth1.Runtime Pull 'sa{sv}' "$REPO" 0
fails_with 1 'NotAuthorized|authorization|denied' setpriv --reuid nobody --clear-groups busctl call io.berth1 /io/berth1 \
        io.berth1.Runtime SearchImages 'sa{sv}' x 0
