#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# .container files as services: generated on reload, started, restarted, stopped by systemctl, seen by berthctl; values
# arrive byte for byte; a wrong file is a unit that says why; templates; boot.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

FILES=/run/containers/systemd
BUSYBOX=$(image busybox)

forget() {
        systemctl stop 'q-*.service'
        rm -rf "$FILES"/q-*
        systemctl daemon-reload
        systemctl reset-failed 'q-*.service'
}

# file NAME: the text is the standard input
file() {
        mkdir -p "$FILES"
        cat >"$FILES/$1.container"
}

property() {
        systemctl show --value -p "$2" "$1"
}

inspect() {
        berthctl inspect --format "$2" "$1"
}

output() {
        journalctl -q -o cat --no-pager "_SYSTEMD_UNIT=$1" _TRANSPORT=stdout
}

load_image busybox
at_exit forget
at_exit drop_containers

# The unit, before anything runs.
file q-web <<END
[Unit]
Description=A "test" of 100%% \$VALUES

[Container]
Image=$BUSYBOX
Exec=sh -c 'trap "exit 0" QUIT; echo up; while :; do sleep 1 & wait; done'
Environment=SECRET=hidden
StopSignal=SIGQUIT
StopTimeout=7
Memory=64m
PidsLimit=33
Label=app=shop

[Service]
Environment=OUTSIDE=1
Restart=on-failure
CPUWeight=77

[Install]
WantedBy=multi-user.target
END
ok "reload" systemctl daemon-reload
is "the unit is generated" "$(property q-web.service LoadState)" loaded
is "and wanted by its target" "$(property q-web.service WantedBy)" multi-user.target
is "text of [Unit] arrives" "$(property q-web.service Description)" "A \"test\" of 100% \$VALUES"
is "StopSignal= is KillSignal=" "$(property q-web.service KillSignal)" 3
is "StopTimeout= is TimeoutStopSec=" "$(property q-web.service TimeoutStopUSec)" 7s
is "Memory= is MemoryMax=" "$(property q-web.service MemoryMax)" $((64 << 20))
is "PidsLimit= is TasksMax=" "$(property q-web.service TasksMax)" 33
is "[Service] arrives" "$(property q-web.service CPUWeight) $(property q-web.service Restart)" "77 on-failure"
is "no directive was skipped" "$(property q-web.service NeedDaemonReload)" no
unlike "the environment is in no unit" "$(systemctl cat q-web.service; systemctl show q-web.service)" hidden
UNIT=/run/systemd/generator/q-web.service
ok "systemd has nothing to say against it" systemd-analyze verify "$UNIT"
unlike "not even a warning" "$(systemd-analyze verify "$UNIT" 2>&1)" q-web

# Its life.
ok "start" systemctl start q-web.service
is "the payload is the main process" "$(tr '\0' ' ' <"/proc/$(property q-web.service MainPID)/cmdline" | cut -c1-6)" "sh -c "
is "berthctl knows it" "$(inspect systemd-q-web '{{.State.Status}}')" running
like "ps shows it" "$(berthctl ps --format '{{.Names}} {{.Labels}}')" 'systemd-q-web.*app.*shop'
is "its environment is inside" "$(berthctl exec systemd-q-web sh -c 'echo $SECRET$OUTSIDE')" hidden
ok "its output is in the unit's log" wait_until 5 eval 'output q-web.service | grep -qx up'
first=$(inspect systemd-q-web '{{.Id}}')
ok "restart" systemctl restart q-web.service
is "it is a new container" "$([ "$(inspect systemd-q-web '{{.Id}}')" != "$first" ] && echo new)" new
is "and the only one" "$(berthctl ps -a --format '{{.Names}}' | grep -c q-web)" 1
ok "stop" systemctl stop q-web.service
is "by the stop signal, as a success" "$(property q-web.service Result)" success
is "berthctl says exited" "$(inspect systemd-q-web '{{.State.Status}} {{.State.ExitCode}}')" "exited 0"
ok "berthctl start starts the unit" berthctl start systemd-q-web
is "which is active" "$(property q-web.service ActiveState)" active
ok "berthctl stop stops it" berthctl stop systemd-q-web
is "and it is inactive" "$(property q-web.service ActiveState)" inactive
ok "daemon away" systemctl stop berthd.service
ok "start without the daemon running" systemctl start q-web.service
ok "kill its main process" systemctl kill -s KILL --kill-whom=main q-web.service
ok "systemd restarts it" wait_until 10 eval '[ "$(property q-web.service NRestarts)" = 1 ] && [ "$(property q-web.service ActiveState)" = active ]'
ok "and it is seen" wait_until 5 eval '[ "$(inspect systemd-q-web "{{.State.Status}}")" = running ]'
ok "stop again" systemctl stop q-web.service

# Values: what awk makes of all printable bytes, and everything that is special to systemd, shells and us.
special=$'a"b\'c\\d e;f#g=h%%i$$j[k]{l}|m&n<o>p`q~r!s^t*u?v(w)x,y.z/\xc3\xa4'
file q-values <<END
[Container]
Image=$BUSYBOX
Exec=env
Environment="VALUE=${special//[\"\\]/\\&}"
Environment=SPECIFIERS=%n,%N,%p,%%n VARIABLE=\${OUTSIDE}.\$OUTSIDE
Environment="TAB=a\\tb" "NEWLINE=a\\nb" EMPTY=

[Service]
Type=oneshot
Environment="OUTSIDE=from the unit"
END
ok "reload" systemctl daemon-reload
ok "a oneshot runs to its end" systemctl start q-values.service
values=$(output q-values.service)
expected=${special//%%/%}
is "special bytes" "$(grep '^VALUE=' <<<"$values")" "VALUE=${expected//\$\$/\$}"
is "specifiers" "$(grep '^SPECIFIERS=' <<<"$values")" "SPECIFIERS=q-values.service,q-values,q-values,%n"
is "variables" "$(grep '^VARIABLE=' <<<"$values")" "VARIABLE=from the unit.\$OUTSIDE"
is "escapes" "$(grep -A1 -E '^(TAB|NEWLINE|EMPTY)=' <<<"$values" | grep -E '^(TAB|NEWLINE|EMPTY|b)' | sort | paste -sd,)" $'EMPTY=,NEWLINE=a,TAB=a\tb,b'

# Templates and drop-ins.
file q-many@ <<END
[Container]
Image=$BUSYBOX
HostName=%i
Exec=sh -c 'hostname; exec sleep 1000'
END
mkdir -p "$FILES/q-many@.container.d"
printf '[Container]\nLabel=instance=%%i\n' >"$FILES/q-many@.container.d/label.conf"
ok "reload" systemctl daemon-reload
ok "two instances" systemctl start q-many@one.service q-many@two.service
is "each with its name" "$(berthctl ps --format '{{.Names}}' | grep q-many | sort | paste -sd' ')" "systemd-q-many_one systemd-q-many_two"
is "and its values" "$(berthctl exec systemd-q-many_two hostname)" two
is "and its label" "$(inspect systemd-q-many_one '{{.Config.Labels.instance}}')" one

# Mistakes.
printf '[Container]\nImage=%s\nEnviroment=A=1\n' "$BUSYBOX" | file q-wrong
printf '[Container]\nImage=localhost/no-such-image\n' | file q-no-image
printf '[Container]\nImage=%s\nExec=/no/such/command\n' "$BUSYBOX" | file q-no-command
ok "reload" systemctl daemon-reload
for unit in q-wrong q-no-image q-no-command; do
        fails_with 1 . systemctl start "$unit.service"
done
like "a wrong key says file, line and what was meant" "$(systemctl status --no-pager q-wrong.service)" \
        'q-wrong.container:3: unknown key "Enviroment" in \[Container\]; did you mean Environment=\?'
like "a missing image is named" "$(journalctl -q -o cat --no-pager -u q-no-image.service)" 'localhost/no-such-image'
like "a missing command is named" "$(journalctl -q -o cat --no-pager -u q-no-command.service)" '/no/such/command'
is "nothing half made" "$(berthctl ps -a --format '{{.Names}}' | grep -c 'q-wrong\|q-no-image')" 0
fails_with 127 '/no/such/command' berthctl start systemd-q-no-command

# A file that goes away takes its unit with it.
rm "$FILES/q-wrong.container"
systemctl daemon-reload
is "no file, no unit" "$(property q-wrong.service LoadState)" not-found

# Boot: what the policy asks for, and nothing else.
hold always --restart always
hold unless --restart unless-stopped
hold stopped --restart unless-stopped
hold never
ok "the user stops one" berthctl stop -t 0 stopped
systemctl stop berth-always.service berth-unless.service berth-never.service
ok "the boot-start unit" systemctl restart berth-restart.service
is "starts those that ask for it" "$(berthctl ps --format '{{.Names}}' | grep -xE 'always|unless|stopped|never' | sort | paste -sd' ')" "always unless"
