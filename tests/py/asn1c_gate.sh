#!/bin/sh
# Decodes SDR files with a converter that asn1c makes from the module, checks the module's constraints,
# encodes DER again and compares octet by octet. None of the project's code takes part.
#
# Usage: asn1c_gate.sh MODULE.asn1 DIRECTORY BUILD
# Needs asn1c 0.9.28 and gcc. BUILD keeps the converter for the next run. Exit status 0 only if every .cdr
# (framing raw) in DIRECTORY comes back unchanged and there is at least one.
set -eu

[ $# -eq 3 ] || { sed -n '2,7p' "$0"; exit 2; }
module=$(realpath "$1")
directory=$(realpath "$2")
mkdir -p "$3"
build=$(realpath "$3")

# The converter is made anew only when the module changed.
if ! [ -x "$build/converter" ] || ! cmp -s "$module" "$build/made-from.asn1"; then
    cd "$build"
    rm -f ./*.c ./*.h converter
    asn1c -fcompound-names -pdu=SDRRecord "$module" >asn1c.log 2>&1 || { cat asn1c.log; exit 1; }
    gcc -O1 -w -I. -DPDU=SDRRecord -o converter ./*.c
    cp "$module" made-from.asn1
fi

count=0
for file in $(find "$directory" -name '*.cdr' | sort); do
    # Only writing XML makes the converter look for the names of enumerated values.
    "$build/converter" -c -iber -oxer "$file" >/dev/null || { echo "$file: refused by asn1c"; exit 1; }
    "$build/converter" -c -iber -oder "$file" >"$build/again.der" || { echo "$file: refused by asn1c"; exit 1; }
    cmp "$file" "$build/again.der" || { echo "$file: asn1c encodes other octets"; exit 1; }
    count=$((count + 1))
done
echo "asn1c: $count files decoded, constraints checked, encoded again without a difference"
[ "$count" -gt 0 ]
