#!/bin/sh
# Runs as the script of the version that is left: its program knows both forms of the data. First the data, then the
# program, so that a repeat after a break finds what it needs.
set -eu
. "$TELVISOR_FILES/service.sh"
target=$(cat "$TELVISOR_FILES/format")
if [ -f "$PROGRAM/format" ] && [ "$(cat "$PROGRAM/format")" != "$target" ]; then
    . "$PROGRAM/data.sh"
    data_downgrade "$target"
fi
put_program
write_settings
