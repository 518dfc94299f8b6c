//! Writes a record as DER by `docs/SDR-DataTypes.asn1`: definite lengths in their shortest form, fields by ascending tag.
//!
//! By hand, straight from the record into the file: the library that reads ([`crate::ber`]) would first want its own copy
//! of every text, and takes three times as long. That the octets are right is what two decoders of other makes say of
//! every shape of a record (`tests/py`).

use uuid::Uuid;

use crate::record::{FieldError, Record};
use crate::time;

/// A class of context-specific tags, primitive and constructed.
const PRIMITIVE: u8 = 0x80;
const CONSTRUCTED: u8 = 0xa0;

/// Appends the record.
pub fn write_record(r: &Record, out: &mut Vec<u8>) -> Result<(), FieldError> {
    r.validate()?;
    constructed(r.record_type.choice(), out, |out| {
        integer(0, u64::from(r.record_type.code()), out);
        octets(1, r.record_id.as_bytes(), out);
        integer(2, r.seq, out);
        octets(3, r.node_id.as_bytes(), out);
        octets(4, r.tenant.as_bytes(), out);
        constructed(5, out, |out| {
            integer(0, u64::from(r.subscriber_type.code()), out);
            octets(1, r.subscriber.as_bytes(), out);
        });
        octets(6, r.application.as_bytes(), out);
        octets(7, r.version.as_bytes(), out);
        text(8, &r.previous_version, out);
        octets(9, r.instance_id.as_bytes(), out);
        octets(10, &time::to_bcd(&r.event_time), out);
        octets(11, &time::to_bcd(&r.record_time), out);
        number(12, r.duration_s, out);
        integer(13, u64::from(r.result.code()), out);
        id(14, r.backup_id, out);
        number(15, r.volume_octets, out);
        number(16, r.cause, out);
        id(17, r.corrects, out);
        text(18, &r.plan, out);
        text(19, &r.previous_plan, out);
        id(20, r.order_id, out);
        text(21, &r.external_order_id, out);
    });
    Ok(())
}

/// A value of values, which `content` appends.
fn constructed(tag: u8, out: &mut Vec<u8>, content: impl FnOnce(&mut Vec<u8>)) {
    out.push(CONSTRUCTED | tag);
    let length_at = out.len();
    out.push(0);
    content(out);
    let length = out.len() - length_at - 1;
    if let Ok(short) = u8::try_from(length)
        && short < 128
    {
        out[length_at] = short;
        return;
    }
    let (form, used) = long_form(length as u64);
    out.splice(length_at..=length_at, form[..used].iter().copied());
}

fn octets(tag: u8, value: &[u8], out: &mut Vec<u8>) {
    out.push(PRIMITIVE | tag);
    write_length(value.len() as u64, out);
    out.extend_from_slice(value);
}

/// INTEGER and ENUMERATED, below 2^63.
fn integer(tag: u8, value: u64, out: &mut Vec<u8>) {
    // One bit more than the number has: the sign.
    let used = (64 - value.leading_zeros() as usize) / 8 + 1;
    out.extend([PRIMITIVE | tag, used as u8]);
    out.extend_from_slice(&value.to_be_bytes()[8 - used..]);
}

fn text(tag: u8, value: &Option<String>, out: &mut Vec<u8>) {
    if let Some(value) = value {
        octets(tag, value.as_bytes(), out);
    }
}

fn id(tag: u8, value: Option<Uuid>, out: &mut Vec<u8>) {
    if let Some(value) = value {
        octets(tag, value.as_bytes(), out);
    }
}

fn number(tag: u8, value: Option<impl Into<u64>>, out: &mut Vec<u8>) {
    if let Some(value) = value {
        integer(tag, value.into(), out);
    }
}

/// Appends a definite length in its shortest form.
pub(crate) fn write_length(length: u64, out: &mut Vec<u8>) {
    if length < 128 {
        out.push(length as u8);
        return;
    }
    let (form, used) = long_form(length);
    out.extend_from_slice(&form[..used]);
}

/// A length of 128 and above, and how many octets of the answer it takes.
fn long_form(length: u64) -> ([u8; 9], usize) {
    let used = 8 - length.leading_zeros() as usize / 8;
    let mut form = [0; 9];
    form[0] = 0x80 | used as u8;
    form[1..=used].copy_from_slice(&length.to_be_bytes()[8 - used..]);
    (form, used + 1)
}
