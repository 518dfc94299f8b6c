#!/bin/sh
# Well when the service answers with the version that should run.
set -eu
. "$TELVISOR_HOME/program/service.sh"
if [ ! -f "$BOOT" ]; then
    echo "not started" >&2
    exit 1
fi
# Not wget's own -T, with which the busybox of Debian 12 crashes.
answer=$(busybox timeout 5 busybox wget -q -O - "http://127.0.0.1:$TELVISOR_PORT/cgi-bin/health") ||
    again "no answer on port $TELVISOR_PORT yet"
[ "$answer" = "ok $TELVISOR_VERSION" ] || again "answered: $answer"
