#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What the files of containers-common forbid is forbidden before anybody is asked, and signatures are checked: by the
# right key, under the right name, of this very image.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

for tool in docker-registry skopeo gpg gpg-agent openssl python3; do
        command -v "$tool" >/dev/null || skip_all "$tool is not installed"
done

REGISTRY=127.0.0.1:5055
LOOKASIDE=127.0.0.1:5056
SILENT=127.0.0.1:5057
ETC=/etc/containers
export GNUPGHOME=$TMP/gnupg

mkdir -p "$ETC" "$TMP/registry" "$TMP/lookaside" "$TMP/keys" "$TMP/registries.d"
mkdir -m 700 "$GNUPGHOME"
cp -a "$ETC" "$TMP/kept"
at_exit cp -aT "$TMP/kept" "$ETC"
at_exit rm -rf "$ETC"
at_exit gpgconf --kill all
at_exit berthctl rmi -f -a

# Files

registries() {
        rm -rf "$ETC/registries.conf.d"
        cat >"$ETC/registries.conf"
}

policy() {
        cat >"$ETC/policy.json"
}

accept_all() {
        policy <<<'{"default": [{"type": "insecureAcceptAnything"}]}'
}

# policy_for SCOPE REQUIREMENT...: these for the scope, nothing else is accepted.
policy_for() {
        local scope=$1 list
        shift
        list=$(IFS=, && echo "$*")
        policy <<<"{\"default\": [{\"type\": \"reject\"}], \"transports\": {\"docker\": {\"$scope\": [$list]}}}"
}

# signed_by KEY [IDENTITY]
signed_by() {
        local identity=${2:-'{"type": "matchRepoDigestOrExact"}'}
        echo "{\"type\": \"signedBy\", \"keyType\": \"GPGKeys\", \"keyPath\": \"$TMP/keys/$1.gpg\", \"signedIdentity\": $identity}"
}

sigstore_signed() {
        echo "{\"type\": \"sigstoreSigned\", \"keyPath\": \"$TMP/keys/$1.pub\", \"signedIdentity\": {\"type\": \"matchRepository\"}}"
}

insecure() {
        registries <<END
[[registry]]
location = "$REGISTRY"
insecure = true
[[registry]]
location = "$SILENT"
insecure = true
END
}

# Servers

serve() {
        local name=$1
        shift
        systemd-run --quiet --collect --unit="berth-lab-$name" "$@" || exit 1
        at_exit systemctl stop "berth-lab-$name.service"
}

answers() {
        curl -fso /dev/null --max-time 2 "$1"
}

cat >"$TMP/registry.yml" <<END
version: 0.1
storage: {filesystem: {rootdirectory: $TMP/registry}, delete: {enabled: true}}
http: {addr: "$REGISTRY"}
END
serve registry docker-registry serve "$TMP/registry.yml"
serve lookaside python3 -m http.server --bind "${LOOKASIDE%:*}" --directory "$TMP/lookaside" "${LOOKASIDE#*:}"

# It accepts, writes down that somebody came, and hangs up.
cat >"$TMP/silent.py" <<'END'
import socket
import sys

s = socket.create_server((sys.argv[1], int(sys.argv[2])))
while True:
    connection, _ = s.accept()
    with open(sys.argv[3], "a") as log:
        log.write("came\n")
    connection.close()
END
: >"$TMP/came"
serve silent python3 "$TMP/silent.py" "${SILENT%:*}" "${SILENT#*:}" "$TMP/came"

came() {
        wc -l <"$TMP/came"
}

knock() {
        : >"/dev/tcp/${SILENT%:*}/${SILENT#*:}" && test -s "$TMP/came"
}

wait_until 10 answers "http://$REGISTRY/v2/" || { fail "the registry serves"; exit 1; }
wait_until 10 answers "http://$LOOKASIDE/" || { fail "the lookaside serves"; exit 1; }
wait_until 10 knock || { fail "the silent one listens"; exit 1; }
sleep 0.2

# Forbidden: nobody is asked

forbidden() {
        local text=$1 regex=$2 name=${3:-$SILENT/ns/image:1} before output
        before=$(came)
        output=$(berthctl pull --retry 0 "$name" 2>&1) && fail "$text: refused" "$output"
        like "$text: says why" "$output" "$regex"
        is "$text: nobody was asked" "$(came)" "$before"
}

insecure
accept_all
before=$(came)
berthctl pull --retry 0 "$SILENT/ns/image:1" >/dev/null 2>&1 && fail "no registry, no image"
is "what is allowed is asked for" "$([ "$(came)" -gt "$before" ] && echo yes)" yes

state=$(snapshot)
policy <<<'{"default": [{"type": "reject"}]}'
forbidden "a policy that rejects all" 'rejects it'
policy_for 127.0.0.1:5057/other '{"type": "insecureAcceptAnything"}'
forbidden "a policy that accepts another repository" 'rejects it'
policy_for "$SILENT" '{"type": "sigstoreSigned", "fulcio": {"caPath": "/x"}, "rekorPublicKeyPath": "/y"}'
forbidden "a requirement that nobody supports" 'asks for "fulcio", which is not supported'
policy_for "$SILENT" '{"type": "newRequirement"}'
forbidden "a requirement that nobody knows" 'nothing is accepted until it is right'
policy_for "$SILENT" "$(signed_by missing)"
forbidden "a key that is missing" 'key .*missing.gpg cannot be read'
policy <<<'{"default": [{"type": "insecureAcceptAnything"}], "default": [{"type": "reject"}]}'
forbidden "a policy that says two things" 'nothing is accepted until it is right'
policy </dev/null
forbidden "an empty policy" 'nothing is accepted until it is right'
accept_all
registries <<<"registry = [{location = \"$SILENT\", insecure = true, blocked = true}]"
forbidden "a blocked registry" 'blocked in registries.conf'
registries <<<"[registries.insecure]
registries = ['$SILENT']"
forbidden "version 1 of registries.conf" 'version 1'
registries <<<"registry = ["
forbidden "registries.conf that is no TOML" 'registries.conf: line 2'
registries <<<"unqualified-search-registries = ['$SILENT', '$REGISTRY']
short-name-mode = 'enforcing'"
forbidden "a short name that may mean several" 'enforcing' image
insecure
mkdir -p /etc/berth/berth.conf.d
at_exit rm -f /etc/berth/berth.conf.d/test.conf
printf '[Images]\nSignaturPolicy=/x\n' >/etc/berth/berth.conf.d/test.conf
forbidden "a mistake in berth.conf" 'SignaturPolicy= is not known'
printf '[Images]\nSignaturePolicy=%s\n' "$ETC/own.json" >/etc/berth/berth.conf.d/test.conf
forbidden "a policy that is named and missing" 'own.json: it is missing'
echo '{"default": [{"type": "reject"}]}' >"$ETC/own.json"
forbidden "a policy that is named and rejects" 'own.json .*rejects it'
rm /etc/berth/berth.conf.d/test.conf
unchanged "nothing is left of all that" "$state"

# Files are asked of the same policy.
policy <<<'{"default": [{"type": "insecureAcceptAnything"}], "transports": {"docker-archive": {"": [{"type": "reject"}]}}}'
fails_with 125 'rejects it' berthctl load -i "$IMAGES/busybox.docker.tar"
ok "and what it accepts is loaded" berthctl load -i "$IMAGES/busybox.oci.tar"
policy <<<'{"default": [{"type": "reject"}]}'
fails_with 125 'rejects it' berthctl load -i "$IMAGES/busybox.oci.tar"
tar -C "$TMP" -cf "$TMP/root.tar" keys
fails_with 125 'rejects it' berthctl import "$TMP/root.tar" localhost/imported
accept_all

# Names and mirrors

# push IMAGE NAME [OPTION...]
push() {
        skopeo --insecure-policy --registries.d "$TMP/registries.d" copy -q --dest-tls-verify=false "${@:3}" \
                "docker-archive:$IMAGES/$1.docker.tar" "docker://$REGISTRY/$2" >"$TMP/skopeo.log" 2>&1 ||
                { fail "push $2" "$(cat "$TMP/skopeo.log")"; exit 1; }
}

digest_of() {
        skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/$1"
}

cat >"$TMP/registries.d/test.yaml" <<END
default-docker:
  lookaside-staging: file://$TMP/lookaside
  sigstore-staging: file://$TMP/lookaside
END
push busybox plain/image:1

# pulled NAME TEXT [NAME THAT IT GETS]
pulled() {
        local output
        output=$(berthctl pull --retry 0 "$1" 2>&1) || { fail "$2" "$output"; return; }
        ok "$2" berthctl image exists "${3:-$1}"
        berthctl rmi -f "${3:-$1}" >/dev/null
}

rejected() {
        fails_with 125 "$2" berthctl pull --retry 0 "$1"
        ! berthctl image exists "$1" || fail "$1 is not there"
}

insecure
pulled "$REGISTRY/plain/image:1" "an insecure registry is one that registries.conf names"
registries <<END
unqualified-search-registries = ['$REGISTRY']
[[registry]]
location = "$REGISTRY"
insecure = true
[[registry]]
prefix = "moved.example/old"
location = "$REGISTRY/plain"
insecure = true
[[registry]]
location = "mirrored.example"
[[registry.mirror]]
location = "$SILENT/mirror"
insecure = true
[[registry.mirror]]
location = "$REGISTRY/plain"
insecure = true
END
mkdir -p "$ETC/registries.conf.d"
printf '[aliases]\nnick = "moved.example/old/image"\n' >"$ETC/registries.conf.d/alias.conf"
pulled moved.example/old/image:1 "a location is another place, and the name stays"
before=$(came)
pulled mirrored.example/image:1 "of two mirrors the second has it"
is "after the first was asked" "$([ "$(came)" -gt "$before" ] && echo yes)" yes
pulled nick:1 "an alias" moved.example/old/image:1
pulled plain/image:1 "a short name and one registry to look it up in" "$REGISTRY/plain/image:1"

# On a terminal the user is asked which one is meant.
registries <<END
unqualified-search-registries = ['$SILENT', '$REGISTRY']
short-name-mode = 'enforcing'
[[registry]]
location = "$REGISTRY"
insecure = true
END
cat >"$TMP/choose.py" <<'END'
import os
import pty
import sys

pid, terminal = pty.fork()
if pid == 0:
    os.execvp("timeout", ["timeout", "60", "berthctl", "pull", "--retry", "0", "plain/image:1"])
text = b""
try:
    while data := os.read(terminal, 4096):
        text += data
        if data.endswith(b"Which one? "):
            os.write(terminal, sys.argv[1].encode() + b"\n")
except OSError:
    pass
sys.stdout.write(text.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
ok "the second of two is chosen" python3 "$TMP/choose.py" 2
ok "and has the name that was chosen" berthctl image exists "$REGISTRY/plain/image:1"
berthctl rmi -f "$REGISTRY/plain/image:1" >/dev/null
fails_with 125 'no number from 1 to 2' python3 "$TMP/choose.py" 3

# Signatures

key() {
        gpg --batch --quiet --pinentry-mode loopback --passphrase '' --quick-gen-key "$1@example" ed25519 sign never \
                2>"$TMP/gpg.log"
        gpg --quiet --export "$1@example" >"$TMP/keys/$1.gpg"
}

insecure
mkdir -p "$ETC/registries.d"
cat >"$ETC/registries.d/test.yaml" <<END
docker:
  $REGISTRY:
    lookaside: http://$LOOKASIDE
  $REGISTRY/sigstore:
    use-sigstore-attachments: true
END
key right
key wrong
push busybox-app signed/image:1 --sign-by right@example
push busybox-app signed/other:1
push busybox signed/changed:1
digest=$(digest_of signed/image:1)
changed=$(digest_of signed/changed:1)
lookaside=$TMP/lookaside/signed
ok "skopeo has signed" test -s "$lookaside/image@sha256=${digest#sha256:}/signature-1"

policy_for "$REGISTRY/signed" "$(signed_by right)"
pulled "$REGISTRY/signed/image:1" "an image that is signed by the right key"
pulled "$REGISTRY/signed/image@$digest" "the same by its digest"
rejected "$REGISTRY/signed/changed:1" 'no such signature'
rejected "$REGISTRY/signed/other:1" 'no such signature'
rejected "$REGISTRY/plain/image:1" 'rejects it'

# The same manifest under another name, with the signature brought along.
cp -a "$lookaside/image@sha256=${digest#sha256:}" "$lookaside/other@sha256=${digest#sha256:}"
rejected "$REGISTRY/signed/other:1" 'signed as another image'
policy_for "$REGISTRY/signed" "$(signed_by right "{\"type\": \"exactRepository\", \"dockerRepository\": \"$REGISTRY/signed/image\"}")"
pulled "$REGISTRY/signed/other:1" "another name, if the policy wants that one in signatures"
# Another image with that signature.
cp -a "$lookaside/image@sha256=${digest#sha256:}" "$lookaside/changed@sha256=${changed#sha256:}"
rejected "$REGISTRY/signed/changed:1" 'signed for another manifest'
policy_for "$REGISTRY/signed" "$(signed_by wrong)"
rejected "$REGISTRY/signed/image:1" 'signed by another key'
policy_for "$REGISTRY/signed" "$(signed_by right)" "$(signed_by wrong)"
rejected "$REGISTRY/signed/image:1" 'signed by another key'
fingerprint=$(gpg --list-keys --with-colons right@example | awk -F: '/^fpr/ { print $10; exit }')
sed 's/^:---/---/' "$GNUPGHOME/openpgp-revocs.d/$fingerprint.rev" | gpg --quiet --batch --import 2>"$TMP/gpg.log"
gpg --quiet --export right@example >"$TMP/keys/right.gpg"
policy_for "$REGISTRY/signed" "$(signed_by right)"
rejected "$REGISTRY/signed/image:1" 'revoked'
systemctl stop berth-lab-lookaside.service
policy_for "$REGISTRY/signed" "$(signed_by wrong)"
rejected "$REGISTRY/signed/image:1" '127.0.0.1:5056|signature'

# Sigstore: the signature is an image beside the image, with the payload as its layer.

for name in good bad; do
        openssl ecparam -name prime256v1 -genkey -noout -out "$TMP/keys/$name.key"
        openssl ec -in "$TMP/keys/$name.key" -pubout -out "$TMP/keys/$name.pub" 2>"$TMP/openssl.log"
done

# Puts a file among the blobs of the layout; prints what a descriptor says of it.
blob() {
        local sum
        sum=$(sha256sum <"$1" | cut -d' ' -f1)
        mv "$1" "$TMP/layout/blobs/sha256/$sum"
        echo "\"digest\": \"sha256:$sum\", \"size\": $(stat -c %s "$TMP/layout/blobs/sha256/$sum")"
}

# attach KEY REFERENCE DIGEST REPOSITORY
attach() {
        local layout=$TMP/layout oci=application/vnd.oci.image payload config manifest signature
        rm -rf "$layout"
        mkdir -p "$layout/blobs/sha256"
        echo '{"imageLayoutVersion": "1.0.0"}' >"$layout/oci-layout"
        echo "{\"critical\": {\"identity\": {\"docker-reference\": \"$2\"}, \"image\": {\"docker-manifest-digest\": \"$3\"}, \"type\": \"cosign container image signature\"}, \"optional\": null}" >"$layout/p"
        signature=$(openssl dgst -sha256 -sign "$TMP/keys/$1.key" "$layout/p" | base64 -w0)
        payload=$(blob "$layout/p")
        echo "{\"architecture\": \"\", \"os\": \"\", \"config\": {}, \"rootfs\": {\"type\": \"layers\", \"diff_ids\": []}}" >"$layout/c"
        config=$(blob "$layout/c")
        echo "{\"schemaVersion\": 2, \"mediaType\": \"$oci.manifest.v1+json\", \"config\": {\"mediaType\": \"$oci.config.v1+json\", $config}, \"layers\": [{\"mediaType\": \"application/vnd.dev.cosign.simplesigning.v1+json\", $payload, \"annotations\": {\"dev.cosignproject.cosign/signature\": \"$signature\"}}]}" >"$layout/m"
        manifest=$(blob "$layout/m")
        echo "{\"schemaVersion\": 2, \"manifests\": [{\"mediaType\": \"$oci.manifest.v1+json\", $manifest}]}" >"$layout/index.json"
        skopeo --insecure-policy copy -q --dest-tls-verify=false "oci:$layout" \
                "docker://$REGISTRY/$4:sha256-${3#sha256:}.sig" >"$TMP/skopeo.log" 2>&1 ||
                { fail "attach a signature" "$(cat "$TMP/skopeo.log")"; exit 1; }
}

push busybox-app sigstore/image:1
policy_for "$REGISTRY/sigstore" "$(sigstore_signed good)"
rejected "$REGISTRY/sigstore/image:1" 'no such signature'
attach bad "$REGISTRY/sigstore/image" "$digest" sigstore/image
rejected "$REGISTRY/sigstore/image:1" "not signed by the policy's key"
attach good "$REGISTRY/sigstore/other" "$digest" sigstore/image
rejected "$REGISTRY/sigstore/image:1" 'another repository'
attach good "$REGISTRY/sigstore/image" "$digest" sigstore/image
pulled "$REGISTRY/sigstore/image:1" "an image with a sigstore signature by the right key"
sed -i 's/true/false/' "$ETC/registries.d/test.yaml"
rejected "$REGISTRY/sigstore/image:1" 'no such signature'
