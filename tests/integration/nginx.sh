#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The main job: a real web server image as a systemd service.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

NGINX=$(image nginx)
at_exit drop_containers
at_exit berthctl rmi -f "$NGINX"

page() {
        curl -fs --max-time 5 http://127.0.0.1/
}

page_in() {
        nsenter -n -t "$(systemctl show --value -p MainPID "berth-$1.service")" curl -fs --max-time 5 http://127.0.0.1/
}

ok "load an OCI archive" berthctl load "$IMAGES/nginx.oci.tar"
like "images lists it" "$(berthctl images)" '^localhost/berth-test/nginx +latest '
first=$(berthctl inspect --format '{{.Id}}' "$NGINX")
ok "load the docker archive of the same image" berthctl load -i "$IMAGES/nginx.docker.tar"
is "it is the same image" "$(berthctl inspect --format '{{.Id}}' "$NGINX")" "$first"

ok "run -d on the host's network" berthctl run -d --name web --network host "$NGINX"
ok "it serves" wait_until 10 page
like "its own page" "$(page)" "Berth's test image"
like "systemctl status shows the web server as main process" "$(systemctl status --no-pager berth-web.service)" 'Main PID: [0-9]+ \(nginx\)'
is "and no process of ours" "$(systemctl status --no-pager berth-web.service | grep -cE '[─-][0-9]+ .*berth-')" 0
ok "the access log is in the journal under its name" wait_until 10 eval 'journalctl -q CONTAINER_NAME=web | grep -q "GET / HTTP"'
like "and under its unit" "$(journalctl -q -u berth-web.service)" 'GET / HTTP'
like "berthctl logs shows it" "$(berthctl logs web 2>&1)" 'GET / HTTP'
timeout 60 berthctl logs -f web >"$TMP/follow" 2>&1 &
page >/dev/null
ok "logs -f goes on" wait_until 10 grep -q 'GET / HTTP' "$TMP/follow"
is "exec sees its processes" "$(berthctl exec web cat /proc/1/comm)" nginx
like "events tell what happened" "$(berthctl events --no-stream --since 1m)" 'container start'
ok "stop" berthctl stop web
is "SIGQUIT, which the image asks for, ends it well" "$(berthctl inspect --format '{{.State.ExitCode}}' web)" 0
wait %1; is "logs -f ends with it" $? 0
fails_with 125 'in use|InUse|container' berthctl rmi "$NGINX"
ok "start" berthctl start web
ok "it serves again" wait_until 10 page
ok "rm -f" berthctl rm -f web

ok "run -d without a network" berthctl run -d --name lone --network none "$NGINX"
ok "it serves in its own network namespace" wait_until 10 page_in lone
is "and not on the host" "$(page || echo no)" no
ok "rm -f" berthctl rm -f lone
ok "rmi" berthctl rmi "$NGINX"
unlike "images does not list it" "$(berthctl images)" nginx
