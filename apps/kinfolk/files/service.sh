# What the scripts of this package share. Read by `.`, with the TELVISOR_* variables set.

PROGRAM="$TELVISOR_HOME/program"
BOOT="$TELVISOR_HOME/boot"

# Ends the script: trying again may help.
again() {
    echo "$1" >&2
    exit 75
}

# Ends the script: trying again cannot help.
impossible() {
    echo "$1" >&2
    exit 65
}

# Puts the files of the package in the place of the program.
put_program() {
    mkdir -p "$TELVISOR_HOME"
    rm -rf "$PROGRAM.new"
    cp -R "$TELVISOR_FILES" "$PROGRAM.new"
    rm -rf "$PROGRAM"
    mv "$PROGRAM.new" "$PROGRAM"
}

# Writes the variables that the service needs, quoted for sh.
write_settings() {
    for name in HOME DATA PORT VERSION PLAN; do
        eval "value=\${TELVISOR_$name-}"
        printf "export TELVISOR_%s='%s'\n" "$name" "$(printf '%s' "$value" | sed "s/'/'\\\\''/g")"
    done >"$TELVISOR_HOME/settings.new"
    mv "$TELVISOR_HOME/settings.new" "$TELVISOR_HOME/settings"
}

# Whether the service that was started last still runs; a process that has its number by chance does not count.
service_runs() {
    [ -f "$TELVISOR_HOME/pid" ] &&
        tr '\0' ' ' 2>/dev/null <"/proc/$(cat "$TELVISOR_HOME/pid")/cmdline" | grep -q -F "$PROGRAM/www"
}

# The guest runs the file `boot` at each boot, so its presence is what "started" means.
service_start() {
    cat >"$BOOT.new" <<END
#!/bin/sh
. '$TELVISOR_HOME/settings'
busybox httpd -f -p "\$TELVISOR_PORT" -h '$PROGRAM/www' </dev/null >/dev/null 2>&1 &
echo \$! >'$TELVISOR_HOME/pid'
END
    chmod 755 "$BOOT.new"
    mv "$BOOT.new" "$BOOT"
    service_runs || "$BOOT"
}

service_stop() {
    rm -f "$BOOT"
    tries=0
    while service_runs; do
        tries=$((tries + 1))
        [ "$tries" -le 20 ] || again "the service does not end"
        if [ "$tries" -le 10 ]; then signal=TERM; else signal=KILL; fi
        kill -s "$signal" "$(cat "$TELVISOR_HOME/pid")" 2>/dev/null || :
        if service_runs; then sleep 1; fi
    done
    rm -f "$TELVISOR_HOME/pid"
}
