#!/bin/sh
# Puts the program in place and makes empty data where there is none. A repeat repairs the program and keeps the data.
set -eu
. "$TELVISOR_FILES/service.sh"
put_program
. "$PROGRAM/data.sh"
data_create
write_settings
