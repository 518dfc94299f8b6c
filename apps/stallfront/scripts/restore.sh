#!/bin/sh
# Puts the data of $TELVISOR_ARCHIVE in the place of the present data, then brings it to the form of this version.
set -eu
. "$TELVISOR_HOME/program/service.sh"
[ -f "$TELVISOR_ARCHIVE" ] || impossible "the archive is not there"
new="$TELVISOR_DATA.new"
old="$TELVISOR_DATA.old"
rm -rf "$new"
mkdir -p "$new"
zstd -q -t "$TELVISOR_ARCHIVE" || impossible "the archive is damaged"
zstd -q -d -c "$TELVISOR_ARCHIVE" | tar -C "$new" -xf - || again "the archive could not be unpacked"
rm -rf "$old"
if [ -e "$TELVISOR_DATA" ]; then
    mv "$TELVISOR_DATA" "$old"
fi
mv "$new" "$TELVISOR_DATA"
rm -rf "$old"
. "$PROGRAM/data.sh"
data_upgrade
