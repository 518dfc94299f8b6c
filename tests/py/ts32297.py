#!/usr/bin/env python3
"""Reads and writes the file and CDR headers of 3GPP TS 32.297, clause 6, with none of the project's code.

Usage: ts32297.py FILE               prints the headers
       ts32297.py --payload FILE     writes the records to standard output, one behind the other, without headers

Written from the field table alone. Readers disagree on whether the length of the private extension is there when
there is no private extension; a file is read in both ways, and a difference between the two is a fault. So are
octets that writing what was read does not bring back.
"""

import ipaddress
import json
import struct
import sys

BEYOND_REL_9 = 7
FORMATS = {1: "BER", 2: "unaligned PER", 3: "aligned PER", 4: "XER"}
CLOSURES = {0, 1, 2, 3, 4, 5, 128, 129, 130, 131}


class Wrong(Exception):
    """A file is not as clause 6 has it."""


def need(condition, message):
    if not condition:
        raise Wrong(message)


def unpack_stamp(bits):
    """Month, day, hour, minute, sign (1 is plus), hours and minutes of the offset: 4, 5, 5, 6, 1, 5, 6 bits."""
    stamp = {
        "month": bits >> 28,
        "day": bits >> 23 & 31,
        "hour": bits >> 18 & 31,
        "minute": bits >> 12 & 63,
        "plus": bits >> 11 & 1,
        "offsetHours": bits >> 6 & 31,
        "offsetMinutes": bits & 63,
    }
    need(1 <= stamp["month"] <= 12 and 1 <= stamp["day"] <= 31, f"date of {bits:#010x}")
    need(stamp["hour"] < 24 and stamp["minute"] < 60, f"time of {bits:#010x}")
    need(stamp["offsetHours"] < 24 and stamp["offsetMinutes"] < 60, f"offset of {bits:#010x}")
    return stamp


def pack_stamp(s):
    return (
        s["month"] << 28 | s["day"] << 23 | s["hour"] << 18 | s["minute"] << 12
        | s["plus"] << 11 | s["offsetHours"] << 6 | s["offsetMinutes"]
    )  # fmt: skip


def release(octet):
    return {"release": octet >> 5, "version": octet & 31}


def read_header(data, length_always):
    """The file header in one reading of the clause: the extension's length stands there always, or only before one."""
    need(len(data) >= 50, "shorter than the fixed part of the header")
    file_length, header_length = struct.unpack_from(">II", data, 0)
    high, low = release(data[8]), release(data[9])
    opened, appended, count, sequence = struct.unpack_from(">IIII", data, 10)
    address = data[27:47]
    (filter_length,) = struct.unpack_from(">H", data, 48)
    at = 50 + filter_length
    need(at <= header_length <= len(data), "the header's length")
    extensions = [r["release"] == BEYOND_REL_9 for r in (high, low)]
    private = b""
    if length_always or header_length - at > sum(extensions):
        need(at + 2 <= header_length, "no room for the length of the private extension")
        (length,) = struct.unpack_from(">H", data, at)
        private = data[at + 2 : at + 2 + length]
        need(len(private) == length, "the private extension is cut off")
        at += 2 + length
    for side, has in zip((high, low), extensions):
        if has:
            side["extension"] = data[at]
            at += 1
    need(at == header_length, f"the header has {header_length} octets, its fields {at}")
    need(address[:4] == b"\xff\xff\xff\xff", "the node's address does not begin with four octets of ones")
    return {
        "fileLength": file_length,
        "headerLength": header_length,
        "high": high,
        "low": low,
        "opened": unpack_stamp(opened),
        "appended": unpack_stamp(appended),
        "count": count,
        "fileSeq": sequence,
        "closeReason": data[26],
        "address": str(ipaddress.IPv6Address(address[4:])),
        "lost": data[47],
        "filter": data[50 : 50 + filter_length].hex(),
        "private": private.hex(),
    }


def read_records(data, at):
    records = []
    while at < len(data):
        need(at + 4 <= len(data), f"octet {at}: a CDR header is cut off")
        (length,) = struct.unpack_from(">H", data, at)
        need(length != 0xFFFF, f"octet {at}: a length of all ones")
        record = {**release(data[at + 2]), "format": FORMATS.get(data[at + 3] >> 5), "ts": data[at + 3] & 31}
        need(record["format"], f"octet {at}: data record format {data[at + 3] >> 5}")
        at += 4
        if record["release"] == BEYOND_REL_9:
            need(at < len(data), f"octet {at}: a CDR header is cut off")
            record["extension"] = data[at]
            at += 1
        record["octets"] = data[at : at + length]
        need(len(record["octets"]) == length, f"octet {at}: a record is cut off")
        records.append(record)
        at += length
    return records


def read(data):
    """The header and the records of a file."""
    always, when_needed = (read_header(data, reading) for reading in (True, False))
    need(always == when_needed, f"two readings of the header: {always} and {when_needed}")
    header, records = always, read_records(data, always["headerLength"])
    need(header["fileLength"] == len(data), f"file length {header['fileLength']} of {len(data)}")
    need(header["count"] == len(records), f"count {header['count']} of {len(records)}")
    need(header["closeReason"] in CLOSURES, f"closure reason {header['closeReason']}")
    all_ones = 0xFFFFFFFF
    for name in ("fileLength", "headerLength", "count", "fileSeq"):
        need(header[name] != all_ones, f"{name} is all ones")
    # The records' release and version lie between the lowest and the highest that the file's header names.
    order = lambda side: (side["release"], side.get("extension", 0), side["version"])  # noqa: E731
    for number, record in enumerate(records, 1):
        need(order(header["low"]) <= order(record) <= order(header["high"]), f"release of record {number}")
    need(write(header, records) == data, "what was read is written otherwise")
    return header, records


def write(header, records):
    """The octets of a file, for comparison."""
    octet = lambda side: bytes([side["release"] << 5 | side["version"]])  # noqa: E731
    more = lambda side: bytes([side["extension"]]) if "extension" in side else b""  # noqa: E731
    body = b"".join(
        struct.pack(">H", len(r["octets"]))
        + octet(r)
        + bytes([{name: code for code, name in FORMATS.items()}[r["format"]] << 5 | r["ts"]])
        + more(r)
        + r["octets"]
        for r in records
    )
    filter_octets, private = bytes.fromhex(header["filter"]), bytes.fromhex(header["private"])
    rest = (
        octet(header["high"])
        + octet(header["low"])
        + struct.pack(">II", pack_stamp(header["opened"]), pack_stamp(header["appended"]))
        + struct.pack(">II", len(records), header["fileSeq"])
        + bytes([header["closeReason"]])
        + b"\xff\xff\xff\xff"
        + ipaddress.IPv6Address(header["address"]).packed
        + bytes([header["lost"]])
        + struct.pack(">H", len(filter_octets))
        + filter_octets
        + struct.pack(">H", len(private))
        + private
        + more(header["high"])
        + more(header["low"])
    )
    length = 8 + len(rest)
    return struct.pack(">II", length + len(body), length) + rest + body


def main():
    payload = sys.argv[1:2] == ["--payload"]
    files = sys.argv[2 if payload else 1 :]
    if len(files) != 1:
        sys.exit(__doc__)
    try:
        with open(files[0], "rb") as file:
            header, records = read(file.read())
    except (Wrong, IndexError, struct.error) as fault:
        sys.exit(f"{files[0]}: {fault}")
    if payload:
        sys.stdout.buffer.write(b"".join(r["octets"] for r in records))
    else:
        shown = [{**r, "octets": len(r["octets"])} for r in records]
        print(json.dumps({"header": header, "records": shown}, indent=1))


if __name__ == "__main__":
    main()
