//! What stands before, between and behind the records of an ASN.1 file, octet by octet.

use std::fmt::Write as _;

use super::IcdSettings;
use crate::ts32297::{CDR_HEADER_LENGTH, HEADER_LENGTH, MAX_CDR};

pub(super) fn raw(_: &IcdSettings, out: &mut String) -> std::fmt::Result {
    writeln!(
        out,
        "## Framing raw\n\nA `.cdr` file is a row of `SDRRecord` values, one behind the other, without anything \
         before, between or after them. Some decoders stop after the first value; they need an option, or a loop over \
         what is left. The file does not say its own number: its name does."
    )
}

/// Offset, octets, field, and what this node writes.
const HEADER: [(&str, &str, &str, &str); 23] = [
    ("0", "4", "file length", "of the whole file"),
    ("4", "4", "header length", "114"),
    ("8", "1", "high release (3 bits) and version (5 bits)", "`E0`: release beyond 9, version 0"),
    ("9", "1", "low release and version", "`E0`"),
    ("10", "4", "file opening timestamp", "in UTC, see below"),
    ("14", "4", "timestamp of the last CDR", "the closing, in UTC"),
    ("18", "4", "number of CDRs", "0 in a heartbeat"),
    ("22", "4", "file sequence number", "the number of the file"),
    ("26", "1", "file closure trigger reason", "closeReason"),
    ("27", "20", "address of the node", "`FFFFFFFF`, then 16 octets of IPv6, IPv4 as `::ffff:a.b.c.d`"),
    ("47", "1", "lost CDR indicator", "0, always: what cannot be written holds up the file"),
    ("48", "2", "length of the CDR routeing filter", "0"),
    ("50", "2", "length of the private extension", "60"),
    ("52", "4", "private extension: mark", "`SDR1`"),
    ("56", "2", "private extension: version of the records", "1, 0"),
    ("58", "2", "private extension: year of the closing", "which the timestamps lack, in UTC"),
    ("60", "8", "private extension: number of the first record", "0 in a heartbeat"),
    ("68", "8", "private extension: number of the last record", "0 in a heartbeat"),
    ("76", "4", "private extension: flags", "1: test data, 0: live"),
    ("80", "32", "private extension: SHA-256", "of all octets behind the header"),
    ("112", "1", "high release extension", "8: release 18"),
    ("113", "1", "low release extension", "8"),
    ("114", "", "the first CDR header", "after the last record there is neither trailer nor padding"),
];

pub(super) fn ts32297(_: &IcdSettings, out: &mut String) -> std::fmt::Result {
    writeln!(
        out,
        "## Framing ts32297\n\nA file header of {HEADER_LENGTH} octets, then each record behind a CDR header of \
         {CDR_HEADER_LENGTH}: 3GPP TS 32.297, release 18, clause 6. All integers are big-endian.\n\n\
         | offset | octets | field | here |\n|---|---|---|---|"
    )?;
    for (offset, octets, field, here) in HEADER {
        writeln!(out, "| {offset} | {octets} | {field} | {here} |")?;
    }
    writeln!(
        out,
        "\nThe private extension is never empty: readers disagree on whether its length stands there when it is.\n\n\
         A timestamp has 32 bits, from the most significant one: month (4), day (5), hour (5), minute (6), sign (1; 1 \
         is +), hours (5) and minutes (6) of the offset from UTC. There is neither year nor second; records have both.\n\n\
         | octet of the CDR header | field | here |\n|---|---|---|\n\
         | 0, 1 | length of the record alone | at most {MAX_CDR} |\n\
         | 2 | release (3 bits) and version (5 bits) | `E0` |\n\
         | 3 | data record format (3 bits), number of the specification (5 bits) | 1 (BER), and 31 unless another is \
         agreed: an SDR is no record of 3GPP |\n\
         | 4 | release extension | 8: release 18 |\n\n\
         Lengths, counts and numbers never are all ones, an escape value."
    )
}

pub(super) fn batch(_: &IcdSettings, out: &mut String) -> std::fmt::Result {
    writeln!(
        out,
        "## Framing batch\n\nA file is one `SDRDataInterchange` of the module, after the manner of TAP: a \
         `transferBatch` (first octet `61`), or a `notification` (`62`) without records.\n\n\
         | part | field | content |\n|---|---|---|\n\
         | batchControlInfo | sender, recipient | nodeId, name of the recipient |\n\
         | | fileSequenceNumber | number of the file |\n\
         | | fileCreationTimeStamp, fileAvailableTimeStamp | the closing |\n\
         | | transferCutOffTimeStamp | the closing, or the end of the period where that was earlier: later records are in \
         the next file |\n\
         | | specificationVersion, releaseVersion | 1, 0 |\n\
         | | fileType | live or test |\n\
         | | rejectedFileReference | in a revision: number of the file that was refused |\n\
         | records | | the records, by their numbers |\n\
         | auditControlInfo | earliestEventTime, latestEventTime | of the records |\n\
         | | firstSequenceNumber, lastSequenceNumber, recordCount | of the records |\n\
         | | recordCountByType | by ascending type, without those that do not occur |\n\
         | | totalVolumeOctets | sum of volumeOctets |\n\n\
         Check a file by its audit information. A notification is the control information alone."
    )
}
