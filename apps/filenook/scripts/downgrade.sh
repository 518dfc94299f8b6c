#!/bin/sh
# The older program reads the data as it is: only the program changes.
set -eu
. "$TELVISOR_FILES/service.sh"
put_program
write_settings
