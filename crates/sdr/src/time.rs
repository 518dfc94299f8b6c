//! The two spellings of a time: ISO 8601 text in CSV and JSON, nine octets in ASN.1.

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, TimeZone, Timelike};

/// Octets of `TimeStamp`: BCD `YY MM DD hh mm ss`, the sign in ASCII, BCD `hh mm` of the offset.
pub type Bcd = [u8; 9];

/// A time that `TimeStamp` cannot carry, or text or octets that are no time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// `TimeStamp` has two digits of the year.
    #[error("has a year outside 2000 to 2099")]
    Year,
    #[error("has a fraction of a second or is a leap second")]
    Fraction,
    #[error("has an offset from UTC that is not of whole minutes")]
    Offset,
    #[error("is not a time written like 2026-11-23T08:15:42+00:00")]
    Text,
    #[error("is not a time of nine octets (BCD, sign in ASCII)")]
    Octets,
}

/// Checks that both spellings can carry the time.
pub fn check(at: &DateTime<FixedOffset>) -> Result<(), TimeError> {
    let local = at.naive_local();
    if !(2000..2100).contains(&local.year()) {
        return Err(TimeError::Year);
    }
    if local.nanosecond() != 0 {
        return Err(TimeError::Fraction);
    }
    if at.offset().local_minus_utc() % 60 != 0 {
        return Err(TimeError::Offset);
    }
    Ok(())
}

/// Cuts a time to whole seconds, for callers whose clock is finer.
pub fn whole_seconds(at: DateTime<FixedOffset>) -> DateTime<FixedOffset> {
    at.with_nanosecond(0).unwrap_or(at)
}

/// Local year, month, day, hour, minute, second; whether west of UTC; hours and minutes of the offset.
fn parts(at: &DateTime<FixedOffset>) -> ([u32; 6], bool, [u32; 2]) {
    let local = at.naive_local();
    let date = [local.year().unsigned_abs(), local.month(), local.day()];
    let offset = at.offset().local_minus_utc();
    let minutes = offset.unsigned_abs() / 60;
    (
        [date[0], date[1], date[2], local.hour(), local.minute(), local.second()],
        offset < 0,
        [minutes / 60, minutes % 60],
    )
}

fn from_parts(date_time: [u32; 6], west: bool, offset: [u32; 2]) -> Option<DateTime<FixedOffset>> {
    let [year, month, day, hour, minute, second] = date_time;
    if offset[1] > 59 {
        return None;
    }
    let east = i32::try_from((offset[0] * 60 + offset[1]) * 60).ok()?;
    let offset = FixedOffset::east_opt(if west { -east } else { east })?;
    let local: NaiveDateTime =
        NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?.and_hms_opt(hour, minute, second)?;
    offset.from_local_datetime(&local).single()
}

/// Appends the time as `2026-11-23T08:15:42+00:00`, never `Z`, so that every time has 25 characters.
pub fn write_text(at: &DateTime<FixedOffset>, out: &mut Vec<u8>) {
    let ([year, month, day, hour, minute, second], west, offset) = parts(at);
    let mut text = *b"0000-00-00T00:00:00+00:00";
    let two = [year / 100, year, month, day, hour, minute, second, offset[0], offset[1]];
    for (at, value) in [0, 2, 5, 8, 11, 14, 17, 20, 23].into_iter().zip(two) {
        text[at] += (value / 10 % 10) as u8;
        text[at + 1] += (value % 10) as u8;
    }
    if west {
        text[19] = b'-';
    }
    out.extend_from_slice(&text);
}

/// The time as text, see [`write_text`].
pub fn to_text(at: &DateTime<FixedOffset>) -> String {
    let mut out = Vec::with_capacity(25);
    write_text(at, &mut out);
    out.into_iter().map(char::from).collect()
}

/// Reads exactly what [`write_text`] writes.
pub fn from_text(text: &str) -> Result<DateTime<FixedOffset>, TimeError> {
    let bytes: &[u8; 25] = text.as_bytes().try_into().map_err(|_| TimeError::Text)?;
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (22, b':')];
    let number = |at: usize| match bytes[at..at + 2] {
        [a @ b'0'..=b'9', b @ b'0'..=b'9'] => Ok(u32::from(a - b'0') * 10 + u32::from(b - b'0')),
        _ => Err(TimeError::Text),
    };
    if separators.iter().any(|(at, separator)| bytes[*at] != *separator) || !b"+-".contains(&bytes[19]) {
        return Err(TimeError::Text);
    }
    let year = number(0)? * 100 + number(2)?;
    let local = [year, number(5)?, number(8)?, number(11)?, number(14)?, number(17)?];
    let at = from_parts(local, bytes[19] == b'-', [number(20)?, number(23)?]).ok_or(TimeError::Text)?;
    check(&at)?;
    // "-00:00" is the one other spelling of a time that exists.
    if to_text(&at) == text { Ok(at) } else { Err(TimeError::Text) }
}

/// The time as the octets of `TimeStamp`. Fit for a time that [`check`] accepts.
pub fn to_bcd(at: &DateTime<FixedOffset>) -> Bcd {
    let ([year, month, day, hour, minute, second], west, offset) = parts(at);
    let bcd = |value: u32| (((value / 10 % 10) << 4) | (value % 10)) as u8;
    let sign = if west { b'-' } else { b'+' };
    [
        bcd(year),
        bcd(month),
        bcd(day),
        bcd(hour),
        bcd(minute),
        bcd(second),
        sign,
        bcd(offset[0]),
        bcd(offset[1]),
    ]
}

/// Reads the octets of `TimeStamp`; the years are 2000 to 2099.
pub fn from_bcd(octets: &Bcd) -> Result<DateTime<FixedOffset>, TimeError> {
    let number = |at: usize| match (octets[at] >> 4, octets[at] & 15) {
        (tens @ 0..=9, ones @ 0..=9) => Ok(u32::from(tens) * 10 + u32::from(ones)),
        _ => Err(TimeError::Octets),
    };
    if !b"+-".contains(&octets[6]) {
        return Err(TimeError::Octets);
    }
    let local = [2000 + number(0)?, number(1)?, number(2)?, number(3)?, number(4)?, number(5)?];
    let at = from_parts(local, octets[6] == b'-', [number(7)?, number(8)?]).ok_or(TimeError::Octets)?;
    // A west sign with a zero offset would not come back to the same octets.
    if to_bcd(&at) == *octets { Ok(at) } else { Err(TimeError::Octets) }
}

/// For `#[serde(with)]`: the text form, so that JSON shows a time as CSV does.
pub(crate) mod text {
    use super::{DateTime, FixedOffset, from_text, to_text};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(at: &DateTime<FixedOffset>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&to_text(at))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<DateTime<FixedOffset>, D::Error> {
        from_text(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}
