#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Images as buildah, umoci and skopeo make them: loaded, listed, run, removed; what
# they say of themselves; layers that are hard to merge; archives to refuse.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

at_exit berthctl rmi -a -f
at_exit drop_containers

run() {
        berthctl run --rm "$@" 2>&1 </dev/null
}

no_image() {
        [ -z "$(berthctl images -q)" ]
}

# Both kinds of archive, made by different programs, name the same image.
for kind in oci docker; do
        for name in busybox nginx; do
                ok "load $name.$kind.tar" berthctl load "$IMAGES/$name.$kind.tar"
                like "images lists it" "$(berthctl images --no-trunc)" "^localhost/berth-test/$name +latest "
        done
        is "an image of a $kind archive runs" "$(run "$(image busybox)" cat /etc/berth-test-version)" "3.0"
        is "set-id and sticky modes" "$(run "$(image busybox)" stat -c %a /tmp)" 1777
        is "owners" "$(run "$(image busybox)" stat -c %u:%g /home/app)" 1000:1000
        ok "rmi" berthctl rmi "$(image busybox)" "$(image nginx)"
        ok "no image is left" no_image
done
ok "load from standard input" berthctl load <"$IMAGES/busybox.oci.tar"
is "loading again changes nothing" "$(snapshot)" "$(berthctl load "$IMAGES/busybox.oci.tar" >/dev/null 2>&1; snapshot)"

# What the image says holds, unless the caller says otherwise.
ok "load busybox-app" berthctl load "$IMAGES/busybox-app.docker.tar"
APP=$(image busybox-app)
is "entry point and command" "$(run "$APP")" "entry image-argument"
is "arguments replace the command" "$(run "$APP" mine)" "entry mine"
is "--entrypoint drops the image's command" "$(run --entrypoint /bin/pwd "$APP")" /home/app
is "user and groups" "$(run --entrypoint /bin/id "$APP" -u)" 1000
is "environment" "$(run --entrypoint /bin/sh "$APP" -c 'echo $GREETING')" "hello from the image"
like "inspect knows the ports" "$(berthctl image inspect "$APP")" '8080/tcp'
like "and the volumes" "$(berthctl image inspect "$APP")" '"/data"'
ok "a stop signal of the image's own" berthctl run -d --name signal --entrypoint /bin/sh "$APP" -c \
        'trap "exit 7" USR1; echo ready; while :; do sleep 0.1; done'
ok "the payload is ready" wait_until 10 eval 'berthctl logs signal | grep -q ready'
ok "stop" berthctl stop -t 5 signal
is "the signal was the image's" "$(berthctl inspect --format '{{.State.ExitCode}}' signal)" 7
fails_with 125 'in use|use.* by|container' berthctl rmi "$APP"
ok "the image is still there" berthctl image exists "$APP"
ok "rm" berthctl rm signal
ok "an image is found by the beginning of its ID" berthctl image exists "$(berthctl images -q "$APP" | head -n 1)"

# Layers: whiteouts, opaque directories, changed types, implied parents, long names.
ok "load odd" berthctl load "$IMAGES/odd.oci.tar"
is "the merge of its layers" "$(berthctl run --rm "$(image odd)" 2>&1)" same

# The image is shared and never written to.
ok "a container writes everywhere" berthctl run --rm "$(image busybox)" sh -c \
        'echo x >>/etc/passwd; rm /bin/ls; chmod 777 /etc/group; chown 1:1 /bin/busybox; mv /etc/os-release /etc/o; : >/var/www/index.html'
is "the next one sees the image as it was" \
        "$(run "$(image busybox)" sh -c 'tail -n1 /etc/passwd; ls -l /bin/ls | wc -l; stat -c "%a %u" /etc/group /bin/busybox; cat /var/www/index.html')" \
        $'nobody:x:65534:65534:nobody:/:/bin/false\n1\n644 0\n755 0\nThis page comes from the busybox image of the tests.'
ok "the objects are whole" ostree fsck --quiet --repo=/var/lib/berth/ostree/repo
ok "remove all images" berthctl rmi -a -f
ok "no image is left" no_image
is "nor an object" "$(find /var/lib/berth/ostree/repo/objects -type f 2>/dev/null | wc -l)" 0
