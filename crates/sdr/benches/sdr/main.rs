//! `make bench`: records encoded per second, beside the encoder that asn1c generates, Python's csv writer and Go's.
//!
//! Every side encodes the same records into memory, on one core, and must make the same octets; ours starts from
//! records and checks each field, the others have decoded structures or ready cells before the clock starts. Rounds of
//! all sides take turns, in processor time, the best and the median count. A table for people, then a line of JSON for
//! each figure.

mod peer;

use std::path::Path;

use chrono::{Duration, FixedOffset};
use peer::Peer;
use telvisor_sdr::ts32297::Settings;
use telvisor_sdr::{FileInfo, Layout, Record, RecordType, ResultCode, SubscriberType, time};
use uuid::Uuid;

/// Records of one round.
const RECORDS: u64 = 50_000;
/// Rounds of each side; one more before them warms up.
const ROUNDS: usize = 9;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-sdr");
    std::fs::create_dir_all(&folder)?;
    let (info, records) = (info(), records());
    let (asn1, csv) = (folder.join("records.cdr"), folder.join("records.csv"));
    std::fs::write(&asn1, encode(&Layout::Raw, &info, &records)?)?;
    std::fs::write(&csv, encode(&Layout::Csv, &info, &records)?)?;
    println!(
        "{RECORDS} records, {} octets each in ASN.1 and {} in CSV; built with the bench profile (opt-level 2, no LTO), \
         asn1c's with gcc -O2",
        std::fs::metadata(&asn1)?.len() / RECORDS,
        std::fs::metadata(&csv)?.len() / RECORDS
    );
    let settings = Settings { node_address: "::ffff:192.0.2.7".parse()?, ts_number: 31 };
    let ours =
        [("ASN.1 raw", Layout::Raw), ("ASN.1 ts32297", Layout::Ts32297(settings)), ("CSV", Layout::Csv)];
    let mut peers = vec![("asn1c", Peer::asn1c(&folder, &asn1)?), ("Python csv", Peer::python(&csv)?)];
    match Peer::go(&folder, &csv)? {
        Some(go) => peers.push(("Go csv", go)),
        None => println!("There is no Go here: its encoding/csv was not run."),
    }
    let mut times: Vec<(&str, Vec<f64>)> = vec![];
    for round in 0..=ROUNDS {
        let mut note = |name: &'static str, seconds: f64| {
            if round == 0 {
                times.push((name, vec![]));
            } else if let Some((_, times)) = times.iter_mut().find(|(n, _)| *n == name) {
                times.push(seconds);
            }
        };
        for (name, layout) in &ours {
            note(name, timed(layout, &info, &records)?);
        }
        for (name, peer) in &mut peers {
            note(name, peer.round()?);
        }
    }
    show(times);
    Ok(())
}

/// Seconds of processor time to encode all records.
fn timed(layout: &Layout, info: &FileInfo, records: &[Record]) -> Result<f64, Failure> {
    let began = peer::used()?;
    let octets = encode(layout, info, records)?;
    let took = peer::used()? - began;
    std::hint::black_box(octets);
    Ok(took.as_secs_f64())
}

/// What stands behind the head of a file: the records alone.
fn encode(layout: &Layout, info: &FileInfo, records: &[Record]) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::with_capacity(400 * records.len());
    for record in records {
        layout.record(info, record, &mut out)?;
    }
    Ok(out)
}

#[expect(clippy::cast_precision_loss, reason = "a count of records")]
fn show(times: Vec<(&str, Vec<f64>)>) {
    let rates: Vec<(&str, f64, f64)> = times
        .into_iter()
        .map(|(name, mut times)| {
            times.sort_by(f64::total_cmp);
            let rate = |seconds: f64| RECORDS as f64 / seconds;
            (name, rate(times[0]), rate(times[times.len() / 2]))
        })
        .collect();
    println!("  {:<14} {:>12} {:>12}   records/s, best and median of {ROUNDS} rounds", "", "best", "median");
    for (name, best, median) in &rates {
        println!("  {name:<14} {best:>12.0} {median:>12.0}");
    }
    let of = |name: &str| rates.iter().find(|(n, ..)| *n == name);
    println!();
    for (what, ours, theirs, aim) in [
        ("ASN.1 : asn1c", "ASN.1 raw", "asn1c", 5.0),
        ("CSV : Python csv", "CSV", "Python csv", 10.0),
        ("CSV : Go csv", "CSV", "Go csv", 1.5),
    ] {
        if let (Some((_, best, median)), Some((_, other_best, other_median))) = (of(ours), of(theirs)) {
            println!(
                "{{\"bench\":\"sdr\",\"what\":\"{what}\",\"recordsPerSecond\":{best:.0},\"medianPerSecond\":{median:.0},\
                 \"ratio\":{:.2},\"medianRatio\":{:.2},\"aim\":{aim}}}",
                best / other_best,
                median / other_median
            );
        }
    }
}

fn info() -> FileInfo {
    let at = at(0);
    FileInfo {
        node_id: "telvisor".to_owned(),
        recipient: "mediation".to_owned(),
        file_seq: 1,
        test: false,
        period_start: at,
        period_end: at,
        opened_at: at,
        closed_at: at,
        tenant: "default".to_owned(),
        close_reason: 0,
    }
}

fn at(seconds: u64) -> chrono::DateTime<FixedOffset> {
    let begin = time::from_text("2026-11-23T08:15:42+02:00").expect("a time");
    begin + Duration::seconds(seconds as i64)
}

/// Records as a day brings them: of all types, each with what its type has.
fn records() -> Vec<Record> {
    // Ids differ in all their octets, as those of a server do.
    let id = |n: u64| {
        Uuid::from_u64_pair(n.wrapping_mul(0x9e37_79b9_7f4a_7c15), n.wrapping_mul(0xbf58_476d_1ce4_e5b9))
    };
    (1..=RECORDS)
        .map(|n| {
            let record_type = RecordType::ALL[(n % 6) as usize];
            let changed =
                matches!(record_type, RecordType::ApplicationUpgraded | RecordType::ApplicationDowngraded);
            let backup = record_type.is_backup();
            Record {
                seq: n,
                record_id: id(n),
                record_type,
                event_time: at(n / 3),
                record_time: at(n / 3 + 1),
                node_id: "telvisor".to_owned(),
                tenant: "default".to_owned(),
                subscriber_type: SubscriberType::Private,
                subscriber: format!("c-{:07}", n * 37 % 1_000_000),
                application: "kinfolk".to_owned(),
                version: "2.0".to_owned(),
                previous_version: changed.then(|| "1.0".to_owned()),
                instance_id: id(n * 31),
                duration_s: Some((n % 90) as u32),
                result: ResultCode::Success,
                cause: None,
                backup_id: backup.then(|| id(n * 17)),
                volume_octets: backup.then_some(n * 7919),
                corrects: None,
                plan: Some("team".to_owned()),
                previous_plan: None,
                order_id: Some(id(n * 13)),
                external_order_id: (n % 2 == 0).then(|| format!("PO-2026-{n:07}")),
            }
        })
        .collect()
}
