//! The simple types of XML Schema 1.0, part 2, that our messages use. The space around a value is removed before
//! (whiteSpace collapse), as [`Node::value`](crate::Node::value) does.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

/// `xsd:boolean` (3.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boolean(pub bool);

impl FromStr for Boolean {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "true" | "1" => Ok(Self(true)),
            "false" | "0" => Ok(Self(false)),
            _ => Err(()),
        }
    }
}

/// `xsd:int` (3.3.17) within bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Int<const MIN: i32, const MAX: i32>(pub i32);

impl<const MIN: i32, const MAX: i32> FromStr for Int<MIN, MAX> {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let number: i32 = text.parse().map_err(|_| ())?;
        if (MIN..=MAX).contains(&number) { Ok(Self(number)) } else { Err(()) }
    }
}

/// `xsd:dateTime` (3.2.7) of the years 1 to 9999, to the microsecond. A value without a time zone is UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time(pub DateTime<Utc>);

impl FromStr for Time {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (date, rest) = text.split_once('T').ok_or(())?;
        let (year, rest_of_date) = date.split_once('-').ok_or(())?;
        let (month, day) = rest_of_date.split_once('-').ok_or(())?;
        let (clock, offset) = zone(rest).ok_or(())?;
        let mut parts = clock.splitn(3, ':');
        let (hour, minute) = (parts.next().ok_or(())?, parts.next().ok_or(())?);
        let seconds = parts.next().ok_or(())?;
        let (second, fraction) = match seconds.split_once('.') {
            Some((second, fraction)) => (second, Some(fraction)),
            None => (seconds, None),
        };
        let micros = fraction.map_or(Some(0), micros).ok_or(())?;
        let (hour, minute, second) = (number(hour, 2)?, number(minute, 2)?, number(second, 2)?);
        // 24:00:00 is the midnight that ends the day.
        let ends_day = hour == 24;
        if ends_day && (minute, second, micros) != (0, 0, 0) {
            return Err(());
        }
        let year = number(year, 4)?;
        let date =
            NaiveDate::from_ymd_opt(i32::try_from(year).map_err(|_| ())?, number(month, 2)?, number(day, 2)?);
        let at = date.filter(|_| year > 0).ok_or(())?;
        let hour = if ends_day { 0 } else { hour };
        let at = at.and_hms_micro_opt(hour, minute, second, micros).ok_or(())?;
        let at = if ends_day { at + TimeDelta::days(1) } else { at };
        let at = at.checked_sub_signed(TimeDelta::minutes(offset)).ok_or(())?;
        Ok(Self(at.and_utc()))
    }
}

/// Splits off the time zone; minutes east of Greenwich, at most 14 hours.
fn zone(text: &str) -> Option<(&str, i64)> {
    if let Some(clock) = text.strip_suffix('Z') {
        return Some((clock, 0));
    }
    let Some(at) = text.rfind(['+', '-']) else { return Some((text, 0)) };
    let (hours, minutes) = text[at + 1..].split_once(':')?;
    let (hours, minutes) = (number(hours, 2).ok()?, number(minutes, 2).ok()?);
    if minutes > 59 || hours * 60 + minutes > 14 * 60 {
        return None;
    }
    let east = i64::from(hours * 60 + minutes);
    Some((&text[..at], if text[at..].starts_with('-') { -east } else { east }))
}

fn number(text: &str, digits: usize) -> Result<u32, ()> {
    if text.len() != digits || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(());
    }
    text.parse().map_err(|_| ())
}

/// A fraction of a second, cut to microseconds.
fn micros(fraction: &str) -> Option<u32> {
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut six = fraction.to_owned();
    six.truncate(6);
    format!("{six:0<6}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (text, utc) in [
            ("2026-11-23T08:00:00Z", "2026-11-23T08:00:00+00:00"),
            ("2026-11-23T08:00:00", "2026-11-23T08:00:00+00:00"),
            ("2026-11-23T08:00:00.5+01:00", "2026-11-23T07:00:00.500+00:00"),
            ("2026-11-23T08:00:00.1234567-05:30", "2026-11-23T13:30:00.123456+00:00"),
            ("2026-12-31T24:00:00Z", "2027-01-01T00:00:00+00:00"),
            ("2024-02-29T00:00:00-14:00", "2024-02-29T14:00:00+00:00"),
        ] {
            assert_eq!(text.parse::<Time>().map(|t| t.0.to_rfc3339()), Ok(utc.to_owned()), "{text}");
        }
        for bad in [
            "",
            "2026-11-23",
            "2026-11-23 08:00:00Z",
            "2026-11-23T08:00Z",
            "2026-11-23T08:00:00z",
            "2026-13-01T00:00:00Z",
            "2025-02-29T00:00:00Z",
            "2026-11-23T24:00:01Z",
            "2026-11-23T08:60:00Z",
            "2026-11-23T08:00:60Z",
            "2026-11-23T08:00:00.Z",
            "2026-11-23T08:00:00+14:01",
            "2026-11-23T08:00:00+1:00",
            "26-11-23T08:00:00Z",
            "0000-01-01T00:00:00Z",
            "12026-11-23T08:00:00Z",
            "-2026-11-23T08:00:00Z",
            "2026-11-23T8:00:00Z",
            "2026-11-23T08:00:00+0100",
            "2026-11-23T+8:00:00Z",
            "2026-11-23T08:00:00+00:00Z",
            "2026-11-23T08:00:00:00Z",
        ] {
            assert_eq!(bad.parse::<Time>(), Err(()), "{bad}");
        }
    }

    #[test]
    fn numbers_and_booleans() {
        assert_eq!("+07".parse(), Ok(Int::<0, 60>(7)));
        assert_eq!("61".parse::<Int<0, 60>>(), Err(()));
        assert_eq!("99999999999".parse::<Int<0, 60>>(), Err(()));
        assert_eq!("1".parse(), Ok(Boolean(true)));
        assert_eq!("TRUE".parse::<Boolean>(), Err(()));
    }
}
