//! The ASN.1 encoding: vectors computed by hand from the module, and every refusal.

use crate::samples::{at, full, minimal};
use telvisor_sdr::ber::{BerError, decode_record, encode_record};
use telvisor_sdr::raw::{decode_raw, encode_raw};

/// Octets of hexadecimal text; blanks are for the reader.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hexadecimal"))
        .collect()
}

const MINIMAL: &str = "
    a158
    8002 03e9
    8110 000102030405060708090a0b0c0d0e0f
    8201 01
    8301 6e
    8401 74
    a506 8001 04 8101 63
    8601 61
    8701 31
    8910 101112131415161718191a1b1c1d1e1f
    8a09 261123 081542 2b 0200
    8b09 261123 061543 2b 0000
    8d01 00";

const FULL: &str = "
    a681e6
    8002 03ee
    8110 202122232425262728292a2b2c2d2e2f
    8208 7fffffffffffffff
    8308 74656c7669736f72
    8407 64656661756c74
    a510 8001 00 810b 3430373231353535303030
    8603 63726d
    8703 322e30
    8803 312e39
    8910 303132333435363738393a3b3c3d3e3f
    8a09 240229 235959 2d 0330
    8b09 240301 032959 2b 0000
    8c05 00ffffffff
    8d01 02
    8e10 404142434445464748494a4b4c4d4e4f
    8f08 7fffffffffffffff
    9003 00ffff
    9110 505152535455565758595a5b5c5d5e5f
    9205 6c61726765
    9305 736d616c6c
    9410 606162636465666768696a6b6c6d6e6f
    950b 504f202237222c20e282ac";

/// The minimal record's fields, one each.
fn fields() -> Vec<Vec<u8>> {
    MINIMAL.lines().skip(2).map(hex).collect()
}

/// A record of the given fields in the alternative of the tag.
fn record_of(tag: u8, fields: &[Vec<u8>]) -> Vec<u8> {
    let body = fields.concat();
    assert!(body.len() < 256);
    [&[tag, 0x81, body.len() as u8], body.as_slice()].concat()
}

/// The minimal record with one field replaced.
fn with(position: usize, field: &str) -> Vec<u8> {
    let mut fields = fields();
    fields[position] = hex(field);
    record_of(0xa1, &fields)
}

fn refused(octets: &[u8]) -> BerError {
    decode_record(octets).expect_err("must be refused")
}

#[test]
fn writes_and_reads_the_vectors() {
    for (vector, record) in [(MINIMAL, minimal()), (FULL, full())] {
        let octets = hex(vector);
        assert_eq!(encode_record(&record).unwrap(), octets);
        assert_eq!(decode_record(&octets).unwrap(), (record, octets.len()));
    }
}

#[test]
fn the_alternative_follows_the_type() {
    for kind in telvisor_sdr::RecordType::ALL {
        let mut record = minimal();
        record.record_type = *kind;
        let octets = encode_record(&record).unwrap();
        assert_eq!(octets[0], 0xa0 + kind.choice());
        assert_eq!(u16::from_be_bytes([octets[4], octets[5]]), kind.code());
        assert_eq!(decode_record(&octets).unwrap().0, record);
    }
}

#[test]
fn raw_is_one_behind_the_other() {
    let file = encode_raw(&[minimal(), full()]).unwrap();
    assert_eq!(file, [hex(MINIMAL), hex(FULL)].concat());
    assert_eq!(decode_raw(&file).unwrap(), [minimal(), full()]);
    assert_eq!(decode_raw(&[]).unwrap(), []);
}

#[test]
fn raw_names_where_the_fault_is() {
    let mut file = [hex(MINIMAL), hex(FULL)].concat();
    let second = hex(MINIMAL).len();
    let whole = file.len();
    for length in (1..second).chain(second + 1..whole) {
        let fault = decode_raw(&file[..length]).expect_err("cut off");
        let expected = if length < second { (1, 0) } else { (2, second) };
        assert_eq!((fault.index, fault.offset), expected, "cut at {length}");
    }
    for trailing in [&[0u8][..], &[0, 0], b"\n", b"T,1"] {
        file.truncate(whole);
        file.extend_from_slice(trailing);
        let fault = decode_raw(&file).expect_err("trailing octets");
        assert_eq!((fault.index, fault.offset), (3, whole), "{trailing:?}");
    }
    let mut bad = full();
    bad.node_id.clear();
    let fault = encode_raw(&[minimal(), bad]).expect_err("no node");
    assert_eq!((fault.index, fault.offset), (2, second));
    assert!(fault.to_string().contains("nodeId"), "{fault}");
}

#[test]
fn an_outer_length_too_large_by_one_is_refused() {
    let mut octets = hex(MINIMAL);
    octets[1] += 1;
    refused(&octets);
    // Followed by another record, whose first octet it would swallow.
    octets.extend(hex(FULL));
    refused(&octets);
    let mut short = hex(MINIMAL);
    short[1] -= 1;
    refused(&short);
}

#[test]
fn an_unknown_alternative_is_refused() {
    for tag in [0xa0, 0xa7, 0xa9, 0xbe, 0x81, 0x30, 0x61, 0xe1, 0x00] {
        refused(&record_of(tag, &fields()));
    }
}

#[test]
fn the_type_inside_must_be_that_outside() {
    let error = refused(&record_of(0xa2, &fields()));
    assert_eq!(error, BerError::Type { choice: 1002, got: 1001 });
    refused(&with(0, "8002 03f0"));
}

#[test]
fn a_missing_mandatory_field_is_refused() {
    for position in 0..fields().len() {
        let mut fields = fields();
        fields.remove(position);
        refused(&record_of(0xa1, &fields));
    }
}

#[test]
fn a_field_out_of_its_place_is_refused() {
    let plan = hex("9201 70");
    for position in 0..fields().len() {
        let mut swapped = fields();
        if position + 1 < swapped.len() {
            swapped.swap(position, position + 1);
            refused(&record_of(0xa1, &swapped));
        }
        let mut doubled = fields();
        doubled.insert(position, doubled[position].clone());
        refused(&record_of(0xa1, &doubled));
        let mut early = fields();
        early.insert(position, plan.clone());
        refused(&record_of(0xa1, &early));
    }
    let twice = [fields(), vec![plan.clone(), plan.clone()]].concat();
    refused(&record_of(0xa1, &twice));
    let late = [fields(), vec![plan, hex("8801 30")]].concat();
    refused(&record_of(0xa1, &late));
}

#[test]
fn sizes_and_ranges_are_checked() {
    for (position, field, what) in [
        (1, "810f 000102030405060708090a0b0c0d0e", "recordId of 15 octets"),
        (1, "8111 000102030405060708090a0b0c0d0e0f10", "recordId of 17 octets"),
        (2, "8201 00", "number 0"),
        (2, "8201 ff", "number -1"),
        (2, "8209 008000000000000000", "number 2^63"),
        (3, "8300", "nodeId of no character"),
        (3, "8315 6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e", "nodeId of 21 characters"),
        (3, "8301 e9", "nodeId that is not IA5"),
        (4, "8402 c328", "tenant that is not UTF-8"),
        (4, "8400", "empty tenant"),
        (4, "8401 3d", "tenant that begins with ="),
        (5, "a506 8001 05 8101 63", "subscriber type 5"),
        (5, "a506 8001 ff 8101 63", "subscriber type -1"),
        (5, "a503 8001 04", "subscriber without data"),
        (5, "a503 8101 63", "subscriber without type"),
        (5, "a509 8001 04 8101 63 8201 00", "subscriber with a third member"),
        (5, "a509 8001 04 8101 63 8101 64", "subscriber with two data"),
        (9, "8a08 261123 081542 2b 02", "time of eight octets"),
        (9, "8a0a 261123 081542 2b 0200 00", "time of ten octets"),
        (9, "8a09 261323 081542 2b 0200", "month 13"),
        (9, "8a09 260229 081542 2b 0200", "leap day of a common year"),
        (9, "8a09 261123 241542 2b 0200", "hour 24"),
        (9, "8a09 261123 081560 2b 0200", "second 60"),
        (9, "8a09 2611a3 081542 2b 0200", "digit above nine"),
        (9, "8a09 261123 081542 00 0200", "no sign"),
        (9, "8a09 261123 081542 2d 0000", "minus zero"),
        (9, "8a09 261123 081542 2b 0260", "offset of 60 minutes"),
        (9, "8a09 261123 081542 2b 2400", "offset of a day"),
        (11, "8d01 03", "result 3"),
        (11, "8d01 ff", "result -1"),
        (11, "8d01 00 8c01 01", "duration behind the result"),
        (10, "8b09 261123 061543 2b 0000 8c05 0100000000", "duration of 2^32"),
        (10, "8b09 261123 061543 2b 0000 8c01 ff", "duration -1"),
        (11, "8d01 00 8f09 008000000000000000", "volume of 2^63"),
        (11, "8d01 00 8f01 ff", "volume -1"),
        (11, "8d01 00 9003 010000", "cause of 65536"),
        (11, "8d01 00 950141 950142", "two external numbers"),
        (11, "8d01 00 9501 0a", "external number with a line feed"),
        (11, "8d01 00 9500", "empty external number"),
    ] {
        // Each is right but for this one field.
        assert!(decode_record(&with(position, field)).is_err(), "{what} was accepted");
    }
}

#[test]
fn the_largest_values_are_accepted() {
    for (position, field) in [
        (2, "8208 7fffffffffffffff"),
        (3, "8314 6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e"),
        (11, "8d01 00 8f08 7fffffffffffffff"),
        (11, "8d01 00 9003 00ffff"),
    ] {
        decode_record(&with(position, field)).unwrap();
    }
}

#[test]
fn legal_ber_that_is_not_der_is_accepted() {
    let plain = fields().concat();
    let trailer = hex(FULL);
    for (what, octets) in [
        ("length in more octets than needed", [&hex("a18200 58")[..], &plain].concat()),
        ("indefinite length", [&hex("a180")[..], &plain, &hex("0000")].concat()),
        ("members of the SET the other way round", with(5, "a506 8101 63 8001 04")),
        ("text in pieces", with(4, "a403 0401 74")),
        ("indefinite length inside", with(5, "a580 8001 04 8101 63 0000")),
    ] {
        let length = octets.len();
        assert_eq!(decode_record(&octets).unwrap(), (minimal(), length), "{what}");
        // The next record begins right behind it.
        let both = decode_raw(&[octets, trailer.clone()].concat()).unwrap();
        assert_eq!(both, [minimal(), full()], "{what}");
    }
    refused(&[&hex("a180")[..], &plain].concat());
    refused(&[&hex("a180")[..], &plain, &hex("00")].concat());
}

#[test]
fn fields_of_a_later_version_are_skipped() {
    for later in
        ["9601 00", "9e03 010203", "be05 3003 020101", "9f2101 07", "9601 00 9e01 00", "be80 0500 0000"]
    {
        let octets = record_of(0xa1, &[fields(), vec![hex(later)]].concat());
        assert_eq!(decode_record(&octets).unwrap(), (minimal(), octets.len()), "{later}");
        let open = [&hex("a180")[..], &fields().concat(), &hex(later), &hex("0000")].concat();
        assert_eq!(decode_record(&open).unwrap(), (minimal(), open.len()), "{later}");
    }
    // What is no field of a later version: another class, a known tag, something cut off.
    for other in ["0101ff", "5601 00", "d601 00", "8001 00", "8b01 00", "9601", "9e03 0102"] {
        refused(&record_of(0xa1, &[fields(), vec![hex(other)]].concat()));
    }
}

#[test]
fn a_record_that_cannot_be_carried_is_not_encoded() {
    let mut record = minimal();
    record.event_time = at("2026-11-23T08:15:42+02:00") + chrono::Duration::milliseconds(1);
    assert!(encode_record(&record).expect_err("a fraction").to_string().starts_with("eventTime"));
}
