//! Cron expressions as `robfig/cron` reads them: five fields, names, ranges, steps, lists, `@hourly` and the like,
//! `@every 90s`, in a time zone.

use crate::object::{SECOND, SimTime};
use jiff::{Timestamp, Zoned, tz::TimeZone};

/// A parsed schedule.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// At the moments that the fields name.
    At(Fields, TimeZone),
    /// So many nanoseconds after the last time.
    Every(u64),
}

/// Which minutes, hours, days, months and weekdays an expression names, as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fields {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Both days and weekdays are restricted: then either is enough.
    either_day: bool,
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const SHORTHANDS: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];
const MINUTE: u64 = 60 * SECOND;
/// How far ahead a moment is looked for, in years.
const HORIZON: i16 = 5;

/// The time zone of this name, if there is one.
pub fn zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok()
}

impl Schedule {
    /// Reads an expression. `None` when it is none. A zone in the text (`TZ=…`) goes before the one given.
    pub fn parse(text: &str, mut tz: TimeZone) -> Option<Self> {
        let mut text = text.trim();
        for prefix in ["CRON_TZ=", "TZ="] {
            if let Some((name, rest)) = text.strip_prefix(prefix).and_then(|t| t.split_once(' ')) {
                tz = zone(name)?;
                text = rest.trim();
            }
        }
        if let Some(delay) = text.strip_prefix("@every ") {
            let seconds = duration(delay.trim())? / SECOND;
            return Some(Self::Every(seconds.max(1) * SECOND));
        }
        let full = SHORTHANDS.iter().find(|(short, _)| *short == text).map_or(text, |(_, full)| full);
        Some(Self::At(Fields::parse(full)?, tz))
    }

    /// The first moment after `time`; none within five years is none at all.
    pub fn next_after(&self, time: SimTime) -> Option<SimTime> {
        match self {
            Self::Every(delay) => Some(SimTime((time.0 + delay) / SECOND * SECOND)),
            Self::At(fields, tz) => {
                let minute = (time.0 / MINUTE + 1) * 60;
                let moment = Timestamp::from_second(i64::try_from(minute).ok()?).ok()?;
                let found = fields.next_from(moment.to_zoned(tz.clone()))?;
                Some(SimTime(u64::try_from(found.timestamp().as_second()).ok()? * SECOND))
            }
        }
    }
}

impl Fields {
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields.as_slice() else { return None };
        // A star with a step restricts.
        let free = |field: &&str| field.split(',').any(|part| matches!(part, "*" | "?" | "*/1" | "?/1"));
        Some(Self {
            minutes: bits(minutes, 0, 59, &[])?,
            hours: bits(hours, 0, 23, &[])?,
            days: bits(days, 1, 31, &[])?,
            months: bits(months, 1, 12, &MONTHS)?,
            weekdays: bits(weekdays, 0, 6, &WEEKDAYS)?,
            either_day: !free(days) && !free(weekdays),
        })
    }

    fn next_from(&self, mut at: Zoned) -> Option<Zoned> {
        let last = at.year() + HORIZON;
        let has = |bits: u64, n: i8| bits & (1u64 << u32::try_from(n).unwrap_or(63)) != 0;
        while at.year() <= last {
            let by_day = has(self.days, at.day());
            let by_weekday = has(self.weekdays, at.weekday().to_sunday_zero_offset());
            let day = if self.either_day { by_day || by_weekday } else { by_day && by_weekday };
            if !has(self.months, at.month()) {
                let next_month =
                    at.first_of_month().ok()?.date().checked_add(jiff::Span::new().months(1)).ok()?;
                at = next_month.to_zoned(at.time_zone().clone()).ok()?;
            } else if !day {
                at = at.date().tomorrow().ok()?.to_zoned(at.time_zone().clone()).ok()?;
            } else if !has(self.hours, at.hour()) {
                at = at.checked_add(jiff::Span::new().minutes(60 - i64::from(at.minute()))).ok()?;
            } else if !has(self.minutes, at.minute()) {
                let later = (at.minute()..60).find(|m| has(self.minutes, *m)).unwrap_or(60);
                at = at.checked_add(jiff::Span::new().minutes(i64::from(later - at.minute()))).ok()?;
            } else {
                return Some(at);
            }
        }
        None
    }
}

/// Go's way to write a duration: `1h30m`, `90s`, `1.5h`. In nanoseconds.
fn duration(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        total += number
            * match &rest[..end] {
                "h" => 3600e9,
                "m" => 60e9,
                "s" => 1e9,
                "ms" => 1e6,
                "us" | "µs" => 1e3,
                "ns" => 1.0,
                _ => return None,
            };
        rest = &rest[end..];
    }
    (!text.is_empty()).then_some(total as u64)
}

fn bits(field: &str, min: u32, max: u32, names: &[&str]) -> Option<u64> {
    let mut bits = 0;
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<u32>().ok().filter(|s| *s > 0)?)),
            None => (part, None),
        };
        let value = |text: &str| {
            let name = names.iter().position(|n| text.eq_ignore_ascii_case(n)).map(|i| i as u32 + min);
            name.or_else(|| text.parse().ok()).filter(|v| (min..=max).contains(v))
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" || range == "?" => (min, max),
            Some((from, to)) => (value(from)?, value(to)?),
            None => {
                let from = value(range)?;
                (from, if step.is_some() { max } else { from })
            }
        };
        if from > to {
            return None;
        }
        (from..=to).step_by(step.unwrap_or(1) as usize).for_each(|n| bits |= 1u64 << n);
    }
    Some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(text: &str, tz: &str, now: &str) -> Option<String> {
        let now: Timestamp = now.parse().expect("a moment");
        let now = SimTime(u64::try_from(now.as_second()).expect("after 1970") * SECOND);
        let schedule = Schedule::parse(text, zone(tz).expect("a zone"))?;
        schedule.next_after(now).map(|t| t.to_api().0.to_string())
    }

    #[test]
    fn next_moments() {
        // A Wednesday.
        let now = "2026-04-22T09:00:30Z";
        for (text, expected) in [
            ("* * * * *", "2026-04-22T09:01:00Z"),
            ("*/15 * * * *", "2026-04-22T09:15:00Z"),
            ("0 3 * * *", "2026-04-23T03:00:00Z"),
            ("30 8 * * mon-fri", "2026-04-23T08:30:00Z"),
            ("0 0 1 jan *", "2027-01-01T00:00:00Z"),
            ("0 12 13 * 5", "2026-04-24T12:00:00Z"),
            // A step restricts the days as well: odd days or Mondays.
            ("0 12 */2 * 1", "2026-04-23T12:00:00Z"),
            ("@hourly", "2026-04-22T10:00:00Z"),
            ("@every 1h30m", "2026-04-22T10:30:30Z"),
            ("TZ=Asia/Seoul 0 9 * * *", "2026-04-23T00:00:00Z"),
        ] {
            assert_eq!(next(text, "UTC", now).as_deref(), Some(expected), "{text}");
        }
        let none =
            ["", "* * * *", "60 * * * *", "5-1 * * * *", "*/0 * * * *", "x * * * *", "0 0 * * 7", "@every x"];
        for bad in none {
            assert_eq!(Schedule::parse(bad, TimeZone::UTC), None, "{bad}");
        }
        assert_eq!(next("0 0 30 2 *", "UTC", now), None);
    }

    #[test]
    fn zones_and_their_summer_time() {
        for (text, tz, now, expected) in [
            ("0 9 * * *", "Asia/Seoul", "2026-04-22T09:00:30Z", "2026-04-23T00:00:00Z"),
            ("0 9 * * *", "Europe/Berlin", "2026-03-28T09:00:00Z", "2026-03-29T07:00:00Z"),
            // The hour that is left out is left out.
            ("30 2 * * *", "Europe/Berlin", "2026-03-28T09:00:00Z", "2026-03-30T00:30:00Z"),
        ] {
            assert_eq!(next(text, tz, now).as_deref(), Some(expected), "{text} {tz}");
        }
        assert!(zone("Mars/Olympus").is_none());
    }
}
