//! Records, files and templates of every shape, by a seed: the same seed gives the same ones for ever.

use chrono::{DateTime, Duration, FixedOffset};
use telvisor_sdr::file::{CLOSE_REASONS, FileInfo};
use telvisor_sdr::record::MAX_INTEGER;
use telvisor_sdr::{Record, RecordType, ResultCode, SubscriberType, time};
use uuid::Uuid;

/// Shapes of a record: six types, and each of the ten optional members there or not.
pub const SHAPES: u64 = 6 << 10;

/// A sequence of numbers that look random and are the same in every run (the SplitMix64 generator).
pub struct Draw(pub u64);

impl Draw {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// One of the values, each as likely as the others.
    pub fn of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len() as u64) as usize]
    }

    fn uuid(&mut self) -> Uuid {
        match self.below(32) {
            0 => Uuid::nil(),
            1 => Uuid::max(),
            _ => Uuid::from_u64_pair(self.next(), self.next()),
        }
    }

    /// As many characters of the alphabet as any length allows; the shortest and the longest most often.
    fn text(&mut self, first: &[char], rest: &[char], max: u64) -> String {
        let length = match self.below(6) {
            0 => 1,
            1 => max,
            _ => 1 + self.below(max),
        };
        (0..length).map(|at| if at == 0 { self.of(first) } else { self.of(rest) }).collect()
    }

    fn identifier(&mut self, max: u64) -> String {
        let first: Vec<char> = ('0'..='9').chain('A'..='Z').chain('a'..='z').collect();
        self.text(&first, &('!'..='~').collect::<Vec<_>>(), max)
    }

    fn node(&mut self) -> String {
        let first: Vec<char> = ('0'..='9').chain('A'..='Z').chain('a'..='z').collect();
        let rest: Vec<char> = first.iter().copied().chain("._-".chars()).collect();
        self.text(&first, &rest, 20)
    }

    /// A time of 2000 to 2099 with any offset of whole minutes, the ends of both most often.
    fn moment(&mut self) -> DateTime<FixedOffset> {
        let offset = match self.below(4) {
            0 => 0,
            1 => self.of(&[-1439i64, 1439]),
            _ => self.below(2 * 1439 + 1) as i64 - 1439,
        };
        let zone = FixedOffset::east_opt(offset as i32 * 60).expect("less than a day");
        let local = match self.below(8) {
            0 => "2000-01-01T00:00:00+00:00",
            1 => "2099-12-31T23:59:59+00:00",
            2 => "2024-02-29T23:59:59+00:00",
            _ => "",
        };
        let begin = time::from_text("2000-01-01T00:00:00+00:00").expect("a time");
        let utc = match time::from_text(local) {
            Ok(at) => at,
            Err(_) => begin + Duration::seconds(self.below(36_524 * 86_400) as i64),
        };
        // The same reading of the clock, in the zone.
        (utc - Duration::minutes(offset)).with_timezone(&zone)
    }

    /// At the edges of their octet lengths as well as between them, below `2^bits`.
    fn number(&mut self, bits: u32) -> u64 {
        let edge = 1u64 << self.below(u64::from(bits));
        let most = (1u64 << bits) - 1;
        self.of(&[0, edge - 1, edge, (edge + 1).min(most), most])
    }

    fn external_id(&mut self) -> String {
        let common: Vec<char> = ('a'..='z').chain("ABC0123-/ ".chars()).collect();
        let awkward: Vec<char> =
            "\",';=+-@|\u{20ac}\u{e9}\u{4e2d}\u{1f4e6}\u{2028}\u{feff}\u{10ffff} \\x".chars().collect();
        let alphabet = if self.below(3) == 0 { common } else { awkward };
        self.text(&alphabet, &alphabet, 255)
    }

    /// A record of the `shape`, one of [`SHAPES`]. Its volume is below 2^52, so that the sum of a file fits.
    pub fn record(&mut self, shape: u64, seq: u64, tenant: &str) -> Record {
        let mut left = shape / 6;
        let mut has = || {
            let there = left & 1 == 1;
            left >>= 1;
            there
        };
        let subscriber_type = self.of(SubscriberType::ALL);
        let digits: Vec<char> = ('0'..='9').collect();
        Record {
            seq,
            record_id: self.uuid(),
            record_type: RecordType::ALL[(shape % 6) as usize],
            event_time: self.moment(),
            record_time: self.moment(),
            node_id: self.node(),
            tenant: tenant.to_owned(),
            subscriber_type,
            subscriber: match subscriber_type {
                SubscriberType::E164 | SubscriberType::Imsi => self.text(&digits, &digits, 15),
                _ => self.identifier(128),
            },
            application: self.identifier(64),
            version: self.identifier(32),
            previous_version: has().then(|| self.identifier(32)),
            instance_id: self.uuid(),
            duration_s: has().then(|| self.number(32) as u32),
            result: self.of(ResultCode::ALL),
            cause: has().then(|| self.number(16) as u16),
            backup_id: has().then(|| self.uuid()),
            volume_octets: has().then(|| self.number(52)),
            corrects: has().then(|| self.uuid()),
            plan: has().then(|| self.identifier(64)),
            previous_plan: has().then(|| self.identifier(64)),
            order_id: has().then(|| self.uuid()),
            external_order_id: has().then(|| self.external_id()),
        }
    }

    /// So many records with consecutive numbers, whose shapes are those after the `shape`; in a file that fills the
    /// sum of volumes, the first record has what is left to the largest sum, where it has a volume.
    pub fn records(&mut self, shape: u64, first: u64, count: u64, tenant: &str, fill: bool) -> Vec<Record> {
        // Steps of a number that has no divisor in common with that of shapes: few records differ much, and many
        // are of every shape.
        let shape = |at: u64| (shape + at).wrapping_mul(2503) % SHAPES;
        let mut records: Vec<Record> =
            (0..count).map(|at| self.record(shape(at), first + at, tenant)).collect();
        let sum: u64 = records.iter().skip(1).filter_map(|r| r.volume_octets).sum();
        if let Some(record) = records.first_mut().filter(|r| fill && r.volume_octets.is_some()) {
            record.volume_octets = Some(MAX_INTEGER - sum);
        }
        records
    }

    pub fn info(&mut self, tenant: &str, file_seq: u32, test: bool) -> FileInfo {
        let (a, b, c, d) = (self.moment(), self.moment(), self.moment(), self.moment());
        FileInfo {
            node_id: self.node(),
            recipient: self.identifier(20),
            file_seq,
            test,
            period_start: a.min(b),
            period_end: a.max(b),
            opened_at: c,
            closed_at: d,
            tenant: tenant.to_owned(),
            close_reason: self.of(&CLOSE_REASONS).0,
        }
    }
}
