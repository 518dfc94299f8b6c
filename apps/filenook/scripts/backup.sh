#!/bin/sh
# Packs the data folder into $TELVISOR_ARCHIVE. The service may go on meanwhile: it only adds whole
# lines and files, and where tar complains of a change the backup is tried again.
set -eu
part="$TELVISOR_ARCHIVE.part"
rm -f "$part" "$part.packed"
mkdir -p "$(dirname "$TELVISOR_ARCHIVE")"
# sh tells only how the last command of a pipe ended, so the first leaves a mark.
{ tar -C "$TELVISOR_DATA" -cf - . && : >"$part.packed"; } | zstd -q -f -o "$part"
if [ ! -f "$part.packed" ]; then
    rm -f "$part"
    echo "the data could not be packed" >&2
    exit 75
fi
rm -f "$part.packed"
mv "$part" "$TELVISOR_ARCHIVE"
