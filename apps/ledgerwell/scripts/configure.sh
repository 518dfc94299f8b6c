#!/bin/sh
# Takes over another plan or other characteristics. A service that runs is restarted, a stopped one stays stopped.
set -eu
. "$TELVISOR_HOME/program/service.sh"
write_settings
if [ -f "$BOOT" ]; then
    service_stop
    service_start
fi
