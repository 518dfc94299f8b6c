//! Properties over generated records: every format carries everything, and nothing panics.

use crate::samples::{full, info, minimal};
use chrono::{DateTime, FixedOffset, TimeZone};
use proptest::prelude::*;
use proptest::sample::select;
use telvisor_sdr::record::MAX_INTEGER;
use telvisor_sdr::{Record, RecordType, ResultCode, SubscriberType, csv_format, decode, raw};
use uuid::Uuid;

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn moment() -> impl Strategy<Value = DateTime<FixedOffset>> {
    // From 2000-01-02 to 2099-12-30, so that every offset stays within the years.
    (946_771_200i64..4_102_272_000, -1439i32..=1439).prop_map(|(seconds, minutes)| {
        let zone = FixedOffset::east_opt(minutes * 60).expect("less than a day");
        zone.timestamp_opt(seconds, 0).single().expect("an instant has one time in a fixed offset")
    })
}

fn subscriber() -> impl Strategy<Value = (SubscriberType, String)> {
    select(SubscriberType::ALL).prop_flat_map(|kind| {
        let text = match kind {
            SubscriberType::E164 | SubscriberType::Imsi => "[0-9]{1,15}",
            _ => "[A-Za-z0-9][!-~]{0,127}",
        };
        (Just(kind), text)
    })
}

fn volume() -> impl Strategy<Value = u64> {
    // At most eight records in a file: their sum fits.
    prop_oneof![0..=MAX_INTEGER / 8, select(vec![0, 127, 128, 255, 256, 1 << 31, 1 << 32])]
}

prop_compose! {
    fn record()(
        (record_id, instance_id) in (uuid(), uuid()),
        (record_type, result) in (select(RecordType::ALL), select(ResultCode::ALL)),
        (event_time, record_time) in (moment(), moment()),
        node_id in "[A-Za-z0-9][A-Za-z0-9._-]{0,19}",
        (subscriber_type, subscriber) in subscriber(),
        application in "[A-Za-z0-9][!-~]{0,63}",
        (version, previous_version) in ("[A-Za-z0-9][!-~]{0,31}", prop::option::of("[A-Za-z0-9][!-~]{0,31}")),
        (plan, previous_plan) in (
            prop::option::of("[A-Za-z0-9][!-~]{0,63}"),
            prop::option::of("[A-Za-z0-9][!-~]{0,63}"),
        ),
        (duration_s, cause, volume_octets) in (any::<Option<u32>>(), any::<Option<u16>>(), prop::option::of(volume())),
        (backup_id, corrects, order_id) in (
            prop::option::of(uuid()),
            prop::option::of(uuid()),
            prop::option::of(uuid()),
        ),
        external_order_id in prop::option::of("\\PC{1,255}"),
    ) -> Record {
        Record {
            seq: 1, record_id, record_type, event_time, record_time, node_id, tenant: "t".to_owned(),
            subscriber_type, subscriber, application, version, previous_version, instance_id, duration_s,
            result, cause, backup_id, volume_octets, corrects, plan, previous_plan, order_id,
            external_order_id,
        }
    }
}

/// Up to eight records with consecutive numbers, up to the largest number.
fn records() -> impl Strategy<Value = Vec<Record>> {
    let first =
        prop_oneof![1..=MAX_INTEGER - 8, Just(1), Just(MAX_INTEGER - 7), 120..130u64, 32_760..32_770u64];
    (first, prop::collection::vec(record(), 0..8)).prop_map(|(first, mut records)| {
        for (at, record) in records.iter_mut().enumerate() {
            record.seq = first + at as u64;
        }
        records
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn asn1_to_csv_and_back_is_the_identity(records in records()) {
        let first = raw::encode_raw(&records).unwrap();
        let from_asn1 = raw::decode_raw(&first).unwrap();
        prop_assert_eq!(&from_asn1, &records);
        let csv = csv_format::encode(&info(), &from_asn1).unwrap();
        let from_csv = csv_format::parse(&csv).unwrap();
        prop_assert_eq!(&from_csv.records, &records);
        prop_assert_eq!(from_csv.info, info());
        prop_assert_eq!(raw::encode_raw(&from_csv.records).unwrap(), first);
        prop_assert_eq!(csv_format::encode(&info(), &from_csv.records).unwrap(), csv);
    }

    #[test]
    fn json_brings_back_the_record(record in record()) {
        let json = serde_json::to_string(&record).unwrap();
        prop_assert_eq!(serde_json::from_str::<Record>(&json).unwrap(), record);
    }

    /// A damaged file is refused or read as sound records; it never panics.
    #[test]
    fn damage_never_panics(
        csv: bool,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..6),
    ) {
        let mut second = full();
        (second.seq, second.tenant) = (2, "t".to_owned());
        let records = [minimal(), second];
        let mut file = if csv {
            csv_format::encode(&info(), &records).unwrap()
        } else {
            raw::encode_raw(&records).unwrap()
        };
        for (at, octet, kind) in changes {
            let at = at.index(file.len());
            match kind {
                0 => file[at] = octet,
                1 => file.insert(at, octet),
                _ => { file.remove(at); }
            }
        }
        if let Ok(read) = decode::decode(&file) {
            for record in &read.records {
                prop_assert_eq!(record.validate(), Ok(()));
            }
            decode::to_table(&read);
            decode::to_json(&read);
        }
    }

    #[test]
    fn noise_never_panics(first in prop_oneof![Just(b'H'), 0xa0..0xc0u8], mut noise: Vec<u8>) {
        noise.insert(0, first);
        if first == b'H' { noise.insert(1, b','); }
        let _ = decode::decode(&noise);
    }
}
