//! What every reader of files must keep to, whatever is in the file.

use sha2::{Digest as _, Sha256};
use telvisor_sdr::decode::{Decoded, Format, decode, to_json, to_table};
use telvisor_sdr::{csv_format, raw};

/// Octets of the shortest record in ASN.1, at least.
const SHORTEST: usize = 64;

/// Reads a file, and once more with lengths and digests put right, since a change in it would hardly get past them.
/// True if it was read as one of ours.
///
/// # Panics
/// When a rule is broken: that is what is looked for.
pub fn file(octets: &[u8]) -> bool {
    let as_it_is = read(octets);
    mended(octets).map_or(as_it_is, |mended| read(&mended) | as_it_is)
}

fn read(octets: &[u8]) -> bool {
    match decode(octets) {
        Ok(read) => sound(octets, &read),
        Err(error) => {
            // What is told of a fault shows a cell at most, each octet of it escaped.
            let told = error.to_string();
            assert!(
                told.len() <= 16 * octets.len() + 2048,
                "{} octets are told of {}",
                told.len(),
                octets.len()
            );
            return false;
        }
    }
    true
}

/// What was read can be written, and is read as the same.
fn sound(octets: &[u8], read: &Decoded) {
    assert!(read.records.len() * SHORTEST <= octets.len(), "{} records", read.records.len());
    for record in &read.records {
        assert_eq!(record.validate(), Ok(()));
    }
    to_table(read);
    to_json(read);
    if read.format == Format::Csv {
        let info = read.info.as_ref().expect("a CSV file says what it is");
        let again = csv_format::encode(info, &read.records).expect("it was read");
        // Only quotes that are not needed may be gone.
        assert!(again.len() <= octets.len(), "longer than it was");
        let again = csv_format::parse(&again).expect("it was written");
        assert!(again.records == read.records && again.info == *info, "other records");
        return;
    }
    let again = raw::encode_raw(&read.records).expect("they were read");
    assert!(raw::decode_raw(&again).expect("it was written") == read.records, "other records");
}

/// The file with the length and the digest that its header or its last row should have.
fn mended(octets: &[u8]) -> Option<Vec<u8>> {
    match octets.first()? {
        b'H' => {
            let last = octets.windows(4).rposition(|w| w == b"\r\nT,")? + 2;
            let row = octets[last..].strip_suffix(b"\r\n")?;
            let mut cells: Vec<&[u8]> = row.split(|c| *c == b',').collect();
            let digest = hex(&Sha256::digest(&octets[..last]));
            *cells.get_mut(15)? = digest.as_bytes();
            Some([&octets[..last], &cells.join(&b","[..]), b"\r\n"].concat())
        }
        0..=0x40 => {
            let mut mended = octets.to_vec();
            let length = u32::try_from(mended.len()).ok()?;
            mended.get_mut(..4)?.copy_from_slice(&length.to_be_bytes());
            let header = u32::from_be_bytes(mended.get(4..8)?.try_into().ok()?) as usize;
            let digest = Sha256::digest(mended.get(header..)?);
            // Behind the magic, where the header is ours.
            if mended.get(52..56) == Some(b"SDR1") {
                mended.get_mut(80..112)?.copy_from_slice(&digest);
            }
            Some(mended)
        }
        _ => None,
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
