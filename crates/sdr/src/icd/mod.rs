//! The interface control document: what an engineer hands to the vendor of the mediation system.

mod asn1;
mod csv;
mod framings;
mod handover;
pub mod samples;

use std::fmt::Write as _;

use crate::file::{CLOSE_REASONS, FileInfo, MAX_FILE_SEQ};
use crate::name::{NameTemplate, VARIABLES};
use crate::record::{RecordType, ResultCode, SubscriberType};
use crate::template::Template;

/// What the document says of one installation.
#[derive(Clone, Debug)]
pub struct IcdSettings {
    /// Version of the software, as shown in the title.
    pub software_version: String,
    /// Shows how names of files are built: its node, number and times make the examples.
    pub example: FileInfo,
    /// Name of the time zone of the schedule and of all times, such as "UTC".
    pub time_zone: String,
    pub recipients: Vec<IcdRecipient>,
    /// Cause codes and what they mean, ascending.
    pub causes: Vec<(u16, String)>,
}

/// What is agreed with one recipient.
#[derive(Clone, Debug)]
pub struct IcdRecipient {
    pub name: String,
    /// `csv` or `cdr`, the ending of its files.
    pub extension: &'static str,
    /// Template of the names of its files.
    pub file_name: String,
    /// What is agreed and how, in words, in the order in which it is shown.
    pub agreed: Vec<(&'static str, String)>,
    /// Columns of its own, instead of the standard layout of CSV.
    pub template: Option<Template>,
}

/// Writes the document, in Markdown.
pub fn interface_control_document(settings: &IcdSettings) -> String {
    let mut out = String::new();
    let parts = [
        overview,
        recipients,
        naming,
        life_cycle,
        sequence,
        handover::delivery,
        handover::answers,
        csv::layout,
        coded_values,
        asn1::records,
        framings::raw,
        framings::ts32297,
        framings::batch,
        meaning,
        samples::shown,
        asn1::module,
    ];
    for part in parts {
        part(settings, &mut out).expect("writing to a string cannot fail");
        out.push('\n');
    }
    out.truncate(out.trim_end().len() + 1);
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
         numbers of files and of records."
    )
}

fn recipients(s: &IcdSettings, out: &mut String) -> std::fmt::Result {
    writeln!(out, "## Recipients")?;
    for r in &s.recipients {
        writeln!(out, "\n### {}\n\n| | |\n|---|---|", cell(&r.name))?;
        for (what, how) in &r.agreed {
            writeln!(out, "| {what} | {} |", cell(how))?;
        }
        let info = FileInfo { recipient: r.name.clone(), ..s.example.clone() };
        if let Ok(template) = NameTemplate::parse(&r.file_name) {
            let (first, second) =
                (template.render(&info, r.extension, 1), template.render(&info, r.extension, 2));
            writeln!(out, "| name of a file | `{}`, for example `{first}` |", cell(&r.file_name))?;
            writeln!(out, "| a second revision of it | `{second}` |")?;
        }
        if let Some(template) = &r.template {
            csv::columns(template, out)?;
        }
    }
    Ok(())
}

fn naming(_: &IcdSettings, out: &mut String) -> std::fmt::Result {
    writeln!(out, "## Names of files\n")?;
    writeln!(
        out,
        "The name of a recipient's files is the template above, in which these stand for:\n\n| | |\n|---|---|"
    )?;
    for (name, meaning) in VARIABLES {
        writeln!(out, "| `{{{name}}}` | {meaning} |")?;
    }
    writeln!(
        out,
        "\nA later revision of a file has `_-_rN` before its ending. Files whose name ends otherwise than in `.csv` or \
         `.cdr` are not data. In the folder of this node each recipient has a folder of its own; another tenant than \
         `default` has a folder below it, named by the tenant; test files lie in a folder `test` below that of the live \
         files."
    )
}

fn life_cycle(s: &IcdSettings, out: &mut String) -> std::fmt::Result {
    writeln!(out, "## Life of a file\n")?;
    writeln!(
        out,
        "A file is closed when its period ends (times of `{}`), when it has as many records or octets as are agreed, \
         when its first record has waited as long as is agreed, or by an operator, whichever comes first. A record \
         belongs to the period that contains its recordTime; its eventTime may be earlier. What comes late is in a \
         later file.\n",
        s.time_zone
    )?;
    writeln!(
        out,
        "A file is written under a name that ends in `.tmp` and renamed when it is whole and on disk. Never \
         read a `.tmp` file. A file under its final name never changes; a resend has the same name, number \
         and octets. The same number with the same content is a copy and is to be ignored; the same number \
         with other content is a fault that must be reported, unless it is a revision. Corrections come as new records \
         that name the recordId of the old one in correctsRecordId.\n"
    )?;
    writeln!(
        out,
        "A period without records makes no file, or a *heartbeat* where that is agreed: a file without records that \
         takes a number as any other. It is an H and a T row in CSV, a header that counts 0 in `ts32297`, a \
         notification in `batch`."
    )
}

fn sequence(_: &IcdSettings, out: &mut String) -> std::fmt::Result {
    writeln!(out, "## Numbers\n")?;
    writeln!(
        out,
        "- File numbers run from 1 to {MAX_FILE_SEQ} in a stream without gaps. A resend and a revision do not take a new \
         one.\n\
         - Record numbers (`seq`, localSequenceNumber) run from 1 in a stream without gaps, over the records \
         that the recipient takes: the first record of a file follows the last one of the file before.\n\
         - Roll-over: there is none, no number is ever given again. A stream that had given its last file number would \
         stop with an alarm, and go on under another recipient name from 1; with a file each minute that is after 8,000 \
         years. Record numbers end at 2^63-1.\n\
         - recordId is the key for finding duplicates: it is the same for all recipients and never changes.\n\
         - The order of the records is that of the numbers. It is not always that of eventTime.\n\
         - A gap means that a file has not arrived: ask for it by number."
    )
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
            SubscriberType::Private => {
                "the operator's own number of the customer (the default), or a pseudonym of it"
            }
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
         - Test customers' records come only in test files. H rows, the header of `ts32297` and the control information \
         of `batch` say which they are; ASN.1 files of framing \
         `raw` do not, there the folder or the name tells. Live and test have numbers of their own. Never rate a test file."
    )
}

/// Text of the caller as the cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\r', '\n'], " ")
}
