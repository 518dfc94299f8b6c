//! Periods: day, week, month, or a cron expression, in the operator's time zone.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::Cron;

/// When a recipient's files are closed.
#[derive(Debug, Clone)]
pub struct Schedule(Cron);

/// Parses a cron expression of five fields.
///
/// # Errors
/// In words.
pub fn cron(text: &str) -> Result<Cron, String> {
    if text.split_whitespace().count() != 5 {
        return Err(format!("{text:?} is no cron expression of five fields (minute hour day month weekday)"));
    }
    text.parse::<Cron>().map_err(|e| format!("{text:?} is no cron expression: {e}"))
}

impl Schedule {
    /// `day` and its kin begin at 00:00, a week on Monday, a month on its first day.
    ///
    /// # Errors
    /// In words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expression = match text {
            "day" => "0 0 * * *",
            "week" => "0 0 * * 1",
            "month" => "0 0 1 * *",
            other => other,
        };
        cron(expression).map(Self)
    }

    /// Begin and end of the period that contains `at`; the begin belongs to it, the end does not.
    #[must_use]
    pub fn period(&self, zone: Tz, at: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
        let local = at.with_timezone(&zone);
        let start =
            self.0.find_previous_occurrence(&local, true).map_or(DateTime::UNIX_EPOCH, |t| t.to_utc());
        let end = self.0.find_next_occurrence(&local, false).map_or(DateTime::<Utc>::MAX_UTC, |t| t.to_utc());
        (start, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn period(schedule: &str, zone: &str, t: &str) -> (String, String) {
        let (a, b) = Schedule::parse(schedule).unwrap().period(zone.parse().unwrap(), at(t));
        (crate::clock::show(a), crate::clock::show(b))
    }

    #[test]
    fn a_boundary_belongs_to_the_period_that_it_begins() {
        let day = ("2026-11-23T00:00:00Z".to_owned(), "2026-11-24T00:00:00Z".to_owned());
        assert_eq!(period("day", "UTC", "2026-11-23T00:00:00Z"), day);
        assert_eq!(period("day", "UTC", "2026-11-23T23:59:59.999999Z"), day);
    }

    #[test]
    fn weeks_months_and_cron() {
        let week = ("2026-11-23T00:00:00Z".to_owned(), "2026-11-30T00:00:00Z".to_owned());
        assert_eq!(period("week", "UTC", "2026-11-25T10:00:00Z"), week);
        let february = ("2028-02-01T00:00:00Z".to_owned(), "2028-03-01T00:00:00Z".to_owned());
        assert_eq!(period("month", "UTC", "2028-02-29T23:00:00Z"), february);
        let half = ("2026-11-25T10:30:00Z".to_owned(), "2026-11-25T11:00:00Z".to_owned());
        assert_eq!(period("*/30 * * * *", "UTC", "2026-11-25T10:31:07Z"), half);
    }

    #[test]
    fn days_of_a_zone_with_summer_time_have_23_and_25_hours() {
        let spring = ("2026-03-28T23:00:00Z".to_owned(), "2026-03-29T22:00:00Z".to_owned());
        assert_eq!(period("day", "Europe/Berlin", "2026-03-29T12:00:00Z"), spring);
        let autumn = ("2026-10-24T22:00:00Z".to_owned(), "2026-10-25T23:00:00Z".to_owned());
        assert_eq!(period("day", "Europe/Berlin", "2026-10-25T12:00:00Z"), autumn);
    }

    #[test]
    fn what_is_no_schedule_is_said() {
        assert!(Schedule::parse("hourly").unwrap_err().contains("five fields"));
        assert!(Schedule::parse("61 * * * *").is_err());
    }
}
