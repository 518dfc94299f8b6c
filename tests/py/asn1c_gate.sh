#!/bin/sh
# Decodes SDR files with a converter that asn1c makes from the module, checks the module's constraints,
# encodes DER again and compares octet by octet. None of the project's code takes part.
#
# Usage: asn1c_gate.sh MODULE.asn1 DIRECTORY BUILD
# Needs asn1c 0.9.28, gcc and python3 (which takes the headers of TS 32.297 off). BUILD keeps the converter for
# the next run. Exit status 0 only if every .cdr in DIRECTORY comes back unchanged and there is at least one.
set -eu

[ $# -eq 3 ] || { sed -n '2,7p' "$0"; exit 2; }
here=$(realpath "$(dirname "$0")")
module=$(realpath "$1")
directory=$(realpath "$2")
mkdir -p "$3"
build=$(realpath "$3")

# The converter is made anew only when the module changed.
if ! [ -x "$build/converter" ] || ! cmp -s "$module" "$build/made-from.asn1"; then
    cd "$build"
    rm -f ./*.c ./*.h converter
    asn1c -fcompound-names -pdu=all "$module" >asn1c.log 2>&1 || { cat asn1c.log; exit 1; }
    gcc -O1 -w -I. -DASN_PDU_COLLECTION -DPDU=SDRRecord -o converter ./*.c
    cp "$module" made-from.asn1
fi

# again TYPE FILE: decodes and encodes.
again() {
    # Only writing XML makes the converter look for the names of enumerated values.
    "$build/converter" -p "$1" -c -iber -oxer "$2" >/dev/null || { echo "$file: refused by asn1c"; exit 1; }
    "$build/converter" -p "$1" -c -iber -oder "$2" >"$build/again.der" || { echo "$file: refused by asn1c"; exit 1; }
    cmp "$2" "$build/again.der" || { echo "$file: asn1c encodes other octets"; exit 1; }
}

raw=0 batch=0 ts32297=0
find "$directory" -name '*.cdr' | sort >"$build/files"
while read -r file; do
    case $(head -c 1 "$file" | od -An -tx1 | tr -d ' ') in
    61 | 62)
        again SDRDataInterchange "$file"
        batch=$((batch + 1)) ;;
    a? | b?)
        again SDRRecord "$file"
        raw=$((raw + 1)) ;;
    *)
        python3 "$here/ts32297.py" --payload "$file" >"$build/payload.der" || exit 1
        # A heartbeat has no records.
        ! [ -s "$build/payload.der" ] || again SDRRecord "$build/payload.der"
        ts32297=$((ts32297 + 1)) ;;
    esac
done <"$build/files"
echo "asn1c: $raw files of concatenated records, $batch interchanges and $ts32297 files with the headers of TS 32.297" \
    "decoded, constraints checked, encoded again without a difference"
[ $((raw + batch + ts32297)) -gt 0 ]
