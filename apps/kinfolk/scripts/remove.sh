#!/bin/sh
# Stops the service and removes the program. Telvisor removes the data volume.
set -eu
PROGRAM="$TELVISOR_HOME/program"
if [ -f "$PROGRAM/service.sh" ]; then
    . "$PROGRAM/service.sh"
    service_stop
fi
rm -rf "$TELVISOR_HOME"
