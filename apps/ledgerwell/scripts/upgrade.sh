#!/bin/sh
# Puts the newer program in place and brings the data of any older version to its form.
set -eu
. "$TELVISOR_FILES/service.sh"
put_program
. "$PROGRAM/data.sh"
data_upgrade
write_settings
