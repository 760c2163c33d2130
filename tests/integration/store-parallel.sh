#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Loads at the same time of images that share files, with removals between them: each
# image is whole whatever the others do. BERTH_PULL names another worker, BERTH_ROUNDS
# how often.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

PULL=${BERTH_PULL:-/usr/lib/berth/berth-pull}
ROUNDS=${BERTH_ROUNDS:-50}
[ -x "$PULL" ] || skip_all "there is no $PULL"
command -v python3 >/dev/null || skip_all "python3 is not installed"
DIR=$(mktemp -d "${BERTH_TEST_DISK:-/var/tmp}/berth-store-parallel.XXXXXX")
at_exit rm -rf "$DIR"
STORE=$DIR/store

# Two images of one layer each: 300 files that both have, 20 that are their own.
archive() {
        python3 - "$1" "$2" <<'END'
import hashlib, io, json, sys, tarfile

def add(archive, name, data):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))

buffer = io.BytesIO()
with tarfile.open(fileobj=buffer, mode="w") as layer:
    for i in range(300):
        add(layer, f"shared/{i}", b"the content of file %d" % i)
    for i in range(20):
        add(layer, f"own/{i}", b"of %s: %d" % (sys.argv[2].encode(), i))
layer = buffer.getvalue()
config = json.dumps({"architecture": "amd64", "os": "linux", "author": sys.argv[2], "rootfs": {
    "type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}}).encode()
with tarfile.open(sys.argv[1], "w") as archive:
    add(archive, "layer.tar", layer)
    add(archive, "config.json", config)
    add(archive, "manifest.json", json.dumps([{"Config": "config.json", "Layers": ["layer.tar"]}]).encode())
END
}
archive "$DIR/a.tar" a
archive "$DIR/b.tar" b

load() {
        "$PULL" --state-dir "$STORE" load <"$DIR/$1.tar" >"$DIR/$1.out" 2>&1 || echo "round $2: $(cat "$DIR/$1.out")"
}

# Removes what it finds, as the daemon does.
remove_all() {
        local image
        for image in "$STORE"/images/[0-9a-f]*; do
                [ ! -d "$image" ] || mv -T "$image" "${image%/*}/.${image##*/}.rm"
        done
        "$PULL" --state-dir "$STORE" remove >/dev/null || echo "remove failed"
}

rounds() {
        local i image
        for ((i = 0; i < ROUNDS; i++)); do
                load a "$i" &
                load b "$i" &
                [ $((i % 3)) -gt 0 ] || "$PULL" --state-dir "$STORE" sweep >/dev/null || echo "round $i: sweep failed" &
                wait
                for image in "$STORE"/images/[0-9a-f]*; do
                        [ "$(find "$image/rootfs" -type f | wc -l)" = 320 ] || echo "round $i: $image is not whole"
                done
                [ "$(find "$STORE/images" -mindepth 1 -maxdepth 1 | wc -l)" = 2 ] || echo "round $i: not two images"
                remove_all
        done
}

is "$ROUNDS times two loads at a time" "$(rounds 2>&1 | head -n 5)" ""
is "nothing is left in the store" "$(find "$STORE/ostree/repo/objects" -type f | wc -l)" 0
load a last
load b last
# 300 and twice 20, the mark that all empty files are, and a recipe of each layer.
is "files that two images have are stored once" "$(find "$STORE/ostree/repo/objects" -name '*.file' | wc -l)" 343
ok "the objects are whole" ostree fsck --quiet --repo="$STORE/ostree/repo"
