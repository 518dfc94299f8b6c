//! Writes generated records of every shape as files, to be checked by tools that share no code with this
//! crate: `sample_files DIRECTORY COUNT`. The same count gives the same octets.
//!
//! Files hold up to 500 records and come as pairs of `.csv` and `.cdr` with the same records.

use std::path::Path;

use chrono::{DateTime, Duration, FixedOffset};
use telvisor_sdr::record::MAX_INTEGER;
use telvisor_sdr::{FileInfo, Record, RecordType, ResultCode, SubscriberType, csv_format, raw, time};
use uuid::Uuid;

const PER_FILE: u64 = 500;

/// A sequence of numbers that look random and are the same in every run (the SplitMix64 generator).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// One of the values, each as likely as the others.
    fn of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len() as u64) as usize]
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(2) == 0).then(|| make(self))
    }

    fn uuid(&mut self) -> Uuid {
        Uuid::from_u64_pair(self.next(), self.next())
    }

    fn text(&mut self, alphabet: &[char], max: u64) -> String {
        let length = 1 + self.below(max);
        (0..length).map(|_| self.of(alphabet)).collect()
    }

    fn identifier(&mut self, max: u64) -> String {
        let rest: Vec<char> = ('!'..='~').collect();
        let first: Vec<char> = ('0'..='9').chain('A'..='Z').chain('a'..='z').collect();
        let mut text = String::from(self.of(&first));
        if max > 1 {
            text.push_str(&self.text(&rest, max - 1));
        }
        text
    }

    /// A time from 2000-01-02 to 2099-12-28 with any offset of whole minutes.
    fn moment(&mut self) -> DateTime<FixedOffset> {
        let begin = time::from_text("2000-01-02T00:00:00+00:00").expect("a time");
        let end = time::from_text("2099-12-28T23:59:59+00:00").expect("a time");
        let span = (end - begin).num_seconds() as u64;
        let offset = self.below(2 * 1439 + 1) as i32 - 1439;
        let zone = FixedOffset::east_opt(offset * 60).expect("less than a day");
        (begin + Duration::seconds(self.below(span) as i64)).with_timezone(&zone)
    }

    /// Volumes and numbers at the edges of their octet lengths as well as between them; below 2^52, so that
    /// the sum of a file fits.
    fn volume(&mut self) -> u64 {
        let edge = 1u64 << self.below(52);
        self.of(&[0, edge - 1, edge, edge + 1])
    }

    fn external_id(&mut self) -> String {
        let common: Vec<char> = ('a'..='z').chain("ABC0123-/ ".chars()).collect();
        let awkward: Vec<char> = "\",';=+-@|\u{20ac}\u{e9}\u{4e2d}\u{1f4e6}\u{2028} \\x".chars().collect();
        match self.below(3) {
            0 => self.text(&common, 40),
            1 => self.text(&awkward, 40),
            _ => self.text(&awkward, 255),
        }
    }
}

fn record(seq: u64, tenant: &str, draw: &mut Draw) -> Record {
    let subscriber_type = draw.of(SubscriberType::ALL);
    let digits: Vec<char> = ('0'..='9').collect();
    Record {
        seq,
        record_id: draw.uuid(),
        record_type: draw.of(RecordType::ALL),
        event_time: draw.moment(),
        record_time: draw.moment(),
        node_id: format!("node-{}", draw.below(99)),
        tenant: tenant.to_owned(),
        subscriber_type,
        subscriber: match subscriber_type {
            SubscriberType::E164 | SubscriberType::Imsi => draw.text(&digits, 15),
            _ => draw.identifier(128),
        },
        application: draw.identifier(64),
        version: draw.identifier(32),
        previous_version: draw.maybe(|d| d.identifier(32)),
        instance_id: draw.uuid(),
        duration_s: draw.maybe(|d| d.of(&[0, 1, 127, 128, 65_535, u32::MAX])),
        result: draw.of(ResultCode::ALL),
        cause: draw.maybe(|d| d.below(65_536) as u16),
        backup_id: draw.maybe(Draw::uuid),
        volume_octets: draw.maybe(Draw::volume),
        corrects: draw.maybe(Draw::uuid),
        plan: draw.maybe(|d| d.identifier(64)),
        previous_plan: draw.maybe(|d| d.identifier(64)),
        order_id: draw.maybe(Draw::uuid),
        external_order_id: draw.maybe(Draw::external_id),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, directory, count] = arguments.as_slice() else {
        return Err("usage: sample_files DIRECTORY COUNT".into());
    };
    let (directory, count) = (Path::new(directory), count.parse::<u64>()?);
    std::fs::create_dir_all(directory)?;
    // One stream ends at the largest record number that any format can carry.
    let half = count / 2;
    for (stream, first_seq, wanted) in [("small", 1, count - half), ("large", MAX_INTEGER - half + 1, half)] {
        let mut draw = Draw(first_seq);
        for (file, begin) in (0..wanted).step_by(PER_FILE as usize).enumerate() {
            let records: Vec<Record> = (begin..wanted.min(begin + PER_FILE))
                .map(|at| record(first_seq + at, stream, &mut draw))
                .collect();
            let at = draw.moment();
            let info = FileInfo {
                node_id: "sample".to_owned(),
                recipient: "checkers".to_owned(),
                file_seq: file as u32 + 1,
                test: stream == "large",
                period_start: at,
                period_end: at + Duration::days(1),
                opened_at: at,
                closed_at: at + Duration::days(1),
                tenant: stream.to_owned(),
                close_reason: draw.of(&[0, 1, 2, 3, 4, 5, 128, 129, 130, 131]),
            };
            let name = |extension| directory.join(format!("{stream}.{}", info.default_name(extension)));
            std::fs::write(name("csv"), csv_format::encode(&info, &records)?)?;
            std::fs::write(name("cdr"), raw::encode_raw(&records)?)?;
        }
    }
    Ok(())
}
