//! Every shape of a record in every layout: what is read is what was written, and comes back to the same octets.

use telvisor_sdr::decode::decode;
use telvisor_sdr::record::MAX_INTEGER;
use telvisor_sdr::ts32297::Settings;
use telvisor_sdr::{FileInfo, Layout, Record, csv_format, raw};

use crate::generate::{Draw, SHAPES};

const PER_FILE: u64 = 512;

/// All shapes once; as many as in `make test-long` of the other readers when the full counts are asked for.
fn count() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a test is told by its environment how long it may take")]
    let full = std::env::var_os("TELVISOR_TEST_FULL").is_some();
    if full { 100_000 } else { SHAPES }
}

#[test]
fn every_shape_comes_back_from_every_layout_to_the_same_octets() {
    let mut draw = Draw(7);
    let mut seen = std::collections::BTreeSet::new();
    for (file, begin) in (0..count()).step_by(PER_FILE as usize).enumerate() {
        let first = if file % 2 == 0 { begin + 1 } else { MAX_INTEGER - PER_FILE + 1 };
        let records = draw.records(begin, first, PER_FILE, "t", file % 3 == 0);
        seen.extend(records.iter().map(shape));
        let info = draw.info("t", file as u32 + 1, file % 2 == 1);
        identity(&info, &records);
        for layout in [
            Layout::Ts32297(Settings { node_address: "2001:db8::7".parse().expect("sound"), ts_number: 7 }),
            Layout::Batch { rejected: None },
        ] {
            let octets = layout.encode(&info, &records).expect("sound");
            let read = decode(&octets).expect("sound");
            assert!(read.records == records, "{layout:?}, file {file}");
            assert_eq!(read.file_seq(), Some(info.file_seq));
            assert!(layout.encode(&info, &read.records).expect("sound") == octets, "{layout:?}, file {file}");
        }
    }
    assert_eq!(seen.len() as u64, SHAPES, "shapes");
}

/// ASN.1 to CSV to ASN.1, and CSV to ASN.1 to CSV.
fn identity(info: &FileInfo, records: &[Record]) {
    let asn1 = raw::encode_raw(records).expect("sound");
    let from_asn1 = raw::decode_raw(&asn1).expect("sound");
    let csv = csv_format::encode(info, &from_asn1).expect("sound");
    let from_csv = csv_format::parse(&csv).expect("sound");
    assert!(from_asn1 == records && from_csv.records == records && from_csv.info == *info);
    assert!(raw::encode_raw(&from_csv.records).expect("sound") == asn1);
    let again = raw::decode_raw(&asn1).expect("sound");
    assert!(csv_format::encode(&from_csv.info, &again).expect("sound") == csv);
}

/// Type, and which of the optional members are there.
fn shape(r: &Record) -> (u16, [bool; 10]) {
    let there = [
        r.previous_version.is_some(),
        r.duration_s.is_some(),
        r.cause.is_some(),
        r.backup_id.is_some(),
        r.volume_octets.is_some(),
        r.corrects.is_some(),
        r.plan.is_some(),
        r.previous_plan.is_some(),
        r.order_id.is_some(),
        r.external_order_id.is_some(),
    ];
    (r.record_type.code(), there)
}
