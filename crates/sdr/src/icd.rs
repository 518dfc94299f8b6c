//! The interface control document: what an engineer hands to the vendor of the mediation system.

use std::fmt::Write as _;

use crate::ASN1_MODULE;
use crate::columns::{DETAIL, HEADER, Label, TRAILER, WIDTH};
use crate::file::{CLOSE_REASONS, FileInfo, MAX_FILE_SEQ};
use crate::record::{RecordType, ResultCode, SubscriberType};

/// What the document says of one installation.
#[derive(Clone, Debug)]
pub struct IcdSettings {
    /// Version of the software, as shown in the title.
    pub software_version: String,
    /// Shows how names of files are built: its node, number and times make the examples.
    pub example: FileInfo,
    /// When files are closed, in words, such as "every day at 00:00".
    pub schedule: String,
    /// Name of the time zone of the schedule and of all times, such as "UTC".
    pub time_zone: String,
    /// A file is closed at this many records.
    pub max_records: u64,
    /// A file is closed at this many octets.
    pub max_octets: u64,
    /// Name, and format in words, of every recipient.
    pub recipients: Vec<(String, String)>,
    /// Cause codes and what they mean, ascending.
    pub causes: Vec<(u16, String)>,
}

/// Writes the document, in Markdown.
pub fn interface_control_document(settings: &IcdSettings) -> String {
    let mut out = String::new();
    for part in [overview, naming, life_cycle, csv, coded_values, sequence, meaning, asn1] {
        part(settings, &mut out).expect("writing to a string cannot fail");
        out.push('\n');
    }
    out
}

fn overview(s: &IcdSettings, out: &mut String) -> std::fmt::Result {
    writeln!(out, "# Service detail records: interface control document\n")?;
    writeln!(out, "Node `{}`, software version {}.\n", s.example.node_id, s.software_version)?;
    writeln!(
        out,
        "A service detail record (SDR) says that an application was installed, upgraded or downgraded, or \
         that a backup was taken, downloaded or restored, for one customer. Records are handed over in \
         closed files. Each triple of tenant, recipient, and live or test is a *stream* with its own \
         numbers of files and of records.\n"
    )?;
    writeln!(out, "| recipient | format |\n|---|---|")?;
    for (name, format) in &s.recipients {
        writeln!(out, "| {} | {} |", cell(name), cell(format))?;
    }
    Ok(())
}

fn naming(s: &IcdSettings, out: &mut String) -> std::fmt::Result {
    writeln!(out, "## Names of files\n")?;
    writeln!(
        out,
        "`NODE_-_NUMBER.YYYYMMDD_-_HHMM+hhmm.csv` or `.cdr`, for example `{}` and `{}`. NUMBER is the \
         file's number in its stream, without leading zeros. Date, time and offset from UTC are those of \
         the closing. Files whose name ends otherwise are not data.\n",
        s.example.default_name("csv"),
        s.example.default_name("cdr"),
    )?;
    writeln!(
        out,
        "Each recipient has a folder of its own. Another tenant than `default` has a folder below it, named \
         by the tenant; test files lie in a folder `test` below that of the live files."
    )
}

fn life_cycle(s: &IcdSettings, out: &mut String) -> std::fmt::Result {
    writeln!(out, "## Life of a file\n")?;
    writeln!(
        out,
        "A file is closed {} ({}), at {} records, at {} octets or by an operator, whichever comes first. A \
         record belongs to the period that contains its recordTime; its eventTime may be earlier. A period \
         without records makes no file.\n",
        s.schedule, s.time_zone, s.max_records, s.max_octets
    )?;
    writeln!(
        out,
        "A file is written under a name that ends in `.tmp` and renamed when it is whole and on disk. Never \
         read a `.tmp` file. A file under its final name never changes; a resend has the same name, number \
         and octets. The same number with the same content is a copy and is to be ignored; the same number \
         with other content is a fault that must be reported. Corrections come as new records that name the \
         recordId of the old one."
    )
}

fn csv(_: &IcdSettings, out: &mut String) -> std::fmt::Result {
    writeln!(out, "## CSV\n")?;
    writeln!(
        out,
        "UTF-8 without byte order mark; comma; every row, the last too, ends with CR LF; a cell that contains \
         a comma or a quote stands in quotes and its quotes are doubled (RFC 4180). One H row, a D row for \
         each record, one T row; no row of names. Every row has {WIDTH} cells, H and T rows are padded with \
         empty ones. An absent value is an empty cell.\n"
    )?;
    writeln!(
        out,
        "Times are written `2026-11-23T08:15:42+00:00`: whole seconds, offset from UTC always as `+hh:mm` or `-hh:mm`. UUIDs are \
         lower case with hyphens. Coded values are numbers. Texts begin with a letter or digit (ASCII), so \
         that no spreadsheet takes one for a formula; externalOrderId alone is the client's own text.\n"
    )?;
    writeln!(out, "### H row\n")?;
    labels(&HEADER, out)?;
    writeln!(out, "\n### D row\n")?;
    writeln!(out, "| column | name | form | | meaning | ASN.1 field |\n|---|---|---|---|---|---|")?;
    for (at, column) in DETAIL.iter().enumerate() {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} |",
            at + 1,
            column.name,
            column.form,
            if column.optional { "optional" } else { "mandatory" },
            column.meaning,
            column.asn1
        )?;
    }
    writeln!(out, "\n### T row\n")?;
    labels(&TRAILER, out)?;
    writeln!(
        out,
        "\nCheck a file by its T row: the counts, the sum, first and last number, and the digest over all \
         octets before the `T` (the CR LF of the row before it included)."
    )
}

fn labels(labels: &[Label], out: &mut String) -> std::fmt::Result {
    writeln!(out, "| column | name | meaning |\n|---|---|---|")?;
    for (at, label) in labels.iter().enumerate() {
        writeln!(out, "| {} | {} | {} |", at + 1, label.name, label.meaning)?;
    }
    match labels.len() + 1 {
        WIDTH => writeln!(out, "| {WIDTH} | | empty |"),
        first => writeln!(out, "| {first} to {WIDTH} | | empty |"),
    }
}

fn coded_values(s: &IcdSettings, out: &mut String) -> std::fmt::Result {
    writeln!(out, "## Coded values\n")?;
    writeln!(out, "| recordType | CHOICE tag | meaning |\n|---|---|---|")?;
    for kind in RecordType::ALL {
        writeln!(out, "| {} | [{}] | {kind} |", kind.code(), kind.choice())?;
    }
    writeln!(out, "\n| result | meaning |\n|---|---|")?;
    for result in ResultCode::ALL {
        writeln!(out, "| {} | {result} |", result.code())?;
    }
    writeln!(out, "\n| subscriberIdType | meaning |\n|---|---|")?;
    for kind in SubscriberType::ALL {
        let meaning = match kind {
            SubscriberType::E164 => "telephone number (E.164), digits without `+`",
            SubscriberType::Imsi => "IMSI, digits",
            SubscriberType::SipUri => "SIP URI",
            SubscriberType::Nai => "network access identifier",
            SubscriberType::Private => "the operator's own number of the customer (the default)",
        };
        writeln!(out, "| {} | {meaning} |", kind.code())?;
    }
    writeln!(out, "\n| closeReason | meaning |\n|---|---|")?;
    for (reason, meaning) in CLOSE_REASONS {
        writeln!(out, "| {reason} | {meaning} |")?;
    }
    writeln!(out, "\n| causeCode | meaning |\n|---|---|")?;
    for (code, meaning) in &s.causes {
        writeln!(out, "| {code} | {} |", cell(meaning))?;
    }
    Ok(())
}

fn sequence(_: &IcdSettings, out: &mut String) -> std::fmt::Result {
    writeln!(out, "## Numbers\n")?;
    writeln!(
        out,
        "- File numbers run from 1 to {MAX_FILE_SEQ} in a stream without gaps. A resend does not take a new one.\n\
         - Record numbers (`seq`, localSequenceNumber) run from 1 in a stream without gaps, over the records \
         that the recipient takes: the first record of a file follows the last one of the file before.\n\
         - recordId is the key for finding duplicates: it is the same for all recipients and never changes.\n\
         - The order of the records is that of the numbers. It is not always that of eventTime."
    )
}

fn meaning(_: &IcdSettings, out: &mut String) -> std::fmt::Result {
    writeln!(out, "## What a record attests\n")?;
    writeln!(
        out,
        "- A record is written once, when the work is complete. Work that failed, was cancelled or was undone \
         writes none, unless the operator has switched records of failures on (result 1, with causeCode).\n\
         - An order that changes version and plan writes two records: first the version's, with the plan \
         before it in planId; then the plan's, with the new version and no previousVersion.\n\
         - *backup-downloaded* is written once for a download link, when every octet of the backup has been \
         sent under it, in one piece or in several. Sent means: taken by the server's operating system on a \
         connection that did not fail before the response ended. Progress is stored at least every 8 MiB; when \
         a later piece begins within 8 MiB behind what is stored, the octets between count as sent. It does not attest that the customer's disk \
         holds the backup. A download that was broken off writes no record. A download has neither orderId \
         nor externalOrderId.\n\
         - orderId and externalOrderId are those of the order that the client placed.\n\
         - Test customers' records come only in test files. H rows say `LIVE` or `TEST`; ASN.1 files of framing \
         `raw` do not, there the folder tells. Live and test have numbers of their own. Never rate a test file."
    )
}

fn asn1(_: &IcdSettings, out: &mut String) -> std::fmt::Result {
    writeln!(out, "## ASN.1\n")?;
    writeln!(
        out,
        "A `.cdr` file of framing `raw` is a row of `SDRRecord` values, one behind the other, without anything \
         before, between or after them. Encoding is DER: lengths definite and minimal, fields by ascending \
         tag. Hints for decoders:\n\n\
         - Some decoders stop after the first value; they need an option, or a loop over what is left.\n\
         - The tag of the CHOICE, [1] to [6], tells the type; recordType inside repeats it. It replaces the \
         universal tag, so a model with SET instead of SEQUENCE reads the same octets.\n\
         - TimeStamp has nine octets: BCD year (two digits, 2000 to 2099), month, day, hour, minute, second of \
         local time; the sign in ASCII (2B or 2D); BCD hours and minutes of the offset from UTC. \
         2026-11-23T08:15:42+02:00 is `26 11 23 08 15 42 2B 02 00`.\n\
         - UUIDs are their 16 octets.\n\
         - Integers fit into 63 bits.\n\
         - New fields come at the end, behind the `...` of the record, with a minor version: skip \
         fields that you do not know. A new type of record is announced beforehand, because many decoders \
         refuse an unknown alternative even with the `...`.\n\
         - For a compiler that does not know `...`, delete the two lines with `...` and the commas before \
         them; such a decoder must be renewed when a field is added.\n\
         - Some compilers want the module in a file named like it: `SDR-DataTypes.asn1`.\n\
         - Lengths of UTF8Strings are not in the module: they are those of the D row's columns, in characters.\n"
    )?;
    writeln!(out, "```asn1\n{}\n```", ASN1_MODULE.trim_end())
}

/// Text of the caller as the cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\r', '\n'], " ")
}
