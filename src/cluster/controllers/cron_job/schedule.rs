//! Cron expressions: five fields, names, ranges, steps, lists, `@hourly` and the like, in UTC.

use crate::object::{SECOND, SimTime};

/// A parsed schedule: which minutes, hours, days, months and weekdays it names, as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
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

impl Schedule {
    /// Reads an expression. `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let full = SHORTHANDS.iter().find(|(short, _)| *short == text).map_or(text, |(_, full)| full);
        let fields: Vec<&str> = full.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields.as_slice() else { return None };
        let free = |field: &str| field.starts_with('*') || field.starts_with('?');
        let mut weekday_bits = field_bits(weekdays, 0, 7, &WEEKDAYS)?;
        if weekday_bits & (1 << 7) != 0 {
            weekday_bits |= 1;
        }
        Some(Self {
            minutes: field_bits(minutes, 0, 59, &[])?,
            hours: field_bits(hours, 0, 23, &[])?,
            days: field_bits(days, 1, 31, &[])?,
            months: field_bits(months, 1, 12, &MONTHS)?,
            weekdays: weekday_bits,
            either_day: !free(days) && !free(weekdays),
        })
    }

    /// The first moment after `time` that the schedule names; none within five years is none at all.
    pub fn next_after(&self, time: SimTime) -> Option<SimTime> {
        let mut minute = time.0 / MINUTE + 1;
        let end = minute + 5 * 366 * 24 * 60;
        while minute < end {
            let at = SimTime(minute * MINUTE);
            let moment = jiff::Timestamp::from_second(at.seconds()).ok()?.to_zoned(jiff::tz::TimeZone::UTC);
            let has = |bits: u64, n: i8| bits & (1u64 << u32::try_from(n).unwrap_or(63)) != 0;
            let by_day = has(self.days, moment.day());
            let by_weekday = has(self.weekdays, moment.weekday().to_sunday_zero_offset());
            let day = if self.either_day { by_day || by_weekday } else { by_day && by_weekday };
            if !day || !has(self.months, moment.month()) {
                minute += 24 * 60 - minute % (24 * 60);
            } else if !has(self.hours, moment.hour()) {
                minute += 60 - minute % 60;
            } else if !has(self.minutes, moment.minute()) {
                minute += 1;
            } else {
                return Some(at);
            }
        }
        None
    }
}

fn field_bits(field: &str, min: u32, max: u32, names: &[&str]) -> Option<u64> {
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

    #[test]
    fn next_moments() {
        // 2026-04-22 09:00:30 UTC, a Wednesday.
        let now = SimTime(1_776_848_430 * SECOND);
        for (text, expected) in [
            ("* * * * *", "2026-04-22T09:01:00Z"),
            ("*/15 * * * *", "2026-04-22T09:15:00Z"),
            ("0 3 * * *", "2026-04-23T03:00:00Z"),
            ("30 8 * * mon-fri", "2026-04-23T08:30:00Z"),
            ("0 0 1 jan *", "2027-01-01T00:00:00Z"),
            ("0 12 13 * 5", "2026-04-24T12:00:00Z"),
            ("@hourly", "2026-04-22T10:00:00Z"),
            ("0 0 * * 7", "2026-04-26T00:00:00Z"),
        ] {
            let next = Schedule::parse(text).and_then(|s| s.next_after(now));
            assert_eq!(next.map(|t| t.to_api().0.to_string()).as_deref(), Some(expected), "{text}");
        }
        for bad in ["", "* * * *", "60 * * * *", "5-1 * * * *", "*/0 * * * *", "x * * * *"] {
            assert_eq!(Schedule::parse(bad), None, "{bad}");
        }
        assert_eq!(Schedule::parse("0 0 30 2 *").and_then(|s| s.next_after(now)), None);
    }
}
