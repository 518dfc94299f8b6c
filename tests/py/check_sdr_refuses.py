#!/usr/bin/env python3
"""Holds the checker of SDR files to account: whatever octet of a sound file is changed, it must say so.

Usage: check_sdr_refuses.py MODULE.asn1 DIRECTORY

DIRECTORY has small files of every layout (sample_files DIRECTORY 8). In each of them one octet after the other is
changed, at most some dozens of a file, spread evenly. Exit status 0 only if all is sound before, and no change
passes but those of what no reader can know: the address of the node, and the number of the
file that a revision stands for.
"""

import pathlib
import sys

import asn1tools
import check_sdr
import ts32297

MOST = 40


def unknowable(module, before, after):
    """Whether the two differ only where nothing else in the files tells what is right."""
    if before[0] in (0x61, 0x62):
        type_name = "SDRDataInterchange"
        try:
            values = [module.decode(type_name, octets) for octets in (before, after)]
            for _, value in values:
                value.get("batchControlInfo", value).pop("rejectedFileReference", None)
            return values[0] == values[1] and module.decode(type_name, after) is not None
        except (asn1tools.Error, LookupError, ValueError):
            return False
    if before[0] & 0xE0 == 0xA0:
        return False
    # The digest covers the CDR headers.
    left, right = ts32297.read(before)[0], ts32297.read(after)[0]
    return {**left, "address": ""} == {**right, "address": ""}


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    module = asn1tools.compile_files(sys.argv[1], "der")
    folder = pathlib.Path(sys.argv[2])
    files = check_sdr.files_in(pathlib.Path(sys.argv[2]))
    passed = failed = 0
    for path in files:
        # Those that have the same records.
        beside = [other for other in files if other.stem == path.stem]
        faults, sound = check_sdr.check(module, beside)
        if faults or sound["pairs"] == 0:
            sys.exit(f"not sound to begin with: {faults}, {sound}")
        octets = path.read_bytes()
        for at in range(0, len(octets), max(1, len(octets) // MOST)):
            changed = octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :]
            path.write_bytes(changed)
            faults, found = check_sdr.check(module, beside)
            if faults or found != sound or (path.suffix == ".cdr" and unknowable(module, octets, changed)):
                passed += 1
            else:
                failed += 1
                print(f"{path}: octet {at} was changed, and nothing was said")
        path.write_bytes(octets)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
