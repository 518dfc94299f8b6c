#!/usr/bin/env python3
"""Checks SDR files with none of the project's code.

Usage: check_sdr.py MODULE.asn1 DIRECTORY

Every .cdr is decoded with asn1tools, encoded again as DER and compared octet by octet, whatever its framing: records
one behind the other, an interchange (batch) whose audit information must be right, or the headers of TS 32.297, which
ts32297.py reads. Every .csv is read with Python's csv module: widths, counts, sums, sequence, digest. One with a .json
of the same name beside it was made by the template in there out of the standard file that it names, and is compared
with that cell by cell. Files of the same name in different folders, or of the same records (same recordIds in the same
order), are compared field by field, and so is what they say of themselves. Exit status 0 only if all is right and
there was something to check.
"""

import csv
import datetime
import hashlib
import io
import json
import pathlib
import struct
import sys

import asn1tools
import ts32297

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
HEADER = "row format layoutVersion nodeId recipient fileSeq liveOrTest periodStart periodEnd openedAt closedAt tenantId"
DETAIL = (
    "row seq recordId recordType eventTime recordTime nodeId tenantId subscriberIdType subscriberId applicationId"
    " applicationVersion previousVersion instanceId durationSeconds result causeCode backupId volumeOctets"
    " correctsRecordId planId previousPlanId orderId externalOrderId"
)
TRAILER = (
    "row fileSeq count firstSeq lastSeq minEventTime maxEventTime sumVolumeOctets count1001 count1002 count1003"
    " count1004 count1005 count1006 closeReason sha256"
)
HEADER, DETAIL, TRAILER = HEADER.split(), DETAIL.split(), TRAILER.split()
WIDTH = len(DETAIL)


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


def read_raw(data, module):
    rows = []
    for at, octets in split_tlvs(data):
        choice, record = module.decode("SDRRecord", octets)
        again = module.encode("SDRRecord", (choice, record))
        need(again == octets, f"octet {at}: encodes to {again.hex()} instead of {octets.hex()}")
        rows.append(as_row(choice, record))
    check_sequence(rows)
    return rows


def minute(text):
    """Month, day, hour and minute in UTC, which is what the header of TS 32.297 has of a time."""
    at = datetime.datetime.fromisoformat(text).astimezone(datetime.timezone.utc)
    return [at.month, at.day, at.hour, at.minute]


def totals(rows):
    """What control totals say of records, by the names of the T row; times as instants."""
    times = sorted(datetime.datetime.fromisoformat(row[4]) for row in rows)
    return {
        "count": len(rows),
        "firstSeq": rows[0][1] if rows else "",
        "lastSeq": rows[-1][1] if rows else "",
        "minEventTime": times[0] if rows else None,
        "maxEventTime": times[-1] if rows else None,
        "sumVolumeOctets": sum(int(row[18] or 0) for row in rows),
        "types": [sum(row[3] == str(kind) for row in rows) for kind in CHOICES.values()],
    }


def read_batch(data, module):
    choice, value = module.decode("SDRDataInterchange", data)
    again = module.encode("SDRDataInterchange", (choice, value))
    need(again == data, "encodes to other octets")
    control = value if choice == "notification" else value["batchControlInfo"]
    records = [] if choice == "notification" else value["records"]
    need(choice == "notification" or records, "a transfer without records")
    rows = [as_row(kind, record) for kind, record in records]
    check_sequence(rows)
    if rows:
        audit, found = value["auditControlInfo"], totals(rows)
        moment = lambda name: datetime.datetime.fromisoformat(timestamp(audit[name]))  # noqa: E731
        need(audit["recordCount"] == found["count"], "recordCount")
        need(str(audit["firstSequenceNumber"]) == found["firstSeq"], "firstSequenceNumber")
        need(str(audit["lastSequenceNumber"]) == found["lastSeq"], "lastSequenceNumber")
        need(moment("earliestEventTime") == found["minEventTime"], "earliestEventTime")
        need(moment("latestEventTime") == found["maxEventTime"], "latestEventTime")
        need(audit["totalVolumeOctets"] == found["sumVolumeOctets"], "totalVolumeOctets")
        counts = {entry["recordType"]: entry["count"] for entry in audit["recordCountByType"]}
        wanted = {kind: n for kind, n in zip(CHOICES.values(), found["types"]) if n}
        need(counts == wanted and len(counts) == len(audit["recordCountByType"]), "recordCountByType")
    versions = (control["specificationVersion"], control["releaseVersion"])
    need(versions == (1, 0), f"version {versions}")
    closed = timestamp(control["fileCreationTimeStamp"])
    need(timestamp(control["fileAvailableTimeStamp"]) == closed, "fileAvailableTimeStamp")
    return rows, {
        "fileSeq": control["fileSequenceNumber"],
        "test": control["fileType"] == "test",
        "closed": minute(closed),
        "closedAt": closed,
        "cutOff": timestamp(control["transferCutOffTimeStamp"]),
        "nodeId": control["sender"],
        "recipient": control["recipient"],
    }


def read_ts32297(data, module):
    header, records = ts32297.read(data)
    rows = []
    for record in records:
        need(record["format"] == "BER", f"data record format {record['format']}")
        rows += read_raw(record["octets"], module)
        need(len(rows) == 1 or int(rows[-1][1]) == int(rows[-2][1]) + 1, f"record {rows[-1][1]} is out of order")
    need(header["lost"] == 0, "records are lost")
    # The private extension: SDR1, codec version, year, first and last number, flags, digest of what follows.
    private = bytes.fromhex(header["private"])
    need(len(private) == 60 and private[:6] == b"SDR1\x01\x00", f"private extension {header['private']}")
    first, last, flags = (int.from_bytes(private[a:b], "big") for a, b in ((8, 16), (16, 24), (24, 28)))
    need([first, last] == ([int(rows[0][1]), int(rows[-1][1])] if rows else [0, 0]), "numbers in the extension")
    need(flags in (0, 1), f"flags {flags:#x}")
    need(private[28:] == hashlib.sha256(data[header["headerLength"] :]).digest(), "digest")
    need(header["high"] == header["low"] == {"release": 7, "version": 0, "extension": 8}, "release of the file")
    need(not header["filter"], "a routeing filter")
    need(all((r["release"], r["extension"]) == (7, 8) for r in records), "release of a record")
    need(len({r["ts"] for r in records}) < 2, "numbers of the specification")
    for stamp in (header["opened"], header["appended"]):
        need((stamp["plus"], stamp["offsetHours"], stamp["offsetMinutes"]) == (1, 0, 0), "a time that is not UTC")
    return rows, {
        "fileSeq": header["fileSeq"],
        "test": bool(flags & 1),
        "year": int.from_bytes(private[6:8], "big"),
        "closed": [header["appended"][part] for part in ("month", "day", "hour", "minute")],
        "opened": [header["opened"][part] for part in ("month", "day", "hour", "minute")],
        "closeReason": header["closeReason"],
    }


def read_cdr(path, module):
    data = path.read_bytes()
    need(data, "empty")
    if data[0] in (0x61, 0x62):
        return read_batch(data, module)
    if data[0] & 0xE0 == 0xA0:
        return read_raw(data, module), {}
    return read_ts32297(data, module)


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

    found = totals(details)
    need(trailer[0] == "T", "the last row is no T row")
    need(trailer[1] == header[5], "file number of the T row")
    need(int(trailer[2]) == found["count"], "count")
    need(trailer[3:5] == [found["firstSeq"], found["lastSeq"]], "first and last number")
    limits = [datetime.datetime.fromisoformat(at) if at else None for at in trailer[5:7]]
    need(limits == [found["minEventTime"], found["maxEventTime"]], "earliest and latest time")
    need(int(trailer[7]) == found["sumVolumeOctets"], "sum of volumes")
    need([int(n) for n in trailer[8:14]] == found["types"], "counts by type")
    need(int(trailer[14]) in ts32297.CLOSURES, "close reason")
    need(trailer[15] == hashlib.sha256(before_last_row(data)).hexdigest(), "digest")
    need(all(cell == "" for cell in trailer[16:]), "padding of the T row")
    return details, {
        "fileSeq": int(header[5]),
        "test": header[6] == "TEST",
        "closed": minute(header[10]),
        "closedAt": header[10],
        "year": datetime.datetime.fromisoformat(header[10]).astimezone(datetime.timezone.utc).year,
        # What came later, or after the period, is in the next file.
        "cutOff": min(header[10], header[8], key=datetime.datetime.fromisoformat),
        "opened": minute(header[9]),
        "closeReason": int(trailer[14]),
        "nodeId": header[3],
        "recipient": header[4],
    }


def before_last_row(data):
    return data[: data.rindex(b"\r\n", 0, -2) + 2] if data.count(b"\r\n") > 1 else b""


def fitted(cell, value):
    """The value in the width of its cell."""
    width = cell.get("width")
    if width is None:
        return value
    need(len(value) <= width or cell["cut"], f"{value!r} is longer than {width}")
    fill = (cell.get("fill") or " ") * (width - len(value))
    return (fill + value if cell["right"] else value + fill)[:width]


def check_template(path, beside):
    """A file that a template made, against the standard file of the same records."""
    beside = json.loads(beside.read_text("utf-8"))
    template = beside["template"]
    data = path.read_bytes()
    source = (path.parent / beside["standard"]).read_bytes().decode("utf-8")
    source = list(csv.reader(io.StringIO(source, newline=""), strict=True))
    header, details, trailer = source[0], source[1:-1], source[-1]
    digest = hashlib.sha256(before_last_row(data)).hexdigest()

    def row(cells, names, values):
        values = dict(zip(names, values))
        return [fitted(c, values[c["field"]] if c.get("field") else c["constant"]) for c in cells]

    wanted = []
    if template["header"]:
        wanted.append(row(template["header"], HEADER, header))
    if template["names"]:
        # Names are cut to the width, and filled up behind with blanks.
        plain = [{"width": c.get("width"), "cut": True, "right": False} for c in template["columns"]]
        names = [c.get("field") or c["constant"] for c in template["columns"]]
        wanted.append([fitted(c, name) for c, name in zip(plain, names)])
    wanted += [row(template["columns"], DETAIL, detail) for detail in details]
    if template["trailer"]:
        wanted.append(row(template["trailer"], TRAILER, trailer[:15] + [digest]))
    text = data.decode("utf-8")
    need(not text or text.endswith("\r\n"), "the last row has no end")
    if template["fixed"]:
        found = text.split("\r\n")[:-1]
        wanted = ["".join(cells) for cells in wanted]
    else:
        # csv.reader gives an empty row for a line with one empty cell.
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=template["separator"], strict=True)
        found = [cells or [""] for cells in reader]
    need(len(found) == len(wanted), f"{len(found)} rows instead of {len(wanted)}")
    for number, (a, b) in enumerate(zip(found, wanted), 1):
        need(a == b, f"row {number}: {a!r} instead of {b!r}")
    return len(details)


def compare(csv_name, csv_rows, cdr_name, cdr_rows):
    pair = f"{csv_name} and {cdr_name}"
    need(len(csv_rows) == len(cdr_rows), f"{pair}: {len(csv_rows)} and {len(cdr_rows)} records")
    for left, right in zip(csv_rows, cdr_rows):
        for column, (a, b) in enumerate(zip(left, right), 1):
            need(a == b, f"{pair}: record {left[1]}, column {column}: {a!r} and {b!r}")


def compare_said(csv_name, csv_said, cdr_name, cdr_said):
    for name in csv_said.keys() & cdr_said.keys():
        a, b = csv_said[name], cdr_said[name]
        need(a == b, f"{csv_name} and {cdr_name}: {name} is {a!r} and {b!r}")


def files_in(folder):
    return sorted(p for p in folder.rglob("*") if p.suffix in (".csv", ".cdr"))


def check(module, files):
    """Faults of the files, as text; and what was read, by kind."""
    read, counts, faults = {}, {"files": len(files)}, []
    for path in files:
        beside = path.with_suffix(".json")
        try:
            if path.suffix == ".csv" and beside.exists():
                kind, count = "template", check_template(path, beside)
            else:
                read[path] = read_csv(path) if path.suffix == ".csv" else read_cdr(path, module)
                kind, count = path.suffix, len(read[path][0])
            counts[kind] = counts.get(kind, 0) + count
        except (Wrong, ts32297.Wrong, ValueError, LookupError, struct.error, csv.Error, asn1tools.Error) as fault:
            faults.append(f"{path}: {fault}")

    # Files of one stream for two recipients carry other file names and may carry other numbers, so they
    # are matched by their records when the names do not match.
    by_records = {}
    for path, (rows, _) in read.items():
        if path.suffix == ".csv" and rows:
            by_records[tuple(row[2] for row in rows)] = path
    by_name = {path.stem: path for path in read if path.suffix == ".csv"}
    pairs = 0
    for path, (rows, said) in read.items():
        partner = by_name.get(path.stem) or by_records.get(tuple(row[2] for row in rows))
        if path.suffix != ".cdr" or partner is None:
            continue
        pairs += 1
        try:
            compare(partner.name, read[partner][0], path.name, rows)
            if partner.stem == path.stem:
                compare_said(partner.name, read[partner][1], path.name, said)
        except Wrong as fault:
            faults.append(str(fault))
    return faults, {**counts, "pairs": pairs}


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    module = asn1tools.compile_files(sys.argv[1], "der")
    faults, counts = check(module, files_in(pathlib.Path(sys.argv[2])))
    for fault in faults:
        print(fault)
    print(
        f"{counts['files']} files, {counts.get('.csv', 0)} CSV records, {counts.get('template', 0)} after templates, "
        f"{counts.get('.cdr', 0)} ASN.1 records, {counts['pairs']} pairs compared, {len(faults)} faults"
    )
    sys.exit(1 if faults or not counts["files"] else 0)


if __name__ == "__main__":
    main()
