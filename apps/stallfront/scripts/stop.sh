#!/bin/sh
# Stops the service. It stays stopped when the guest boots.
set -eu
. "$TELVISOR_HOME/program/service.sh"
service_stop
