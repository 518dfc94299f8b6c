//! What the interface control document says of an installation with this configuration.

use chrono::{DateTime, Utc};
use telvisor_sdr::FileInfo;
use telvisor_sdr::icd::{IcdRecipient, IcdSettings};

use crate::access::DEFAULT_TENANT;
use crate::config::{Ack, Config, Delivery, Empty, FileFormat, Framing, Recipient, Strategy, Subscriber};
use crate::mediation::causes::CAUSES;

pub fn settings(config: &Config) -> IcdSettings {
    // Any time does for an example; the same one makes the same document every day.
    let example: DateTime<Utc> = "2026-11-24T00:00:00Z".parse().expect("a time");
    let now = example.with_timezone(&config.zone()).fixed_offset();
    IcdSettings {
        software_version: env!("CARGO_PKG_VERSION").into(),
        example: FileInfo {
            node_id: config.node_id.clone(),
            recipient: "recipient".into(),
            file_seq: 1,
            test: false,
            period_start: now,
            period_end: now,
            opened_at: now,
            closed_at: now,
            tenant: DEFAULT_TENANT.into(),
            close_reason: 0,
        },
        time_zone: config.time_zone.clone(),
        recipients: config.mediation.recipient.iter().map(recipient).collect(),
        causes: CAUSES.iter().map(|(_, code, meaning)| (*code, (*meaning).to_owned())).collect(),
    }
}

fn recipient(r: &Recipient) -> IcdRecipient {
    let only = |what: &[String]| if what.is_empty() { "all".to_owned() } else { what.join(", ") };
    let types: Vec<String> = r.types.iter().map(ToString::to_string).collect();
    let agreed = vec![
        ("format", format(r)),
        ("closed", closed(r)),
        (
            "period without records",
            match r.empty {
                Empty::None => "no file".into(),
                Empty::Heartbeat => "a heartbeat".into(),
            },
        ),
        ("record types", only(&types)),
        ("tenants", only(&r.tenants)),
        ("applications", only(&r.applications)),
        (
            "subscriberId",
            match r.subscriber {
                Subscriber::Customer => "customer id, type 4".into(),
                Subscriber::Phone => {
                    "telephone number in digits, type 0; customer id, type 4, where there is none".into()
                }
                Subscriber::Pseudonym => {
                    "a pseudonym of the customer, type 4, for this recipient alone".into()
                }
            },
        ),
        ("delivery", delivery(r)),
        (
            "counts as taken",
            match r.ack {
                Ack::None => "when it is delivered".into(),
                Ack::Rename => format!("when the recipient has put `{}` behind its name", r.ack_suffix),
                Ack::Delete => "when the recipient has deleted it".into(),
                Ack::File => "when a file of answers says so".into(),
            },
        ),
        (
            "kept after that",
            match r.keep_days {
                0 => "for ever".into(),
                days => format!("{days} days"),
            },
        ),
    ];
    IcdRecipient {
        name: r.name.clone(),
        extension: if r.format == FileFormat::Csv { "csv" } else { "cdr" },
        file_name: r.file_name.clone(),
        agreed,
        template: r.csv.clone(),
    }
}

fn format(r: &Recipient) -> String {
    match (r.format, r.framing) {
        (FileFormat::Csv, _) if r.csv.is_some() => "CSV with columns of its own, below".into(),
        (FileFormat::Csv, _) => "[CSV](#csv)".into(),
        (FileFormat::Asn1, Framing::Raw) => {
            "[ASN.1](#asn1), [framing raw](#framing-raw): one record after the other".into()
        }
        (FileFormat::Asn1, Framing::Batch) => "[ASN.1](#asn1), [framing batch](#framing-batch)".into(),
        (FileFormat::Asn1, Framing::Ts32297) => format!(
            "[ASN.1](#asn1), [framing ts32297](#framing-ts32297); number of the specification {}, address of the node {}",
            r.ts_number, r.node_address
        ),
    }
}

fn closed(r: &Recipient) -> String {
    let period = match r.schedule.as_str() {
        "day" => "at 00:00 of every day".into(),
        "week" => "at 00:00 of every Monday".into(),
        "month" => "at 00:00 of the first day of every month".into(),
        cron => format!("by the cron expression `{cron}` (minute, hour, day, month, weekday)"),
    };
    let waited = match r.open_minutes {
        0 => String::new(),
        minutes => format!(", {minutes} minutes after its first record"),
    };
    format!("{period}{waited}, at {} records, at {} octets", r.records, r.bytes)
}

fn delivery(r: &Recipient) -> String {
    match &r.delivery {
        Delivery::Local => format!("fetched from the folder `{}`", r.name),
        Delivery::Sftp(s) => {
            let strategy = match s.strategy {
                Strategy::TmpRename => "tmp_rename",
                Strategy::TmpDir => "tmp_dir",
                Strategy::Marker => "marker",
                Strategy::Direct => "direct",
            };
            format!(
                "sent by SFTP to {}, port {}, folder `{}`, strategy `{strategy}`",
                s.host, s.port, s.folder
            )
        }
        Delivery::S3(s) => format!(
            "put into the S3 bucket `{}` at {}, names begin with `{}`",
            s.bucket, s.endpoint, s.prefix
        ),
    }
}
