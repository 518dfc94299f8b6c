#!/bin/sh
# Starts the service, now and at each boot of the guest.
set -eu
. "$TELVISOR_HOME/program/service.sh"
write_settings
service_start
