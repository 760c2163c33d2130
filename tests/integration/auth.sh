#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Who may do what: root all of it, others what polkit allows, nobody a method that
# has no row.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

load_image busybox
BUSYBOX=$(image busybox)
at_exit drop_containers
hold guarded
RULES=/etc/polkit-1/rules.d/10-berth-test.rules
at_exit rm -f "$RULES"

as_nobody() {
        setpriv --reuid=nobody --regid=nogroup --clear-groups env HOME=/ "$@"
}

# Every method of every interface, called with nothing: none gets through.
refused() {
        local path=$1 interface=$2 method=$3 output
        output=$(as_nobody busctl call io.berth1 "$path" "$interface" "$method" 2>&1) && return 1
        grep -qiE 'NotAuthorized|authoriz|interactive|denied|permission' <<<"$output"
}

id=$(berthctl inspect --format '{{.Id}}' guarded)
image_id=$(berthctl inspect --format '{{.Id}}' "$BUSYBOX")
open='' methods=0
while read -r path interface; do
        while read -r method; do
                methods=$((methods + 1))
                refused "$path" "$interface" "${method#.}" || open+=" $interface$method"
        done < <(busctl introspect io.berth1 "$path" "$interface" | awk '$2 == "method" { print $1 }')
done <<EOF
/io/berth1 io.berth1.Runtime
/io/berth1/container/$id io.berth1.Container
/io/berth1/image/$image_id io.berth1.Image
EOF
is "methods that nobody can call without polkit's leave ($methods tried)" "$open" ""
is "there are methods to try" "$([ "$methods" -gt 20 ] && echo yes)" yes
fails_with 1 'NotAuthorized|uthoriz|denied' as_nobody busctl get-property io.berth1 "/io/berth1/container/$id" io.berth1.Container Environment
fails_with 1 'NotAuthorized|uthoriz|denied' as_nobody busctl call io.berth1 /io/berth1 org.freedesktop.DBus.ObjectManager GetManagedObjects
is "the container is still there" "$(berthctl inspect --format '{{.State.Status}}' guarded)" running
ok "ping is open to everybody" as_nobody busctl call io.berth1 /io/berth1 org.freedesktop.DBus.Peer Ping
fails_with 125 'not allowed|[Nn]ot authorized|uthoriz' as_nobody berthctl ps
fails_with 125 'not allowed|[Nn]ot authorized|uthoriz' as_nobody berthctl run --rm "$BUSYBOX" true

# polkit says yes to one action: that one, and no other.
mkdir -p "${RULES%/*}"
cat >"$RULES" <<'EOF'
polkit.addRule(function(action, subject) {
        if (subject.user == "nobody" && (action.id == "io.berth1.inspect" || action.id == "io.berth1.manage"))
                return polkit.Result.YES;
});
EOF
chmod 644 "$RULES"
systemctl restart polkit.service
ok "an allowed user may look" wait_until 10 as_nobody berthctl ps
is "an allowed user may run" "$(as_nobody berthctl run --rm --log-driver none "$BUSYBOX" echo mine)" mine
fails_with 125 'uthoriz|allowed' as_nobody berthctl run --rm --network host "$BUSYBOX" true
fails_with 125 'uthoriz|allowed' as_nobody berthctl run --rm -v /etc:/x "$BUSYBOX" true
fails_with 125 'uthoriz|allowed' as_nobody berthctl rmi "$BUSYBOX"
fails_with 125 'uthoriz|allowed' as_nobody berthctl exec guarded true

# Without polkit: others get a clear refusal, root goes on.
systemctl stop polkit.service
systemctl mask --runtime polkit.service >/dev/null 2>&1
at_exit systemctl unmask --runtime polkit.service
fails_with 125 'polkit' as_nobody berthctl ps
ok "root does without polkit" berthctl ps
