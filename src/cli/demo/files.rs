//! The last scene: the files that mediation gets, looked at octet by octet and record by record.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};
use telvisor_sdr::decode::{self, Decoded, Format};
use telvisor_sdr::{Record, RecordType, Totals};

use super::tour::{Tour, say};
use crate::cli::out::Out;
use crate::cli::sdr::{self, Listed};

/// What the life of the demo must have left, in this order.
const LIFE: [RecordType; 7] = [
    RecordType::ApplicationInstalled,
    RecordType::ApplicationUpgraded,
    RecordType::ApplicationUpgraded,
    RecordType::BackupTaken,
    RecordType::BackupDownloaded,
    RecordType::BackupRestored,
    RecordType::ApplicationDowngraded,
];

/// Names a file: recipient, test or live, number.
type Key = (String, bool, u32);

fn key(file: &Listed) -> Key {
    (file.recipient.clone(), file.test, file.file_seq)
}

/// The files that are there.
pub async fn listed(tour: &Tour) -> anyhow::Result<BTreeSet<Key>> {
    let files: Vec<Listed> = tour.http.get("/api/v1/sdr/files").await?;
    Ok(files.iter().map(key).collect())
}

/// Seals, and shows what each recipient got of this subscription.
pub async fn seal_and_show(
    tour: &mut Tour,
    before: &BTreeSet<Key>,
    subscription: &str,
    out: &mut Out<'_>,
) -> anyhow::Result<()> {
    sdr::seal(&tour.http).await?;
    // A period or a limit may have closed a file during the tour, so not only what sealing answered counts.
    let files: Vec<Listed> = tour.http.get("/api/v1/sdr/files").await?;
    let mut new: Vec<_> = files.into_iter().filter(|file| !before.contains(&key(file))).collect();
    new.sort_by_key(key);
    let mut lives: BTreeMap<String, Vec<Record>> = BTreeMap::new();
    for file in &new {
        let octets = sdr::octets(&tour.http, &file.recipient, file.file_seq, file.test).await?;
        say(out, format!("    {}", file.path.as_ref().unwrap_or(&file.name)))?;
        let sum = hex::encode(Sha256::digest(&octets));
        tour.truth(format!("{} has the SHA-256 in the list", file.name), &sum, &file.sha256, out)?;
        let decoded = decode::decode(&octets)?;
        tour.truth(
            format!("{} holds the records that the list counts", file.name),
            &decoded.totals.count,
            &file.records,
            out,
        )?;
        let own: Vec<_> =
            decoded.records.iter().filter(|r| r.instance_id.to_string() == subscription).cloned().collect();
        say(out, shown(&octets, &decoded, &own)?)?;
        lives.entry(file.recipient.clone()).or_default().extend(own);
    }
    tour.truth("mediation got a file", &!new.is_empty(), &true, out)?;
    for (recipient, records) in &lives {
        let seen: Vec<_> = records.iter().map(|r| r.record_type).collect();
        tour.truth(format!("{recipient} has the life, each event once"), &seen, &LIFE.to_vec(), out)?;
    }
    if let Some(of_first) = lives.values().next() {
        let ids = |records: &[Record]| records.iter().map(|r| r.record_id).collect::<Vec<_>>();
        let same = lives.values().all(|records| ids(records) == ids(of_first));
        tour.truth("every recipient has the same records", &same, &true, out)?;
    }
    Ok(())
}

/// A CSV as it is, an ASN.1 file decoded. Of a file that others fill too, only the lines of this subscription.
fn shown(octets: &[u8], decoded: &Decoded, own: &[Record]) -> anyhow::Result<String> {
    let all = own.len() == decoded.records.len();
    let text = match decoded.format {
        Format::Csv => {
            let text = String::from_utf8_lossy(octets);
            let ids: Vec<_> = own.iter().map(|r| r.record_id.to_string()).collect();
            let ours = |line: &&str| all || !line.starts_with("D,") || ids.iter().any(|id| line.contains(id));
            text.lines().filter(ours).map(|line| format!("{line}\n")).collect()
        }
        _ if all => decode::to_table(decoded),
        _ => {
            decode::to_table(&Decoded { totals: Totals::of(own)?, records: own.to_vec(), ..decoded.clone() })
        }
    };
    let indented: Vec<_> = text.lines().map(|line| format!("      {line}")).collect();
    let others = decoded.records.len() - own.len();
    let note = if all { String::new() } else { format!("\n      (and {others} records of others)") };
    Ok(indented.join("\n") + &note)
}
