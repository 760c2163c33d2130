#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Credentials: tried before they are kept, kept where others find them, sent to whom they are for and to nobody else, and
# seen nowhere.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

for tool in docker-registry skopeo openssl python3; do
        command -v "$tool" >/dev/null || skip_all "$tool is not installed"
done

PLAIN=127.0.0.1:5061
TLS=127.0.0.1:5062
SECRET=Marker4711secret
ETC=/etc/containers
DROP_IN=/run/systemd/system/berthd.service.d
AUTH=$TMP/auth.json
unset REGISTRY_AUTH_FILE XDG_RUNTIME_DIR
export HOME=$TMP/home
mkdir -p "$ETC" "$HOME" "$DROP_IN" "$TMP/bin"

cp -a "$ETC" "$TMP/kept"
at_exit cp -aT "$TMP/kept" "$ETC"
at_exit rm -rf "$ETC" /run/containers/0/auth.json /etc/berth/auth.json
at_exit eval "rm -rf $DROP_IN; systemctl daemon-reload; systemctl stop berthd.service"
at_exit berthctl rmi -f -a

# The daemon says all that it can: what it logs must be fit to be read.
printf '[Service]\nEnvironment=BERTH_LOG_LEVEL=debug\n' >"$DROP_IN/test.conf"
systemctl daemon-reload
systemctl stop berthd.service
cat >"$ETC/registries.conf" <<END
[[registry]]
location = "$PLAIN"
insecure = true
END
rm -rf "$ETC/registries.conf.d"
echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$ETC/policy.json"

# Two registries with one user, one of them with a certificate that nobody knows.

python3 -W ignore -c 'import crypt, sys; print("user:" + crypt.crypt(sys.argv[1], crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))' \
        "$SECRET" >"$TMP/htpasswd"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=authority of the test' \
        -keyout "$TMP/ca.key" -out "$TMP/ca.crt" 2>"$TMP/openssl.log"
openssl req -newkey rsa:2048 -nodes -subj /CN=registry -keyout "$TMP/tls.key" -out "$TMP/tls.csr" 2>"$TMP/openssl.log"
openssl x509 -req -in "$TMP/tls.csr" -CA "$TMP/ca.crt" -CAkey "$TMP/ca.key" -CAcreateserial -days 2 \
        -extfile <(echo subjectAltName=IP:127.0.0.1) -out "$TMP/tls.crt" 2>"$TMP/openssl.log"

# serve NAME ADDRESS TLS
serve() {
        cat >"$TMP/$1.yml" <<END
version: 0.1
storage: {filesystem: {rootdirectory: $TMP/registry}}
auth: {htpasswd: {realm: test, path: $TMP/htpasswd}}
http: {addr: "$2"$3}
END
        systemd-run --quiet --collect --unit="berth-lab-$1" docker-registry serve "$TMP/$1.yml" || exit 1
        at_exit systemctl stop "berth-lab-$1.service"
}

answers() {
        [ "$(curl -sk -o /dev/null -w '%{http_code}' "$1")" = 401 ]
}

serve plain "$PLAIN" ''
serve tls "$TLS" ", tls: {certificate: $TMP/tls.crt, key: $TMP/tls.key}"
wait_until 10 answers "http://$PLAIN/v2/" || { fail "the registry serves"; exit 1; }
wait_until 10 answers "https://$TLS/v2/" || { fail "the registry serves TLS"; exit 1; }
for name in ns/image nsx/image; do
        skopeo --insecure-policy copy -q --dest-tls-verify=false --dest-creds "user:$SECRET" \
                "docker-archive:$IMAGES/busybox.docker.tar" "docker://$PLAIN/$name:1" >"$TMP/skopeo.log" 2>&1 ||
                { fail "push $name" "$(cat "$TMP/skopeo.log")"; exit 1; }
done

login() {
        berthctl login -u user --password-stdin "$@" <<<"$SECRET" 2>&1
}

pull() {
        berthctl pull --retry 0 "$@"
}

pulled() {
        local output
        output=$(pull "${@:2}" 2>&1) || { fail "$1" "$output"; return; }
        pass "$1"
        berthctl rmi -f "${!#}" >/dev/null
}

# Login

fails_with 125 'uthenticat|redential' berthctl login -u user -p wrong "$PLAIN"
fails_with 125 'uthenticat|redential' berthctl login -u user -p wrong --authfile "$AUTH" "$PLAIN"
is "nothing is kept of what is wrong" "$(ls "$AUTH" /run/containers/0/auth.json 2>/dev/null)" ""
fails_with 125 'not logged into' berthctl login --get-login "$PLAIN"
fails_with 125 'exclude each other' berthctl login -u user -p x --password-stdin "$PLAIN"
fails_with 125 'wants --username' berthctl login --password-stdin "$PLAIN"
fails_with 125 'not the name of a registry' berthctl login -u user -p x 'no registry'
fails_with 125 'uthenticat|redential|wants' pull "$PLAIN/ns/image:1"

like "login" "$(login --verbose --authfile "$AUTH" "http://$PLAIN/")" '^Login Succeeded!$'
is "its file is the user's alone" "$(stat -c %a "$AUTH")" 600
is "--get-login" "$(berthctl login --get-login --authfile "$AUTH" "$PLAIN")" user
like "again, with what is there" "$(berthctl login --authfile "$AUTH" "$PLAIN")" 'Existing credentials are valid'
ok "skopeo reads it" skopeo inspect --tls-verify=false --authfile "$AUTH" "docker://$PLAIN/ns/image:1"
pulled "a pull with that file" --authfile "$AUTH" "$PLAIN/ns/image:1"
export REGISTRY_AUTH_FILE=$AUTH
pulled "a pull with REGISTRY_AUTH_FILE" "$PLAIN/ns/image:1"
export REGISTRY_AUTH_FILE=$TMP/missing
fails_with 125 'REGISTRY_AUTH_FILE' pull "$PLAIN/ns/image:1"
unset REGISTRY_AUTH_FILE
fails_with 125 'uthenticat|redential|wants' pull "$PLAIN/ns/image:1"
pulled "a pull with --creds" --creds "user:$SECRET" "$PLAIN/ns/image:1"
fails_with 125 'uthenticat|redential' pull --creds user:wrong "$PLAIN/ns/image:1"
like "logout" "$(berthctl logout --authfile "$AUTH" "$PLAIN")" 'Removed login credentials'
fails_with 125 'not logged into' berthctl logout --authfile "$AUTH" "$PLAIN"

# Where nobody says where: the file that the daemon reads, too.
like "login without a file" "$(login "$PLAIN")" 'Login Succeeded'
ok "it is where podman has it" test -s /run/containers/0/auth.json
pulled "a pull with it" "$PLAIN/ns/image:1"
like "logout --all" "$(berthctl logout --all)" 'for all'

# Only for whom they are
like "login to a part" "$(login --authfile "$AUTH" "$PLAIN/ns")" 'Login Succeeded'
pulled "it is for what is below" --authfile "$AUTH" "$PLAIN/ns/image:1"
fails_with 125 'uthenticat|redential|wants' pull --authfile "$AUTH" "$PLAIN/nsx/image:1"
auth=$(printf 'user:%s' "$SECRET" | base64 -w0)
echo "{\"auths\": {\"127.0.0.1\": {\"auth\": \"$auth\"}, \"$PLAIN.example\": {\"auth\": \"$auth\"}, \"27.0.0.1:5061\": {\"auth\": \"$auth\"}}}" >"$AUTH"
fails_with 125 'uthenticat|redential|wants' pull --authfile "$AUTH" "$PLAIN/ns/image:1"
echo "{\"auths\": {\"$PLAIN\": {\"auth\": \"$auth\"" >"$AUTH"
fails_with 125 'auth.json: line [12]: not JSON' pull --authfile "$AUTH" "$PLAIN/ns/image:1"
echo "{\"auths\": {\"$PLAIN\": {\"auth\": \"$auth!\"}}}" >"$AUTH"
fails_with 125 'is not Base64' pull --authfile "$AUTH" "$PLAIN/ns/image:1"

# Helpers

cat >"$TMP/bin/docker-credential-test" <<END
#!/bin/sh
read host
echo "\$1 \$host" >>$TMP/helper.log
echo '{"ServerURL": "'\$host'", "Username": "user", "Secret": "$SECRET"}'
END
printf '#!/bin/sh\necho it is broken\nexit 1\n' >"$TMP/bin/docker-credential-broken"
chmod +x "$TMP/bin/"*
export PATH=$TMP/bin:$PATH
helper() {
        echo "{\"credHelpers\": {\"$PLAIN\": \"$1\"}, \"auths\": {\"$PLAIN\": {\"auth\": \"$auth\"}}}" >"$AUTH"
}
helper test
pulled "a pull with a helper" --authfile "$AUTH" "$PLAIN/ns/image:1"
is "which was asked for the host" "$(sort -u "$TMP/helper.log")" "get $PLAIN"
helper broken
fails_with 125 'docker-credential-broken failed: it is broken' pull --authfile "$AUTH" "$PLAIN/ns/image:1"
helper missing
fails_with 125 'docker-credential-missing is not in' pull --authfile "$AUTH" "$PLAIN/ns/image:1"
helper ../test
fails_with 125 'no name of a credential helper' pull --authfile "$AUTH" "$PLAIN/ns/image:1"

# The daemon's own

mkdir -p /etc/berth
install -m 600 /dev/null /etc/berth/auth.json
echo "{\"auths\": {\"$PLAIN/ns\": {\"auth\": \"$auth\"}}}" >/etc/berth/auth.json
pulled "a pull with the daemon's file" "$PLAIN/ns/image:1"
fails_with 125 'uthenticat|redential|wants' pull "$PLAIN/nsx/image:1"
echo "{\"credHelpers\": {\"$PLAIN\": \"test\"}}" >/etc/berth/auth.json
fails_with 125 'the daemon does not start docker-credential-test' pull "$PLAIN/ns/image:1"
echo "{" >/etc/berth/auth.json
fails_with 125 '/etc/berth/auth.json: line [12]' pull "$PLAIN/ns/image:1"
rm /etc/berth/auth.json
install -m 600 /dev/null "$TMP/credential"
echo "{\"auths\": {\"$PLAIN\": {\"auth\": \"$auth\"}}}" >"$TMP/credential"
printf '[Service]\nLoadCredential=berth.auth:%s\n' "$TMP/credential" >>"$DROP_IN/test.conf"
systemctl daemon-reload
systemctl stop berthd.service
pulled "a pull with a credential of systemd" "$PLAIN/ns/image:1"

# Certificates

fails_with 125 'ertificate' berthctl login -u user -p "x" "$TLS"
mkdir "$TMP/certs"
cp "$TMP/ca.crt" "$TMP/certs/"
like "login with --cert-dir" "$(login --authfile "$TMP/tls.json" --cert-dir "$TMP/certs" "$TLS")" 'Login Succeeded'
like "login with --tls-verify=false" "$(login --authfile "$TMP/tls.json" --tls-verify=false "$TLS")" 'Login Succeeded'
fails_with 125 'ertificate' pull --authfile "$TMP/tls.json" "$TLS/ns/image:1"
mkdir -p "$ETC/certs.d/$TLS"
cp "$TMP/ca.crt" "$ETC/certs.d/$TLS/ca.crt"
pulled "a pull with certs.d" --authfile "$TMP/tls.json" "$TLS/ns/image:1"

# Seen nowhere: neither the password nor what stands for it in files and headers.

journalctl --sync
for text in "$SECRET" "$auth"; do
        is "not in the journal" "$(journalctl -o export --no-pager _SYSTEMD_UNIT=berthd.service + SYSLOG_IDENTIFIER=berthd + SYSLOG_IDENTIFIER=berth-fetch + SYSLOG_IDENTIFIER=berth-pull | grep -aF -c "$text")" 0
        is "not below /run, /var/lib and /var/cache" "$(grep -raFl "$text" /run/berth /run/systemd/transient /var/lib/berth /var/cache/berth /var/cache/private /run/containers 2>/dev/null)" ""
done
like "though the journal has what the daemon did" "$(journalctl -o cat --no-pager -u berthd.service)" '.'
