#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What images come in, read by the worker itself on a store of its own: each transport,
# format and compression that skopeo writes, and documents that must be refused or
# that have one meaning only (tests/images/documents). BERTH_PULL names another worker.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

PULL=${BERTH_PULL:-/usr/lib/berth/berth-pull}
[ -x "$PULL" ] || skip_all "there is no $PULL"
DIR=$(mktemp -d "${BERTH_TEST_DISK:-$TMP}/image-formats.XXXXXX")
at_exit rm -rf "$DIR"
STORE=$DIR/store
HERE=$(dirname -- "$(realpath -- "$0")")

pull() {
        "$PULL" --state-dir "$STORE" "$@"
}

result() {
        tail -n 1 <<<"$1"
}

# Names, kinds, sizes, modes, owners and links of all that is in the store.
state() {
        (cd "$STORE" && find . -path ./ostree/repo/tmp/cache -prune -o -printf '%P %y %s %n %m %U:%G\n' | sort)
}

xattrs() {
        python3 -c '
import os
for top, dirs, files in os.walk("."):
    for name in sorted(dirs + files):
        path = os.path.join(top, name)
        for key in sorted(os.listxattr(path, follow_symlinks=False)):
            if key.startswith("user."):
                print(path, key, os.getxattr(path, key, follow_symlinks=False))' | sort
}

tree() {
        (
                cd "$1" || exit 1
                find . -printf '%P %y %m %U:%G %l %T@\n' | sort
                find . -type f -print0 | sort -z | xargs -0 -r sha256sum
                xattrs
        )
}

# Everything that skopeo can make of one image: the same image ID, the same tree.
need_skopeo() {
        command -v skopeo >/dev/null || { skip "images by skopeo" "skopeo is not installed"; return 1; }
}

forms() {
        local from=$1 name=$2 format compression
        for format in oci v2s2; do
                for compression in "" --dest-compress --dest-decompress "--dest-compress-format zstd --dest-compress"; do
                        # Docker's format has no zstd in skopeo.
                        [[ "$format$compression" = v2s2*zstd* ]] && continue
                        # shellcheck disable=SC2086 # options
                        skopeo copy --quiet --format "$format" $compression "$from" "dir:$DIR/forms/dir $format $compression" || echo "dir $format"
                done
        done
        # Only the directory transport takes those options; the rest as skopeo has it.
        skopeo copy --quiet "$from" "oci:$DIR/forms/oci:$name"
        skopeo copy --quiet --dest-oci-accept-uncompressed-layers "dir:$DIR/forms/dir oci --dest-decompress" "oci:$DIR/forms/oci plain:$name"
        skopeo copy --quiet "$from" "oci-archive:$DIR/forms/oci.tar:$name"
        skopeo copy --quiet "$from" "docker-archive:$DIR/forms/docker.tar:$name"
        gzip -k "$DIR/forms/docker.tar"
        zstd -q -k "$DIR/forms/oci.tar" 2>/dev/null || true
}

read_forms() {
        local form id output
        for form in "$DIR"/forms/*; do
                rm -rf "$STORE"
                output=$(pull load <"$form")
                id=$(result "$output" | jq -r '.Result.Images[0].Id')
                # A change of format rewrites the configuration: skopeo says what it became.
                case $form in
                */dir*) [ "$id" = "$(skopeo inspect --config --raw "dir:$form" | sha256sum | cut -c1-64)" ] || echo "$form: $output" ;;
                *) [ "$id" = "$1" ] || echo "$form: $output" ;;
                esac
                [ "$(tree "$STORE/images/$id/rootfs")" = "$(cat "$DIR/tree")" ] || echo "$form: another tree"
        done
}

if need_skopeo; then
        for name in odd busybox-app; do
                rm -rf "$STORE" "$DIR/forms"
                mkdir "$DIR/forms"
                output=$(pull load <"$IMAGES/$name.oci.tar")
                id=$(result "$output" | jq -r '.Result.Images[0].Id')
                tree "$STORE/images/$id/rootfs" >"$DIR/tree"
                is "skopeo writes $name in all forms" "$(forms "oci-archive:$IMAGES/$name.oci.tar" "localhost/form/$name:1" 2>&1)" ""
                is "there are as many as expected" "$(find "$DIR/forms" -mindepth 1 -maxdepth 1 | wc -l)" "$((12 + $([ -e "$DIR/forms/oci.tar.zst" ] && echo 1 || echo 0)))"
                is "all of them are the same $name" "$(read_forms "$id")" ""
        done
fi

# Documents.
mkdir "$DIR/documents"
if ! python3 "$HERE/../images/documents" "$DIR/documents"; then
        fail "making the documents"
        exit 1
fi
rm -rf "$STORE"
pull load <"$IMAGES/busybox.oci.tar" >/dev/null
before=$(state)
while IFS=$'\t' read -r name expected; do
        status=0
        output=$(timeout 20 "$PULL" --state-dir "$STORE" load <"$DIR/documents/$name.tar" 2>&1) || status=$?
        if [ "$status" != 1 ]; then
                fail "$name: refused" "status $status: $output"
        elif ! grep -qE '"Name":"io.berth1.Error.(BadArchive|BadDigest|Limit|NotSupported|InvalidArgument)"' <<<"$output"; then
                fail "$name: an error by its name" "$output"
        elif ! grep -qE -- "$expected" <<<"$output"; then
                fail "$name: says $expected" "$output"
        elif [ "$(wc -c <<<"$output")" -gt 10000 ] || grep -qP '[\x00-\x08\x0b-\x1f]' <<<"$output"; then
                fail "$name: a short clean message" "$output"
        elif [ "$(state)" != "$before" ]; then
                fail "$name: leaves nothing behind" "$(diff <(echo "$before") <(state))"
                before=$(state)
        else
                pass "$name: refused"
        fi
done <"$DIR/documents/refused"

names_of() {
        jq -r '.Result.Images[] | .Id as $id | if .Names == [] then "- \($id)" else .Names[] + " \($id)" end' <<<"$1" |
                while read -r name id; do
                        echo "$name=$(jq -r '.config.Cmd[0]' "$STORE/images/$id/config.json")"
                done | LC_ALL=C sort | xargs
}
while IFS=$'\t' read -r name expected; do
        rm -rf "$STORE"
        output=$(pull load <"$DIR/documents/$name.tar" 2>&1)
        is "$name: read as it is meant" "$(names_of "$(result "$output")")" "$expected"
done <"$DIR/documents/accepted"

is "a variable without a name is not one" \
        "$(rm -rf "$STORE"; pull load <"$DIR/documents/config-env-no-name.tar" >/dev/null; jq -c '.Env // []' "$STORE"/images/*/image.json)" "[]"

# Each member of each document gone, or something else: loaded or refused, in no
# other way, and a store that is whole.
mutations() {
        local file status
        for file in "$DIR"/documents/mutations/*.tar; do
                status=0
                output=$(timeout 20 "$PULL" --state-dir "$STORE" load <"$file" 2>&1) || status=$?
                case $status in
                0) grep -q '^{"Result":{"Images":\[{' <<<"$output" || echo "$file: $output" ;;
                1) grep -qE '"Name":"io.berth1.Error.(BadArchive|BadDigest|Limit|NotSupported)"' <<<"$output" || echo "$file: $output" ;;
                *) echo "$file: status $status: $output" ;;
                esac
        done
        find "$STORE/images" -mindepth 1 -maxdepth 1 -name '.*'
}
rm -rf "$STORE"
is "$(find "$DIR/documents/mutations" -type f | wc -l) changed members: loaded or refused" "$(mutations)" ""
is "the store is whole" "$(result "$(pull check)")" '{"Result":{"Images":[],"Problems":[],"Removed":[]}}'

# A platform that is asked for.
load_platform() {
        rm -rf "$STORE"
        result "$(pull load --platform="$1" <"$DIR/documents/platforms.tar")"
}
is "a platform that is asked for" "$(names_of "$(load_platform linux/vax)")" "localhost/web:1=/vax"
like "one that is not there" "$(load_platform linux/s360)" 'there is no image for linux/s360'
like "what is none" "$(load_platform 'linux//x')" 'InvalidArgument.*is not a platform'
