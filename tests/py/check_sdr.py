#!/usr/bin/env python3
"""Checks SDR files with none of the project's code.

Usage: check_sdr.py MODULE.asn1 DIRECTORY

Every .cdr (framing raw) is decoded with asn1tools, encoded again as DER and compared octet by octet. Every
.csv is read with Python's csv module: widths, counts, sums, sequence, digest. A .csv and a .cdr of the same
name, or of the same records (same recordIds in the same order), are compared field by field. Exit status 0
only if all is right and there was something to check.
"""

import csv
import datetime
import hashlib
import io
import pathlib
import sys

import asn1tools

CHOICES = {
    "applicationInstalled": 1001,
    "applicationUpgraded": 1002,
    "applicationDowngraded": 1003,
    "backupTaken": 1004,
    "backupDownloaded": 1005,
    "backupRestored": 1006,
}
RESULTS = {"success": 0, "failure": 1, "partial": 2}
SUBSCRIBERS = {
    "eND-USER-E164": 0,
    "eND-USER-IMSI": 1,
    "eND-USER-SIP-URI": 2,
    "eND-USER-NAI": 3,
    "eND-USER-PRIVATE": 4,
}
WIDTH = 24


class Wrong(Exception):
    """A file is not as the interface says."""


def need(condition, message):
    if not condition:
        raise Wrong(message)


def split_tlvs(data):
    """Cuts concatenated TLVs with one-octet tags and definite lengths."""
    at = 0
    while at < len(data):
        need(len(data) - at >= 2, f"octet {at}: cut off")
        length, head = data[at + 1], 2
        if length >= 0x80:
            octets = length & 0x7F
            need(0 < octets <= 4, f"octet {at}: length of an unexpected form")
            head += octets
            length = int.from_bytes(data[at + 2 : at + head], "big")
        need(at + head + length <= len(data), f"octet {at}: value longer than the file")
        yield at, data[at : at + head + length]
        at += head + length


def timestamp(octets):
    digits = octets.hex()
    sign = chr(octets[6])
    need(len(octets) == 9 and sign in "+-", f"TimeStamp {digits}")
    date = f"20{digits[0:2]}-{digits[2:4]}-{digits[4:6]}T{digits[6:8]}:{digits[8:10]}:{digits[10:12]}"
    text = f"{date}{sign}{digits[14:16]}:{digits[16:18]}"
    datetime.datetime.fromisoformat(text)
    return text


def uuid(octets):
    need(len(octets) == 16, "UUID of other than 16 octets")
    h = octets.hex()
    return "-".join([h[:8], h[8:12], h[12:16], h[16:20], h[20:]])


def as_row(choice, record):
    """The D row that says the same as an ASN.1 record."""

    def optional(name, show=str):
        return show(record[name]) if name in record else ""

    subscriber = record["subscriberIdentifier"]
    need(record["recordType"] == CHOICES[choice], f"{choice} with recordType {record['recordType']}")
    return [
        "D",
        str(record["localSequenceNumber"]),
        uuid(record["recordId"]),
        str(record["recordType"]),
        timestamp(record["eventTime"]),
        timestamp(record["recordTime"]),
        record["nodeId"],
        record["tenantIdentifier"],
        str(SUBSCRIBERS[subscriber["subscriptionIDType"]]),
        subscriber["subscriptionIDData"],
        record["applicationId"],
        record["applicationVersion"],
        optional("previousVersion"),
        uuid(record["instanceId"]),
        optional("duration"),
        str(RESULTS[record["result"]]),
        optional("causeCode"),
        optional("backupId", uuid),
        optional("volumeOctets"),
        optional("correctsRecordId", uuid),
        optional("planId"),
        optional("previousPlanId"),
        optional("orderId", uuid),
        optional("externalOrderId"),
    ]


def check_sequence(rows):
    for before, row in zip(rows, rows[1:]):
        need(int(row[1]) == int(before[1]) + 1, f"record {row[1]} after {before[1]}")
    need(not rows or int(rows[0][1]) >= 1, "record number below 1")


def read_cdr(path, module):
    rows = []
    for at, octets in split_tlvs(path.read_bytes()):
        choice, record = module.decode("SDRRecord", octets)
        again = module.encode("SDRRecord", (choice, record))
        need(again == octets, f"octet {at}: encodes to {again.hex()} instead of {octets.hex()}")
        rows.append(as_row(choice, record))
    check_sequence(rows)
    return rows


def read_csv(path):
    data = path.read_bytes()
    text = data.decode("utf-8")
    need(not text.startswith("\ufeff"), "byte order mark")
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    for number, row in enumerate(rows, 1):
        need(len(row) == WIDTH, f"row {number} has {len(row)} cells")
    # No cell may hold a line end, so each of them ends a row.
    need(data.count(b"\r\n") == data.count(b"\n") == data.count(b"\r") == len(rows), "line ends")
    need(data.endswith(b"\r\n"), "the last row has no end")
    need(len(rows) >= 2, "fewer than two rows")
    header, details, trailer = rows[0], rows[1:-1], rows[-1]

    need(header[:3] == ["H", "SDR", "1.0"], "first cells of the H row")
    need(header[6] in ("LIVE", "TEST"), "LIVE or TEST")
    need(1 <= int(header[5]) < 2**32 - 1, "fileSeq")
    for at in header[7:11]:
        need(datetime.datetime.fromisoformat(at).tzinfo is not None and len(at) == 25, f"time {at}")
    need(all(cell == "" for cell in header[12:]), "padding of the H row")

    for number, row in enumerate(details, 2):
        need(row[0] == "D", f"row {number} begins with {row[0]}")
        need(row[7] == header[11], f"row {number} is of another tenant")
    check_sequence(details)

    need(trailer[0] == "T", "the last row is no T row")
    times = sorted(datetime.datetime.fromisoformat(row[4]) for row in details)
    need(trailer[1] == header[5], "file number of the T row")
    need(int(trailer[2]) == len(details), "count")
    need(trailer[3:5] == ([details[0][1], details[-1][1]] if details else ["", ""]), "first and last number")
    if details:
        limits = [datetime.datetime.fromisoformat(at) for at in trailer[5:7]]
        need(limits == [times[0], times[-1]], "earliest and latest time")
    else:
        need(trailer[5:7] == ["", ""], "times of a file without records")
    need(int(trailer[7]) == sum(int(row[18] or 0) for row in details), "sum of volumes")
    for at, kind in enumerate(CHOICES.values(), 8):
        need(int(trailer[at]) == sum(row[3] == str(kind) for row in details), f"count of {kind}")
    need(int(trailer[14]) in (0, 1, 2, 3, 4, 5, 128, 129, 130, 131), "close reason")
    begin_of_t = data.rindex(b"\r\nT,") + 2
    need(trailer[15] == hashlib.sha256(data[:begin_of_t]).hexdigest(), "digest")
    need(all(cell == "" for cell in trailer[16:]), "padding of the T row")
    return details


def compare(csv_name, csv_rows, cdr_name, cdr_rows):
    pair = f"{csv_name} and {cdr_name}"
    need(len(csv_rows) == len(cdr_rows), f"{pair}: {len(csv_rows)} and {len(cdr_rows)} records")
    for left, right in zip(csv_rows, cdr_rows):
        for column, (a, b) in enumerate(zip(left, right), 1):
            need(a == b, f"{pair}: record {left[1]}, column {column}: {a!r} and {b!r}")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    module = asn1tools.compile_files(sys.argv[1], "der")
    files = sorted(p for p in pathlib.Path(sys.argv[2]).rglob("*") if p.suffix in (".csv", ".cdr"))
    rows, faults = {}, 0
    for path in files:
        try:
            rows[path] = read_csv(path) if path.suffix == ".csv" else read_cdr(path, module)
        except (Wrong, ValueError, csv.Error, asn1tools.Error) as fault:
            faults += 1
            print(f"{path}: {fault}")

    # Files of one stream for two recipients carry other file names and may carry other numbers, so they
    # are matched by their records when the names do not match.
    by_records = {
        tuple(row[2] for row in found): path for path, found in rows.items() if path.suffix == ".cdr" and found
    }
    pairs = 0
    for path, found in rows.items():
        if path.suffix != ".csv":
            continue
        partner = path.with_suffix(".cdr")
        if partner not in rows:
            partner = by_records.get(tuple(row[2] for row in found))
        if partner is None:
            continue
        pairs += 1
        try:
            compare(path.name, found, partner.name, rows[partner])
        except Wrong as fault:
            faults += 1
            print(fault)

    records = {s: sum(len(r) for p, r in rows.items() if p.suffix == s) for s in (".csv", ".cdr")}
    print(
        f"{len(files)} files, {records['.csv']} CSV records, {records['.cdr']} ASN.1 records, "
        f"{pairs} pairs compared, {faults} faults"
    )
    sys.exit(1 if faults or not files else 0)


if __name__ == "__main__":
    main()
